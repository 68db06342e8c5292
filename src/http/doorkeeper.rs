//! How much one address may have open. Source: S-IN-01.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Bounds of the listener with TLS.
#[derive(Clone, Copy, Debug)]
pub struct TlsLimits {
    /// Time for a handshake.
    pub handshake_timeout: Duration,
    /// Handshakes of one address that are under way.
    pub handshakes_per_address: usize,
    /// Connections of one address.
    pub connections_per_address: usize,
}

/// Counts connections by address.
pub(super) struct Doorkeeper {
    limits: TlsLimits,
    open: Mutex<HashMap<IpAddr, Open>>,
}

#[derive(Clone, Copy, Default)]
struct Open {
    handshakes: usize,
    connections: usize,
}

/// A connection that is counted until this goes.
pub(super) struct Place {
    keeper: Arc<Doorkeeper>,
    address: IpAddr,
    in_handshake: bool,
}

impl Doorkeeper {
    pub(super) fn new(limits: TlsLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection of this address, if there is one.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = counted(address);
        let mut all = self.open();
        let open = all.entry(address).or_default();
        let room = open.handshakes < self.limits.handshakes_per_address
            && open.connections < self.limits.connections_per_address;
        if !room {
            return None;
        }
        open.handshakes += 1;
        open.connections += 1;
        Some(Place { keeper: Arc::clone(self), address, in_handshake: true })
    }
}

impl Place {
    /// The handshake is over.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.in_handshake)
            && let Some(open) = self.keeper.open().get_mut(&self.address)
        {
            open.handshakes = open.handshakes.saturating_sub(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.settle();
        let mut all = self.keeper.open();
        if let Some(open) = all.get_mut(&self.address) {
            open.connections = open.connections.saturating_sub(1);
            if open.connections == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// Whoever has one address of IPv6 has its whole /64.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper() -> Arc<Doorkeeper> {
        let limits = TlsLimits {
            handshake_timeout: Duration::from_secs(10),
            handshakes_per_address: 2,
            connections_per_address: 3,
        };
        Arc::new(Doorkeeper::new(limits))
    }

    #[test]
    fn s_in_01_handshakes_and_connections_of_an_address_are_bounded() {
        let (keeper, one) = (keeper(), IpAddr::from([192, 0, 2, 1]));
        let mut first = keeper.enter(one).unwrap();
        let second = keeper.enter(one).unwrap();
        assert!(keeper.enter(one).is_none(), "two handshakes are under way");
        first.settle();
        let third = keeper.enter(one).unwrap();
        drop((second, third));
        let mut more: Vec<_> = (0..2).map(|_| keeper.enter(one).unwrap()).collect();
        more.iter_mut().for_each(Place::settle);
        assert!(keeper.enter(one).is_none(), "three connections are open");
        assert!(keeper.enter([192, 0, 2, 2].into()).is_some(), "another address has its own count");
        drop((first, more));
        assert!(keeper.open().is_empty());
    }

    #[test]
    fn s_in_01_addresses_of_one_network_count_as_one() {
        let same = |a: &str, b: &str| counted(a.parse().unwrap()) == counted(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
