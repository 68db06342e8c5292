//! What was measured.

use std::{collections::BTreeMap, fmt, time::Instant};

use indicatif::HumanBytes;
use serde::Serialize;

/// One request.
pub(super) struct Sample {
    pub(super) begin: Instant,
    pub(super) end: Instant,
    pub(super) octets_in: u64,
    pub(super) octets_out: u64,
    /// Error code or failure.
    pub(super) failed: Option<String>,
}

/// The result; times in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    transaction: &'static str,
    connections: u32,
    requests: usize,
    failed: usize,
    failures: BTreeMap<String, usize>,
    seconds: f64,
    requests_per_second: f64,
    documents_per_second: f64,
    octets_in: u64,
    octets_out: u64,
    octets_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Figures {
    /// Of the requests that began when the warm-up was over.
    pub(super) fn new(
        transaction: &'static str,
        connections: u32,
        counted_from: Instant,
        samples: Vec<Sample>,
        documents_per_request: u32,
    ) -> Self {
        let counted: Vec<Sample> = samples.into_iter().filter(|sample| sample.begin >= counted_from).collect();
        let mut failures = BTreeMap::new();
        for text in counted.iter().filter_map(|sample| sample.failed.as_deref()) {
            *failures.entry(text.to_owned()).or_insert(0) += 1;
        }
        let mut times: Vec<f64> = counted.iter().map(|s| (s.end - s.begin).as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        let percentile = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(index).copied().unwrap_or_default()
        };
        let end = counted.iter().map(|sample| sample.end).max().unwrap_or(counted_from);
        let seconds = (end - counted_from).as_secs_f64();
        let failed = failures.values().sum();
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let (octets_in, octets_out) =
            counted.iter().fold((0, 0), |(i, o), sample| (i + sample.octets_in, o + sample.octets_out));
        let good = (counted.len() - failed) as f64;
        Self {
            transaction,
            connections,
            requests: counted.len(),
            failed,
            failures,
            seconds,
            requests_per_second: per_second(good),
            documents_per_second: per_second(good * f64::from(documents_per_request)),
            octets_in,
            octets_out,
            octets_per_second: per_second((octets_in + octets_out) as f64),
            p50_ms: percentile(50),
            p90_ms: percentile(90),
            p99_ms: percentile(99),
            max_ms: times.last().copied().unwrap_or_default(),
        }
    }

    /// What went wrong, if anything did.
    pub(super) fn failure(&self) -> Option<String> {
        let first = self.failures.keys().next()?;
        Some(format!("{} of {} requests failed, with {first}", self.failed, self.requests))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {} connections  {:.1} s", self.transaction, self.connections, self.seconds)?;
        writeln!(f, "requests   {}  ({:.0}/s)  failed {}", self.requests, self.requests_per_second, self.failed)?;
        writeln!(f, "documents  {:.0}/s", self.documents_per_second)?;
        let (octets_in, octets_out) = (HumanBytes(self.octets_in), HumanBytes(self.octets_out));
        writeln!(f, "octets     {octets_in} in, {octets_out} out  ({}/s)", HumanBytes(self.octets_per_second as u64))?;
        writeln!(
            f,
            "latency    p50 {:.2} ms  p90 {:.2} ms  p99 {:.2} ms  max {:.2} ms",
            self.p50_ms, self.p90_ms, self.p99_ms, self.max_ms
        )?;
        for (text, count) in &self.failures {
            writeln!(f, "failed     {count} × {text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn percentiles_and_rates_are_those_of_the_counted_requests() {
        let zero = Instant::now();
        let sample = |begin_ms: u64, took_ms: u64, failed: Option<&str>| Sample {
            begin: zero + Duration::from_millis(begin_ms),
            end: zero + Duration::from_millis(begin_ms + took_ms),
            octets_in: 10,
            octets_out: 1,
            failed: failed.map(str::to_owned),
        };
        let mut samples: Vec<Sample> = (1..=100).map(|n| sample(1000, n * 10, None)).collect();
        samples.push(sample(0, 9_000, None));
        samples.push(sample(1500, 500, Some("XDSRegistryBusy")));
        let figures = Figures::new("ITI-18", 1, zero + Duration::from_secs(1), samples, 5);
        assert_eq!(figures.requests, 101);
        assert!((figures.seconds - 1.0).abs() < 1e-9);
        assert!((figures.requests_per_second - 100.0).abs() < 1e-6);
        assert!((figures.documents_per_second - 500.0).abs() < 1e-6);
        assert!((figures.p99_ms - 990.0).abs() < 15.0, "{}", figures.p99_ms);
        assert_eq!(figures.failure().as_deref(), Some("1 of 101 requests failed, with XDSRegistryBusy"));
    }
}
