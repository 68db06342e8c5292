//! The second library behind the same trait (S-SIG-07). Not in the program: it stands against the first in tests.

use bergshamra::{
    DsigContext, KeysManager, VerifyResult,
    c14n::{C14nMode, canonicalize_doc},
    dsig::verify::verify_document,
    keys::loader::load_spki_der,
    xml::{NodeSet, XmlDocument, uppsala},
};
use knoop::security::assertion::{AssertionVerifier, Candidate, SignedAssertion, TrustedKey, VerifyError};

use crate::kit::SAML2;

/// Verification by `bergshamra`.
pub struct Bergshamra;

impl AssertionVerifier for Bergshamra {
    fn verify(&self, candidate: &Candidate<'_>, keys: &[&TrustedKey]) -> Result<SignedAssertion, VerifyError> {
        let document = uppsala::parse(candidate.reduced_envelope).map_err(|_| VerifyError::Refused)?;
        let [assertion] = XmlDocument::find_elements(&document, SAML2, "Assertion")[..] else {
            return Err(VerifyError::Elsewhere);
        };
        let mut outcome = VerifyError::NotVerified;
        for key in keys.iter().filter(|key| key.kind == candidate.method.key_kind()) {
            let mut manager = KeysManager::new();
            manager.add_key(load_spki_der(&key.key.public_key_to_der().unwrap()).map_err(|_| VerifyError::Refused)?);
            let context = DsigContext::new(manager);
            match verify_document(&context, &document) {
                Ok(VerifyResult::Valid { signature_node, references, .. }) => {
                    if references.len() != 1 || references[0].resolved_node != Some(assertion) {
                        return Err(VerifyError::Elsewhere);
                    }
                    let signature = NodeSet::tree_with_comments(signature_node, &document);
                    let signed = NodeSet::tree_without_comments(assertion, &document).subtract(&signature);
                    let prefixes = prefix_list(candidate.reduced_envelope);
                    let canonical_bytes = canonicalize_doc(&document, C14nMode::Exclusive, Some(&signed), &prefixes)
                        .map_err(|_| VerifyError::Refused)?;
                    return Ok(SignedAssertion { canonical_bytes, id: candidate.id.into(), key_id: key.id });
                }
                Ok(VerifyResult::Invalid { .. }) => {}
                Err(_) => outcome = VerifyError::Refused,
            }
        }
        Err(outcome)
    }
}

/// The prefixes that the reference's canonicalisation takes inclusively.
fn prefix_list(text: &str) -> Vec<String> {
    let transforms = text.split("Transforms>").nth(1).unwrap_or_default();
    let list = transforms.split("PrefixList=").nth(1).and_then(|rest| rest.get(1..)?.split(['"', '\'']).next());
    list.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}
