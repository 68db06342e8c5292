//! What is in force, as digests: a change can be told without what was changed.
//!
//! Source: S-TLS-19; spec security §2.6 (changed keys, old and new hash, no secrets).

use openssl::{sha::Sha256, x509::X509};

use super::Trust;

/// SHA-256 of our certificates, of those that are trusted, and of the revocation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    own: [u8; 32],
    trusted: [u8; 32],
    revocations: [u8; 32],
}

impl InForce {
    pub(super) fn new(own: &[X509], trust: &Trust) -> Self {
        let (mut trusted, mut revocations) = (Sha256::new(), Sha256::new());
        for anchor in &trust.anchors {
            trusted.update(anchor.name.as_bytes());
            trusted.update(&of_chain(&anchor.certificates));
            for crl in anchor.revocation.iter().flat_map(|revocation| &revocation.crls) {
                revocations.update(&crl.digest());
            }
        }
        trust.pins.iter().for_each(|pin| trusted.update(pin));
        Self { own: of_chain(own), trusted: trusted.finish(), revocations: revocations.finish() }
    }

    /// What became another since then, with the beginnings of both digests; nothing where all is the same.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let parts = [
            ("certificate of this side", before.own, self.own),
            ("trust", before.trusted, self.trusted),
            ("revocation lists", before.revocations, self.revocations),
        ];
        let differing = parts.into_iter().filter(|(_, before, now)| before != now);
        differing
            .map(|(what, before, now)| format!("{what} ({} before, {} now)", short(&before), short(&now)))
            .collect()
    }
}

fn of_chain(chain: &[X509]) -> [u8; 32] {
    let mut all = Sha256::new();
    chain.iter().filter_map(|certificate| certificate.to_der().ok()).for_each(|der| all.update(&der));
    all.finish()
}

/// The first sixteen digits.
fn short(digest: &[u8; 32]) -> String {
    digest.iter().take(8).map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_tls_19_a_change_is_told_by_its_digests() {
        let before = InForce { own: [1; 32], trusted: [2; 32], revocations: [3; 32] };
        assert!(before.changes_since(&before).is_empty());
        let now = InForce { own: [1; 32], trusted: [4; 32], revocations: [5; 32] };
        let expected = [
            "trust (0202020202020202 before, 0404040404040404 now)",
            "revocation lists (0303030303030303 before, 0505050505050505 now)",
        ];
        assert_eq!(now.changes_since(&before), expected);
    }
}
