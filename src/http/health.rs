//! The operator's listener: /health/live, /health/ready, /metrics.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_web::{HttpResponse, http::header, web};
use futures_util::future::BoxFuture;

use super::metrics::Metrics;

/// Asks one thing that requests need; the error is a sentence for the operator.
pub type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Tells what somebody should look at although requests are taken.
pub type Remarks = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the operator may ask.
pub struct Operations {
    metrics: Arc<Metrics>,
    checks: Vec<(&'static str, Check)>,
    remarks: Vec<Remarks>,
    counts: Vec<Check>,
    pub(super) stopping: AtomicBool,
}

impl Operations {
    /// With the counters and the named checks, such as `database` and `documents`.
    pub fn new(metrics: Arc<Metrics>, checks: Vec<(&'static str, Check)>) -> Self {
        Self { metrics, checks, remarks: Vec::new(), counts: Vec::new(), stopping: AtomicBool::new(false) }
    }

    /// Adds what is counted each time that somebody asks for /metrics.
    #[must_use]
    pub fn with_count(mut self, count: Check) -> Self {
        self.counts.push(count);
        self
    }

    /// Adds remarks to the answer of /health/ready; they do not make it less ready.
    #[must_use]
    pub fn with_remarks(mut self, remarks: Remarks) -> Self {
        self.remarks.push(remarks);
        self
    }
}

const PLAIN: (header::HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; charset=utf-8");

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready))
        .route("/metrics", web::get().to(metrics));
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header(PLAIN).body("live\n")
}

async fn ready(operations: web::Data<Operations>) -> HttpResponse {
    let mut reasons = Vec::new();
    if operations.stopping.load(Ordering::Relaxed) {
        reasons.push("stopping".to_owned());
    }
    for (name, check) in &operations.checks {
        if let Err(reason) = check().await {
            reasons.push(format!("{name}: {reason}"));
        }
    }
    if reasons.is_empty() {
        let remarks = operations.remarks.iter().flat_map(|remarks| remarks());
        let lines: String = remarks.map(|remark| format!("{remark}\n")).collect();
        HttpResponse::Ok().insert_header(PLAIN).body(format!("ready\n{lines}"))
    } else {
        HttpResponse::ServiceUnavailable().insert_header(PLAIN).body(reasons.join("\n") + "\n")
    }
}

async fn metrics(operations: web::Data<Operations>) -> HttpResponse {
    for count in &operations.counts {
        if let Err(reason) = count().await {
            tracing::warn!(reason, "some gauges are those of the last time");
        }
    }
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        .body(operations.metrics.text())
}
