//! User assertions: the order in which they are judged, and what is left of a good one.
//!
//! Steps 1 to 11 of the order need no I/O and stand in [`verify`]; step 12 (replay) belongs to `service`, which then asks
//! [`claims()`] for steps 13 and 15, and compares patients itself (step 14). What is believed is read only from the octets
//! that a signature was found to cover; the library that finds it stands behind [`AssertionVerifier`]. There is no code
//! here, or anywhere in the program, that signs (S-SIG-08).
//!
//! Source: ITI TF-2 §3.40; spec security §3.3, §6.3.

mod claims;
mod conditions;
mod keys;
mod outline;
mod refusal;
mod remembered;
mod settings;
mod verifier;
mod xml_sec;

use std::net::IpAddr;

use jiff::Timestamp;

pub use crate::wire::saml::Received;
pub use claims::{claims, plain_oid, speaks_for_communities};
pub use keys::{Authority, KeyError, KeyKind, TrustedKey};
pub use refusal::{FaultCode, Reason, Refusal};
pub use remembered::Remembered;
pub use settings::{AssertionSettings, Issuer};
pub use verifier::{AssertionVerifier, Candidate, SignatureMethod, SignedAssertion, VerifyError};
pub use xml_sec::XmlSecVerifier;

use crate::{
    model::{AttributeProfile, Node},
    wire::saml::Assertion,
};

/// What is known of a request beside its assertion.
#[derive(Clone, Copy)]
pub struct Presentation<'a> {
    /// When it arrived.
    pub now: Timestamp,
    /// The node that brought it.
    pub node: &'a Node,
    /// `ITI-18` and the like.
    pub transaction: &'a str,
    /// Where the connection comes from.
    pub address: Option<IpAddr>,
    /// SubjectPublicKeyInfo (DER) of the TLS client certificate.
    pub client_key: Option<&'a [u8]>,
    /// The attributes that this partner's assertions must have.
    pub profile: AttributeProfile,
}

/// An assertion that passed steps 1 to 11.
pub struct Verified {
    assertion: Assertion,
    signed: SignedAssertion,
    assurance: Box<str>,
}

impl Verified {
    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.assertion.issuer
    }

    /// Its ID.
    pub fn id(&self) -> &str {
        &self.assertion.id
    }

    /// SHA-256 of what was signed.
    pub fn digest(&self) -> [u8; 32] {
        self.signed.digest()
    }

    /// Whether it may be used once only.
    pub fn one_time_use(&self) -> bool {
        self.assertion.one_time_use
    }

    /// When it ends.
    pub fn not_on_or_after(&self) -> Timestamp {
        self.assertion.not_on_or_after.unwrap_or(Timestamp::MIN)
    }

    /// When it was made.
    pub fn issue_instant(&self) -> Timestamp {
        self.assertion.issue_instant.unwrap_or(Timestamp::MIN)
    }
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verified")
    }
}

/// Steps 1 to 11. Takes up to some milliseconds of computing: not for the threads that serve sockets.
///
/// # Errors
/// With the first step that fails.
pub fn verify(
    received: &Received,
    presentation: &Presentation<'_>,
    settings: &AssertionSettings,
    verifier: &dyn AssertionVerifier,
) -> Result<Verified, Refusal> {
    let now = presentation.now;
    let outline = outline::structure(received, now, settings.skew)?; // 1
    outline::identifier(received, outline)?; // 2
    let issuer = issuer(outline.issuer.as_deref(), presentation.node, settings)?; // 3
    let signature = outline::signature_place(outline)?; // 4
    let method = outline::algorithms(&outline.id, signature)?; // 5
    let candidate = Candidate { reduced_envelope: &received.header.reduced_envelope, id: &outline.id, method };
    let chained = issuer.authority_key(&signature.certificates, now);
    let keys: Vec<&TrustedKey> =
        issuer.keys.iter().filter(|key| key.is_valid_at(now)).chain(chained.as_ref()).collect();
    let signed = verifier.verify(&candidate, &keys).map_err(|error| match error {
        VerifyError::NotVerified => Refusal::new(Reason::Signature, "no key verifies it"),
        VerifyError::Refused => Refusal::new(Reason::Signature, "the library refuses it"),
        VerifyError::Elsewhere => Refusal::new(Reason::Wrapped, "the signature covers something else"),
    })?; // 6
    let assertion = Assertion::from_signed(&signed.canonical_bytes)
        .map_err(|_| Refusal::new(Reason::Wrapped, "what was signed is no assertion"))?;
    let same = signed.id == outline.id && assertion.id == outline.id && *assertion.issuer == *issuer.entity_id;
    if !same {
        return Err(Refusal::new(Reason::Wrapped, "what was signed is another assertion")); // 7
    }
    conditions::times(&assertion, presentation, settings)?; // 8
    conditions::audience(&assertion, settings)?; // 9
    let assurance = conditions::authentication(&assertion, presentation, settings)?.into(); // 10
    conditions::confirmation(&assertion, presentation, settings)?; // 11
    Ok(Verified { assertion, signed, assurance })
}

/// Step 3: an issuer that is known, and that this node may bring.
fn issuer<'a>(claimed: Option<&str>, node: &Node, settings: &'a AssertionSettings) -> Result<&'a Issuer, Refusal> {
    let refuse = |detail| Refusal::new(Reason::Issuer, detail);
    let claimed = claimed.ok_or(refuse("no issuer"))?;
    let known = settings.issuers.iter().find(|issuer| *issuer.entity_id == *claimed);
    let known = known.ok_or(refuse("the issuer is not configured"))?;
    match node.issuers.iter().any(|issuer| **issuer == *claimed) {
        true => Ok(known),
        false => Err(refuse("the node may not bring this issuer's assertions")),
    }
}

/// What a refused request claimed of its user; proven by nothing, for the record only.
pub fn claimed_subject(received: &Received) -> Option<(&str, &str)> {
    let outline = received.header.assertion.as_ref()?;
    Some((outline.issuer.as_deref().unwrap_or_default(), &outline.claimed_subject))
}
