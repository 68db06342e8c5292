//! Document bytes: received once, hashed on the way, durable before anybody is told, never changed afterwards.
//!
//! A document lies under a random [`BlobId`]; which uniqueId it belongs to is the database's to know. Nothing here is
//! removed by a request: what never became part of the repository is found by the sweep. Works in blocks of one MiB, so
//! that no document is ever whole in memory, and holds no database connection. Uses `model` only.
//!
//! The way in: [`DocumentStore::receive`], [`Incoming::write`], [`Incoming::finish`]; the caller commits the blobs as
//! pending; [`DocumentStore::place`]; the caller commits them as kept, together with the metadata.

mod blob_id;
mod error;
mod files;
mod hashing;
mod incoming;
mod intake;
mod reader;
#[cfg(feature = "s3")]
mod s3;
mod sweep;
mod temporary;
#[cfg(test)]
mod tests;
mod upkeep;

use std::path::PathBuf;

pub use blob_id::{BlobId, BlobIdError};
pub use error::DocumentError;
pub use incoming::{Incoming, Received};
pub use reader::{DocumentReader, Hashed};
#[cfg(feature = "s3")]
pub use s3::{S3Settings, S3Store};
pub use sweep::{Extent, SweepError, SweepTimes, Swept, sweep};

use files::FileStore;
use incoming::Target;

/// How much is read, hashed and written at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// Where documents are kept.
#[derive(Clone, Debug)]
pub enum DocumentSettings {
    /// In sharded folders below this one.
    Files {
        /// The folder, made if it is not there.
        folder: PathBuf,
    },
    /// In a bucket.
    #[cfg(feature = "s3")]
    S3(S3Settings),
}

/// The store of document bytes; cheap to clone.
#[derive(Clone, Debug)]
pub enum DocumentStore {
    /// Sharded folders.
    Files(FileStore),
    /// Objects in a bucket.
    #[cfg(feature = "s3")]
    S3(S3Store),
}

impl DocumentStore {
    /// Opens the store, making what is missing. Touches the disk: call it before serving.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(settings: &DocumentSettings) -> Result<Self, DocumentError> {
        match settings {
            DocumentSettings::Files { folder } => FileStore::open(folder).map(Self::Files),
            #[cfg(feature = "s3")]
            DocumentSettings::S3(settings) => S3Store::open(settings).map(Self::S3),
        }
    }

    /// Begins to receive one document under a fresh random id.
    ///
    /// # Errors
    /// When the system gives no random octets.
    pub fn receive(&self) -> Result<Incoming, DocumentError> {
        let blob = match self {
            Self::Files(files) => files.intake().draw()?,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.intake.draw()?,
        };
        Ok(self.receive_as(blob))
    }

    /// Begins to receive the bytes that another store has under this id.
    pub fn receive_as(&self, blob: BlobId) -> Incoming {
        let target = match self {
            Self::Files(files) => Target::Files(files.clone()),
            #[cfg(feature = "s3")]
            Self::S3(bucket) => Target::Bucket(bucket.clone(), bucket.upload(&blob)),
        };
        Incoming::new(target, blob)
    }

    /// Makes documents durable under their final names, all of one request together: when this returns, they survive a
    /// power cut. Their blobs must be committed as pending before.
    ///
    /// Each document is fsynced, renamed, and then each folder that changed is fsynced once.
    ///
    /// # Errors
    /// Some may have been placed when it fails; the sweep finds them.
    pub async fn place(&self, documents: Vec<Received>) -> Result<(), DocumentError> {
        match self {
            Self::Files(files) => files.place(documents).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.place(documents).await,
        }
    }

    /// Opens a document of the size that the repository recorded for it.
    ///
    /// # Errors
    /// [`DocumentError::Missing`] and [`DocumentError::WrongSize`] when the bytes are not what was recorded.
    pub async fn read(&self, blob: BlobId, size_bytes: u64) -> Result<DocumentReader, DocumentError> {
        match self.read_all(vec![(blob, size_bytes)]).await.pop() {
            Some(reader) => reader,
            None => Err(DocumentError::Missing),
        }
    }

    /// Opens many documents at once, each with its recorded size; the answers are in the order asked.
    pub async fn read_all(&self, documents: Vec<(BlobId, u64)>) -> Vec<Result<DocumentReader, DocumentError>> {
        match self {
            Self::Files(files) => files.read_all(documents).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.read_all(documents).await,
        }
    }
}
