//! Submissions and queries as they are sent.

use knoop::model::{
    rim::{
        AdhocQueryRequest, Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot,
        SubmitObjectsRequest,
    },
    vocabulary as v,
};

use crate::sample::oid;

pub const HL7_CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";
pub const LOINC: &str = "2.16.840.1.113883.6.1";
pub const SNOMED: &str = "2.16.840.1.113883.6.96";
pub const BPPC: (&str, &str) = ("urn:ihe:iti:bppc:2007", "1.3.6.1.4.1.19376.1.2.3");

/// A document to be submitted.
#[derive(Clone)]
pub struct Document {
    pub entry_uuid: String,
    pub unique_id: String,
    pub type_code: (&'static str, &'static str),
    pub practice: (&'static str, &'static str),
    pub format: (&'static str, &'static str),
    pub confidentiality: Vec<(&'static str, &'static str)>,
    pub events: Vec<(String, String)>,
    pub service: (String, String),
    pub bytes: Vec<u8>,
}

impl Document {
    /// A letter that is as confidential as most.
    pub fn letter() -> Self {
        Self {
            entry_uuid: crate::sample::uuid().to_string(),
            unique_id: oid(),
            type_code: ("11490-0", LOINC),
            practice: ("394579002", SNOMED),
            format: ("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"),
            confidentiality: vec![("N", HL7_CONFIDENTIALITY)],
            events: Vec::new(),
            service: ("20260101".to_owned(), String::new()),
            bytes: b"letter".to_vec(),
        }
    }

    pub fn confidential(mut self, code: &'static str) -> Self {
        self.confidentiality = vec![(code, HL7_CONFIDENTIALITY)];
        self
    }

    /// Of a psychiatric ward.
    pub fn of_ggz(mut self) -> Self {
        self.practice = ("394587001", SNOMED);
        self
    }
}

/// A submission of documents and one folder that holds the first of them.
#[derive(Clone)]
pub struct Submission {
    pub set_uuid: String,
    pub set_unique_id: String,
    pub folder_uuid: String,
    pub folder_unique_id: String,
    pub documents: Vec<Document>,
    pub request: SubmitObjectsRequest,
}

fn text(value: &str) -> LocalizedString {
    LocalizedString { value: value.into(), ..LocalizedString::default() }
}

fn slot(name: &str, values: &[&str]) -> Slot {
    Slot { name: name.into(), values: values.iter().map(|value| (*value).into()).collect() }
}

fn code(object: &str, scheme: &str, (code, system): (&str, &str)) -> Classification {
    Classification {
        id: Some(crate::sample::uuid().to_string().into()),
        classification_scheme: Some(scheme.into()),
        classified_object: Some(object.into()),
        node_representation: Some(code.into()),
        object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
        slots: vec![slot("codingScheme", &[system])],
        name: vec![text("a name")],
        ..Classification::default()
    }
}

fn node(object: &str, node: &str) -> Classification {
    Classification {
        id: Some(crate::sample::uuid().to_string().into()),
        classification_node: Some(node.into()),
        classified_object: Some(object.into()),
        ..Classification::default()
    }
}

fn identifier(object: &str, scheme: &str, value: &str) -> ExternalIdentifier {
    ExternalIdentifier {
        id: Some(crate::sample::uuid().to_string().into()),
        registry_object: Some(object.into()),
        identification_scheme: scheme.into(),
        value: value.into(),
        object_type: None,
        name: vec![text("identifier")],
    }
}

/// The metadata of a document, without hash and size.
pub fn entry(patient: &str, document: &Document) -> RegistryObject {
    let id = document.entry_uuid.as_str();
    let mut slots = vec![
        slot("creationTime", &["20260101"]),
        slot("languageCode", &["nl-NL"]),
        slot("sourcePatientId", &[patient]),
        slot("repositoryUniqueId", &["2.999.1.2.1"]),
        slot("urn:ihe:iti:xds:2013:referenceIdList", &["A-17^^^&2.999.7.9&ISO^urn:ihe:iti:xds:2013:accession"]),
    ];
    for (name, value) in [("serviceStartTime", &document.service.0), ("serviceStopTime", &document.service.1)] {
        if !value.is_empty() {
            slots.push(slot(name, &[value]));
        }
    }
    let mut classifications = vec![
        code(id, v::DE_CLASS_CODE, ("51852-2", LOINC)),
        code(id, v::DE_FORMAT_CODE, document.format),
        code(id, v::DE_HEALTHCARE_FACILITY_TYPE_CODE, ("22232009", SNOMED)),
        code(id, v::DE_PRACTICE_SETTING_CODE, document.practice),
        code(id, v::DE_TYPE_CODE, document.type_code),
    ];
    classifications.extend(document.confidentiality.iter().map(|it| code(id, v::DE_CONFIDENTIALITY_CODE, *it)));
    classifications.extend(document.events.iter().map(|(c, s)| code(id, v::DE_EVENT_CODE_LIST, (c, s))));
    RegistryObject {
        id: Some(id.into()),
        object_type: Some(v::OBJECT_TYPE_STABLE.into()),
        slots,
        name_elements: 1,
        name: vec![text("Brief")],
        classifications,
        external_identifiers: vec![
            identifier(id, v::DE_PATIENT_ID, patient),
            identifier(id, v::DE_UNIQUE_ID, &document.unique_id),
        ],
        ..RegistryObject::new(RimKind::ExtrinsicObject { mime_type: Some("text/xml".into()) })
    }
}

pub fn association(kind: &str, source: &str, target: &str, status: Option<&str>) -> RegistryObject {
    RegistryObject {
        id: Some(crate::sample::uuid().to_string().into()),
        slots: status.map(|status| slot("SubmissionSetStatus", &[status])).into_iter().collect(),
        ..RegistryObject::new(RimKind::Association {
            association_type: kind.into(),
            source_object: source.into(),
            target_object: target.into(),
        })
    }
}

impl Submission {
    pub fn of(patient: &str, documents: Vec<Document>) -> Self {
        let set_uuid = crate::sample::uuid().to_string();
        let folder_uuid = crate::sample::uuid().to_string();
        let (set_unique_id, folder_unique_id) = (oid(), oid());
        let mut objects: Vec<RegistryObject> = documents.iter().map(|document| entry(patient, document)).collect();
        objects.push(RegistryObject {
            id: Some(set_uuid.as_str().into()),
            slots: vec![slot("submissionTime", &["20260101142001"])],
            name_elements: 1,
            name: vec![text("set")],
            classifications: vec![
                node(&set_uuid, v::SUBMISSION_SET_NODE),
                code(&set_uuid, v::SS_CONTENT_TYPE_CODE, ("DISCH", "2.999.30.1")),
            ],
            external_identifiers: vec![
                identifier(&set_uuid, v::SS_PATIENT_ID, patient),
                identifier(&set_uuid, v::SS_SOURCE_ID, "2.999.40.1"),
                identifier(&set_uuid, v::SS_UNIQUE_ID, &set_unique_id),
            ],
            ..RegistryObject::new(RimKind::RegistryPackage)
        });
        for document in &documents {
            objects.push(association(v::ASSOCIATION_HAS_MEMBER, &set_uuid, &document.entry_uuid, Some("Original")));
        }
        let request = SubmitObjectsRequest { objects, ..SubmitObjectsRequest::default() };
        Self { set_uuid, set_unique_id, folder_uuid, folder_unique_id, documents, request }
    }

    /// Adds a folder with these members.
    pub fn in_folder(mut self, patient: &str, members: &[&str]) -> Self {
        let id = self.folder_uuid.as_str();
        self.request.objects.push(RegistryObject {
            id: Some(id.into()),
            name_elements: 1,
            name: vec![text("folder")],
            classifications: vec![node(id, v::FOLDER_NODE), code(id, v::FD_CODE_LIST, ("EPISODE", "2.999.30.1"))],
            external_identifiers: vec![
                identifier(id, v::FD_PATIENT_ID, patient),
                identifier(id, v::FD_UNIQUE_ID, &self.folder_unique_id),
            ],
            ..RegistryObject::new(RimKind::RegistryPackage)
        });
        self.request.objects.push(association(v::ASSOCIATION_HAS_MEMBER, &self.set_uuid, id, None));
        let folder = self.folder_uuid.clone();
        members.iter().fold(self, |it, member| it.member(&folder, member))
    }

    /// Adds an association.
    pub fn relate(mut self, kind: &str, source: &str, target: &str) -> Self {
        self.request.objects.push(association(kind, source, target, None));
        self
    }

    /// Adds a membership of a folder, and the set's membership of it.
    pub fn member(mut self, folder: &str, member: &str) -> Self {
        let membership = association(v::ASSOCIATION_HAS_MEMBER, folder, member, None);
        let id = membership.id.clone().unwrap();
        self.request.objects.push(membership);
        self.request.objects.push(association(v::ASSOCIATION_HAS_MEMBER, &self.set_uuid, &id, None));
        self
    }

    /// For ITI-42: hash and size of the bytes that would lie in a repository.
    pub fn registered(mut self, hash: &str, size: &str) -> SubmitObjectsRequest {
        for object in &mut self.request.objects {
            if matches!(object.kind, RimKind::ExtrinsicObject { .. }) {
                object.slots.push(slot("hash", &[hash]));
                object.slots.push(slot("size", &[size]));
            }
        }
        self.request
    }
}

/// The fourteen queries about one patient and these objects, each with its name.
pub fn fourteen_queries(patient: &str, it: &Submission) -> Vec<(&'static str, AdhocQueryRequest)> {
    let approved = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')";
    let quoted = |text: &str| format!("'{text}'");
    let listed = |text: &str| format!("('{text}')");
    let patient = quoted(patient);
    let document = &it.documents[0];
    let uuids =
        format!("({})", it.documents.iter().map(|document| quoted(&document.entry_uuid)).collect::<Vec<_>>().join(","));
    let replaces = listed(v::ASSOCIATION_HAS_MEMBER).replace(')', &format!(",'{}')", v::ASSOCIATION_RPLC));
    type Row<'a> = (&'static str, &'a str, Vec<(&'a str, String)>);
    let table: Vec<Row<'_>> = vec![
        (
            "FindDocuments",
            v::QUERY_FIND_DOCUMENTS,
            vec![("$XDSDocumentEntryPatientId", patient.clone()), ("$XDSDocumentEntryStatus", approved.into())],
        ),
        (
            "FindDocumentsByReferenceId",
            v::QUERY_FIND_DOCUMENTS_BY_REFERENCE_ID,
            vec![
                ("$XDSDocumentEntryPatientId", patient.clone()),
                ("$XDSDocumentEntryStatus", approved.into()),
                ("$XDSDocumentEntryReferenceIdList", "('%')".into()),
            ],
        ),
        (
            "FindSubmissionSets",
            v::QUERY_FIND_SUBMISSION_SETS,
            vec![("$XDSSubmissionSetPatientId", patient.clone()), ("$XDSSubmissionSetStatus", approved.into())],
        ),
        (
            "FindFolders",
            v::QUERY_FIND_FOLDERS,
            vec![("$XDSFolderPatientId", patient.clone()), ("$XDSFolderStatus", approved.into())],
        ),
        (
            "GetAll",
            v::QUERY_GET_ALL,
            vec![
                ("$patientId", patient),
                ("$XDSDocumentEntryStatus", approved.into()),
                ("$XDSSubmissionSetStatus", approved.into()),
                ("$XDSFolderStatus", approved.into()),
            ],
        ),
        ("GetDocuments", v::QUERY_GET_DOCUMENTS, vec![("$XDSDocumentEntryEntryUUID", uuids.clone())]),
        ("GetFolders", v::QUERY_GET_FOLDERS, vec![("$XDSFolderEntryUUID", listed(&it.folder_uuid))]),
        ("GetAssociations", v::QUERY_GET_ASSOCIATIONS, vec![("$uuid", listed(&it.set_uuid))]),
        (
            "GetDocumentsAndAssociations",
            v::QUERY_GET_DOCUMENTS_AND_ASSOCIATIONS,
            vec![("$XDSDocumentEntryUniqueId", listed(&document.unique_id))],
        ),
        ("GetSubmissionSets", v::QUERY_GET_SUBMISSION_SETS, vec![("$uuid", uuids)]),
        (
            "GetSubmissionSetAndContents",
            v::QUERY_GET_SUBMISSION_SET_AND_CONTENTS,
            vec![("$XDSSubmissionSetUniqueId", quoted(&it.set_unique_id))],
        ),
        (
            "GetFolderAndContents",
            v::QUERY_GET_FOLDER_AND_CONTENTS,
            vec![("$XDSFolderUniqueId", quoted(&it.folder_unique_id))],
        ),
        (
            "GetFoldersForDocument",
            v::QUERY_GET_FOLDERS_FOR_DOCUMENT,
            vec![("$XDSDocumentEntryEntryUUID", quoted(&document.entry_uuid))],
        ),
        (
            "GetRelatedDocuments",
            v::QUERY_GET_RELATED_DOCUMENTS,
            vec![("$XDSDocumentEntryEntryUUID", quoted(&document.entry_uuid)), ("$AssociationTypes", replaces)],
        ),
    ];
    table.into_iter().map(|(name, id, parameters)| (name, query(id, &parameters))).collect()
}

/// A query with these parameters.
pub fn query(id: &str, parameters: &[(&str, String)]) -> AdhocQueryRequest {
    AdhocQueryRequest {
        query_id: id.into(),
        slots: parameters.iter().map(|(name, value)| slot(name, &[value])).collect(),
        ..AdhocQueryRequest::default()
    }
}
