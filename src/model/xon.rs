//! Organisations, as XON.

use std::{fmt, str::FromStr};

use super::Oid;

/// An organisation (authorInstitution): name and identifier. Kept as sent. Source: ITI TF-3 §4.2.3.1.7 (R-META-18).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Xon(Box<str>);

/// Why a text is not an [`Xon`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XonError {
    /// Component 1 is empty.
    #[error("component 1 (the name) is empty")]
    NoName,
    /// Component 6 lacks the OID and ISO that an identifier in component 10 needs.
    #[error("component 6 must be &oid&ISO when component 10 is not an OID")]
    Authority,
    /// Another component than 1, 6 and 10 holds something.
    #[error("only components 1, 6 and 10 may be present")]
    ExtraComponent,
}

impl Xon {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the organisation.
    pub fn name(&self) -> &str {
        self.0.split('^').next().unwrap_or_default()
    }
}

impl FromStr for Xon {
    type Err = XonError;

    fn from_str(s: &str) -> Result<Self, XonError> {
        let (mut authority, mut identifier) = ("", "");
        for (index, component) in s.split('^').enumerate() {
            match index + 1 {
                1 if component.is_empty() => return Err(XonError::NoName),
                1 => {}
                6 => authority = component,
                10 => identifier = component,
                _ if component.is_empty() => {}
                _ => return Err(XonError::ExtraComponent),
            }
        }
        let mut parts = authority.split('&').skip(1);
        let known = parts.next().is_some_and(|oid| oid.parse::<Oid>().is_ok()) && parts.next() == Some("ISO");
        let needs_authority = !identifier.is_empty() && identifier.parse::<Oid>().is_err();
        if (needs_authority || !authority.is_empty()) && !known {
            return Err(XonError::Authority);
        }
        Ok(Self(s.into()))
    }
}

impl fmt::Display for Xon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_18_what_an_organisation_is() {
        for good in [
            "Sample Clinic",
            "Sample Clinic^^^^^^^^^2.999.7.3",
            "Sample Clinic^^^^^&2.999&ISO^^^^45",
            "Sample Clinic^^^^^HIS&2.999&ISO^^^^45",
            "Sample Clinic^^",
        ] {
            assert_eq!(good.parse::<Xon>().unwrap().to_string(), good);
        }
        assert_eq!("Sample Clinic^^^^^^^^^2.999.7.3".parse::<Xon>().unwrap().name(), "Sample Clinic");
        for (bad, error) in [
            ("", XonError::NoName),
            ("^^^^^^^^^2.999", XonError::NoName),
            ("Clinic^L", XonError::ExtraComponent),
            ("Clinic^^^^^^^^^^x", XonError::ExtraComponent),
            ("Clinic^^^^^^^^^45", XonError::Authority),
            ("Clinic^^^^^&2.999&DNS^^^^45", XonError::Authority),
            ("Clinic^^^^^2.999^^^^45", XonError::Authority),
        ] {
            assert_eq!(bad.parse::<Xon>(), Err(error), "{bad}");
        }
    }
}
