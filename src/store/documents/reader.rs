//! A document on its way out.

use std::{fs::File, io::IoSliceMut, num::NonZeroU64, os::unix::fs::FileExt, path::PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use rustix::{
    fs::{Advice, fadvise},
    io::{ReadWriteFlags, preadv2},
};
use tokio::task::spawn_blocking;

use super::{
    BLOCK_BYTES, DocumentError,
    hashing::{Sha1AndCrc, Sha256Only},
};
use crate::model::Sha1Hash;

/// A document that is being read, block after block.
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

/// Reads one file, block after block.
///
/// What the machine holds in memory is read where it is asked for, in blocks that stay in the processor's cache while they go
/// out; only what must come from the disk is waited for elsewhere, with a hint of what follows.
#[derive(Debug)]
pub(super) struct FileReader {
    size_bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(PathBuf),
    Open { file: File, offset: u64 },
    Done,
}

/// Octets read at a time from what is in memory.
const CACHED_BLOCK_BYTES: usize = 256 << 10;
/// Octets that the disk is told to fetch after a block that it was waited for.
const AHEAD_BYTES: u64 = 4 << 20;

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
        let size = self.size_bytes;
        let read = match std::mem::replace(&mut self.state, State::Done) {
            State::Done => return None,
            State::Waiting(_) if size == 0 => return None,
            State::Waiting(path) => spawn_blocking(move || from_disk(File::open(path)?, 0, size)).await,
            State::Open { file, offset } => match in_memory(&file, offset, size) {
                Some(bytes) => Ok(Ok((file, bytes, offset))),
                None => spawn_blocking(move || from_disk(file, offset, size)).await,
            },
        };
        match read {
            Ok(Ok((file, bytes, offset))) => {
                let offset = offset + bytes.len() as u64;
                if offset < size {
                    self.state = State::Open { file, offset };
                }
                Some(Ok(bytes))
            }
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => Some(Err(DocumentError::Aborted)),
        }
    }
}

/// The octets from `offset` on, if they can be had without waiting for the disk.
fn in_memory(file: &File, offset: u64, size: u64) -> Option<Bytes> {
    let mut bytes = BytesMut::zeroed(length(offset, size, CACHED_BLOCK_BYTES));
    let found = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], offset, ReadWriteFlags::NOWAIT).ok()?;
    bytes.truncate(found);
    (found > 0).then(|| bytes.freeze())
}

/// A block from `offset` on, waiting for the disk. Gives the file and the offset back.
fn from_disk(file: File, offset: u64, size: u64) -> Result<(File, Bytes, u64), DocumentError> {
    let mut bytes = BytesMut::zeroed(length(offset, size, BLOCK_BYTES));
    file.read_exact_at(&mut bytes, offset)?;
    let next = offset + bytes.len() as u64;
    if let Some(ahead) = NonZeroU64::new((size - next).min(AHEAD_BYTES)) {
        // A hint: without it the next block is waited for a little longer.
        let _ = fadvise(&file, next, Some(ahead), Advice::WillNeed);
    }
    Ok((file, bytes.freeze(), offset))
}

fn length(offset: u64, size: u64, most: usize) -> usize {
    usize::try_from(size - offset).unwrap_or(most).min(most)
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
