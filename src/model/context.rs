//! What every request brings along beside its message.

use std::{net::IpAddr, sync::Arc};

use super::{EntryUuid, Node, NodeKey, OrganisationKey, User};

/// The partner system that sent a request, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The node that its certificate was mapped to.
    pub node: Arc<Node>,
    /// Subject DN of its certificate; `loopback` on the insecure listener.
    pub subject: Arc<str>,
    /// Where the connection comes from, if it is a connection.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// The fixed node of the insecure loopback listener (organisation 2.999.1).
    pub fn loopback() -> Self {
        Self { node: Arc::new(Node::loopback()), subject: "loopback".into(), address: None }
    }

    /// Name of the node, as configured.
    pub fn name(&self) -> &Arc<str> {
        &self.node.name
    }

    /// The node.
    pub fn node_key(&self) -> NodeKey {
        self.node.key
    }

    /// Its organisation, owner of what it submits.
    pub fn organisation_key(&self) -> OrganisationKey {
        self.node.organisation.key
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

impl Ids {
    /// The identifier at which the source stands.
    #[expect(clippy::disallowed_methods, reason = "the one place where identifiers are made")]
    fn now(self) -> EntryUuid {
        match self {
            Self::Random => EntryUuid::from_bytes(*uuid::Uuid::new_v4().as_bytes()),
            Self::Counted(n) => {
                let mut bytes = [0_u8; 16];
                bytes[6] = 0x40;
                bytes[8..].copy_from_slice(&n.to_be_bytes());
                bytes[8] |= 0x80;
                EntryUuid::from_bytes(bytes)
            }
        }
    }

    /// An identifier that counting does not reach.
    fn trace(self) -> EntryUuid {
        match self {
            Self::Random => self.now(),
            Self::Counted(n) => Self::Counted(n | 1 << 40).now(),
        }
    }
}

/// Verified caller and user, time and identifiers of one request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Who asks.
    pub caller: Caller,
    /// The person for whom it asks, where an assertion was brought.
    pub user: Option<Arc<User>>,
    /// When the request arrived.
    pub now: jiff::Timestamp,
    /// wsa:MessageID, empty if there was none.
    pub message_id: Arc<str>,
    /// The address at which we were called, without query: `https://host:port/path`; empty without a listener.
    pub endpoint: Arc<str>,
    /// Correlates all audit events of the request (S-AUD-33).
    pub trace_id: EntryUuid,
    ids: Ids,
}

impl RequestContext {
    /// A context with its own clock reading and source of identifiers.
    pub fn new(caller: Caller, now: jiff::Timestamp, message_id: Arc<str>, ids: Ids) -> Self {
        Self { caller, user: None, now, message_id, endpoint: "".into(), trace_id: ids.trace(), ids }
    }

    /// A fresh identifier for a registry object.
    pub fn fresh_uuid(&mut self) -> EntryUuid {
        if let Ids::Counted(n) = &mut self.ids {
            *n += 1;
        }
        self.ids.now()
    }

    /// The time as DTM, 14 digits, UTC.
    pub fn now_dtm(&self) -> String {
        self.now.strftime("%Y%m%d%H%M%S").to_string()
    }
}
