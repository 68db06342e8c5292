//! What is recorded of decisions: one function for each event of the audit trail, and a line of the log where a person should
//! look. Lines say how many and why, never whose.
//!
//! Source: S-CON-08, S-CON-22; spec security §2.6.

use tracing::{error, warn};

use super::{Ruling, changes::Author};
use crate::{
    model::{AuditEvent, AuditOutcome, Coded, EntryUuid, RequestContext},
    security::access::{Policy, Reason},
    service::{
        ServiceError,
        audit::events::{self, Actor, Change, Parties, PastPerson, Verdict},
    },
};

const DENIED: &str = "access was denied";

/// Completes the event of a transaction with what was decided; where all was kept back it is one of a refusal.
pub(in crate::service) fn decided(event: &mut AuditEvent, ruling: &Ruling, withheld: &[EntryUuid]) {
    ruling.note(&mut event.local, withheld);
    if !withheld.is_empty() && event.local.returned == Some(0) {
        refuse(event, ruling);
    }
}

/// The transaction was refused: outcome 8, or 12 where a consent service did not answer.
pub(in crate::service) fn refuse(event: &mut AuditEvent, ruling: &Ruling) {
    let Verdict { outcome, reason } = verdict(ruling);
    (event.outcome, event.reason) = (outcome, reason);
}

fn verdict(ruling: &Ruling) -> Verdict {
    let reason = ruling.reason();
    let outcome = if reason == Reason::Remote { AuditOutcome::Major } else { AuditOutcome::Serious };
    Verdict::failure(outcome, reason.as_str(), "")
}

/// Something was kept back from a query or a retrieval: 110113/110132 beside the row of the transaction.
pub(in crate::service) fn denied(parties: &Parties<'_>, patient: Option<&str>, ruling: &Ruling) -> AuditEvent {
    let Verdict { outcome, reason } = verdict(ruling);
    let mut event = events::denied(parties, patient, ruling.policy(), ruling.reason().as_str(), DENIED);
    (event.outcome, event.reason) = (outcome, format!("{reason} {DENIED}"));
    event
}

/// A submission would have changed what another organisation owns: 110113/110132.
pub(in crate::service) fn push_refused(parties: &Parties<'_>, patient: &str, policy: &Policy) -> AuditEvent {
    events::denied(parties, Some(patient), policy.version(), Reason::Owner.as_str(), DENIED)
}

/// The glass was broken: 110113/110127. An assertion carries no reason in words of the person but the purpose of use that they
/// chose, so its code and words are the reason.
pub(super) fn emergency_begun(parties: &Parties<'_>, patient: &str, purposes: &[Coded]) -> AuditEvent {
    let reason = |purpose: &Coded| match &*purpose.display {
        "" => purpose.code.to_string(),
        words => format!("{words} ({})", purpose.code),
    };
    let reasons: Vec<String> = purposes.iter().map(reason).collect();
    events::emergency_started(parties, patient, &reasons.join(", "))
}

/// Tells the operator of it.
pub(super) fn tell_of_emergency(ctx: &RequestContext, grants: usize) {
    let node = &**ctx.caller.name();
    warn!(node, grants, "documents were opened in an emergency; knoop consent emergencies lists them");
}

/// The privacy officer has no word of a grant yet: a warning, and an error when that has lasted too long (S-CON-22).
pub(super) fn officer_not_told(grant: i64, problem: &str, late: bool) {
    if late {
        error!(
            grant,
            problem, "the privacy officer could not be told of an emergency; knoop consent emergencies lists it"
        );
    } else {
        warn!(grant, problem, "the privacy officer could not be told of an emergency yet");
    }
}

/// The glass was to be broken, and that could not be recorded; nothing was opened.
pub(super) fn emergency_refused(ctx: &RequestContext, problem: &ServiceError) {
    let node = &**ctx.caller.name();
    error!(node, error = %problem, "an emergency could not be recorded, so nothing was opened");
}

/// The time of a grant is over: 110113/110138.
/// `person` is issuer and NameID, as the grant keeps them.
pub(super) fn emergency_ended(parties: &Parties<'_>, patient: &str, person: &str) -> AuditEvent {
    let (issuer, name_id) = person.split_once('|').unwrap_or(("", person));
    events::emergency_ended(parties, PastPerson { issuer, name_id }, patient, "its time is over")
}

/// The consent service did not say yes or no; the events of the request say so too.
pub(super) fn consent_service_failed(ctx: &RequestContext) {
    let node = &**ctx.caller.name();
    warn!(node, reason = Reason::Remote.as_str(), "the consent service gave no answer");
}

/// A policy decides here that did not before, or will from a time on: 110113/110129.
pub(super) fn policy_changed(parties: &Parties<'_>, policy: &Policy, sha256: &str) -> AuditEvent {
    let actor = Actor { user_id: "knoop".to_owned() };
    let text = match policy.change() {
        None => format!("the access policy took effect, SHA-256 {sha256}"),
        Some(change) => format!(
            "the access policy decides from {}, proposed by {}, approved by {}, SHA-256 {sha256}",
            change.effective_from, change.proposed_by, change.approved_by
        ),
    };
    events::configuration_changed(parties, Change::Security, &actor, policy.version(), &text)
}

/// Answers of a patient were recorded or withdrawn: 110113/110135.
pub(super) fn consent_changed(author: &Author, patient: &str, text: &str) -> AuditEvent {
    let actor = Actor { user_id: author.by.to_string() };
    events::object_attributes_changed(&author.parties(), Some(&actor), patient, &[], text)
}

/// An agreement between regions was recorded or ended, an emergency reviewed: 110113/110129.
pub(super) fn configuration_changed(author: &Author, object: &str, text: &str) -> AuditEvent {
    let actor = Actor { user_id: author.by.to_string() };
    events::configuration_changed(&author.parties(), Change::Security, &actor, object, text)
}
