//! Which organisations own anything here. Where it is one only, its requests need no question about consent.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::{
    model::OrganisationKey,
    store::{Store, StoreError, Tx},
};

/// How long an answer that nobody else owns anything is believed: another process may register. Until then what is new
/// is hidden, never shown.
const BELIEVED_MS: i64 = 5_000;

/// The owners that are known to this process.
#[derive(Default)]
pub(super) struct Owners {
    known: Mutex<HashSet<OrganisationKey>>,
    kept: Mutex<HashSet<OrganisationKey>>,
    looked_ms: AtomicI64,
}

impl Owners {
    fn known(&self) -> MutexGuard<'_, HashSet<OrganisationKey>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashSet<OrganisationKey>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an owner in the transaction that registers, once. A transaction that is undone leaves it known to this
    /// process, which costs a question more.
    pub(super) async fn note(&self, tx: &mut Tx, owner: OrganisationKey) -> Result<(), StoreError> {
        if !self.kept().contains(&owner) {
            tx.note_owner(owner).await?;
            self.known().insert(owner);
        }
        Ok(())
    }

    /// The transaction was committed.
    pub(super) fn is_kept(&self, owner: OrganisationKey) {
        self.kept().insert(owner);
    }

    /// Whether nobody but `own` owns anything.
    pub(super) async fn is_alone(&self, store: &Store, own: OrganisationKey, now_ms: i64) -> Result<bool, StoreError> {
        if self.known().iter().any(|owner| *owner != own) {
            return Ok(false);
        }
        if (now_ms - self.looked_ms.load(Ordering::Relaxed)).abs() > BELIEVED_MS {
            let owners = store.read().await?.owners().await?;
            self.known().extend(owners);
            self.looked_ms.store(now_ms, Ordering::Relaxed);
        }
        Ok(!self.known().iter().any(|owner| *owner != own))
    }
}
