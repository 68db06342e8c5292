//! A submission from its first rule to its last.

use std::collections::BTreeSet;

use super::{Rules, Tolerance};
use crate::model::{BodyEncoder, EntryUuid, Finding, Submission, XdsErrorCode, rim::SubmitObjectsRequest};

/// A submission that passed stages 1 to 4.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All its objects, every id a UUID.
    pub submission: Submission,
    /// Findings of stage 7 that were seen already: references that lead nowhere, whatever the registry holds (R-ASC-06 to
    /// R-ASC-08). Report them with the other findings of stage 7; the associations concerned are not in `submission`.
    pub references: Vec<Finding>,
    /// Habits of the sender that were tolerated.
    pub tolerated: BTreeSet<Tolerance>,
}

/// Checks a submission (stages 1 to 4 of ITI-42) and makes its objects, each id a UUID and each body encoded.
///
/// # Errors
/// All findings of the first stage that has any.
///
/// Source: ITI TF-2 §3.42.4.1.3, ITI TF-3 §4.2 (R-42-01 to R-42-20).
pub fn submission(
    _request: SubmitObjectsRequest,
    _rules: &Rules,
    _fresh: &mut dyn FnMut() -> EntryUuid,
    _encode: BodyEncoder,
) -> Result<Checked, Vec<Finding>> {
    Err(vec![Finding::error(XdsErrorCode::RegistryError, "", "submissions are not read yet")])
}
