//! The AuditMessage.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use quick_xml::{
    Writer,
    events::{BytesEnd, BytesStart, BytesText, Event},
};

use super::neutral::{VALUE_CHARACTERS, beginning, line};
use crate::model::{AuditCode, AuditEvent, AuditObject, AuditParticipant, NetworkAccessPoint};

/// Octets of ParticipantObjectQuery before base64. Source: S-AUD-17.
pub const QUERY_BYTES: usize = 256 << 10;
/// Octets of the value of a ParticipantObjectDetail before base64, so that the attribute keeps to S-AUD-18.
const DETAIL_BYTES: usize = VALUE_CHARACTERS / 4 * 3;
/// AuditSourceTypeCode: application server process.
const APPLICATION_SERVER: &str = "4";

/// AuditSourceIdentification. Source: spec security §2.2, AUS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSource {
    /// AuditEnterpriseSiteID: OID or URA of the organisation, empty if not configured.
    pub enterprise_site_id: String,
    /// AuditSourceID: the configured id of this node.
    pub source_id: String,
}

/// How much of an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageParts {
    /// Octets of each ParticipantObjectQuery; with 0 the element is left out.
    pub query_bytes: usize,
    /// The first so many objects.
    pub objects: usize,
}

impl Default for MessageParts {
    /// Everything that S-AUD-17 allows.
    fn default() -> Self {
        Self { query_bytes: QUERY_BYTES, objects: usize::MAX }
    }
}

/// The object that tells which request an event belongs to, with the number of its entry, by which a receiver knows what
/// it got twice. Source: S-AUD-33, S-AUD-52.
pub fn trace_object(trace_id: &str, entry: &str) -> AuditObject {
    AuditObject {
        id: trace_id.to_owned(),
        type_code: 4,
        role: None,
        life_cycle: None,
        id_type: AuditCode::new("traceparent", "w3c", "traceparent"),
        sensitivity: String::new(),
        name: String::new(),
        query: None,
        details: vec![("knoop:entry".into(), entry.to_owned())],
    }
}

/// The event as an AuditMessage: one line, UTF-8, without declaration.
///
/// What was left out of a query, or of the objects, is told in a detail `knoop:truncated` with the original number.
pub fn audit_message(event: &AuditEvent, source: &AuditSource, parts: MessageParts) -> Vec<u8> {
    let mut writer = Writer::new(Vec::with_capacity(2048));
    // The only errors are those of the sink, and memory has none.
    let _ = write(&mut writer, event, source, parts);
    writer.into_inner()
}

type Xml = Writer<Vec<u8>>;

fn write(w: &mut Xml, event: &AuditEvent, source: &AuditSource, parts: MessageParts) -> io::Result<()> {
    open(w, "AuditMessage", &[])?;
    write_event_identification(w, event)?;
    for participant in &event.participants {
        write_participant(w, participant)?;
    }
    open(
        w,
        "AuditSourceIdentification",
        &[("AuditEnterpriseSiteID", text(&source.enterprise_site_id)), ("AuditSourceID", Some(&source.source_id))],
    )?;
    // The digit alone is the form that both DICOM and IHE give.
    empty(w, "AuditSourceTypeCode", &[("csd-code", Some(APPLICATION_SERVER))])?;
    close(w, "AuditSourceIdentification")?;
    let left_out = event.objects.len().saturating_sub(parts.objects);
    for (index, object) in event.objects.iter().take(parts.objects).enumerate() {
        let all = (index + 1 == parts.objects && left_out > 0).then_some(event.objects.len());
        write_object(w, object, parts.query_bytes, all)?;
    }
    close(w, "AuditMessage")
}

fn write_event_identification(w: &mut Xml, event: &AuditEvent) -> io::Result<()> {
    let outcome = event.outcome.number().to_string();
    let action = format!("{:?}", event.action);
    let attributes = [
        ("EventActionCode", Some(&*action)),
        ("EventDateTime", Some(&*date_time(event.occurred_ms))),
        ("EventOutcomeIndicator", Some(&*outcome)),
    ];
    open(w, "EventIdentification", &attributes)?;
    write_code(w, "EventID", &event.event_id)?;
    for code in &event.event_types {
        write_code(w, "EventTypeCode", code)?;
    }
    if !event.reason.is_empty() {
        write_text(w, "EventOutcomeDescription", &line(&event.reason))?;
    }
    for code in &event.purposes {
        write_code(w, "PurposeOfUse", code)?;
    }
    close(w, "EventIdentification")
}

fn write_participant(w: &mut Xml, participant: &AuditParticipant) -> io::Result<()> {
    let (network_id, network_type) = match &participant.network {
        Some(NetworkAccessPoint::Host(name)) => (Some(&**name), Some("1")),
        Some(NetworkAccessPoint::Ip(address)) => (Some(&**address), Some("2")),
        Some(NetworkAccessPoint::Mail(address)) => (Some(&**address), Some("4")),
        Some(NetworkAccessPoint::Uri(uri)) => (Some(&**uri), Some("5")),
        None => (None, None),
    };
    let attributes = [
        ("UserID", Some(&*participant.user_id)),
        ("AlternativeUserID", text(&participant.alternative_user_id)),
        ("UserName", text(&participant.user_name)),
        ("UserIsRequestor", Some(if participant.requestor { "true" } else { "false" })),
        ("NetworkAccessPointID", network_id),
        ("NetworkAccessPointTypeCode", network_type),
    ];
    open(w, "ActiveParticipant", &attributes)?;
    for role in &participant.roles {
        write_code(w, "RoleIDCode", role)?;
    }
    if let Some(media) = &participant.media {
        open(w, "MediaIdentifier", &[])?;
        write_code(w, "MediaType", media)?;
        close(w, "MediaIdentifier")?;
    }
    close(w, "ActiveParticipant")
}

/// `all`: how many objects there were, where this is the last that is written and not the last that there was.
fn write_object(w: &mut Xml, object: &AuditObject, query_bytes: usize, all: Option<usize>) -> io::Result<()> {
    let number = |value: Option<u8>| value.map(|value| value.to_string());
    let (role, life_cycle) = (number(object.role), number(object.life_cycle));
    let attributes = [
        ("ParticipantObjectID", text(&object.id)),
        ("ParticipantObjectTypeCode", Some(&*object.type_code.to_string())),
        ("ParticipantObjectTypeCodeRole", role.as_deref()),
        ("ParticipantObjectDataLifeCycle", life_cycle.as_deref()),
        ("ParticipantObjectSensitivity", text(&object.sensitivity)),
    ];
    open(w, "ParticipantObjectIdentification", &attributes)?;
    write_code(w, "ParticipantObjectIDTypeCode", &object.id_type)?;
    let mut truncated = all;
    // The schema allows one of the two; a query says more than a name.
    if let Some(query) = &object.query {
        let part = beginning(query, query_bytes);
        if part.len() < query.len() {
            truncated = truncated.or(Some(query.len()));
        }
        if !part.is_empty() {
            write_text(w, "ParticipantObjectQuery", &STANDARD.encode(part))?;
        }
    } else if !object.name.is_empty() {
        write_text(w, "ParticipantObjectName", &line(&object.name))?;
    }
    for (kind, value) in &object.details {
        write_detail(w, kind, value)?;
    }
    if let Some(original) = truncated {
        write_detail(w, "knoop:truncated", &original.to_string())?;
    }
    close(w, "ParticipantObjectIdentification")
}

/// The value is base64 also where it is plain text (spec security §2.1), so that it needs no other protection.
fn write_detail(w: &mut Xml, kind: &str, value: &str) -> io::Result<()> {
    let value = STANDARD.encode(beginning(value, DETAIL_BYTES));
    empty(w, "ParticipantObjectDetail", &[("type", Some(kind)), ("value", Some(&value))])
}

fn write_code(w: &mut Xml, element: &str, code: &AuditCode) -> io::Result<()> {
    let attributes = [
        ("csd-code", Some(&*code.code)),
        ("codeSystemName", Some(&*code.system)),
        ("displayName", Some(&*code.text)),
        ("originalText", Some(&*code.text)),
    ];
    empty(w, element, &attributes)
}

/// UTC with milliseconds (S-AUD-15).
pub(super) fn date_time(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn text(value: &str) -> Option<&str> {
    Some(value).filter(|value| !value.is_empty())
}

type Attributes<'a> = [(&'a str, Option<&'a str>)];

fn start<'a>(name: &'a str, attributes: &Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        if let Some(value) = value {
            start.push_attribute((*name, &*line(value)));
        }
    }
    start
}

fn open(w: &mut Xml, name: &str, attributes: &Attributes<'_>) -> io::Result<()> {
    w.write_event(Event::Start(start(name, attributes)))
}

fn empty(w: &mut Xml, name: &str, attributes: &Attributes<'_>) -> io::Result<()> {
    w.write_event(Event::Empty(start(name, attributes)))
}

fn close(w: &mut Xml, name: &str) -> io::Result<()> {
    w.write_event(Event::End(BytesEnd::new(name)))
}

fn write_text(w: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    open(w, name, &[])?;
    w.write_event(Event::Text(BytesText::new(text)))?;
    close(w, name)
}
