//! Whose turn it is to deliver to a destination: one process holds the lease and renews it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{STOP_PATIENCE, Shared, courier::Courier, notes::Note, until};
use crate::{
    client::SyslogDestination,
    store::{AuditPosition, StoreError},
};

/// Whether the courier goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Ours,
    /// The server stops: what was sent may still come to count as delivered.
    Stopping,
    /// Another process has the lease.
    Lost,
}

/// Waits until the turn is over.
pub(super) async fn over(turn: &mut watch::Receiver<Turn>) {
    // An error means that the worker is gone, which ends the turn as well.
    let _ = turn.wait_for(|turn| *turn != Turn::Ours).await;
}

pub(super) struct Turns {
    shared: Shared,
    destination: SyslogDestination,
    name: Arc<str>,
}

impl Turns {
    pub(super) fn new(shared: Shared, destination: SyslogDestination) -> Self {
        let name = destination.to_string().into();
        Self { shared, destination, name }
    }

    /// Waits for the lease, delivers while it is ours, and so on until the server stops.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let beat = self.shared.settings.lease / 3;
        loop {
            match self.lease().await {
                Ok(Some(confirmed)) if self.deliver(confirmed, beat, &mut stopped).await == Turn::Stopping => return,
                Ok(_) => {}
                Err(problem) => {
                    tracing::warn!(destination = &*self.name, %problem, "the lease of audit delivery could not be asked for");
                }
            }
            tokio::select! {
                () = sleep(beat) => {}
                () = until(&mut stopped) => return,
            }
        }
    }

    /// Delivers until the lease is lost or the server stops; which of the two it was.
    async fn deliver(&self, confirmed: AuditPosition, beat: Duration, stopped: &mut watch::Receiver<bool>) -> Turn {
        self.shared.note(&self.name, Note::Started).await;
        let (turn, turns) = watch::channel(Turn::Ours);
        let courier = Courier::new(self.shared.clone(), self.destination.clone(), confirmed);
        let mut delivering = tokio::spawn(courier.run(turns));
        let end = tokio::select! {
            end = self.hold(beat, stopped) => end,
            // It ends by itself only when it panics; the next turn begins anew.
            _ = &mut delivering => return Turn::Lost,
        };
        if end == Turn::Stopping {
            self.shared.note(&self.name, Note::Stopped).await;
        }
        let _ = turn.send(end);
        if timeout(STOP_PATIENCE, &mut delivering).await.is_err() {
            delivering.abort();
        }
        if end == Turn::Stopping
            && let Err(problem) = self.shared.store.let_go_audit_delivery(&self.name, &self.shared.owner).await
        {
            // It passes by itself.
            tracing::warn!(destination = &*self.name, %problem, "the lease of audit delivery could not be given back");
        }
        end
    }

    /// Renews the lease for as long as it is ours.
    async fn hold(&self, beat: Duration, stopped: &mut watch::Receiver<bool>) -> Turn {
        let mut passes = Instant::now() + self.shared.settings.lease;
        loop {
            tokio::select! {
                () = until(stopped) => return Turn::Stopping,
                () = sleep_until(passes) => return Turn::Lost,
                () = sleep(beat) => {}
            }
            let asked = Instant::now();
            match self.lease().await {
                Ok(Some(_)) => passes = asked + self.shared.settings.lease,
                Ok(None) => {
                    tracing::warn!(
                        destination = &*self.name,
                        "another process took over the delivery of the audit trail"
                    );
                    return Turn::Lost;
                }
                Err(problem) => {
                    tracing::warn!(destination = &*self.name, %problem, "the lease of audit delivery could not be renewed");
                }
            }
        }
    }

    /// Takes or renews the lease, and tells up to where everything is delivered; nothing while another process has it.
    async fn lease(&self) -> Result<Option<AuditPosition>, StoreError> {
        let now_ms = (self.shared.clock)();
        let until_ms = now_ms + i64::try_from(self.shared.settings.lease.as_millis()).unwrap_or(i64::MAX / 2);
        self.shared.store.take_audit_delivery(&self.name, &self.shared.owner, now_ms, until_ms).await
    }
}
