//! Plain values become registry objects.

use super::{AuthorMetadata, EntryMetadata, Relation, SetMetadata};
use crate::model::{
    AssociationType, Code,
    rim::{Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot, SubmitObjectsRequest},
    vocabulary as v,
};

/// The symbolic id of the SubmissionSet.
const SET_ID: &str = "SubmissionSet";

/// An object under construction, with the names of its parts counted.
struct Builder {
    object: RegistryObject,
    id: String,
}

impl Builder {
    fn new(kind: RimKind, id: &str, object_type: &str) -> Self {
        let mut object = RegistryObject::new(kind);
        object.id = Some(id.into());
        object.object_type = Some(object_type.into());
        Self { object, id: id.to_owned() }
    }

    fn slot(&mut self, name: &str, values: &[String]) {
        push_slot(&mut self.object.slots, name, values);
    }

    /// `id` and a number: unique in the submission, since the ids of objects are.
    fn part_id(&self) -> Option<Box<str>> {
        let number = self.object.classifications.len() + self.object.external_identifiers.len();
        Some(format!("{}-{number}", self.id.replace("urn:uuid:", "part-")).into())
    }

    fn name(&mut self, title: &str) {
        self.object.name = localized(title);
        self.object.name_elements = usize::from(!title.is_empty());
    }

    fn classify(&mut self, scheme: &str, representation: &str, slots: Vec<Slot>, name: &str) {
        self.object.classifications.push(Classification {
            id: self.part_id(),
            classification_scheme: Some(scheme.into()),
            classified_object: Some(self.id.as_str().into()),
            node_representation: Some(representation.into()),
            object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
            slots,
            name: localized(name),
            ..Classification::default()
        });
    }

    fn code(&mut self, scheme: &str, code: &Code) {
        let slot = Slot { name: v::SLOT_CODING_SCHEME.into(), values: vec![code.value.coding_scheme().into()] };
        self.classify(scheme, code.value.code(), vec![slot], &code.display_name);
    }

    fn author(&mut self, scheme: &str, author: &AuthorMetadata) {
        let mut slots = Vec::new();
        for (name, value) in [
            (v::SLOT_AUTHOR_PERSON, &author.person),
            (v::SLOT_AUTHOR_INSTITUTION, &author.institution),
            (v::SLOT_AUTHOR_ROLE, &author.role),
            (v::SLOT_AUTHOR_SPECIALTY, &author.specialty),
        ] {
            push_slot(&mut slots, name, std::slice::from_ref(value));
        }
        if !author.person.is_empty() || !author.institution.is_empty() {
            self.classify(scheme, "", slots, "");
        }
    }

    fn node(&mut self, node: &str) {
        self.object.classifications.push(Classification {
            id: self.part_id(),
            classified_object: Some(self.id.as_str().into()),
            classification_node: Some(node.into()),
            object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
            ..Classification::default()
        });
    }

    fn identifier(&mut self, scheme: &str, value: &str, name: &str) {
        self.object.external_identifiers.push(ExternalIdentifier {
            id: self.part_id(),
            registry_object: Some(self.id.as_str().into()),
            identification_scheme: scheme.into(),
            value: value.into(),
            object_type: Some(v::OBJECT_TYPE_EXTERNAL_IDENTIFIER.into()),
            name: localized(name),
        });
    }
}

fn push_slot(slots: &mut Vec<Slot>, name: &str, values: &[String]) {
    let values: Vec<Box<str>> =
        values.iter().filter(|value| !value.is_empty()).map(|value| value.as_str().into()).collect();
    if !values.is_empty() {
        slots.push(Slot { name: name.into(), values });
    }
}

fn localized(text: &str) -> Vec<LocalizedString> {
    if text.is_empty() {
        return Vec::new();
    }
    vec![LocalizedString { lang: None, charset: None, value: text.into() }]
}

/// A DocumentEntry.
pub(in crate::cli) fn entry(e: &EntryMetadata) -> RegistryObject {
    let kind = RimKind::ExtrinsicObject { mime_type: Some(e.mime_type.as_str().into()) };
    let mut b = Builder::new(kind, &e.id, v::OBJECT_TYPE_STABLE);
    let one = |value: &str| [value.to_owned()];
    b.slot(v::SLOT_CREATION_TIME, &one(&e.creation_time));
    b.slot(v::SLOT_LANGUAGE_CODE, &one(&e.language_code));
    b.slot(v::SLOT_SERVICE_START_TIME, &one(&e.service_start_time));
    b.slot(v::SLOT_SERVICE_STOP_TIME, &one(&e.service_stop_time));
    b.slot(v::SLOT_SOURCE_PATIENT_ID, &one(&e.source_patient_id));
    b.slot(v::SLOT_SOURCE_PATIENT_INFO, &e.source_patient_info);
    b.slot(v::SLOT_REFERENCE_ID_LIST, &e.reference_ids);
    b.slot(v::SLOT_HASH, &one(&e.hash));
    b.slot(v::SLOT_SIZE, &one(&e.size_bytes.map_or_else(String::new, |size| size.to_string())));
    b.slot(v::SLOT_REPOSITORY_UNIQUE_ID, &one(e.repository_unique_id.as_deref().unwrap_or_default()));
    b.name(&e.title);
    b.object.description = localized(&e.comments);
    b.author(v::DE_AUTHOR, &e.author);
    b.code(v::DE_CLASS_CODE, &e.class_code);
    for code in &e.confidentiality_codes {
        b.code(v::DE_CONFIDENTIALITY_CODE, code);
    }
    for code in &e.event_codes {
        b.code(v::DE_EVENT_CODE_LIST, code);
    }
    b.code(v::DE_FORMAT_CODE, &e.format_code);
    b.code(v::DE_HEALTHCARE_FACILITY_TYPE_CODE, &e.facility_code);
    b.code(v::DE_PRACTICE_SETTING_CODE, &e.practice_setting_code);
    b.code(v::DE_TYPE_CODE, &e.type_code);
    b.identifier(v::DE_PATIENT_ID, &e.patient_id, "XDSDocumentEntry.patientId");
    b.identifier(v::DE_UNIQUE_ID, &e.unique_id, "XDSDocumentEntry.uniqueId");
    b.object
}

fn submission_set(s: &SetMetadata) -> RegistryObject {
    let mut b = Builder::new(RimKind::RegistryPackage, SET_ID, v::OBJECT_TYPE_REGISTRY_PACKAGE);
    b.slot(v::SLOT_SUBMISSION_TIME, std::slice::from_ref(&s.submission_time));
    b.name(&s.title);
    b.node(v::SUBMISSION_SET_NODE);
    b.author(v::SS_AUTHOR, &s.author);
    b.code(v::SS_CONTENT_TYPE_CODE, &s.content_type_code);
    b.identifier(v::SS_PATIENT_ID, &s.patient_id, "XDSSubmissionSet.patientId");
    b.identifier(v::SS_SOURCE_ID, &s.source_id, "XDSSubmissionSet.sourceId");
    b.identifier(v::SS_UNIQUE_ID, &s.unique_id, "XDSSubmissionSet.uniqueId");
    b.object
}

/// A Folder.
pub(in crate::cli) fn folder(id: &str, unique_id: &str, patient_id: &str, title: &str, code: &Code) -> RegistryObject {
    let mut b = Builder::new(RimKind::RegistryPackage, id, v::OBJECT_TYPE_REGISTRY_PACKAGE);
    b.name(title);
    b.node(v::FOLDER_NODE);
    b.code(v::FD_CODE_LIST, code);
    b.identifier(v::FD_PATIENT_ID, patient_id, "XDSFolder.patientId");
    b.identifier(v::FD_UNIQUE_ID, unique_id, "XDSFolder.uniqueId");
    b.object
}

fn association(number: usize, kind: AssociationType, source: &str, target: &str) -> RegistryObject {
    let kind = RimKind::Association {
        association_type: kind.as_urn().into(),
        source_object: source.into(),
        target_object: target.into(),
    };
    Builder::new(kind, &format!("Association{number}"), v::OBJECT_TYPE_ASSOCIATION).object
}

/// A whole submission: the set, its entries and folders, their memberships, and relations. A relation HasMember from a
/// folder puts an entry into it; its own membership of the set follows, as the standard demands.
pub(in crate::cli) fn submission(
    set: &SetMetadata,
    entries: &[EntryMetadata],
    folders: Vec<RegistryObject>,
    relations: &[Relation],
) -> SubmitObjectsRequest {
    let mut objects = vec![submission_set(set)];
    objects.extend(entries.iter().map(entry));
    let mut associations: Vec<RegistryObject> = Vec::new();
    for e in entries {
        let mut member = association(associations.len() + 1, AssociationType::HasMember, SET_ID, &e.id);
        push_slot(&mut member.slots, v::SLOT_SUBMISSION_SET_STATUS, &["Original".to_owned()]);
        associations.push(member);
    }
    for id in folders.iter().filter_map(|f| f.id.as_deref()) {
        associations.push(association(associations.len() + 1, AssociationType::HasMember, SET_ID, id));
    }
    for relation in relations {
        let number = associations.len() + 1;
        associations.push(association(number, relation.association_type, &relation.source, &relation.target));
        if relation.association_type == AssociationType::HasMember {
            let target = format!("Association{number}");
            associations.push(association(number + 1, AssociationType::HasMember, SET_ID, &target));
        }
    }
    objects.extend(folders);
    objects.extend(associations);
    SubmitObjectsRequest { objects, ..SubmitObjectsRequest::default() }
}
