//! Seals what was recorded, at least every second, and writes each head to the file outside the database.
//!
//! Source: design section 9 (Audit); docs/adr/0004.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    Heads,
    heads::{Mark, MarkKind},
};
use crate::store::{AUDIT_SEALED_AT_ONCE, Store, StoreError};

/// How often it looks; S-AUD-61 gives a row ten seconds.
const EVERY: Duration = Duration::from_millis(900);
/// How often the month to come gets its partition, in rounds.
const MONTHS_EVERY: u32 = 4000;
const DAY_MS: i64 = 86_400_000;
/// Seals that are read at a time for the file of heads.
const SEALS_AT_ONCE: i64 = 500;

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The database or a file of reads.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of heads.
    #[error("the file of heads cannot be written: {0}")]
    Heads(#[from] io::Error),
}

/// Makes seals.
pub struct Sealer {
    store: Store,
    heads: Heads,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    newest: watch::Sender<i64>,
    /// Number of the last seal that this process saw in the file of heads; nothing before it looked.
    in_file: Mutex<Option<i64>>,
}

impl Sealer {
    /// A sealer over this store; `clock` tells milliseconds since 1970.
    pub fn new(store: Store, heads: Heads, clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self { store, heads, clock, newest: watch::Sender::new(0), in_file: Mutex::default() }
    }

    /// Number of the newest seal, for those who wait for what they may send.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    /// Seals everything that was recorded before. Each seal is in the file of heads before the next is made, so a crash leaves out one
    /// at most.
    ///
    /// # Errors
    /// When the database or the file of heads cannot be written; what was sealed until then is sealed.
    pub async fn seal(&self) -> Result<(), SealError> {
        self.look_at_file().await?;
        loop {
            let sealed = self.store.seal_audit((self.clock)()).await?;
            self.write_heads().await?;
            // A few that come meanwhile wait for the next round: of a server that works they would never come to an end.
            if sealed < AUDIT_SEALED_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn in_file(&self) -> Option<i64> {
        *self.in_file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_in_file(&self, seq: i64) {
        *self.in_file.lock().unwrap_or_else(PoisonError::into_inner) = Some(seq);
    }

    /// Before anything is sealed: whether the file of heads is what was left, of which one seal may be missing. Afterwards:
    /// whether it still holds what it held.
    async fn look_at_file(&self) -> Result<(), SealError> {
        // The database first: another process may seal meanwhile.
        let (newest, _) = self.store.audit_head().await?;
        let (is_there, last) = (self.heads.is_there()?, self.heads.last_seq()?);
        let (kind, first, until) = match self.in_file() {
            Some(in_file) if last < in_file => (MarkKind::Lost, last + 1, in_file),
            Some(_) => return Ok(()),
            None if newest == 0 => {
                self.heads.make()?;
                self.is_in_file(last);
                return Ok(());
            }
            None if !is_there || newest > last + 1 => (MarkKind::Late, last + 1, newest),
            None => {
                self.is_in_file(last);
                return Ok(());
            }
        };
        let mark = Mark { kind, first, last: until, noticed_ms: (self.clock)() };
        self.heads.mark(&mark)?;
        self.is_in_file(last);
        let file = self.heads.path().display();
        match kind {
            MarkKind::Lost => tracing::error!(%file, "{mark}; somebody changed it, look who and why"),
            MarkKind::Late => tracing::warn!(%file, "{mark}"),
        }
        // The line is true once: what it tells of is written before anything else can fail.
        self.write_heads().await
    }

    /// Writes to the file what it does not have.
    async fn write_heads(&self) -> Result<(), SealError> {
        let (newest, _) = self.store.audit_head().await?;
        let mut last = self.heads.last_seq()?;
        while last < newest {
            let seals = self.store.audit_seals(last + 1, SEALS_AT_ONCE).await?;
            let Some(newest_read) = seals.last().map(|seal| seal.seq) else { break };
            self.heads.append(&seals)?;
            last = newest_read;
        }
        self.is_in_file(last);
        self.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
        Ok(())
    }

    /// Seals until `stop` is done, and once more then.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        for round in 0_u32.. {
            if round % MONTHS_EVERY == 0 {
                self.make_months().await;
            }
            self.seal_or_tell().await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = &mut stop => break,
            }
        }
        self.seal_or_tell().await;
    }

    /// A connection that is lost in the middle is no news: the next one is tried before anybody is told.
    async fn seal_or_tell(&self) {
        let mut sealed = self.seal().await;
        if let Err(SealError::Store(StoreError::Unavailable { .. })) = &sealed {
            sealed = self.seal().await;
        }
        if let Err(error) = sealed {
            tracing::error!(%error, "the audit could not be sealed; it is tried again");
        }
    }

    async fn make_months(&self) {
        let now_ms = (self.clock)();
        for time_ms in [now_ms, now_ms + 7 * DAY_MS] {
            if let Err(error) = self.store.make_audit_month(time_ms).await {
                tracing::warn!(%error, "a month of the audit got no partition of its own");
            }
        }
    }
}
