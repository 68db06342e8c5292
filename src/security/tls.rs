//! Mutual TLS: what is offered, whom to trust, and why not.

mod context;
mod crl;
mod der;
mod identity;
mod in_force;
mod judge;
mod live;
mod name;
mod peer;
mod reason;
mod settings;
#[cfg(test)]
mod tests;
mod trust;
mod verify;

pub use crl::Crl;
pub use identity::Identity;
pub use in_force::InForce;
pub use judge::{Accepted, Role, judge};
pub use live::{Generation, Handshake, Live, Side, Stamp, Unchecked, stamps};
pub use name::ServerName;
pub use peer::PeerCertificate;
pub use reason::Reason;
pub use settings::{AnchorSettings, Minimum, Profile, RevocationSettings, TlsError, TlsSettings, TrustSettings};
pub use trust::{Anchor, Revocation, Trust, certificates_of_holder};
