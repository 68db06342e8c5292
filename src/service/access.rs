//! Access to registry objects and documents: gathers what a decision needs, asks `security::access`, and turns the answer
//! into what the store may show.
//!
//! One statement of the store for a request, none where the requester's organisation owns everything. What is refused is
//! not told from what does not exist; why stands in the audit trail only.
//!
//! Source: spec security §4 (S-CON-01 to S-CON-10, S-CON-20 to S-CON-23).

mod changes;
mod emergency;
mod owners;
pub(in crate::service) mod record;
mod remote;
mod requester;
mod ruling;

use std::{collections::HashMap, fmt, sync::Arc};

pub use changes::{
    Author, GivenAnswer, close_emergency, end_agreement, record_agreement, record_answers, withdraw_answer,
};
pub use emergency::{EMERGENCY_ENDED, NOTIFY_PRIVACY_OFFICER, emergency_ended, notify_privacy_officer};
pub use remote::{ConsentAnswerer, ConsentQuestion};
pub(in crate::service) use ruling::Ruling;

use crate::{
    model::{
        HomeCommunityId, NodeRole, Organisation, OrganisationKey, PatientId, RequestContext,
        consent::{AcknowledgedPolicy, Label},
        stored_query::{Selector, StoredQuery},
    },
    security::access::{
        Action, Decision, Evidence as Known, Inputs, Level, Object, Policy, Reason, RemoteAnswer, Verdict, decide,
    },
    service::{Auditor, ServiceError, audit::events::Parties},
    store::{AskedPatients, Combination, DocumentRow, Evidence, Store, StoreError, Tx},
};
use owners::Owners;
use remote::RemoteConsent;
use requester::Requester;

/// Roles with which a node may see documents.
const PULLING: &[NodeRole] = &[NodeRole::Consumer, NodeRole::InitiatingGateway];

/// What access rules may be told by configuration.
#[derive(Clone)]
pub struct AccessSettings {
    /// Whether there are any; everybody sees everything otherwise.
    pub enforce: bool,
    /// The rules.
    pub policy: Arc<Policy>,
    /// The rules from the time on that they name (S-CON-09).
    pub next_policy: Option<Arc<Policy>>,
    /// The region of this server.
    pub region: Option<HomeCommunityId>,
    /// Asked instead of the answers that are recorded here (S-CON-03).
    pub remote: Option<ConsentAnswerer>,
}

impl fmt::Debug for AccessSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy.version();
        f.debug_struct("AccessSettings").field("enforce", &self.enforce).field("policy", policy).finish_non_exhaustive()
    }
}

impl AccessSettings {
    /// These rules, in no region, without a consent service.
    pub fn new(policy: Policy) -> Self {
        Self { enforce: true, policy: Arc::new(policy), next_policy: None, region: None, remote: None }
    }
}

/// Decides for the actors. Cheap to clone; registry and repository of a server share one.
#[derive(Clone)]
pub struct Access {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    settings: AccessSettings,
    auditor: Auditor,
    owners: Owners,
    remote: Option<RemoteConsent>,
}

impl Access {
    /// Over this store, with this audit trail.
    pub fn new(store: Store, settings: AccessSettings, auditor: Auditor) -> Self {
        let remote = settings.remote.clone().map(RemoteConsent::new);
        Self { shared: Arc::new(Shared { store, settings, auditor, owners: Owners::default(), remote }) }
    }

    /// The rules at the time of a request.
    pub fn policy(&self, ctx: &RequestContext) -> &Policy {
        let settings = &self.shared.settings;
        let decides = |policy: &&Arc<Policy>| policy.change().is_none_or(|change| change.effective_from <= ctx.now);
        settings.next_policy.as_ref().filter(decides).unwrap_or(&settings.policy)
    }

    /// Keeps the policies, whole, as those that decide here from now on or from a time that is known (S-CON-09).
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn take_effect(&self, ctx: &RequestContext) -> Result<(), StoreError> {
        let settings = &self.shared.settings;
        for policy in [Some(&settings.policy), settings.next_policy.as_ref()].into_iter().flatten() {
            self.keep(ctx, Arc::clone(policy)).await?;
        }
        Ok(())
    }

    async fn keep(&self, ctx: &RequestContext, policy: Arc<Policy>) -> Result<(), StoreError> {
        let sha256: String =
            openssl::sha::sha256(policy.text().as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let auditor = &self.shared.auditor;
        let parties = Parties::own(ctx, &auditor.settings().source_id);
        let event = auditor.records().then(|| record::policy_changed(&parties, &policy, &sha256));
        let now_ms = ctx.now.as_millisecond();
        self.shared
            .store
            .write(move |tx| {
                let (policy, sha256, event) = (Arc::clone(&policy), sha256.clone(), event.clone());
                Box::pin(async move {
                    if tx.note_access_policy(policy.version(), &sha256, policy.text(), now_ms).await? {
                        tx.insert_audits(event.as_slice()).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Notes, in the transaction that registers, that an organisation owns something.
    pub(in crate::service) async fn note_owner(&self, tx: &mut Tx, owner: OrganisationKey) -> Result<(), StoreError> {
        self.shared.owners.note(tx, owner).await
    }

    /// Notes that the transaction of [`Access::note_owner`] was committed.
    pub(in crate::service) fn owner_is_kept(&self, owner: OrganisationKey) {
        self.shared.owners.is_kept(owner);
    }

    fn requester<'a>(&self, ctx: &'a RequestContext) -> Requester<'a> {
        Requester::new(ctx, self.policy(ctx))
    }

    /// What is known of these patients, and who it is that asks.
    async fn evidence(&self, requester: &mut Requester<'_>, asked: AskedPatients<'_>) -> Result<Evidence, StoreError> {
        let mut tx = self.shared.store.read().await?;
        let now_ms = requester.ctx.now.as_millisecond();
        let evidence = tx.evidence(asked, &requester.person, now_ms).await?;
        requester.identify(&mut tx, &evidence, self.shared.settings.region.as_ref()).await?;
        Ok(evidence)
    }

    /// What a query may find (S-CON-04).
    pub(in crate::service) async fn sight_of_query(
        &self,
        ctx: &RequestContext,
        query: &StoredQuery,
    ) -> Result<Ruling, ServiceError> {
        if !self.shared.settings.enforce {
            return Ok(Ruling::everything());
        }
        let mut requester = self.requester(ctx);
        let own = self.sees_all_of_own(&requester);
        if let Some(own) = own
            && self.shared.owners.is_alone(&self.shared.store, own, ctx.now.as_millisecond()).await?
        {
            return Ok(Ruling::of_own(own, self.policy(ctx)));
        }
        let evidence = self.evidence(&mut requester, patients_of(query)).await?;
        let combinations = evidence.combinations.clone();
        let decided = self.decide_all(&requester, &evidence, combinations).await?;
        Ok(Ruling::limited(own, decided, self.policy(ctx)))
    }

    /// Whether the requester may see anything of this patient, and so may know that there is something (S-CON-06).
    pub(in crate::service) async fn tells_of(
        &self,
        ctx: &RequestContext,
        patient: &PatientId,
    ) -> Result<bool, ServiceError> {
        if !self.shared.settings.enforce {
            return Ok(true);
        }
        let mut requester = self.requester(ctx);
        let evidence = self.evidence(&mut requester, AskedPatients::Patient(patient)).await?;
        let combinations = evidence.combinations.clone();
        let decided = self.decide_all(&requester, &evidence, combinations).await?;
        Ok(decided.iter().any(|(_, decision)| decision.is_permit()))
    }

    /// Which of these documents may be retrieved (S-CON-05); none for one that does not exist.
    pub(in crate::service) async fn documents(
        &self,
        ctx: &RequestContext,
        rows: &[Option<DocumentRow>],
    ) -> Result<(Vec<bool>, Ruling), ServiceError> {
        if !self.shared.settings.enforce {
            return Ok((rows.iter().map(Option::is_some).collect(), Ruling::everything()));
        }
        let mut requester = self.requester(ctx);
        let own = self.sees_all_of_own(&requester);
        let is_own = |row: &DocumentRow| own == Some(row.owner_org_key);
        if let Some(own) = own
            && rows.iter().all(|row| row.as_ref().is_some_and(is_own))
        {
            return Ok((vec![true; rows.len()], Ruling::of_own(own, self.policy(ctx))));
        }
        // Also where nothing was found: a refusal takes the same way as an absence.
        let others = || rows.iter().flatten().filter(|row| !is_own(row));
        let keys: Vec<i64> = others().map(|row| row.patient_key).collect();
        let evidence = self.evidence(&mut requester, AskedPatients::Keys(&keys)).await?;
        let mut combinations: Vec<Combination> = others().map(combination).collect();
        combinations.sort_unstable_by_key(|it| (it.patient_key, it.owner));
        combinations.dedup();
        let decided = self.decide_all(&requester, &evidence, combinations).await?;
        let ruling = Ruling::limited(own, decided, self.policy(ctx));
        let may = |row: &Option<DocumentRow>| row.as_ref().is_some_and(|row| ruling.shows(&combination(row)));
        Ok((rows.iter().map(may).collect(), ruling))
    }

    /// Whether entries of other organisations may be pointed to, each by its combination. No consent service is asked
    /// and no glass is broken for that.
    pub(in crate::service) async fn may_refer(
        &self,
        tx: &mut Tx,
        ctx: &RequestContext,
        combinations: &[Combination],
    ) -> Result<Vec<bool>, StoreError> {
        if !self.shared.settings.enforce {
            return Ok(vec![true; combinations.len()]);
        }
        let mut requester = self.requester(ctx);
        let keys: Vec<i64> = combinations.iter().map(|it| it.patient_key).collect();
        let now_ms = ctx.now.as_millisecond();
        let evidence = tx.evidence(AskedPatients::Keys(&keys), &requester.person, now_ms).await?;
        requester.identify(tx, &evidence, self.shared.settings.region.as_ref()).await?;
        let remote = self.shared.remote.as_ref().map(|_| RemoteAnswer::Indeterminate);
        let may = |it: &Combination| {
            let decision = self.decide(&requester, &evidence, it, remote);
            decision.is_permit() && !decision.notify
        };
        Ok(combinations.iter().map(may).collect())
    }

    /// Whether the requester changes what belongs to somebody else (D2).
    pub(in crate::service) fn may_change(&self, ctx: &RequestContext, owner: OrganisationKey) -> bool {
        if !self.shared.settings.enforce {
            return true;
        }
        let requester = self.requester(ctx);
        let own = &ctx.caller.node.organisation;
        let organisation = (own.key == owner).then_some(&**own);
        let label = Label::default();
        let inputs = Inputs {
            action: Action::Push,
            requester: Some(own),
            roles: &NodeRole::ALL,
            ..self.inputs(&requester, organisation, &label, None)
        };
        decide(&inputs).is_permit()
    }

    /// The requester's organisation, where all that it owns may be seen whatever patient it is of (D4).
    fn sees_all_of_own(&self, requester: &Requester<'_>) -> Option<OrganisationKey> {
        let ctx = requester.ctx;
        // An assertion about one patient serves for no other.
        if ctx.user.as_ref().is_some_and(|user| user.patient.is_some()) {
            return None;
        }
        // Whom a gateway speaks for is not known yet.
        let own = requester.organisation.as_ref()?;
        let sees = |level: Level| {
            let confidentiality = format!("{}^^2.16.840.1.113883.5.25", level.as_str()).into();
            let label = Label { confidentiality, ..Label::default() };
            decide(&self.inputs(requester, Some(own), &label, None)).is_permit()
        };
        Level::ALL.into_iter().all(sees).then_some(own.key)
    }

    fn inputs<'a>(
        &'a self,
        requester: &'a Requester<'_>,
        owner: Option<&'a Organisation>,
        label: &'a Label,
        patient: Option<&'a PatientId>,
    ) -> Inputs<'a> {
        Inputs {
            policy: self.policy(requester.ctx),
            node: &requester.ctx.caller.node,
            requester: requester.organisation.as_deref(),
            user: requester.ctx.user.as_deref(),
            claims: &requester.claims,
            about: requester.about.as_ref(),
            action: Action::Pull,
            roles: PULLING,
            object: Object {
                owner,
                data_category: &label.data_category,
                confidentiality: &label.confidentiality,
                patient,
            },
            evidence: Known::default(),
            region: self.shared.settings.region.as_ref(),
            now_ms: requester.ctx.now.as_millisecond(),
        }
    }

    fn decide(
        &self,
        requester: &Requester<'_>,
        evidence: &Evidence,
        combination: &Combination,
        remote: Option<RemoteAnswer>,
    ) -> Decision {
        let owner = organisation(requester.ctx, evidence, combination.owner);
        let kin = evidence.kin.get(&combination.patient_key);
        let survivor = kin.map_or(combination.patient_key, |kin| kin.survivor_key);
        let region = |owner: OrganisationKey| {
            let organisation = organisation(requester.ctx, evidence, owner);
            organisation.and_then(|it| it.region.clone()).or_else(|| self.shared.settings.region.clone())
        };
        let policies: Vec<AcknowledgedPolicy> = evidence
            .policies
            .get(&survivor)
            .into_iter()
            .flatten()
            .map(|row| AcknowledgedPolicy { policy: row.policy.clone(), period: row.period, region: region(row.owner) })
            .collect();
        let known = Known {
            answers: evidence.answers.get(&survivor).map(Vec::as_slice).unwrap_or_default(),
            policies: &policies,
            agreements: &evidence.agreements,
            remote,
        };
        let patient = kin.map(|kin| &kin.patient);
        decide(&Inputs { evidence: known, ..self.inputs(requester, owner, &combination.label, patient) })
    }

    /// Decides for every combination; what breaks the glass is permitted only after that is recorded (S-CON-23).
    async fn decide_all(
        &self,
        requester: &Requester<'_>,
        evidence: &Evidence,
        combinations: Vec<Combination>,
    ) -> Result<Vec<(Combination, Decision)>, ServiceError> {
        let remote = self.ask_remote(requester, evidence, &combinations).await;
        let mut decided: Vec<(Combination, Decision)> = combinations
            .into_iter()
            .map(|it| {
                let answer = remote.as_ref().map(|said| said.get(&it).copied().unwrap_or(RemoteAnswer::Indeterminate));
                let decision = self.decide(requester, evidence, &it, answer);
                (it, decision)
            })
            .collect();
        if decided.iter().any(|(_, decision)| decision.notify)
            && let Err(error) = self.begin_emergency(requester, evidence, &decided).await
        {
            record::emergency_refused(requester.ctx, &error);
            for (_, decision) in decided.iter_mut().filter(|(_, decision)| decision.notify) {
                (decision.verdict, decision.notify) = (Verdict::Deny(Reason::NoAnswer), false);
            }
        }
        Ok(decided)
    }

    /// What the consent service says; none where there is none. Asked of what it can change only.
    async fn ask_remote(
        &self,
        requester: &Requester<'_>,
        evidence: &Evidence,
        combinations: &[Combination],
    ) -> Option<HashMap<Combination, RemoteAnswer>> {
        let remote = self.shared.remote.as_ref()?;
        let ctx = requester.ctx;
        let asking = requester.organisation.as_ref();
        let mut questions: HashMap<ConsentQuestion, Vec<Combination>> = HashMap::new();
        for it in combinations {
            let best = self.decide(requester, evidence, it, Some(RemoteAnswer::Permit));
            let (Some(asking), Some(owner), Some(kin)) =
                (asking, organisation(ctx, evidence, it.owner), evidence.kin.get(&it.patient_key))
            else {
                continue;
            };
            if best.is_permit() && owner.key != asking.key {
                let claims = &requester.claims;
                let question = remote::question(asking, claims, &kin.patient, owner, &it.label.data_category);
                questions.entry(question).or_default().push(it.clone());
            }
        }
        let now_ms = ctx.now.as_millisecond();
        let said = remote.ask(questions.keys().cloned().collect(), now_ms).await;
        if said.values().any(|answer| *answer == RemoteAnswer::Indeterminate) {
            record::consent_service_failed(ctx);
        }
        let of_combinations = said.into_iter().flat_map(|(question, answer)| {
            questions.remove(&question).unwrap_or_default().into_iter().map(move |it| (it, answer))
        });
        Some(of_combinations.collect())
    }
}

/// An organisation, if it is known.
fn organisation<'a>(ctx: &'a RequestContext, evidence: &'a Evidence, key: OrganisationKey) -> Option<&'a Organisation> {
    let own = &ctx.caller.node.organisation;
    if own.key == key { Some(own) } else { evidence.organisations.get(&key).map(|it| &**it) }
}

fn combination(row: &DocumentRow) -> Combination {
    let data_category = row.data_category.parse().unwrap_or_else(|_| Label::default().data_category);
    let label = Label { data_category, confidentiality: row.confidentiality.clone() };
    Combination { patient_key: row.patient_key, owner: row.owner_org_key, label }
}

/// Whose objects a query can find.
fn patients_of(query: &StoredQuery) -> AskedPatients<'_> {
    let by: fn(&Selector) -> AskedPatients<'_> = |selector| match selector {
        Selector::EntryUuid(uuids) => AskedPatients::Objects(uuids),
        Selector::UniqueId(ids) => AskedPatients::UniqueIds(ids),
    };
    match query {
        StoredQuery::FindDocuments { patient_id, .. }
        | StoredQuery::FindSubmissionSets { patient_id, .. }
        | StoredQuery::FindFolders { patient_id, .. }
        | StoredQuery::GetAll { patient_id, .. } => AskedPatients::Patient(patient_id),
        StoredQuery::GetAssociations(uuids) | StoredQuery::GetSubmissionSets(uuids) => AskedPatients::Objects(uuids),
        StoredQuery::GetDocuments(selector)
        | StoredQuery::GetFolders(selector)
        | StoredQuery::GetDocumentsAndAssociations(selector)
        | StoredQuery::GetFoldersForDocument(selector)
        | StoredQuery::GetSubmissionSetAndContents { selector, .. }
        | StoredQuery::GetFolderAndContents { selector, .. }
        | StoredQuery::GetRelatedDocuments { selector, .. } => by(selector),
    }
}
