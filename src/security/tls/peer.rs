//! The certificate at the other end of a connection.

use std::{
    net::SocketAddr,
    ops::Deref,
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use openssl::x509::X509;

use super::{Accepted, Reason};
use crate::security::facts::Certificate;

/// The certificate of the peer of one connection, accepted by the rules of trust. What the peer may do is decided elsewhere,
/// from what stands here. Source: S-TLS-16.
#[derive(Debug)]
pub struct PeerCertificate {
    certificate: Certificate,
    /// Where the peer calls from, or was called.
    pub address: SocketAddr,
    /// How it was accepted.
    pub accepted: Accepted,
    /// Whether nobody met it on this day before.
    pub first_of_day: bool,
    /// What the peer sent, leaf first, for judging it again.
    pub(super) sent: Vec<X509>,
    /// Encoded when somebody asks.
    public_key: OnceLock<Option<Vec<u8>>>,
    /// Generation of trust, CRLs and nodes that it was judged under.
    pub(super) judged_under: AtomicU64,
    /// When that was, in seconds.
    pub(super) judged_at_s: AtomicI64,
}

impl Deref for PeerCertificate {
    type Target = Certificate;

    fn deref(&self) -> &Certificate {
        &self.certificate
    }
}

impl PeerCertificate {
    /// Its SubjectPublicKeyInfo, DER.
    pub fn public_key(&self) -> Option<&[u8]> {
        let encode = || self.sent.first()?.public_key().ok()?.public_key_to_der().ok();
        self.public_key.get_or_init(encode).as_deref()
    }

    pub(super) fn new(
        sent: Vec<X509>,
        accepted: Accepted,
        address: SocketAddr,
        generation: u64,
        now: Timestamp,
    ) -> Result<Self, Reason> {
        let own = sent.first().ok_or(Reason::NoCertificate)?;
        Ok(Self {
            certificate: Certificate::of(own).map_err(|_| Reason::Unreadable)?,
            address,
            accepted,
            first_of_day: false,
            judged_under: AtomicU64::new(generation),
            judged_at_s: AtomicI64::new(now.as_second()),
            sent,
            public_key: OnceLock::new(),
        })
    }

    /// The generation that it was judged under last.
    pub fn judged_under(&self) -> u64 {
        self.judged_under.load(Ordering::Relaxed)
    }
}
