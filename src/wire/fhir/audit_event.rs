//! AuditEvent: what an entry of the audit trail is in FHIR.
//!
//! Source: ITI TF-2 §3.81, IHE BALP, spec security §2.8 (S-AUD-70 to S-AUD-73).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{CodeableConcept, Coding, Identifier, Reference};
use crate::model::{AuditAction, AuditCode, AuditEvent, AuditObject, AuditParticipant, NetworkAccessPoint, PatientId};

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const LIFE_CYCLE: &str = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const AUTHORISATION: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType";
const APPLICATION_SERVER: &str = "4";
const SECURITY_ALERT: &str = "110113";
const RESTRICTED_FUNCTION: &str = "110132";
/// Roles that say what a participant is in the event, not what a person is.
const EVENT_ROLES: [&str; 6] = ["110150", "110151", "110152", "110153", "110154", "110155"];

/// The resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEventResource {
    resource_type: &'static str,
    id: String,
    #[serde(rename = "type")]
    kind: Coding,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subtype: Vec<Coding>,
    action: &'static str,
    recorded: String,
    outcome: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    outcome_desc: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purpose_of_event: Vec<CodeableConcept>,
    agent: Vec<Agent>,
    source: Source,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entity: Vec<Entity>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<CodeableConcept>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    role: Vec<CodeableConcept>,
    who: Reference,
    #[serde(skip_serializing_if = "String::is_empty")]
    alt_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    requestor: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Coding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purpose_of_use: Vec<CodeableConcept>,
}

#[derive(Debug, Serialize)]
struct Network {
    address: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Source {
    #[serde(skip_serializing_if = "String::is_empty")]
    site: String,
    observer: Reference,
    #[serde(rename = "type")]
    kind: [Coding; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<Reference>,
    #[serde(rename = "type")]
    kind: Coding,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Coding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle: Option<Coding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_label: Vec<Coding>,
    /// Rule sev-1: a name or a query, never both.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detail: Vec<Detail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    value_string: String,
}

/// The event under an id of the log; `site` and `source` are AuditEnterpriseSiteID and AuditSourceID.
pub fn audit_event(id: String, event: &AuditEvent, site: &str, source: &str) -> AuditEventResource {
    let mut subtype: Vec<Coding> = event.event_types.iter().map(coding).collect();
    subtype.extend(authorisation(event));
    AuditEventResource {
        resource_type: "AuditEvent",
        id,
        kind: coding(&event.event_id),
        subtype,
        action: action(event.action),
        recorded: recorded(event.occurred_ms),
        outcome: event.outcome.number().to_string(),
        outcome_desc: event.reason.clone(),
        purpose_of_event: event.purposes.iter().map(concept).collect(),
        agent: event.participants.iter().map(|participant| agent(participant, event)).collect(),
        source: Source {
            site: site.to_owned(),
            observer: reference(source.to_owned(), None, None),
            kind: [Coding::new(SOURCE_TYPE, APPLICATION_SERVER)],
        },
        entity: event.objects.iter().map(entity).collect(),
    }
}

/// The URI of a code system as events name it, if it has one.
pub fn system_of(name: &str) -> Option<String> {
    let known = match name {
        "DCM" => DCM,
        "IHE Transactions" | "IHE" => "urn:ihe:event-type-code",
        "RFC-3881" => "urn:ietf:rfc:3881",
        "2.16.840.1.113883.5.8" => ACT_REASON,
        "2.16.840.1.113883.5.25" => CONFIDENTIALITY,
        uri if uri.starts_with("urn:") || uri.starts_with("http") => uri,
        oid if oid.starts_with(|c: char| c.is_ascii_digit()) => return Some(format!("urn:oid:{oid}")),
        _ => return None,
    };
    Some(known.to_owned())
}

/// A refusal of access is also a decision in the words of BALP: by consent where one is named, else by roles (S-AUD-73).
fn authorisation(event: &AuditEvent) -> Option<Coding> {
    let refused =
        event.event_id.code == SECURITY_ALERT && event.event_types.iter().any(|kind| kind.code == RESTRICTED_FUNCTION);
    let code = if event.patient().is_some() { "AuthZ-Consent" } else { "AuthZ-Role" };
    refused.then(|| Coding::new(AUTHORISATION, code))
}

fn coding(code: &AuditCode) -> Coding {
    Coding {
        system: system_of(&code.system),
        code: code.code.to_string(),
        display: Some(code.text.to_string()).filter(|text| !text.is_empty()),
    }
}

fn concept(code: &AuditCode) -> CodeableConcept {
    coding(code).into()
}

fn action(action: AuditAction) -> &'static str {
    match action {
        AuditAction::C => "C",
        AuditAction::R => "R",
        AuditAction::U => "U",
        AuditAction::D => "D",
        AuditAction::E => "E",
    }
}

fn recorded(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn reference(value: String, system: Option<String>, kind: Option<CodeableConcept>) -> Reference {
    Reference { identifier: Identifier { kind, system, value } }
}

fn agent(participant: &AuditParticipant, event: &AuditEvent) -> Agent {
    let (of_event, of_person): (Vec<_>, Vec<_>) =
        participant.roles.iter().partition(|role| role.system == "DCM" && EVENT_ROLES.contains(&&*role.code));
    // A person, as an assertion named them: `alias<user@issuer>` (S-AUD-21).
    let issuer = issuer(&participant.user_name);
    let is_person = issuer.is_some();
    let person = || {
        CodeableConcept::from(Coding::new(
            "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes",
            "UserSamlAgent",
        ))
    };
    Agent {
        kind: of_event.first().map(|role| concept(role)).or_else(|| is_person.then(person)),
        role: of_person.into_iter().map(concept).collect(),
        who: reference(participant.user_id.clone(), issuer.map(str::to_owned), None),
        alt_id: participant.alternative_user_id.clone(),
        name: participant.user_name.clone(),
        requestor: participant.requestor,
        media: participant.media.as_ref().map(coding),
        network: participant.network.as_ref().map(network),
        purpose_of_use: if is_person { event.purposes.iter().map(concept).collect() } else { Vec::new() },
    }
}

fn issuer(user_name: &str) -> Option<&str> {
    let (_, inner) = user_name.strip_suffix('>')?.split_once('<')?;
    // An issuer has no `@`, a user may have.
    inner.rsplit_once('@').map(|(_, issuer)| issuer)
}

fn network(access_point: &NetworkAccessPoint) -> Network {
    let (address, kind) = match access_point {
        NetworkAccessPoint::Host(name) => (name, "1"),
        NetworkAccessPoint::Ip(address) => (address, "2"),
        NetworkAccessPoint::Mail(address) => (address, "4"),
        NetworkAccessPoint::Uri(uri) => (uri, "5"),
    };
    Network { address: address.clone(), kind }
}

fn entity(object: &AuditObject) -> Entity {
    let patient = object.id.parse::<PatientId>().ok().filter(|_| object.is_patient());
    let id_type = Some(concept(&object.id_type));
    let what = match patient {
        Some(id) => reference(id.id().to_owned(), Some(format!("urn:oid:{}", id.authority())), id_type),
        None => reference(object.id.clone(), None, id_type),
    };
    let (query, name) = match &object.query {
        Some(query) => (Some(STANDARD.encode(query)), None),
        None => (None, Some(object.name.clone()).filter(|name| !name.is_empty())),
    };
    Entity {
        what: Some(what).filter(|_| !object.id.is_empty()),
        kind: Coding::new(ENTITY_TYPE, object.type_code.to_string()),
        role: object.role.map(|role| Coding::new(OBJECT_ROLE, role.to_string())),
        lifecycle: object.life_cycle.map(|stage| Coding::new(LIFE_CYCLE, stage.to_string())),
        security_label: Some(Coding::new(CONFIDENTIALITY, &*object.sensitivity))
            .filter(|_| !object.sensitivity.is_empty())
            .into_iter()
            .collect(),
        name,
        query,
        detail: object
            .details
            .iter()
            .map(|(kind, value)| Detail { kind: kind.to_string(), value_string: value.clone() })
            .collect(),
    }
}
