//! A submission that may be registered.

use super::{Association, DocumentEntry, EntryUuid, Finding, Folder, SubmissionSet};

/// One submission: all of it becomes visible, or none. All ids are UUIDs. Source: ITI TF-3 §4.1.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The set that holds it together.
    pub submission_set: SubmissionSet,
    /// New entries.
    pub document_entries: Vec<DocumentEntry>,
    /// New folders.
    pub folders: Vec<Folder>,
    /// New associations, each checked for its form; ends outside the submission are the registry's to check.
    pub associations: Vec<Association>,
    /// Warnings to give with Success, such as XDSExtraMetadataNotSaved.
    pub warnings: Vec<Finding>,
}

impl Submission {
    /// The new entry with this id.
    pub fn document_entry(&self, id: &EntryUuid) -> Option<&DocumentEntry> {
        self.document_entries.iter().find(|entry| entry.entry_uuid == *id)
    }

    /// The new folder with this id.
    pub fn folder(&self, id: &EntryUuid) -> Option<&Folder> {
        self.folders.iter().find(|folder| folder.entry_uuid == *id)
    }
}
