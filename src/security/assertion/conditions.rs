//! Steps 8 to 11: time, audience, authentication, confirmation. All from signed octets.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Presentation,
    keys::spki_of_certificate,
    refusal::{FaultCode, Reason, Refusal},
    settings::AssertionSettings,
};
use crate::{
    model::NodeRole,
    wire::saml::{Assertion, Confirmation},
};

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";

/// Step 8.
pub(super) fn times(
    assertion: &Assertion,
    presentation: &Presentation<'_>,
    settings: &AssertionSettings,
) -> Result<(), Refusal> {
    let refuse = |detail| Err(Refusal::new(Reason::Time, detail));
    let (now, skew) = (presentation.now, settings.skew);
    let (Some(issued), Some(end)) = (assertion.issue_instant, assertion.not_on_or_after) else {
        return refuse("no IssueInstant or no NotOnOrAfter");
    };
    let start = assertion.not_before.unwrap_or(issued);
    if start > now + skew || issued > now + skew {
        return refuse("not yet valid");
    }
    if end <= now - skew {
        return Err(Refusal::new(Reason::Time, "expired").told_as(FaultCode::MessageExpired));
    }
    let from_gateway = presentation.node.has_role(NodeRole::InitiatingGateway);
    let longest = if from_gateway { settings.gateway_lifetime } else { settings.max_lifetime };
    let life = Duration::try_from(end.duration_since(start.min(issued))).unwrap_or_default();
    if life > longest { refuse("lives too long") } else { Ok(()) }
}

/// Step 9: each restriction holds if one of its audiences means us. Source: SAML 2.0 erratum E46.
pub(super) fn audience(assertion: &Assertion, settings: &AssertionSettings) -> Result<(), Refusal> {
    let ours = |audiences: &Vec<Box<str>>| audiences.iter().any(|audience| settings.audiences.contains(audience));
    match !assertion.audiences.is_empty() && assertion.audiences.iter().all(ours) {
        true => Ok(()),
        false => Err(Refusal::new(Reason::Audience, "not for us")),
    }
}

/// Step 10; the class or declaration that counts.
pub(super) fn authentication<'a>(
    assertion: &'a Assertion,
    presentation: &Presentation<'_>,
    settings: &AssertionSettings,
) -> Result<&'a str, Refusal> {
    let (now, skew) = (presentation.now, settings.skew);
    let valid = assertion.authentications.iter().filter(|statement| {
        statement.instant.is_some_and(|instant| instant <= now + skew)
            && statement.session_end.is_none_or(|end| end > now - skew)
    });
    let mut contexts = valid.flat_map(|statement| statement.contexts.iter().map(|context| &**context));
    let accepted = contexts.find(|context| settings.authn_contexts.contains(*context));
    accepted.ok_or(Refusal::new(Reason::Authentication, "no accepted authentication"))
}

/// Step 11: one confirmation must succeed.
pub(super) fn confirmation(
    assertion: &Assertion,
    presentation: &Presentation<'_>,
    settings: &AssertionSettings,
) -> Result<(), Refusal> {
    let holds = |confirmation: &Confirmation| {
        let known = match &*confirmation.method {
            BEARER => true,
            HOLDER_OF_KEY => holds_key(confirmation, presentation),
            _ => false,
        };
        known && data_holds(confirmation, presentation, settings)
    };
    match assertion.confirmations.iter().any(holds) {
        true => Ok(()),
        false => Err(Refusal::new(Reason::Confirmation, "no confirmation succeeds")),
    }
}

fn data_holds(confirmation: &Confirmation, presentation: &Presentation<'_>, settings: &AssertionSettings) -> bool {
    let (now, skew): (Timestamp, Duration) = (presentation.now, settings.skew);
    let ours = |recipient: &str| settings.recipients.contains(recipient) || settings.audiences.contains(recipient);
    let same_address = |text: &str| match (text.parse::<std::net::IpAddr>(), presentation.address) {
        (Ok(named), Some(peer)) => named.to_canonical() == peer.to_canonical(),
        _ => false,
    };
    confirmation.not_before.is_none_or(|start| start <= now + skew)
        && confirmation.not_on_or_after.is_none_or(|end| end > now - skew)
        && confirmation.recipient.as_deref().is_none_or(ours)
        && confirmation.address.as_deref().is_none_or(same_address)
}

fn holds_key(confirmation: &Confirmation, presentation: &Presentation<'_>) -> bool {
    let Some(client_key) = presentation.client_key else { return false };
    confirmation.certificates.iter().filter_map(|der| spki_of_certificate(der)).any(|key| key == client_key)
}
