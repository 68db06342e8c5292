//! An event as a row: its canonical form, the hash of that, and the columns that are searched.

use openssl::sha::sha256;

use crate::{model::AuditEvent, store::sql::Args};

/// A row to be inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditRow {
    pub occurred_ms: i64,
    pub event_id: String,
    pub event_type: String,
    pub action: String,
    pub outcome: i64,
    pub emergency: i64,
    pub patient: Option<String>,
    /// A JSON list.
    pub persons: Option<String>,
    /// A JSON list.
    pub documents: Option<String>,
    pub organisation: String,
    pub node: String,
    pub hash: [u8; 32],
    pub body: String,
}

impl AuditRow {
    pub(super) fn new(event: &AuditEvent) -> Self {
        Self::with_body(event, event.canonical())
    }

    /// As [`AuditRow::new`], where its canonical form is known.
    pub(super) fn with_body(event: &AuditEvent, body: String) -> Self {
        Self {
            occurred_ms: event.occurred_ms,
            event_id: column(&event.event_id.code),
            event_type: event.event_types.first().map(|code| column(&code.code)).unwrap_or_default(),
            action: format!("{:?}", event.action),
            outcome: event.outcome.number().into(),
            emergency: event.local.emergency.into(),
            patient: event.patient().map(column),
            persons: list(event.persons().map(|person| &*person.user_id)),
            documents: list(event.documents()),
            organisation: column(&event.local.organisation),
            node: column(&event.local.node),
            hash: sha256(body.as_bytes()),
            body,
        }
    }

    pub(super) fn push_to(self, values: &mut Args) {
        values.push(self.occurred_ms);
        values.push(self.event_id);
        values.push(self.event_type);
        values.push(self.action);
        values.push(self.outcome);
        values.push(self.emergency);
        values.push(self.patient);
        values.push(self.persons);
        values.push(self.documents);
        values.push(self.organisation);
        values.push(self.node);
        values.push(self.hash.as_slice());
        values.push(self.body);
    }
}

/// What PostgreSQL takes: no NUL. Strangers choose these values; the body keeps them as they are.
fn column(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn list<'a>(values: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut values: Vec<String> = values.map(column).collect();
    values.sort_unstable();
    values.dedup();
    (!values.is_empty()).then(|| serde_json::to_string(&values).expect("a list of texts is JSON"))
}
