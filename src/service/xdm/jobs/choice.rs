//! What a node decides of a package that came, as JSON. Source: R-32-33, R-32-34, R-32-38.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::order::known_patient;
use crate::{
    model::{
        PatientId,
        xdm::{PackageCode, PackageFinding, PackageOutcome, PackageReport, SetReport, SetState, Weight, XdmCode},
    },
    service::xdm::{Choice, LookedAt, import::is_in_doubt},
    store::XdmPackage,
};

/// Which sets of a package are taken over, and for whom.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ImportOrder {
    /// Ordinals of the sets to take, all if empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sets: BTreeSet<usize>,
    /// The patient of the only set that is taken, or of those of several whose metadata name nobody who is known, CX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// The patients of sets, by ordinal, CX.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub patients: BTreeMap<usize, String>,
    /// Somebody looked at what is held for that, such as an empty document: `true` for all sets that are taken, or their ordinals.
    pub looked_at: LookedAt,
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
    /// One patient is named for sets of which some are of others (R-32-38).
    #[error("the sets {} are, or may be, of another patient than the one who is named: name patients by ordinal, or choose sets", list(.0))]
    OtherPatient(Vec<usize>),
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
            looked_at: self.looked_at.clone(),
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
        let choice = self.choice()?;
        self.fits(&choice, &PackageSummary::of(package.report.as_deref()))
    }

    /// Whether the decision fits what was found: its sets are there, and whose they are is known or said.
    ///
    /// # Errors
    /// What does not fit.
    fn fits(&self, choice: &Choice, report: &PackageSummary) -> Result<(), ImportOrderError> {
        let known: BTreeSet<usize> = report.sets.iter().map(|set| set.ordinal).collect();
        let decided = self.patients.keys().chain(&self.overridden).chain(self.looked_at.ordinals());
        if let Some(missing) = self.sets.iter().chain(decided).find(|ordinal| !known.contains(ordinal)) {
            return Err(ImportOrderError::NoSet(*missing));
        }
        let is_chosen = |set: &&SetSummary| self.sets.is_empty() || self.sets.contains(&set.ordinal);
        let chosen: Vec<&SetSummary> = report.sets.iter().filter(is_chosen).collect();
        let unnamed = chosen.iter().filter(|set| !self.patients.contains_key(&set.ordinal));
        match &choice.patient {
            None => {
                let open = unnamed.filter(|set| set.waits_for_patient());
                refused(open.map(|set| set.ordinal).collect(), ImportOrderError::Patient)
            }
            // One who is named for one set is its patient, whoever the metadata tell.
            Some(_) if chosen.len() == 1 => Ok(()),
            Some(patient) => {
                let others = unnamed.filter(|set| set.is_to_be_taken_for_other(patient));
                refused(others.map(|set| set.ordinal).collect(), ImportOrderError::OtherPatient)
            }
        }
    }
}

/// A refusal for these sets, if there are any.
fn refused(ordinals: Vec<usize>, why: fn(Vec<usize>) -> ImportOrderError) -> Result<(), ImportOrderError> {
    if ordinals.is_empty() { Ok(()) } else { Err(why(ordinals)) }
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
    registered_patient_id: String,
    #[serde(default)]
    findings: Vec<FindingSummary>,
}

#[derive(Debug, Deserialize)]
struct FindingSummary {
    code: String,
    #[serde(default)]
    text: String,
}

impl SetSummary {
    fn waits_for_patient(&self) -> bool {
        self.queued().next().is_some()
    }

    /// What it waits for a patient for.
    fn queued(&self) -> impl Iterator<Item = &FindingSummary> {
        let queued = PackageCode::from(XdmCode::DocumentQueued).as_str();
        let waits = self.state == "held" && self.registered_patient_id.is_empty();
        self.findings.iter().filter(move |finding| waits && finding.code == queued)
    }

    /// Whether it can be taken, and is, or may be, of somebody else who is known.
    fn is_to_be_taken_for_other(&self, patient: &PatientId) -> bool {
        let can_be_taken = ["ready", "held"].contains(&&*self.state);
        let is_other = self.registered_patient_id.parse::<PatientId>().is_ok_and(|it| it != *patient);
        can_be_taken && is_other || self.queued().any(|finding| is_in_doubt(&finding.text))
    }
}

/// Warnings that say nothing against what a package holds: how it is laid out and written, and what no document depends on.
const HARMLESS: [XdmCode; 19] = [
    XdmCode::SharedFile,
    XdmCode::Backslash,
    XdmCode::OddName,
    XdmCode::NameNotIso9660,
    XdmCode::CaseFolded,
    XdmCode::Wrapped,
    XdmCode::MissingIndexHtm,
    XdmCode::MissingReadmeTxt,
    XdmCode::HashIsSha256,
    XdmCode::UriAttribute,
    XdmCode::EmptySlot,
    XdmCode::SymbolicId,
    XdmCode::SubmissionTimeRepeated,
    XdmCode::DicomdirMalformed,
    XdmCode::DicomdirEscape,
    XdmCode::DicomdirUnresolved,
    XdmCode::DicomdirDiffers,
    XdmCode::DicomdirName,
    XdmCode::ImagesLeftAlone,
];

/// Whether every check of a package is green (R-32-34): nothing is refused or held, there is no warning that somebody should
/// weigh, and every set has documents, all of them verified. Of sets that are here already nothing is taken.
pub(super) fn is_green(report: &PackageReport) -> bool {
    let is_harmless = |finding: &PackageFinding| {
        finding.weight == Weight::Warning && HARMLESS.map(PackageCode::from).contains(&finding.code)
    };
    let is_sound = |set: &SetReport| {
        let verified = !set.documents.is_empty() && set.documents.iter().all(|it| it.verified == Some(true));
        set.state == SetState::AlreadyPresent || (verified && set.findings.iter().all(is_harmless))
    };
    let whole = matches!(report.outcome, PackageOutcome::All | PackageOutcome::AlreadyPresent);
    whole && !report.sets.is_empty() && report.findings.iter().all(is_harmless) && report.sets.iter().all(is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::xdm::DocumentReport;

    fn report(findings: Vec<PackageFinding>) -> PackageReport {
        let document = DocumentReport {
            file: "IHE_XDM/SUBSET01/A.PDF".to_owned(),
            unique_id: "2.999.1".to_owned(),
            title: String::new(),
            mime_type: "application/pdf".to_owned(),
            size_bytes: Some(3),
            parts: None,
            verified: Some(true),
            already_present: false,
        };
        let mut set = SetReport::new(1, "IHE_XDM/SUBSET01");
        (set.documents, set.findings) = (vec![document], findings);
        PackageReport { outcome: PackageOutcome::All, sets: vec![set], ..PackageReport::new(4) }
    }

    fn warning(code: XdmCode) -> PackageFinding {
        PackageFinding::warning(code, "", "")
    }

    #[test]
    fn r_32_34_a_warning_that_somebody_should_weigh_is_not_green() {
        assert!(is_green(&report(Vec::new())));
        for code in XdmCode::ALL {
            assert_eq!(is_green(&report(vec![warning(*code)])), HARMLESS.contains(code), "{}", code.as_str());
        }
        for code in [XdmCode::MimeMismatch, XdmCode::PartialRelationship, XdmCode::HashMissing] {
            assert!(!is_green(&report(vec![warning(code)])), "{}", code.as_str());
            let mut whole = report(Vec::new());
            whole.findings.push(warning(code));
            assert!(!is_green(&whole), "{}", code.as_str());
        }
    }

    #[test]
    fn r_32_34_what_was_not_verified_or_is_not_there_is_not_green() {
        let mut unverified = report(Vec::new());
        unverified.sets[0].documents[0].verified = None;
        assert!(!is_green(&unverified));
        let mut empty = report(Vec::new());
        empty.sets[0].documents.clear();
        assert!(!is_green(&empty));
        let mut present = report(vec![warning(XdmCode::MimeMismatch)]);
        present.sets[0].state = SetState::AlreadyPresent;
        assert!(is_green(&present), "nothing of it is taken");
    }

    #[test]
    fn r_32_38_one_patient_for_all_is_not_named_for_a_set_that_names_several() {
        let several = "several patients who are known here have numbers in the metadata";
        let nobody = "no number in the metadata is of a patient who is known here";
        let waits = |ordinal: usize, why: &str| {
            let finding = serde_json::json!({ "code": "DocumentQueued", "text": why });
            serde_json::json!({ "ordinal": ordinal, "state": "held", "findings": [finding] })
        };
        let report = serde_json::json!({ "sets": [waits(1, nobody), waits(2, several)] }).to_string();
        let report = PackageSummary::of(Some(&report));
        let fits = |order: serde_json::Value| {
            let order: ImportOrder = serde_json::from_value(order).expect("an order");
            order.fits(&order.choice().expect("a choice"), &report)
        };
        let (one, other) = ("1^^^&2.999.7.1&ISO", "2^^^&2.999.7.1&ISO");
        assert_eq!(fits(serde_json::json!({ "patient": one })), Err(ImportOrderError::OtherPatient(vec![2])));
        assert_eq!(fits(serde_json::json!({ "patient": one, "patients": { "2": other } })), Ok(()));
        assert_eq!(fits(serde_json::json!({ "patient": one, "sets": [2] })), Ok(()));
        assert_eq!(fits(serde_json::json!({})), Err(ImportOrderError::Patient(vec![1, 2])));
    }
}
