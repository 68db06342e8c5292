//! A document on its way in.

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinHandle, spawn_blocking},
};

#[cfg(feature = "s3")]
use super::s3::Upload;
use super::{
    BLOCK_BYTES, BlobId, DocumentError,
    files::FileStore,
    hashing::{Sha1AndCrc, Sha256Only},
    intake::Intake,
    temporary::TemporaryFile,
};
use crate::model::Sha1Hash;

/// Documents up to this size are hashed where they arrive and wait in memory: two changes of thread cost more.
const SMALL_BYTES: usize = 64 << 10;

/// A document that is being received. Dropping it removes what was written.
///
/// One block fills from the network while the one before it is hashed and written, on two threads.
pub struct Incoming {
    target: Target,
    blob_id: BlobId,
    size_bytes: u64,
    block: BytesMut,
    spare: BytesMut,
    work: Work,
}

pub(super) enum Target {
    Files(FileStore),
    #[cfg(feature = "s3")]
    Bucket(super::s3::S3Store, Upload),
}

/// Where a received document waits.
#[derive(Debug)]
pub(super) enum Held {
    Memory {
        bytes: Bytes,
        room: OwnedSemaphorePermit,
    },
    File(TemporaryFile),
    #[cfg(feature = "s3")]
    Upload(Upload),
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
    /// Absent when the bytes go elsewhere.
    file: Option<TemporaryFile>,
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
    pub(super) fn new(target: Target, blob_id: BlobId) -> Self {
        let (block, spare) = (BytesMut::new(), BytesMut::new());
        Self { target, blob_id, size_bytes: 0, block, spare, work: Work::NotBegun }
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
            && let Some(room) = self.intake().small_room(self.block.len())
        {
            let (mut hashes, mut sha256) = (Sha1AndCrc::new(), Sha256Only::new());
            hashes.update(&self.block);
            sha256.update(&self.block);
            let (sha1, crc32) = hashes.finish();
            let (blob_id, size_bytes, sha256) = (self.blob_id, self.size_bytes, sha256.finish());
            let held = Held::Memory { bytes: self.block.freeze(), room };
            return Ok(Received { blob_id, size_bytes, sha1, sha256, crc32, held });
        }
        if !self.block.is_empty() || matches!(self.work, Work::NotBegun) {
            self.hand_over().await?;
        }
        let (write, hash) = self.wait().await?.ok_or(DocumentError::Aborted)?;
        let (sha1, crc32) = write.hashes.finish();
        let (blob_id, size_bytes, sha256) = (self.blob_id, self.size_bytes, hash.0.finish());
        let held = match (write.file, self.target) {
            (Some(file), _) => Held::File(file),
            #[cfg(feature = "s3")]
            (None, Target::Bucket(_, upload)) => Held::Upload(upload),
            (None, Target::Files(_)) => return Err(DocumentError::Aborted),
        };
        Ok(Received { blob_id, size_bytes, sha1, sha256, crc32, held })
    }

    fn intake(&self) -> &Intake {
        match &self.target {
            Target::Files(files) => files.intake(),
            #[cfg(feature = "s3")]
            Target::Bucket(bucket, _) => &bucket.intake,
        }
    }

    /// Gives the full block to the threads, as soon as they are done with the one before.
    async fn hand_over(&mut self) -> Result<(), DocumentError> {
        let lanes = self.wait().await?;
        let next = std::mem::take(&mut self.spare);
        let block = std::mem::replace(&mut self.block, next).freeze();
        let (for_write, for_hash) = (block.clone(), block.clone());
        let path = match &self.target {
            Target::Files(files) => Some(files.temporary_path(&self.blob_id)),
            #[cfg(feature = "s3")]
            Target::Bucket(..) => None,
        };
        let (write, hash) = lanes.unzip();
        let write = spawn_blocking(move || {
            let mut lane = match write {
                Some(lane) => lane,
                None => WriteLane { file: path.map(TemporaryFile::create).transpose()?, hashes: Sha1AndCrc::new() },
            };
            if let Some(file) = &mut lane.file {
                file.write(&for_write)?;
            }
            lane.hashes.update(&for_write);
            Ok(lane)
        });
        let hash = spawn_blocking(move || {
            let mut lane = hash.unwrap_or_else(|| HashLane(Sha256Only::new()));
            lane.0.update(&for_hash);
            lane
        });
        #[cfg(feature = "s3")]
        if let Target::Bucket(_, upload) = &mut self.target {
            upload.put(block.clone()).await?;
        }
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
