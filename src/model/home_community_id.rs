//! Identifiers of communities.

use std::{fmt, str::FromStr};

use super::{Oid, OidError};

/// homeCommunityId: an OID, `urn:oid:` and the OID on the wire. Source: ITI TF-3 §4.2.3.2.12 (R-META-14).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HomeCommunityId(Oid);

/// Why a text is not a [`HomeCommunityId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeCommunityIdError {
    /// No `urn:oid:` in front.
    #[error("a homeCommunityId begins with urn:oid:")]
    Prefix,
    /// What follows is no OID.
    #[error("a homeCommunityId is urn:oid: and an OID: {0}")]
    Oid(#[from] OidError),
}

impl HomeCommunityId {
    /// From its OID.
    pub const fn new(oid: Oid) -> Self {
        Self(oid)
    }

    /// The OID alone.
    pub fn oid(&self) -> &Oid {
        &self.0
    }
}

impl FromStr for HomeCommunityId {
    type Err = HomeCommunityIdError;

    fn from_str(s: &str) -> Result<Self, HomeCommunityIdError> {
        let oid = s.strip_prefix("urn:oid:").ok_or(HomeCommunityIdError::Prefix)?;
        Ok(Self(oid.parse()?))
    }
}

impl fmt::Display for HomeCommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "urn:oid:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_14_what_a_home_community_id_is() {
        assert_eq!("urn:oid:2.999".parse::<HomeCommunityId>().unwrap().oid().as_str(), "2.999");
        assert_eq!("2.999".parse::<HomeCommunityId>(), Err(HomeCommunityIdError::Prefix));
        assert_eq!("urn:oid:x".parse::<HomeCommunityId>(), Err(HomeCommunityIdError::Oid(OidError::Syntax)));
        assert_eq!("".parse::<HomeCommunityId>(), Err(HomeCommunityIdError::Prefix));
    }
}
