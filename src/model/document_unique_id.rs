//! The uniqueId of a DocumentEntry.

use std::{fmt, str::FromStr};

/// DocumentEntry.uniqueId: opaque, 1 to 256 characters, no control characters.
///
/// An OID, an OID with `^` and an extension, a UUID URN or any other URI are all met with; none is demanded.
/// Source: ITI TF-3 §4.2.3.2.26 (R-META-31, S-IN-25).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentUniqueId(Box<str>);

/// Why a text is not a [`DocumentUniqueId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentUniqueIdError {
    /// Nothing at all.
    #[error("a uniqueId must not be empty")]
    Empty,
    /// More than 256 characters.
    #[error("a uniqueId has at most 256 characters")]
    TooLong,
    /// A control character.
    #[error("a uniqueId has no control characters")]
    Control,
}

impl DocumentUniqueId {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DocumentUniqueId {
    type Err = DocumentUniqueIdError;

    fn from_str(s: &str) -> Result<Self, DocumentUniqueIdError> {
        if s.is_empty() {
            Err(DocumentUniqueIdError::Empty)
        } else if s.chars().count() > 256 {
            Err(DocumentUniqueIdError::TooLong)
        } else if s.chars().any(char::is_control) {
            Err(DocumentUniqueIdError::Control)
        } else {
            Ok(Self(s.into()))
        }
    }
}

impl fmt::Display for DocumentUniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_31_a_unique_id_is_any_short_text() {
        let longest = "\u{e9}".repeat(256);
        for good in ["1.2.3", "1.2.3^DS-77", "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "../../x", &longest] {
            assert_eq!(good.parse::<DocumentUniqueId>().unwrap().to_string(), good);
        }
        assert_eq!("".parse::<DocumentUniqueId>(), Err(DocumentUniqueIdError::Empty));
        assert_eq!("a\u{0}".parse::<DocumentUniqueId>(), Err(DocumentUniqueIdError::Control));
        assert_eq!("x".repeat(257).parse::<DocumentUniqueId>(), Err(DocumentUniqueIdError::TooLong));
    }
}
