//! What is said of each event: one constructor a row of the tables in spec security §2.3 and §2.6.
//!
//! Everything begins with [`Parties`], the two sides of a request. Values of strangers stay as they came; `wire::atna` makes
//! them fit for a message. What only the local log keeps (policy, consent, checks) the caller puts into `local`.
//!
//! Source: ITI TF-2 §3.20, DICOM PS3.15 A.5, the security sections of the transactions; spec security §2.

mod access;
mod media;
mod operation;
mod parties;
mod pickup;
mod transactions;
mod vocabulary;

pub use access::{PastPerson, denied, emergency_ended, emergency_started, object_attributes_changed};
pub use media::{
    MediaImport, MediaKind, Medium, distributed_on_media, media_imported, package_fetched, package_withdrawn,
};
pub use operation::{
    Actor, Change, NodeFailure, application_started, application_stopped, assertion_rejected, configuration_changed,
    exported, imported, log_used, node_authentication_failed, node_not_checked, recording_started, recording_stopped,
    roles_changed,
};
pub use parties::{Parties, Verdict, flag_clock};
pub use pickup::{PickupAct, PickupVisit, pickup_changed, pickup_visited};
pub use transactions::{
    AuditedDocument, DiscoveryQuery, Query, Submitted, not_understood, patient_discovery, provide_and_register,
    provide_and_register_as_client, query, register, register_as_client, register_within, retrieve,
};
