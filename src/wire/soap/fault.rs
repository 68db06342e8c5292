//! Faults: what is told when an envelope could not be understood.

use crate::wire::{guard::XmlError, mime::MimeError};

/// Name of an element as (namespace, local name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// Namespace name, empty for none.
    pub namespace: Box<str>,
    /// Local name.
    pub local: Box<str>,
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
    /// A broken xop:Include (R-SOAP-04, R-SOAP-05).
    #[error("{0}")]
    Include(&'static str),
    /// No answer could be built; the text names the incident in the log (R-SOAP-16).
    #[error("internal error, incident {0}")]
    Internal(Box<str>),
}

/// Names of the addressing part of a fault: subcode, subsubcode.
pub(super) type Subcode = (&'static str, Option<&'static str>);

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
            | Self::Include(_) => "Sender",
        }
    }

    /// The fault code of WS-Addressing, if it is one of its faults.
    pub(super) fn subcode(&self) -> Option<Subcode> {
        match self {
            Self::HeaderRequired(_) => Some(("MessageAddressingHeaderRequired", None)),
            Self::InvalidCardinality(_) => Some(("InvalidAddressingHeader", Some("InvalidCardinality"))),
            Self::OnlyAnonymousAddressSupported(_) => {
                Some(("InvalidAddressingHeader", Some("OnlyAnonymousAddressSupported")))
            }
            Self::ActionNotSupported { .. } => Some(("ActionNotSupported", None)),
            _ => None,
        }
    }

    /// The most specific code, for counting and for the list of refusals.
    pub fn name(&self) -> &'static str {
        match self.subcode() {
            Some((_, Some(subsubcode))) => subsubcode,
            Some((subcode, None)) => subcode,
            None => self.code(),
        }
    }

    /// wsa:Action of the fault message (R-SOAP-17).
    pub fn action(&self) -> &'static str {
        if self.subcode().is_some() { super::ADDRESSING_FAULT_ACTION } else { super::SOAP_FAULT_ACTION }
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
