//! States and kinds of registry objects.

use super::vocabulary as v;

/// availabilityStatus of a registry object. Source: ITI TF-3 §4.2.3.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AvailabilityStatus {
    /// Valid for patient care.
    Approved,
    /// Replaced or withdrawn.
    Deprecated,
}

impl AvailabilityStatus {
    /// The URN on the wire.
    pub const fn as_urn(self) -> &'static str {
        match self {
            Self::Approved => v::STATUS_APPROVED,
            Self::Deprecated => v::STATUS_DEPRECATED,
        }
    }

    /// The state with this URN.
    pub fn from_urn(urn: &str) -> Option<Self> {
        [Self::Approved, Self::Deprecated].into_iter().find(|s| s.as_urn() == urn)
    }

    /// The number that the store keeps.
    pub const fn to_store(self) -> i64 {
        match self {
            Self::Approved => 1,
            Self::Deprecated => 2,
        }
    }

    /// The state behind a number of the store.
    pub const fn from_store(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Approved),
            2 => Some(Self::Deprecated),
            _ => None,
        }
    }
}

/// Whether an entry stands for stored bytes or for a document made at retrieval. Source: ITI TF-3 §4.2.3.2.30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentEntryType {
    /// Stored bytes.
    Stable,
    /// Made at retrieval.
    OnDemand,
}

impl DocumentEntryType {
    /// The objectType on the wire.
    pub const fn as_urn(self) -> &'static str {
        match self {
            Self::Stable => v::OBJECT_TYPE_STABLE,
            Self::OnDemand => v::OBJECT_TYPE_ON_DEMAND,
        }
    }

    /// The kind with this objectType, hexadecimal digits in any case.
    pub fn from_urn(urn: &str) -> Option<Self> {
        [Self::Stable, Self::OnDemand].into_iter().find(|t| t.as_urn().eq_ignore_ascii_case(urn))
    }

    /// The number that the store keeps.
    pub const fn to_store(self) -> i64 {
        match self {
            Self::Stable => 1,
            Self::OnDemand => 2,
        }
    }

    /// The kind behind a number of the store.
    pub const fn from_store(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Stable),
            2 => Some(Self::OnDemand),
            _ => None,
        }
    }
}

/// documentAvailability of the Metadata Update supplement; absent means online (R-META-36).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentAvailability {
    /// Can be retrieved.
    Online,
    /// Cannot be retrieved for now.
    Offline,
}

impl DocumentAvailability {
    /// The URN on the wire.
    pub const fn as_urn(self) -> &'static str {
        match self {
            Self::Online => v::DOCUMENT_ONLINE,
            Self::Offline => v::DOCUMENT_OFFLINE,
        }
    }

    /// The value with this URN.
    pub fn from_urn(urn: &str) -> Option<Self> {
        [Self::Online, Self::Offline].into_iter().find(|a| a.as_urn() == urn)
    }
}
