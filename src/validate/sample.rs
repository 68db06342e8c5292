//! A submission for the tests of this room: one document of an invented patient, in a new folder, replacing an old one.

use crate::model::{
    AssociationType, Body, EntryUuid,
    rim::{Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot, SubmitObjectsRequest},
    vocabulary as v,
};

/// The patient of the sample.
pub(super) const PATIENT: &str = "P100^^^&2.999.1.1&ISO";
/// An entry that the sample replaces, in the registry.
pub(super) const OLD_ENTRY: &str = "urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211";

pub(super) fn text(value: &str) -> LocalizedString {
    LocalizedString { value: value.into(), ..LocalizedString::default() }
}

pub(super) fn slot(name: &str, values: &[&str]) -> Slot {
    Slot { name: name.into(), values: values.iter().map(|value| (*value).into()).collect() }
}

pub(super) fn code(object: &str, scheme: &str, code: &str) -> Classification {
    Classification {
        id: Some(format!("cl-{code}").into()),
        classification_scheme: Some(scheme.into()),
        classified_object: Some(object.into()),
        node_representation: Some(code.into()),
        object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
        slots: vec![slot("codingScheme", &["2.999.30.1"])],
        name: vec![text("a name")],
        ..Classification::default()
    }
}

pub(super) fn node(object: &str, node: &str) -> Classification {
    Classification {
        id: Some("cl-node".into()),
        classification_node: Some(node.into()),
        classified_object: Some(object.into()),
        ..Classification::default()
    }
}

pub(super) fn author(object: &str, scheme: &str) -> Classification {
    Classification {
        slots: vec![
            slot("authorPerson", &["4711^Hofer^Anna^^^Dr^^^&2.999.7.2&ISO"]),
            slot("authorInstitution", &["Sample Clinic^^^^^^^^^2.999.7.3"]),
            slot("authorRole", &["PRF^^^&2.16.840.1.113883.5.90&ISO"]),
            slot("authorSpecialty", &["Cardiology"]),
            slot("authorTelecommunication", &["^^Internet^anna.hofer@clinic.example"]),
        ],
        name: Vec::new(),
        node_representation: Some("".into()),
        ..code(object, scheme, "author")
    }
}

pub(super) fn identifier(object: &str, scheme: &str, value: &str) -> ExternalIdentifier {
    ExternalIdentifier {
        id: Some(format!("ei-{value}").into()),
        registry_object: Some(object.into()),
        identification_scheme: scheme.into(),
        value: value.into(),
        object_type: None,
        name: Vec::new(),
    }
}

pub(super) fn document_entry(id: &str, unique_id: &str) -> RegistryObject {
    let mime_type = Some("text/plain".into());
    RegistryObject {
        id: Some(id.into()),
        object_type: Some(v::OBJECT_TYPE_STABLE.into()),
        slots: vec![
            slot("creationTime", &["20240305141500"]),
            slot("languageCode", &["de-AT"]),
            slot("serviceStartTime", &["202403010800"]),
            slot("serviceStopTime", &["202403051200"]),
            slot("sourcePatientId", &["K-0815^^^&2.999.7.1&ISO"]),
            slot(
                "sourcePatientInfo",
                &["PID-3|K-0815^^^&2.999.7.1&ISO", "PID-5|Muster^Erika^^^^^L", "PID-7|19710612", "PID-8|F"],
            ),
            slot("legalAuthenticator", &["4711^Hofer^Anna^^^Dr^^^&2.999.7.2&ISO"]),
            slot("repositoryUniqueId", &["2.999.10.1"]),
            slot("size", &["43"]),
            slot("hash", &["6578a94d767f6d4fc1571bc34e0c37e20ee3e684"]),
            slot(
                "urn:ihe:iti:xds:2013:referenceIdList",
                &["A-2024-17^^^&2.999.7.9&ISO^urn:ihe:iti:xds:2013:accession"],
            ),
            slot("urn:example.org:ward", &["3 North"]),
        ],
        name_elements: 1,
        name: vec![text("Entlassungsbrief")],
        description: vec![text("synthetic sample")],
        classifications: vec![
            author(id, v::DE_AUTHOR),
            code(id, v::DE_CLASS_CODE, "18842-5"),
            code(id, v::DE_CONFIDENTIALITY_CODE, "N"),
            code(id, v::DE_FORMAT_CODE, "urn:ihe:iti:xds:2017:mimeTypeSufficient"),
            code(id, v::DE_HEALTHCARE_FACILITY_TYPE_CODE, "HOSP"),
            code(id, v::DE_PRACTICE_SETTING_CODE, "394579002"),
            code(id, v::DE_TYPE_CODE, "11490-0"),
            code(id, v::DE_EVENT_CODE_LIST, "CT"),
        ],
        external_identifiers: vec![
            identifier(id, v::DE_PATIENT_ID, PATIENT),
            identifier(id, v::DE_UNIQUE_ID, unique_id),
        ],
        ..RegistryObject::new(RimKind::ExtrinsicObject { mime_type })
    }
}

pub(super) fn submission_set(id: &str, unique_id: &str) -> RegistryObject {
    RegistryObject {
        id: Some(id.into()),
        slots: vec![
            slot("submissionTime", &["20240305142001"]),
            slot(
                "intendedRecipient",
                &["Sample Clinic^^^^^^^^^2.999.7.3|^Berger^Max^^^Dr|^^Internet^max.berger@clinic.example"],
            ),
        ],
        name_elements: 1,
        name: vec![text("Discharge package")],
        classifications: vec![
            node(id, v::SUBMISSION_SET_NODE),
            author(id, v::SS_AUTHOR),
            code(id, v::SS_CONTENT_TYPE_CODE, "DISCH"),
        ],
        external_identifiers: vec![
            identifier(id, v::SS_PATIENT_ID, PATIENT),
            identifier(id, v::SS_SOURCE_ID, "2.999.40.1"),
            identifier(id, v::SS_UNIQUE_ID, unique_id),
        ],
        ..RegistryObject::new(RimKind::RegistryPackage)
    }
}

pub(super) fn folder(id: &str, unique_id: &str) -> RegistryObject {
    RegistryObject {
        id: Some(id.into()),
        name_elements: 1,
        name: vec![text("Heart failure 2024")],
        classifications: vec![node(id, v::FOLDER_NODE), code(id, v::FD_CODE_LIST, "EPISODE")],
        external_identifiers: vec![
            identifier(id, v::FD_PATIENT_ID, PATIENT),
            identifier(id, v::FD_UNIQUE_ID, unique_id),
        ],
        ..RegistryObject::new(RimKind::RegistryPackage)
    }
}

pub(super) fn association(id: &str, kind: AssociationType, source: &str, target: &str) -> RegistryObject {
    RegistryObject {
        id: Some(id.into()),
        ..RegistryObject::new(RimKind::Association {
            association_type: kind.as_urn().into(),
            source_object: source.into(),
            target_object: target.into(),
        })
    }
}

pub(super) fn member(id: &str, source: &str, target: &str, status: Option<&str>) -> RegistryObject {
    RegistryObject {
        slots: status.map(|status| slot("SubmissionSetStatus", &[status])).into_iter().collect(),
        ..association(id, AssociationType::HasMember, source, target)
    }
}

/// `Doc01` in `SS01` and in `FD01`, replacing [`OLD_ENTRY`].
pub(super) fn submission() -> SubmitObjectsRequest {
    SubmitObjectsRequest {
        objects: vec![
            document_entry("Doc01", "2.999.20.1^DS-77"),
            submission_set("SS01", "2.999.40.1.1"),
            folder("FD01", "2.999.40.1.2"),
            member("as-ss-de", "SS01", "Doc01", Some("Original")),
            member("as-ss-fd", "SS01", "FD01", None),
            member("as-fd-de", "FD01", "Doc01", None),
            member("as-ss-hm", "SS01", "as-fd-de", None),
            RegistryObject {
                classifications: vec![code("as-rplc", v::ASSOCIATION_DOCUMENTATION, "CORR")],
                ..association("as-rplc", AssociationType::Replace, "Doc01", OLD_ENTRY)
            },
        ],
        ..SubmitObjectsRequest::default()
    }
}

/// The object with this id.
pub(super) fn object<'a>(request: &'a mut SubmitObjectsRequest, id: &str) -> &'a mut RegistryObject {
    request.objects.iter_mut().find(|object| object.id.as_deref() == Some(id)).expect("the sample has this object")
}

/// Puts other values into a slot, or makes it.
pub(super) fn set(request: &mut SubmitObjectsRequest, id: &str, name: &str, values: &[&str]) {
    let slots = &mut object(request, id).slots;
    slots.retain(|slot| &*slot.name != name);
    slots.push(slot(name, values));
}

/// Takes a slot away.
pub(super) fn unset(request: &mut SubmitObjectsRequest, id: &str, name: &str) {
    object(request, id).slots.retain(|slot| &*slot.name != name);
}

/// The first classification of this scheme in an object.
pub(super) fn classification<'a>(
    request: &'a mut SubmitObjectsRequest,
    id: &str,
    scheme: &str,
) -> &'a mut Classification {
    object(request, id)
        .classifications
        .iter_mut()
        .find(|c| c.classification_scheme.as_deref() == Some(scheme))
        .expect("the sample has this classification")
}

/// Puts other values into a slot of an author, or makes it.
pub(super) fn set_author(request: &mut SubmitObjectsRequest, name: &str, values: &[&str]) {
    let author = classification(request, "Doc01", v::DE_AUTHOR);
    author.slots.retain(|slot| &*slot.name != name);
    author.slots.push(slot(name, values));
}

/// A source of ids that counts.
pub(super) fn counter() -> impl FnMut() -> EntryUuid {
    let mut n = 0_u128;
    move || {
        n += 1;
        EntryUuid::from_bytes(n.to_be_bytes())
    }
}

/// An encoder whose bodies tell which object they are of, and what slots it had.
pub(super) fn encode(object: &RegistryObject, fresh: &mut dyn FnMut() -> EntryUuid) -> Body {
    fresh();
    let names: Vec<&str> = object.slots.iter().map(|slot| &*slot.name).collect();
    Body::from_bytes(format!("{} {}", object.id.as_deref().unwrap_or_default(), names.join(" ")).into_bytes())
}
