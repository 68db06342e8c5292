//! The building blocks of spec security §2.2, with fixed participants and invented identifiers.

use knoop::model::{
    AuditAction, AuditCode, AuditEvent, AuditLocal, AuditObject, AuditOutcome, AuditParticipant, NetworkAccessPoint,
};

/// The BSN of the example, which belongs to nobody.
pub const PATIENT: &str = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";
pub const CONSUMER: &str = "CN=consumer.ziekenhuis-b.example,O=Ziekenhuis B";
pub const REGISTRY: &str = "https://knoop1.regio-a.example:8443/xds/registry";
pub const REPOSITORY: &str = "https://knoop1.regio-a.example:8443/xds/repository";
pub const OWN: &str = "knoop1.regio-a.example";
const PID: &str = "4711";
/// 2026-11-21T08:00:00.119Z
pub const TIME_MS: i64 = 1_795_248_000_119;

/// Which side writes the record: its participant carries the process id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

pub fn code(code: &'static str, system: &'static str, text: &'static str) -> AuditCode {
    AuditCode::new(code, system, text)
}

pub fn dcm(number: &'static str, text: &'static str) -> AuditCode {
    code(number, "DCM", text)
}

pub fn transaction(number: &'static str, name: &'static str) -> AuditCode {
    code(number, "IHE Transactions", name)
}

fn host() -> Option<NetworkAccessPoint> {
    Some(NetworkAccessPoint::Host(OWN.to_owned()))
}

fn far() -> Option<NetworkAccessPoint> {
    Some(NetworkAccessPoint::Ip("192.0.2.17".to_owned()))
}

fn participant(user_id: &str, role: AuditCode, requestor: bool, own: bool) -> AuditParticipant {
    AuditParticipant {
        user_id: user_id.to_owned(),
        alternative_user_id: if own { PID.to_owned() } else { String::new() },
        requestor,
        roles: vec![role],
        network: if own { host() } else { far() },
        ..AuditParticipant::default()
    }
}

/// SRC(req)
pub fn src(user_id: &str, side: Side) -> AuditParticipant {
    participant(user_id, dcm("110153", "Source Role ID"), true, side == Side::Client)
}

/// DST(ep)
pub fn dst(endpoint: &str, side: Side) -> AuditParticipant {
    participant(endpoint, dcm("110152", "Destination Role ID"), false, side == Side::Server)
}

/// The repository of a retrieve, which is the source.
pub fn retrieved_from(endpoint: &str, side: Side) -> AuditParticipant {
    participant(endpoint, dcm("110153", "Source Role ID"), false, side == Side::Server)
}

/// The consumer of a retrieve, which is the destination.
pub fn retrieved_by(user_id: &str, side: Side) -> AuditParticipant {
    participant(user_id, dcm("110152", "Destination Role ID"), true, side == Side::Client)
}

/// HUM (S-AUD-21)
pub fn hum() -> AuditParticipant {
    AuditParticipant {
        user_id: "900012345".to_owned(),
        user_name: "<900012345@https://sts.ziekenhuis-b.example>".to_owned(),
        requestor: true,
        roles: vec![code("01.000", "2.16.840.1.113883.2.4.15.111", "Arts")],
        ..AuditParticipant::default()
    }
}

/// A person who manages knoop.
pub fn admin() -> AuditParticipant {
    AuditParticipant { user_id: "beheer".to_owned(), requestor: true, network: far(), ..AuditParticipant::default() }
}

/// knoop itself.
pub fn application() -> AuditParticipant {
    AuditParticipant {
        user_id: "knoop".to_owned(),
        alternative_user_id: PID.to_owned(),
        roles: vec![dcm("110150", "Application")],
        network: host(),
        ..AuditParticipant::default()
    }
}

pub fn media(participant: AuditParticipant) -> AuditParticipant {
    AuditParticipant { media: Some(dcm("110030", "USB Disk Emulation")), ..participant }
}

pub fn object(id: &str, type_code: u8, role: u8, id_type: AuditCode) -> AuditObject {
    AuditObject {
        id: id.to_owned(),
        type_code,
        role: Some(role),
        life_cycle: None,
        id_type,
        sensitivity: String::new(),
        name: String::new(),
        query: None,
        details: Vec::new(),
    }
}

pub fn with(object: AuditObject, details: &[(&'static str, &str)]) -> AuditObject {
    let details = details.iter().map(|(kind, value)| ((*kind).into(), (*value).to_owned())).collect();
    AuditObject { details, ..object }
}

/// PAT
pub fn pat(id: &str) -> AuditObject {
    object(id, 1, 1, code("2", "RFC-3881", "Patient Number"))
}

const SUBMISSION_SET: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";

/// SS
pub fn ss() -> AuditObject {
    object("2.999.31.5.8", 2, 20, code(SUBMISSION_SET, "IHE XDS Metadata", "submission set classificationNode"))
}

/// SS32
pub fn ss32() -> AuditObject {
    object("2.999.31.5.8", 2, 20, transaction("ITI-32", "Distribute Document Set on Media"))
}

/// DOC
pub fn doc(unique_id: &str) -> AuditObject {
    let details = [("Repository Unique ID", "2.999.31.7.1"), ("ihe:homeCommunityID", "urn:oid:2.999.31.1")];
    with(object(unique_id, 2, 3, code("9", "RFC-3881", "Report Number")), &details)
}

/// OBJ
pub fn removed(entry_uuid: &str) -> AuditObject {
    let id_type = code("urn:ihe:iti:2017:ObjectRef", "IHE XDS Metadata", "registry object reference");
    AuditObject { life_cycle: Some(15), ..object(entry_uuid, 2, 3, id_type) }
}

/// QRY(18), QRY(38)
pub fn qry(id_type: AuditCode) -> AuditObject {
    let query = object("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", 2, 24, id_type);
    let details = [("QueryEncoding", "UTF-8"), ("urn:ihe:iti:xca:2010:homeCommunityId", "urn:oid:2.999.31.1")];
    AuditObject {
        query: Some("<query:AdhocQueryRequest>...</query:AdhocQueryRequest>".to_owned()),
        ..with(query, &details)
    }
}

/// QRY55
pub fn qry55() -> AuditObject {
    let id_type = transaction("ITI-55", "Cross Gateway Patient Discovery");
    let query = object("urn:uuid:00000000-0000-4000-8000-000000000055", 2, 24, id_type);
    AuditObject {
        query: Some("<queryByParameter xmlns=\"urn:hl7-org:v3\">...</queryByParameter>".to_owned()),
        ..with(query, &[("ihe:homeCommunityID", "urn:oid:2.999.31.1")])
    }
}

/// An event without participants and objects, with a purpose of use when a person is behind it.
pub fn event(event_id: AuditCode, event_type: Option<AuditCode>, action: AuditAction) -> AuditEvent {
    AuditEvent {
        trace_id: "urn:uuid:00000000-0000-4000-8000-000000000001".to_owned(),
        occurred_ms: TIME_MS,
        event_id,
        event_types: event_type.into_iter().collect(),
        action,
        outcome: AuditOutcome::Success,
        reason: String::new(),
        purposes: Vec::new(),
        participants: Vec::new(),
        objects: Vec::new(),
        local: AuditLocal::default(),
    }
}

pub fn treatment() -> AuditCode {
    code("TREAT", "2.16.840.1.113883.5.8", "treatment")
}
