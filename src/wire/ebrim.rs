//! ebRIM: registry objects between XML, [`crate::model::rim`] and the kept form.
//!
//! Uses `model` and `wire::guard`. Reads and writes what the schema says and judges nothing: whether a value is allowed
//! is for `validate`.
//!
//! Source: ebRIM 3.0 §2–3; ITI TF-3 §4.2.1 (spec §1.6, §2.1, §8).

pub mod body;
mod error;
pub(crate) mod escape;
mod read;
mod write;

pub use error::DecodeError;
pub use read::read_registry_object_list;
pub(crate) use read::{for_each_child, misplaced, read_object_list, read_slot, read_slot_list};
pub use write::write_registry_object;
pub(crate) use write::{write_classification, write_slot};

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
