//! Steps 1, 2, 4 and 5: what is judged before any library sees the assertion (S-SIG-03).

use std::time::Duration;

use super::{
    refusal::{FaultCode, Reason, Refusal},
    verifier::SignatureMethod,
};
use crate::wire::saml::{AssertionOutline, Received, SignatureOutline};

/// Larger headers are no honest assertion.
const REDUCED_BYTES: usize = 256 << 10;
const ID_MAX: usize = 128;

const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const DIGESTS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];

/// Step 1: the header is built as it must be (S-XUA-01, 02, 04).
pub(super) fn structure(
    received: &Received,
    now: jiff::Timestamp,
    skew: Duration,
) -> Result<&AssertionOutline, Refusal> {
    let header = &*received.header;
    let refuse = |detail| Err(Refusal::new(Reason::Structure, detail));
    if header.blocks != 1 {
        return refuse("more than one Security header");
    }
    let Some(assertion) = &header.assertion else {
        let refusal = Refusal::new(Reason::Structure, "no SAML 2.0 assertion");
        return Err(if header.other_token { refusal.told_as(FaultCode::UnsupportedSecurityToken) } else { refusal });
    };
    if header.other_token {
        let refusal = Refusal::new(Reason::Structure, "a token of another kind");
        return Err(refusal.told_as(FaultCode::UnsupportedSecurityToken));
    }
    if received.assertions != 1 {
        return refuse("more than one assertion in the message");
    }
    if header.reduced_envelope.len() > REDUCED_BYTES {
        return refuse("the assertion is too large");
    }
    for reference in &header.references {
        if !reference.in_message_signature {
            return refuse("a token reference outside a signature");
        }
        if reference.external || reference.assertion_id.as_ref().is_some_and(|id| *id != assertion.id) {
            let refusal = Refusal::new(Reason::Structure, "a token reference that leads nowhere");
            return Err(refusal.told_as(FaultCode::SecurityTokenUnavailable));
        }
    }
    if let Some(timestamp) = header.timestamp {
        let expired = Refusal::new(Reason::Time, "wsu:Timestamp").told_as(FaultCode::MessageExpired);
        if let Some(created) = timestamp.created
            && created.map_err(|()| expired)? > now + skew
        {
            return Err(expired);
        }
        if let Some(expires) = timestamp.expires
            && expires.map_err(|()| expired)? <= now
        {
            return Err(expired);
        }
    }
    Ok(assertion)
}

/// Step 2: version and identifier.
pub(super) fn identifier(received: &Received, assertion: &AssertionOutline) -> Result<(), Refusal> {
    let refuse = |detail| Err(Refusal::new(Reason::Id, detail));
    if &*assertion.version != "2.0" {
        return refuse("version");
    }
    let mut octets = assertion.id.bytes();
    let begins = octets.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let goes_on = octets.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !begins || !goes_on || assertion.id.len() > ID_MAX {
        return refuse("form of the ID");
    }
    if received.id_uses != 1 { refuse("the ID is not unique") } else { Ok(()) }
}

/// Step 4: where the signature stands.
pub(super) fn signature_place(assertion: &AssertionOutline) -> Result<&SignatureOutline, Refusal> {
    match &assertion.signature {
        Some(signature) if assertion.signatures == 1 => Ok(signature),
        _ => Err(Refusal::new(Reason::SignaturePlace, "not exactly one signature after Issuer")),
    }
}

/// Step 5: the allow-list of algorithms and transforms.
pub(super) fn algorithms(assertion_id: &str, signature: &SignatureOutline) -> Result<SignatureMethod, Refusal> {
    let refuse = |detail| Refusal::new(Reason::Algorithm, detail);
    if signature.foreign {
        return Err(refuse("an element that the signature may not have"));
    }
    if &*signature.canonicalization != EXCLUSIVE_C14N {
        return Err(refuse("canonicalisation"));
    }
    let method = SignatureMethod::from_uri(&signature.method).ok_or(refuse("signature method"))?;
    let [reference] = &*signature.references else { return Err(refuse("not exactly one reference")) };
    let target = reference.uri.as_deref().and_then(|uri| uri.strip_prefix('#'));
    if target != Some(assertion_id) {
        return Err(refuse("the reference is not to the assertion"));
    }
    let [enveloped, canonical] = &*reference.transforms else { return Err(refuse("transforms")) };
    if &*enveloped.algorithm != ENVELOPED || enveloped.inclusive_namespaces || &*canonical.algorithm != EXCLUSIVE_C14N {
        return Err(refuse("transforms"));
    }
    if !DIGESTS.contains(&&*reference.digest) {
        return Err(refuse("digest"));
    }
    Ok(method)
}
