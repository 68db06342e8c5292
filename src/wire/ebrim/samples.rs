//! Generated registry objects, and the columns beside their bodies.

use proptest::prelude::*;

use crate::model::{
    AssociationType, AvailabilityStatus, Body, DocumentAvailability, DocumentEntryType, EntryUuid, StoredAssociation,
    StoredEntry, StoredFolder, StoredObject, StoredSubmissionSet,
    rim::{Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot, SubmitObjectsRequest},
    vocabulary as v,
};

/// Text that survives: no white space at its ends, none but blanks and line feeds within, characters of XML.
pub(crate) fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        4 => "[a-zA-Z0-9.^&<>\"'|é€😀;-]{1,20}".prop_map(Into::into),
        1 => "[a-z]{1,3}[ \n\t\r]{1,2}[]>&]{0,4}[a-z]{1,3}".prop_map(Into::into),
        1 => "[&<\"a]{200,700}".prop_map(Into::into),
        1 => Just(Box::default()),
    ]
}

fn non_empty() -> impl Strategy<Value = Box<str>> {
    "[a-zA-Z0-9:&.-]{1,30}".prop_map(Into::into)
}

fn known_or(known: &'static [&'static str]) -> impl Strategy<Value = Box<str>> {
    prop_oneof![4 => proptest::sample::select(known).prop_map(Into::into), 1 => non_empty()]
}

fn slots() -> impl Strategy<Value = Vec<Slot>> {
    let name = known_or(&[
        v::SLOT_CREATION_TIME,
        v::SLOT_LANGUAGE_CODE,
        v::SLOT_SOURCE_PATIENT_INFO,
        v::SLOT_REFERENCE_ID_LIST,
        v::SLOT_REPOSITORY_UNIQUE_ID,
        v::SLOT_DOCUMENT_AVAILABILITY,
        v::SLOT_LAST_UPDATE_TIME,
        v::SLOT_CODING_SCHEME,
        "urn:example.org:ward",
    ]);
    let slot = (name, prop::collection::vec(text(), 0..3)).prop_map(|(name, values)| Slot { name, values });
    prop::collection::vec(slot, 0..4)
}

fn strings() -> impl Strategy<Value = Vec<LocalizedString>> {
    let charset = prop::option::of(prop_oneof![Just(Box::from("UTF-8")), non_empty()]);
    let string = (prop::option::of(Just(Box::from("nl-NL"))), charset, text())
        .prop_map(|(lang, charset, value)| LocalizedString { lang, charset, value });
    prop::collection::vec(string, 0..3)
}

prop_compose! {
    fn classification()(
        id in prop::option::of(non_empty()),
        classification_scheme in prop::option::of(known_or(&[v::DE_AUTHOR, v::DE_CLASS_CODE, v::SS_CONTENT_TYPE_CODE, v::FD_CODE_LIST])),
        classification_node in prop::option::of(known_or(&[v::SUBMISSION_SET_NODE, v::FOLDER_NODE])),
        classified_object in prop::option::of(non_empty()),
        node_representation in prop::option::of(text()),
        object_type in prop::option::of(non_empty()),
        slots in slots(),
        name in strings(),
        description in strings(),
    ) -> Classification {
        Classification { id, classification_scheme, classification_node, classified_object, node_representation, object_type, slots, name, description }
    }
}

prop_compose! {
    fn external_identifier()(
        id in prop::option::of(non_empty()),
        registry_object in prop::option::of(non_empty()),
        identification_scheme in known_or(&[v::DE_UNIQUE_ID, v::DE_PATIENT_ID, v::SS_SOURCE_ID, v::FD_UNIQUE_ID]),
        value in text(),
        object_type in prop::option::of(non_empty()),
        name in strings(),
    ) -> ExternalIdentifier {
        ExternalIdentifier { id, registry_object, identification_scheme, value, object_type, name }
    }
}

fn kind() -> impl Strategy<Value = RimKind> {
    prop_oneof![
        prop::option::of(non_empty()).prop_map(|mime_type| RimKind::ExtrinsicObject { mime_type }),
        Just(RimKind::RegistryPackage),
        (non_empty(), non_empty(), non_empty()).prop_map(|(association_type, source_object, target_object)| {
            RimKind::Association { association_type, source_object, target_object }
        }),
    ]
}

prop_compose! {
    /// Any object that can be written.
    pub(crate) fn registry_object()(
        kind in kind(),
        (id, lid, home) in (prop::option::of(non_empty()), prop::option::of(text()), prop::option::of(non_empty())),
        status in prop::option::of(non_empty()),
        object_type in prop::option::of(known_or(&[v::OBJECT_TYPE_STABLE, v::OBJECT_TYPE_ON_DEMAND])),
        slots in slots(),
        empty_names in 0..2_usize,
        name in strings(),
        description in strings(),
        version_name in prop::option::of(text()),
        classifications in prop::collection::vec(classification(), 0..3),
        external_identifiers in prop::collection::vec(external_identifier(), 0..3),
    ) -> RegistryObject {
        let name_elements = empty_names + usize::from(!name.is_empty());
        RegistryObject { kind, id, lid, home, status, object_type, slots, name_elements, name, description, version_name, classifications, external_identifiers }
    }
}

prop_compose! {
    /// Any submission that can be written.
    pub(crate) fn submission()(
        request_slots in slots(),
        objects in prop::collection::vec(registry_object(), 0..3),
        classifications in prop::collection::vec(classification(), 0..2),
    ) -> SubmitObjectsRequest {
        SubmitObjectsRequest { request_slots, objects, classifications, foreign_elements: Vec::new() }
    }
}

pub(crate) fn uuid(number: u8) -> EntryUuid {
    EntryUuid::from_bytes([number; 16])
}

pub(crate) const PATIENT_ID: &str = "P&9^^^&2.999.1.1&ISO";

/// What the store would keep of an object, as the kind of object it looks like.
pub(crate) fn stored(object: &RegistryObject, body: Body) -> StoredObject {
    let is_set =
        object.classifications.iter().any(|c| c.classification_node.as_deref() == Some(v::SUBMISSION_SET_NODE));
    let (entry_uuid, logical_id, home) = (uuid(0xA1), uuid(0xB2), None);
    match &object.kind {
        RimKind::ExtrinsicObject { .. } => StoredObject::DocumentEntry(StoredEntry {
            entry_uuid,
            status: AvailabilityStatus::Deprecated,
            object_type: DocumentEntryType::Stable,
            patient_id: PATIENT_ID.into(),
            home: "urn:oid:2.999.7".parse().ok(),
            repository_unique_id: "2.999.10.1".parse().unwrap(),
            availability: Some(DocumentAvailability::Offline),
            logical_id,
            version: 3,
            body,
        }),
        RimKind::RegistryPackage if is_set => {
            StoredObject::SubmissionSet(StoredSubmissionSet { entry_uuid, patient_id: PATIENT_ID.into(), home, body })
        }
        RimKind::RegistryPackage => StoredObject::Folder(StoredFolder {
            entry_uuid,
            status: AvailabilityStatus::Approved,
            patient_id: PATIENT_ID.into(),
            home,
            last_update_time: "20261121150000".into(),
            logical_id,
            version: 1,
            body,
        }),
        RimKind::Association { .. } => StoredObject::Association(StoredAssociation {
            entry_uuid,
            association_type: AssociationType::Replace,
            source: uuid(1),
            target: uuid(2),
            home,
            body,
        }),
    }
}
