//! What was sent together.

use super::{Body, Code, Dtm, EntryUuid, HomeCommunityId, Oid, PatientId, stored::debug_without_values};

debug_without_values!(SubmissionSet);

/// A SubmissionSet that passed all rules which need no registry. Source: ITI TF-3 §4.2.3.3.
#[derive(Clone, PartialEq, Eq)]
pub struct SubmissionSet {
    /// Its permanent identifier.
    pub entry_uuid: EntryUuid,
    /// What it was called in the submission, for messages.
    pub submitted_id: Box<str>,
    /// uniqueId.
    pub unique_id: Oid,
    /// Who sent it.
    pub source_id: Oid,
    /// The patient.
    pub patient_id: PatientId,
    /// When it was made.
    pub submission_time: Dtm,
    /// contentTypeCode.
    pub content_type_code: Code,
    /// The authorPerson values of all authors.
    pub author_persons: Vec<Box<str>>,
    /// homeCommunityId as submitted.
    pub home: Option<HomeCommunityId>,
    /// All the rest, for answers.
    pub body: Body,
}
