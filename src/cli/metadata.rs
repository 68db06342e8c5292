//! Submissions made from plain values: what `submit`, `bench` and the demo send.
//!
//! Writes `model::rim` objects under the names of the standard. Source: ITI TF-3 §4.2.3 (spec §2.2).

mod build;
mod codes;

pub(super) use build::{entry, folder, submission};
pub(super) use codes::{CodeLists, CodesError};

use crate::model::{AssociationType, Code};

/// An author; empty texts are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct AuthorMetadata {
    /// XCN.
    pub(super) person: String,
    /// XON.
    pub(super) institution: String,
    pub(super) role: String,
    pub(super) specialty: String,
}

/// A DocumentEntry as a document source knows it.
#[derive(Clone, Debug)]
pub(super) struct EntryMetadata {
    /// Symbolic or `urn:uuid:`.
    pub(super) id: String,
    pub(super) unique_id: String,
    pub(super) mime_type: String,
    /// CX.
    pub(super) patient_id: String,
    /// CX.
    pub(super) source_patient_id: String,
    /// `PID-5|…` and the like.
    pub(super) source_patient_info: Vec<String>,
    pub(super) title: String,
    pub(super) comments: String,
    /// DTM.
    pub(super) creation_time: String,
    /// DTM, or empty.
    pub(super) service_start_time: String,
    /// DTM, or empty.
    pub(super) service_stop_time: String,
    pub(super) language_code: String,
    pub(super) author: AuthorMetadata,
    pub(super) class_code: Code,
    pub(super) type_code: Code,
    pub(super) format_code: Code,
    pub(super) facility_code: Code,
    pub(super) practice_setting_code: Code,
    pub(super) confidentiality_codes: Vec<Code>,
    pub(super) event_codes: Vec<Code>,
    /// CXi.
    pub(super) reference_ids: Vec<String>,
    /// Lower-case hexadecimal digits, or empty.
    pub(super) hash: String,
    pub(super) size_bytes: Option<u64>,
    /// OID; only a repository sends it.
    pub(super) repository_unique_id: Option<String>,
}

/// A SubmissionSet.
#[derive(Clone, Debug)]
pub(super) struct SetMetadata {
    pub(super) unique_id: String,
    /// OID of the sending system.
    pub(super) source_id: String,
    /// CX.
    pub(super) patient_id: String,
    pub(super) title: String,
    /// DTM.
    pub(super) submission_time: String,
    pub(super) content_type_code: Code,
    pub(super) author: AuthorMetadata,
}

/// A relation of a new entry to one that is registered, or to a folder of the same submission.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) association_type: AssociationType,
    pub(super) source: String,
    pub(super) target: String,
}
