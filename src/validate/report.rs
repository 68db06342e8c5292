//! Findings as they are gathered.

use std::collections::{BTreeSet, HashSet};

use super::Tolerance;
use crate::model::{Finding, XdsErrorCode};

/// Most findings that one answer tells; a sender who made more mistakes than this mends these first.
const MOST_FINDINGS: usize = 500;

/// How many characters of a sender's value a codeContext repeats.
const SHOWN_CHARACTERS: usize = 80;

/// What was found so far, and what was let pass.
#[derive(Debug)]
pub(super) struct Report {
    metadata_code: XdsErrorCode,
    findings: Vec<Finding>,
    told: HashSet<String>,
    pub(super) tolerated: BTreeSet<Tolerance>,
}

impl Report {
    /// An empty report; `metadata_code` is what [`Report::metadata`] says.
    pub(super) fn new(metadata_code: XdsErrorCode) -> Self {
        Self { metadata_code, findings: Vec::new(), told: HashSet::new(), tolerated: BTreeSet::new() }
    }

    /// A fault of metadata.
    pub(super) fn metadata(&mut self, rule: &str, context: String) {
        self.error(self.metadata_code, rule, context);
    }

    /// A fault of another kind; the same one is told once (spec §7).
    pub(super) fn error(&mut self, code: XdsErrorCode, rule: &str, context: String) {
        if self.findings.len() < MOST_FINDINGS && self.told.insert(context.clone()) {
            self.findings.push(Finding::error(code, rule, context));
        }
    }

    /// Remembers a habit that was let pass.
    pub(super) fn tolerate(&mut self, habit: Tolerance) {
        self.tolerated.insert(habit);
    }

    /// Ends a stage: the findings so far, if there are any.
    pub(super) fn end_stage(&mut self) -> Result<(), Vec<Finding>> {
        if self.findings.is_empty() { Ok(()) } else { Err(std::mem::take(&mut self.findings)) }
    }
}

/// A value of the sender's, in quotes, for a codeContext.
pub(crate) fn shown(value: &str) -> String {
    format!("'{}'", shortened(value))
}

/// How many values of a list a codeContext names.
const NAMED_VALUES: usize = 5;

/// What a list allows, for a codeContext: the first few values in order, and how many more there are.
pub(super) fn one_of(allowed: impl Iterator<Item = String>) -> String {
    let mut allowed: Vec<String> = allowed.collect();
    allowed.sort();
    let more = allowed.len().saturating_sub(NAMED_VALUES);
    let named = allowed.iter().take(NAMED_VALUES).map(|value| shown(value)).collect::<Vec<_>>().join(", ");
    match (allowed.len(), more) {
        (0, _) => "nothing is allowed here".to_owned(),
        (_, 0) => format!("allowed is {named}"),
        _ => format!("allowed is {named} or one of {more} more"),
    }
}

/// At most 80 characters of a value, control characters made visible.
pub(super) fn shortened(value: &str) -> String {
    let mut rest = value.chars();
    let mut out: String =
        rest.by_ref().take(SHOWN_CHARACTERS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if rest.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_or_odd_value_is_shown_short_and_plain() {
        assert_eq!(shown("2024"), "'2024'");
        assert_eq!(shown(&"é".repeat(81)), format!("'{}…'", "é".repeat(80)));
        assert_eq!(shown("a\u{1b}[2J\nb"), "'a\u{fffd}[2J\u{fffd}b'");
    }

    #[test]
    fn a_list_is_told_by_its_first_values() {
        let list = |n: usize| one_of((0..n).rev().map(|n| n.to_string()));
        assert_eq!(list(0), "nothing is allowed here");
        assert_eq!(list(2), "allowed is '0', '1'");
        assert_eq!(list(7), "allowed is '0', '1', '2', '3', '4' or one of 2 more");
    }

    #[test]
    fn the_same_finding_is_told_once_and_there_is_an_end() {
        let mut report = Report::new(XdsErrorCode::RegistryMetadataError);
        report.metadata("R-42-05", "same".to_owned());
        report.metadata("R-42-05", "same".to_owned());
        assert_eq!(report.end_stage().unwrap_err().len(), 1);
        for n in 0..2 * MOST_FINDINGS {
            report.metadata("R-42-05", format!("fault {n}"));
        }
        assert_eq!(report.end_stage().unwrap_err().len(), MOST_FINDINGS);
    }
}
