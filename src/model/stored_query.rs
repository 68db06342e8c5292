//! The fourteen stored queries, their parameters read and checked.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.7 (spec §6.4).

use super::{
    AssociationType, AvailabilityStatus, CodeValue, DocumentAvailability, DocumentEntryType, Dtm, EntryUuid, PatientId,
};

/// What an answer holds: whole objects or references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnType {
    /// Whole objects.
    LeafClass,
    /// References.
    ObjectRef,
}

/// `from <= value < to`, each padded to its earliest moment (R-18-11); either may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// Inclusive.
    pub from: Option<Dtm>,
    /// Exclusive.
    pub to: Option<Dtm>,
}

/// A LIKE pattern: `%` any string, `_` one character, no escape (R-18-13). Patient data may be in it: not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct LikePattern(pub Box<str>);

impl std::fmt::Debug for LikePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LikePattern")
    }
}

/// All must hold (AND), each by one of its values (OR). Empty: no condition.
pub type AllOf<T> = Vec<Vec<T>>;

/// Conditions on document entries. An empty list is no condition, save for `status` in Find queries, never empty there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// availabilityStatus.
    pub status: Vec<AvailabilityStatus>,
    /// objectType; default Stable only where the query has the parameter, empty elsewhere.
    pub object_types: Vec<DocumentEntryType>,
    /// classCode.
    pub class_codes: Vec<CodeValue>,
    /// typeCode.
    pub type_codes: Vec<CodeValue>,
    /// practiceSettingCode.
    pub practice_setting_codes: Vec<CodeValue>,
    /// healthcareFacilityTypeCode.
    pub healthcare_facility_type_codes: Vec<CodeValue>,
    /// formatCode.
    pub format_codes: Vec<CodeValue>,
    /// eventCodeList.
    pub event_codes: AllOf<CodeValue>,
    /// confidentialityCode.
    pub confidentiality_codes: AllOf<CodeValue>,
    /// referenceIdList.
    pub reference_ids: AllOf<LikePattern>,
    /// authorPerson: one of.
    pub author_persons: Vec<LikePattern>,
    /// creationTime.
    pub creation_time: TimeRange,
    /// serviceStartTime.
    pub service_start_time: TimeRange,
    /// serviceStopTime.
    pub service_stop_time: TimeRange,
    /// documentAvailability.
    pub availability: Vec<DocumentAvailability>,
}

/// By entryUUID (or logicalID, the same in the core) or by uniqueId. An empty list selects nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// entryUUID.
    EntryUuid(Vec<EntryUuid>),
    /// uniqueId; any text may be asked for.
    UniqueId(Vec<Box<str>>),
}

/// A stored query whose parameters are all in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredQuery {
    /// FindDocuments and FindDocumentsByReferenceId (the latter with `reference_ids`).
    FindDocuments {
        /// Whose.
        patient_id: PatientId,
        /// Which.
        filter: EntryFilter,
    },
    /// FindSubmissionSets.
    FindSubmissionSets {
        /// Whose.
        patient_id: PatientId,
        /// Empty never.
        status: Vec<AvailabilityStatus>,
        /// sourceId, exact.
        source_ids: Vec<Box<str>>,
        /// submissionTime.
        submission_time: TimeRange,
        /// authorPerson.
        author_person: Option<LikePattern>,
        /// contentTypeCode.
        content_type_codes: Vec<CodeValue>,
    },
    /// FindFolders.
    FindFolders {
        /// Whose.
        patient_id: PatientId,
        /// Empty never.
        status: Vec<AvailabilityStatus>,
        /// lastUpdateTime.
        last_update_time: TimeRange,
        /// codeList.
        codes: AllOf<CodeValue>,
    },
    /// GetAll.
    GetAll {
        /// Whose.
        patient_id: PatientId,
        /// Which entries (status, formatCode, confidentialityCode, objectType).
        entries: EntryFilter,
        /// Of submission sets.
        submission_set_status: Vec<AvailabilityStatus>,
        /// Of folders.
        folder_status: Vec<AvailabilityStatus>,
        /// Whether associations are wanted at all: not when only Deprecated ones are asked for (R-18-62).
        associations: bool,
    },
    /// GetDocuments.
    GetDocuments(Selector),
    /// GetFolders.
    GetFolders(Selector),
    /// GetAssociations.
    GetAssociations(Vec<EntryUuid>),
    /// GetDocumentsAndAssociations.
    GetDocumentsAndAssociations(Selector),
    /// GetSubmissionSets.
    GetSubmissionSets(Vec<EntryUuid>),
    /// GetSubmissionSetAndContents.
    GetSubmissionSetAndContents {
        /// One set.
        selector: Selector,
        /// Which entries (formatCode, confidentialityCode, objectType).
        entries: EntryFilter,
    },
    /// GetFolderAndContents.
    GetFolderAndContents {
        /// One folder.
        selector: Selector,
        /// Which entries (formatCode, confidentialityCode, objectType).
        entries: EntryFilter,
    },
    /// GetFoldersForDocument.
    GetFoldersForDocument(Selector),
    /// GetRelatedDocuments.
    GetRelatedDocuments {
        /// One document.
        selector: Selector,
        /// Of these kinds.
        association_types: Vec<AssociationType>,
        /// Which entries (objectType).
        entries: EntryFilter,
    },
}
