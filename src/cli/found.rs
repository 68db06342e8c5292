//! DocumentEntries of a LeafClass answer, as commands show and use them.

use serde::Serialize;

use crate::model::{
    DocumentEntryType,
    rim::{RegistryObject, RimKind, SubmitObjectsRequest},
    vocabulary as v,
};

/// What is shown of an entry; absent attributes are empty.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundDocument {
    pub(super) entry_uuid: String,
    pub(super) unique_id: String,
    pub(super) repository_unique_id: String,
    pub(super) home_community_id: String,
    pub(super) availability_status: String,
    pub(super) patient_id: String,
    pub(super) title: String,
    pub(super) creation_time: String,
    pub(super) service_start_time: String,
    pub(super) class_code: FoundCode,
    pub(super) type_code: FoundCode,
    pub(super) format_code: FoundCode,
    pub(super) confidentiality_codes: Vec<FoundCode>,
    pub(super) author_persons: Vec<String>,
    pub(super) language_code: String,
    pub(super) mime_type: String,
    pub(super) size: Option<u64>,
    pub(super) hash: String,
    #[serde(rename = "onDemand")]
    pub(super) is_on_demand: bool,
}

/// A code as it was written.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundCode {
    pub(super) code: String,
    pub(super) coding_scheme: String,
    pub(super) display_name: String,
}

/// The entries of an answer, in its order.
pub(super) fn documents(objects: &SubmitObjectsRequest) -> Vec<FoundDocument> {
    objects.objects.iter().filter_map(document).collect()
}

fn document(object: &RegistryObject) -> Option<FoundDocument> {
    let RimKind::ExtrinsicObject { mime_type } = &object.kind else { return None };
    let text = |value: &Option<Box<str>>| value.as_deref().unwrap_or_default().to_owned();
    let slot = |name: &str| {
        object.slot(name).and_then(|slot| slot.values.first()).map(|value| value.to_string()).unwrap_or_default()
    };
    let identifier = |scheme: &str| object.external_identifier(scheme).unwrap_or_default().to_owned();
    let codes = |scheme: &str| codes(object, scheme);
    let one = |scheme: &str| codes(scheme).into_iter().next().unwrap_or_default();
    let status = object.status.as_deref().and_then(|urn| urn.rsplit(':').next()).unwrap_or_default();
    Some(FoundDocument {
        entry_uuid: text(&object.id),
        unique_id: identifier(v::DE_UNIQUE_ID),
        repository_unique_id: slot(v::SLOT_REPOSITORY_UNIQUE_ID),
        home_community_id: text(&object.home),
        availability_status: status.to_owned(),
        patient_id: identifier(v::DE_PATIENT_ID),
        title: object.name.first().map(|name| name.value.to_string()).unwrap_or_default(),
        creation_time: slot(v::SLOT_CREATION_TIME),
        service_start_time: slot(v::SLOT_SERVICE_START_TIME),
        class_code: one(v::DE_CLASS_CODE),
        type_code: one(v::DE_TYPE_CODE),
        format_code: one(v::DE_FORMAT_CODE),
        confidentiality_codes: codes(v::DE_CONFIDENTIALITY_CODE),
        author_persons: author_persons(object),
        language_code: slot(v::SLOT_LANGUAGE_CODE),
        mime_type: text(mime_type),
        size: slot(v::SLOT_SIZE).parse().ok(),
        hash: slot(v::SLOT_HASH),
        is_on_demand: object.object_type.as_deref().and_then(DocumentEntryType::from_urn)
            == Some(DocumentEntryType::OnDemand),
    })
}

fn codes(object: &RegistryObject, scheme: &str) -> Vec<FoundCode> {
    let of_scheme = object
        .classifications
        .iter()
        .filter(|c| c.classification_scheme.as_deref().is_some_and(|s| s.eq_ignore_ascii_case(scheme)));
    of_scheme
        .map(|c| FoundCode {
            code: c.node_representation.as_deref().unwrap_or_default().to_owned(),
            coding_scheme: c
                .slots
                .iter()
                .find(|slot| &*slot.name == v::SLOT_CODING_SCHEME)
                .and_then(|slot| slot.values.first())
                .map(|value| value.to_string())
                .unwrap_or_default(),
            display_name: c.name.first().map(|name| name.value.to_string()).unwrap_or_default(),
        })
        .collect()
}

fn author_persons(object: &RegistryObject) -> Vec<String> {
    let authors = object
        .classifications
        .iter()
        .filter(|c| c.classification_scheme.as_deref().is_some_and(|s| s.eq_ignore_ascii_case(v::DE_AUTHOR)));
    let slots = authors.flat_map(|c| &c.slots).filter(|slot| &*slot.name == v::SLOT_AUTHOR_PERSON);
    slots.flat_map(|slot| &slot.values).map(|value| value.to_string()).collect()
}
