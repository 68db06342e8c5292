//! ISO object identifiers.

use std::{fmt, str::FromStr};

/// ISO object identifier, dotted decimal, at most 64 characters, first arc 0 to 2.
///
/// Source: ITI TF-3 §4.2.3.1.7 (R-META-13).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(Box<str>);

/// Why a text is not an [`Oid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidError {
    /// Nothing at all.
    #[error("an OID must not be empty")]
    Empty,
    /// More than 64 characters.
    #[error("an OID has at most 64 characters")]
    TooLong,
    /// The first arc is none of 0, 1 and 2.
    #[error("the first arc of an OID is 0, 1 or 2")]
    FirstArc,
    /// Another character than a digit or a dot, an empty arc, or an arc with a leading zero.
    #[error("an OID is digits and dots, without empty arcs or leading zeros")]
    Syntax,
    /// Only one arc.
    #[error("an OID has at least two arcs")]
    OneArc,
}

impl Oid {
    /// Longest text of an OID. Source: ITI TF-3 §4.2.3.1.7.
    pub const MAX_LENGTH: usize = 64;

    fn check(s: &str) -> Result<(), OidError> {
        if s.is_empty() {
            return Err(OidError::Empty);
        }
        if s.len() > Self::MAX_LENGTH {
            return Err(OidError::TooLong);
        }
        let mut arcs = 0;
        for arc in s.split('.') {
            let digits = !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit());
            if !digits || (arc.len() > 1 && arc.starts_with('0')) {
                return Err(OidError::Syntax);
            }
            if arcs == 0 && !matches!(arc, "0" | "1" | "2") {
                return Err(OidError::FirstArc);
            }
            arcs += 1;
        }
        if arcs < 2 { Err(OidError::OneArc) } else { Ok(()) }
    }

    /// The dotted text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(s: &str) -> Result<Self, OidError> {
        Self::check(s).map(|()| Self(s.into()))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_13_what_an_oid_is() {
        let (longest, too_long) = (format!("1.{}", "2".repeat(62)), format!("1.{}", "2".repeat(63)));
        for good in ["0.0", "1.2", "2.999.40.1.20240305.1", "2.16.840.1.113883.6.1", &longest] {
            assert_eq!(good.parse::<Oid>().unwrap().to_string(), good);
        }
        for (bad, error) in [
            ("", OidError::Empty),
            (&*too_long, OidError::TooLong),
            ("3.1", OidError::FirstArc),
            ("1", OidError::OneArc),
            ("1.", OidError::Syntax),
            (".1", OidError::Syntax),
            ("1..2", OidError::Syntax),
            ("1.02", OidError::Syntax),
            ("1.2a", OidError::Syntax),
            ("1.٢", OidError::Syntax),
            ("urn:oid:1.2", OidError::Syntax),
            (" 1.2", OidError::Syntax),
        ] {
            assert_eq!(bad.parse::<Oid>(), Err(error), "{bad}");
        }
    }
}
