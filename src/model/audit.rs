//! Audit events: what is recorded of every transaction, in the terms of the DICOM AuditMessage and of NEN 7513.
//!
//! The serialised form is what is kept and hashed. It is that of RFC 8785 because fields are declared in the order of their
//! names, numbers are whole and nothing is written twice; a field that is empty is left out.
//!
//! Source: DICOM PS3.15 A.5, ITI TF-2 §3.20, NEN 7513; spec security §2.1 and §2.7.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Coded;

type Text = Cow<'static, str>;

/// A coded value of the audit vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCode {
    /// csd-code
    pub code: Text,
    /// codeSystemName
    pub system: Text,
    /// originalText and displayName
    pub text: Text,
}

impl AuditCode {
    /// A code known when the program is built.
    pub const fn new(code: &'static str, system: &'static str, text: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), system: Cow::Borrowed(system), text: Cow::Borrowed(text) }
    }
}

impl From<&Coded> for AuditCode {
    fn from(coded: &Coded) -> Self {
        let text = if coded.display.is_empty() { &coded.code } else { &coded.display };
        Self {
            code: coded.code.to_string().into(),
            system: coded.system.to_string().into(),
            text: text.to_string().into(),
        }
    }
}

/// EventActionCode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAction {
    /// Create
    C,
    /// Read
    R,
    /// Update
    U,
    /// Delete
    D,
    /// Execute
    E,
}

/// EventOutcomeIndicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuditOutcome {
    /// 0
    Success,
    /// 4: refused, can be tried again
    Minor,
    /// 8: denied, rejected
    Serious,
    /// 12: a component is not available
    Major,
}

impl AuditOutcome {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Minor => 4,
            Self::Serious => 8,
            Self::Major => 12,
        }
    }
}

/// NetworkAccessPoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkAccessPoint {
    /// Type 1
    Host(String),
    /// Type 2
    Ip(String),
    /// Type 4
    Mail(String),
    /// Type 5
    Uri(String),
}

/// ActiveParticipant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditParticipant {
    /// AlternativeUserID, empty if there is none
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alternative_user_id: String,
    /// MediaIdentifier/MediaType
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<AuditCode>,
    /// NetworkAccessPointID and NetworkAccessPointTypeCode
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkAccessPoint>,
    /// UserIsRequestor
    pub requestor: bool,
    /// NEN 7513 verantwoordelijke gebruiker
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub responsible: bool,
    /// RoleIDCode
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<AuditCode>,
    /// UserID
    pub user_id: String,
    /// UserName, empty if there is none
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_name: String,
}

impl AuditParticipant {
    /// Source, destination, application, medium or process, as the roles of DICOM 110150 to 110155 say.
    pub fn is_machine(&self) -> bool {
        self.roles.iter().any(|role| role.system == "DCM" && role.code.starts_with("11015"))
    }
}

/// ParticipantObjectIdentification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditObject {
    /// ParticipantObjectDetail: type and value, before base64
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<(Text, String)>,
    /// ParticipantObjectID
    pub id: String,
    /// ParticipantObjectIDTypeCode
    pub id_type: AuditCode,
    /// ParticipantObjectDataLifeCycle
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_cycle: Option<u8>,
    /// ParticipantObjectName
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// ParticipantObjectQuery: the request element as received, before base64
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// ParticipantObjectTypeCodeRole
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<u8>,
    /// ParticipantObjectSensitivity
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sensitivity: String,
    /// ParticipantObjectTypeCode: 1 person, 2 system, 3 organisation, 4 other
    pub type_code: u8,
}

impl AuditObject {
    /// A person in the role of a patient.
    pub fn is_patient(&self) -> bool {
        self.type_code == 1 && self.role == Some(1)
    }
}

/// What is kept beside the message, for NEN 7513 and the privacy officer; never sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditLocal {
    /// Categories of the data that was asked for or given (S-AUD-65).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// controles: `node ok`, `assertion absent` …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// toestemmingsprofiel: id, answer, time
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consent: String,
    /// Break-glass.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// Name of the calling node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Identifier of the organisation behind the calling node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organisation: String,
    /// autorisatieprotocol: rules applied and version of the policy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Objects that were given (S-AUD-14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<u64>,
    /// behandelrelatieprotocol
    #[serde(skip_serializing_if = "String::is_empty")]
    pub treatment_basis: String,
    /// uniqueIds or entryUUIDs that were kept back (S-CON-08).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// One event. One message describes one patient (S-AUD-10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// EventActionCode
    pub action: AuditAction,
    /// EventID
    pub event_id: AuditCode,
    /// EventTypeCode
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<AuditCode>,
    /// Kept here only.
    #[serde(default)]
    pub local: AuditLocal,
    /// ParticipantObjectIdentification
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<AuditObject>,
    /// EventDateTime: milliseconds since 1970, the time of the action (S-AUD-15).
    pub occurred_ms: i64,
    /// EventOutcomeIndicator
    pub outcome: AuditOutcome,
    /// ActiveParticipant
    pub participants: Vec<AuditParticipant>,
    /// PurposeOfUse
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<AuditCode>,
    /// EventOutcomeDescription: `knoop:CODE short text`, never payload (S-AUD-13)
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Correlates the events of one request (S-AUD-33); `urn:uuid:`.
    pub trace_id: String,
}

impl AuditEvent {
    /// The canonical form (RFC 8785), which is kept and hashed.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("an event is made of texts, whole numbers and lists")
    }

    /// The patient it is about: the first object that is a person in the role of a patient.
    pub fn patient(&self) -> Option<&str> {
        self.objects.iter().find(|object| object.is_patient()).map(|object| &*object.id)
    }

    /// The persons among its participants: those whose role is not one of a machine's.
    pub fn persons(&self) -> impl Iterator<Item = &AuditParticipant> {
        self.participants.iter().filter(|participant| !participant.is_machine())
    }

    /// uniqueIds and entryUUIDs of the documents that it names, given or kept back.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        let reports = self.objects.iter().filter(|object| object.type_code == 2 && object.role == Some(3));
        reports.map(|object| &*object.id).chain(self.local.withheld.iter().map(|id| &**id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> AuditEvent {
        AuditEvent {
            trace_id: "urn:uuid:00000000-0000-4000-8000-000000000001".into(),
            occurred_ms: 1_795_248_000_123,
            event_id: AuditCode::new("110112", "DCM", "Query"),
            event_types: vec![AuditCode::new("ITI-18", "IHE Transactions", "Registry Stored Query")],
            action: AuditAction::E,
            outcome: AuditOutcome::Serious,
            reason: "knoop:X \u{1}\u{1f}\u{7f}\"\\ é \u{1F600} \u{2028}".into(),
            purposes: vec![AuditCode::new("TREAT", "2.16.840.1.113883.5.8", "treatment")],
            participants: vec![AuditParticipant {
                user_id: "u".into(),
                alternative_user_id: "1".into(),
                user_name: "<u@i>".into(),
                requestor: true,
                responsible: true,
                roles: vec![AuditCode::new("01.000", "2.16.840.1.113883.2.4.15.111", "Arts")],
                network: Some(NetworkAccessPoint::Ip("192.0.2.1".into())),
                media: Some(AuditCode::new("110031", "DCM", "Email")),
            }],
            objects: vec![AuditObject {
                id: "p".into(),
                type_code: 1,
                role: Some(1),
                life_cycle: Some(6),
                id_type: AuditCode::new("2", "RFC-3881", "Patient Number"),
                sensitivity: "N".into(),
                name: "n".into(),
                query: Some("<q/>".into()),
                details: vec![("QueryEncoding".into(), "UTF-8".into())],
            }],
            local: AuditLocal {
                returned: Some(2),
                withheld: vec!["w".into()],
                policy: "p".into(),
                treatment_basis: "t".into(),
                consent: "c".into(),
                checks: vec!["node ok".into()],
                emergency: true,
                categories: vec!["lab".into()],
                node: "n".into(),
                organisation: "2.999.1".into(),
            },
        }
    }

    #[test]
    fn s_aud_61_the_kept_form_is_canonical_json() {
        let text = event().canonical();
        let sorted: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(text, sorted.to_string(), "a tree of sorted keys is written alike");
        assert!(text.contains(r#"\u0001\u001f"#) && text.contains("\u{7f}\\\"\\\\ é 😀 \u{2028}"), "{text}");
        assert_eq!(serde_json::from_str::<AuditEvent>(&text).expect("read back"), event());
    }
}
