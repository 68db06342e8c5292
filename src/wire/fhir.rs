//! FHIR R4 resources that knoop writes, as far as it writes them.
//!
//! Structs mirror the resources and are dull; `audit_event` fills them from the model. JSON only.
//!
//! Source: HL7 FHIR 4.0.1.

mod audit_event;
mod datatypes;

use serde::Serialize;

pub use audit_event::{AuditEventResource, audit_event, system_of};
pub use datatypes::{CodeableConcept, Coding, Identifier, Reference};

/// application/fhir+json
pub const FHIR_JSON: &str = "application/fhir+json";

/// Bundle of type searchset.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchSet<R> {
    resource_type: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Links: self, and next where there is more.
    pub link: Vec<Link>,
    /// What was found; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry: Vec<Entry<R>>,
}

impl<R> SearchSet<R> {
    /// A page of matches.
    pub fn new(link: Vec<Link>, entry: Vec<Entry<R>>) -> Self {
        Self { resource_type: "Bundle", kind: "searchset", link, entry }
    }
}

/// Bundle.link
#[derive(Debug, Serialize)]
pub struct Link {
    /// self or next
    pub relation: &'static str,
    /// Where.
    pub url: String,
}

/// Bundle.entry of a match.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<R> {
    full_url: String,
    resource: R,
    search: Search,
}

#[derive(Debug, Serialize)]
struct Search {
    mode: &'static str,
}

impl<R> Entry<R> {
    /// A match under its address.
    pub fn matching(full_url: String, resource: R) -> Self {
        Self { full_url, resource, search: Search { mode: "match" } }
    }
}

/// OperationOutcome with one issue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationOutcome {
    resource_type: &'static str,
    issue: [Issue; 1],
}

#[derive(Debug, Serialize)]
struct Issue {
    severity: &'static str,
    code: &'static str,
    diagnostics: String,
}

impl OperationOutcome {
    /// An error; `code` is one of IssueType.
    pub fn error(code: &'static str, diagnostics: String) -> Self {
        Self { resource_type: "OperationOutcome", issue: [Issue { severity: "error", code, diagnostics }] }
    }
}
