//! How far the clock of this machine is off, as time servers tell it. Source: S-TLS-20.

use std::{
    future::Future,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::jobs::Clock;
use crate::client::clock_offset;

/// How often it is measured.
const EVERY: Duration = Duration::from_secs(600);
/// The same while it is wrong, since requests are refused meanwhile.
const EVERY_WHILE_WRONG: Duration = Duration::from_secs(30);

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockLevel {
    /// Within a second, or not known.
    #[default]
    Right,
    /// Off by more than a second.
    Warning,
    /// Off by more than five seconds: times in the audit trail and of assertions cannot be trusted.
    Wrong,
}

impl ClockLevel {
    /// Of an offset in milliseconds, whichever way.
    pub fn of(offset_ms: i64) -> Self {
        match offset_ms.unsigned_abs() {
            0..=1_000 => Self::Right,
            1_001..=5_000 => Self::Warning,
            _ => Self::Wrong,
        }
    }
}

/// What was measured last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Milliseconds, positive when our clock is behind; nothing before a server answered. While none answers, the last one stands.
    pub offset_ms: Option<i64>,
    /// Servers that answered last time.
    pub servers: usize,
}

/// Measures the clock.
pub struct ClockWatch {
    /// Name or address, and port.
    servers: Vec<(String, u16)>,
    clock: Clock,
    measured: Mutex<Measured>,
}

impl ClockWatch {
    /// By these time servers.
    pub fn new(servers: Vec<(String, u16)>, clock: Clock) -> Self {
        Self { servers, clock, measured: Mutex::default() }
    }

    /// What was measured last.
    pub fn measured(&self) -> Measured {
        *self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What that comes to: [`ClockLevel::Right`] too before a server answered.
    pub fn level(&self) -> ClockLevel {
        self.measured().offset_ms.map(ClockLevel::of).unwrap_or_default()
    }

    /// Asks every server once. The middle one of the answers counts, so that one server alone turns nothing.
    pub async fn measure(&self) -> Measured {
        let answers = self.servers.iter().map(|(host, port)| async move {
            let answer = clock_offset(host, *port, || (self.clock)()).await;
            if let Err(problem) = &answer {
                tracing::warn!(server = host, %problem, "a time server gives no time");
            }
            answer.ok()
        });
        let answers = futures_util::future::join_all(answers).await.into_iter().flatten().collect();
        let (before, measured) = {
            let mut known = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
            let before = *known;
            *known = after(before, middle(answers));
            (before, *known)
        };
        tell(before, measured);
        measured
    }

    /// Measures every ten minutes, and more often while it is wrong, until `stop` is done.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let pause = if self.level() == ClockLevel::Wrong { EVERY_WHILE_WRONG } else { EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut stop => return,
            }
            tokio::select! {
                _ = self.measure() => {}
                () = &mut stop => return,
            }
        }
    }
}

/// Silence sets no clock right: whoever keeps the servers from answering must not lift what a wrong clock forbids.
fn after(before: Measured, now: Measured) -> Measured {
    Measured { offset_ms: now.offset_ms.or(before.offset_ms), ..now }
}

fn middle(mut answers: Vec<i64>) -> Measured {
    answers.sort_unstable();
    let servers = answers.len();
    Measured { offset_ms: answers.get(servers.saturating_sub(1) / 2).copied(), servers }
}

/// A level is told when it is another one.
fn tell(before: Measured, now: Measured) {
    let level = |measured: Measured| measured.offset_ms.map(ClockLevel::of).unwrap_or_default();
    let offset_ms = now.offset_ms.unwrap_or_default();
    match (level(before), level(now)) {
        (before, now) if before == now => {}
        (_, ClockLevel::Wrong) => tracing::error!(
            offset_ms,
            "the clock is off by more than 5 s: times in the audit trail cannot be trusted, and whoever \
             must bring a user assertion is refused; set it, and keep it right with NTP"
        ),
        (_, ClockLevel::Warning) => {
            tracing::warn!(offset_ms, "the clock is off by more than 1 s; keep it right with NTP")
        }
        (_, ClockLevel::Right) => tracing::info!(offset_ms, "the clock is right again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_tls_20_one_second_is_a_warning_and_five_are_too_much() {
        for (offset_ms, level) in [
            (0, ClockLevel::Right),
            (-1_000, ClockLevel::Right),
            (1_001, ClockLevel::Warning),
            (-5_000, ClockLevel::Warning),
            (5_001, ClockLevel::Wrong),
            (i64::MIN, ClockLevel::Wrong),
        ] {
            assert_eq!(ClockLevel::of(offset_ms), level, "{offset_ms}");
        }
    }

    #[test]
    fn one_server_among_three_turns_nothing() {
        assert_eq!(middle(vec![90_000, 3, -2]), Measured { offset_ms: Some(3), servers: 3 });
        assert_eq!(middle(vec![90_000, 3]), Measured { offset_ms: Some(3), servers: 2 });
        assert_eq!(middle(Vec::new()), Measured::default());
    }

    #[test]
    fn s_tls_20_silence_does_not_set_a_clock_right() {
        let wrong = Measured { offset_ms: Some(-9_000), servers: 3 };
        assert_eq!(after(wrong, middle(Vec::new())), Measured { offset_ms: Some(-9_000), servers: 0 });
        assert_eq!(after(wrong, middle(vec![4])), Measured { offset_ms: Some(4), servers: 1 });
        assert_eq!(after(Measured::default(), middle(Vec::new())), Measured::default());
    }
}
