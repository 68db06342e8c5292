//! The few checks that a repository makes itself.

use crate::model::{Finding, rim::SubmitObjectsRequest};

/// Checks what the repository needs of a submission before it keeps documents; all else is the registry's to judge.
///
/// Source: ITI TF-2 §3.41.4.1.3 (R-41-08).
pub fn repository(_request: &SubmitObjectsRequest) -> Vec<Finding> {
    Vec::new()
}
