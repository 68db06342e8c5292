//! What every handler of the SOAP listener shares.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{HttpSettings, metrics::Metrics};
use crate::{
    model::{Caller, Ids, RequestContext},
    service::{Registry, Repository, refusals::RefusalLog},
};

/// The actors behind the SOAP paths, and what bounds and counts their work.
pub struct Endpoint {
    /// Absent when the role is off.
    pub(super) registry: Option<Registry>,
    /// Absent when the role is off.
    pub(super) repository: Option<Repository>,
    pub(super) settings: HttpSettings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) refusals: Arc<RefusalLog>,
    /// Room for answers in memory, in units of [`ANSWER_UNIT`].
    pub(super) answers: Arc<Semaphore>,
}

/// Octets that one permit stands for.
pub(super) const ANSWER_UNIT: u64 = 1024;

impl Endpoint {
    /// An endpoint for these actors; `None` switches a role off.
    pub fn new(
        registry: Option<Registry>,
        repository: Option<Repository>,
        settings: HttpSettings,
        metrics: Arc<Metrics>,
        refusals: Arc<RefusalLog>,
    ) -> Self {
        let permits = usize::try_from(settings.answers_bytes / ANSWER_UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        let answers = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { registry, repository, settings, metrics, refusals, answers }
    }

    /// The context of a request on the insecure loopback listener, which knows one caller.
    #[expect(clippy::disallowed_methods, reason = "the one place where a request gets its time")]
    pub(super) fn context(&self, message_id: &str) -> RequestContext {
        RequestContext::new(Caller::loopback(), jiff::Timestamp::now(), message_id.into(), Ids::Random)
    }
}
