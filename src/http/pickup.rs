//! The page on which an addressee with a link and a code fetches a package.
//!
//! A listener of its own (8444) with a context of its own: no certificate is asked for, and one of a node opens nothing here. No
//! script, no outside reference; forms and links work in any browser. Addresses hold a random id and nothing else.
//!
//! Source: spec security S-TLS-30 to S-TLS-34; spec xdm §6 (R-32-31).

mod door;
mod handler;
mod page;
mod serve;
mod words;

use std::{
    net::{IpAddr, Ipv6Addr, TcpListener},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::DefaultClock, state::keyed::HashMapStateStore};
use jiff::Timestamp;

pub(super) use serve::server;

use super::TlsLimits;
use crate::{security::tls::Live, service::pickup::Pickup};

/// What stands behind the page.
pub struct PickupPage {
    pickup: Pickup,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    rate: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
}

/// Addresses that are remembered before those that have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

impl PickupPage {
    /// A page over these packages. One address may ask so often in a minute.
    pub fn new(
        pickup: Pickup,
        requests_per_minute: NonZeroU32,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let rate = RateLimiter::hashmap(Quota::per_minute(requests_per_minute));
        Self { pickup, clock: Box::new(clock), rate }
    }

    /// Whether one more request of this address is answered. Addresses of one IPv6 network count as one.
    fn admits(&self, address: IpAddr) -> bool {
        if self.rate.len() > REMEMBERED {
            self.rate.retain_recent();
        }
        let counted = match address {
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
            other => other,
        };
        self.rate.check_key(&counted).is_ok()
    }
}

/// The listener of the page.
pub struct PickupListener {
    /// Its socket.
    pub listener: TcpListener,
    /// Its certificate.
    pub tls: Arc<Live>,
    /// What one address may have open.
    pub limits: TlsLimits,
    /// How long a request's head may take.
    pub headers_timeout: Duration,
    /// How long an answer may stand still.
    pub stall_timeout: Duration,
    /// What it serves.
    pub page: Arc<PickupPage>,
}
