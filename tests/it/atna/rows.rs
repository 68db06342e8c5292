//! The transaction table of spec security §2.3, rows 1 to 27.

use knoop::model::{AuditAction, AuditCode, AuditEvent, AuditObject, AuditParticipant};

use super::blocks::*;

const GATEWAY: &str = "https://gateway.regio-b.example:8443/xca/query";
const GATEWAY_RETRIEVE: &str = "https://gateway.regio-b.example:8443/xca/retrieve";
pub const GATEWAY_PATIENTS: &str = "https://gateway.regio-b.example:8443/xcpd";
const MANAGER: &str = "https://knoop1.regio-a.example:8443/pix";
const ENTRY: &str = "urn:uuid:00000000-0000-4000-8000-0000000000d1";
/// Another invented patient.
pub const SUBSUMED: &str = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";

/// Number of the row with what tells several events of a row apart, and the event.
pub fn rows() -> Vec<(String, AuditEvent)> {
    let mut rows = Vec::new();
    let mut add = |name: &str, event: AuditEvent| rows.push((format!("row-{name}"), event));
    for (client, server, event) in pairs() {
        add(client, event(Side::Client));
        add(server, event(Side::Server));
    }
    for (number, side) in [("22", Side::Client), ("23", Side::Server)] {
        for (suffix, action, patient) in feed() {
            add(&format!("{number}-{suffix}"), hl7v2_feed(side, action, patient));
        }
    }
    for (number, side) in [("24", Side::Client), ("25", Side::Server)] {
        for (suffix, action, patient) in feed() {
            add(&format!("{number}-{suffix}"), hl7v3_feed(side, action, patient));
        }
    }
    add(
        "26",
        media_row(dcm("110106", "Export"), AuditAction::R, src("knoop", Side::Client), media(dst("USB", Side::Client))),
    );
    let importer = dst("knoop", Side::Server);
    let medium = AuditParticipant { requestor: false, network: None, ..src("USB", Side::Server) };
    add("27", media_row(dcm("110107", "Import"), AuditAction::C, media(medium), importer));
    rows
}

type OfSide = fn(Side) -> AuditEvent;

/// Rows that come in pairs: client, server.
fn pairs() -> [(&'static str, &'static str, OfSide); 11] {
    [
        ("01", "02", |side| {
            let name = transaction("ITI-18", "Registry Stored Query");
            query(side, name.clone(), REGISTRY, vec![pat(PATIENT), qry(name)])
        }),
        ("03", "04", |side| {
            let name = transaction("ITI-38", "Cross Gateway Query");
            query(side, name.clone(), GATEWAY, vec![pat(PATIENT), qry(name)])
        }),
        ("05", "06", |side| retrieve(side, transaction("ITI-39", "Cross Gateway Retrieve"), GATEWAY_RETRIEVE)),
        ("07", "08", |side| submission(side, transaction("ITI-41", "Provide and Register Document Set-b"), REPOSITORY)),
        ("09", "10", |side| submission(side, transaction("ITI-42", "Register Document Set-b"), REGISTRY)),
        ("11", "12", |side| retrieve(side, transaction("ITI-43", "Retrieve Document Set"), REPOSITORY)),
        ("13", "14", |side| {
            let patients = if side == Side::Server { vec![pat(PATIENT), pat(SUBSUMED)] } else { Vec::new() };
            let objects = patients.into_iter().chain([qry55()]).collect();
            query(side, transaction("ITI-55", "Cross Gateway Patient Discovery"), GATEWAY_PATIENTS, objects)
        }),
        ("15", "16", |side| AuditEvent {
            action: AuditAction::U,
            ..submission(side, transaction("ITI-57", "Update Document Set"), REGISTRY)
        }),
        ("17", "18", |side| submission(side, transaction("ITI-61", "Register On-Demand Document Entry"), REGISTRY)),
        ("19", "20", |side| {
            removal(side, transaction("ITI-62", "Remove Metadata"), REGISTRY, vec![pat(PATIENT), removed(ENTRY)])
        }),
        ("21-client", "21-server", |side| {
            let document = AuditObject { life_cycle: Some(15), ..doc("2.999.31.7.1.2026.55") };
            removal(side, transaction("ITI-86", "Remove Documents"), REPOSITORY, vec![pat(PATIENT), document])
        }),
    ]
}

fn of_a_person(mut event: AuditEvent, participants: [AuditParticipant; 2], objects: Vec<AuditObject>) -> AuditEvent {
    event.participants = participants.into_iter().chain([hum()]).collect();
    event.purposes = vec![treatment()];
    event.objects = objects;
    event
}

fn query(side: Side, name: AuditCode, endpoint: &str, objects: Vec<AuditObject>) -> AuditEvent {
    let event = event(dcm("110112", "Query"), Some(name), AuditAction::E);
    of_a_person(event, [src(CONSUMER, side), dst(endpoint, side)], objects)
}

fn retrieve(side: Side, name: AuditCode, endpoint: &str) -> AuditEvent {
    let event = match side {
        Side::Client => event(dcm("110107", "Import"), Some(name), AuditAction::C),
        Side::Server => event(dcm("110106", "Export"), Some(name), AuditAction::R),
    };
    let documents = vec![pat(PATIENT), doc("2.999.31.7.1.2026.55"), doc("2.999.31.7.1.2026.56")];
    of_a_person(event, [retrieved_from(endpoint, side), retrieved_by(CONSUMER, side)], documents)
}

fn submission(side: Side, name: AuditCode, endpoint: &str) -> AuditEvent {
    let event = match side {
        Side::Client => event(dcm("110106", "Export"), Some(name), AuditAction::R),
        Side::Server => event(dcm("110107", "Import"), Some(name), AuditAction::C),
    };
    of_a_person(event, [src(CONSUMER, side), dst(endpoint, side)], vec![pat(PATIENT), ss()])
}

fn removal(side: Side, name: AuditCode, endpoint: &str, objects: Vec<AuditObject>) -> AuditEvent {
    let event = event(dcm("110110", "Patient Record"), Some(name), AuditAction::D);
    of_a_person(event, [src(CONSUMER, side), dst(endpoint, side)], objects)
}

/// What a feed does: an addition, a revision, and the two records of a merge.
fn feed() -> [(&'static str, AuditAction, &'static str); 4] {
    [
        ("add", AuditAction::C, PATIENT),
        ("revise", AuditAction::U, PATIENT),
        ("merge-subsumed", AuditAction::D, SUBSUMED),
        ("merge-surviving", AuditAction::U, PATIENT),
    ]
}

fn hl7v2_feed(side: Side, action: AuditAction, patient: &str) -> AuditEvent {
    let patient = with(pat(patient), &[("MSH-10", "20261121080000-1")]);
    let (from, to) = (src("ZIEKENHUIS-B|EPD", side), dst("REGIO-A|KNOOP", side));
    identity_feed(transaction("ITI-8", "Patient Identity Feed"), action, [from, to], patient)
}

fn hl7v3_feed(side: Side, action: AuditAction, patient: &str) -> AuditEvent {
    let patient = with(pat(patient), &[("II", "2.999.31.9.1^20261121-1")]);
    let name = transaction("ITI-44", "Patient Identity Feed");
    identity_feed(name, action, [src(CONSUMER, side), dst(MANAGER, side)], patient)
}

fn identity_feed(
    name: AuditCode,
    action: AuditAction,
    participants: [AuditParticipant; 2],
    patient: AuditObject,
) -> AuditEvent {
    AuditEvent {
        participants: participants.into(),
        objects: vec![patient],
        ..event(dcm("110110", "Patient Record"), Some(name), action)
    }
}

fn media_row(id: AuditCode, action: AuditAction, from: AuditParticipant, to: AuditParticipant) -> AuditEvent {
    let event = event(id, Some(transaction("ITI-32", "Distribute Document Set on Media")), action);
    of_a_person(event, [from, to], vec![pat(PATIENT), ss32()])
}
