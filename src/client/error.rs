//! Why a call failed, and what the peer may have done meanwhile.

use crate::wire::{ebrim::DecodeError, guard::XmlError, mime::MimeError, soap::ReplyError};

/// A call that failed. `Display` names no patient; a fault's reason is the peer's own text.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address that can be called.
    #[error("not an address to call; write http://HOST:PORT/PATH or https://HOST:PORT/PATH")]
    Address,
    /// An address of TLS, and nothing that says whom to trust. The list of the operating system is never used (S-TLS-08).
    #[error("nothing says which certificates to trust; name the authority's with --ca FILE or in [client.trust.NAME]")]
    NoTrust,
    /// A file of our own.
    #[error("a file of this side cannot be used: {0}")]
    LocalFile(std::io::Error),
    /// No connection.
    #[error("the peer cannot be reached: {0}")]
    NotReached(String),
    /// The connection broke before the answer.
    #[error("the connection broke before the answer came: {0}")]
    Broken(String),
    /// Nothing came in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// An HTTP status without a SOAP message.
    #[error("the peer answered with HTTP status {0} and no SOAP message")]
    Status(u16),
    /// A SOAP fault.
    #[error("the peer answered with a SOAP fault {code}: {reason}")]
    Fault {
        /// The most specific code.
        code: Box<str>,
        /// The first reason.
        reason: Box<str>,
    },
    /// Something that is no answer to what was asked.
    #[error("the peer's answer cannot be understood: {0}")]
    Answer(String),
}

/// What the peer can have done with a request whose call failed. Source: R-41-11, R-41-13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerActed {
    /// Nothing.
    No,
    /// It refused.
    Refused,
    /// Perhaps all of it.
    Perhaps,
}

impl ClientError {
    /// What the peer can have done.
    pub fn peer_acted(&self) -> PeerActed {
        match self {
            Self::Address | Self::NoTrust | Self::LocalFile(_) | Self::NotReached(_) => PeerActed::No,
            // 5xx may come from a proxy that lost patience; 4xx are refusals.
            Self::Status(status) if *status >= 500 => PeerActed::Perhaps,
            Self::Status(_) | Self::Fault { .. } => PeerActed::Refused,
            Self::Broken(_) | Self::Timeout | Self::Answer(_) => PeerActed::Perhaps,
        }
    }
}

impl From<MimeError> for ClientError {
    fn from(error: MimeError) -> Self {
        Self::Answer(error.to_string())
    }
}

impl From<XmlError> for ClientError {
    fn from(error: XmlError) -> Self {
        Self::Answer(error.to_string())
    }
}

impl From<DecodeError> for ClientError {
    fn from(error: DecodeError) -> Self {
        Self::Answer(error.to_string())
    }
}

impl From<ReplyError> for ClientError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Fault { code, reason } => Self::Fault { code, reason },
            other => Self::Answer(other.to_string()),
        }
    }
}
