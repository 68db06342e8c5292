//! Stored queries: parameters read, checked and typed.

use std::collections::BTreeSet;

use super::{QueryRules, Tolerance};
use crate::model::{
    Finding, XdsErrorCode,
    rim::AdhocQueryRequest,
    stored_query::{ReturnType, StoredQuery},
};

/// A query whose parameters are all in order.
#[derive(Clone, Debug)]
pub struct CheckedQuery {
    /// What is asked.
    pub query: StoredQuery,
    /// In which form.
    pub return_type: ReturnType,
    /// Habits of the sender that were tolerated.
    pub tolerated: BTreeSet<Tolerance>,
}

/// Reads a stored query.
///
/// # Errors
/// All findings about its parameters at once (R-18-20).
///
/// Source: ITI TF-2 §3.18.4.1.2.3 (R-18-01 to R-18-24, R-18-60 to R-18-62).
pub fn stored_query(_request: &AdhocQueryRequest, _rules: &QueryRules) -> Result<CheckedQuery, Vec<Finding>> {
    Err(vec![Finding::error(XdsErrorCode::RegistryError, "", "queries are not read yet")])
}
