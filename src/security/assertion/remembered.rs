//! Signatures that were found to hold, so that an assertion that serves several requests is verified once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use openssl::sha::Sha256;

use super::{
    keys::TrustedKey,
    verifier::{AssertionVerifier, Candidate, SignedAssertion, VerifyError},
};

/// As many are remembered at least, twice as many at most. Only what a trusted token service signed gets here.
const AT_LEAST: usize = 512;

/// A verifier that remembers what held, by the octets as they were received and the keys that were good at the time. Time,
/// audience, replay and everything else is judged anew for each request.
pub struct Remembered<V> {
    verifier: V,
    known: Mutex<Generations>,
}

type Signatures = HashMap<[u8; 32], SignedAssertion>;

#[derive(Default)]
struct Generations {
    young: Signatures,
    old: Signatures,
}

impl<V> Remembered<V> {
    /// Remembers what this verifier finds.
    pub fn new(verifier: V) -> Self {
        Self { verifier, known: Mutex::default() }
    }
}

impl<V: AssertionVerifier> AssertionVerifier for Remembered<V> {
    fn verify(&self, candidate: &Candidate<'_>, keys: &[&TrustedKey]) -> Result<SignedAssertion, VerifyError> {
        let place = place(candidate, keys);
        let locked = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = locked().find(&place);
        if let Some(signed) = known {
            return Ok(signed);
        }
        let signed = self.verifier.verify(candidate, keys)?;
        locked().keep(place, signed.clone());
        Ok(signed)
    }
}

impl Generations {
    fn find(&mut self, place: &[u8; 32]) -> Option<SignedAssertion> {
        if let Some(signed) = self.young.get(place) {
            return Some(signed.clone());
        }
        let signed = self.old.remove(place)?;
        self.keep(*place, signed.clone());
        Some(signed)
    }

    fn keep(&mut self, place: [u8; 32], signed: SignedAssertion) {
        if self.young.len() >= AT_LEAST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(place, signed);
    }
}

fn place(candidate: &Candidate<'_>, keys: &[&TrustedKey]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in [candidate.reduced_envelope, candidate.id] {
        sha.update(&(part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    keys.iter().for_each(|key| sha.update(&key.id));
    sha.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::security::assertion::SignatureMethod;

    #[derive(Default)]
    struct Counting {
        asked: AtomicUsize,
    }

    impl AssertionVerifier for &Counting {
        fn verify(&self, candidate: &Candidate<'_>, _: &[&TrustedKey]) -> Result<SignedAssertion, VerifyError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            match candidate.id {
                "bad" => Err(VerifyError::NotVerified),
                id => Ok(SignedAssertion { canonical_bytes: Vec::new(), id: id.into(), key_id: [0; 32] }),
            }
        }
    }

    fn key() -> TrustedKey {
        let key = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
        TrustedKey::all_from_pem(&key.public_key_to_pem().unwrap()).unwrap().remove(0)
    }

    #[test]
    fn what_held_is_asked_once_for_the_same_octets_and_keys_and_what_failed_always() {
        let (counting, one, other) = (Counting::default(), key(), key());
        let remembered = Remembered::new(&counting);
        let ask = |text, id, keys: &[&TrustedKey]| {
            let candidate = Candidate { reduced_envelope: text, id, method: SignatureMethod::RsaSha256 };
            let good = remembered.verify(&candidate, keys).is_ok();
            (good, counting.asked.load(Ordering::Relaxed))
        };
        assert_eq!(ask("a", "1", &[&one]), (true, 1));
        assert_eq!(ask("a", "1", &[&one]), (true, 1));
        assert_eq!(ask("a ", "1", &[&one]), (true, 2), "other octets");
        assert_eq!(ask("a", "1", &[&other]), (true, 3), "another key: the one before was taken away");
        assert_eq!(ask("a", "1", &[]), (true, 4));
        assert_eq!(ask("a", "bad", &[&one]), (false, 5));
        assert_eq!(ask("a", "bad", &[&one]), (false, 6));
    }

    #[test]
    fn there_is_a_bound() {
        let mut generations = Generations::default();
        let signed = SignedAssertion { canonical_bytes: Vec::new(), id: "1".into(), key_id: [0; 32] };
        for n in 0..5000_u32 {
            let mut place = [0; 32];
            place[..4].copy_from_slice(&n.to_be_bytes());
            generations.keep(place, signed.clone());
            assert!(generations.find(&place).is_some());
        }
        assert!(generations.young.len() + generations.old.len() <= 2 * AT_LEAST);
    }
}
