//! The audit trail as it is kept: rows that are only added to, sealed into one chain.
//!
//! What belongs to a change is inserted in its transaction ([`Tx::insert_audit`]); what changes nothing goes through a writer
//! of its own ([`Store::record_audit`]), on SQLite into a file a month. What is recorded and why is for `service`.
//!
//! Source: design section 9 (Audit), spec security §2.7; docs/adr/0004.

mod delivery;
mod desk;
mod files;
mod journal;
mod moving;
mod prune;
mod row;
mod seal;
mod search;
mod verify;
mod writer;

pub use delivery::{AuditDelivery, AuditPosition, SealedAudit, SealedBatch};
pub(super) use files::AuditFiles;
pub use files::audit_files;
pub use prune::{PruneError, PrunedMonth, audit_kept_since};
pub use seal::{AUDIT_SEALED_AT_ONCE, AuditSeal};
pub use search::{AuditSearch, FoundAudit};
pub use verify::{AuditFault, AuditReport, Heads};
pub(super) use writer::AuditWriter;

use row::AuditRow;

use super::{Args, ReadTx, Statement, Store, Tx, statements};
use crate::{model::AuditEvent, store::StoreError};

statements! {
    INSERT_AUDIT = "INSERT INTO audit (occurred_ms, event_id, event_type, action, outcome, emergency, patient, persons, \
        documents, organisation, node, hash, body) VALUES {rows 13}";
}

/// Columns of [`INSERT_AUDIT`].
const WIDTH: usize = 13;

impl Tx {
    /// Records an event in the transaction of what it tells of.
    pub async fn insert_audit(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        self.insert_audits(std::slice::from_ref(event)).await
    }

    /// As [`Tx::insert_audit`], for several events of one transaction.
    pub async fn insert_audits(&mut self, events: &[AuditEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.insert_audit_rows(events.iter().map(AuditRow::new).collect()).await
    }

    async fn insert_audit_rows(&mut self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        let mut values = Args::with_capacity(rows.len() * WIDTH);
        rows.into_iter().for_each(|row| row.push_to(&mut values));
        self.insert_rows(&INSERT_AUDIT, WIDTH, values).await.map(drop)
    }
}

/// Statements of the whole folder.
pub(in crate::store::sql) fn all() -> impl Iterator<Item = &'static Statement> {
    [ALL, delivery::ALL, prune::ALL, seal::ALL, verify::ALL].into_iter().flatten().copied()
}

impl Store {
    /// Records events that belong to no change. They are durable when this returns; many callers share a commit.
    ///
    /// # Errors
    /// When they could not be kept: none of them is then.
    pub async fn record_audit(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.inner.audit.record(events.iter().map(AuditRow::new).collect()).await
    }

    /// Everything that was recorded is found by searching when this returns.
    pub(super) async fn settle_audit(&self) -> Result<(), StoreError> {
        self.inner.audit.settle().await?;
        match &self.inner.audit_files {
            Some(files) => files.settle().await,
            None => Ok(()),
        }
    }

    /// A snapshot of a month's file, or of the database; nothing when that month has no file.
    async fn read_audit_of(&self, month: Option<files::Month>) -> Result<Option<ReadTx>, StoreError> {
        match (month, &self.inner.audit_files) {
            (Some(month), Some(files)) if files.path(month).exists() => files.read(month).await.map(Some),
            (Some(_), Some(_)) => Ok(None),
            (None, _) | (_, None) => self.read().await.map(Some),
        }
    }
}
