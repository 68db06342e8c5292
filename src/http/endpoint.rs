//! What every handler of the SOAP listener shares.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{HttpSettings, UserAssertions, gates::Gates, identify::Admission, metrics::Metrics, spool_room::SpoolRoom};
use crate::{
    model::{Ids, RequestContext},
    security::repeats::Repeats,
    service::{
        Auditor, Registry, Repository, audit_delivery::Backlogs, audit_view::AuditView, nodes::Nodes,
        refusals::RefusalLog, xdm::jobs::Packages,
    },
};

/// The actors behind the SOAP paths, and what bounds and counts their work.
pub struct Endpoint {
    /// Absent when the role is off.
    pub(super) registry: Option<Registry>,
    /// Absent when the role is off.
    pub(super) repository: Option<Repository>,
    /// Who may call.
    pub(super) nodes: Arc<Nodes>,
    /// Records what does not get as far as an actor.
    pub(super) auditor: Auditor,
    pub(super) settings: HttpSettings,
    /// The users for whom nodes call.
    pub(super) assertions: UserAssertions,
    pub(super) metrics: Arc<Metrics>,
    pub(super) refusals: Arc<RefusalLog>,
    /// How much of each node is served.
    pub(super) gates: Gates,
    /// Who was refused lately, so that a flood is told once.
    pub(super) repeats: Repeats,
    /// Absent when nobody may read the audit trail.
    pub(super) audit_view: Option<AuditView>,
    /// Absent when no packages are made or taken here.
    pub(super) packages: Option<Packages>,
    /// Requests are refused while a repository is so far behind; absent refuses none.
    audit_limit: Option<(Arc<Backlogs>, Duration)>,
    /// Room for documents on their way in.
    pub(super) spool_room: SpoolRoom,
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
        nodes: Arc<Nodes>,
        auditor: Auditor,
        settings: HttpSettings,
        metrics: Arc<Metrics>,
        refusals: Arc<RefusalLog>,
    ) -> Self {
        let permits = usize::try_from(settings.answers_bytes / ANSWER_UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        let answers = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let gates = Gates::new(settings.gates);
        let spool_room = SpoolRoom::new(settings.spool_bytes);
        Self {
            registry,
            repository,
            nodes,
            auditor,
            settings,
            assertions: UserAssertions::default(),
            metrics,
            refusals,
            gates,
            repeats: Repeats::default(),
            audit_view: None,
            packages: None,
            audit_limit: None,
            spool_room,
            answers,
        }
    }

    /// Asks for user assertions, and judges them.
    #[must_use]
    pub fn with_assertions(mut self, assertions: UserAssertions) -> Self {
        self.settings.headers.security_understood = assertions.processed();
        self.assertions = assertions;
        self
    }

    /// Lets audit viewers search the trail (ITI-81).
    #[must_use]
    pub fn with_audit_view(self, view: AuditView) -> Self {
        Self { audit_view: Some(view), ..self }
    }

    /// Lets nodes have packages made, and bring them (ITI-32).
    #[must_use]
    pub fn with_packages(self, packages: Packages) -> Self {
        Self { packages: Some(packages), ..self }
    }

    /// Refuses requests while an audit repository is more than `age` behind (S-AUD-53).
    #[must_use]
    pub fn with_audit_limit(self, backlogs: Arc<Backlogs>, age: Duration) -> Self {
        Self { audit_limit: Some((backlogs, age)), ..self }
    }

    pub(super) fn audit_is_behind(&self) -> bool {
        self.audit_limit.as_ref().is_some_and(|(backlogs, age)| backlogs.is_beyond(*age))
    }

    /// The context of a request.
    pub(super) fn context(&self, admission: &Admission, message_id: &str) -> RequestContext {
        let mut ctx = RequestContext::new(admission.caller.clone(), self.now(), message_id.into(), Ids::Random);
        ctx.endpoint = Arc::clone(&admission.endpoint);
        ctx
    }

    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one place where a request gets its time")]
    pub(super) fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}
