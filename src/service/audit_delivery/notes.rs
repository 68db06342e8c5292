//! What the sender writes into the trail about itself. Source: S-AUD-54.

use super::Shared;
use crate::{
    model::{Caller, Ids, RequestContext},
    service::audit::events::{Parties, recording_started, recording_stopped},
};

/// What became of sending to a destination.
pub(super) enum Note {
    /// This process begins to send.
    Started,
    /// This process stops sending.
    Stopped,
    /// A destination that was lost gets again what waited for it.
    GapRepaired {
        /// How long it was lost, milliseconds.
        away_ms: i64,
    },
}

impl Shared {
    /// Writes a note into the trail. Where that fails the trail itself is in trouble, of which others tell.
    pub(super) async fn note(&self, destination: &str, note: Note) {
        let now = jiff::Timestamp::from_millisecond((self.clock)()).unwrap_or_default();
        let ctx = RequestContext::new(Caller::loopback(), now, "".into(), Ids::Random);
        let parties = Parties::own(&ctx, &self.auditor.settings().source_id);
        let event = match note {
            Note::Started => recording_started(&parties, destination, "sending began"),
            Note::Stopped => recording_stopped(&parties, destination, "sending stopped"),
            Note::GapRepaired { away_ms } => {
                let text = format!("sending goes on after a gap of {} s", away_ms / 1000);
                recording_started(&parties, destination, &text)
            }
        };
        if let Err(problem) = self.auditor.record(vec![event]).await {
            tracing::warn!(destination, %problem, "what became of audit delivery could not be recorded");
        }
    }
}
