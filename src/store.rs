//! What knoop keeps: metadata and jobs in SQL, document bytes in files or an object store.
//!
//! Uses `model` only.

pub mod data_dir;
pub mod documents;
