//! Certificate revocation lists.
//!
//! Source: S-TLS-13; RFC 5280 §5.

use std::path::Path;

use jiff::Timestamp;
use openssl::x509::{CrlStatus, X509Crl, X509KeyUsage, X509Ref};

use super::{TlsError, der, settings::read};
use crate::security::facts::timestamp;

/// The clock of an authority may be ahead of ours by this much.
const AHEAD_S: i64 = 300;

/// A whole list of one authority.
pub struct Crl {
    list: X509Crl,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next is promised.
    pub next_update: Timestamp,
    /// SHA-256 of the SubjectPublicKeyInfo that its signature was checked with when it was loaded.
    checked_with: Option<[u8; 32]>,
}

impl Crl {
    /// Reads a list, PEM or DER, and checks its signature if its authority is among `authorities`.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub fn parse<'a>(octets: &[u8], authorities: impl IntoIterator<Item = &'a X509Ref>) -> Result<Self, &'static str> {
        let list = match octets.trim_ascii_start().starts_with(b"-----BEGIN") {
            true => X509Crl::from_pem(octets),
            false => X509Crl::from_der(octets),
        };
        let list = list.map_err(|_| "it is no certificate revocation list")?;
        let encoded = list.to_der().map_err(|_| "it cannot be encoded again")?;
        if der::has_critical_extension(&encoded) {
            return Err("it is a partial or indirect list; ask the authority for its full list");
        }
        let this_update = timestamp(list.last_update()).ok_or("its thisUpdate cannot be read")?;
        let next_update = list.next_update().and_then(timestamp).ok_or("it has no nextUpdate")?;
        let mut crl = Self { list, this_update, next_update, checked_with: None };
        let mut named = authorities.into_iter().filter(|authority| crl.is_issued_in_name_of(authority)).peekable();
        if named.peek().is_some() {
            let signer = named.find(|authority| crl.is_signed_by(authority));
            let key = signer.and_then(public_key_sha256).ok_or("its signature is wrong")?;
            crl.checked_with = Some(key);
        }
        Ok(crl)
    }

    pub(super) fn from_file<'a>(
        path: &Path,
        authorities: impl IntoIterator<Item = &'a X509Ref>,
    ) -> Result<Self, TlsError> {
        Self::parse(&read(path)?, authorities).map_err(|why| TlsError::unfit(path, why))
    }

    fn is_issued_in_name_of(&self, authority: &X509Ref) -> bool {
        let same = self.list.issuer_name().try_cmp(authority.subject_name());
        same.is_ok_and(|order| order.is_eq())
    }

    fn is_signed_by(&self, authority: &X509Ref) -> bool {
        authority.public_key().and_then(|key| self.list.verify(&key)).unwrap_or(false)
    }

    /// Whether this authority made it, and it is of the past.
    pub(super) fn is_of(&self, authority: &X509Ref, now: Timestamp) -> bool {
        let may_sign = authority.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        may_sign
            && self.this_update.as_second() <= now.as_second() + AHEAD_S
            && self.is_issued_in_name_of(authority)
            && (self.checked_with.is_some() && self.checked_with == public_key_sha256(authority)
                || self.is_signed_by(authority))
    }

    /// Whether it names this certificate.
    pub(super) fn names(&self, certificate: &X509Ref) -> bool {
        matches!(self.list.get_by_serial(certificate.serial_number()), CrlStatus::Revoked(_))
    }

    /// Whether it is older than its time and `grace_s` seconds more.
    pub fn is_too_old(&self, grace_s: i64, now: Timestamp) -> bool {
        now.as_second() > self.next_update.as_second().saturating_add(grace_s)
    }

    /// SHA-256 of the list.
    pub(super) fn digest(&self) -> [u8; 32] {
        openssl::sha::sha256(&self.list.to_der().unwrap_or_default())
    }

    /// Whether its signature was checked when it was loaded.
    pub fn is_checked(&self) -> bool {
        self.checked_with.is_some()
    }
}

fn public_key_sha256(certificate: &X509Ref) -> Option<[u8; 32]> {
    let key = certificate.public_key().ok()?.public_key_to_der().ok()?;
    Some(openssl::sha::sha256(&key))
}
