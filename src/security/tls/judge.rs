//! The policy: whether a chain is acceptable. Pure: no clock, no files, no network.
//!
//! Source: S-TLS-08 to S-TLS-13.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::{
    nid::Nid,
    pkey::Id,
    x509::{X509, X509ExtendedKeyUsage, X509KeyUsage, X509Ref},
};

use super::{
    Reason, ServerName, Trust,
    der::{is_authority, pss_hash},
    trust::Revocation,
};
use crate::security::facts::timestamp;

/// Certificates between a peer and its anchor. Source: S-TLS-11.
const INTERMEDIATES_MAX: usize = 6;
const RSA_BITS_MIN: u32 = 2048;
/// Longer ones only cost time.
const RSA_BITS_MAX: u32 = 16_384;
/// `2.16.840.1.101.3.4.2.{1,2,3}`: SHA-256, SHA-384, SHA-512.
const SHA_2: [&[u8]; 3] = [
    &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
    &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
    &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
];

/// What the peer is in this connection.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// It called us.
    Client,
    /// We called it by this name.
    Server(&'a ServerName),
    /// We called it, and only pinned certificates are taken.
    PinnedServer,
    /// It signed something, and was not met.
    Signer,
    /// It signs mail, or mail is encrypted for it.
    Correspondent,
}

/// How a certificate was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The authority behind it; `None` where it is pinned.
    pub anchor: Option<Arc<str>>,
    /// Why nobody knows whether it was revoked, where the authority's setting is to go on all the same.
    pub unchecked: Option<Reason>,
}

/// Judges a chain that OpenSSL built, from the peer's certificate to an anchor of `trust`.
///
/// # Errors
/// Why it is refused.
pub fn judge(chain: &[X509], trust: &Trust, role: Role<'_>, now: Timestamp) -> Result<Accepted, Reason> {
    leaf(chain.first().ok_or(Reason::NoCertificate)?, role, now)?;
    path(chain, trust, now)
}

/// What holds for the certificate of a peer whether it is pinned or has an authority behind it.
pub(super) fn leaf(certificate: &X509Ref, role: Role<'_>, now: Timestamp) -> Result<(), Reason> {
    let (from, until) = validity(certificate)?;
    if now < from {
        return Err(Reason::NotYetValid);
    }
    if now > until {
        return Err(Reason::Expired);
    }
    strong_key(certificate)?;
    let wanted = match role {
        Role::Client => X509ExtendedKeyUsage::SSL_CLIENT,
        Role::Server(_) | Role::PinnedServer => X509ExtendedKeyUsage::SSL_SERVER,
        Role::Signer => return Ok(()),
        Role::Correspondent => X509ExtendedKeyUsage::SMIME,
    };
    let allowed = |usage: X509ExtendedKeyUsage| usage.intersects(wanted | X509ExtendedKeyUsage::ANYEKU);
    if !certificate.extended_key_usage().is_none_or(allowed) {
        return Err(Reason::WrongPurpose);
    }
    match role {
        Role::Server(name) if !name.is_named_by(certificate) => Err(Reason::WrongName),
        _ => Ok(()),
    }
}

/// What holds for the chain above it.
pub(super) fn path(chain: &[X509], trust: &Trust, now: Timestamp) -> Result<Accepted, Reason> {
    let anchor = chain.last().and_then(|last| trust.anchor(last)).ok_or(Reason::UnknownAuthority)?;
    if chain.len() > INTERMEDIATES_MAX + 2 {
        return Err(Reason::PathTooLong);
    }
    for authority in chain.iter().skip(1) {
        let (from, until) = validity(authority)?;
        if now < from || now > until {
            return Err(Reason::AuthorityNotValid);
        }
        strong_key(authority)?;
        let der = authority.to_der().map_err(|_| Reason::Unreadable)?;
        let may_issue = authority.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::KEY_CERT_SIGN));
        if !is_authority(&der) || !may_issue {
            return Err(Reason::NotAnAuthority);
        }
    }
    let issued = || chain.iter().zip(chain.iter().skip(1));
    for (certificate, _) in issued() {
        strong_signature(certificate)?;
    }
    let mut unchecked = None;
    if let Some(revocation) = &anchor.revocation {
        for (depth, (certificate, authority)) in issued().enumerate() {
            match revoked(certificate, authority, revocation, now) {
                Err(Reason::Revoked) if depth > 0 => return Err(Reason::AuthorityRevoked),
                Err(reason @ (Reason::NoCrl | Reason::CrlTooOld)) if revocation.soft_fail => unchecked = Some(reason),
                other => other?,
            }
        }
    }
    Ok(Accepted { anchor: Some(Arc::clone(&anchor.name)), unchecked })
}

/// Whether the lists of `authority` say that it revoked the certificate. Source: S-TLS-13.
fn revoked(certificate: &X509Ref, authority: &X509Ref, revocation: &Revocation, now: Timestamp) -> Result<(), Reason> {
    let mut newest: Option<&super::Crl> = None;
    for crl in revocation.crls.iter().filter(|crl| crl.is_of(authority, now)) {
        if newest.is_none_or(|newest| crl.this_update > newest.this_update) {
            newest = Some(crl);
        }
    }
    let newest = newest.ok_or(Reason::NoCrl)?;
    if newest.names(certificate) {
        return Err(Reason::Revoked);
    }
    if newest.is_too_old(revocation.grace_s, now) { Err(Reason::CrlTooOld) } else { Ok(()) }
}

fn validity(certificate: &X509Ref) -> Result<(Timestamp, Timestamp), Reason> {
    timestamp(certificate.not_before()).zip(timestamp(certificate.not_after())).ok_or(Reason::Unreadable)
}

fn strong_key(certificate: &X509Ref) -> Result<(), Reason> {
    let key = certificate.public_key().map_err(|_| Reason::WeakKey)?;
    let strong = match key.id() {
        Id::RSA | Id::RSA_PSS => (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&key.bits()),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
            curve.is_some_and(|curve| [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1].contains(&curve))
        }
        Id::ED25519 => true,
        _ => false,
    };
    if strong { Ok(()) } else { Err(Reason::WeakKey) }
}

fn strong_signature(certificate: &X509Ref) -> Result<(), Reason> {
    let algorithm = certificate.signature_algorithm().object().nid();
    let der = certificate.to_der().map_err(|_| Reason::Unreadable)?;
    let strong = match pss_hash(&der) {
        Some(hash) => hash.is_some_and(|hash| SHA_2.contains(&hash)),
        None => {
            const HASHES: [Nid; 3] = [Nid::SHA256, Nid::SHA384, Nid::SHA512];
            // Ed25519 brings its own hash, SHA-512.
            algorithm.as_raw() == Id::ED25519.as_raw()
                || algorithm.signature_algorithms().is_some_and(|found| HASHES.contains(&found.digest))
        }
    };
    if strong { Ok(()) } else { Err(Reason::WeakSignature) }
}
