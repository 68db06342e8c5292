//! Decisions about access: refused, overridden in an emergency, changed. Source: spec security §2.6 and chapter 4.

use super::{
    Actor,
    parties::{Parties, Verdict, object, patient, security_resource},
    vocabulary as v,
};
use crate::model::{AuditAction, AuditCode, AuditEvent, AuditObject, AuditOutcome, AuditParticipant};

/// Longest reason of a user that is kept.
const REASON_CHARACTERS: usize = 512;

/// 110132: access was refused. Stands beside the row of the transaction, which has outcome 8.
///
/// `policy` is the policy or consent that decided, `code` and `text` are ours and not what a sender wrote.
pub fn denied(parties: &Parties<'_>, patient_id: Option<&str>, policy: &str, code: &str, text: &str) -> AuditEvent {
    let verdict = Verdict::failure(AuditOutcome::Serious, code, text);
    let resource = security_resource(policy, v::URI, &verdict.reason);
    let mut event = alert(parties, v::USE_OF_RESTRICTED_FUNCTION, verdict);
    event.participants.extend([parties.requester(), parties.application(false)]);
    event.participants.extend(parties.persons());
    event.objects.extend(patient_id.map(patient));
    event.objects.push(resource);
    event
}

/// A person whose request is long over, as a verified assertion named them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastPerson<'a> {
    /// Issuer.
    pub issuer: &'a str,
    /// NameID.
    pub name_id: &'a str,
}

impl PastPerson<'_> {
    /// S-AUD-21; the alias is not kept.
    fn participant(&self) -> AuditParticipant {
        AuditParticipant {
            user_id: self.name_id.to_owned(),
            user_name: format!("<{}@{}>", self.name_id, self.issuer),
            requestor: true,
            responsible: true,
            ..AuditParticipant::default()
        }
    }
}

/// 110127: the person of the request overrode what is decided otherwise; `reason` is theirs.
pub fn emergency_started(parties: &Parties<'_>, patient_id: &str, reason: &str) -> AuditEvent {
    emergency(parties, v::EMERGENCY_OVERRIDE_STARTED, parties.persons(), patient_id, reason)
}

/// 110138: the override of this person is over.
pub fn emergency_ended(parties: &Parties<'_>, person: PastPerson<'_>, patient_id: &str, reason: &str) -> AuditEvent {
    emergency(parties, v::EMERGENCY_OVERRIDE_STOPPED, vec![person.participant()], patient_id, reason)
}

fn emergency(
    parties: &Parties<'_>,
    kind: AuditCode,
    persons: Vec<AuditParticipant>,
    patient_id: &str,
    reason: &str,
) -> AuditEvent {
    let reason: String = reason.chars().take(REASON_CHARACTERS).collect();
    let mut event = alert(parties, kind, Verdict::success());
    event.participants.extend(persons);
    event.participants.push(parties.requester());
    event.objects.push(AuditObject { details: vec![(v::ALERT_DESCRIPTION.into(), reason)], ..patient(patient_id) });
    event.local.emergency = true;
    event
}

/// 110135: consent or confidentiality changed. `actor` is a person at the command line, nobody where a request did it.
pub fn object_attributes_changed(
    parties: &Parties<'_>,
    actor: Option<&Actor>,
    patient_id: &str,
    documents: &[&str],
    description: &str,
) -> AuditEvent {
    let mut event = alert(parties, v::OBJECT_SECURITY_ATTRIBUTES_CHANGED, Verdict::success());
    event.participants.extend(actor.map(Actor::participant));
    event.participants.extend(parties.persons());
    event.participants.push(parties.requester());
    event.objects.push(AuditObject {
        details: vec![(v::ALERT_DESCRIPTION.into(), description.to_owned())],
        ..patient(patient_id)
    });
    event.objects.extend(
        documents.iter().map(|document| AuditObject { role: Some(3), ..object(document, 2, v::REPORT_NUMBER) }),
    );
    event
}

pub(super) fn alert(parties: &Parties<'_>, kind: AuditCode, verdict: Verdict) -> AuditEvent {
    let mut event = parties.event(v::SECURITY_ALERT, AuditAction::E, verdict);
    event.event_types.push(kind);
    event
}
