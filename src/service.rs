//! The IHE actors and what serves them, in model terms.
//!
//! Uses `client`, `store`, `validate`, `security` and `model`. SOAP, HTTP and the kind of database are unknown here.

pub mod backup;
mod error;
mod habits;
pub mod integrity;
pub mod jobs;
pub mod refusals;
pub mod registry;
pub mod repository;

pub use error::{Actor, ServiceError};
use habits::Habits;
pub use registry::{Registry, RegistrySettings};
pub use repository::{Repository, RepositorySettings};
