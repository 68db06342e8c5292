//! Writing a submission's rows, a few multi-row statements for all of it.

use std::collections::{BTreeSet, HashMap};

use crate::{
    model::{
        Association, AvailabilityStatus, Code, DocumentEntry, DocumentEntryType, Dtm, EntryUuid, Folder, NodeKey,
        OrganisationKey, PatientId, Submission, SubmissionSet,
        consent::{Label, Period},
    },
    store::{
        StoreError,
        sql::{
            Args, Tx, Weight,
            claims::{ClaimKind, NewClaim, ObjectKind, nfc, size_to_store},
            statements,
        },
    },
};

statements! {
    INSERT_ENTRIES = "INSERT INTO document_entry (row_id, patient_key, registered_ms, status, object_type, entry_uuid, \
        logical_id, version, unique_id, class_code, type_code, format_code, practice_setting_code, \
        healthcare_facility_type_code, creation_time, service_start_time, service_stop_time, availability, \
        repository_unique_id, home, hash, size_bytes, mime_type, title, owner_org_key, source_node_key, data_category, \
        confidentiality, body) VALUES {rows 29}";
    INSERT_ENTRY_VALUES = "INSERT INTO entry_value (patient_key, row_id, kind, value) VALUES {rows 4}";
    INSERT_SUBMISSION_SET = "INSERT INTO submission_set (row_id, patient_key, registered_ms, entry_uuid, unique_id, \
        source_id, submission_time, content_type_code, home, owner_org_key, source_node_key, data_category, \
        confidentiality, body) VALUES {rows 14}";
    INSERT_SUBMISSION_SET_AUTHORS = "INSERT INTO submission_set_author (patient_key, row_id, value) VALUES {rows 3}";
    INSERT_FOLDERS = "INSERT INTO folder (row_id, patient_key, registered_ms, status, last_update_time, entry_uuid, \
        logical_id, version, unique_id, home, owner_org_key, source_node_key, data_category, confidentiality, body) \
        VALUES {rows 15}";
    INSERT_FOLDER_CODES = "INSERT INTO folder_code (patient_key, row_id, value) VALUES {rows 3}";
    INSERT_ASSOCIATIONS = "INSERT INTO association (row_id, patient_key, registered_ms, association_type, source_row, \
        target_row, submission_set_row, entry_uuid, source_uuid, target_uuid, body) VALUES {rows 11}";
    ROW_IDS_IN_TX = "UPDATE row_id_block SET next_row_id = next_row_id + $1 WHERE block_key = 1 RETURNING next_row_id";
}

/// Bits of a row id that [`Store::row_ids`](crate::store::Store::row_ids) hands out; those above are the patient's: 34 thousand
/// million objects of 268 million patients.
const ROW_ID_BITS: u32 = 35;

/// Where the values of several-valued attributes are kept.
pub(in crate::store::sql) const CONFIDENTIALITY_CODE: i64 = 1;
pub(in crate::store::sql) const EVENT_CODE: i64 = 2;
pub(in crate::store::sql) const AUTHOR_PERSON: i64 = 3;
pub(in crate::store::sql) const REFERENCE_ID: i64 = 4;

/// The keys that a submission's rows get.
#[derive(Clone, Debug)]
pub struct RowKeys {
    /// First of [`RowKeys::count`] row ids: the set, the entries, the folders, the associations, in their order.
    pub first_row_id: i64,
    /// The locked patients of all its objects.
    pub patients: HashMap<PatientId, i64>,
    /// Who owns it.
    pub owner_org_key: OrganisationKey,
    /// Who sent it.
    pub source_node_key: NodeKey,
    /// When it came.
    pub registered_ms: i64,
    /// lastUpdateTime of its folders, 14 digits.
    pub last_update_time: String,
    /// What access to its objects depends on.
    pub labels: Labels,
}

/// What access to the objects of a submission depends on beside their owner, and what its documents say of consent.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Of the set: the most restrictive of its entries.
    pub submission_set: Label,
    /// Of the entries, in their order; those that are missing are treated as the most restrictive there are.
    pub entries: Vec<Label>,
    /// Policies that entries acknowledge: the place of the entry, `code^^scheme`, and when they hold (S-CON-31).
    pub acknowledged: Vec<(usize, String, Period)>,
}

impl RowKeys {
    /// How many row ids a submission needs.
    pub fn count(submission: &Submission) -> usize {
        1 + submission.document_entries.len() + submission.folders.len() + submission.associations.len()
    }

    /// How heavy a submission is, for [`Store::write_weighing`](crate::store::Store::write_weighing).
    pub fn weight(submission: &Submission) -> Weight {
        let entries = submission.document_entries.iter().map(|it| &it.body);
        let folders = submission.folders.iter().map(|it| &it.body);
        let bodies = entries.chain(folders).chain(submission.associations.iter().map(|it| &it.body));
        let bytes = bodies.chain([&submission.submission_set.body]).map(|body| body.as_bytes().len()).sum();
        Weight { objects: Self::count(submission), bytes }
    }

    fn patient(&self, id: &PatientId) -> Result<i64, StoreError> {
        self.patients.get(id).copied().ok_or(StoreError::Corrupt { what: "patients of a submission" })
    }

    fn rows(&self, submission: &Submission) -> Result<Rows, StoreError> {
        let set = beside_the_patient(self.patient(&submission.submission_set.patient_id)?, self.first_row_id);
        let entries = set + 1;
        let folders = entries + submission.document_entries.len() as i64;
        Ok(Rows { set, entries, folders, associations: folders + submission.folders.len() as i64 })
    }

    /// All identifiers of a submission, to be claimed before it is inserted.
    ///
    /// # Errors
    /// When [`RowKeys::patients`] lacks one.
    pub fn claims(&self, submission: &Submission) -> Result<Vec<NewClaim>, StoreError> {
        let rows = self.rows(submission)?;
        let set = &submission.submission_set;
        let set_patient = self.patient(&set.patient_id)?;
        let mut claims = Vec::with_capacity(Self::count(submission) * 2);
        claims.push(NewClaim::entry_uuid(ObjectKind::SubmissionSet, &set.entry_uuid, set_patient, rows.set));
        claims.push(NewClaim::unique_id(ClaimKind::SubmissionSet, set.unique_id.as_str(), set_patient, rows.set));
        for (entry, row) in submission.document_entries.iter().zip(rows.entries..) {
            let patient = self.patient(&entry.patient_id)?;
            let kind = match entry.object_type {
                DocumentEntryType::Stable => ClaimKind::DocumentEntry,
                DocumentEntryType::OnDemand => ClaimKind::OnDemandEntry,
            };
            claims.push(NewClaim::entry_uuid(ObjectKind::DocumentEntry, &entry.entry_uuid, patient, row));
            let unique_id = NewClaim::unique_id(kind, entry.unique_id.as_str(), patient, row);
            claims.push(unique_id.of_document(entry.hash, entry.size_bytes));
        }
        for (folder, row) in submission.folders.iter().zip(rows.folders..) {
            let patient = self.patient(&folder.patient_id)?;
            claims.push(NewClaim::entry_uuid(ObjectKind::Folder, &folder.entry_uuid, patient, row));
            claims.push(NewClaim::unique_id(ClaimKind::Folder, folder.unique_id.as_str(), patient, row));
        }
        for (association, row) in submission.associations.iter().zip(rows.associations..) {
            let uuid = &association.entry_uuid;
            claims.push(NewClaim::entry_uuid(ObjectKind::Association, uuid, set_patient, row));
        }
        Ok(claims)
    }
}

/// A row id whose upper bits are the patient's. SQLite keeps rows in the order of their ids, so all that is answered together
/// lies together, however much is registered for others in between.
fn beside_the_patient(patient: i64, row_id: i64) -> i64 {
    (patient << ROW_ID_BITS) | row_id
}

/// First rows of each kind of object.
struct Rows {
    set: i64,
    entries: i64,
    folders: i64,
    associations: i64,
}

impl Tx {
    /// Writes a submission whose identifiers were claimed ([`RowKeys::claims`]). Everything in it becomes Approved.
    /// Ends of associations that are not in it must be registered.
    pub async fn insert_submission(&mut self, submission: &Submission, keys: &RowKeys) -> Result<(), StoreError> {
        let rows = keys.rows(submission)?;
        self.insert_set(submission, keys, rows.set).await?;
        self.insert_entries(&submission.document_entries, keys, rows.entries).await?;
        self.insert_folders(&submission.folders, keys, rows.folders).await?;

        let mut ends: HashMap<EntryUuid, i64> = HashMap::with_capacity(RowKeys::count(submission));
        ends.insert(submission.submission_set.entry_uuid, rows.set);
        ends.extend(submission.document_entries.iter().map(|entry| entry.entry_uuid).zip(rows.entries..));
        ends.extend(submission.folders.iter().map(|folder| folder.entry_uuid).zip(rows.folders..));
        ends.extend(submission.associations.iter().map(|it| it.entry_uuid).zip(rows.associations..));
        let patient = keys.patient(&submission.submission_set.patient_id)?;
        let place = AssociationPlace { first_row: rows.associations, set_row: rows.set, patient };
        self.insert_associations(&submission.associations, keys, &place, ends).await
    }

    /// Writes associations that the registry made for a submission by itself (R-ASC-22), after it was inserted.
    pub async fn insert_generated(
        &mut self,
        associations: &[Association],
        submission: &Submission,
        keys: &RowKeys,
    ) -> Result<(), StoreError> {
        if associations.is_empty() {
            return Ok(());
        }
        let count = associations.len() as i64;
        let (end,): (i64,) = self.fetch_one(&ROW_IDS_IN_TX, super::args![count]).await?;
        let patient = keys.patient(&submission.submission_set.patient_id)?;
        let first_row = beside_the_patient(patient, end - count);
        let place = AssociationPlace { first_row, set_row: keys.rows(submission)?.set, patient };
        let claims: Vec<NewClaim> = associations
            .iter()
            .zip(place.first_row..)
            .map(|(it, row)| NewClaim::entry_uuid(ObjectKind::Association, &it.entry_uuid, patient, row))
            .collect();
        if !self.claim(&claims).await?.is_empty() {
            return Err(StoreError::Constraint { statement: "INSERT_CLAIMS", code: "fresh UUID in use".to_owned() });
        }
        let ends = associations.iter().map(|it| it.entry_uuid).zip(place.first_row..).collect();
        self.insert_associations(associations, keys, &place, ends).await
    }

    async fn insert_set(&mut self, submission: &Submission, keys: &RowKeys, row: i64) -> Result<(), StoreError> {
        let set: &SubmissionSet = &submission.submission_set;
        let patient = keys.patient(&set.patient_id)?;
        let mut values = Args::with_capacity(14);
        values.push(row);
        values.push(patient);
        values.push(keys.registered_ms);
        values.push(set.entry_uuid);
        values.push(set.unique_id.as_str());
        values.push(set.source_id.as_str());
        values.push(set.submission_time.earliest_text());
        values.push(code_text(&set.content_type_code));
        values.push(set.home.as_ref().map(ToString::to_string));
        push_owner(&mut values, keys, &keys.labels.submission_set);
        values.push(set.body.as_bytes());
        self.insert_rows(&INSERT_SUBMISSION_SET, 14, values).await?;

        let authors: BTreeSet<String> = set.author_persons.iter().map(|author| nfc(author)).collect();
        let mut values = Args::with_capacity(authors.len() * 3);
        for author in authors {
            values.push(patient);
            values.push(row);
            values.push(author);
        }
        self.insert_rows(&INSERT_SUBMISSION_SET_AUTHORS, 3, values).await.map(drop)
    }

    async fn insert_entries(
        &mut self,
        entries: &[DocumentEntry],
        keys: &RowKeys,
        first_row: i64,
    ) -> Result<(), StoreError> {
        let mut values = Args::with_capacity(entries.len() * 29);
        let mut children = Args::with_capacity(entries.len() * 16);
        let unknown = Label::default();
        for (index, (entry, row)) in entries.iter().zip(first_row..).enumerate() {
            let patient = keys.patient(&entry.patient_id)?;
            let label = keys.labels.entries.get(index).unwrap_or(&unknown);
            push_entry(&mut values, entry, (keys, label), patient, row);
            for (kind, value) in child_values(entry) {
                children.push(patient);
                children.push(row);
                children.push(kind);
                children.push(value);
            }
        }
        self.insert_rows(&INSERT_ENTRIES, 29, values).await?;
        self.insert_rows(&INSERT_ENTRY_VALUES, 4, children).await?;
        let mut policies = Vec::with_capacity(keys.labels.acknowledged.len());
        for (index, policy, period) in &keys.labels.acknowledged {
            if let Some(entry) = entries.get(*index) {
                policies.push((keys.patient(&entry.patient_id)?, first_row + *index as i64, policy.clone(), *period));
            }
        }
        self.insert_policies(&policies).await
    }

    async fn insert_folders(&mut self, folders: &[Folder], keys: &RowKeys, first_row: i64) -> Result<(), StoreError> {
        let mut values = Args::with_capacity(folders.len() * 15);
        let mut children = Args::with_capacity(folders.len() * 3);
        for (folder, row) in folders.iter().zip(first_row..) {
            let patient = keys.patient(&folder.patient_id)?;
            values.push(row);
            values.push(patient);
            values.push(keys.registered_ms);
            values.push(AvailabilityStatus::Approved);
            values.push(keys.last_update_time.as_str());
            values.push(folder.entry_uuid);
            values.push(folder.entry_uuid);
            values.push(FIRST_VERSION);
            values.push(folder.unique_id.as_str());
            values.push(folder.home.as_ref().map(ToString::to_string));
            push_owner(&mut values, keys, &Label::default());
            values.push(folder.body.as_bytes());
            for code in folder.codes.iter().map(code_text).collect::<BTreeSet<_>>() {
                children.push(patient);
                children.push(row);
                children.push(code);
            }
        }
        self.insert_rows(&INSERT_FOLDERS, 15, values).await?;
        self.insert_rows(&INSERT_FOLDER_CODES, 3, children).await.map(drop)
    }

    async fn insert_associations(
        &mut self,
        associations: &[Association],
        keys: &RowKeys,
        place: &AssociationPlace,
        mut ends: HashMap<EntryUuid, i64>,
    ) -> Result<(), StoreError> {
        let outside: Vec<EntryUuid> =
            associations.iter().flat_map(|it| [it.source, it.target]).filter(|end| !ends.contains_key(end)).collect();
        ends.extend(self.rows_of_uuids(&outside).await?);
        let row_of = |end: &EntryUuid| ends.get(end).copied().ok_or(StoreError::Corrupt { what: "association end" });
        let mut values = Args::with_capacity(associations.len() * 11);
        for (association, row) in associations.iter().zip(place.first_row..) {
            values.push(row);
            values.push(place.patient);
            values.push(keys.registered_ms);
            values.push(association.association_type);
            values.push(row_of(&association.source)?);
            values.push(row_of(&association.target)?);
            values.push(place.set_row);
            values.push(association.entry_uuid);
            values.push(association.source);
            values.push(association.target);
            values.push(association.body.as_bytes());
        }
        self.insert_rows(&INSERT_ASSOCIATIONS, 11, values).await.map(drop)
    }
}

/// What all associations of a submission have in common.
struct AssociationPlace {
    first_row: i64,
    set_row: i64,
    patient: i64,
}

const FIRST_VERSION: i64 = 1;

fn push_entry(values: &mut Args, entry: &DocumentEntry, (keys, label): (&RowKeys, &Label), patient: i64, row: i64) {
    let time = |time: &Option<Dtm>| time.as_ref().map(Dtm::earliest_text);
    values.push(row);
    values.push(patient);
    values.push(keys.registered_ms);
    values.push(AvailabilityStatus::Approved);
    values.push(entry.object_type);
    values.push(entry.entry_uuid);
    values.push(entry.entry_uuid);
    values.push(FIRST_VERSION);
    values.push(nfc(entry.unique_id.as_str()));
    values.push(code_text(&entry.class_code));
    values.push(code_text(&entry.type_code));
    values.push(code_text(&entry.format_code));
    values.push(code_text(&entry.practice_setting_code));
    values.push(code_text(&entry.healthcare_facility_type_code));
    values.push(time(&entry.creation_time));
    values.push(time(&entry.service_start_time));
    values.push(time(&entry.service_stop_time));
    values.push(entry.availability);
    values.push(entry.repository_unique_id.as_str());
    values.push(entry.home.as_ref().map(ToString::to_string));
    values.push(entry.hash.map(|hash| hash.to_string()));
    values.push(size_to_store(entry.size_bytes));
    values.push(entry.mime_type.as_str());
    values.push(entry.title.as_deref());
    push_owner(values, keys, label);
    values.push(entry.body.as_bytes());
}

fn push_owner(values: &mut Args, keys: &RowKeys, label: &Label) {
    values.push(keys.owner_org_key);
    values.push(keys.source_node_key);
    values.push(label.data_category.as_str());
    values.push(&*label.confidentiality);
}

/// The values of attributes that have several, each once.
fn child_values(entry: &DocumentEntry) -> BTreeSet<(i64, String)> {
    let confidentiality = entry.confidentiality_codes.iter().map(|code| (CONFIDENTIALITY_CODE, code_text(code)));
    let events = entry.event_codes.iter().map(|code| (EVENT_CODE, code_text(code)));
    let authors = entry.author_persons.iter().map(|author| (AUTHOR_PERSON, nfc(author)));
    let references = entry.reference_ids.iter().map(|reference| (REFERENCE_ID, nfc(reference.as_str())));
    confidentiality.chain(events).chain(authors).chain(references).collect()
}

fn code_text(code: &Code) -> String {
    nfc(&code.value.to_string())
}
