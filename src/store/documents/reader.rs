//! A document on its way out.

use std::{fs::File, io::Read, path::PathBuf};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    BLOCK_BYTES, DocumentError,
    hashing::{Sha1AndCrc, Sha256Only},
};
use crate::model::Sha1Hash;

/// A document that is being read, block after block; the next one is read while the last is sent.
#[derive(Debug)]
pub struct DocumentReader {
    size_bytes: u64,
    source: Source,
}

/// Checksums of a document as it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// SHA-1.
    pub sha1: Sha1Hash,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// CRC-32.
    pub crc32: u32,
}

#[derive(Debug)]
enum Source {
    File(FileReader),
    #[cfg(feature = "s3")]
    Object(super::s3::ObjectReader),
}

/// Reads one file ahead of its consumer.
#[derive(Debug)]
pub(super) struct FileReader {
    size_bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(PathBuf),
    Reading(JoinHandle<Result<Block, DocumentError>>),
    Done,
}

/// A block, with the file if there is more to come.
#[derive(Debug)]
struct Block {
    bytes: Bytes,
    rest: Option<(File, u64)>,
}

impl FileReader {
    /// Checks that the file is there with its recorded size. It is opened when the first block is asked for, so that a
    /// request for many documents holds one open file at a time. Blocks: call it where that is allowed.
    pub(super) fn open(path: PathBuf, recorded: u64) -> Result<Self, DocumentError> {
        let found = std::fs::metadata(&path)?.len();
        if found != recorded {
            return Err(DocumentError::WrongSize { recorded, found });
        }
        Ok(Self { size_bytes: recorded, state: State::Waiting(path) })
    }

    async fn next(&mut self) -> Option<Result<Bytes, DocumentError>> {
        let (size, taken) = (self.size_bytes, std::mem::replace(&mut self.state, State::Done));
        let block = match taken {
            State::Done => return None,
            State::Waiting(_) if size == 0 => return None,
            State::Waiting(path) => spawn_blocking(move || read_block(File::open(path)?, size)),
            State::Reading(block) => block,
        };
        match block.await {
            Ok(Ok(Block { bytes, rest })) => {
                if let Some((file, left)) = rest {
                    self.state = State::Reading(spawn_blocking(move || read_block(file, left)));
                }
                Some(Ok(bytes))
            }
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => Some(Err(DocumentError::Aborted)),
        }
    }
}

fn read_block(mut file: File, left: u64) -> Result<Block, DocumentError> {
    let length = usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
    let mut bytes = vec![0_u8; length];
    file.read_exact(&mut bytes)?;
    let left = left - length as u64;
    Ok(Block { bytes: bytes.into(), rest: (left > 0).then_some((file, left)) })
}

impl From<FileReader> for DocumentReader {
    fn from(source: FileReader) -> Self {
        Self { size_bytes: source.size_bytes, source: Source::File(source) }
    }
}

#[cfg(feature = "s3")]
impl From<super::s3::ObjectReader> for DocumentReader {
    fn from(source: super::s3::ObjectReader) -> Self {
        Self { size_bytes: source.size_bytes, source: Source::Object(source) }
    }
}

impl DocumentReader {
    /// Octets that the reader will give.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The next block, at most one MiB; none after the last. Not cancel-safe: a dropped call loses its block.
    pub async fn next(&mut self) -> Option<Result<Bytes, DocumentError>> {
        match &mut self.source {
            Source::File(file) => file.next().await,
            #[cfg(feature = "s3")]
            Source::Object(object) => object.next().await,
        }
    }

    /// Reads all of it for its checksums; `read` is told the octets of each block.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub async fn hash(mut self, read: &(dyn Fn(u64) + Send + Sync)) -> Result<Hashed, DocumentError> {
        let (mut sha1, mut sha256) = (Sha1AndCrc::new(), Sha256Only::new());
        while let Some(block) = self.next().await {
            let block = block?;
            read(block.len() as u64);
            (sha1, sha256) = spawn_blocking(move || {
                sha1.update(&block);
                sha256.update(&block);
                (sha1, sha256)
            })
            .await?;
        }
        let (sha1, crc32) = sha1.finish();
        Ok(Hashed { sha1, sha256: sha256.finish(), crc32 })
    }

    /// The blocks as a stream. It ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, DocumentError>> {
        stream::unfold(self, |mut reader| async move { reader.next().await.map(|block| (block, reader)) })
    }
}
