//! The IHE actors and what serves them, in model terms.
//!
//! Uses `client`, `store`, `validate`, `security` and `model`. SOAP, HTTP and the kind of database are unknown here.

pub mod jobs;
