//! An event as people read it. Source: S-AUD-65 (the patient's view of NEN 7513, chapter 9).

use serde::Serialize;

use crate::{
    cli::Failure,
    model::{AuditEvent, AuditParticipant},
    store::FoundAudit,
};

/// One line: who did what with whose data, and why they were allowed to.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub time: String,
    pub organisation: String,
    /// Name of the system that asked.
    pub node: String,
    pub role: String,
    pub person: String,
    pub event: String,
    pub action: String,
    /// 0, 4, 8 or 12
    pub outcome: u8,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    pub documents: Vec<String>,
    pub data_category: String,
    pub purpose: String,
    pub authorisation: String,
    pub consent: String,
    pub emergency: bool,
}

impl Line {
    pub(super) fn of(found: &FoundAudit) -> Result<(Self, AuditEvent), Failure> {
        let event: AuditEvent = serde_json::from_str(&found.body)
            .map_err(|_| anyhow::anyhow!("row {} of the audit cannot be read", found.audit_key))?;
        let joined = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>().join(", ");
        let persons: Vec<&AuditParticipant> = event.persons().collect();
        let kind = event.event_types.first().unwrap_or(&event.event_id);
        let line = Self {
            time: jiff::Timestamp::from_millisecond(event.occurred_ms).unwrap_or_default().to_string(),
            organisation: event.local.organisation.clone(),
            node: event.local.node.clone(),
            role: joined(&mut persons.iter().flat_map(|person| &person.roles).map(|role| role.text.to_string())),
            person: joined(&mut persons.iter().map(|person| person.user_id.clone())),
            event: format!("{} {}", kind.code, kind.text),
            action: format!("{:?}", event.action),
            outcome: event.outcome.number(),
            reason: event.reason.clone(),
            patient: event.patient().map(str::to_owned),
            documents: event.documents().map(str::to_owned).collect(),
            data_category: event.local.categories.join(", "),
            purpose: joined(&mut event.purposes.iter().map(|purpose| purpose.text.to_string())),
            authorisation: event.local.policy.clone(),
            consent: event.local.consent.clone(),
            emergency: event.local.emergency,
        };
        Ok((line, event))
    }
}
