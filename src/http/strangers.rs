//! What the audit trail says of those who are not let in.
//!
//! Source: spec security §2.6 (110113 / 110126), S-TLS-16, S-TLS-22.

use std::net::IpAddr;

use super::Endpoint;
use crate::{
    model::{Caller, Ids, RequestContext},
    service::audit::events::{self, NodeFailure, Parties},
};

/// Somebody whose certificate, or what came in its place, was refused.
pub(super) struct Refused<'a> {
    /// Subject of the certificate, if one was shown.
    pub(super) subject: Option<&'a str>,
    /// Where the call came from.
    pub(super) address: Option<IpAddr>,
    /// The certificate is past its time and otherwise in order.
    pub(super) expired: bool,
    /// A word for each reason.
    pub(super) reason: &'static str,
    /// The reason in words of ours.
    pub(super) text: String,
    /// How often the same was not told since it was told last.
    pub(super) repeated: u64,
}

/// Records that a node could not be authenticated. It is refused anyhow, so a record that cannot be kept changes nothing; the
/// store has told of it.
pub(super) async fn record(endpoint: &Endpoint, refused: &Refused<'_>) {
    let ctx = RequestContext::new(Caller::loopback(), endpoint.now(), "".into(), Ids::Random);
    let address = refused.address.map(|address| address.to_string()).unwrap_or_default();
    let text = match refused.repeated {
        0 => refused.text.clone(),
        count => format!("{}; {count} times more since this was told last", refused.text),
    };
    let failure = NodeFailure {
        peer: refused.subject.unwrap_or(&address),
        address: refused.address,
        expired: refused.expired,
        code: &format!("TLS-{}", refused.reason.to_ascii_uppercase().replace('_', "-")),
        text: &text,
    };
    let parties = Parties::own(&ctx, &endpoint.auditor.settings().source_id);
    let _told = endpoint.auditor.record(vec![events::node_authentication_failed(&parties, &failure)]).await;
}
