//! The audit trail: which events are recorded, and that they are durable before anybody is answered.
//!
//! What changes something is recorded in its transaction (`Tx::insert_audit`), everything else with [`Auditor::record`]. A
//! request whose events cannot be kept fails. What an event says stands in [`events`].
//!
//! Source: design section 9 (Audit), spec security §2.

pub mod events;
mod heads;
mod sealer;
mod unchecked;
mod verify;

use std::sync::{Arc, OnceLock};

pub use heads::{Heads, Mark, MarkKind};
pub use sealer::{SealError, Sealer};
pub use unchecked::record_unchecked;
pub use verify::{HeadsFault, HeadsState, VerifyError, verify, verify_heads};

use super::clock::{ClockLevel, ClockWatch};
use crate::{
    model::{AuditEvent, RequestContext},
    store::{Store, StoreError},
};

/// What the audit may be told by configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Whether anything is recorded; off for measurements only.
    pub record: bool,
    /// Name of this node, AuditSourceID; also the UserID where it is the caller.
    pub source_id: Arc<str>,
    /// Record both sides where the repository registers in this process (S-AUD-03).
    pub internal_hops: bool,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { record: true, source_id: "knoop".into(), internal_hops: true }
    }
}

/// An audit trail in a database of its own in this folder.
#[cfg(test)]
pub(crate) async fn trail_for_tests(folder: &std::path::Path) -> Auditor {
    let settings = crate::store::SqliteSettings::new(folder.join("knoop.sqlite"));
    let store = Store::open(&crate::store::StoreSettings::Sqlite(settings)).await.expect("a database");
    store.migrate().await.expect("a schema");
    Auditor::new(store, AuditSettings::default())
}

/// The way into the audit trail. Cheap to clone.
#[derive(Clone)]
pub struct Auditor {
    store: Store,
    settings: Arc<AuditSettings>,
    clock: Arc<OnceLock<Arc<ClockWatch>>>,
}

impl Auditor {
    /// An auditor over this store.
    pub fn new(store: Store, settings: AuditSettings) -> Self {
        Self { store, settings: Arc::new(settings), clock: Arc::default() }
    }

    /// Flags what is recorded while this clock is wrong, here and in every clone (S-TLS-20). The first clock stays.
    pub fn watch_clock(&self, clock: Arc<ClockWatch>) {
        let _first = self.clock.set(clock);
    }

    fn clock_is_wrong(&self) -> bool {
        self.clock.get().is_some_and(|clock| clock.level() == ClockLevel::Wrong)
    }

    /// Whether anything is recorded; who builds events at some cost asks first.
    pub fn records(&self) -> bool {
        self.settings.record
    }

    /// What it was told by configuration.
    pub fn settings(&self) -> &AuditSettings {
        &self.settings
    }

    /// Records events that belong to no change. They are durable when this returns.
    ///
    /// # Errors
    /// When they could not be kept; the request that they tell of must fail then (S-AUD-50).
    pub async fn record(&self, mut events: Vec<AuditEvent>) -> Result<(), StoreError> {
        if !self.records() {
            return Ok(());
        }
        if self.clock_is_wrong() {
            events.iter_mut().for_each(events::flag_clock);
        }
        self.store.record_audit(&events).await
    }

    /// The two sides of a request, as events name them.
    pub fn parties<'a>(&'a self, ctx: &'a RequestContext) -> events::Parties<'a> {
        events::Parties::new(ctx, &self.settings.source_id).at_a_wrong_clock(self.clock_is_wrong())
    }
}
