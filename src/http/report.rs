//! What is counted, logged and kept of a request when it is over.

use std::{sync::Arc, time::Duration};

use actix_web::http::StatusCode;

use super::{endpoint::Endpoint, metrics::Outcome, routes::Transaction};
use crate::{
    model::{RegistryResponse, ResponseStatus, Severity},
    service::refusals::Refusal,
    wire::soap::Fault,
};

/// One thing that was told to a partner.
pub(super) struct Told {
    code: &'static str,
    context: String,
    location: String,
}

impl Told {
    pub(super) fn fault(fault: &Fault) -> Self {
        Self { code: fault.name(), context: fault.to_string(), location: String::new() }
    }

    pub(super) fn http(status: StatusCode) -> Self {
        Self::refused(status, status.canonical_reason().unwrap_or_default().to_owned())
    }

    /// Refused by HTTP alone, for a reason that the partner is not told.
    pub(super) fn refused(status: StatusCode, context: String) -> Self {
        let code = match status {
            StatusCode::BAD_REQUEST => "HTTP 400",
            StatusCode::FORBIDDEN => "HTTP 403",
            StatusCode::REQUEST_TIMEOUT => "HTTP 408",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "HTTP 415",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "HTTP 431",
            StatusCode::SERVICE_UNAVAILABLE => "HTTP 503",
            _ => "HTTP",
        };
        Self { code, context, location: String::new() }
    }
}

/// Grows while a request is answered.
#[derive(Default)]
pub(super) struct Report {
    /// Name of the node, once it is known.
    node: Option<Arc<str>>,
    /// Counted, but neither logged nor kept: it was told a moment ago.
    hushed: bool,
    transaction: Option<&'static Transaction>,
    action: Option<Box<str>>,
    message_id: Option<Box<str>>,
    outcome: Option<Outcome>,
    told: Vec<Told>,
    pub(super) unreferenced: usize,
}

/// As many errors of one request are kept as refusals.
const KEPT_OF_ONE: usize = 20;

impl Report {
    /// The sender is known.
    pub(super) fn node(&mut self, name: &Arc<str>) {
        self.node = Some(Arc::clone(name));
    }

    /// Refused by HTTP alone.
    pub(super) fn refused(&mut self, told: Vec<Told>) {
        self.told(Outcome::Refused, told);
    }

    /// The same was told a moment ago.
    pub(super) fn hush(&mut self) {
        self.hushed = true;
    }

    /// The envelope was understood.
    pub(super) fn understood(&mut self, transaction: &'static Transaction, message_id: Option<&str>) {
        self.transaction = Some(transaction);
        self.sender_said(Some(transaction.action), message_id);
    }

    pub(super) fn sender_said(&mut self, action: Option<&str>, message_id: Option<&str>) {
        self.action = action.map(Into::into);
        self.message_id = message_id.map(Into::into);
    }

    pub(super) fn told(&mut self, outcome: Outcome, told: Vec<Told>) {
        self.outcome = Some(outcome);
        self.told = told;
    }

    /// The first thing that was refused, if anything was.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        self.told.first().map(|told| told.code)
    }

    /// A response message is sent.
    pub(super) fn responded(&mut self, response: &RegistryResponse) {
        let outcome = match response.status {
            ResponseStatus::Success => Outcome::Success,
            ResponseStatus::PartialSuccess => Outcome::PartialSuccess,
            ResponseStatus::Failure => Outcome::Failure,
        };
        let errors = response.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let told = errors.map(|finding| Told {
            code: finding.code.as_str(),
            context: finding.context.clone(),
            location: finding.location.clone(),
        });
        self.told(outcome, told.collect());
    }

    /// The answer is ready to go.
    pub(super) fn close(self, endpoint: &Endpoint, received: u64, sent: u64, time: Duration) {
        let transaction = self.transaction.map_or("none", |transaction| transaction.number);
        let outcome = self.outcome.unwrap_or(Outcome::Fault);
        let metrics = &endpoint.metrics;
        metrics.finished(transaction, outcome, received, time);
        metrics.sent(transaction, sent);
        metrics.unreferenced(self.unreferenced);
        self.told.iter().for_each(|told| metrics.refused(told.code));
        let (outcome, code) = (outcome.as_str(), self.told.first().map_or("", |told| told.code));
        let duration_ms = time.as_millis();
        let node = self.node.as_deref().unwrap_or_default();
        if self.hushed {
            return;
        }
        if self.told.is_empty() {
            tracing::debug!(node, transaction, outcome, received, sent, duration_ms, "answered a request");
            return;
        }
        tracing::info!(node, transaction, outcome, code, received, sent, duration_ms, "refused a request");
        let now = endpoint.now().to_string();
        for told in self.told.into_iter().take(KEPT_OF_ONE) {
            endpoint.refusals.record(&Refusal {
                time: now.clone(),
                node: node.to_owned(),
                transaction: transaction.to_owned(),
                action: self.action.as_deref().unwrap_or_default().to_owned(),
                code: told.code.to_owned(),
                context: told.context,
                location: told.location,
                message_id: self.message_id.as_deref().unwrap_or_default().to_owned(),
            });
        }
    }
}
