//! The rows of spec security §2.6: what is no transaction.

use knoop::model::{AuditAction, AuditCode, AuditEvent, AuditObject, AuditOutcome, AuditParticipant};

use super::blocks::*;

const ALERT: &str = "Alert Description";

/// Name of the row and the event.
pub fn rows() -> Vec<(String, AuditEvent)> {
    let rows = [
        ("application-start", application_event(dcm("110120", "Application Start"))),
        ("application-stop", application_event(dcm("110121", "Application Stop"))),
        ("login", session(dcm("110122", "Login"), true)),
        ("logout", session(dcm("110123", "Logout"), true)),
        ("logout-by-inactivity", session(dcm("110123", "Logout"), false)),
        ("node-refused", node_refused(AuditOutcome::Serious, "knoop:TLS-UNKNOWN certificate of no node")),
        ("node-expired", node_refused(AuditOutcome::Minor, "knoop:TLS-EXPIRED certificate has expired")),
        ("assertion-refused", assertion_refused()),
        ("access-denied", access_denied()),
        ("emergency-start", emergency(dcm("110127", "Emergency Override Started"), "bewusteloos, geen begeleider")),
        ("emergency-end", emergency(dcm("110138", "Emergency Override Stopped"), "opname afgerond")),
        ("audit-read", audit_read(Vec::new())),
        ("audit-read-of-patient", audit_read(vec![pat(PATIENT)])),
        ("recording-stopped", recording(dcm("110133", "Audit Recording Stopped"))),
        ("recording-started", recording(dcm("110134", "Audit Recording Started"))),
        ("security-configuration", security_configuration()),
        ("software-configuration", version(dcm("110131", "Software Configuration"))),
        ("network-configuration", version(dcm("110128", "Network Configuration"))),
        ("roles-changed", account(dcm("110136", "Security Roles Changed"))),
        ("account-changed", account(dcm("110137", "User Security Attributes Changed"))),
        ("consent-changed", attributes_changed()),
        ("export-on-media", moved(dcm("110106", "Export"), AuditAction::R)),
        ("import-from-backup", moved(dcm("110107", "Import"), AuditAction::C)),
    ];
    rows.map(|(name, event)| (format!("event-{name}"), event)).into()
}

fn alert(kind: AuditCode, participants: Vec<AuditParticipant>, objects: Vec<AuditObject>) -> AuditEvent {
    AuditEvent { participants, objects, ..event(dcm("110113", "Security Alert"), Some(kind), AuditAction::E) }
}

fn application_event(kind: AuditCode) -> AuditEvent {
    let launcher = AuditParticipant { roles: vec![dcm("110151", "Application Launcher")], ..admin() };
    AuditEvent {
        participants: vec![application(), launcher],
        ..event(dcm("110100", "Application Activity"), Some(kind), AuditAction::E)
    }
}

fn session(kind: AuditCode, requestor: bool) -> AuditEvent {
    AuditEvent {
        participants: vec![AuditParticipant { requestor, ..admin() }, application()],
        ..event(dcm("110114", "User Authentication"), Some(kind), AuditAction::E)
    }
}

fn node_refused(outcome: AuditOutcome, reason: &str) -> AuditEvent {
    let peer = AuditParticipant { requestor: false, roles: Vec::new(), ..src(CONSUMER, Side::Server) };
    let node = with(object(CONSUMER, 2, 13, dcm("110182", "Node ID")), &[(ALERT, reason)]);
    let kind = dcm("110126", "Node Authentication");
    AuditEvent { outcome, reason: reason.to_owned(), ..alert(kind, vec![application(), peer], vec![node]) }
}

fn assertion_refused() -> AuditEvent {
    AuditEvent {
        participants: vec![AuditParticipant { roles: Vec::new(), ..hum() }, src(CONSUMER, Side::Server)],
        outcome: AuditOutcome::Serious,
        reason: "knoop:XUA-SIGNATURE the subject is not verified".to_owned(),
        ..event(dcm("110114", "User Authentication"), Some(dcm("110122", "Login")), AuditAction::E)
    }
}

fn access_denied() -> AuditEvent {
    let policy = object("urn:knoop:consent:17", 2, 13, code("12", "RFC-3881", "URI"));
    let policy = with(policy, &[(ALERT, "knoop:CON-NOANSWER no consent recorded for this category")]);
    let kind = dcm("110132", "Use of Restricted Function");
    AuditEvent {
        outcome: AuditOutcome::Serious,
        purposes: vec![treatment()],
        ..alert(kind, vec![hum(), application()], vec![pat(PATIENT), policy])
    }
}

fn emergency(kind: AuditCode, reason: &str) -> AuditEvent {
    let node = AuditParticipant { requestor: false, ..src(CONSUMER, Side::Server) };
    alert(kind, vec![hum(), node], vec![with(pat(PATIENT), &[(ALERT, reason)])])
}

fn the_log() -> AuditObject {
    let log = object("https://knoop1.regio-a.example:8443/fhir/AuditEvent", 2, 13, code("12", "RFC-3881", "URI"));
    AuditObject { name: "Security Audit Log".to_owned(), ..log }
}

fn audit_read(patients: Vec<AuditObject>) -> AuditEvent {
    AuditEvent {
        participants: vec![admin()],
        objects: [the_log()].into_iter().chain(patients).collect(),
        ..event(dcm("110101", "Audit Log Used"), None, AuditAction::R)
    }
}

fn recording(kind: AuditCode) -> AuditEvent {
    alert(kind, vec![application()], vec![the_log()])
}

fn security_configuration() -> AuditEvent {
    let changed = "node consumer-b: roles; 9f86d081 -> 60303ae2";
    let node = with(object("node/consumer-b", 2, 13, dcm("110182", "Node ID")), &[(ALERT, changed)]);
    alert(dcm("110129", "Security Configuration"), vec![admin()], vec![node])
}

fn version(kind: AuditCode) -> AuditEvent {
    let program = object("knoop", 2, 13, dcm("110182", "Node ID"));
    alert(kind, vec![admin()], vec![with(program, &[(ALERT, "0.1.0 -> 0.2.0")])])
}

fn account(kind: AuditCode) -> AuditEvent {
    let user = object("secretariaat", 1, 11, code("11", "RFC-3881", "User Identifier"));
    alert(kind, vec![admin()], vec![user])
}

fn attributes_changed() -> AuditEvent {
    let kind = dcm("110135", "Object Security Attributes Changed");
    alert(kind, vec![hum()], vec![pat(PATIENT), doc("2.999.31.7.1.2026.55")])
}

fn moved(id: AuditCode, action: AuditAction) -> AuditEvent {
    let (from, to) = match action {
        AuditAction::R => (
            AuditParticipant { requestor: true, ..src("knoop", Side::Client) },
            media(AuditParticipant { roles: vec![dcm("110154", "Destination Media")], ..dst("USB", Side::Client) }),
        ),
        _ => (
            AuditParticipant {
                roles: vec![dcm("110155", "Source Media")],
                requestor: false,
                ..src("backup", Side::Server)
            },
            dst("knoop", Side::Server),
        ),
    };
    AuditEvent { participants: vec![from, to, admin()], objects: vec![pat(PATIENT)], ..event(id, None, action) }
}
