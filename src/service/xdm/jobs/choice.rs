//! What a node decides of a package that came, as JSON. Source: R-32-33, R-32-34, R-32-38.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::order::known_patient;
use crate::{
    model::xdm::{PackageCode, PackageOutcome, PackageReport, SetReport, SetState, XdmCode},
    service::xdm::Choice,
    store::XdmPackage,
};

/// Which sets of a package are taken over, and for whom.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ImportOrder {
    /// Ordinals of the sets to take, all if empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sets: BTreeSet<usize>,
    /// The patient of every set for whom nobody else is named, CX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// The patients of sets, by ordinal, CX.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub patients: BTreeMap<usize, String>,
    /// Somebody looked at what is held for that, such as an empty document.
    pub looked_at: bool,
    /// Ordinals of the sets that are taken in spite of wrong hashes or sizes, where this house allows it to the node (R-32-36).
    #[serde(rename = "override", skip_serializing_if = "BTreeSet::is_empty")]
    pub overridden: BTreeSet<usize>,
    /// Take everything over without asking, if every check is green.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub auto_commit: bool,
}

/// What is wrong with a decision. Repeats no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportOrderError {
    /// A field that cannot be understood.
    #[error("{0}: {1}")]
    Field(&'static str, &'static str),
    /// The package has no such set.
    #[error("sets: the package has no set {0}")]
    NoSet(usize),
    /// Nobody can tell whose documents they are (R-32-38).
    #[error("nobody can tell whose documents the sets {} are: name a patient", list(.0))]
    Patient(Vec<usize>),
}

fn list(ordinals: &[usize]) -> String {
    ordinals.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

impl ImportOrder {
    /// The same in terms of the importer.
    ///
    /// # Errors
    /// The first field that cannot be understood.
    pub fn choice(&self) -> Result<Choice, ImportOrderError> {
        let read = |field, text: &String| {
            known_patient(field, text).map_err(|error| ImportOrderError::Field(error.field, error.why))
        };
        let mut choice = Choice {
            sets: self.sets.clone(),
            looked_at: self.looked_at,
            overridden: self.overridden.clone(),
            ..Choice::default()
        };
        choice.patient = self.patient.as_ref().map(|text| read("patient", text)).transpose()?;
        for (ordinal, text) in &self.patients {
            choice.patients.insert(*ordinal, read("patients", text)?);
        }
        Ok(choice)
    }

    /// Whether the decision can be understood and fits what was found in a package.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, package: &XdmPackage) -> Result<(), ImportOrderError> {
        self.choice()?;
        self.fits(&PackageSummary::of(package.report.as_deref()))
    }

    /// Whether the decision fits what was found: its sets are there, and whose they are is known or said.
    ///
    /// # Errors
    /// What does not fit.
    fn fits(&self, report: &PackageSummary) -> Result<(), ImportOrderError> {
        let known: BTreeSet<usize> = report.sets.iter().map(|set| set.ordinal).collect();
        let mut named = self.sets.iter().chain(self.patients.keys()).chain(&self.overridden);
        if let Some(missing) = named.find(|ordinal| !known.contains(ordinal)) {
            return Err(ImportOrderError::NoSet(*missing));
        }
        let chosen = |ordinal: &usize| self.sets.is_empty() || self.sets.contains(ordinal);
        let named = |ordinal: &usize| self.patient.is_some() || self.patients.contains_key(ordinal);
        let open: Vec<usize> = report
            .sets
            .iter()
            .filter(|set| set.waits_for_patient() && chosen(&set.ordinal) && !named(&set.ordinal))
            .map(|set| set.ordinal)
            .collect();
        if open.is_empty() { Ok(()) } else { Err(ImportOrderError::Patient(open)) }
    }
}

/// What a decision needs of the report that is kept.
#[derive(Debug, Default, Deserialize)]
pub struct PackageSummary {
    #[serde(default)]
    sets: Vec<SetSummary>,
    #[serde(default)]
    quarantined: bool,
    #[serde(default)]
    outcome: String,
}

impl PackageSummary {
    /// Of a report as it is kept; an empty one where there is none.
    pub fn of(report: Option<&str>) -> Self {
        report.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Whether a document was not what its hash or size say (R-32-36).
    pub fn is_quarantined(&self) -> bool {
        self.quarantined
    }

    /// Whether every set is here, taken now or before.
    pub(super) fn is_here_whole(&self) -> bool {
        ["all", "already_present"].contains(&&*self.outcome)
    }
}

#[derive(Debug, Deserialize)]
struct SetSummary {
    ordinal: usize,
    state: String,
    #[serde(default)]
    findings: Vec<FindingSummary>,
}

#[derive(Debug, Deserialize)]
struct FindingSummary {
    code: String,
}

impl SetSummary {
    fn waits_for_patient(&self) -> bool {
        let queued = PackageCode::from(XdmCode::DocumentQueued).as_str();
        self.state == "held" && self.findings.iter().any(|finding| finding.code == queued)
    }
}

/// Whether every check of a package is green: nothing is refused or held, and every document was verified (R-32-34).
pub(super) fn is_green(report: &PackageReport) -> bool {
    let verified = |set: &SetReport| {
        set.state == SetState::AlreadyPresent || set.documents.iter().all(|document| document.verified == Some(true))
    };
    let whole = matches!(report.outcome, PackageOutcome::All | PackageOutcome::AlreadyPresent);
    whole && !report.sets.is_empty() && report.sets.iter().all(verified)
}
