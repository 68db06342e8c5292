//! Persons, as XCN.

use std::{fmt, str::FromStr};

use super::Oid;

/// A person (authorPerson, legalAuthenticator): identifier, names, assigning authority. Kept as sent.
///
/// `Debug` prints no value. Source: ITI TF-3 §4.2.3.1.7 (R-META-17).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Xcn(Box<str>);

/// Why a text is not an [`Xcn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XcnError {
    /// Neither an identifier nor a name.
    #[error("component 1 (identifier) or 2 (family name) must be present")]
    Nobody,
    /// Component 9 is not `&oid&ISO`.
    #[error("component 9 must be &oid&ISO")]
    Authority,
}

/// Reads `&oid&ISO`, the only form of an assigning authority that IHE allows in metadata.
pub(super) fn is_universal_authority(component: &str) -> bool {
    let mut parts = component.split('&');
    let namespace_empty = parts.next() == Some("");
    let oid = parts.next().is_some_and(|oid| oid.parse::<Oid>().is_ok());
    namespace_empty && oid && parts.next() == Some("ISO") && parts.all(str::is_empty)
}

impl Xcn {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The component with this number, counted from 1; empty where it is absent.
    pub fn component(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|index| self.0.split('^').nth(index)).unwrap_or_default()
    }
}

impl FromStr for Xcn {
    type Err = XcnError;

    fn from_str(s: &str) -> Result<Self, XcnError> {
        let xcn = Self(s.into());
        if xcn.component(1).is_empty() && xcn.component(2).is_empty() {
            return Err(XcnError::Nobody);
        }
        let authority = xcn.component(9);
        if !authority.is_empty() && !is_universal_authority(authority) {
            return Err(XcnError::Authority);
        }
        Ok(xcn)
    }
}

impl fmt::Display for Xcn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Xcn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xcn")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_17_what_a_person_is() {
        for good in [
            "4711^Hofer^Anna^^^Dr^^^&2.999.7.2&ISO",
            "^Hofer^Anna",
            "4711",
            "^software",
            "^Hofer^Anna^^^",
            "^Hofer^Anna^^^Dr^MD",
            "4711^Hofer^^^^^^^&2.999&ISO^L^^^PRN",
        ] {
            assert_eq!(good.parse::<Xcn>().unwrap().to_string(), good);
        }
        for (bad, error) in [
            ("", XcnError::Nobody),
            ("^^Anna", XcnError::Nobody),
            ("1^Hofer^^^^^^^2.999", XcnError::Authority),
            ("1^Hofer^^^^^^^HIS&2.999&ISO", XcnError::Authority),
            ("1^Hofer^^^^^^^&2.999", XcnError::Authority),
            ("1^Hofer^^^^^^^&x&ISO", XcnError::Authority),
        ] {
            assert_eq!(bad.parse::<Xcn>(), Err(error), "{bad}");
        }
    }
}
