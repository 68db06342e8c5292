//! Submissions of invented patients, and a registry that registers them without asking questions.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use knoop::{
    model::AvailabilityStatus,
    model::{
        Association, AssociationType, Body, Code, CodeValue, DocumentEntry, DocumentEntryType, EntryUuid, Folder,
        PatientId, StoredObject, Submission, SubmissionSet, SubmissionSetStatus,
        stored_query::{EntryFilter, ReturnType, StoredQuery},
    },
    store::{Labels, RowKeys, Sight, Store, StoreError, UnknownPatients},
};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A UUID that no other object has.
pub fn uuid() -> EntryUuid {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [0x40_u8; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    EntryUuid::from_bytes(bytes)
}

/// An OID that no other object has.
pub fn oid() -> String {
    format!("2.999.7.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn patient(id: &str) -> PatientId {
    PatientId::new(id, "2.999.1.1".parse().unwrap()).unwrap()
}

pub fn code(text: &str) -> Code {
    Code { value: code_value(text), display_name: text.into() }
}

pub fn code_value(text: &str) -> CodeValue {
    CodeValue::new(text, "2.999.3").unwrap()
}

pub fn entry(patient_id: &PatientId) -> DocumentEntry {
    DocumentEntry {
        entry_uuid: uuid(),
        submitted_id: "Doc".into(),
        unique_id: oid().parse().unwrap(),
        patient_id: patient_id.clone(),
        object_type: DocumentEntryType::Stable,
        creation_time: Some("20240301".parse().unwrap()),
        service_start_time: None,
        service_stop_time: None,
        class_code: code("class"),
        type_code: code("type"),
        format_code: code("format"),
        healthcare_facility_type_code: code("facility"),
        practice_setting_code: code("practice"),
        confidentiality_codes: vec![code("N")],
        event_codes: Vec::new(),
        author_persons: vec!["^Jansen^Anna".into()],
        reference_ids: Vec::new(),
        hash: Some("da39a3ee5e6b4b0d3255bfef95601890afd80709".parse().unwrap()),
        size_bytes: Some(0),
        mime_type: "text/plain".parse().unwrap(),
        repository_unique_id: "2.999.1.9".parse().unwrap(),
        home: None,
        availability: None,
        title: Some("Brief".into()),
        body: Body::from_bytes(b"entry body".to_vec()),
    }
}

pub fn folder(patient_id: &PatientId) -> Folder {
    Folder {
        entry_uuid: uuid(),
        submitted_id: "Folder".into(),
        unique_id: oid().parse().unwrap(),
        patient_id: patient_id.clone(),
        codes: vec![code("folder")],
        home: None,
        body: Body::from_bytes(b"folder body".to_vec()),
    }
}

pub fn association(association_type: AssociationType, source: EntryUuid, target: EntryUuid) -> Association {
    Association {
        entry_uuid: uuid(),
        association_type,
        source,
        target,
        submission_set_status: None,
        body: Body::from_bytes(b"association body".to_vec()),
    }
}

/// A submission of these objects, each a member of its set.
pub fn submission(patient_id: &PatientId, entries: Vec<DocumentEntry>, folders: Vec<Folder>) -> Submission {
    let set = SubmissionSet {
        entry_uuid: uuid(),
        submitted_id: "Set".into(),
        unique_id: oid().parse().unwrap(),
        source_id: "2.999.5".parse().unwrap(),
        patient_id: patient_id.clone(),
        submission_time: "20240302101112".parse().unwrap(),
        content_type_code: code("content"),
        author_persons: vec!["^Pietersen^Bea".into()],
        home: None,
        body: Body::from_bytes(b"set body".to_vec()),
    };
    let members = entries.iter().map(|entry| {
        let mut it = association(AssociationType::HasMember, set.entry_uuid, entry.entry_uuid);
        it.submission_set_status = Some(SubmissionSetStatus::Original);
        it
    });
    let kept = folders.iter().map(|f| association(AssociationType::HasMember, set.entry_uuid, f.entry_uuid));
    let associations = members.chain(kept).collect();
    Submission { submission_set: set, document_entries: entries, folders, associations, warnings: Vec::new() }
}

/// Adds an association, and the set's membership of it where it is one of a folder.
pub fn relate(submission: &mut Submission, kind: AssociationType, source: EntryUuid, target: EntryUuid) -> EntryUuid {
    let it = association(kind, source, target);
    let id = it.entry_uuid;
    submission.associations.push(it);
    if kind == AssociationType::HasMember {
        let set = submission.submission_set.entry_uuid;
        submission.associations.push(association(AssociationType::HasMember, set, id));
    }
    id
}

/// Registers it; what is claimed already is an error, as it would be in the registry.
pub async fn register(store: &Store, submission: Submission) -> Result<(), StoreError> {
    let first_row_id = store.row_ids(RowKeys::count(&submission)).await?;
    let now_ms = i64::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap();
    let work = store.write(move |tx| {
        let submission = submission.clone();
        async move {
            let id = &submission.submission_set.patient_id;
            let row = tx.lock_patients(std::slice::from_ref(id), UnknownPatients::Create, now_ms).await?[0];
            let keys = RowKeys {
                first_row_id,
                patients: [(id.clone(), row.unwrap().patient_key)].into(),
                owner_org_key: 1,
                source_node_key: 1,
                registered_ms: now_ms,
                last_update_time: "20240303000000".to_owned(),
                labels: Labels::default(),
            };
            let held = tx.claim(&keys.claims(&submission)?).await?;
            if !held.is_empty() {
                return Err(StoreError::Corrupt { what: "claimed before" });
            }
            tx.insert_submission(&submission, &keys).await
        }
        .boxed()
    });
    work.await
}

/// The ids of what a query finds, in order; whole objects and references must agree.
pub async fn ids(store: &Store, query: &StoredQuery) -> Vec<EntryUuid> {
    let whole = store.answer(query, ReturnType::LeafClass, 10_000, &Sight::All).await.unwrap();
    let references = store.answer(query, ReturnType::ObjectRef, 10_000, &Sight::All).await.unwrap();
    let found: Vec<EntryUuid> = whole.iter().map(id_of).collect();
    assert_eq!(found, references.iter().map(id_of).collect::<Vec<_>>(), "LeafClass and ObjectRef differ");
    assert!(whole.iter().all(|object| !body_of(object).as_bytes().is_empty()), "LeafClass without a body");
    assert!(references.iter().all(|object| body_of(object).as_bytes().is_empty()), "ObjectRef reads bodies");
    found
}

pub fn id_of(object: &StoredObject) -> EntryUuid {
    match object {
        StoredObject::SubmissionSet(it) => it.entry_uuid,
        StoredObject::DocumentEntry(it) => it.entry_uuid,
        StoredObject::Folder(it) => it.entry_uuid,
        StoredObject::Association(it) => it.entry_uuid,
    }
}

fn body_of(object: &StoredObject) -> &Body {
    match object {
        StoredObject::SubmissionSet(it) => &it.body,
        StoredObject::DocumentEntry(it) => &it.body,
        StoredObject::Folder(it) => &it.body,
        StoredObject::Association(it) => &it.body,
    }
}

/// What FindDocuments asks when nothing is said: Approved, Stable.
pub fn approved() -> EntryFilter {
    EntryFilter {
        status: vec![AvailabilityStatus::Approved],
        object_types: vec![DocumentEntryType::Stable],
        ..EntryFilter::default()
    }
}

pub fn find_documents(patient_id: &PatientId, filter: EntryFilter) -> StoredQuery {
    StoredQuery::FindDocuments { patient_id: patient_id.clone(), filter }
}
