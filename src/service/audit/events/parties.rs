//! Who takes part in a request, as participants of its events, and what all events share.

use std::net::IpAddr;

use super::vocabulary as v;
use crate::model::{
    AuditAction, AuditCode, AuditEvent, AuditLocal, AuditObject, AuditOutcome, AuditParticipant, Finding,
    NetworkAccessPoint, RegistryResponse, RequestContext, ResponseStatus, Severity, User,
};

/// How something came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// EventOutcomeIndicator.
    pub outcome: AuditOutcome,
    /// EventOutcomeDescription, empty where there is nothing to say.
    pub reason: String,
}

impl Verdict {
    /// It was done.
    pub const fn success() -> Self {
        Self { outcome: AuditOutcome::Success, reason: String::new() }
    }

    /// It was not. `code` and `text` are ours, never what a sender wrote (S-AUD-13).
    pub fn failure(outcome: AuditOutcome, code: &str, text: &str) -> Self {
        let space = if text.is_empty() { "" } else { " " };
        Self { outcome, reason: format!("knoop:{code}{space}{text}") }
    }

    /// What a response says: Success, or its first error with the rule that it names. A PartialSuccess tells of its failure.
    pub fn of(response: &RegistryResponse) -> Self {
        if response.status == ResponseStatus::Success {
            return Self::success();
        }
        match response.findings.iter().find(|finding| finding.severity == Severity::Error) {
            Some(finding) => Self::of_finding(finding),
            None => Self::failure(AuditOutcome::Minor, "Failure", ""),
        }
    }
}

/// The rule that errors of our own name.
const OUR_TROUBLE: &str = "R-SOAP-16";

impl Verdict {
    /// One thing that was refused: its code, and the rule that it names.
    pub fn of_finding(finding: &Finding) -> Self {
        let rule = if is_rule(&finding.location) { &*finding.location } else { "" };
        let outcome = if rule == OUR_TROUBLE { AuditOutcome::Major } else { AuditOutcome::Minor };
        Self::failure(outcome, finding.code.as_str(), rule)
    }
}

/// The number of a requirement: nothing that a sender chose.
fn is_rule(text: &str) -> bool {
    text.len() <= 16 && (text.starts_with("R-") || text.starts_with("S-"))
}

/// The two sides of a request: who called, and this program.
#[derive(Clone, Copy)]
pub struct Parties<'a> {
    ctx: &'a RequestContext,
    source_id: &'a str,
    has_caller: bool,
    clock_is_wrong: bool,
}

/// What stands among the checks of an event whose time cannot be trusted.
const WRONG_CLOCK: &str = "clock wrong";

/// Says of an event that the clock of this machine was off by more than 5 s (S-TLS-20).
pub fn flag_clock(event: &mut AuditEvent) {
    let checks = &mut event.local.checks;
    if !checks.iter().any(|check| check == WRONG_CLOCK) {
        checks.push(WRONG_CLOCK.to_owned());
    }
}

impl<'a> Parties<'a> {
    /// Those of a request.
    pub const fn new(ctx: &'a RequestContext, source_id: &'a str) -> Self {
        Self { ctx, source_id, has_caller: true, clock_is_wrong: false }
    }

    /// Those of what nobody asked for from outside: start and stop, a command, a task.
    pub const fn own(ctx: &'a RequestContext, source_id: &'a str) -> Self {
        Self { ctx, source_id, has_caller: false, clock_is_wrong: false }
    }

    /// Flags their events where the clock cannot be trusted (S-TLS-20).
    #[must_use]
    pub(in crate::service) const fn at_a_wrong_clock(self, clock_is_wrong: bool) -> Self {
        Self { clock_is_wrong, ..self }
    }

    /// The caller as source of a request (SRC).
    pub(super) fn caller_as_source(&self) -> AuditParticipant {
        self.caller(v::SOURCE_ROLE)
    }

    /// The caller as destination of documents (DST of a retrieve).
    pub(super) fn caller_as_destination(&self) -> AuditParticipant {
        self.caller(v::DESTINATION_ROLE)
    }

    fn caller(&self, role: AuditCode) -> AuditParticipant {
        let caller = &self.ctx.caller;
        let network = caller.address.map_or_else(
            || NetworkAccessPoint::Host("localhost".to_owned()),
            |address| NetworkAccessPoint::Ip(address.to_string()),
        );
        AuditParticipant {
            user_id: caller.subject.to_string(),
            requestor: true,
            roles: vec![role],
            network: Some(network),
            ..AuditParticipant::default()
        }
    }

    /// Who asks, in events that know no source and destination: the calling node, or this program where nobody called.
    pub(super) fn requester(&self) -> AuditParticipant {
        if self.has_caller { self.caller_as_source() } else { self.application(false) }
    }

    /// This program as the one that was called, at the address of the call, with its process id.
    pub(super) fn here(&self, role: AuditCode) -> AuditParticipant {
        AuditParticipant { alternative_user_id: process_id(), ..self.endpoint(role, self.called_at()) }
    }

    /// This program as the one that calls, with its process id where it tells of its own side.
    pub(super) fn self_as_source(&self, own_side: bool) -> AuditParticipant {
        AuditParticipant {
            user_id: self.source_id.to_owned(),
            alternative_user_id: if own_side { process_id() } else { String::new() },
            requestor: true,
            roles: vec![v::SOURCE_ROLE],
            network: Some(network_of(self.called_at()).unwrap_or_else(|| self.own_host())),
            ..AuditParticipant::default()
        }
    }

    /// An address that is called (DST).
    pub(super) fn endpoint(&self, role: AuditCode, address: &str) -> AuditParticipant {
        AuditParticipant {
            user_id: address.to_owned(),
            roles: vec![role],
            network: Some(network_of(address).unwrap_or_else(|| self.own_host())),
            ..AuditParticipant::default()
        }
    }

    /// This program as an application (110150).
    pub(super) fn application(&self, requestor: bool) -> AuditParticipant {
        AuditParticipant {
            user_id: self.source_id.to_owned(),
            alternative_user_id: process_id(),
            requestor,
            roles: vec![v::APPLICATION],
            network: Some(self.own_host()),
            ..AuditParticipant::default()
        }
    }

    /// The persons behind the request (HUM), as a verified assertion names them.
    pub(super) fn persons(&self) -> Vec<AuditParticipant> {
        self.ctx.user.as_deref().map(persons_of).unwrap_or_default()
    }

    /// The address at which this program was called, or its name where that is not known.
    pub(super) fn called_at(&self) -> &'a str {
        if self.ctx.endpoint.is_empty() { self.source_id } else { &self.ctx.endpoint }
    }

    fn own_host(&self) -> NetworkAccessPoint {
        NetworkAccessPoint::Host(self.source_id.to_owned())
    }

    /// An event at the time of the request, with what all have in common.
    pub(super) fn event(&self, event_id: AuditCode, action: AuditAction, verdict: Verdict) -> AuditEvent {
        let user = self.ctx.user.as_deref();
        let (organisation, node) = if self.has_caller {
            let node = &self.ctx.caller.node;
            (node.organisation.id.to_string(), node.name.to_string())
        } else {
            (String::new(), self.source_id.to_owned())
        };
        let mut event = AuditEvent {
            trace_id: self.ctx.trace_id.to_string(),
            occurred_ms: self.ctx.now.as_millisecond(),
            event_id,
            event_types: Vec::new(),
            action,
            outcome: verdict.outcome,
            reason: verdict.reason,
            purposes: user.map(|user| user.purposes.iter().map(AuditCode::from).collect()).unwrap_or_default(),
            participants: Vec::new(),
            objects: Vec::new(),
            local: AuditLocal { organisation, node, ..AuditLocal::default() },
        };
        if self.clock_is_wrong {
            flag_clock(&mut event);
        }
        event
    }
}

fn process_id() -> String {
    std::process::id().to_string()
}

/// S-AUD-21: `alias<user@issuer>`. With a mandate the responsible person stands beside the one who acts.
fn persons_of(user: &User) -> Vec<AuditParticipant> {
    let roles: Vec<AuditCode> = user.roles.iter().map(AuditCode::from).collect();
    let acting = AuditParticipant {
        user_id: user.name_id.to_string(),
        user_name: format!("{}<{}@{}>", user.alias, user.name_id, user.issuer),
        requestor: true,
        responsible: user.mandated.is_none(),
        roles,
        ..AuditParticipant::default()
    };
    let responsible = user.mandated.as_ref().and(user.provider.as_ref()).map(|provider| AuditParticipant {
        user_id: provider.extension.to_string(),
        responsible: true,
        ..AuditParticipant::default()
    });
    std::iter::once(acting).chain(responsible).collect()
}

/// Host name or IP address of `scheme://host:port/…`.
fn network_of(address: &str) -> Option<NetworkAccessPoint> {
    let authority = address.split_once("://")?.1.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    Some(match host.parse::<IpAddr>() {
        Ok(ip) => NetworkAccessPoint::Ip(ip.to_string()),
        Err(_) => NetworkAccessPoint::Host(host.to_owned()),
    })
}

/// PAT
pub(super) fn patient(id: &str) -> AuditObject {
    AuditObject { role: Some(1), ..object(id, 1, v::PATIENT_NUMBER) }
}

/// An object with nothing but its id.
pub(super) fn object(id: &str, type_code: u8, id_type: AuditCode) -> AuditObject {
    AuditObject {
        details: Vec::new(),
        id: id.to_owned(),
        id_type,
        life_cycle: None,
        name: String::new(),
        query: None,
        role: None,
        sensitivity: String::new(),
        type_code,
    }
}

/// Something that is configured or guarded: type 2, role 13, with a description of what happened to it.
pub(super) fn security_resource(id: &str, id_type: AuditCode, description: &str) -> AuditObject {
    AuditObject {
        role: Some(13),
        details: vec![(v::ALERT_DESCRIPTION.into(), description.to_owned())],
        ..object(id, 2, id_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::XdsErrorCode;

    #[test]
    fn s_aud_13_a_reason_holds_no_text_of_the_sender() {
        let code = XdsErrorCode::RegistryMetadataError;
        let response = RegistryResponse::failure(vec![Finding::error(code, "R-42-18", "title 'Jansen' is too long")]);
        assert_eq!(Verdict::of(&response).reason, "knoop:XDSRegistryMetadataError R-42-18");
        let located = Finding { location: "1.2.3^Jansen".into(), ..Finding::error(code, "", "") };
        assert_eq!(Verdict::of(&RegistryResponse::failure(vec![located])).reason, "knoop:XDSRegistryMetadataError");
    }

    #[test]
    fn an_address_gives_its_host() {
        let host = |text: &str| NetworkAccessPoint::Host(text.to_owned());
        let ip = |text: &str| NetworkAccessPoint::Ip(text.to_owned());
        for (address, expected) in [
            ("https://knoop1.example:8443/xds", Some(host("knoop1.example"))),
            ("http://127.0.0.1:8089/xds", Some(ip("127.0.0.1"))),
            ("https://[2001:db8::1]:8443/xds", Some(ip("2001:db8::1"))),
            ("knoop", None),
        ] {
            assert_eq!(network_of(address), expected, "{address}");
        }
    }
}
