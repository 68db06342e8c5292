//! Why an assertion is refused: one reason for the record, one fault for the sender.

/// Reason code of a refusal; goes to the audit trail and nowhere else. Source: spec security §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// XUA-STRUCT
    Structure,
    /// XUA-ID
    Id,
    /// XUA-ISSUER
    Issuer,
    /// XUA-SIGPLACE
    SignaturePlace,
    /// XUA-ALG
    Algorithm,
    /// XUA-SIG
    Signature,
    /// XUA-WRAP
    Wrapped,
    /// XUA-TIME
    Time,
    /// XUA-AUD
    Audience,
    /// XUA-AUTHN
    Authentication,
    /// XUA-CONF
    Confirmation,
    /// XUA-REPLAY
    Replay,
    /// XUA-ORG
    Organisation,
    /// XUA-PATIENT
    Patient,
    /// XUA-ATTR
    Attributes,
    /// XUA-MISSING: none was brought where one is required.
    Missing,
}

impl Reason {
    /// As it is recorded.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Structure => "XUA-STRUCT",
            Self::Id => "XUA-ID",
            Self::Issuer => "XUA-ISSUER",
            Self::SignaturePlace => "XUA-SIGPLACE",
            Self::Algorithm => "XUA-ALG",
            Self::Signature => "XUA-SIG",
            Self::Wrapped => "XUA-WRAP",
            Self::Time => "XUA-TIME",
            Self::Audience => "XUA-AUD",
            Self::Authentication => "XUA-AUTHN",
            Self::Confirmation => "XUA-CONF",
            Self::Replay => "XUA-REPLAY",
            Self::Organisation => "XUA-ORG",
            Self::Patient => "XUA-PATIENT",
            Self::Attributes => "XUA-ATTR",
            Self::Missing => "XUA-MISSING",
        }
    }
}

/// What the sender is told. Source: spec security §3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// wsse:UnsupportedSecurityToken
    UnsupportedSecurityToken,
    /// wsse:UnsupportedAlgorithm
    UnsupportedAlgorithm,
    /// wsse:InvalidSecurity
    InvalidSecurity,
    /// wsse:InvalidSecurityToken
    InvalidSecurityToken,
    /// wsse:FailedAuthentication
    FailedAuthentication,
    /// wsse:FailedCheck
    FailedCheck,
    /// wsse:SecurityTokenUnavailable
    SecurityTokenUnavailable,
    /// wsu:MessageExpired
    MessageExpired,
}

/// A refused assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the record.
    pub reason: Reason,
    /// For the sender.
    pub fault: FaultCode,
    /// What in particular was wrong, for the record; holds nothing of the message.
    pub detail: &'static str,
}

impl Refusal {
    /// A refusal with the fault that belongs to its reason.
    pub fn new(reason: Reason, detail: &'static str) -> Self {
        let fault = match reason {
            Reason::Structure | Reason::Missing => FaultCode::InvalidSecurity,
            Reason::Algorithm => FaultCode::UnsupportedAlgorithm,
            Reason::Signature => FaultCode::FailedCheck,
            Reason::Id
            | Reason::SignaturePlace
            | Reason::Wrapped
            | Reason::Time
            | Reason::Audience
            | Reason::Replay
            | Reason::Attributes => FaultCode::InvalidSecurityToken,
            Reason::Issuer | Reason::Authentication | Reason::Confirmation | Reason::Organisation | Reason::Patient => {
                FaultCode::FailedAuthentication
            }
        };
        Self { reason, fault, detail }
    }

    /// The same with another fault.
    #[must_use]
    pub fn told_as(self, fault: FaultCode) -> Self {
        Self { fault, ..self }
    }
}
