//! One destination: connects, sends in order, and moves its position when what was sent counts as delivered.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    LOOK_AGAIN, STOP_PATIENCE, Shared,
    notes::Note,
    turns::{Turn, over},
};
use crate::{
    client::{ClientError, SyslogConnection, SyslogDestination, SyslogTransport},
    model::AuditEvent,
    store::{AuditPosition, SealedAudit, StoreError},
    wire::atna::{MessageParts, audit_message, datagram, frame, severity, trace_object},
};

/// Entries that are read and sent at once.
const BATCH: usize = 64;
/// The position is written so many times at most while a message settles.
const WRITES_PER_SETTLE: u32 = 30;

pub(super) struct Courier {
    shared: Shared,
    destination: SyslogDestination,
    name: Arc<str>,
    /// Everything before is delivered.
    confirmed: AuditPosition,
    /// Failures since something was last delivered.
    failures: u32,
    /// When the destination was lost, until something is delivered again.
    lost_ms: Option<i64>,
}

/// How a connection came to its end when that was not in good order.
enum End {
    Broken(ClientError),
    Store(StoreError),
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> Self {
        Self::Broken(error)
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What was sent on a connection and does not count as delivered yet, oldest first.
#[derive(Default)]
struct Window(VecDeque<(AuditPosition, Instant)>);

impl Window {
    fn sent(&mut self, position: AuditPosition) {
        self.0.push_back((position, Instant::now()));
    }

    /// Takes out what was sent before; the newest of it.
    fn settled(&mut self, before: Instant) -> Option<AuditPosition> {
        let mut newest = None;
        while let Some((position, _)) = self.0.pop_front_if(|(_, at)| *at <= before) {
            newest = Some(position);
        }
        newest
    }
}

impl Courier {
    pub(super) fn new(shared: Shared, destination: SyslogDestination, confirmed: AuditPosition) -> Self {
        let name = destination.to_string().into();
        Self { shared, destination, name, confirmed, failures: 0, lost_ms: None }
    }

    /// Delivers until the turn is over, for ever if need be.
    pub(super) async fn run(mut self, mut turn: watch::Receiver<Turn>) {
        loop {
            match self.connect_and_send(&mut turn).await {
                Ok(()) if *turn.borrow() == Turn::Ours => continue,
                Ok(()) => return,
                Err(End::Broken(problem)) => self.lose(&problem),
                Err(End::Store(problem)) => {
                    self.failures = self.failures.saturating_add(1);
                    tracing::warn!(destination = &*self.name, %problem, "the audit trail could not be read for delivery");
                }
            }
            tokio::select! {
                () = sleep(self.pause()) => {}
                () = over(&mut turn) => return,
            }
        }
    }

    async fn connect_and_send(&mut self, turn: &mut watch::Receiver<Turn>) -> Result<(), End> {
        let connection = tokio::select! {
            connection = self.shared.connector.connect(&self.destination) => connection?,
            () = over(turn) => return Ok(()),
        };
        self.send_all(connection, turn).await
    }

    /// Sends what there is and what comes, until the turn is over, trust has changed or something breaks.
    async fn send_all(
        &mut self,
        mut connection: SyslogConnection,
        turn: &mut watch::Receiver<Turn>,
    ) -> Result<(), End> {
        let settle = match self.destination.transport {
            SyslogTransport::Tls => self.shared.settings.settle,
            // Nothing will ever tell more than that it was sent.
            SyslogTransport::Udp => Duration::ZERO,
        };
        let mut sent = self.confirmed;
        let mut window = Window::default();
        let mut moved = Instant::now();
        while *turn.borrow() == Turn::Ours && !connection.is_stale() {
            let now = Instant::now();
            if now >= moved + settle / WRITES_PER_SETTLE
                && let Some(position) = now.checked_sub(settle).and_then(|before| window.settled(before))
            {
                self.delivered(position).await?;
                moved = now;
            }
            let batch = self.shared.store.sealed_audit(sent, BATCH).await?;
            if batch.end > sent {
                sent = batch.end;
                for octets in self.octets(&batch.events) {
                    connection.send(&octets).await?;
                }
                window.sent(sent);
                continue;
            }
            let pause = if window.0.is_empty() { LOOK_AGAIN } else { LOOK_AGAIN.min(settle / WRITES_PER_SETTLE) };
            tokio::select! {
                problem = connection.ended() => return Err(problem.into()),
                () = over(turn) => {}
                () = self.shared.bell.notified() => {}
                () = sleep(pause) => {}
            }
        }
        let ours = *turn.borrow() != Turn::Lost;
        if connection.close(STOP_PATIENCE / 2).await && ours && !window.0.is_empty() {
            self.delivered(sent).await?;
        }
        Ok(())
    }

    /// What goes out for these entries: one piece of frames, or a datagram for each.
    fn octets(&self, entries: &[SealedAudit]) -> Vec<Vec<u8>> {
        let settings = &self.shared.settings;
        let mut pieces = Vec::new();
        let mut frames = Vec::new();
        for entry in entries {
            let Ok(mut event) = serde_json::from_str::<AuditEvent>(&entry.body) else {
                // Held back it would hold back all that follows; the entry stays where it is, and `audit verify` tells.
                tracing::error!(entry = entry.audit_key, "an entry of the audit trail cannot be read and is not sent");
                continue;
            };
            if settings.trace {
                event.objects.push(trace_object(&event.trace_id, &entry.audit_key.to_string()));
            }
            match self.destination.transport {
                SyslogTransport::Udp => {
                    pieces.push(datagram(&settings.sender, &event, &settings.source, settings.udp_max));
                }
                SyslogTransport::Tls => {
                    let xml = audit_message(&event, &settings.source, MessageParts::default());
                    frames.extend(frame(&settings.sender.message(severity(&event), event.occurred_ms, &xml)));
                }
            }
        }
        if !frames.is_empty() {
            pieces.push(frames);
        }
        pieces
    }

    /// Moves the position, and writes down that a gap was repaired when there was one.
    async fn delivered(&mut self, position: AuditPosition) -> Result<(), StoreError> {
        let now_ms = (self.shared.clock)();
        if !self.shared.store.confirm_audit_delivery(&self.name, &self.shared.owner, position, now_ms).await? {
            // Another process has the lease, as this turn will learn.
            return Ok(());
        }
        self.confirmed = position;
        self.failures = 0;
        if let Some(lost_ms) = self.lost_ms.take() {
            let away_ms = (self.shared.clock)() - lost_ms;
            tracing::info!(destination = &*self.name, away_ms, "the audit trail is delivered again");
            self.shared.note(&self.name, Note::GapRepaired { away_ms }).await;
        }
        Ok(())
    }

    /// Tells of a failure the first time only: the gauges and the alarm tell how it goes on.
    fn lose(&mut self, problem: &ClientError) {
        self.failures = self.failures.saturating_add(1);
        if self.lost_ms.is_none() {
            self.lost_ms = Some((self.shared.clock)());
            tracing::warn!(destination = &*self.name, %problem, "the audit trail cannot be delivered, it waits");
        } else {
            tracing::debug!(destination = &*self.name, %problem, failures = self.failures, "still not delivered");
        }
    }

    /// 1, 2, 4 … 300 s, give or take a fifth (S-AUD-51).
    fn pause(&self) -> Duration {
        let settings = &self.shared.settings;
        let mut chance = [0_u8; 2];
        // Without random octets the pauses are merely not spread.
        let _ = getrandom::fill(&mut chance);
        pause(settings.first_pause, settings.longest_pause, self.failures, u16::from_ne_bytes(chance))
    }
}

/// The pause after so many failures; `chance` spreads it between 0.8 and 1.2 times.
fn pause(first: Duration, longest: Duration, failures: u32, chance: u16) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    let pause = first.saturating_mul(1 << doublings).min(longest);
    pause.mul_f64(0.8 + 0.4 * f64::from(chance) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_aud_51_pauses_double_from_one_second_to_five_minutes() {
        let middle = |failures| pause(Duration::from_secs(1), Duration::from_secs(300), failures, u16::MAX / 2);
        let seconds: Vec<u64> = (1..=11).map(|failures| (middle(failures).as_secs_f64()).round() as u64).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(middle(u32::MAX).as_secs_f64().round(), 300.0);
    }

    #[test]
    fn s_aud_51_pauses_are_spread_by_a_fifth() {
        let spread = |chance| pause(Duration::from_secs(10), Duration::from_secs(300), 1, chance);
        assert_eq!((spread(0), spread(u16::MAX)), (Duration::from_secs(8), Duration::from_secs(12)));
    }
}
