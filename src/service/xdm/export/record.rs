//! What the audit trail is told of a package: row 26, one event for each submission set.
//!
//! Source: ITI TF-2 §3.32.6 (R-32-41, S-AUD-50).

use super::{ExportError, ExportRequest, Selection, Target};
use crate::{
    model::{AuditOutcome, RequestContext},
    service::{
        Auditor,
        audit::events::{self, Actor, Medium, Parties, Verdict},
    },
    store::StoreError,
};

/// The audit trail, and who makes the package.
pub struct Record {
    /// The trail.
    pub auditor: Auditor,
    /// The person at the command line; none where the request names who asks.
    pub actor: Option<Actor>,
    /// What the package is known by, where that is not its file.
    pub name: Option<String>,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The patient as the origin knows them, CX.
    pub(super) patient: Option<String>,
    /// uniqueId of the submission set, where there is one yet.
    pub(super) submission_set: Option<String>,
}

impl Identity {
    /// What is known before anything is planned.
    pub(super) fn asked_for(request: &ExportRequest) -> Self {
        let patient = match &request.selection {
            Selection::Patient(patient) => Some(patient.to_string()),
            Selection::Documents(_) | Selection::SubmissionSet(_) | Selection::Folder(_) | Selection::Everything => {
                None
            }
        };
        Self { patient, submission_set: None }
    }
}

impl Record {
    /// What is told of a package that was not made.
    pub(super) fn verdict(error: &ExportError) -> Verdict {
        let outcome = if error.is_refusal() { AuditOutcome::Minor } else { AuditOutcome::Major };
        Verdict::failure(outcome, error.code(), "")
    }

    /// Tells of each submission set; durable when this returns.
    pub(super) async fn tell(
        &self,
        ctx: &RequestContext,
        request: &ExportRequest,
        sets: &[Identity],
        verdict: &Verdict,
    ) -> Result<(), StoreError> {
        if !self.auditor.records() {
            return Ok(());
        }
        let source_id = &self.auditor.settings().source_id;
        let parties = match self.actor {
            Some(_) => Parties::own(ctx, source_id),
            None => Parties::new(ctx, source_id),
        };
        let name = self.name.clone().unwrap_or_else(|| request.target.path().display().to_string());
        let medium = match request.target {
            Target::Zip(_) => Medium::file(&name),
            Target::Tree(_) => Medium::usb(&name),
        };
        let event = |Identity { patient, submission_set }: &Identity| {
            let submitted =
                events::Submitted { patient: patient.as_deref(), submission_set: submission_set.as_deref() };
            events::distributed_on_media(&parties, self.actor.as_ref(), medium, submitted, verdict.clone())
        };
        self.auditor.record(sets.iter().map(event).collect()).await
    }
}
