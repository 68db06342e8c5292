//! A document on its way in.

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    BLOCK_BYTES, BlobId, DocumentError,
    files::{FileStore, Held},
    hashing::{Sha1AndCrc, Sha256Only},
    temporary::TemporaryFile,
};
use crate::model::Sha1Hash;

/// Documents up to this size are hashed where they arrive and wait in memory: two changes of thread cost more.
const SMALL_BYTES: usize = 64 << 10;

/// A document that is being received. Dropping it removes what was written.
///
/// One block fills from the network while the one before it is hashed and written, on two threads.
pub struct Incoming {
    store: FileStore,
    blob_id: BlobId,
    size_bytes: u64,
    block: BytesMut,
    spare: BytesMut,
    work: Work,
}

enum Work {
    /// Nothing was handed over yet.
    NotBegun,
    /// A block is being worked on.
    Running { write: JoinHandle<Result<WriteLane, DocumentError>>, hash: JoinHandle<HashLane>, block: Bytes },
    /// A block failed.
    Failed,
}

struct WriteLane {
    file: TemporaryFile,
    hashes: Sha1AndCrc,
}

struct HashLane(Sha256Only);

/// A document that arrived whole and waits to be placed. Dropping it removes it.
#[derive(Debug)]
pub struct Received {
    /// Its random name.
    pub blob_id: BlobId,
    /// Octets.
    pub size_bytes: u64,
    /// SHA-1.
    pub sha1: Sha1Hash,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// CRC-32 as in zip packages.
    pub crc32: u32,
    pub(super) held: Held,
}

impl Incoming {
    pub(super) fn new(store: FileStore, blob_id: BlobId) -> Self {
        let (block, spare) = (BytesMut::new(), BytesMut::new());
        Self { store, blob_id, size_bytes: 0, block, spare, work: Work::NotBegun }
    }

    /// Octets so far.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes the next octets; waits while the disk is behind.
    ///
    /// # Errors
    /// When the block before could not be written. The document is lost then.
    pub async fn write(&mut self, mut data: Bytes) -> Result<(), DocumentError> {
        self.size_bytes += data.len() as u64;
        while !data.is_empty() {
            let part = data.split_to(data.len().min(BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(&part);
            if self.block.len() == BLOCK_BYTES {
                self.hand_over().await?;
            }
        }
        Ok(())
    }

    /// Waits for the last octets to be hashed and written (not yet durable: that is `place`).
    ///
    /// # Errors
    /// When a block could not be written.
    pub async fn finish(mut self) -> Result<Received, DocumentError> {
        if matches!(self.work, Work::NotBegun)
            && self.block.len() <= SMALL_BYTES
            && let Some(room) = self.store.small_room(self.block.len())
        {
            let (mut hashes, mut sha256) = (Sha1AndCrc::new(), Sha256Only::new());
            hashes.update(&self.block);
            sha256.update(&self.block);
            let held = Held::Memory { bytes: std::mem::take(&mut self.block).freeze(), room };
            return Ok(self.received(hashes, sha256, held));
        }
        if !self.block.is_empty() || matches!(self.work, Work::NotBegun) {
            self.hand_over().await?;
        }
        match self.wait().await? {
            Some((write, hash)) => Ok(self.received(write.hashes, hash.0, Held::File(write.file))),
            None => Err(DocumentError::Aborted),
        }
    }

    fn received(&self, hashes: Sha1AndCrc, sha256: Sha256Only, held: Held) -> Received {
        let (sha1, crc32) = hashes.finish();
        let (blob_id, size_bytes) = (self.blob_id, self.size_bytes);
        Received { blob_id, size_bytes, sha1, sha256: sha256.finish(), crc32, held }
    }

    /// Gives the full block to the threads, as soon as they are done with the one before.
    async fn hand_over(&mut self) -> Result<(), DocumentError> {
        let lanes = self.wait().await?;
        let next = std::mem::take(&mut self.spare);
        let block = std::mem::replace(&mut self.block, next).freeze();
        let (for_write, for_hash) = (block.clone(), block.clone());
        let path = lanes.is_none().then(|| self.store.temporary_path(&self.blob_id));
        let (write, hash) = lanes.unzip();
        let write = spawn_blocking(move || {
            let mut lane = match (write, path) {
                (Some(lane), _) => lane,
                (None, Some(path)) => WriteLane { file: TemporaryFile::create(path)?, hashes: Sha1AndCrc::new() },
                (None, None) => return Err(DocumentError::Aborted),
            };
            lane.file.write(&for_write)?;
            lane.hashes.update(&for_write);
            Ok(lane)
        });
        let hash = spawn_blocking(move || {
            let mut lane = hash.unwrap_or_else(|| HashLane(Sha256Only::new()));
            lane.0.update(&for_hash);
            lane
        });
        self.work = Work::Running { write, hash, block };
        Ok(())
    }

    /// Waits for the block at work and takes its buffer back.
    async fn wait(&mut self) -> Result<Option<(WriteLane, HashLane)>, DocumentError> {
        let lanes = match &mut self.work {
            Work::NotBegun => return Ok(None),
            Work::Failed => return Err(DocumentError::Aborted),
            Work::Running { write, hash, .. } => tokio::join!(write, hash),
        };
        if let Work::Running { block, .. } = std::mem::replace(&mut self.work, Work::Failed)
            && let Ok(mut buffer) = block.try_into_mut()
        {
            buffer.clear();
            self.spare = buffer;
        }
        Ok(Some((lanes.0??, lanes.1?)))
    }
}
