//! Answers to the fourteen stored queries, each from one committed state.
//!
//! Find queries are one statement, patient and merges included; the others a few statements in one reading transaction,
//! as many as there are kinds of objects, however many objects there are.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.7 (spec R-18-30 to R-18-43).

mod filter;
mod get;
mod objects;
mod packed;

use super::{
    Store,
    builder::SqlBuilder,
    sight::{Sight, of_sight},
};
use crate::{
    model::{
        AvailabilityStatus, PatientId, StoredObject,
        stored_query::{EntryFilter, ReturnType, StoredQuery},
    },
    store::StoreError,
};
use filter::{of_codes, of_entries, of_patient, of_patterns, of_status, of_time};
use objects::{Found, Patients};
use packed::{Unpack, unpack_all};

pub(super) use get::ALL;
pub(super) use packed::Kind;

/// How much of what is found is read, and by whom.
#[derive(Clone, Copy)]
struct Reading<'a> {
    return_type: ReturnType,
    limit: usize,
    sight: &'a Sight,
}

impl Reading<'_> {
    fn select(self, name: &'static str, kind: Kind) -> SqlBuilder {
        SqlBuilder::new(name, &kind.select(self.return_type))
    }

    /// Adds what may be seen, then the limit: one row more than may be answered, less what was found already.
    fn limited(self, mut q: SqlBuilder, kind: Kind, found: &Found) -> SqlBuilder {
        of_sight(&mut q, kind, self.sight);
        let rows = self.limit.saturating_add(1).saturating_sub(found.len());
        // SQLite reads a bare parameter of LIMIT while it plans, and plans anew whenever it is bound: at every request.
        q.sql(" LIMIT (").value(i64::try_from(rows).unwrap_or(i64::MAX)).sql(" + 0)) x");
        q
    }

    fn is_over(self, found: &Found) -> bool {
        found.len() > self.limit
    }
}

impl Store {
    /// The objects that a query finds, as one committed state has them: SubmissionSets, DocumentEntries, Folders and
    /// Associations, each kind in the order of registration (R-18-50, R-18-54).
    ///
    /// Reads at most one object more than `limit`, so a longer answer is known by its length (R-18-53). With
    /// [`ReturnType::ObjectRef`] no bodies are read. An unknown or subsumed patient has no objects. What is not in
    /// `sight` does not count, towards the limit either (S-CON-04).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn answer(
        &self,
        query: &StoredQuery,
        return_type: ReturnType,
        limit: usize,
        sight: &Sight,
    ) -> Result<Vec<StoredObject>, StoreError> {
        let reading = Reading { return_type, limit, sight };
        let mut found = Found::default();
        match query {
            StoredQuery::FindDocuments { patient_id, filter } => {
                let q = find_entries(reading, patient_id, filter, &found);
                found.add_entries(self.fetch(q).await?);
                found.into_objects(&Patients::One(patient_id))
            }
            StoredQuery::FindSubmissionSets { patient_id, status, .. } => {
                // SubmissionSets are never Deprecated in the core (R-18-17).
                if status.contains(&AvailabilityStatus::Approved) {
                    let q = find_sets(reading, patient_id, query, &found);
                    found.add_sets(self.fetch(q).await?);
                }
                found.into_objects(&Patients::One(patient_id))
            }
            StoredQuery::FindFolders { patient_id, status, .. } => {
                let q = find_folders(reading, patient_id, status, query, &found);
                found.add_folders(self.fetch(q).await?);
                found.into_objects(&Patients::One(patient_id))
            }
            _ => self.answer_in_snapshot(query, reading).await,
        }
    }

    async fn fetch<R: Unpack>(&self, q: SqlBuilder) -> Result<Vec<R>, StoreError> {
        let row: Option<(Option<Vec<u8>>,)> = self.inner.db.fetch_row(q.build(self.inner.db.dialect())?).await?;
        unpack_all(row.and_then(|(packed,)| packed).as_deref())
    }
}

fn find_entries(reading: Reading<'_>, patient: &PatientId, filter: &EntryFilter, found: &Found) -> SqlBuilder {
    let mut q = reading.select("FIND_DOCUMENTS", Kind::Entry);
    of_patient(&mut q, "d", patient);
    of_entries(&mut q, filter);
    reading.limited(q, Kind::Entry, found)
}

fn find_sets(reading: Reading<'_>, patient: &PatientId, query: &StoredQuery, found: &Found) -> SqlBuilder {
    let mut q = reading.select("FIND_SUBMISSION_SETS", Kind::Set);
    of_patient(&mut q, "s", patient);
    if let StoredQuery::FindSubmissionSets { source_ids, submission_time, author_person, content_type_codes, .. } =
        query
    {
        if !source_ids.is_empty() {
            q.and("s.source_id").one_of_texts(source_ids.iter().map(|id| id.to_string()).collect());
        }
        of_time(&mut q, "s.submission_time", "1 = 0", submission_time);
        of_codes(&mut q, "s.content_type_code", content_type_codes);
        if let Some(pattern) = author_person {
            q.and("EXISTS (SELECT 1 FROM submission_set_author v WHERE v.patient_key = s.patient_key");
            q.and("v.row_id = s.row_id");
            of_patterns(&mut q, "v.value", std::slice::from_ref(pattern));
            q.sql(")");
        }
    }
    reading.limited(q, Kind::Set, found)
}

fn find_folders(
    reading: Reading<'_>,
    patient: &PatientId,
    status: &[AvailabilityStatus],
    query: &StoredQuery,
    found: &Found,
) -> SqlBuilder {
    let mut q = reading.select("FIND_FOLDERS", Kind::Folder);
    of_patient(&mut q, "f", patient);
    of_status(&mut q, "f.status", status);
    if let StoredQuery::FindFolders { last_update_time, codes, .. } = query {
        of_time(&mut q, "f.last_update_time", "1 = 0", last_update_time);
        for codes in codes {
            q.and("EXISTS (SELECT 1 FROM folder_code v WHERE v.patient_key = f.patient_key");
            q.and("v.row_id = f.row_id");
            of_codes(&mut q, "v.value", codes);
            q.sql(")");
        }
    }
    reading.limited(q, Kind::Folder, found)
}
