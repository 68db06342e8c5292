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
    BlobState, DocumentRow, DocumentState, JobLease, JobRow, JobState, NewDocument, NewJob, PostgresSettings, Priority,
    ReadTx, SqliteSettings, Store, StoreSettings, TakenJob, Tx, Weight,
};
