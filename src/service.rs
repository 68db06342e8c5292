//! The IHE actors and what serves them, in model terms.
//!
//! Uses `client`, `store`, `validate`, `security` and `model`. SOAP, HTTP and the kind of database are unknown here.

pub mod access;
pub mod assertions;
pub mod audit;
pub mod audit_delivery;
pub mod audit_view;
pub mod backup;
pub mod clock;
pub mod discovery;
mod error;
mod habits;
pub mod integrity;
pub mod jobs;
pub mod mail;
pub mod nodes;
pub mod pickup;
pub mod refusals;
pub mod registry;
pub mod repository;
mod spool;
pub mod xdm;

pub use access::{Access, AccessSettings};
pub use audit::{AuditSettings, Auditor};
pub use error::{Actor, ServiceError};
use habits::Habits;
pub use registry::{Registry, RegistrySettings};
pub use repository::{Repository, RepositorySettings};
