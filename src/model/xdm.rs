//! What is found in an XDM package: codes, findings, and the report of a whole package.
//!
//! A finding names a file and a place, so that its sender can mend it. Names and titles come from strangers and may be
//! patient data: findings go to whom has the package, never to a log, so `Debug` prints the code only.
//!
//! Source: ITI TF-2 §3.32; spec xdm §7, §11 to §13.

mod code;
mod imaging;
mod limits;
mod package;
mod tally;

pub use code::{PackageCode, XdmCode};
pub use imaging::ImagingReport;
pub use limits::{PackageLimits, PackageTolerances, SetLimits};
pub use package::{Delivery, Direction, PackageId, PackageIdError, PackageState};
pub use tally::PackageTally;

use serde::Serialize;

/// What a finding means for what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth a word.
    Warning,
    /// Nobody but a person may go on.
    Held,
    /// The submission set is not taken, or the whole package where it stands at the package.
    Error,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct PackageFinding {
    /// What kind of thing.
    pub code: PackageCode,
    /// What it means.
    pub weight: Weight,
    /// File of the package, where it is about one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Where in it: an object, an attribute, an offset.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// A sentence.
    pub text: String,
}

impl PackageFinding {
    /// An error about a file.
    pub fn error(code: impl Into<PackageCode>, file: impl Into<String>, text: impl Into<String>) -> Self {
        let (code, file, text) = (code.into(), file.into(), text.into());
        Self { code, weight: Weight::Error, file, place: String::new(), text }
    }

    /// A warning about a file.
    pub fn warning(code: impl Into<PackageCode>, file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, ..Self::error(code, file, text) }
    }

    /// Something that a person has to decide.
    pub fn held(code: impl Into<PackageCode>, file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { weight: Weight::Held, ..Self::error(code, file, text) }
    }

    /// The same, with its place in the file.
    pub fn at(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }
}

impl std::fmt::Debug for PackageFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackageFinding({}, {:?})", self.code.as_str(), self.weight)
    }
}

/// What became of a submission set, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetState {
    /// Nothing hinders its import.
    Ready,
    /// A person must decide first.
    Held,
    /// It cannot be taken.
    Failed,
    /// It was imported.
    Imported,
    /// All of it was here before (R-32-56).
    AlreadyPresent,
    /// It was not chosen.
    Skipped,
}

/// What was found of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentReport {
    /// File in the package, empty where the metadata name none.
    pub file: String,
    /// uniqueId, empty where there is none.
    pub unique_id: String,
    /// Title, empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// mimeType, empty where there is none.
    pub mime_type: String,
    /// Octets in the package, of all its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Files that it is made of, where it is one of several parts (R-32-52).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<usize>,
    /// Whether hash and size of the metadata are those of the file; absent when the octets were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Whether it was here before, and is not registered again (R-32-56).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub already_present: bool,
}

/// What was found of one submission set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetReport {
    /// Its place in the package, counted from 1.
    pub ordinal: usize,
    /// Its directory.
    pub folder: String,
    /// What became of it.
    pub state: SetState,
    /// SubmissionSet.uniqueId, empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unique_id: String,
    /// SubmissionSet.sourceId, empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_id: String,
    /// submissionTime, empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub submission_time: String,
    /// The patient as the sender names them, CX; empty where they do not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub patient_id: String,
    /// The patient under whom it is, or would be, registered here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub registered_patient_id: String,
    /// Its documents.
    pub documents: Vec<DocumentReport>,
    /// What was found.
    pub findings: Vec<PackageFinding>,
}

impl SetReport {
    /// A set of which nothing is known yet but its place.
    pub fn new(ordinal: usize, folder: &str) -> Self {
        Self {
            ordinal,
            folder: folder.to_owned(),
            state: SetState::Ready,
            unique_id: String::new(),
            source_id: String::new(),
            submission_time: String::new(),
            patient_id: String::new(),
            registered_patient_id: String::new(),
            documents: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The worst of its findings, as the state of a set that was not imported.
    pub fn settle(&mut self) {
        self.state = match self.findings.iter().map(|finding| finding.weight).max() {
            Some(Weight::Error) => SetState::Failed,
            Some(Weight::Held) => SetState::Held,
            Some(Weight::Warning) | None => SetState::Ready,
        };
    }
}

/// How much of a package was, or would be, imported (R-32-35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageOutcome {
    /// Every set.
    All,
    /// Some sets.
    Some,
    /// No set.
    None,
    /// All of it was here before (R-32-56).
    AlreadyPresent,
    /// The package was refused as a whole.
    Rejected,
}

/// What was found of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageReport {
    /// In a word.
    pub outcome: PackageOutcome,
    /// About the package as a whole.
    pub findings: Vec<PackageFinding>,
    /// Its submission sets in the order of their directories.
    pub sets: Vec<SetReport>,
    /// Files in the package.
    pub files: usize,
    /// What its DICOMDIR lists, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imaging: Option<ImagingReport>,
    /// Whether a document was not what its hash or size say: what it belongs to is kept apart for a person (R-32-36).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
}

impl PackageReport {
    /// A package with so many files, of which nothing else is known yet.
    pub fn new(files: usize) -> Self {
        let (outcome, findings, sets) = (PackageOutcome::None, Vec::new(), Vec::new());
        Self { outcome, findings, sets, files, imaging: None, quarantined: false }
    }

    /// A package that was refused as a whole.
    pub fn rejected(finding: PackageFinding) -> Self {
        Self { outcome: PackageOutcome::Rejected, findings: vec![finding], ..Self::new(0) }
    }

    /// Sets the outcome from findings and sets.
    pub fn settle(&mut self) {
        let mut tally = PackageTally::default();
        self.sets.iter().for_each(|set| tally.add(set));
        self.outcome = tally.outcome(&self.findings);
        self.quarantined = tally.has_wrong_octets();
    }

    /// Every finding, of the package and of its sets.
    pub fn all_findings(&self) -> impl Iterator<Item = &PackageFinding> {
        self.findings.iter().chain(self.sets.iter().flat_map(|set| &set.findings))
    }
}
