//! The kept form of a registry object.

/// A whole registry object in the compact form from which answers are written; opaque to all but its codec in `wire`.
///
/// The first octet is the version of the format. Never in a body, always laid over it from columns: status, patientId,
/// homeCommunityId, lid and version, lastUpdateTime, documentAvailability, repositoryUniqueId, and the object's own id.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(Vec<u8>);

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
