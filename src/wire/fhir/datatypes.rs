//! Data types of FHIR R4.

use serde::Serialize;

/// Coding
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coding {
    /// An URI; absent where the code system has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// code
    pub code: String,
    /// display
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

impl Coding {
    /// A code of a system that FHIR knows.
    pub fn new(system: &str, code: impl Into<String>) -> Self {
        Self { system: Some(system.to_owned()), code: code.into(), display: None }
    }
}

/// CodeableConcept
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeableConcept {
    /// coding
    pub coding: [Coding; 1],
}

impl From<Coding> for CodeableConcept {
    fn from(coding: Coding) -> Self {
        Self { coding: [coding] }
    }
}

/// Identifier
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identifier {
    /// type
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<CodeableConcept>,
    /// An URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// value
    pub value: String,
}

/// Reference by identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// identifier
    pub identifier: Identifier,
}
