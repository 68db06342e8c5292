//! How much of each node is served at a time, so that no partner keeps the others out.
//!
//! The fixed node of the insecure listener passes every gate (design section 9). Health and metrics have a listener and a
//! thread of their own and pass none.
//!
//! Source: S-IN-36.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
};
use bytes::Bytes;
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{NodeKey, NodeLimits, NodeRecord, NodeRole};

/// The numbers of a node that has none of its own, and of all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateSettings {
    /// Requests of a node a second, in the long run.
    pub rate: u32,
    /// Requests of a node that may come at once.
    pub burst: u32,
    /// Requests of a node that are answered at a time.
    pub in_flight: u32,
    /// Requests of all nodes that are answered at a time.
    pub all_in_flight: usize,
}

impl Default for GateSettings {
    /// Source: S-IN-36.
    fn default() -> Self {
        Self { rate: 100, burst: 200, in_flight: 32, all_in_flight: 512 }
    }
}

/// Why a request has to come again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Busy {
    /// Too many requests in a short time.
    #[error("the node sends more requests than its rate allows")]
    Rate {
        /// When the next one is taken, seconds from now.
        retry_after_s: u64,
    },
    /// Too many at a time.
    #[error("the node has as many requests in flight as it may have")]
    InFlight,
    /// Too many of all nodes.
    #[error("as many requests are in flight as are answered at a time")]
    All,
    /// Too many documents on their way in.
    #[error("documents of all nodes on their way in have all the room that there is for them")]
    Spool,
}

impl Busy {
    /// A word for each reason.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Rate { .. } => "rate",
            Self::InFlight => "in-flight",
            Self::All => "all-in-flight",
            Self::Spool => "spool",
        }
    }

    /// Seconds to wait.
    pub(super) fn retry_after_s(self) -> u64 {
        match self {
            Self::Rate { retry_after_s } => retry_after_s,
            Self::InFlight | Self::All => 1,
            Self::Spool => 30,
        }
    }
}

/// The gates of all nodes.
pub(super) struct Gates {
    settings: GateSettings,
    /// Nine tenths of all places, for everybody.
    shared: Arc<Semaphore>,
    /// The last tenth.
    reserved: Arc<Semaphore>,
    nodes: Mutex<HashMap<GateKey, Arc<Gate>>>,
}

/// A node, and one of its transactions where that has a gate of its own.
type GateKey = (NodeKey, Option<&'static str>);

/// The gate of a node, or of one of its transactions.
struct Gate {
    limits: NodeLimits,
    rate: Option<DefaultDirectRateLimiter>,
    places: Option<Arc<Semaphore>>,
}

/// Places that a request holds until its answer has gone.
#[derive(Debug, Default)]
pub(super) struct Pass(Vec<OwnedSemaphorePermit>);

impl Gates {
    pub(super) fn new(settings: GateSettings) -> Self {
        let reserved = settings.all_in_flight / 10;
        Self {
            settings,
            shared: Arc::new(Semaphore::new(settings.all_in_flight - reserved)),
            reserved: Arc::new(Semaphore::new(reserved)),
            nodes: Mutex::default(),
        }
    }

    /// Lets a request of a node in.
    ///
    /// # Errors
    /// When it must come again later.
    pub(super) fn enter(&self, record: &NodeRecord) -> Result<Pass, Busy> {
        if record.node.is_loopback() {
            return Ok(Pass::default());
        }
        let own = record.limits();
        let limits = NodeLimits {
            rate: Some(own.rate.unwrap_or(self.settings.rate)),
            // A node with a rate of its own may come with twice as many at once, as the configured numbers have it.
            burst: Some(own.burst.or(own.rate.map(|rate| rate.saturating_mul(2))).unwrap_or(self.settings.burst)),
            in_flight: Some(own.in_flight.unwrap_or(self.settings.in_flight)),
        };
        let mut pass = self.gate(record.node.key, None, limits).enter()?;
        pass.0.push(self.place(record).ok_or(Busy::All)?);
        Ok(pass)
    }

    /// Lets a request of a node in whose transaction is known by now.
    ///
    /// # Errors
    /// When it must come again later.
    pub(super) fn enter_transaction(&self, record: &NodeRecord, transaction: &'static str) -> Result<Pass, Busy> {
        match record.transaction_limits(transaction) {
            Some(limits) => self.gate(record.node.key, Some(transaction), limits).enter(),
            None => Ok(Pass::default()),
        }
    }

    fn place(&self, record: &NodeRecord) -> Option<OwnedSemaphorePermit> {
        let place = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        let operates = record.node.has_role(NodeRole::Admin) || record.node.has_role(NodeRole::AuditViewer);
        place(&self.shared).or_else(|| operates.then(|| place(&self.reserved)).flatten())
    }

    /// The gate with these limits; a new one when the operator has changed them.
    fn gate(&self, node: NodeKey, transaction: Option<&'static str>, limits: NodeLimits) -> Arc<Gate> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = nodes.entry((node, transaction)).or_insert_with(|| Arc::new(Gate::new(limits)));
        if gate.limits != limits {
            *gate = Arc::new(Gate::new(limits));
        }
        Arc::clone(gate)
    }
}

impl Gate {
    fn new(limits: NodeLimits) -> Self {
        let rate = limits.rate.and_then(NonZeroU32::new).map(|rate| {
            let burst = limits.burst.and_then(NonZeroU32::new).unwrap_or(rate);
            RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))
        });
        let places = limits.in_flight.map(|places| Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(1))));
        Self { limits, rate, places }
    }

    fn enter(&self) -> Result<Pass, Busy> {
        if let Some(Err(early)) = self.rate.as_ref().map(RateLimiter::check) {
            let wait = early.wait_time_from(DefaultClock::default().now());
            return Err(Busy::Rate { retry_after_s: wait.as_secs() + 1 });
        }
        let place = match &self.places {
            Some(places) => Some(Arc::clone(places).try_acquire_owned().map_err(|_| Busy::InFlight)?),
            None => None,
        };
        Ok(Pass(place.into_iter().collect()))
    }
}

impl Pass {
    /// The answer, which holds the places until it has gone or the client has.
    pub(super) fn hold(self, response: HttpResponse) -> HttpResponse {
        if self.0.is_empty() {
            response
        } else {
            response.map_body(|_, body| BoxBody::new(Holding { body, _pass: self }))
        }
    }
}

/// A body that holds places.
struct Holding {
    body: BoxBody,
    _pass: Pass,
}

impl MessageBody for Holding {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Node, NodeSetting};

    const SETTINGS: GateSettings = GateSettings { rate: 1, burst: 5, in_flight: 3, all_in_flight: 40 };

    fn node(key: NodeKey, roles: &[NodeRole], limits: &[(Option<&str>, NodeLimits)]) -> NodeRecord {
        let node = Arc::new(Node { key, roles: roles.to_vec(), ..Node::loopback() });
        let settings = limits.iter().map(|(transaction, limits)| NodeSetting {
            transaction: transaction.map(Into::into),
            xua: None,
            limits: *limits,
        });
        NodeRecord { node, settings: settings.collect(), ..NodeRecord::loopback() }
    }

    fn wide() -> NodeLimits {
        NodeLimits { rate: Some(1000), burst: Some(1000), in_flight: Some(1000) }
    }

    #[test]
    fn s_in_36_a_node_has_so_many_requests_in_flight_and_another_has_its_own() {
        let gates = Gates::new(SETTINGS);
        let (a, b) = (node(2, &[], &[]), node(3, &[], &[]));
        let mut passes: Vec<Pass> = (0..3).map(|_| gates.enter(&a).expect("a place")).collect();
        assert_eq!(gates.enter(&a).err(), Some(Busy::InFlight));
        gates.enter(&b).expect("a place of its own");
        passes.pop();
        gates.enter(&a).expect("the place that was given back");
    }

    #[test]
    fn s_in_36_a_node_has_a_rate_and_a_burst_and_another_has_its_own() {
        let gates = Gates::new(SETTINGS);
        let (a, b) = (node(2, &[], &[]), node(3, &[], &[]));
        for _ in 0..5 {
            drop(gates.enter(&a).expect("within the burst"));
        }
        let busy = gates.enter(&a).expect_err("beyond it");
        assert!(matches!(busy, Busy::Rate { retry_after_s: 1..=2 }), "{busy:?}");
        gates.enter(&b).expect("a rate of its own");
    }

    #[test]
    fn s_in_36_a_node_may_have_other_numbers_and_they_may_change() {
        let gates = Gates::new(SETTINGS);
        let limits = NodeLimits { in_flight: Some(1), ..wide() };
        let _first = gates.enter(&node(2, &[], &[(None, limits)])).expect("a place");
        assert_eq!(gates.enter(&node(2, &[], &[(None, limits)])).err(), Some(Busy::InFlight));
        gates.enter(&node(2, &[], &[(None, NodeLimits { in_flight: Some(2), ..wide() })])).expect("more places now");
        let only_rate = NodeLimits { rate: Some(2), ..NodeLimits::default() };
        for _ in 0..4 {
            drop(gates.enter(&node(3, &[], &[(None, only_rate)])).expect("twice the rate at once"));
        }
        assert!(gates.enter(&node(3, &[], &[(None, only_rate)])).is_err());
    }

    #[test]
    fn s_in_36_a_transaction_may_have_numbers_of_its_own() {
        let gates = Gates::new(SETTINGS);
        let one = NodeLimits { in_flight: Some(1), ..NodeLimits::default() };
        let a = node(2, &[], &[(Some("ITI-43"), one)]);
        let _held = gates.enter_transaction(&a, "ITI-43").expect("a place");
        assert_eq!(gates.enter_transaction(&a, "ITI-43").err(), Some(Busy::InFlight));
        gates.enter_transaction(&a, "ITI-18").expect("no number, no gate");
    }

    #[test]
    fn s_in_36_a_tenth_is_kept_for_nodes_that_watch_and_operate() {
        let gates = Gates::new(SETTINGS);
        let many = node(2, &[NodeRole::Consumer], &[(None, wide())]);
        let passes: Vec<Pass> = (0..36).map(|_| gates.enter(&many).expect("a place")).collect();
        assert_eq!(gates.enter(&many).err(), Some(Busy::All));
        let watching = node(3, &[NodeRole::AuditViewer], &[(None, wide())]);
        let reserved: Vec<Pass> = (0..4).map(|_| gates.enter(&watching).expect("a reserved place")).collect();
        assert_eq!(gates.enter(&watching).err(), Some(Busy::All));
        drop((passes, reserved));
        gates.enter(&many).expect("all places were given back");
    }

    #[test]
    fn the_fixed_node_passes_every_gate() {
        let gates = Gates::new(SETTINGS);
        let passes: Vec<Pass> = (0..100).map(|_| gates.enter(&NodeRecord::loopback()).expect("a pass")).collect();
        assert!(passes.iter().all(|pass| pass.0.is_empty()));
    }

    #[actix_web::test]
    async fn a_place_is_held_until_the_answer_has_gone_and_the_answer_is_the_same() {
        let gates = Gates::new(SETTINGS);
        let a = node(2, &[], &[(None, NodeLimits { in_flight: Some(1), ..wide() })]);
        let response = gates.enter(&a).expect("a place").hold(HttpResponse::Ok().body("answer"));
        assert_eq!(response.body().size(), BodySize::Sized(6));
        assert_eq!(gates.enter(&a).err(), Some(Busy::InFlight));
        let octets = actix_web::body::to_bytes(response.into_body()).await.expect("the answer");
        assert_eq!(octets, "answer");
        gates.enter(&a).expect("given back");
    }
}
