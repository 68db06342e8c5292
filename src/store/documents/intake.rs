//! What every kind of store needs to take documents in: names, and a bounded room for small ones.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{BlobId, DocumentError};

/// Documents in one shard before the next is drawn.
const SHARD_DOCUMENTS: u32 = 500;
/// Memory for small documents that wait to be placed, over all requests; beyond it they go the way of large ones.
const SMALL_ROOM_BYTES: usize = 4 << 20;

/// Draws names and lends room.
#[derive(Debug)]
pub(super) struct Intake {
    /// The shard that new documents go to, and how many more.
    shard: Mutex<([u8; 2], u32)>,
    small: Arc<Semaphore>,
}

impl Intake {
    pub(super) fn new() -> Self {
        Self { shard: Mutex::new(([0; 2], 0)), small: Arc::new(Semaphore::new(SMALL_ROOM_BYTES)) }
    }

    /// A fresh random name in the current shard.
    pub(super) fn draw(&self) -> Result<BlobId, DocumentError> {
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id).map_err(|error| DocumentError::Io(io::Error::other(error)))?;
        let mut shard = self.shard.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *shard {
            (current, left @ 1..) => {
                *left -= 1;
                id[..2].copy_from_slice(current);
            }
            (current, left) => {
                current.copy_from_slice(&id[..2]);
                *left = SHARD_DOCUMENTS;
            }
        }
        Ok(BlobId::from_bytes(id))
    }

    /// Room in memory for a small document, unless others have taken it.
    pub(super) fn small_room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.small).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }
}
