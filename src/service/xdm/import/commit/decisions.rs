//! What a person decided about a set, put to what was found.
//!
//! Source: spec xdm R-32-33, R-32-36, R-32-39.

use super::{Choice, Importer};
use crate::model::xdm::{PackageFinding, SetReport, Weight, XdmCode};

impl Importer {
    /// What a person decided, in what was found.
    pub(super) fn decide(&self, choice: &Choice, set: &mut SetReport) {
        if choice.looked_at.covers(set.ordinal) {
            set.findings.iter_mut().filter(|it| is_for_a_look(it)).for_each(|it| it.weight = Weight::Warning);
        }
        if self.overrides(choice, set) {
            set.findings.iter_mut().filter(|it| is_overridable(it)).for_each(|it| it.weight = Weight::Warning);
        }
        set.settle();
    }

    pub(super) fn overrides(&self, choice: &Choice, set: &SetReport) -> bool {
        self.settings.may_override && choice.overridden.contains(&set.ordinal)
    }
}

fn is_for_a_look(finding: &PackageFinding) -> bool {
    let codes = [XdmCode::EmptyDocument, XdmCode::PatientDiffersInside].map(Into::into);
    finding.weight == Weight::Held && codes.contains(&finding.code)
}

pub(super) fn is_overridable(finding: &PackageFinding) -> bool {
    [XdmCode::HashMismatch, XdmCode::SizeMismatch].map(Into::into).contains(&finding.code)
}
