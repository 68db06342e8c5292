//! What became of a registration elsewhere that was never answered: a job asks the registry, and keeps or forgets the
//! documents.
//!
//! The job is enqueued in the transaction that keeps the documents, so that it survives whatever happens to the request,
//! and withdrawn when the request learns the outcome itself.
//!
//! Source: ITI TF-2 §3.41.4.1.3.2 (R-41-13).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{RegistryLink, Repository};
use crate::{
    model::{
        DocumentUniqueId,
        rim::{RimKind, SubmitObjectsRequest},
        vocabulary as v,
    },
    service::jobs::{Clock, Handler, Outcome},
    store::{NewJob, Priority, StoreError, TakenJob},
};

/// Kind of these jobs.
pub const CONFIRM_REGISTRATION: &str = "confirm-registration";

/// How long after a request can no longer learn the outcome by itself the registry is asked: it may still be at work.
const FIRST_LOOK_MS: i64 = 5 * 60_000;

#[derive(Serialize, Deserialize)]
struct Unconfirmed {
    /// uniqueId of the SubmissionSet, by which the registry is asked.
    submission_set: String,
    /// uniqueIds of the documents.
    documents: Vec<String>,
    /// When the bytes may be swept after the documents are forgotten.
    lease_until_ms: i64,
}

/// The job for a request that is about to be sent and may wait so long for its answer.
pub(super) fn job(
    patience: Duration,
    submit: &SubmitObjectsRequest,
    documents: &[DocumentUniqueId],
    owner_org_key: i64,
    now_ms: i64,
    lease_until_ms: i64,
) -> Result<NewJob, StoreError> {
    let set = submit.objects.iter().filter(|object| object.kind == RimKind::RegistryPackage);
    let submission_set = set.filter_map(|set| set.external_identifier(v::SS_UNIQUE_ID)).next().unwrap_or_default();
    let unconfirmed = Unconfirmed {
        submission_set: submission_set.to_owned(),
        documents: documents.iter().map(ToString::to_string).collect(),
        lease_until_ms,
    };
    let patience_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX / 2);
    Ok(NewJob {
        kind: CONFIRM_REGISTRATION,
        destination: "registry".to_owned(),
        idempotency_key: None,
        payload: serde_json::to_string(&unconfirmed).map_err(|_| StoreError::Corrupt { what: "job.payload" })?,
        priority: Priority::Normal,
        run_at_ms: now_ms.saturating_add(patience_ms).saturating_add(FIRST_LOOK_MS),
        owner_org_key,
    })
}

impl Repository {
    /// The handler of [`CONFIRM_REGISTRATION`].
    pub fn confirm_registration(self, clock: Clock) -> Handler {
        Arc::new(move |job| {
            let (repository, clock) = (self.clone(), Arc::clone(&clock));
            Box::pin(async move { repository.look_into(&job, &clock).await })
        })
    }

    /// Documents are let go and the job is finished in one transaction: letting go twice would take a document away from
    /// another request that relies on it.
    async fn look_into(&self, job: &TakenJob, clock: &Clock) -> Outcome {
        let RegistryLink::Remote(registry) = &self.registry else {
            return Outcome::Again("no remote registry is configured".to_owned());
        };
        let Ok(unconfirmed) = serde_json::from_str::<Unconfirmed>(&job.payload) else {
            return Outcome::Failed("the job cannot be read".to_owned());
        };
        let Some(registered) = registry.knows_submission_set(&unconfirmed.submission_set).await else {
            return Outcome::Again("the registry gave no answer".to_owned());
        };
        let (lease, now_ms) = (job.lease, clock());
        let settled = self
            .store
            .write(move |tx| {
                let documents = unconfirmed.documents.clone();
                let lease_until_ms = unconfirmed.lease_until_ms;
                Box::pin(async move {
                    if !tx.finish_job(lease, now_ms).await? {
                        return Ok(());
                    }
                    let unique_ids: Vec<&str> = documents.iter().map(String::as_str).collect();
                    match registered {
                        true => tx.confirm_documents(&unique_ids).await,
                        false => tx.release_documents(&unique_ids, lease_until_ms).await,
                    }
                })
            })
            .await;
        settled.map_or_else(|error: StoreError| Outcome::Again(error.to_string()), |()| Outcome::Settled)
    }
}
