//! Peers that were let in, or called, though nobody knows whether their certificates were revoked. Source: S-TLS-13.

use super::{
    Auditor,
    events::{self, Parties},
};
use crate::{
    model::{AuditEvent, Caller, Ids, RequestContext},
    security::tls::{Live, Unchecked},
};

/// Records those of this side that nobody was told of yet. They are accepted already, so a record that cannot be kept changes nothing;
/// the store has told of it, and the next that asks tries again.
pub async fn record_unchecked(auditor: &Auditor, live: &Live, now: jiff::Timestamp) {
    let mut untold = Untold { live, peers: live.take_unchecked() };
    if untold.peers.is_empty() {
        return;
    }
    let ctx = RequestContext::new(Caller::loopback(), now, "".into(), Ids::Random);
    let parties = Parties::own(&ctx, &auditor.settings().source_id);
    let events = untold.peers.iter().map(|peer| event(&parties, peer)).collect();
    if auditor.record(events).await.is_ok() {
        untold.peers.clear();
    }
}

/// Peers that go back when they were not recorded, also where whoever asked goes away meanwhile.
struct Untold<'a> {
    live: &'a Live,
    peers: Vec<Unchecked>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if !self.peers.is_empty() {
            self.live.give_back_unchecked(std::mem::take(&mut self.peers));
        }
    }
}

fn event(parties: &Parties<'_>, peer: &Unchecked) -> AuditEvent {
    let code = format!("TLS-{}", peer.reason.as_str().to_ascii_uppercase().replace('_', "-"));
    let text = format!("accepted, and whether its certificate was revoked is not known: {}", peer.reason);
    events::node_not_checked(parties, &peer.subject, peer.address.ip(), &code, &text)
}
