//! Registry objects as queries return them.

use std::sync::Arc;

use super::{
    AssociationType, AvailabilityStatus, Body, DocumentAvailability, DocumentEntryType, EntryUuid, HomeCommunityId, Oid,
};

macro_rules! debug_without_values {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.entry_uuid)
            }
        }
    )+};
}
pub(super) use debug_without_values;

debug_without_values!(StoredEntry, StoredSubmissionSet, StoredFolder);

/// An entry with the columns that are laid over its body.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// entryUUID, also logicalID in the core.
    pub entry_uuid: EntryUuid,
    /// availabilityStatus.
    pub status: AvailabilityStatus,
    /// Stable or On-Demand.
    pub object_type: DocumentEntryType,
    /// The surviving patient identity, as CX.
    pub patient_id: Arc<str>,
    /// homeCommunityId to write.
    pub home: Option<HomeCommunityId>,
    /// repositoryUniqueId.
    pub repository_unique_id: Oid,
    /// documentAvailability as kept; absent is not written.
    pub availability: Option<DocumentAvailability>,
    /// logicalID.
    pub logical_id: EntryUuid,
    /// Version, from 1.
    pub version: u32,
    /// All the rest.
    pub body: Body,
}

/// A submission set with the columns that are laid over its body.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSubmissionSet {
    /// entryUUID.
    pub entry_uuid: EntryUuid,
    /// The surviving patient identity, as CX.
    pub patient_id: Arc<str>,
    /// homeCommunityId to write.
    pub home: Option<HomeCommunityId>,
    /// All the rest.
    pub body: Body,
}

/// A folder with the columns that are laid over its body.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredFolder {
    /// entryUUID.
    pub entry_uuid: EntryUuid,
    /// availabilityStatus.
    pub status: AvailabilityStatus,
    /// The surviving patient identity, as CX.
    pub patient_id: Arc<str>,
    /// homeCommunityId to write.
    pub home: Option<HomeCommunityId>,
    /// lastUpdateTime, 14 digits.
    pub last_update_time: Box<str>,
    /// logicalID.
    pub logical_id: EntryUuid,
    /// Version, from 1.
    pub version: u32,
    /// All the rest.
    pub body: Body,
}

/// An association with the columns that are laid over its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAssociation {
    /// entryUUID.
    pub entry_uuid: EntryUuid,
    /// What it says.
    pub association_type: AssociationType,
    /// From.
    pub source: EntryUuid,
    /// To.
    pub target: EntryUuid,
    /// homeCommunityId to write.
    pub home: Option<HomeCommunityId>,
    /// Slots and documentation.
    pub body: Body,
}

/// Any registry object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredObject {
    /// A SubmissionSet.
    SubmissionSet(StoredSubmissionSet),
    /// A DocumentEntry.
    DocumentEntry(StoredEntry),
    /// A Folder.
    Folder(StoredFolder),
    /// An Association.
    Association(StoredAssociation),
}

/// The objects of an answer to ITI-18, in the order in which they are written (R-18-50).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryAnswer {
    /// returnType LeafClass.
    LeafClass(Vec<StoredObject>),
    /// returnType ObjectRef: id and homeCommunityId of each object.
    ObjectRef(Vec<(EntryUuid, Option<HomeCommunityId>)>),
}
