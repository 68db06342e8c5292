//! Whether the audit trail is whole: every row in one seal and as it was sealed, every seal where it belongs.
//!
//! Source: design section 9 (Audit: what `verify` fails on), S-AUD-63.

use std::{collections::BTreeMap, fmt};

use openssl::sha::sha256;
use sqlx::FromRow;

use super::{
    AuditSeal,
    files::{Month, month_of, month_of_key},
    row::AuditRow,
};
use crate::store::{
    StoreError,
    sql::{ReadTx, Store, args, statements},
};

statements! {
    ROWS = "SELECT audit_key, occurred_ms, event_id, event_type, action, outcome, emergency, patient, persons, documents, \
        organisation, node, hash, body FROM audit WHERE audit_key {in_ints $1}";
    KEYS_AND_TIMES = "SELECT audit_key, occurred_ms FROM audit WHERE audit_key > $1 ORDER BY audit_key LIMIT $2";
    VALUES_MISSING = "SELECT a.audit_key FROM audit a, {json_texts a.documents} WHERE NOT EXISTS (SELECT 1 FROM \
        audit_value v WHERE v.kind = 1 AND v.value = list.value AND v.audit_key = a.audit_key) UNION \
        SELECT a.audit_key FROM audit a, {json_texts a.persons} WHERE NOT EXISTS (SELECT 1 FROM \
        audit_value v WHERE v.kind = 2 AND v.value = list.value AND v.audit_key = a.audit_key) LIMIT $1";
    PRUNED = "SELECT month FROM audit_pruned";
}

/// Rows and seals that are read at a time.
const AT_ONCE: i64 = 500;
/// Faults that are named; after these the rest is not looked for.
const NAMED: usize = 100;
/// Rows of a month may be gone only after so many months; see the bounds of `audit.retention_years`.
const SHORTEST_RETENTION_MONTHS: i64 = 60;
const DAY_MS: i64 = 86_400_000;

/// Something that is not as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// A seal is missing before this one.
    SealMissing {
        /// Number of the seal that should be there.
        seq: i64,
    },
    /// A seal does not name the one before it, or has another hash than its content.
    SealChanged {
        /// Its number.
        seq: i64,
    },
    /// The file of heads names a seal that is not there: the newest ones were removed.
    SealRemoved {
        /// Its number.
        seq: i64,
    },
    /// The file of heads has another hash for a seal.
    SealReplaced {
        /// Its number.
        seq: i64,
    },
    /// The head of the database is not the newest seal.
    HeadMoved {
        /// Number of the newest seal.
        seq: i64,
    },
    /// A sealed row is gone.
    RowRemoved {
        /// The seal that names it.
        seq: i64,
        /// Its key.
        audit_key: i64,
    },
    /// A row is not what was sealed.
    RowChanged {
        /// The seal that names it.
        seq: i64,
        /// Its key.
        audit_key: i64,
    },
    /// A row is in two seals.
    RowTwice {
        /// The second of them.
        seq: i64,
        /// Its key.
        audit_key: i64,
    },
    /// A row is in no seal.
    RowUnsealed {
        /// Its key.
        audit_key: i64,
    },
    /// A person or document of a row is not found by searching.
    RowHidden {
        /// Its key.
        audit_key: i64,
    },
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SealMissing { seq } => write!(f, "seal {seq} is missing"),
            Self::SealChanged { seq } => write!(f, "seal {seq} was changed, or the one before it"),
            Self::SealRemoved { seq } => write!(f, "seal {seq} was removed: the file of heads names it"),
            Self::SealReplaced { seq } => write!(f, "seal {seq} is not the one that the file of heads names"),
            Self::HeadMoved { seq } => write!(f, "the head of the chain is not seal {seq}, the newest"),
            Self::RowRemoved { seq, audit_key } => write!(f, "row {audit_key} was removed (seal {seq})"),
            Self::RowChanged { seq, audit_key } => write!(f, "row {audit_key} was changed (seal {seq})"),
            Self::RowTwice { seq, audit_key } => write!(f, "row {audit_key} is in two seals (again in seal {seq})"),
            Self::RowUnsealed { audit_key } => write!(f, "row {audit_key} is in no seal"),
            Self::RowHidden { audit_key } => {
                write!(f, "a person or document of row {audit_key} is not found by searching")
            }
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Number of the newest seal.
    pub newest_seq: i64,
    /// Seals that were read.
    pub seals: u64,
    /// Rows that are there and sealed.
    pub rows: u64,
    /// Rows that were pruned after their time.
    pub pruned: u64,
    /// What is wrong; nothing if the trail is whole.
    pub faults: Vec<AuditFault>,
    /// Rows older than ten seconds that were in no seal. The next seal may have them: see [`Store::audit_in_seals`].
    pub unsealed: Vec<i64>,
}

/// Numbers and hashes of seals as a file outside the database holds them, in the order of numbers.
pub type Heads<'a> = dyn Iterator<Item = (i64, Vec<u8>)> + Send + 'a;

#[derive(FromRow)]
struct Kept {
    audit_key: i64,
    occurred_ms: i64,
    event_id: String,
    event_type: String,
    action: String,
    outcome: i64,
    emergency: i64,
    patient: Option<String>,
    persons: Option<String>,
    documents: Option<String>,
    organisation: String,
    node: String,
    hash: Vec<u8>,
    body: String,
}

impl Kept {
    /// The row is what was sealed: body and hash, and the columns that are searched are those of the body.
    fn is(&self, sealed: &[u8; 32]) -> bool {
        let Ok(event) = serde_json::from_str(&self.body) else { return false };
        let made = AuditRow::new(&event);
        sha256(self.body.as_bytes()) == *sealed
            && self.hash == *sealed
            && made.body == self.body
            && (made.occurred_ms, made.outcome, made.emergency) == (self.occurred_ms, self.outcome, self.emergency)
            && (&made.event_id, &made.event_type, &made.action) == (&self.event_id, &self.event_type, &self.action)
            && (&made.patient, &made.persons, &made.documents) == (&self.patient, &self.persons, &self.documents)
            && (&made.organisation, &made.node) == (&self.organisation, &self.node)
    }
}

/// Keys that were seen, a bit each: keys of a place are dense.
#[derive(Default)]
struct Seen(BTreeMap<i64, Box<[u64; 64]>>);

impl Seen {
    /// False if it was there already.
    fn add(&mut self, key: i64) -> bool {
        let bits =
            &mut self.0.entry(key >> 12).or_insert_with(|| Box::new([0; 64]))[usize::from((key >> 6) as u8 & 63)];
        let bit = 1 << (key & 63);
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }

    fn has(&self, key: i64) -> bool {
        self.0.get(&(key >> 12)).is_some_and(|block| block[usize::from((key >> 6) as u8 & 63)] & 1 << (key & 63) != 0)
    }
}

struct Verifier<'a> {
    store: &'a Store,
    report: AuditReport,
    seen: Seen,
    pruned: Vec<Month>,
    /// Entries of seals whose rows are yet to be read.
    waiting: Vec<(AuditEntry, i64)>,
}

/// An entry with the number of its seal.
struct AuditEntry {
    seq: i64,
    audit_key: i64,
    hash: [u8; 32],
}

impl Store {
    /// Reads the whole audit trail and tells what is not as it was made. May be used while others record and seal.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn verify_audit(&self, heads: &mut Heads<'_>, now_ms: i64) -> Result<AuditReport, StoreError> {
        self.settle_audit().await?;
        let pruned: Vec<(Month,)> = self.read().await?.fetch_all(&PRUNED, args![]).await?;
        let is_due = |month: &Month| months_between(*month, month_of(now_ms)) > SHORTEST_RETENTION_MONTHS;
        let pruned = pruned.into_iter().map(|(month,)| month).filter(is_due).collect();
        let (seen, waiting) = (Seen::default(), Vec::new());
        let mut verifier = Verifier { store: self, report: AuditReport::default(), seen, pruned, waiting };
        let head = self.audit_head().await?;
        verifier.seals(heads, &head).await?;
        verifier.rows_in_no_seal(now_ms).await?;
        verifier.values().await?;
        Ok(verifier.report)
    }

    /// Which of these rows are in seals after number `after_seq`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audit_in_seals(&self, keys: &[i64], after_seq: i64) -> Result<Vec<i64>, StoreError> {
        let (mut found, mut from) = (Vec::new(), after_seq + 1);
        loop {
            let seals = self.audit_seals(from, AT_ONCE).await?;
            let Some(last) = seals.last() else { return Ok(found) };
            from = last.seq + 1;
            let sealed = seals.iter().flat_map(|seal| &seal.entries).map(|(key, _)| *key);
            found.extend(sealed.filter(|key| keys.contains(key)));
        }
    }
}

fn months_between(from: Month, to: Month) -> i64 {
    (to / 100 - from / 100) * 12 + to % 100 - from % 100
}

impl Verifier<'_> {
    fn fault(&mut self, fault: AuditFault) {
        if self.report.faults.len() < NAMED {
            self.report.faults.push(fault);
        }
    }

    /// Reads the chain from its first seal on, and the rows that it names.
    async fn seals(&mut self, heads: &mut Heads<'_>, head: &(i64, Vec<u8>)) -> Result<(), StoreError> {
        let mut heads = heads.peekable();
        let mut before: (i64, Vec<u8>) = (0, vec![0; 32]);
        loop {
            let seals = self.store.audit_seals(before.0 + 1, AT_ONCE).await?;
            if seals.is_empty() {
                break;
            }
            for seal in seals {
                self.seal(&seal, &before);
                while let Some((seq, hash)) = heads.next_if(|(seq, _)| *seq <= seal.seq) {
                    match seq == seal.seq {
                        true if hash == seal.hash => {}
                        true => self.fault(AuditFault::SealReplaced { seq }),
                        false => self.fault(AuditFault::SealRemoved { seq }),
                    }
                }
                if seal.seq == head.0 && seal.hash != head.1 {
                    self.fault(AuditFault::HeadMoved { seq: seal.seq });
                }
                before = (seal.seq, seal.hash);
                if self.waiting.len() >= AT_ONCE as usize {
                    self.sealed_rows().await?;
                }
            }
        }
        self.sealed_rows().await?;
        self.report.newest_seq = before.0;
        if before.0 < head.0 {
            self.fault(AuditFault::SealMissing { seq: before.0 + 1 });
        }
        if let Some((seq, _)) = heads.find(|(seq, _)| *seq > before.0) {
            self.fault(AuditFault::SealRemoved { seq });
        }
        Ok(())
    }

    fn seal(&mut self, seal: &AuditSeal, before: &(i64, Vec<u8>)) {
        self.report.seals += 1;
        let seq = seal.seq;
        if seq != before.0 + 1 {
            self.fault(AuditFault::SealMissing { seq: before.0 + 1 });
        } else if seal.previous != before.1 || seal.hash != seal.computed_hash() {
            self.fault(AuditFault::SealChanged { seq });
        }
        for (audit_key, hash) in &seal.entries {
            let (audit_key, hash) = (*audit_key, *hash);
            if self.seen.add(audit_key) {
                self.waiting.push((AuditEntry { seq, audit_key, hash }, seal.sealed_ms));
            } else {
                self.fault(AuditFault::RowTwice { seq, audit_key });
            }
        }
    }

    /// Reads the rows that wait and compares each with its seal.
    async fn sealed_rows(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut kept: BTreeMap<i64, Kept> = BTreeMap::new();
        let mut by_place: BTreeMap<Option<Month>, Vec<i64>> = BTreeMap::new();
        for (entry, _) in &waiting {
            by_place.entry(month_of_key(entry.audit_key)).or_default().push(entry.audit_key);
        }
        for (month, keys) in by_place {
            for keys in keys.chunks(AT_ONCE as usize) {
                let Some(mut tx) = self.store.read_audit_of(month).await? else { continue };
                let rows: Vec<Kept> = tx.fetch_all(&ROWS, args![keys.to_vec()]).await?;
                kept.extend(rows.into_iter().map(|row| (row.audit_key, row)));
            }
        }
        for (AuditEntry { seq, audit_key, hash }, sealed_ms) in waiting {
            match kept.get(&audit_key) {
                Some(row) if row.is(&hash) => self.report.rows += 1,
                Some(_) => self.fault(AuditFault::RowChanged { seq, audit_key }),
                None if self.was_pruned(audit_key, sealed_ms) => self.report.pruned += 1,
                None => self.fault(AuditFault::RowRemoved { seq, audit_key }),
            }
        }
        Ok(())
    }

    /// A row may be gone when the month in which it was written was pruned; it may have been sealed shortly afterwards.
    fn was_pruned(&self, audit_key: i64, sealed_ms: i64) -> bool {
        let months = match month_of_key(audit_key) {
            Some(month) => [month; 2],
            None => [sealed_ms, sealed_ms - DAY_MS].map(month_of),
        };
        months.iter().any(|month| self.pruned.contains(month))
    }

    /// Looks at every row there is for one that no seal names.
    async fn rows_in_no_seal(&mut self, now_ms: i64) -> Result<(), StoreError> {
        const SETTLED_MS: i64 = 10_000;
        let mut places: Vec<Option<Month>> = vec![None];
        if let Some(files) = &self.store.inner.audit_files {
            places.extend(files.months()?.into_iter().map(Some));
        }
        for place in places {
            let mut after = 0;
            while let Some(mut tx) = self.store.read_audit_of(place).await? {
                let rows: Vec<(i64, i64)> = tx.fetch_all(&KEYS_AND_TIMES, args![after, AT_ONCE * 20]).await?;
                let Some((last, _)) = rows.last() else { break };
                after = *last;
                for (key, occurred_ms) in rows {
                    if !self.seen.has(key) && occurred_ms < now_ms - SETTLED_MS && self.report.unsealed.len() < NAMED {
                        self.report.unsealed.push(key);
                    }
                }
            }
        }
        Ok(())
    }

    /// What is searched leads to every row.
    async fn values(&mut self) -> Result<(), StoreError> {
        let mut places: Vec<ReadTx> = vec![self.store.read_at_leisure().await?];
        if let Some(files) = &self.store.inner.audit_files {
            for month in files.months()? {
                places.push(files.read(month).await?);
            }
        }
        for mut tx in places {
            let hidden: Vec<(i64,)> = tx.fetch_all(&VALUES_MISSING, args![NAMED as i64]).await?;
            hidden.into_iter().for_each(|(audit_key,)| self.fault(AuditFault::RowHidden { audit_key }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_seen_once() {
        let mut seen = Seen::default();
        for key in [1, 63, 64, 4095, 4096, 202_611_500_000_000_000] {
            assert!(!seen.has(key));
            assert!(seen.add(key));
            assert!(!seen.add(key), "{key}");
            assert!(seen.has(key));
        }
        assert!(!seen.has(2));
    }
}
