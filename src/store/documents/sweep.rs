//! The sweep: takes away bytes that never became part of the repository.
//!
//! Three kinds are found: blobs that the database has as pending and whose lease has passed; temporary files that nobody
//! writes to any more; and files that the database does not know, which wait in quarantine in case that is a mistake. Runs
//! beside requests: a blob is first marked in the database, from when on nobody can keep it, and removed only then.

use super::{BlobId, DocumentError, DocumentStore, upkeep::Shard};
use crate::store::{Store, StoreError};

/// How long the sweep waits.
#[derive(Clone, Copy, Debug)]
pub struct SweepTimes {
    /// What was changed within this time is left alone, whatever it is.
    pub grace_ms: i64,
    /// How long unknown files are kept.
    pub quarantine_ms: i64,
}

impl Default for SweepTimes {
    /// An hour; thirty days.
    fn default() -> Self {
        const HOUR_MS: i64 = 3_600_000;
        Self { grace_ms: HOUR_MS, quarantine_ms: 30 * 24 * HOUR_MS }
    }
}

/// How much to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What the database and `tmp` say is to go: cheap, to be done every few minutes.
    Expired,
    /// Each file as well: at start and once a day.
    EveryFile,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Documents that were placed and never kept.
    pub expired: u64,
    /// Documents that did not arrive whole.
    pub temporaries: u64,
    /// Unknown files put into quarantine.
    pub quarantined: u64,
    /// Unknown files whose quarantine ended.
    pub discarded: u64,
}

/// Why a sweep stopped. What it did until then stands; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files.
    #[error(transparent)]
    Documents(#[from] DocumentError),
}

/// Sweeps.
///
/// # Errors
/// When the database or the files cannot be read or written.
pub async fn sweep(
    store: &Store,
    documents: &DocumentStore,
    now_ms: i64,
    times: SweepTimes,
    extent: Extent,
) -> Result<Swept, SweepError> {
    let mut swept = Swept { expired: remove_expired(store, documents, now_ms).await?, ..Swept::default() };
    let before_ms = now_ms - times.grace_ms;
    swept.temporaries = documents.remove_temporaries(before_ms).await?;
    if extent == Extent::EveryFile {
        for shard in documents.shards().await? {
            swept.quarantined += quarantine_unknown(store, documents, shard, now_ms, before_ms).await?;
        }
        swept.discarded = documents.empty_quarantine(now_ms - times.quarantine_ms).await?;
    }
    Ok(swept)
}

async fn remove_expired(store: &Store, documents: &DocumentStore, now_ms: i64) -> Result<u64, SweepError> {
    let mut removed = 0;
    loop {
        let expired = store.write(move |tx| Box::pin(async move { tx.expire_blobs(now_ms).await })).await?;
        if expired.is_empty() {
            return Ok(removed);
        }
        removed += expired.len() as u64;
        documents.remove(expired.clone()).await?;
        store
            .write(move |tx| {
                let gone = expired.clone();
                Box::pin(async move { tx.forget_blobs(gone).await })
            })
            .await?;
    }
}

async fn quarantine_unknown(
    store: &Store,
    documents: &DocumentStore,
    shard: [u8; 2],
    now_ms: i64,
    before_ms: i64,
) -> Result<u64, SweepError> {
    let unknown = documents.unknown_in(store, shard, before_ms).await?;
    let count = unknown.len() as u64;
    for name in unknown {
        documents.quarantine(shard, name, now_ms).await?;
    }
    Ok(count)
}

impl DocumentStore {
    /// Names in a shard, last changed before `before_ms`, that the database does not know.
    ///
    /// # Errors
    /// When the database or the folder cannot be read.
    pub async fn unknown_in(&self, store: &Store, shard: [u8; 2], before_ms: i64) -> Result<Vec<String>, SweepError> {
        // The files first: a row is committed before its file has a name, so a file without a row is unknown for good.
        let Shard { blobs, strangers: mut unknown } = self.shard(shard, before_ms).await?;
        if !blobs.is_empty() {
            let (mut from, mut to) = ([0x00; 16], [0xff; 16]);
            from[..2].copy_from_slice(&shard);
            to[..2].copy_from_slice(&shard);
            let known = store.read().await?.blobs_between(BlobId::from_bytes(from), BlobId::from_bytes(to)).await?;
            unknown.extend(blobs.iter().filter(|blob| !known.contains_key(blob)).map(BlobId::to_string));
        }
        Ok(unknown)
    }
}
