//! Bytes to model objects and back, one folder per format; no decisions and no I/O.
//!
//! Uses `model` only.

pub mod mime;
