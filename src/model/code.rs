//! Coded attributes.

use std::{fmt, str::FromStr};

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

/// What identifies a code: (code, codingScheme), case-sensitive. Written `code^^scheme` in queries and in the store.
///
/// Source: ITI TF-2 §3.18.4.1.2.3.4 (R-18-10).
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
}

impl CodeValue {
    /// From its two parts.
    ///
    /// # Errors
    /// When one of them is empty.
    pub fn new(code: &str, coding_scheme: &str) -> Result<Self, CodeError> {
        if code.is_empty() {
            Err(CodeError::NoCode)
        } else if coding_scheme.is_empty() {
            Err(CodeError::NoScheme)
        } else {
            Ok(Self { code: code.into(), coding_scheme: coding_scheme.into() })
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
