//! What can go wrong with document bytes.

use std::io;

/// Why bytes could not be kept or read. No message holds a path.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The disk or the quota is full.
    #[error("the document store is out of space")]
    OutOfResources,
    /// Bytes that should be there are not.
    #[error("the bytes of a document are missing from the store")]
    Missing,
    /// There are fewer or more bytes than the repository recorded.
    #[error("a document has {found} bytes in the store where {recorded} were recorded")]
    WrongSize {
        /// What the repository knows.
        recorded: u64,
        /// What is there.
        found: u64,
    },
    /// The disk or the network refused.
    #[error("the document store failed: {0}")]
    Io(io::Error),
    /// The object store refused or cannot be reached; the source says more, with the address.
    #[cfg(feature = "s3")]
    #[error("the object store failed")]
    Bucket(#[source] Box<object_store::Error>),
    /// The work was given up because the server stops, or because an earlier block failed.
    #[error("the document was given up")]
    Aborted,
}

impl From<io::Error> for DocumentError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::OutOfResources
            }
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

impl From<tokio::task::JoinError> for DocumentError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Aborted
    }
}
