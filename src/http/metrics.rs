//! Counters for the operator. Labels are bounded: transactions, outcomes and codes that knoop knows, never a value of a
//! message.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

type Labels = [(&'static str, &'static str); 2];
type Label = [(&'static str, &'static str); 1];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    PartialSuccess,
    Failure,
    Fault,
    /// Refused by HTTP alone: 405, 408, 413, 415.
    Refused,
}

impl Outcome {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::PartialSuccess => "partial_success",
            Self::Failure => "failure",
            Self::Fault => "fault",
            Self::Refused => "refused",
        }
    }
}

/// A gauge and where its value comes from.
type Read = (Gauge, Box<dyn Fn() -> i64 + Send + Sync>);
/// Fills the gauges of a family.
type ReadFamily = Box<dyn Fn() + Send + Sync>;

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What is counted.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Labels, Counter>,
    duration: Family<Label, Histogram>,
    in_flight: Gauge,
    bytes_in: Family<Label, Counter>,
    bytes_out: Family<Label, Counter>,
    refusals: Family<Label, Counter>,
    unreferenced: Counter,
    handshakes: Family<Label, Counter>,
    reads: Mutex<Vec<Read>>,
    families: Mutex<Vec<ReadFamily>>,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("knoop");
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let duration = Family::new_with_constructor(buckets);
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            duration,
            in_flight: Gauge::default(),
            bytes_in: Family::default(),
            bytes_out: Family::default(),
            refusals: Family::default(),
            unreferenced: Counter::default(),
            handshakes: Family::default(),
            reads: Mutex::default(),
            families: Mutex::default(),
        };
        registry.register("requests", "Requests by transaction and outcome", metrics.requests.clone());
        registry.register("request_duration_seconds", "Time until the answer began", metrics.duration.clone());
        registry.register("requests_in_flight", "Requests being answered", metrics.in_flight.clone());
        registry.register("received_bytes", "Octets of request bodies", metrics.bytes_in.clone());
        registry.register("sent_bytes", "Octets of answer bodies", metrics.bytes_out.clone());
        registry.register("refusals", "Errors and faults told to partners, by code", metrics.refusals.clone());
        registry.register("unreferenced_parts", "MIME parts that nothing referred to", metrics.unreferenced.clone());
        registry.register("tls_handshakes", "TLS handshakes by outcome", metrics.handshakes.clone());
        *metrics.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        metrics
    }

    /// Adds a gauge whose value is read each time somebody asks, such as the connections of the database.
    pub fn gauge(&self, name: &str, help: &str, read: impl Fn() -> i64 + Send + Sync + 'static) {
        let gauge = Gauge::<i64>::default();
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, gauge.clone());
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).push((gauge, Box::new(read)));
    }

    /// Adds a gauge with a value for each name of a bounded list, such as the audit repositories.
    pub fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &'static str,
        read: impl Fn() -> Vec<(String, i64)> + Send + Sync + 'static,
    ) {
        let family = Family::<Vec<(&'static str, String)>, Gauge>::default();
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, family.clone());
        let read = move || {
            family.clear();
            for (value, number) in read() {
                family.get_or_create(&vec![(label, value)]).set(number);
            }
        };
        self.families.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(read));
    }

    /// All of it as OpenMetrics text.
    pub fn text(&self) -> String {
        for read in self.families.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            read();
        }
        for (gauge, read) in self.reads.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            gauge.set(read());
        }
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut out, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        out
    }

    /// A request begins; it counts as being answered until the guard goes.
    pub(super) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(super) fn finished(&self, transaction: &'static str, outcome: Outcome, received: u64, time: Duration) {
        self.requests.get_or_create(&[("transaction", transaction), ("outcome", outcome.as_str())]).inc();
        self.duration.get_or_create(&[("transaction", transaction)]).observe(time.as_secs_f64());
        self.bytes_in.get_or_create(&[("transaction", transaction)]).inc_by(received);
    }

    pub(super) fn sent(&self, transaction: &'static str, octets: u64) {
        self.bytes_out.get_or_create(&[("transaction", transaction)]).inc_by(octets);
    }

    pub(super) fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&[("code", code)]).inc();
    }

    /// A handshake that succeeded, or why not.
    pub(super) fn handshake(&self, outcome: &'static str) {
        self.handshakes.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(super) fn unreferenced(&self, parts: usize) {
        self.unreferenced.inc_by(parts as u64);
    }
}

/// A request that is being answered.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
