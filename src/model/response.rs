//! What is told to a partner.

use super::{Severity, XdsErrorCode};

/// One finding about a request, written as one RegistryError.
///
/// `context` is a sentence that names the object, the attribute, what was found and what was expected. It may repeat values
/// of the sender's own request, never a value read from the registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    /// The XDS error code.
    pub code: XdsErrorCode,
    /// codeContext.
    pub context: String,
    /// location: the requirement (`R-42-31`), or the DocumentUniqueId in ITI-43.
    pub location: String,
    /// Error unless it says otherwise.
    pub severity: Severity,
}

impl Finding {
    /// An error.
    pub fn error(code: XdsErrorCode, rule: &str, context: impl Into<String>) -> Self {
        Self { code, context: context.into(), location: rule.to_owned(), severity: Severity::Error }
    }

    /// A warning.
    pub fn warning(code: XdsErrorCode, rule: &str, context: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, rule, context) }
    }
}

impl std::fmt::Debug for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Finding({}, {})", self.code.as_str(), self.severity.as_urn())
    }
}

/// status of a response. Source: ITI TF-3 §4.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseStatus {
    /// All done.
    Success,
    /// Some of it (ITI-43 and gateways).
    PartialSuccess,
    /// Nothing.
    Failure,
}

impl ResponseStatus {
    /// The URN on the wire.
    pub const fn as_urn(self) -> &'static str {
        match self {
            Self::Success => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success",
            Self::PartialSuccess => "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess",
            Self::Failure => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure",
        }
    }

    /// The status with this URN.
    pub fn from_urn(urn: &str) -> Option<Self> {
        [Self::Success, Self::PartialSuccess, Self::Failure].into_iter().find(|s| s.as_urn() == urn)
    }
}

/// rs:RegistryResponse in model terms. Source: ITI TF-3 §4.2.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryResponse {
    /// Success, PartialSuccess or Failure.
    pub status: ResponseStatus,
    /// Errors and warnings; identical ones are told once.
    pub findings: Vec<Finding>,
}

impl RegistryResponse {
    /// Success without remarks.
    pub const fn success() -> Self {
        Self { status: ResponseStatus::Success, findings: Vec::new() }
    }

    /// Failure with its findings.
    pub fn failure(findings: Vec<Finding>) -> Self {
        Self { status: ResponseStatus::Failure, findings }
    }

    /// The worst severity, if there is any finding.
    pub fn highest_severity(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }
}
