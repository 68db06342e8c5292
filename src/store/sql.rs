//! Metadata in SQL: SQLite by default, PostgreSQL for scale, one text per statement.
//!
//! `tx` is the one file that knows that there are two drivers; `dialect` names what truly differs. Statements are made
//! with `statements!` only, so that a test can prepare every one of them on both databases.

mod args;
mod assertions;
mod audit;
mod builder;
mod checkpoint;
mod claims;
mod columns;
mod consent;
mod dialect;
mod doctor;
mod documents;
mod export;
mod jobs;
mod mail;
mod mail_received;
mod nodes;
mod open;
mod patients;
mod pickup;
mod readers;
mod registry;
mod row_ids;
mod sight;
mod statement;
mod stored_query;
#[cfg(test)]
mod tests;
mod tx;
mod writer;
mod xdm;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use assertions::{AssertionLedger, AssertionUse, UseVerdict};
pub use audit::{
    AUDIT_SEALED_AT_ONCE, AuditDelivery, AuditFault, AuditPosition, AuditReport, AuditSeal, AuditSearch, FoundAudit,
    Heads, PruneError, PrunedMonth, SealedAudit, SealedBatch, audit_files, audit_kept_since,
};
pub use claims::{ClaimKind, HeldClaim, NewClaim, ObjectKind, ResolvedObject};
pub use consent::{
    AskedPatients, EmergencyRow, EntryLabels, Evidence, KeptPolicy, KinRow, NewGrant, PolicyRow, RecordedAnswer,
    RunningGrant,
};
pub use doctor::{DurabilitySetting, Problem};
pub use documents::{BlobState, DocumentRow, DocumentState, NewDocument};
pub use jobs::{JobLease, JobRow, JobState, NewJob, Priority, TakenJob, kind_at};
pub use mail::{MailRow, MailState, NewMail};
pub use mail_received::{NewReceivedMail, ReceivedHead, ReceivedMail, ReceivedState};
pub use open::{PostgresSettings, SqliteSettings, StoreSettings};
pub use patients::{MergeError, PatientRow, UnknownPatients};
pub use pickup::{NewPickup, PickupRow, Visit, VisitKind};
pub use registry::{AssociationRow, FolderRow, Labels, RowKeys};
pub use sight::{Combination, Sight};
pub use tx::{ReadTx, Tx};
pub use writer::Weight;
pub use xdm::{NewXdmPackage, PackageJob, Settlement, XdmMail, XdmPackage};

use crate::store::StoreError;

pub(in crate::store::sql) use args::{Args, Value, args};
pub(in crate::store::sql) use statement::{Statement, statements};

/// The metadata store. Cheap to clone; all clones share connections and the writer.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: tx::Db,
    writer: writer::Writer,
    row_ids: row_ids::RowIds,
    audit: audit::AuditWriter,
    audit_files: Option<Arc<audit::AuditFiles>>,
}

impl Store {
    /// Runs `work` in a write transaction and commits it: all of it becomes durable, or nothing.
    ///
    /// The transaction belongs to the store: it ends as it should when the caller stops waiting. `work` may run again
    /// when PostgreSQL asks for it, so it must not change anything outside the transaction. An error of `work` undoes
    /// its changes; a constraint that was broken must be returned as an error, not passed over.
    ///
    /// # Errors
    /// Those of `work`, and [`StoreError`] when the transaction could not be committed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_weighing(Weight::default(), work).await
    }

    /// As [`Store::write`], for work of known size: what is heavy does not share a commit.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_weighing<T, E, F>(&self, weight: Weight, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.writer.write(weight, work).await
    }

    /// A reading transaction that sees one committed state.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn read(&self) -> Result<ReadTx, StoreError> {
        self.inner.db.read().await
    }

    /// How many connections to the database are open.
    pub fn connections(&self) -> u32 {
        self.inner.db.connections()
    }

    /// As [`Store::read`], without the time limit of ordinary reading: for work on the whole database.
    pub(in crate::store::sql) async fn read_at_leisure(&self) -> Result<ReadTx, StoreError> {
        self.inner.db.read_at_leisure().await
    }

    /// As [`Store::read`], for tasks that go on while the workers of a server end.
    pub(in crate::store::sql) async fn read_in_background(&self) -> Result<ReadTx, StoreError> {
        self.inner.db.read_in_background().await
    }

    /// Reserves `count` row ids and returns the first of them.
    ///
    /// # Errors
    /// When a new block cannot be reserved in the database.
    pub async fn row_ids(&self, count: usize) -> Result<i64, StoreError> {
        self.inner.row_ids.take(self, count).await
    }
}
