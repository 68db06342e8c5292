//! How far delivery is behind, for the operator.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Source: S-AUD-53.
const WARNING: (u64, i64) = (10_000, 15 * 60_000);
const ALARM: (u64, i64) = (100_000, 4 * 3_600_000);

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BacklogLevel {
    /// Nobody.
    #[default]
    Normal,
    /// Soon: 10 000 entries or 15 minutes.
    Warning,
    /// Now: 100 000 entries or 4 hours.
    Alarm,
}

/// What one destination has not got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// As it is configured.
    pub destination: String,
    /// Entries that do not count as delivered.
    pub entries: u64,
    /// Age of the oldest of them in milliseconds, 0 if there is none.
    pub age_ms: i64,
}

impl Backlog {
    /// Source: S-AUD-53.
    pub fn level(&self) -> BacklogLevel {
        let beyond = |(entries, age_ms): (u64, i64)| self.entries >= entries || self.age_ms >= age_ms;
        match (beyond(WARNING), beyond(ALARM)) {
            (_, true) => BacklogLevel::Alarm,
            (true, false) => BacklogLevel::Warning,
            (false, false) => BacklogLevel::Normal,
        }
    }
}

/// The backlogs of all destinations as they were measured last.
#[derive(Debug, Default)]
pub struct Backlogs(Mutex<Vec<Backlog>>);

impl Backlogs {
    pub(super) fn new(destinations: impl Iterator<Item = String>) -> Self {
        let empty = |destination| Backlog { destination, entries: 0, age_ms: 0 };
        Self(Mutex::new(destinations.map(empty).collect()))
    }

    /// All of them, in the order of the configuration.
    pub fn all(&self) -> Vec<Backlog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a destination is so far behind that requests are to be refused (S-AUD-53, `audit.refuse_after`).
    pub fn is_beyond(&self, age: Duration) -> bool {
        let backlogs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        backlogs.iter().any(|backlog| u128::from(backlog.age_ms.max(0).unsigned_abs()) > age.as_millis())
    }

    /// Takes a measurement, and logs when the level of the destination has changed: an alarm is told once.
    pub(super) fn update(&self, destination: &str, entries: u64, age_ms: i64) {
        let mut backlogs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(backlog) = backlogs.iter_mut().find(|backlog| backlog.destination == destination) else { return };
        let before = backlog.level();
        (backlog.entries, backlog.age_ms) = (entries, age_ms);
        match (before, backlog.level()) {
            (before, after) if before == after => {}
            (_, BacklogLevel::Alarm) => {
                tracing::error!(
                    destination,
                    entries,
                    age_ms,
                    "the audit repository is {entries} entries behind: alarm"
                );
            }
            (BacklogLevel::Normal, BacklogLevel::Warning) => {
                tracing::warn!(destination, entries, age_ms, "the audit repository is {entries} entries behind");
            }
            _ => tracing::info!(destination, entries, age_ms, "the audit repository catches up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(entries: u64, age_ms: i64) -> BacklogLevel {
        Backlog { destination: String::new(), entries, age_ms }.level()
    }

    #[test]
    fn s_aud_53_number_or_age_alone_is_enough() {
        assert_eq!(level(9_999, 899_999), BacklogLevel::Normal);
        assert_eq!(level(10_000, 0), BacklogLevel::Warning);
        assert_eq!(level(1, 900_000), BacklogLevel::Warning);
        assert_eq!(level(99_999, 14_399_999), BacklogLevel::Warning);
        assert_eq!(level(100_000, 0), BacklogLevel::Alarm);
        assert_eq!(level(1, 14_400_000), BacklogLevel::Alarm);
    }

    #[test]
    fn s_aud_53_requests_are_refused_beyond_the_age_that_is_configured() {
        let backlogs = Backlogs::new(["a", "b"].into_iter().map(str::to_owned));
        backlogs.update("b", 1, 60_000);
        assert!(!backlogs.is_beyond(Duration::from_secs(60)));
        backlogs.update("b", 1, 60_001);
        assert!(backlogs.is_beyond(Duration::from_secs(60)));
        assert_eq!(backlogs.all()[1].age_ms, 60_001);
    }
}
