//! The rules of metadata and queries that need no registry.
//!
//! Reads requests as they were sent ([`crate::model::rim`]) and makes the typed objects of `model`, or a list of findings:
//! every fault of a stage at once, each naming the object, the attribute, what was found and what was expected. Uses
//! `model` only; knows no XML, no SQL, and not what the registry holds. Rules that need the registry's contents are kept
//! by `service`.
//!
//! Source: ITI TF-3 §4.2 (attributes), §4.1.4 (submissions), §4.2.2 (associations); ITI TF-2 §3.18.4.1.2 (queries).

mod query;
mod report;
mod repository;
mod rules;
#[cfg(test)]
mod sample;
mod submission;

pub use query::{CheckedQuery, stored_query};
pub use repository::repository;
pub use rules::{QueryRules, Rules, Tolerance};
pub use submission::{Checked, submission};

pub(crate) use report::shown;
