//! The chain: committed rows are named with their hashes in seals, and each seal names the one before.
//!
//! Whoever changes the row of the head first seals; the others wait and find less to do. So any number of processes may
//! seal, and there is one chain without a fork. Source: design section 9 (Audit); docs/adr/0004.

use openssl::sha::Sha256;

use super::files::{Month, month_of};
use crate::store::{
    StoreError,
    sql::{Store, Tx, args, statements},
};

statements! {
    HEAD = "SELECT seq, hash FROM audit_head WHERE head_key = 1";
    HOLD_HEAD = "UPDATE audit_head SET seq = seq WHERE head_key = 1 RETURNING seq, hash";
    MOVE_HEAD = "UPDATE audit_head SET seq = $1, hash = $2 WHERE head_key = 1";
    UNSEALED = "SELECT audit_key, hash FROM audit_unsealed ORDER BY audit_key LIMIT $1";
    NO_LONGER_UNSEALED = "DELETE FROM audit_unsealed WHERE audit_key {in_ints $1}";
    INSERT_SEAL = "INSERT INTO audit_seal (seq, previous, sealed_ms, entries, hash) VALUES ($1, $2, $3, $4, $5)";
    SEALS = "SELECT seq, previous, sealed_ms, entries, hash FROM audit_seal WHERE seq >= $1 ORDER BY seq LIMIT $2";
    FILES_SEALED = "SELECT month, sealed_key FROM audit_file ORDER BY month";
    FILE_IS_SEALED = "INSERT INTO audit_file (month, sealed_key) VALUES ($1, $2) \
        ON CONFLICT (month) DO UPDATE SET sealed_key = $2";
    KEYS_AND_HASHES = "SELECT audit_key, hash FROM audit WHERE audit_key > $1 ORDER BY audit_key LIMIT $2";
    MAKE_MONTH = "SELECT COUNT(*) FROM (SELECT {make_month $1}) AS made";
}

/// What the hash of a seal begins with, so that it is taken for nothing else.
const DOMAIN: &[u8] = b"knoop-audit-v1";
/// Rows of one seal that are taken of the database, and of each file of reads.
pub const AUDIT_SEALED_AT_ONCE: usize = 5000;
/// Octets of one entry of a seal.
pub(super) const ENTRY_BYTES: usize = 40;

/// A seal of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSeal {
    /// Its number, from 1, without gaps.
    pub seq: i64,
    /// Hash of the seal before; 32 octets of nought for the first.
    pub previous: Vec<u8>,
    /// When it was made, milliseconds since 1970.
    pub sealed_ms: i64,
    /// Key and SHA-256 of each row.
    pub entries: Vec<(i64, [u8; 32])>,
    /// Its hash.
    pub hash: Vec<u8>,
}

impl AuditSeal {
    /// The hash that it must have.
    pub fn computed_hash(&self) -> [u8; 32] {
        hash(self.seq, &self.previous, self.sealed_ms, &encode(&self.entries))
    }

    fn from_row((seq, previous, sealed_ms, entries, hash): SealRow) -> Result<Self, StoreError> {
        let (chunks, rest) = entries.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(StoreError::Corrupt { what: "audit_seal.entries" });
        }
        let entry = |chunk: &[u8; ENTRY_BYTES]| {
            let (mut key, mut hash) = ([0; 8], [0; 32]);
            key.copy_from_slice(&chunk[..8]);
            hash.copy_from_slice(&chunk[8..]);
            (i64::from_be_bytes(key), hash)
        };
        Ok(Self { seq, previous, sealed_ms, entries: chunks.iter().map(entry).collect(), hash })
    }
}

type SealRow = (i64, Vec<u8>, i64, Vec<u8>, Vec<u8>);
/// Key and hash of a row.
type Entry = (i64, Vec<u8>);

fn encode(entries: &[(i64, [u8; 32])]) -> Vec<u8> {
    entries.iter().flat_map(|(key, hash)| key.to_be_bytes().into_iter().chain(*hash)).collect()
}

fn hash(seq: i64, previous: &[u8], sealed_ms: i64, entries: &[u8]) -> [u8; 32] {
    let count = u32::try_from(entries.len() / ENTRY_BYTES).unwrap_or(u32::MAX);
    let mut sha = Sha256::new();
    for part in [DOMAIN, &seq.to_be_bytes(), previous, &sealed_ms.to_be_bytes(), &count.to_be_bytes(), entries] {
        sha.update(part);
    }
    sha.finish()
}

/// Rows of a month's file that are to be sealed.
#[derive(Clone)]
struct OfFile {
    month: Month,
    /// The last key sealed before.
    after: i64,
    rows: Vec<Entry>,
}

impl Store {
    /// Seals what is committed and in no seal yet, at most some thousand rows. Tells how many rows it were;
    /// where it is [`AUDIT_SEALED_AT_ONCE`] or more, there may be others.
    ///
    /// # Errors
    /// When the database, or a file of reads, cannot be read or written.
    pub async fn seal_audit(&self, now_ms: i64) -> Result<usize, StoreError> {
        self.inner.audit.settle().await?;
        let files = self.unsealed_of_files(now_ms).await?;
        let waits = self.read_in_background().await?.fetch_optional::<Entry>(&UNSEALED, args![1]).await?.is_some();
        if !waits && files.iter().all(|file| file.rows.is_empty()) {
            return Ok(0);
        }
        self.write(move |tx| {
            let files = files.clone();
            Box::pin(async move { tx.seal(files, now_ms).await })
        })
        .await
    }

    /// Number and hash of the newest seal; 0 and nought before the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audit_head(&self) -> Result<(i64, Vec<u8>), StoreError> {
        self.read_in_background().await?.fetch_one(&HEAD, args![]).await
    }

    /// Seals in their order from this number on.
    ///
    /// # Errors
    /// When the database cannot be read, or holds what is no seal.
    pub async fn audit_seals(&self, from_seq: i64, limit: i64) -> Result<Vec<AuditSeal>, StoreError> {
        self.read_in_background().await?.audit_seals(from_seq, limit).await
    }

    /// On PostgreSQL: makes the partition of the month of this time, unless it is there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn make_audit_month(&self, time_ms: i64) -> Result<(), StoreError> {
        let month = month_of(time_ms);
        self.write(move |tx| Box::pin(async move { tx.fetch_one::<(i64,)>(&MAKE_MONTH, args![month]).await.map(drop) }))
            .await
    }

    async fn unsealed_of_files(&self, now_ms: i64) -> Result<Vec<OfFile>, StoreError> {
        let Some(files) = &self.inner.audit_files else { return Ok(Vec::new()) };
        // Mostly rows come into this month. Now and then all are looked at: a clock that was wrong wrote into others, and a
        // process that was killed left its journal.
        let (all, this) = (files.looks_at_all(), month_of(now_ms));
        if all && let Err(error) = files.move_of_all_dead().await {
            tracing::warn!(%error, "what an earlier process recorded could not be moved to its month");
        }
        let sealed: Vec<(Month, i64)> = self.read().await?.fetch_all(&FILES_SEALED, args![]).await?;
        let months = files.months()?;
        let newest = &months[months.len().saturating_sub(2)..];
        let mut found = Vec::new();
        for month in &months {
            let after = sealed.iter().find(|(sealed, _)| sealed == month).map(|(_, key)| *key);
            if all || after.is_none() || *month == this || newest.contains(month) {
                let after = after.unwrap_or_default();
                let mut tx = files.read(*month).await?;
                let rows = tx.fetch_all(&KEYS_AND_HASHES, args![after, AUDIT_SEALED_AT_ONCE as i64]).await?;
                found.push(OfFile { month: *month, after, rows });
            }
        }
        Ok(found)
    }
}

impl Tx {
    /// Seals in their order from this number on.
    pub(super) async fn audit_seals(&mut self, from_seq: i64, limit: i64) -> Result<Vec<AuditSeal>, StoreError> {
        let rows: Vec<SealRow> = self.fetch_all(&SEALS, args![from_seq, limit]).await?;
        rows.into_iter().map(AuditSeal::from_row).collect()
    }

    async fn seal(&mut self, files: Vec<OfFile>, now_ms: i64) -> Result<usize, StoreError> {
        let (seq, previous): (i64, Vec<u8>) = self.fetch_one(&HOLD_HEAD, args![]).await?;
        let sealed: Vec<(Month, i64)> = self.fetch_all(&FILES_SEALED, args![]).await?;
        let mut rows: Vec<Entry> = self.fetch_all(&UNSEALED, args![AUDIT_SEALED_AT_ONCE as i64]).await?;
        if !rows.is_empty() {
            let keys: Vec<i64> = rows.iter().map(|(key, _)| *key).collect();
            self.execute(&NO_LONGER_UNSEALED, args![keys]).await?;
        }
        for file in files {
            let now = sealed.iter().find(|(month, _)| *month == file.month).map_or(0, |(_, key)| *key);
            // Somebody else sealed these rows in the meantime; the next round takes what is left.
            if now != file.after {
                continue;
            }
            if let Some((last, _)) = file.rows.last() {
                self.execute(&FILE_IS_SEALED, args![file.month, *last]).await?;
                rows.extend(file.rows);
            }
        }
        if rows.is_empty() {
            return Ok(0);
        }
        let entries = rows
            .iter()
            .map(|(key, hash)| Some((*key, <[u8; 32]>::try_from(hash.as_slice()).ok()?)))
            .collect::<Option<Vec<_>>>()
            .ok_or(StoreError::Corrupt { what: "audit.hash" })?;
        let (seq, entries) = (seq + 1, encode(&entries));
        let own = hash(seq, &previous, now_ms, &entries);
        self.execute(&INSERT_SEAL, args![seq, previous, now_ms, entries, own.as_slice()]).await?;
        self.execute(&MOVE_HEAD, args![seq, own.as_slice()]).await?;
        Ok(rows.len())
    }
}
