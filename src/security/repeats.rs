//! Telling the same thing not too often.
//!
//! Source: S-TLS-22.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long one telling stands for all of its kind.
const QUIET: Duration = Duration::from_secs(60);
/// Sources that are told apart; a flood of ever new ones counts as one.
const SOURCES_MAX: usize = 10_000;

/// What was told lately: the same source and reason once in 60 seconds, with the number of those that were not told.
#[derive(Debug, Default)]
pub struct Repeats(Mutex<HashMap<(Box<str>, &'static str), Told>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

impl Repeats {
    /// Whether to tell it now: then the number of times that it was not told since. Otherwise it is counted.
    pub fn tell(&self, source: &str, reason: &'static str, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SOURCES_MAX && !all.contains_key(&(source.into(), reason)) {
            all.retain(|_, told| now.saturating_duration_since(told.at) < QUIET);
        }
        let source = if all.len() >= SOURCES_MAX && !all.contains_key(&(source.into(), reason)) { "" } else { source };
        match all.get_mut(&(source.into(), reason)) {
            Some(told) if now.saturating_duration_since(told.at) < QUIET => {
                told.untold += 1;
                None
            }
            Some(told) => {
                let untold = std::mem::take(&mut told.untold);
                told.at = now;
                Some(untold)
            }
            None => {
                all.insert((source.into(), reason), Told { at: now, untold: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_tls_22_the_same_is_told_once_in_60_seconds_with_a_count() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(repeats.tell("a", "not mapped", at(0)), Some(0));
        assert_eq!(repeats.tell("a", "not mapped", at(1)), None);
        assert_eq!(repeats.tell("a", "not mapped", at(59)), None);
        assert_eq!(repeats.tell("a", "suspended", at(59)), Some(0), "another reason");
        assert_eq!(repeats.tell("b", "not mapped", at(59)), Some(0), "another source");
        assert_eq!(repeats.tell("a", "not mapped", at(60)), Some(2));
        assert_eq!(repeats.tell("a", "not mapped", at(119)), None);
        assert_eq!(repeats.tell("a", "not mapped", at(120)), Some(1));
    }

    #[test]
    fn ever_new_sources_do_not_fill_the_memory() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        for n in 0..SOURCES_MAX + 500 {
            repeats.tell(&n.to_string(), "not mapped", start);
        }
        assert_eq!(repeats.0.lock().expect("whole").len(), SOURCES_MAX + 1);
        assert_eq!(repeats.tell("another", "not mapped", start), None, "one of the many");
        assert_eq!(repeats.tell("another", "not mapped", start + QUIET), Some(0));
        assert_eq!(repeats.0.lock().expect("whole").len(), 1);
    }
}
