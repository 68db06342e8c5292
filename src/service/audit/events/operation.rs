//! The life of the program, its configuration and the audit trail itself. Source: spec security §2.6.

use super::{
    access::alert,
    parties::{Parties, Verdict, object, patient, security_resource},
    vocabulary as v,
};
use crate::model::{
    AuditAction, AuditCode, AuditEvent, AuditObject, AuditOutcome, AuditParticipant, NetworkAccessPoint,
};

/// Who acts at the command line or through an operator's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// As the operating system or the assertion names them.
    pub user_id: String,
}

impl Actor {
    pub(super) fn participant(&self) -> AuditParticipant {
        AuditParticipant { user_id: self.user_id.clone(), requestor: true, ..AuditParticipant::default() }
    }
}

/// 110120: the server takes requests. `launcher` started it.
pub fn application_started(parties: &Parties<'_>, launcher: &Actor) -> AuditEvent {
    application(parties, v::APPLICATION_START, launcher)
}

/// 110121: the server takes no more requests.
pub fn application_stopped(parties: &Parties<'_>, launcher: &Actor) -> AuditEvent {
    application(parties, v::APPLICATION_STOP, launcher)
}

fn application(parties: &Parties<'_>, kind: AuditCode, launcher: &Actor) -> AuditEvent {
    let mut event = parties.event(v::APPLICATION_ACTIVITY, AuditAction::E, Verdict::success());
    event.event_types.push(kind);
    let launcher = AuditParticipant { roles: vec![v::APPLICATION_LAUNCHER], ..launcher.participant() };
    event.participants.extend([parties.application(false), launcher]);
    event
}

/// A peer that was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFailure<'a> {
    /// Subject of its certificate, or its address where it showed none.
    pub peer: &'a str,
    /// Where it called from.
    pub address: Option<std::net::IpAddr>,
    /// Its certificate is past its time and otherwise in order: outcome 4 instead of 8.
    pub expired: bool,
    /// A code of ours.
    pub code: &'a str,
    /// Words of ours.
    pub text: &'a str,
}

/// 110126: a node could not be authenticated.
pub fn node_authentication_failed(parties: &Parties<'_>, failure: &NodeFailure<'_>) -> AuditEvent {
    let outcome = if failure.expired { AuditOutcome::Minor } else { AuditOutcome::Serious };
    let verdict = Verdict::failure(outcome, failure.code, failure.text);
    node_authentication(parties, failure.peer, failure.address, verdict)
}

/// 110126 with outcome 4: a node was accepted though nobody knows whether its certificate was revoked, as its authority's setting
/// allows; `text` says why nobody knows (S-TLS-13).
pub fn node_not_checked(
    parties: &Parties<'_>,
    peer: &str,
    address: std::net::IpAddr,
    code: &str,
    text: &str,
) -> AuditEvent {
    node_authentication(parties, peer, Some(address), Verdict::failure(AuditOutcome::Minor, code, text))
}

fn node_authentication(
    parties: &Parties<'_>,
    peer: &str,
    address: Option<std::net::IpAddr>,
    verdict: Verdict,
) -> AuditEvent {
    let resource = security_resource(peer, v::NODE_ID, &verdict.reason);
    let mut event = alert(parties, v::NODE_AUTHENTICATION, verdict);
    event.participants.extend([
        parties.application(false),
        AuditParticipant {
            user_id: peer.to_owned(),
            network: address.map(|address| NetworkAccessPoint::Ip(address.to_string())),
            ..AuditParticipant::default()
        },
    ]);
    event.objects.push(resource);
    event
}

/// 110122: an assertion was not accepted. `claimed` is what it says of its subject, `alias<user@issuer>`: not verified.
pub fn assertion_rejected(
    parties: &Parties<'_>,
    claimed: &str,
    outcome: AuditOutcome,
    code: &str,
    text: &str,
) -> AuditEvent {
    let text = if claimed.is_empty() { text.to_owned() } else { format!("{text} (subject not verified)") };
    let mut event = parties.event(v::USER_AUTHENTICATION, AuditAction::E, Verdict::failure(outcome, code, &text));
    event.event_types.push(v::LOGIN);
    if !claimed.is_empty() {
        event.participants.push(AuditParticipant {
            user_id: claimed.to_owned(),
            user_name: claimed.to_owned(),
            requestor: true,
            ..AuditParticipant::default()
        });
    }
    event.participants.push(parties.requester());
    event
}

/// What part of the configuration changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Trust lists, nodes, issuers of assertions, policies.
    Security,
    /// The program itself.
    Software,
    /// Addresses and listeners.
    Network,
}

/// 110129, 110131, 110128: `object` is what changed, `description` its changed keys with old and new hash, no secrets.
pub fn configuration_changed(
    parties: &Parties<'_>,
    change: Change,
    actor: &Actor,
    object: &str,
    description: &str,
) -> AuditEvent {
    let kind = match change {
        Change::Security => v::SECURITY_CONFIGURATION,
        Change::Software => v::SOFTWARE_CONFIGURATION,
        Change::Network => v::NETWORK_CONFIGURATION,
    };
    let mut event = alert(parties, kind, Verdict::success());
    event.participants.extend([actor.participant(), parties.application(false)]);
    event.objects.push(security_resource(object, v::URI, description));
    event
}

/// 110136: the roles of a node or an account changed.
pub fn roles_changed(parties: &Parties<'_>, actor: &Actor, account: &str, description: &str) -> AuditEvent {
    let mut event = alert(parties, v::SECURITY_ROLES_CHANGED, Verdict::success());
    event.participants.extend([actor.participant(), parties.application(false)]);
    event.objects.push(AuditObject {
        role: Some(11),
        details: vec![(v::ALERT_DESCRIPTION.into(), description.to_owned())],
        ..object(account, 1, v::USER_IDENTIFIER)
    });
    event
}

/// 110101: somebody looked into the audit trail; a person at the command line, or the caller of a request.
pub fn log_used(parties: &Parties<'_>, reader: Option<&Actor>, log: &str, patient_id: Option<&str>) -> AuditEvent {
    let mut event = parties.event(v::AUDIT_LOG_USED, AuditAction::R, Verdict::success());
    match reader {
        Some(reader) => event.participants.push(reader.participant()),
        None => event.participants.push(parties.requester()),
    }
    event.participants.extend(parties.persons());
    event.objects.push(log_object(log));
    event.objects.extend(patient_id.map(patient));
    event
}

/// 110134: sending to an audit repository began, or goes on after a gap.
pub fn recording_started(parties: &Parties<'_>, log: &str, description: &str) -> AuditEvent {
    recording(parties, v::AUDIT_RECORDING_STARTED, log, description)
}

/// 110133: sending to an audit repository stopped.
pub fn recording_stopped(parties: &Parties<'_>, log: &str, description: &str) -> AuditEvent {
    recording(parties, v::AUDIT_RECORDING_STOPPED, log, description)
}

fn recording(parties: &Parties<'_>, kind: AuditCode, log: &str, description: &str) -> AuditEvent {
    let mut event = alert(parties, kind, Verdict::success());
    event.participants.push(parties.application(true));
    event
        .objects
        .push(AuditObject { details: vec![(v::ALERT_DESCRIPTION.into(), description.to_owned())], ..log_object(log) });
    event
}

fn log_object(log: &str) -> AuditObject {
    AuditObject { role: Some(13), name: "Security Audit Log".to_owned(), ..object(log, 2, v::URI) }
}

/// 110106: data left other than by a transaction, a backup or an export for one patient; `media` is where they went.
pub fn exported(parties: &Parties<'_>, actor: &Actor, media: &str, patient_id: Option<&str>) -> AuditEvent {
    let mut event = parties.event(v::EXPORT, AuditAction::R, Verdict::success());
    let source = AuditParticipant { roles: vec![v::SOURCE_ROLE], ..parties.application(false) };
    event.participants.extend([source, medium(media, v::DESTINATION_MEDIA), actor.participant()]);
    event.objects.extend(patient_id.map(patient));
    event
}

/// 110107: data came in other than by a transaction; `media` is where they came from.
pub fn imported(parties: &Parties<'_>, actor: &Actor, media: &str, patient_id: Option<&str>) -> AuditEvent {
    let mut event = parties.event(v::IMPORT, AuditAction::C, Verdict::success());
    let destination = AuditParticipant { roles: vec![v::DESTINATION_ROLE], ..parties.application(false) };
    event.participants.extend([medium(media, v::SOURCE_MEDIA), destination, actor.participant()]);
    event.objects.extend(patient_id.map(patient));
    event
}

fn medium(media: &str, role: AuditCode) -> AuditParticipant {
    AuditParticipant { user_id: media.to_owned(), roles: vec![role], ..AuditParticipant::default() }
}
