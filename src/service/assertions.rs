//! User assertions of requests: judged, entered in the ledger, held against the patient.
//!
//! Source: spec security §3.3, §3.4.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    model::{AttributeProfile, Caller, Ids, PatientId, RequestContext, User},
    security::{
        assertion::{
            AssertionSettings, AssertionVerifier, Presentation, Reason, Received, Refusal, Verified, claims, verify,
        },
        tls::PeerCertificate,
    },
    service::{Auditor, audit::events},
    store::{AssertionLedger, AssertionUse, Store, StoreError, UseVerdict},
};

/// Who judges assertions: settings, a verifier, the ledger of all processes, the trail for alerts.
#[derive(Clone)]
pub struct Assertions {
    settings: Arc<ArcSwap<AssertionSettings>>,
    verifier: Arc<dyn AssertionVerifier>,
    ledger: AssertionLedger,
    store: Store,
    auditor: Auditor,
}

/// A request that brought an assertion.
#[derive(Clone, Debug)]
pub struct AssertedRequest {
    /// Who brought it.
    pub caller: Caller,
    /// Its TLS certificate, for holder-of-key.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// When it arrived.
    pub now: jiff::Timestamp,
    /// wsa:MessageID, empty if there was none.
    pub message_id: Arc<str>,
    /// `ITI-18` and the like.
    pub transaction: &'static str,
    /// The attributes that this partner's assertions must have.
    pub profile: AttributeProfile,
    /// The patients that the message names.
    pub patients: Vec<PatientId>,
}

/// Why a request goes no further.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AssertionError {
    /// The assertion is refused.
    #[error("the assertion is refused: {}", .0.reason.as_str())]
    Refused(Refusal),
    /// It could not be judged.
    #[error("the assertion could not be judged: {0}")]
    Store(#[from] StoreError),
    /// The judging ended in a panic.
    #[error("the assertion could not be judged")]
    Panicked,
}

impl From<Refusal> for AssertionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Assertions {
    /// Judges with these.
    pub fn new(
        settings: AssertionSettings,
        verifier: Arc<dyn AssertionVerifier>,
        ledger: AssertionLedger,
        store: Store,
        auditor: Auditor,
    ) -> Self {
        Self { settings: Arc::new(ArcSwap::from_pointee(settings)), verifier, ledger, store, auditor }
    }

    /// Takes other issuers and rules, for this and every later request.
    pub fn replace(&self, settings: AssertionSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// The user for whom a request asks: all steps of the order of validation.
    ///
    /// # Errors
    /// With the first step that fails.
    pub async fn user(&self, received: Received, request: &Arc<AssertedRequest>) -> Result<User, AssertionError> {
        let (settings, verifier) = (self.settings.load_full(), Arc::clone(&self.verifier));
        let rules = Arc::clone(&settings);
        let asserted = Arc::clone(request);
        let judged = tokio::task::spawn_blocking(move || {
            let presentation = presentation(&asserted);
            let verified = verify(&received, &presentation, &settings, &*verifier)?;
            let user = claims(&verified, &presentation, &settings);
            Ok::<_, Refusal>((verified, user))
        });
        let (verified, user) = judged.await.map_err(|_| AssertionError::Panicked)??;
        self.enter(&verified, request, &rules).await?; // 12
        let user = user?; // 13 and 15
        self.same_patient(&user, &request.patients).await?; // 14
        Ok(user)
    }

    /// Forgets uses that have ended.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn purge(&self, now_ms: i64) -> Result<u64, StoreError> {
        self.ledger.purge(now_ms).await
    }

    async fn enter(
        &self,
        verified: &Verified,
        request: &AssertedRequest,
        settings: &AssertionSettings,
    ) -> Result<(), AssertionError> {
        let expires = verified.not_on_or_after() + settings.skew;
        let entry = AssertionUse {
            issuer: verified.issuer().into(),
            id: verified.id().into(),
            digest: verified.digest(),
            message_id: (*request.message_id).into(),
            node: (*request.caller.node.name).into(),
            forwarders: Arc::clone(&settings.forwarders),
            one_time: verified.one_time_use(),
            issued_ms: verified.issue_instant().as_millisecond(),
            expires_ms: expires.as_millisecond(),
        };
        let detail = match self.ledger.enter(entry).await? {
            UseVerdict::Fresh => return Ok(()),
            UseVerdict::Replayed => "used before",
            UseVerdict::OtherNode => self.alert(verified.issuer(), request, "used before by another node").await,
            UseVerdict::OtherBytes => {
                self.alert(verified.issuer(), request, "other signed octets under the same ID").await
            }
            UseVerdict::TooOld => "made before an unclean end of the machine",
            UseVerdict::Full => "the ledger is full",
        };
        Err(Refusal::new(Reason::Replay, detail).into())
    }

    /// S-XUA-21: a genuine assertion is in the wrong hands, or its token service makes two of one name. The request is refused
    /// anyhow, so an alert that cannot be kept changes nothing; the store has told of it. Gives the detail back.
    async fn alert(&self, issuer: &str, request: &AssertedRequest, detail: &'static str) -> &'static str {
        let (node, reason) = (&**request.caller.name(), Reason::Replay.as_str());
        tracing::warn!(node, reason, detail, "a user assertion was brought by whom it was not given to");
        let message_id = Arc::clone(&request.message_id);
        let ctx = RequestContext::new(request.caller.clone(), request.now, message_id, Ids::Random);
        let event = events::denied(&self.auditor.parties(&ctx), None, issuer, reason, detail);
        let _told = self.auditor.record(vec![event]).await;
        detail
    }

    /// Step 14: the patient that the assertion names, if it names one, is the patient of the request.
    async fn same_patient(&self, user: &User, patients: &[PatientId]) -> Result<(), AssertionError> {
        let Some(asserted) = &user.patient else { return Ok(()) };
        let others: Vec<&PatientId> = patients.iter().filter(|patient| *patient != asserted).collect();
        if others.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.read().await?;
        let survivor = tx.find_patient(asserted).await?.map(|row| row.survivor_key);
        for patient in others {
            let same = tx.find_patient(patient).await?.map(|row| row.survivor_key);
            if survivor.is_none() || same != survivor {
                return Err(Refusal::new(Reason::Patient, "another patient").into());
            }
        }
        Ok(())
    }
}

fn presentation(request: &AssertedRequest) -> Presentation<'_> {
    Presentation {
        now: request.now,
        node: &request.caller.node,
        transaction: request.transaction,
        address: request.caller.address,
        client_key: request.certificate.as_ref().and_then(|certificate| certificate.public_key()),
        profile: request.profile,
    }
}
