//! GetAll and the Get queries: several kinds of objects, read in one snapshot.

use std::{collections::HashMap, sync::Arc};

use super::{
    Reading,
    filter::of_entries,
    find_entries, find_folders, find_sets,
    objects::{Found, Patients},
    packed::{Kind, Unpack, unpack_all},
};
use crate::{
    model::{
        AssociationType, AvailabilityStatus, EntryUuid, PatientId, StoredObject,
        stored_query::{EntryFilter, Selector, StoredQuery},
    },
    store::{
        StoreError,
        sql::{ReadTx, Store, args, builder::SqlBuilder, claims::nfc, sight::of_entry_in_sight, statements},
    },
};

statements! {
    SURVIVORS = "SELECT p.patient_key, s.authority, s.id FROM patient p \
        JOIN patient s ON s.patient_key = p.survivor_key WHERE p.patient_key {in_ints $1}";
}

/// The members of what is in `source_row`; `HasMember` is 1 in the store.
const MEMBERS_OF: &str = ".row_id IN (SELECT m.target_row FROM association m WHERE m.association_type = 1 \
    AND m.source_row";

/// A query that is being answered.
struct Answering<'a> {
    tx: ReadTx,
    reading: Reading<'a>,
    found: Found,
}

impl Store {
    pub(super) async fn answer_in_snapshot(
        &self,
        query: &StoredQuery,
        reading: Reading<'_>,
    ) -> Result<Vec<StoredObject>, StoreError> {
        let mut it = Answering { tx: self.read().await?, reading, found: Found::default() };
        it.collect(query).await?;
        let patients = match query {
            StoredQuery::GetAll { patient_id, .. } => Patients::One(patient_id),
            _ => Patients::Many(it.survivors().await?),
        };
        it.found.into_objects(&patients)
    }
}

impl Answering<'_> {
    async fn collect(&mut self, query: &StoredQuery) -> Result<(), StoreError> {
        match query {
            StoredQuery::GetAll { patient_id, .. } => self.get_all(patient_id, query).await,
            StoredQuery::GetDocuments(selector) => self.entries(selector, &EntryFilter::default()).await,
            StoredQuery::GetFolders(selector) => self.folders(selector).await,
            StoredQuery::GetAssociations(uuids) => {
                let mut q = self.reading.select("GET_ASSOCIATIONS", Kind::Association);
                touching(&mut q, |q| rows_of_uuids(q, uuids));
                self.associations(q).await
            }
            StoredQuery::GetDocumentsAndAssociations(selector) => {
                self.entries(selector, &EntryFilter::default()).await?;
                self.associations_of_found().await
            }
            StoredQuery::GetSubmissionSets(uuids) => self.get_submission_sets(uuids).await,
            StoredQuery::GetSubmissionSetAndContents { selector, entries } => {
                self.get_submission_set_and_contents(selector, entries).await
            }
            StoredQuery::GetFolderAndContents { selector, entries } => {
                self.get_folder_and_contents(selector, entries).await
            }
            StoredQuery::GetFoldersForDocument(selector) => self.get_folders_for_document(selector).await,
            StoredQuery::GetRelatedDocuments { selector, association_types, entries } => {
                self.get_related_documents(selector, association_types, entries).await
            }
            // Answered by one statement each.
            StoredQuery::FindDocuments { .. }
            | StoredQuery::FindSubmissionSets { .. }
            | StoredQuery::FindFolders { .. } => Ok(()),
        }
    }

    async fn get_all(&mut self, patient: &PatientId, query: &StoredQuery) -> Result<(), StoreError> {
        let StoredQuery::GetAll { entries, submission_set_status, folder_status, associations, .. } = query else {
            return Ok(());
        };
        if submission_set_status.contains(&AvailabilityStatus::Approved) {
            let q = find_sets(self.reading, patient, query, &self.found);
            let rows = self.fetch(q).await?;
            self.found.add_sets(rows);
        }
        let q = find_entries(self.reading, patient, entries, &self.found);
        let rows = self.fetch(q).await?;
        self.found.add_entries(rows);
        let q = find_folders(self.reading, patient, folder_status, query, &self.found);
        let rows = self.fetch(q).await?;
        self.found.add_folders(rows);
        if *associations { self.associations_of_found().await } else { Ok(()) }
    }

    async fn get_submission_sets(&mut self, uuids: &[EntryUuid]) -> Result<(), StoreError> {
        let mut q = self.reading.select("GET_SUBMISSION_SETS", Kind::Association);
        q.sql("a.association_type = 1 AND a.target_row ");
        rows_of_uuids(&mut q, uuids);
        q.and("EXISTS (SELECT 1 FROM submission_set s WHERE s.row_id = a.source_row)");
        self.associations(q).await?;
        if self.found.is_empty() {
            return Ok(());
        }
        let sources = self.found.sources();
        let mut q = self.reading.select("GET_SUBMISSION_SETS", Kind::Set);
        q.sql("s.row_id").one_of_ints(sources);
        self.sets(q).await
    }

    async fn get_submission_set_and_contents(
        &mut self,
        selector: &Selector,
        filter: &EntryFilter,
    ) -> Result<(), StoreError> {
        let mut q = self.reading.select("GET_SUBMISSION_SET", Kind::Set);
        by_selector(&mut q, "s", selector);
        self.sets(q).await?;
        if self.found.is_empty() {
            return Ok(());
        }
        let set = self.found.rows();
        let mut q = self.reading.select("GET_SUBMISSION_SET_ENTRIES", Kind::Entry);
        q.sql("d").sql(MEMBERS_OF).one_of_ints(set.clone()).sql(")");
        of_entries(&mut q, filter);
        self.entries_by(q).await?;

        let mut q = self.reading.select("GET_SUBMISSION_SET_FOLDERS", Kind::Folder);
        q.sql("f").sql(MEMBERS_OF).one_of_ints(set.clone()).sql(")");
        self.folders_by(q).await?;

        // Memberships of folders that came with the set: both ends must be in the result.
        let objects = self.found.rows();
        let mut q = self.reading.select("GET_SUBMISSION_SET_MEMBERSHIPS", Kind::Association);
        q.sql("a").sql(MEMBERS_OF).one_of_ints(set.clone()).sql(")");
        q.and("a.source_row").one_of_ints(objects.clone());
        q.and("a.target_row").one_of_ints(objects);
        self.associations(q).await?;

        // The set's own memberships, of all that is in the result now.
        let objects = self.found.rows();
        let mut q = self.reading.select("GET_SUBMISSION_SET_MEMBERS", Kind::Association);
        q.sql("a.association_type = 1").and("a.source_row").one_of_ints(set);
        q.and("a.target_row").one_of_ints(objects);
        self.associations(q).await
    }

    async fn get_folder_and_contents(&mut self, selector: &Selector, filter: &EntryFilter) -> Result<(), StoreError> {
        self.folders(selector).await?;
        if self.found.is_empty() {
            return Ok(());
        }
        let folder = self.found.rows();
        let mut q = self.reading.select("GET_FOLDER_ENTRIES", Kind::Entry);
        q.sql("d").sql(MEMBERS_OF).one_of_ints(folder.clone()).sql(")");
        of_entries(&mut q, filter);
        self.entries_by(q).await?;

        let entries = self.found.rows();
        let mut q = self.reading.select("GET_FOLDER_MEMBERS", Kind::Association);
        q.sql("a.association_type = 1").and("a.source_row").one_of_ints(folder);
        q.and("a.target_row").one_of_ints(entries);
        self.associations(q).await
    }

    async fn get_folders_for_document(&mut self, selector: &Selector) -> Result<(), StoreError> {
        let mut q = self.reading.select("GET_FOLDERS_FOR_DOCUMENT", Kind::Folder);
        q.sql("f.row_id IN (SELECT m.source_row FROM association m WHERE m.association_type = 1 AND m.target_row IN ");
        q.sql("(SELECT d.row_id FROM document_entry d WHERE ");
        by_selector(&mut q, "d", selector);
        of_entry_in_sight(&mut q, "d", self.reading.sight);
        q.sql("))");
        self.folders_by(q).await
    }

    async fn get_related_documents(
        &mut self,
        selector: &Selector,
        types: &[AssociationType],
        filter: &EntryFilter,
    ) -> Result<(), StoreError> {
        let mut q = self.reading.select("GET_RELATED_ASSOCIATIONS", Kind::Association);
        touching(&mut q, |q| {
            q.sql("IN (SELECT d.row_id FROM document_entry d WHERE ");
            by_selector(q, "d", selector);
            q.sql(")");
        });
        q.and("a.association_type").one_of_ints(types.iter().map(|kind| kind.to_store()).collect());
        for end in ["a.source_row", "a.target_row"] {
            q.and("EXISTS (SELECT 1 FROM document_entry d WHERE d.row_id = ").sql(end);
            of_entries(&mut q, filter);
            q.sql(")");
        }
        self.associations(q).await?;
        if self.found.is_empty() {
            return Ok(());
        }
        let ends = self.found.ends();
        let mut q = self.reading.select("GET_RELATED_DOCUMENTS", Kind::Entry);
        q.sql("d.row_id").one_of_ints(ends);
        self.entries_by(q).await
    }

    /// Every association with an end among what was found.
    async fn associations_of_found(&mut self) -> Result<(), StoreError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let rows = self.found.rows();
        let mut q = self.reading.select("ASSOCIATIONS_OF_FOUND", Kind::Association);
        touching(&mut q, |q| {
            q.one_of_ints(rows.clone());
        });
        self.associations(q).await
    }

    async fn entries(&mut self, selector: &Selector, filter: &EntryFilter) -> Result<(), StoreError> {
        let mut q = self.reading.select("GET_DOCUMENTS", Kind::Entry);
        by_selector(&mut q, "d", selector);
        of_entries(&mut q, filter);
        self.entries_by(q).await
    }

    async fn folders(&mut self, selector: &Selector) -> Result<(), StoreError> {
        let mut q = self.reading.select("GET_FOLDERS", Kind::Folder);
        by_selector(&mut q, "f", selector);
        self.folders_by(q).await
    }

    async fn sets(&mut self, q: SqlBuilder) -> Result<(), StoreError> {
        let rows = self.fetch_limited(q, Kind::Set).await?;
        self.found.add_sets(rows);
        Ok(())
    }

    async fn entries_by(&mut self, q: SqlBuilder) -> Result<(), StoreError> {
        let rows = self.fetch_limited(q, Kind::Entry).await?;
        self.found.add_entries(rows);
        Ok(())
    }

    async fn folders_by(&mut self, q: SqlBuilder) -> Result<(), StoreError> {
        let rows = self.fetch_limited(q, Kind::Folder).await?;
        self.found.add_folders(rows);
        Ok(())
    }

    async fn associations(&mut self, q: SqlBuilder) -> Result<(), StoreError> {
        let rows = self.fetch_limited(q, Kind::Association).await?;
        self.found.add_associations(rows);
        Ok(())
    }

    async fn fetch_limited<R: Unpack>(&mut self, q: SqlBuilder, kind: Kind) -> Result<Vec<R>, StoreError> {
        let q = self.reading.limited(q, kind, &self.found);
        self.fetch(q).await
    }

    /// Reads rows, unless there are too many already: then nothing of the answer is used.
    async fn fetch<R: Unpack>(&mut self, q: SqlBuilder) -> Result<Vec<R>, StoreError> {
        if self.reading.is_over(&self.found) {
            return Ok(Vec::new());
        }
        let built = q.build(self.tx.dialect())?;
        let row: Option<(Option<Vec<u8>>,)> = self.tx.fetch_row(built).await?;
        unpack_all(row.and_then(|(packed,)| packed).as_deref())
    }

    /// How the patients of what was found are called after all merges (R-18-16).
    async fn survivors(&mut self) -> Result<HashMap<i64, Arc<str>>, StoreError> {
        let keys = self.found.patient_keys();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(i64, String, String)> = self.tx.fetch_all(&SURVIVORS, args![keys]).await?;
        rows.into_iter()
            .map(|(key, authority, id)| {
                let authority = authority.parse().map_err(|_| StoreError::Corrupt { what: "patient.authority" })?;
                let id = PatientId::new(&id, authority).map_err(|_| StoreError::Corrupt { what: "patient.id" })?;
                Ok((key, id.to_string().into()))
            })
            .collect()
    }
}

/// The condition that one end of an association satisfies `rows`; as a union, for OR would use neither index.
fn touching(q: &mut SqlBuilder, rows: impl Fn(&mut SqlBuilder)) {
    q.sql("a.row_id IN (SELECT m.row_id FROM association m WHERE m.source_row ");
    rows(q);
    q.sql(" UNION SELECT m.row_id FROM association m WHERE m.target_row ");
    rows(q);
    q.sql(")");
}

/// Completes a condition on a row id: that it is the row of one of these entryUUIDs.
fn rows_of_uuids(q: &mut SqlBuilder, uuids: &[EntryUuid]) {
    q.sql("IN (SELECT c.row_id FROM claim c WHERE c.space = 1 AND c.value").one_of_bytes(uuids).sql(")");
}

/// The rows of a table that a selector names. Entries may share a uniqueId (R-18-24); sets and folders do not.
fn by_selector(q: &mut SqlBuilder, alias: &str, selector: &Selector) {
    match selector {
        Selector::EntryUuid(uuids) => {
            q.sql(alias).sql(".row_id ");
            rows_of_uuids(q, uuids);
        }
        Selector::UniqueId(ids) if alias == "d" => {
            q.sql("d.unique_id").one_of_texts(ids.iter().map(|id| nfc(id)).collect());
        }
        Selector::UniqueId(ids) => {
            let values: Vec<Vec<u8>> = ids.iter().map(|id| nfc(id).into_bytes()).collect();
            q.sql(alias).sql(".row_id IN (SELECT c.row_id FROM claim c WHERE c.space = 2 AND c.value");
            q.one_of_bytes(values).sql(")");
        }
    }
}
