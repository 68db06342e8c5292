//! Relations between registry objects.

use super::{Body, EntryUuid, vocabulary as v};

/// The kinds of association that the core registers. Source: ITI TF-3 §4.2.2 (spec §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AssociationType {
    /// Membership of a SubmissionSet or Folder.
    HasMember,
    /// An addendum.
    Append,
    /// A replacement.
    Replace,
    /// The same content in another form.
    Transform,
    /// Another form that replaces.
    TransformReplace,
    /// A signature.
    Signs,
    /// A stored form of an on-demand document.
    IsSnapshotOf,
}

impl AssociationType {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::HasMember,
        Self::Append,
        Self::Replace,
        Self::Transform,
        Self::TransformReplace,
        Self::Signs,
        Self::IsSnapshotOf,
    ];

    /// The URN on the wire.
    pub const fn as_urn(self) -> &'static str {
        match self {
            Self::HasMember => v::ASSOCIATION_HAS_MEMBER,
            Self::Append => v::ASSOCIATION_APND,
            Self::Replace => v::ASSOCIATION_RPLC,
            Self::Transform => v::ASSOCIATION_XFRM,
            Self::TransformReplace => v::ASSOCIATION_XFRM_RPLC,
            Self::Signs => v::ASSOCIATION_SIGNS,
            Self::IsSnapshotOf => v::ASSOCIATION_IS_SNAPSHOT_OF,
        }
    }

    /// The kind with this URN.
    pub fn from_urn(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_urn() == urn)
    }

    /// Whether the target becomes Deprecated.
    pub const fn replaces(self) -> bool {
        matches!(self, Self::Replace | Self::TransformReplace)
    }

    /// The number that the store keeps.
    pub const fn to_store(self) -> i64 {
        self as i64 + 1
    }

    /// The kind behind a number of the store.
    pub fn from_store(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.to_store() == number)
    }
}

/// SubmissionSetStatus: whether a set brought the document or only points to it. Source: ITI TF-3 §4.2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubmissionSetStatus {
    /// The document came with the set.
    Original,
    /// The document was in the registry before.
    Reference,
}

/// A relation that may be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// Its own identifier.
    pub entry_uuid: EntryUuid,
    /// What it says.
    pub association_type: AssociationType,
    /// From.
    pub source: EntryUuid,
    /// To.
    pub target: EntryUuid,
    /// Present on memberships of a document in a set.
    pub submission_set_status: Option<SubmissionSetStatus>,
    /// All the rest, for answers.
    pub body: Body,
}
