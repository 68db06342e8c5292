//! The clock, measured as the configuration wants it. Source: S-TLS-20.

use std::sync::Arc;

use crate::{
    cli::clock,
    config::Config,
    http::{Metrics, Remarks},
    service::clock::{ClockLevel, ClockWatch},
};

/// What measures it, if there are time servers, with its gauges.
pub(super) fn of(config: &Config, metrics: &Metrics) -> Option<Arc<ClockWatch>> {
    let servers: Vec<_> = config.clock.servers.iter().map(|server| (server.host.clone(), server.port)).collect();
    if servers.is_empty() {
        return None;
    }
    let watch = Arc::new(ClockWatch::new(servers, Arc::new(|| clock::now().as_millisecond())));
    let (offset, answering) = (Arc::clone(&watch), Arc::clone(&watch));
    let name = "clock_offset_milliseconds";
    metrics.gauge(name, "How far the clock is behind, as time servers tell it", move || {
        offset.measured().offset_ms.unwrap_or_default()
    });
    metrics.gauge("clock_servers_answering", "Time servers that answered last time", move || {
        i64::try_from(answering.measured().servers).unwrap_or(i64::MAX)
    });
    Some(watch)
}

/// What `/health/ready` says of a clock that is off.
pub(super) fn remarks(watch: Arc<ClockWatch>) -> Remarks {
    Box::new(move || {
        let offset_ms = watch.measured().offset_ms.filter(|offset_ms| ClockLevel::of(*offset_ms) > ClockLevel::Right);
        offset_ms.map(|offset_ms| format!("clock: {}", in_words(offset_ms))).into_iter().collect()
    })
}

/// `3.2 s behind`, `0.0 s ahead`.
pub(in crate::cli) fn in_words(offset_ms: i64) -> String {
    let seconds = offset_ms.unsigned_abs();
    let way = if offset_ms >= 0 { "behind" } else { "ahead" };
    format!("{}.{} s {way}", seconds / 1000, seconds % 1000 / 100)
}
