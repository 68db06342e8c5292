//! What knoop keeps: metadata and jobs in SQL, document bytes in files or an object store.
//!
//! Uses `model` only. Speaks no XML and decides nothing: rules that need the registry's contents are `service`'s, which
//! asks them here inside one write transaction. Values of patients never reach an error text.

pub mod data_dir;
pub mod documents;
mod error;
mod sql;

pub use error::StoreError;
pub use sql::{
    AssociationRow, BlobState, ClaimKind, DocumentRow, DocumentState, DurabilitySetting, FolderRow, HeldClaim,
    JobLease, JobRow, JobState, MergeError, NewClaim, NewDocument, NewJob, ObjectKind, PatientRow, PostgresSettings,
    Priority, Problem, ReadTx, ResolvedObject, RowKeys, SqliteSettings, Store, StoreSettings, TakenJob, Tx,
    UnknownPatients, Weight,
};
