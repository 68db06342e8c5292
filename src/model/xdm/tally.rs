//! What became of the sets of a package, counted one by one.

use super::{PackageFinding, PackageOutcome, SetReport, SetState, Weight, XdmCode};

/// What became of the sets of a package, counted one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageTally {
    sets: usize,
    skipped: usize,
    already_present: usize,
    /// Ready, imported, or already present.
    good: usize,
    held: usize,
    errors: usize,
    wrong_octets: bool,
}

impl PackageTally {
    /// Counts a set.
    pub fn add(&mut self, set: &SetReport) {
        self.sets += 1;
        match set.state {
            SetState::Skipped => self.skipped += 1,
            SetState::Ready | SetState::Imported => self.good += 1,
            SetState::AlreadyPresent => {
                self.already_present += 1;
                self.good += 1;
            }
            SetState::Held => self.held += 1,
            SetState::Failed => {}
        }
        self.errors += errors(&set.findings);
        self.wrong_octets |= set.findings.iter().any(tells_of_wrong_octets);
    }

    /// The outcome of a package in which this was found beside (R-32-35).
    pub fn outcome(&self, of_package: &[PackageFinding]) -> PackageOutcome {
        if errors(of_package) > 0 {
            PackageOutcome::Rejected
        } else if self.sets > 0 && self.already_present == self.sets {
            PackageOutcome::AlreadyPresent
        } else if self.good > 0 && self.good + self.skipped == self.sets {
            PackageOutcome::All
        } else if self.good > 0 {
            PackageOutcome::Some
        } else {
            PackageOutcome::None
        }
    }

    /// Whether the set of some document fails for its hash or size (R-32-36).
    pub fn has_wrong_octets(&self) -> bool {
        self.wrong_octets
    }

    /// Errors of all sets.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Sets that wait for a person.
    pub fn held(&self) -> usize {
        self.held
    }
}

fn errors(findings: &[PackageFinding]) -> usize {
    findings.iter().filter(|finding| finding.weight == Weight::Error).count()
}

fn tells_of_wrong_octets(finding: &PackageFinding) -> bool {
    let codes = [XdmCode::HashMismatch, XdmCode::SizeMismatch].map(Into::into);
    finding.weight == Weight::Error && codes.contains(&finding.code)
}
