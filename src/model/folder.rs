//! Collections of documents.

use super::{Body, Code, EntryUuid, HomeCommunityId, Oid, PatientId};

/// A Folder that passed all rules which need no registry. Source: ITI TF-3 §4.2.3.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its permanent identifier.
    pub entry_uuid: EntryUuid,
    /// What it was called in the submission, for messages.
    pub submitted_id: Box<str>,
    /// uniqueId.
    pub unique_id: Oid,
    /// The patient.
    pub patient_id: PatientId,
    /// codeList, at least one.
    pub codes: Vec<Code>,
    /// homeCommunityId as submitted.
    pub home: Option<HomeCommunityId>,
    /// All the rest, for answers.
    pub body: Body,
}
