//! Faults: what is told when an envelope could not be understood.

use super::{WSSE, WSU};
use crate::wire::{guard::XmlError, mime::MimeError};

/// Name of an element as (namespace, local name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// Namespace name, empty for none.
    pub namespace: Box<str>,
    /// Local name.
    pub local: Box<str>,
}

/// A fault of WS-Security: its QName and fixed text say all that a sender is told. Source: WS-Security 1.1 §12; spec
/// security §3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityFault {
    /// Not a SAML 2.0 assertion, or an encrypted one.
    UnsupportedSecurityToken,
    /// An algorithm or transform that is not on the list.
    UnsupportedAlgorithm,
    /// The structure of the header, or its absence where it is required.
    InvalidSecurity,
    /// The token.
    InvalidSecurityToken,
    /// The token is in order and does not give what is asked.
    FailedAuthentication,
    /// The signature.
    FailedCheck,
    /// A reference that leads nowhere.
    SecurityTokenUnavailable,
    /// A time that is over.
    MessageExpired,
}

impl SecurityFault {
    /// Local name of the subcode.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnsupportedSecurityToken => "UnsupportedSecurityToken",
            Self::UnsupportedAlgorithm => "UnsupportedAlgorithm",
            Self::InvalidSecurity => "InvalidSecurity",
            Self::InvalidSecurityToken => "InvalidSecurityToken",
            Self::FailedAuthentication => "FailedAuthentication",
            Self::FailedCheck => "FailedCheck",
            Self::SecurityTokenUnavailable => "SecurityTokenUnavailable",
            Self::MessageExpired => "MessageExpired",
        }
    }

    /// The fixed text.
    pub fn text(self) -> &'static str {
        match self {
            Self::UnsupportedSecurityToken => "An unsupported token was provided",
            Self::UnsupportedAlgorithm => "An unsupported signature algorithm was used",
            Self::InvalidSecurity => "An error was discovered processing the security header",
            Self::InvalidSecurityToken => "An invalid security token was provided",
            Self::FailedAuthentication => "The security token could not be authenticated or authorized",
            Self::FailedCheck => "The signature was invalid",
            Self::SecurityTokenUnavailable => "Referenced security token could not be retrieved",
            Self::MessageExpired => "The message has expired",
        }
    }

    /// Prefix and namespace of the subcode.
    pub(super) fn namespace(self) -> (&'static str, &'static str) {
        match self {
            Self::MessageExpired => ("wsu", WSU),
            _ => ("wsse", WSSE),
        }
    }
}

/// A problem of the envelope. Problems of the content are RegistryErrors instead (spec §1.5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// SOAP 1.1, or another envelope.
    #[error("the envelope is not of SOAP 1.2")]
    VersionMismatch,
    /// Headers that must be understood and are not (R-SOAP-13).
    #[error("a mandatory SOAP header was not understood")]
    MustUnderstand(Vec<QualifiedName>),
    /// XML that is refused.
    #[error("{0}")]
    Xml(#[from] XmlError),
    /// A multipart body that is refused.
    #[error("{0}")]
    Mime(#[from] MimeError),
    /// Not the structure of an envelope.
    #[error("{0}")]
    Envelope(&'static str),
    /// More octets than are taken.
    #[error("the {what} is larger than {limit} octets")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        limit: u64,
    },
    /// Action or MessageID is missing (R-SOAP-12).
    #[error("the header wsa:{0} is required")]
    HeaderRequired(&'static str),
    /// A header given twice (R-SOAP-09).
    #[error("the header wsa:{0} is given more than once")]
    InvalidCardinality(&'static str),
    /// A reply address that is not served (R-SOAP-14).
    #[error("wsa:{0} may only be the anonymous or the none address here")]
    OnlyAnonymousAddressSupported(&'static str),
    /// An action that this path does not take (R-SOAP-10).
    #[error("the action {action:?} is not taken here; this path takes {taken}")]
    ActionNotSupported {
        /// As received, shortened.
        action: Box<str>,
        /// What the path takes.
        taken: String,
    },
    /// The body is not that of the action (R-SOAP-11).
    #[error("the body of {action} is {expected}, not {found}")]
    BodyMismatch {
        /// The action.
        action: &'static str,
        /// Name of the element that belongs there.
        expected: &'static str,
        /// Local name of the element that was there, shortened.
        found: Box<str>,
    },
    /// MTOM where plain SOAP is wanted, or the other way round (R-SOAP-06 with `strict_encoding`).
    #[error("this transaction wants {0}")]
    Encoding(&'static str),
    /// The node lacks the role for the transaction (S-TLS-17).
    #[error("this node may not call {transaction}")]
    NotAllowed {
        /// `ITI-42`
        transaction: &'static str,
    },
    /// A broken xop:Include (R-SOAP-04, R-SOAP-05).
    #[error("{0}")]
    Include(&'static str),
    /// The user assertion, or its absence.
    #[error("{}", .0.text())]
    Security(SecurityFault),
    /// No answer could be built; the text names the incident in the log (R-SOAP-16).
    #[error("internal error, incident {0}")]
    Internal(Box<str>),
}

/// What a fault says beyond its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subcode {
    /// Of WS-Addressing: subcode, subsubcode.
    Addressing(&'static str, Option<&'static str>),
    /// Of WS-Security. Source: WSS SOAP Message Security 1.1 §12.
    Security(SecurityFault),
}

impl Fault {
    /// Local name of the SOAP fault code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::VersionMismatch => "VersionMismatch",
            Self::MustUnderstand(_) => "MustUnderstand",
            Self::Internal(_) => "Receiver",
            Self::Xml(_)
            | Self::Mime(_)
            | Self::Envelope(_)
            | Self::TooLarge { .. }
            | Self::HeaderRequired(_)
            | Self::InvalidCardinality(_)
            | Self::OnlyAnonymousAddressSupported(_)
            | Self::ActionNotSupported { .. }
            | Self::BodyMismatch { .. }
            | Self::Encoding(_)
            | Self::NotAllowed { .. }
            | Self::Include(_)
            | Self::Security(_) => "Sender",
        }
    }

    /// The code below the fault code, if it is a fault of WS-Addressing or WS-Security.
    pub(super) fn subcode(&self) -> Option<Subcode> {
        let addressing = |subcode, subsubcode| Some(Subcode::Addressing(subcode, subsubcode));
        match self {
            Self::HeaderRequired(_) => addressing("MessageAddressingHeaderRequired", None),
            Self::InvalidCardinality(_) => addressing("InvalidAddressingHeader", Some("InvalidCardinality")),
            Self::OnlyAnonymousAddressSupported(_) => {
                addressing("InvalidAddressingHeader", Some("OnlyAnonymousAddressSupported"))
            }
            Self::ActionNotSupported { .. } => addressing("ActionNotSupported", None),
            Self::NotAllowed { .. } => Some(Subcode::Security(SecurityFault::FailedAuthentication)),
            Self::Security(fault) => Some(Subcode::Security(*fault)),
            _ => None,
        }
    }

    /// The most specific code, for counting and for the list of refusals.
    pub fn name(&self) -> &'static str {
        match self.subcode() {
            Some(Subcode::Addressing(_, Some(subcode)) | Subcode::Addressing(subcode, None)) => subcode,
            Some(Subcode::Security(fault)) => fault.name(),
            None => self.code(),
        }
    }

    /// wsa:Action of the fault message (R-SOAP-17).
    pub fn action(&self) -> &'static str {
        match self.subcode() {
            Some(Subcode::Addressing(..)) => super::ADDRESSING_FAULT_ACTION,
            Some(Subcode::Security(_)) | None => super::SOAP_FAULT_ACTION,
        }
    }

    /// HTTP status (spec §1.5).
    pub fn http_status(&self) -> u16 {
        match self {
            Self::VersionMismatch | Self::MustUnderstand(_) | Self::Internal(_) => 500,
            Self::TooLarge { .. } => 413,
            _ => 400,
        }
    }
}

/// A value of the sender's own request, cut to what may be repeated to them.
pub(crate) fn shortened(text: &str) -> Box<str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
