//! A query while its parameters are gathered, and the fourteen ways to finish it.
//!
//! All associations of the core are Approved (R-ASC-18). Where $XDSAssociationStatus asks only for others, the query becomes
//! one that finds none.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.7 (spec §6.4, R-18-62).

use crate::model::{
    AssociationType, AvailabilityStatus, CodeValue, DocumentEntryType, EntryUuid, PatientId,
    stored_query::{AllOf, EntryFilter, LikePattern, Selector, StoredQuery, TimeRange},
};

/// The parameters of a query, typed.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) patient_id: Option<PatientId>,
    pub(super) entries: EntryFilter,
    pub(super) submission_set_status: Vec<AvailabilityStatus>,
    pub(super) folder_status: Vec<AvailabilityStatus>,
    pub(super) source_ids: Vec<Box<str>>,
    pub(super) time: TimeRange,
    pub(super) author_person: Option<LikePattern>,
    pub(super) content_type_codes: Vec<CodeValue>,
    pub(super) folder_codes: AllOf<CodeValue>,
    pub(super) entry_uuids: Option<Vec<EntryUuid>>,
    pub(super) unique_ids: Option<Vec<Box<str>>>,
    pub(super) logical_ids: Option<Vec<EntryUuid>>,
    pub(super) association_types: Vec<AssociationType>,
    pub(super) association_status: Option<Vec<AvailabilityStatus>>,
    pub(super) metadata_level: Option<u8>,
}

impl Draft {
    fn selector(&mut self) -> Option<Selector> {
        let uuids = self.entry_uuids.take().or_else(|| self.logical_ids.take());
        uuids.map(Selector::EntryUuid).or_else(|| self.unique_ids.take().map(Selector::UniqueId))
    }

    /// Whether any association can have one of the states asked for.
    fn associations(&self) -> bool {
        self.association_status.as_ref().is_none_or(|status| status.contains(&AvailabilityStatus::Approved))
    }

    /// The filter of a query that knows $XDSDocumentEntryType: Stable entries unless others are asked for (R-18-18).
    fn typed_entries(&mut self) -> EntryFilter {
        let mut entries = std::mem::take(&mut self.entries);
        if entries.object_types.is_empty() {
            entries.object_types.push(DocumentEntryType::Stable);
        }
        entries
    }

    pub(super) fn find_documents(mut self) -> Option<StoredQuery> {
        let filter = self.typed_entries();
        Some(StoredQuery::FindDocuments { patient_id: self.patient_id?, filter })
    }

    pub(super) fn find_submission_sets(self) -> Option<StoredQuery> {
        Some(StoredQuery::FindSubmissionSets {
            patient_id: self.patient_id?,
            status: self.submission_set_status,
            source_ids: self.source_ids,
            submission_time: self.time,
            author_person: self.author_person,
            content_type_codes: self.content_type_codes,
        })
    }

    pub(super) fn find_folders(self) -> Option<StoredQuery> {
        Some(StoredQuery::FindFolders {
            patient_id: self.patient_id?,
            status: self.folder_status,
            last_update_time: self.time,
            codes: self.folder_codes,
        })
    }

    pub(super) fn get_all(mut self) -> Option<StoredQuery> {
        let (entries, associations) = (self.typed_entries(), self.associations());
        Some(StoredQuery::GetAll {
            patient_id: self.patient_id?,
            entries,
            submission_set_status: self.submission_set_status,
            folder_status: self.folder_status,
            associations,
        })
    }

    pub(super) fn get_documents(mut self) -> Option<StoredQuery> {
        self.selector().map(StoredQuery::GetDocuments)
    }

    pub(super) fn get_folders(mut self) -> Option<StoredQuery> {
        self.selector().map(StoredQuery::GetFolders)
    }

    pub(super) fn get_associations(self) -> Option<StoredQuery> {
        let wanted = self.associations();
        let uuids = self.entry_uuids?;
        Some(StoredQuery::GetAssociations(if wanted { uuids } else { Vec::new() }))
    }

    pub(super) fn get_documents_and_associations(mut self) -> Option<StoredQuery> {
        let wanted = self.associations();
        let query = if wanted { StoredQuery::GetDocumentsAndAssociations } else { StoredQuery::GetDocuments };
        self.selector().map(query)
    }

    pub(super) fn get_submission_sets(self) -> Option<StoredQuery> {
        self.entry_uuids.map(StoredQuery::GetSubmissionSets)
    }

    pub(super) fn get_submission_set_and_contents(mut self) -> Option<StoredQuery> {
        let entries = self.typed_entries();
        Some(StoredQuery::GetSubmissionSetAndContents { selector: self.selector()?, entries })
    }

    pub(super) fn get_folder_and_contents(mut self) -> Option<StoredQuery> {
        let entries = self.typed_entries();
        let selector = self.selector()?;
        Some(if self.associations() {
            StoredQuery::GetFolderAndContents { selector, entries }
        } else {
            StoredQuery::GetFolders(selector)
        })
    }

    pub(super) fn get_folders_for_document(mut self) -> Option<StoredQuery> {
        let selector = self.selector()?;
        let wanted = self.associations();
        let nothing = Selector::EntryUuid(Vec::new());
        Some(StoredQuery::GetFoldersForDocument(if wanted { selector } else { nothing }))
    }

    pub(super) fn get_related_documents(mut self) -> Option<StoredQuery> {
        let entries = self.typed_entries();
        let selector = self.selector()?;
        let association_types = if self.associations() { self.association_types } else { Vec::new() };
        Some(StoredQuery::GetRelatedDocuments { selector, association_types, entries })
    }
}
