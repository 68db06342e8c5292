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
    AUDIT_SEALED_AT_ONCE, AskedPatients, AssertionLedger, AssertionUse, AssociationRow, AuditDelivery, AuditFault,
    AuditPosition, AuditReport, AuditSeal, AuditSearch, BlobState, ClaimKind, Combination, DocumentRow, DocumentState,
    DurabilitySetting, EmergencyRow, EntryLabels, Evidence, FolderRow, FoundAudit, Heads, HeldClaim, JobLease, JobRow,
    JobState, KeptPolicy, KinRow, Labels, MailRow, MailState, MergeError, NewClaim, NewDocument, NewGrant, NewJob,
    NewMail, NewPickup, NewReceivedMail, NewXdmPackage, ObjectKind, PackageJob, PatientRow, PickupRow, PolicyRow,
    PostgresSettings, Priority, Problem, PruneError, PrunedMonth, ReadTx, ReceivedHead, ReceivedMail, ReceivedState,
    RecordedAnswer, ResolvedObject, RowKeys, RunningGrant, SealedAudit, SealedBatch, Settlement, Sight, SqliteSettings,
    Store, StoreSettings, TakenJob, Tx, UnknownPatients, UseVerdict, Visit, VisitKind, Weight, XdmMail, XdmPackage,
    audit_files, audit_kept_since, kind_at,
};
