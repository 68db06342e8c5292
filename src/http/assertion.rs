//! The user behind a message: between the reading of the envelope and any work on its body.
//!
//! Source: spec security §3.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{
    decode::{Decoded, Refused},
    endpoint::Endpoint,
    identify::Admission,
    routes::{Request, Transaction},
};
use crate::{
    model::{
        AttributeProfile, AuditOutcome, Caller, Finding, NodeKey, PatientId, RequestContext, User, XuaMode, rim,
        vocabulary,
    },
    security::assertion::{FaultCode, Reason, Received, Refusal, claimed_subject},
    service::{
        assertions::{AssertedRequest, AssertionError, Assertions},
        audit::events,
        clock::{ClockLevel, ClockWatch},
    },
    wire::soap::{Address, Fault, Rejected, SecurityFault, shortened},
};

/// No refusal is answered sooner: longer than any verification takes, so that the time of an answer does not tell which
/// step refused (S-XUA-31).
const REFUSAL_TIME: Duration = Duration::from_millis(30);
/// As many refusals of a node in a minute are answered without delay (S-XUA-32).
const PATIENCE: u32 = 20;
const PATIENCE_TIME: Duration = Duration::from_secs(60);
/// What the answers after those wait for.
const DELAY: Duration = Duration::from_secs(1);
/// Nodes whose refusals are counted.
const NODES: usize = 10_000;

/// Which requests must bring an assertion, and who judges those that are brought. By default none is asked for.
#[derive(Default)]
pub struct UserAssertions {
    /// Absent when no issuer is configured: then none is good.
    assertions: Option<Assertions>,
    modes: HashMap<&'static str, XuaMode>,
    /// The attributes that an assertion must have.
    profile: AttributeProfile,
    refused: Mutex<HashMap<NodeKey, OfNode>>,
    /// Absent where no time server is configured: then the clock is taken to be right.
    clock: Option<Arc<ClockWatch>>,
}

/// Refusals of a node since the start of the minute.
struct OfNode {
    since: Instant,
    count: u32,
}

impl UserAssertions {
    /// Modes by transaction (`ITI-18`); a transaction that is not named asks for nothing.
    pub fn new(
        assertions: Option<Assertions>,
        modes: impl IntoIterator<Item = (&'static str, XuaMode)>,
        profile: AttributeProfile,
    ) -> Self {
        Self { assertions, modes: modes.into_iter().collect(), profile, refused: Mutex::default(), clock: None }
    }

    /// Refuses who asks for a person while this clock is wrong: neither the times of an assertion nor its single use could be
    /// judged (S-TLS-20).
    #[must_use]
    pub fn by_clock(self, clock: Option<Arc<ClockWatch>>) -> Self {
        Self { clock, ..self }
    }

    fn clock_is_wrong(&self) -> bool {
        self.clock.as_ref().is_some_and(|clock| clock.level() == ClockLevel::Wrong)
    }

    /// Whether wsse:Security headers are processed (R-SOAP-13).
    pub(super) fn processed(&self) -> bool {
        self.assertions.is_some()
    }

    /// What is asked of this caller; a mode of its node's own comes first (S-XUA-03).
    fn mode(&self, caller: &Caller, transaction: &str, of_node: Option<XuaMode>) -> XuaMode {
        if caller.node.is_loopback() {
            return XuaMode::Off;
        }
        of_node.or_else(|| self.modes.get(transaction).copied()).unwrap_or(XuaMode::Off)
    }

    /// Whether this caller must bring one for a transaction.
    pub(super) fn requires(&self, caller: &Caller, transaction: &str, of_node: Option<XuaMode>) -> bool {
        self.mode(caller, transaction, of_node) == XuaMode::Required
    }

    /// How long an answer to this node's refused request waits.
    fn patience(&self, caller: &Caller) -> Duration {
        let now = Instant::now();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= NODES {
            refused.retain(|_, of_node| now.duration_since(of_node.since) < PATIENCE_TIME);
        }
        let of_node = refused.entry(caller.node_key()).or_insert(OfNode { since: now, count: 0 });
        if now.duration_since(of_node.since) >= PATIENCE_TIME {
            *of_node = OfNode { since: now, count: 0 };
        }
        of_node.count += 1;
        if of_node.count == PATIENCE + 1 {
            tracing::warn!(peer = %caller.name(), "many user assertions of this node are refused; answers slow down");
        }
        if of_node.count > PATIENCE { DELAY } else { Duration::ZERO }
    }
}

/// A request on its way in, and who sent it.
pub(super) struct Sender<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) admission: &'a Admission,
    pub(super) ctx: &'a mut RequestContext,
}

impl Sender<'_> {
    /// Notes in the context for whom a message asks; nobody where no assertion is asked for and none is brought.
    ///
    /// # Errors
    /// The fault that the sender is told.
    pub(super) async fn judge(&mut self, message: &mut Decoded) -> Result<(), Refused> {
        // The assertion is good or not when it is whole, however long its message took to come.
        self.ctx.now = self.endpoint.now();
        let header = &message.header;
        self.ctx.message_id = header.message_id.as_deref().unwrap_or_default().into();
        let rejected = |fault| Refused {
            silent: *header.fault_to.as_ref().unwrap_or(&header.reply_to) == Address::None,
            rejected: Rejected { fault, relates_to: header.message_id.clone(), action: header.action.clone() },
        };
        self.ctx.user =
            self.user(message.security.take(), message.transaction, &message.request).await.map_err(rejected)?;
        Ok(())
    }

    async fn user(
        &mut self,
        received: Option<Received>,
        transaction: &'static Transaction,
        request: &Result<Request, Finding>,
    ) -> Result<Option<Arc<User>>, Fault> {
        let started = Instant::now();
        let xua = &self.endpoint.assertions;
        let mode = xua.mode(&self.ctx.caller, transaction.number, self.admission.record.xua(transaction.number));
        let (received, assertions) = match (mode, received, &xua.assertions) {
            (XuaMode::Off, _, _) | (XuaMode::Optional, None, _) => return Ok(None),
            (_, received, _) if xua.clock_is_wrong() => {
                let incident = self.ctx.fresh_uuid().to_string();
                return Err(self.at_a_wrong_clock(incident, received.as_ref(), transaction).await);
            }
            (_, Some(received), Some(assertions)) => (received, assertions),
            (XuaMode::Required | XuaMode::Optional, _, _) => {
                let refusal = Refusal::new(Reason::Missing, "no assertion");
                return Err(self.refuse(refusal, None, transaction, started).await);
            }
        };
        let asserted = Arc::new(AssertedRequest {
            caller: self.ctx.caller.clone(),
            certificate: self.admission.certificate.clone(),
            now: self.ctx.now,
            message_id: Arc::clone(&self.ctx.message_id),
            transaction: transaction.number,
            profile: xua.profile,
            patients: request.as_ref().map(patients).unwrap_or_default(),
        });
        match assertions.user(received.clone(), &asserted).await {
            Ok(user) => Ok(Some(Arc::new(user))),
            Err(AssertionError::Refused(refusal)) => {
                Err(self.refuse(refusal, claimed_subject(&received), transaction, started).await)
            }
            Err(error @ (AssertionError::Store(_) | AssertionError::Panicked)) => {
                let incident = self.ctx.fresh_uuid().to_string();
                tracing::error!(incident, %error, "a user assertion could not be judged");
                Err(Fault::Internal(incident.into()))
            }
        }
    }

    /// Refuses what no fault of the sender is: this machine does not know what time it is.
    async fn at_a_wrong_clock(
        &self,
        incident: String,
        received: Option<&Received>,
        transaction: &Transaction,
    ) -> Fault {
        const TEXT: &str = "the clock of this machine is off by more than 5 s";
        tracing::warn!(
            transaction = transaction.number,
            peer = %self.ctx.caller.name(),
            incident,
            "a request for which a user assertion counts was refused: {TEXT}"
        );
        let claimed = received.and_then(claimed_subject).map(claim).unwrap_or_default();
        let parties = self.endpoint.auditor.parties(self.ctx);
        let event = events::assertion_rejected(&parties, &claimed, AuditOutcome::Major, "XUA-CLOCK", TEXT);
        let _told = self.endpoint.auditor.record(vec![event]).await;
        Fault::Internal(incident.into())
    }

    /// Records a refusal and gives its fault when it is time.
    async fn refuse(
        &self,
        refusal: Refusal,
        claimed: Option<(&str, &str)>,
        transaction: &Transaction,
        started: Instant,
    ) -> Fault {
        self.record(refusal, claimed, transaction).await;
        sleep_until(started + REFUSAL_TIME + self.endpoint.assertions.patience(&self.ctx.caller)).await;
        Fault::Security(fault_of(refusal.fault))
    }

    /// S-XUA-30: reason code and claimed issuer and subject belong into the audit trail, and none of them into an answer. The
    /// request is refused anyhow, so a record that cannot be kept changes nothing; the store has told of it.
    async fn record(&self, refusal: Refusal, claimed: Option<(&str, &str)>, transaction: &Transaction) {
        let (reason, detail) = (refusal.reason.as_str(), refusal.detail);
        tracing::info!(
            transaction = transaction.number,
            peer = %self.ctx.caller.name(),
            reason,
            detail,
            claimed = claimed.is_some(),
            "refused a user assertion"
        );
        let claimed = claimed.map(claim).unwrap_or_default();
        // What is merely late or not there may be a mistake; anything else may be an attack.
        let outcome = match refusal.reason {
            Reason::Missing | Reason::Time => AuditOutcome::Minor,
            _ => AuditOutcome::Serious,
        };
        let parties = self.endpoint.auditor.parties(self.ctx);
        let event = events::assertion_rejected(&parties, &claimed, outcome, reason, detail);
        let _told = self.endpoint.auditor.record(vec![event]).await;
    }
}

/// `<user@issuer>` of what an assertion claims, issuer first.
fn claim((issuer, subject): (&str, &str)) -> String {
    format!("<{}@{}>", shortened(subject), shortened(issuer))
}

fn fault_of(code: FaultCode) -> SecurityFault {
    match code {
        FaultCode::UnsupportedSecurityToken => SecurityFault::UnsupportedSecurityToken,
        FaultCode::UnsupportedAlgorithm => SecurityFault::UnsupportedAlgorithm,
        FaultCode::InvalidSecurity => SecurityFault::InvalidSecurity,
        FaultCode::InvalidSecurityToken => SecurityFault::InvalidSecurityToken,
        FaultCode::FailedAuthentication => SecurityFault::FailedAuthentication,
        FaultCode::FailedCheck => SecurityFault::FailedCheck,
        FaultCode::SecurityTokenUnavailable => SecurityFault::SecurityTokenUnavailable,
        FaultCode::MessageExpired => SecurityFault::MessageExpired,
    }
}

/// Every patient that a message names; a value that is no identifier is for validation to refuse.
fn patients(request: &Request) -> Vec<PatientId> {
    let quoted = |text: &str| text.trim().trim_start_matches('(').trim_end_matches(')').trim_matches('\'').parse().ok();
    match request {
        Request::StoredQuery(query, _) => {
            let named = query.slots.iter().filter(|slot| {
                matches!(
                    &*slot.name,
                    "$XDSDocumentEntryPatientId" | "$XDSSubmissionSetPatientId" | "$XDSFolderPatientId" | "$patientId"
                )
            });
            named.flat_map(|slot| slot.values.iter()).filter_map(|value| quoted(value)).collect()
        }
        Request::ProvideAndRegister(request) => of_objects(&request.submit),
        Request::Register(submit) => of_objects(submit),
        Request::Retrieve(_) => Vec::new(),
    }
}

fn of_objects(submit: &rim::SubmitObjectsRequest) -> Vec<PatientId> {
    let schemes = [vocabulary::DE_PATIENT_ID, vocabulary::SS_PATIENT_ID, vocabulary::FD_PATIENT_ID];
    let identifiers = submit.objects.iter().flat_map(|object| object.external_identifiers.iter());
    identifiers
        .filter(|identifier| schemes.iter().any(|scheme| identifier.identification_scheme.eq_ignore_ascii_case(scheme)))
        .filter_map(|identifier| identifier.value.parse().ok())
        .collect()
}
