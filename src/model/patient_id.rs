//! Patient identifiers.

use std::{fmt, str::FromStr};

use super::{Oid, OidError, escape_component, nfc, unescape_component};

/// A patient identifier, CX on the wire: `id^^^&oid&ISO`.
///
/// Equality is that of identifier and assigning authority after unescaping and NFC (R-42-27, R-META-33). `Debug` prints
/// no value: patient data never reach a log.
/// Source: ITI TF-3 §4.2.3.1.7 (R-META-15).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatientId {
    id: Box<str>,
    authority: Oid,
}

/// Why a text is not a [`PatientId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatientIdError {
    /// Component 1 is empty.
    #[error("component 1 (the identifier) is empty")]
    NoId,
    /// Components 2, 3 or those after 4 hold something.
    #[error("components 2, 3 and those after 4 must be empty")]
    ExtraComponent,
    /// Component 4 is missing or not `&oid&ISO`.
    #[error("component 4 must be &oid&ISO")]
    NoAuthority,
    /// The namespace part of component 4 holds something.
    #[error("component 4 must not hold a namespace id before its first &")]
    Namespace,
    /// The authority is not an OID.
    #[error("component 4 must hold an OID: {0}")]
    Authority(#[from] OidError),
    /// `&amp;` as text: the value was escaped twice.
    #[error("the value holds the text &amp;, it was escaped twice")]
    EscapedTwice,
    /// A separator that is not escaped, or an escape that is none.
    #[error("component 1 holds a separator or a broken escape")]
    Escape,
}

impl PatientId {
    /// From the identifier, unescaped, and its assigning authority.
    ///
    /// # Errors
    /// [`PatientIdError::NoId`] for an empty identifier.
    pub fn new(id: &str, authority: Oid) -> Result<Self, PatientIdError> {
        if id.is_empty() {
            return Err(PatientIdError::NoId);
        }
        Ok(Self { id: nfc(id).into(), authority })
    }

    /// The identifier alone, unescaped.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The assigning authority.
    pub fn authority(&self) -> &Oid {
        &self.authority
    }
}

impl FromStr for PatientId {
    type Err = PatientIdError;

    fn from_str(s: &str) -> Result<Self, PatientIdError> {
        if s.contains("&amp;") {
            return Err(PatientIdError::EscapedTwice);
        }
        let mut parts = s.split('^');
        let id = parts.next().unwrap_or_default();
        if id.is_empty() {
            return Err(PatientIdError::NoId);
        }
        if id.contains(['|', '&', '~']) {
            return Err(PatientIdError::Escape);
        }
        let id = unescape_component(id).ok_or(PatientIdError::Escape)?;
        if parts.next().is_some_and(|c| !c.is_empty()) || parts.next().is_some_and(|c| !c.is_empty()) {
            return Err(PatientIdError::ExtraComponent);
        }
        let authority = parts.next().ok_or(PatientIdError::NoAuthority)?;
        if parts.any(|c| !c.is_empty()) {
            return Err(PatientIdError::ExtraComponent);
        }
        let (namespace, rest) = authority.split_once('&').ok_or(PatientIdError::NoAuthority)?;
        if !namespace.is_empty() {
            return Err(PatientIdError::Namespace);
        }
        let oid = rest.strip_suffix("&ISO").ok_or(PatientIdError::NoAuthority)?;
        Self::new(&id, oid.parse()?)
    }
}

impl fmt::Display for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}^^^&{}&ISO", escape_component(&self.id), self.authority)
    }
}

impl fmt::Debug for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_15_what_a_patient_id_is() {
        for good in ["P100^^^&2.999.1.1&ISO", "a\\S\\b\\T\\c\\F\\d\\R\\e\\E\\f^^^&2.999&ISO", " ^^^&1.2&ISO"] {
            assert_eq!(good.parse::<PatientId>().unwrap().to_string(), good);
        }
        for (bad, error) in [
            ("", PatientIdError::NoId),
            ("^^^&1.2&ISO", PatientIdError::NoId),
            ("jd12323^^^wsh", PatientIdError::NoAuthority),
            ("P1", PatientIdError::NoAuthority),
            ("P1^^^&1.2", PatientIdError::NoAuthority),
            ("P1^^^&1.2&DNS", PatientIdError::NoAuthority),
            ("P1^^^HIS&1.2&ISO", PatientIdError::Namespace),
            ("P1^9^^&1.2&ISO", PatientIdError::ExtraComponent),
            ("P1^^M10^&1.2&ISO", PatientIdError::ExtraComponent),
            ("P1^^^&1.2&ISO^PI", PatientIdError::ExtraComponent),
            ("P1^^^&1.x&ISO", PatientIdError::Authority(OidError::Syntax)),
            ("P1^^^&amp;1.2&amp;ISO", PatientIdError::EscapedTwice),
            ("P1|2^^^&1.2&ISO", PatientIdError::Escape),
            ("P1\\X\\^^^&1.2&ISO", PatientIdError::Escape),
            ("P1\\S^^^&1.2&ISO", PatientIdError::Escape),
        ] {
            assert_eq!(bad.parse::<PatientId>(), Err(error), "{bad}");
        }
    }

    #[test]
    fn r_42_27_patient_ids_compare_after_unescaping() {
        let id = |text: &str| text.parse::<PatientId>().unwrap();
        assert_eq!(id("P1^^^&1.2&ISO^^^"), id("P1^^^&1.2&ISO"));
        assert_eq!(id("re\u{301}^^^&1.2&ISO"), id("r\u{e9}^^^&1.2&ISO"));
        assert_eq!(id("a\\S\\b^^^&1.2&ISO").id(), "a^b");
        assert_ne!(id("p1^^^&1.2&ISO"), id("P1^^^&1.2&ISO"));
        assert_ne!(id("P1^^^&1.3&ISO"), id("P1^^^&1.2&ISO"));
    }
}
