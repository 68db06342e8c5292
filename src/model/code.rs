//! Coded attributes.

use std::{fmt, str::FromStr};

use super::nfc;

/// A code with its coding scheme and the name shown to people. The name never takes part in comparing.
///
/// Source: ITI TF-3 §4.2.3.1.2 (R-META-22).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// Code and scheme, what is compared.
    pub value: CodeValue,
    /// What people read.
    pub display_name: Box<str>,
}

/// What identifies a code: (code, codingScheme), case-sensitive, in NFC. Written `code^^scheme` in queries and in the store.
///
/// Source: ITI TF-2 §3.18.4.1.2.3.4 (R-18-10, R-META-33).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeValue {
    code: Box<str>,
    coding_scheme: Box<str>,
}

/// Why a text is not a [`CodeValue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// No code.
    #[error("the code is empty")]
    NoCode,
    /// No coding scheme.
    #[error("the coding scheme is missing; write code^^scheme")]
    NoScheme,
    /// A coding scheme with `^`, which could not be told from the code in `code^^scheme`.
    #[error("a coding scheme has no ^")]
    SchemeSyntax,
}

impl CodeValue {
    /// From its two parts.
    ///
    /// # Errors
    /// When one of them is empty, or the scheme holds `^`.
    pub fn new(code: &str, coding_scheme: &str) -> Result<Self, CodeError> {
        if code.is_empty() {
            Err(CodeError::NoCode)
        } else if coding_scheme.is_empty() {
            Err(CodeError::NoScheme)
        } else if coding_scheme.contains('^') {
            Err(CodeError::SchemeSyntax)
        } else {
            Ok(Self { code: nfc(code).into(), coding_scheme: nfc(coding_scheme).into() })
        }
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The coding scheme, an OID or URN; `urn:oid:1.2.3` and `1.2.3` are different schemes.
    pub fn coding_scheme(&self) -> &str {
        &self.coding_scheme
    }
}

impl FromStr for CodeValue {
    type Err = CodeError;

    /// Splits at the last `^^`: a code may contain `^` (R-18-10).
    fn from_str(s: &str) -> Result<Self, CodeError> {
        let (code, scheme) = s.rsplit_once("^^").ok_or(CodeError::NoScheme)?;
        Self::new(code, scheme)
    }
}

impl fmt::Display for CodeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}^^{}", self.code, self.coding_scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_18_10_codes_are_split_at_the_last_carets() {
        let read = |text: &str| text.parse::<CodeValue>().map(|c| (c.code().to_owned(), c.coding_scheme().to_owned()));
        assert_eq!(read("18842-5^^2.16.840.1.113883.6.1"), Ok(("18842-5".into(), "2.16.840.1.113883.6.1".into())));
        assert_eq!(read("a^b^^urn:oid:1.2"), Ok(("a^b".into(), "urn:oid:1.2".into())));
        assert_eq!(read("a^^b^^1.2"), Ok(("a^^b".into(), "1.2".into())));
        assert_eq!(read("a"), Err(CodeError::NoScheme));
        assert_eq!(read("a^name^1.2"), Err(CodeError::NoScheme));
        assert_eq!(read("a^^"), Err(CodeError::NoScheme));
        assert_eq!(read("^^1.2"), Err(CodeError::NoCode));
        assert_eq!(CodeValue::new("a", "1.2^x"), Err(CodeError::SchemeSyntax));
    }

    #[test]
    fn r_meta_22_codes_compare_by_code_and_scheme() {
        let code = |code, scheme| CodeValue::new(code, scheme).unwrap();
        assert_ne!(code("a", "1.2"), code("A", "1.2"));
        assert_ne!(code("a", "1.2"), code("a", "urn:oid:1.2"));
        assert_eq!(code("e\u{301}", "1.2"), code("\u{e9}", "1.2"));
    }
}
