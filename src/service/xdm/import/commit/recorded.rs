//! What the audit trail is told of packages and sets that the repository never saw.
//!
//! Source: spec xdm R-32-41.

use super::{Choice, Importer, MediaOrigin};
use crate::{
    model::{
        AuditOutcome, RequestContext,
        xdm::{PackageFinding, PackageReport, SetReport, Weight},
    },
    service::audit::events::{self, Submitted, Verdict},
    store::StoreError,
};

impl Importer {
    /// Records that a whole package was refused.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn rejected(
        &self,
        ctx: &RequestContext,
        report: &PackageReport,
        choice: &Choice,
        origin: &MediaOrigin,
    ) -> Result<(), StoreError> {
        let error = report.findings.iter().find(|finding| finding.weight == Weight::Error);
        match error {
            Some(finding) if !choice.dry_run => self.record(ctx, origin, Submitted::default(), Some(finding)).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn record(
        &self,
        ctx: &RequestContext,
        origin: &MediaOrigin,
        submitted: Submitted<'_>,
        refused_for: Option<&PackageFinding>,
    ) -> Result<(), StoreError> {
        if !self.auditor.records() {
            return Ok(());
        }
        let verdict = match refused_for {
            None => Verdict::success(),
            Some(finding) => Verdict::failure(AuditOutcome::Minor, finding.code.as_str(), ""),
        };
        let event = events::media_imported(&self.auditor.parties(ctx), &origin.as_event(), submitted, verdict);
        self.auditor.record(vec![event]).await
    }
}

/// What an event says of a set.
pub(super) fn submitted(set: &SetReport) -> Submitted<'_> {
    let patient = Some(&*set.registered_patient_id).filter(|id| !id.is_empty());
    let sent = Some(&*set.patient_id).filter(|id| !id.is_empty());
    Submitted { patient: patient.or(sent), submission_set: Some(&*set.unique_id).filter(|id| !id.is_empty()) }
}
