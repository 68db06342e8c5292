//! What every request brings along beside its message.

use std::sync::Arc;

use super::EntryUuid;

/// Key of an organisation in the store.
pub type OrganisationKey = i64;
/// Key of a node (a partner's system) in the store.
pub type NodeKey = i64;

/// The partner system that sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the node, as configured; `loopback` on the insecure listener.
    pub name: Arc<str>,
    /// The node.
    pub node_key: NodeKey,
    /// Its organisation, owner of what it submits.
    pub organisation_key: OrganisationKey,
}

impl Caller {
    /// The fixed node of the insecure loopback listener (organisation 2.999.1).
    pub fn loopback() -> Self {
        Self { name: "loopback".into(), node_key: 1, organisation_key: 1 }
    }
}

/// Where fresh identifiers come from.
#[derive(Clone, Copy, Debug)]
pub enum Ids {
    /// Random UUIDs.
    Random,
    /// A counted sequence, the same each time, for tests.
    Counted(u64),
}

/// Verified caller, time and identifiers of one request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Who asks.
    pub caller: Caller,
    /// When the request arrived.
    pub now: jiff::Timestamp,
    /// wsa:MessageID, empty if there was none.
    pub message_id: Arc<str>,
    ids: Ids,
}

impl RequestContext {
    /// A context with its own clock reading and source of identifiers.
    pub fn new(caller: Caller, now: jiff::Timestamp, message_id: Arc<str>, ids: Ids) -> Self {
        Self { caller, now, message_id, ids }
    }

    /// A fresh identifier for a registry object.
    #[expect(clippy::disallowed_methods, reason = "the one place where identifiers are made")]
    pub fn fresh_uuid(&mut self) -> EntryUuid {
        match &mut self.ids {
            Ids::Random => EntryUuid::from_bytes(*uuid::Uuid::new_v4().as_bytes()),
            Ids::Counted(n) => {
                *n += 1;
                let mut bytes = [0_u8; 16];
                bytes[6] = 0x40;
                bytes[8..].copy_from_slice(&n.to_be_bytes());
                bytes[8] |= 0x80;
                EntryUuid::from_bytes(bytes)
            }
        }
    }

    /// The time as DTM, 14 digits, UTC.
    pub fn now_dtm(&self) -> String {
        self.now.strftime("%Y%m%d%H%M%S").to_string()
    }
}
