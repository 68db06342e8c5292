//! Delivery of the audit trail: every entry to every audit repository, in the order of the seals, at least once.
//!
//! The log itself is the spool. One process of those that share a database holds the lease of a destination and sends; its cursor
//! says how far delivery is, and moves only when what was sent can be taken for delivered. A repository that is away delays
//! nothing but its own delivery.
//!
//! Source: spec security §2.5 (S-AUD-46, S-AUD-51 to S-AUD-54), design sections 4 and 9.

mod backlog;
mod courier;
mod notes;
mod turns;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::sleep,
};

pub use self::backlog::{Backlog, BacklogLevel, Backlogs};
use self::turns::Turns;
use super::{audit::Auditor, jobs::Clock};
use crate::{
    client::{SyslogConnector, SyslogDestination},
    store::{Store, StoreError},
    wire::atna::{AuditSource, SyslogSender},
};

/// How often the log is looked at when nobody rings: other processes write into it as well.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often the backlog is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// What runs gets this long to end when the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How the audit trail is delivered.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// Audit repositories; each has a cursor of its own.
    pub destinations: Vec<SyslogDestination>,
    /// How this node is named in messages.
    pub source: AuditSource,
    /// How this process is named in syslog headers.
    pub sender: SyslogSender,
    /// How long a connection must stay open after a message for it to count as delivered (S-AUD-52).
    pub settle: Duration,
    /// Pause after the first failure; it doubles each time (S-AUD-51).
    pub first_pause: Duration,
    /// The pause does not grow beyond this.
    pub longest_pause: Duration,
    /// How long delivery belongs to a process that does not say that it lives.
    pub lease: Duration,
    /// Octets above which a datagram goes without queries (S-AUD-45).
    pub udp_max: usize,
    /// Adds the trace and the number of the entry to each message (S-AUD-33).
    pub trace: bool,
}

/// The worker. One is enough for a process.
pub struct AuditDelivery {
    shared: Shared,
}

/// What every courier needs.
#[derive(Clone)]
struct Shared {
    store: Store,
    clock: Clock,
    auditor: Auditor,
    connector: SyslogConnector,
    settings: Arc<DeliverySettings>,
    backlogs: Arc<Backlogs>,
    bell: Arc<Notify>,
    /// What leases are held by.
    owner: Arc<str>,
}

impl AuditDelivery {
    /// A worker; `owner` tells processes that share the database apart.
    pub fn new(
        store: Store,
        clock: Clock,
        auditor: Auditor,
        connector: SyslogConnector,
        settings: DeliverySettings,
        owner: &str,
    ) -> Self {
        let backlogs = Arc::new(Backlogs::new(settings.destinations.iter().map(ToString::to_string)));
        let (settings, owner) = (Arc::new(settings), owner.into());
        Self { shared: Shared { store, clock, auditor, connector, settings, backlogs, bell: Arc::default(), owner } }
    }

    /// Notes the destinations, so that what is sealed from now on waits for them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn register(&self) -> Result<(), StoreError> {
        let Shared { store, settings, owner, .. } = &self.shared;
        let now_ms = (self.shared.clock)();
        for destination in &settings.destinations {
            // Whoever has the lease keeps it; ours passes at once.
            store.take_audit_delivery(&destination.to_string(), owner, now_ms, now_ms).await?;
        }
        Ok(())
    }

    /// How far delivery is behind, kept up to date while the worker runs.
    pub fn backlogs(&self) -> Arc<Backlogs> {
        Arc::clone(&self.shared.backlogs)
    }

    /// Rung when an entry was written, it saves the wait until the next look at the log.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.bell)
    }

    /// Delivers until `stop` is ready; then connections are closed in good order, so that what was sent counts.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for destination in &self.shared.settings.destinations {
            tasks.spawn(Turns::new(self.shared.clone(), destination.clone()).run(stopped.clone()));
        }
        tasks.spawn(self.shared.clone().measure(stopped));
        stop.await;
        let _ = stopping.send(true);
        while let Some(ended) = tasks.join_next().await {
            if let Err(problem) = ended {
                tracing::error!(%problem, "a task of audit delivery did not end as it should");
            }
        }
    }
}

async fn until(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Shared {
    /// Keeps the backlog of every destination up to date.
    async fn measure(self, mut stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            if let Err(problem) = self.measure_once().await {
                tracing::warn!(%problem, "the backlog of audit delivery could not be measured");
            }
            tokio::select! {
                () = sleep(MEASURE_EVERY) => {}
                () = until(&mut stopped) => {}
            }
        }
    }

    async fn measure_once(&self) -> Result<(), StoreError> {
        let now_ms = (self.clock)();
        for delivery in self.store.audit_deliveries().await? {
            let age_ms = delivery.oldest_ms.map_or(0, |oldest_ms| now_ms - oldest_ms);
            self.backlogs.update(&delivery.destination, delivery.waiting, age_ms);
        }
        Ok(())
    }
}
