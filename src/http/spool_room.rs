//! Room for documents on their way in, over all requests: whoever sends much and never ends must not fill the disk.
//!
//! Source: S-IN-04.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Octets that one permit stands for.
const UNIT: u64 = 1 << 20;

/// The room of all requests.
pub(super) struct SpoolRoom(Arc<Semaphore>);

/// What one request has of it, until it is answered.
pub(super) struct SpoolShare {
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    taken_bytes: u64,
}

/// Others have the rest of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl SpoolRoom {
    pub(super) fn new(bytes: u64) -> Self {
        let permits = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))))
    }

    /// A share of a request that has sent nothing yet.
    pub(super) fn share(&self) -> SpoolShare {
        SpoolShare { room: Arc::clone(&self.0), held: None, taken_bytes: 0 }
    }
}

impl SpoolShare {
    /// Takes room for so many octets more.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), NoRoom> {
        self.taken_bytes += bytes;
        let held = self.held.as_ref().map_or(0, |held| held.num_permits() as u64);
        let wanted = u32::try_from(self.taken_bytes.div_ceil(UNIT).saturating_sub(held)).map_err(|_| NoRoom)?;
        if wanted > 0 {
            let more = Arc::clone(&self.room).try_acquire_many_owned(wanted).map_err(|_| NoRoom)?;
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_in_04_all_requests_share_one_room() {
        let room = SpoolRoom::new(3 * UNIT);
        let (mut one, mut other) = (room.share(), room.share());
        assert_eq!(one.take(1), Ok(()));
        assert_eq!(one.take(UNIT), Ok(()), "two units, the second nearly empty");
        assert_eq!(other.take(UNIT), Ok(()));
        assert_eq!(other.take(1), Err(NoRoom));
        drop(one);
        let mut third = room.share();
        assert_eq!(third.take(2 * UNIT), Ok(()), "the room comes back");
        assert_eq!(third.take(1), Err(NoRoom));
    }
}
