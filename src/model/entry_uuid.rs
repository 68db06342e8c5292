//! Identifiers of registry objects.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// The entryUUID of a registry object: a UUID, written `urn:uuid:` and lower case.
///
/// Upper-case hexadecimal digits and an upper-case `URN:UUID:` are read and become lower case.
/// Source: ITI TF-3 §4.2.3.2.6 (R-META-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryUuid(Uuid);

/// A text that begins with `urn:uuid:` without a well-formed UUID behind it, or does not begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entryUUID is urn:uuid: and a UUID of 8-4-4-4-12 hexadecimal digits")]
pub struct EntryUuidError;

const PREFIX: &str = "urn:uuid:";

impl EntryUuid {
    /// From the sixteen octets of the UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen octets of the UUID.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Appends the wire form, `urn:uuid:` and 36 characters.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut text = [0_u8; 36];
        self.0.hyphenated().encode_lower(&mut text);
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend_from_slice(&text);
    }

    fn has_prefix(s: &str) -> bool {
        s.get(..PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PREFIX))
    }
}

impl FromStr for EntryUuid {
    type Err = EntryUuidError;

    fn from_str(s: &str) -> Result<Self, EntryUuidError> {
        if !Self::has_prefix(s) || s.len() != PREFIX.len() + 36 {
            return Err(EntryUuidError);
        }
        let text = s.get(PREFIX.len()..).ok_or(EntryUuidError)?;
        Uuid::try_parse(text).map(Self).map_err(|_| EntryUuidError)
    }
}

impl fmt::Display for EntryUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.hyphenated())
    }
}

/// An `id` as submitted: a UUID for ever, or a symbol that lives within one submission.
///
/// Anything that does not begin with `urn:uuid:` is symbolic. Source: ITI TF-3 §4.1.12.3 (R-42-10).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectId {
    /// A UUID, kept as it is.
    Uuid(EntryUuid),
    /// A name within the submission, to be replaced by a new UUID.
    Symbolic(Box<str>),
}

impl FromStr for ObjectId {
    type Err = EntryUuidError;

    fn from_str(s: &str) -> Result<Self, EntryUuidError> {
        if EntryUuid::has_prefix(s) { s.parse().map(Self::Uuid) } else { Ok(Self::Symbolic(s.into())) }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Symbolic(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_32_what_an_entry_uuid_is() {
        let lower = "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
        for good in [lower, &lower.to_uppercase(), "urn:uuid:AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee"] {
            assert_eq!(good.parse::<EntryUuid>().unwrap().to_string(), lower);
            assert!(matches!(good.parse(), Ok(ObjectId::Uuid(_))));
        }
        for bad in [
            "urn:uuid:",
            "urn:uuid:aaaaaaaabbbb4ccc8dddeeeeeeeeeeee",
            "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeeg",
            "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee ",
            "urn:uuid:aaaaaaaabbbb-4ccc-8ddd-eeeeeeeeeeee-",
            "URN:UUID:Doc01",
        ] {
            assert_eq!(bad.parse::<EntryUuid>(), Err(EntryUuidError), "{bad}");
            assert_eq!(bad.parse::<ObjectId>(), Err(EntryUuidError), "{bad}");
        }
        // Spec section 8, 26.
        for symbol in
            ["Doc01", "urn:doc:1", "cid:1@x", "a b", "", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "urn:oid:1.2"]
        {
            assert_eq!(symbol.parse(), Ok(ObjectId::Symbolic(symbol.into())));
            assert!(symbol.parse::<EntryUuid>().is_err());
        }
    }
}
