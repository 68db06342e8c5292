//! Packages that wait for an addressee with a link and a code. Source: S-TLS-34; spec security §2.6.

use std::net::IpAddr;

use super::{
    media::submission,
    operation::Actor,
    parties::{Parties, Verdict, object},
    transactions::Submitted,
    vocabulary as v,
};
use crate::model::{AuditAction, AuditEvent, AuditObject, AuditOutcome, AuditParticipant, NetworkAccessPoint};

/// What somebody with a link did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickupVisit {
    /// Gave the right code: 110122, success.
    RightCode,
    /// Gave a wrong one: 110122, minor failure.
    WrongCode,
    /// Came for one that is locked, used, expired or withdrawn: 110122, serious failure.
    Closed,
    /// Fetched the package: 110106.
    Download,
}

/// What the sender did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickupAct {
    /// Put it there.
    Offered,
    /// Gave it a new code.
    Renewed,
    /// Took it back.
    Withdrawn,
}

/// A visit of somebody who is known by address alone. A download is told of each submission set (row 26).
pub fn pickup_visited(
    parties: &Parties<'_>,
    address: IpAddr,
    id: &str,
    visit: PickupVisit,
    submitted: Submitted<'_>,
) -> AuditEvent {
    let failed = |outcome, code| Verdict::failure(outcome, code, "");
    let (event_id, kind, action, verdict) = match visit {
        PickupVisit::RightCode => (v::USER_AUTHENTICATION, v::LOGIN, AuditAction::E, Verdict::success()),
        PickupVisit::WrongCode => {
            (v::USER_AUTHENTICATION, v::LOGIN, AuditAction::E, failed(AuditOutcome::Minor, "WrongCode"))
        }
        PickupVisit::Closed => {
            (v::USER_AUTHENTICATION, v::LOGIN, AuditAction::E, failed(AuditOutcome::Serious, "PickupClosed"))
        }
        PickupVisit::Download => (v::EXPORT, v::ITI_32, AuditAction::R, Verdict::success()),
    };
    let mut event = parties.event(event_id, action, verdict);
    event.event_types.push(kind);
    let visitor = AuditParticipant {
        user_id: address.to_string(),
        requestor: true,
        roles: vec![v::DESTINATION_ROLE],
        network: Some(NetworkAccessPoint::Ip(address.to_string())),
        media: (visit == PickupVisit::Download).then_some(v::URI_MEDIA),
        ..AuditParticipant::default()
    };
    event.participants.extend([parties.self_as_source(false), visitor]);
    event.objects.extend(submission(submitted));
    event.objects.push(package(id));
    event
}

/// 110106 for what is put there, of each submission set (row 26); 110129 for what is changed or taken back.
pub fn pickup_changed(
    parties: &Parties<'_>,
    actor: &Actor,
    id: &str,
    act: PickupAct,
    submitted: Submitted<'_>,
) -> AuditEvent {
    let (event_id, kind, action, what) = match act {
        PickupAct::Offered => (v::EXPORT, v::ITI_32, AuditAction::R, "offered"),
        PickupAct::Renewed => (v::SECURITY_ALERT, v::SECURITY_CONFIGURATION, AuditAction::E, "given a new code"),
        PickupAct::Withdrawn => (v::SECURITY_ALERT, v::SECURITY_CONFIGURATION, AuditAction::E, "taken back"),
    };
    let mut event = parties.event(event_id, action, Verdict::success());
    event.event_types.push(kind);
    event.participants.extend([parties.self_as_source(false), actor.participant()]);
    event.objects.extend(submission(submitted));
    let mut package = package(id);
    package.details.push((v::ALERT_DESCRIPTION.into(), what.to_owned()));
    event.objects.push(package);
    event
}

fn package(id: &str) -> AuditObject {
    AuditObject { role: Some(3), ..object(&format!("urn:knoop:pickup:{id}"), 2, v::URI) }
}
