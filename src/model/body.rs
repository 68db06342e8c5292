//! The kept form of a registry object.

use super::{EntryUuid, rim::RegistryObject};

/// A whole registry object in the compact form from which answers are written; opaque to all but its codec in `wire`.
///
/// The first octet is the version of the format. Never in a body, always laid over it from columns: status, patientId,
/// homeCommunityId, lid and version, lastUpdateTime, documentAvailability, repositoryUniqueId, and the object's own id.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(Vec<u8>);

/// Makes the body of an object as it was sent; the second argument gives fresh ids to its classifications and identifiers.
pub type BodyEncoder = fn(&RegistryObject, &mut dyn FnMut() -> EntryUuid) -> Body;

impl Body {
    /// Takes the octets that the codec made, or that the store kept.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} octets)", self.0.len())
    }
}
