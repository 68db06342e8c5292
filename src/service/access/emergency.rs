//! Breaking the glass: recorded, and the word to the privacy officer on its way, before anything is shown.
//!
//! Source: S-CON-20 to S-CON-23.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use lettre::Address;
use serde::{Deserialize, Serialize};

use super::{Access, Requester, record};
use crate::{
    model::{AuditEvent, Caller, Ids, OrganisationKey, RequestContext},
    security::access::Decision,
    service::{
        Auditor, ServiceError,
        audit::events::Parties,
        jobs::{Clock, Handler, Outcome},
        mail::MailService,
    },
    store::{AskedPatients, Combination, Evidence, NewGrant, NewJob, Priority, RunningGrant, Store, StoreError},
};

/// Kind of the jobs that tell the privacy officer of a grant (within five minutes, S-CON-22).
pub const NOTIFY_PRIVACY_OFFICER: &str = "notify-privacy-officer";
/// Kind of the jobs that note the end of a grant.
pub const EMERGENCY_ENDED: &str = "emergency-ended";

#[derive(Serialize, Deserialize)]
struct OfGrant {
    grant: i64,
}

fn job(kind: &'static str, grant: i64, run_at_ms: i64, owner_org_key: OrganisationKey) -> Result<NewJob, StoreError> {
    Ok(NewJob {
        kind,
        destination: "privacy-officer".to_owned(),
        idempotency_key: Some(grant.to_string()),
        payload: serde_json::to_string(&OfGrant { grant }).map_err(|_| StoreError::Corrupt { what: "job.payload" })?,
        priority: Priority::High,
        run_at_ms,
        owner_org_key,
    })
}

impl Access {
    /// Records a grant for each patient that has none which covers what is to be opened. Nothing may be shown when this
    /// fails.
    pub(super) async fn begin_emergency(
        &self,
        requester: &Requester<'_>,
        evidence: &Evidence,
        decided: &[(Combination, Decision)],
    ) -> Result<(), ServiceError> {
        let mut opened: BTreeMap<i64, Vec<OrganisationKey>> = BTreeMap::new();
        for (it, decision) in decided.iter().filter(|(_, decision)| decision.notify) {
            debug_assert!(decision.is_permit());
            let survivor = evidence.kin.get(&it.patient_key).map_or(it.patient_key, |kin| kin.survivor_key);
            let sources = opened.entry(survivor).or_default();
            if !sources.contains(&it.owner) {
                sources.push(it.owner);
            }
        }
        leave_out_granted(&mut opened, &evidence.grants);
        if opened.is_empty() {
            return Ok(());
        }
        let begun_ms = requester.ctx.now.as_millisecond();
        let of_node = requester.ctx.caller.organisation_key();
        let organisation = requester.organisation.as_ref().map_or(of_node, |organisation| organisation.key);
        let until_ms = begun_ms.saturating_add(self.policy(requester.ctx).break_glass.lasts_ms);
        let person: Arc<str> = requester.person.as_str().into();
        let events: Arc<HashMap<i64, AuditEvent>> = self.begun_events(requester, evidence).into();
        let count = self
            .shared
            .store
            .write(move |tx| {
                let (mut opened, person, events) = (opened.clone(), Arc::clone(&person), Arc::clone(&events));
                Box::pin(async move {
                    // Two requests at once are one use.
                    let keys: Vec<i64> = opened.keys().copied().collect();
                    tx.lock_patient_keys(keys.iter().copied()).await?;
                    let running = tx.evidence(AskedPatients::Keys(&keys), &person, begun_ms).await?.grants;
                    leave_out_granted(&mut opened, &running);
                    let count = opened.len();
                    for (patient_key, sources) in opened {
                        let person = (*person).into();
                        let grant = NewGrant { patient_key, person, organisation, sources, begun_ms, until_ms };
                        let key = tx.insert_grant(&grant).await?;
                        tx.insert_audits(events.get(&patient_key).map(std::slice::from_ref).unwrap_or_default())
                            .await?;
                        tx.enqueue(&job(NOTIFY_PRIVACY_OFFICER, key, begun_ms, organisation)?, begun_ms).await?;
                        tx.enqueue(&job(EMERGENCY_ENDED, key, until_ms, organisation)?, begun_ms).await?;
                    }
                    Ok::<_, ServiceError>(count)
                })
            })
            .await?;
        if count > 0 {
            record::tell_of_emergency(requester.ctx, count);
        }
        Ok(())
    }
}

impl Access {
    /// The events that tell of it, by patient.
    fn begun_events(&self, requester: &Requester<'_>, evidence: &Evidence) -> HashMap<i64, AuditEvent> {
        let auditor = &self.shared.auditor;
        if !auditor.records() {
            return HashMap::new();
        }
        let parties = auditor.parties(requester.ctx);
        let purposes = requester.ctx.user.as_deref().map(|user| &user.purposes[..]).unwrap_or_default();
        let event = |patient: String| record::emergency_begun(&parties, &patient, purposes);
        evidence.kin.values().map(|kin| (kin.survivor_key, event(kin.patient.to_string()))).collect()
    }
}

/// Takes away, of what is opened of each patient, what running grants cover.
fn leave_out_granted(opened: &mut BTreeMap<i64, Vec<OrganisationKey>>, running: &HashMap<i64, Vec<RunningGrant>>) {
    opened.retain(|patient, sources| {
        let granted: Vec<&RunningGrant> = running.get(patient).into_iter().flatten().collect();
        sources.retain(|source| !granted.iter().any(|grant| grant.sources.contains(source)));
        !sources.is_empty()
    });
}

/// How long the privacy officer may be without word. Source: S-CON-22.
const TOLD_WITHIN_MS: i64 = 300_000;

/// The handler of [`NOTIFY_PRIVACY_OFFICER`]. With an officer it is one mail for each grant, which counts as told when the relay has
/// it; without, the grant stands on the list that `knoop consent emergencies` prints, and nobody is called.
pub fn notify_privacy_officer(store: Store, clock: Clock, officer: Option<(MailService, Address)>) -> Handler {
    Arc::new(move |job| {
        let (store, officer, now_ms) = (store.clone(), officer.clone(), clock());
        Box::pin(async move {
            let Ok(OfGrant { grant }) = serde_json::from_str(&job.payload) else {
                return Outcome::Failed("the job cannot be read".to_owned());
            };
            if let Some((mail, address)) = &officer
                && let Err(problem) = mail.tell_of_emergency(address, grant, job.created_ms, now_ms).await
            {
                let late = now_ms.saturating_sub(job.created_ms) > TOLD_WITHIN_MS;
                record::officer_not_told(grant, &problem.to_string(), late);
                return Outcome::Again(problem.to_string());
            }
            let noted = store.write(move |tx| Box::pin(async move { tx.notify_of_grant(grant, now_ms).await })).await;
            noted.map_or_else(|error: StoreError| Outcome::Again(error.to_string()), |_| Outcome::Done)
        })
    })
}

/// The handler of [`EMERGENCY_ENDED`].
pub fn emergency_ended(store: Store, clock: Clock, auditor: Auditor) -> Handler {
    Arc::new(move |job| {
        let (store, auditor, now_ms) = (store.clone(), auditor.clone(), clock());
        Box::pin(async move {
            let (Ok(OfGrant { grant }), Ok(now)) =
                (serde_json::from_str(&job.payload), jiff::Timestamp::from_millisecond(now_ms))
            else {
                return Outcome::Failed("the job cannot be read".to_owned());
            };
            let ended = store.write(move |tx| {
                let auditor = auditor.clone();
                Box::pin(async move {
                    let Some((patient, person)) = tx.end_grant(grant, now_ms).await? else { return Ok(()) };
                    if auditor.records() {
                        let ctx = RequestContext::new(Caller::loopback(), now, "".into(), Ids::Random);
                        let parties = Parties::own(&ctx, &auditor.settings().source_id);
                        tx.insert_audit(&record::emergency_ended(&parties, &patient.to_string(), &person)).await?;
                    }
                    Ok(())
                })
            });
            ended.await.map_or_else(|error: StoreError| Outcome::Again(error.to_string()), |()| Outcome::Done)
        })
    })
}
