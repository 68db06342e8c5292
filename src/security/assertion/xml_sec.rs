//! [`AssertionVerifier`] by the crate `xml-sec`, verification only.
//!
//! Source: spec security §6.

use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::{bn::BigNum, ecdsa::EcdsaSig, error::ErrorStack, hash::MessageDigest, sign::Verifier};
use xml_sec::{
    XmlDocument,
    policy::{PolicyCompileContext, PolicyCompiler, PolicyProfile, PolicyViolation, VerificationPolicy},
    provider::RustCryptoProvider,
    xmldsig::{
        DsigError, DsigStatus, SignatureAlgorithm, SignatureRequirement, VerificationRequest, VerifyContext,
        VerifyingKey,
    },
};

use super::{
    keys::{KeyKind, TrustedKey},
    verifier::{AssertionVerifier, Candidate, SignatureMethod, SignedAssertion, VerifyError},
};

const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// The library with its policy, compiled once: profile `Modern`, no external resources, no KeyInfo.
pub struct XmlSecVerifier {
    policy: VerificationPolicy,
}

impl XmlSecVerifier {
    /// Compiles the policy.
    ///
    /// # Errors
    /// When the library refuses its own profile.
    pub fn new() -> Result<Self, PolicyViolation> {
        let context = PolicyCompileContext { external_resources: false, target_evidence: true };
        let compiled = PolicyCompiler::new(PolicyProfile::Modern, &RustCryptoProvider, None)?.compile(&context)?;
        let disabled = PolicyViolation::Configuration { reason: "verification is off" };
        Ok(Self { policy: compiled.verification().cloned().ok_or(disabled)? })
    }
}

impl AssertionVerifier for XmlSecVerifier {
    fn verify(&self, candidate: &Candidate<'_>, keys: &[&TrustedKey]) -> Result<SignedAssertion, VerifyError> {
        let document = XmlDocument::parse_with_policy(candidate.reduced_envelope, &self.policy)
            .map_err(|_| VerifyError::Refused)?;
        // By its place, then by its ID: an ID alone would be the sender's choice of node.
        let (placed, target) = document.with_view(|view| {
            let mut node = view.document().root_element();
            for _ in ["Header", "Security", "Assertion"] {
                match node.children().find(|child| child.is_element()) {
                    Some(child) => node = child,
                    None => return (false, None),
                }
            }
            let placed = node.has_tag_name((SAML2, "Assertion")) && node.attribute("ID") == Some(candidate.id);
            (placed, view.node_for_id(candidate.id, &[]))
        });
        let target = target.filter(|_| placed).ok_or(VerifyError::Elsewhere)?;
        let signers = Signers { method: candidate.method, keys, signer: AtomicUsize::new(usize::MAX) };
        let context = VerifyContext::new()
            .policy(self.policy.clone())
            .provider(&RustCryptoProvider)
            .store_pre_digest(true)
            .key(&signers);
        let request = VerificationRequest {
            expected_targets: &[target],
            signatures: SignatureRequirement::Exactly(1),
            ..VerificationRequest::default()
        };
        let evidence = context.verify_request(&document, &request).map_err(|_| VerifyError::Refused)?;
        let Some(Ok(result)) = evidence.signatures().first().map(|signature| signature.result()) else {
            return Err(VerifyError::Refused);
        };
        if result.status != DsigStatus::Valid {
            return Err(VerifyError::NotVerified);
        }
        if !evidence.accepted(&document).unwrap_or(false) {
            return Err(VerifyError::Elsewhere);
        }
        let signer = keys.get(signers.signer.into_inner()).ok_or(VerifyError::NotVerified)?;
        match &*result.signed_info_references {
            [reference] => match &reference.pre_digest_data {
                Some(octets) => {
                    Ok(SignedAssertion { canonical_bytes: octets.clone(), id: candidate.id.into(), key_id: signer.id })
                }
                None => Err(VerifyError::Refused),
            },
            _ => Err(VerifyError::Elsewhere),
        }
    }
}

/// All keys of an issuer as one: a signature is good when one of them made it. OpenSSL does the arithmetic, some ten times as
/// fast as the library would.
struct Signers<'a> {
    method: SignatureMethod,
    keys: &'a [&'a TrustedKey],
    /// Index of the key that made it.
    signer: AtomicUsize,
}

impl VerifyingKey for Signers<'_> {
    fn verify(&self, named: SignatureAlgorithm, signed: &[u8], signature: &[u8]) -> Result<bool, DsigError> {
        if named != algorithm(self.method) {
            return Ok(false);
        }
        let made_it = |key: &&TrustedKey| made_by(key, self.method, signed, signature).unwrap_or(false);
        match self.keys.iter().position(made_it) {
            Some(signer) => {
                self.signer.store(signer, Ordering::Relaxed);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

fn made_by(key: &TrustedKey, method: SignatureMethod, signed: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    if key.kind != method.key_kind() {
        return Ok(false);
    }
    let digest = match method {
        SignatureMethod::RsaSha256 | SignatureMethod::EcdsaSha256 => MessageDigest::sha256(),
        SignatureMethod::RsaSha384 | SignatureMethod::EcdsaSha384 => MessageDigest::sha384(),
        SignatureMethod::RsaSha512 => MessageDigest::sha512(),
    };
    let mut verifier = Verifier::new(digest, &key.key)?;
    match key.kind {
        KeyKind::Rsa => verifier.verify_oneshot(signature, signed),
        KeyKind::Ec => {
            // XML-DSig writes r and s side by side, each as long as the field (RFC 4050 §3.3).
            let field = usize::try_from(key.key.ec_key()?.group().degree().div_ceil(8)).unwrap_or_default();
            if signature.len() != 2 * field {
                return Ok(false);
            }
            let (r, s) = signature.split_at(field);
            let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
            verifier.verify_oneshot(&signature.to_der()?, signed)
        }
    }
}

fn algorithm(method: SignatureMethod) -> SignatureAlgorithm {
    match method {
        SignatureMethod::RsaSha256 => SignatureAlgorithm::RsaSha256,
        SignatureMethod::RsaSha384 => SignatureAlgorithm::RsaSha384,
        SignatureMethod::RsaSha512 => SignatureAlgorithm::RsaSha512,
        SignatureMethod::EcdsaSha256 => SignatureAlgorithm::EcdsaSha256,
        SignatureMethod::EcdsaSha384 => SignatureAlgorithm::EcdsaSha384,
    }
}
