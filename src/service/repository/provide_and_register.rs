//! ITI-41, Provide and Register Document Set-b.
//!
//! Bytes first, metadata second: a document lies under its name, flushed, before the transaction that makes it known
//! commits, and only then does Success leave. What is left over after a failure is taken by the sweep, never here.
//!
//! Source: ITI TF-2 §3.41.4.1.3 (R-41-*).

use super::{
    RegistryLink, Repository, SubmittedDocument,
    complete::{Matched, complete},
    unconfirmed,
};
use crate::{
    client::{RegisterOutcome, RemoteRegistry},
    model::{
        DocumentUniqueId, Finding, RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode,
        rim::SubmitObjectsRequest,
    },
    service::{Actor, ServiceError},
    store::{DocumentRow, DocumentState, NewDocument, documents::Received},
    validate,
};

/// Which of these documents have another size or hash than the one that held their uniqueId before (R-41-09).
pub(in crate::service) fn differing(documents: &[NewDocument], held: &[Option<DocumentRow>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (document, row) in documents.iter().zip(held).filter_map(|(document, row)| Some((document, row.as_ref()?))) {
        let mut differs = |code| findings.push(Finding::error(code, "R-41-09", document.unique_id.as_str()));
        if document.size_bytes != row.size_bytes {
            differs(XdsErrorCode::NonIdenticalSize);
        }
        if document.sha1 != row.sha1 {
            differs(XdsErrorCode::NonIdenticalHash);
        }
    }
    findings
}

/// patient_key of a document whose registry is elsewhere: this database knows no patients then.
const NO_PATIENT: i64 = 0;

impl Repository {
    /// Keeps the documents and registers their metadata: both, or neither.
    pub async fn provide_and_register(
        &self,
        ctx: &mut RequestContext,
        submit: SubmitObjectsRequest,
        documents: Vec<SubmittedDocument>,
    ) -> RegistryResponse {
        match self.try_provide_and_register(ctx, submit, documents).await {
            Ok(response) => response,
            Err(error) => error.into_response(Actor::Repository, &ctx.fresh_uuid().to_string()),
        }
    }

    async fn try_provide_and_register(
        &self,
        ctx: &mut RequestContext,
        mut submit: SubmitObjectsRequest,
        documents: Vec<SubmittedDocument>,
    ) -> Result<RegistryResponse, ServiceError> {
        let mut findings = validate::repository(&submit);
        let completed = complete(&mut submit, documents, &self.settings.repository_unique_id);
        let matched = match completed {
            Ok(matched) if findings.is_empty() => matched,
            Ok(_) => return Err(ServiceError::Refused(findings)),
            Err(found) => {
                findings.extend(found);
                return Err(ServiceError::Refused(findings));
            }
        };
        let new = self.new_documents(ctx, &matched);
        let received: Vec<Received> = matched.into_iter().map(|document| document.received).collect();
        self.place(ctx, &new, received).await?;
        match &self.registry {
            RegistryLink::Local(registry) => {
                let warnings = registry.register_with_documents(ctx, submit, new).await?;
                Ok(RegistryResponse { status: ResponseStatus::Success, findings: warnings })
            }
            RegistryLink::Remote(registry) => self.register_remotely(registry, ctx, submit, new).await,
        }
    }

    fn new_documents(&self, ctx: &RequestContext, matched: &[Matched]) -> Vec<NewDocument> {
        matched
            .iter()
            .map(|document| NewDocument {
                unique_id: document.unique_id.clone(),
                blob_id: document.received.blob_id,
                size_bytes: document.received.size_bytes,
                sha1: document.received.sha1,
                sha256: document.received.sha256,
                crc32: document.received.crc32,
                mime_type: document.mime_type.clone(),
                patient_key: NO_PATIENT,
                entry_uuid: None,
                owner_org_key: ctx.caller.organisation_key,
                source_node_key: ctx.caller.node_key,
                data_category: "".into(),
                confidentiality: "".into(),
            })
            .collect()
    }

    /// Refuses other bytes under a known uniqueId, then brings the bytes to their final place, flushed.
    async fn place(
        &self,
        ctx: &RequestContext,
        new: &[NewDocument],
        received: Vec<Received>,
    ) -> Result<(), ServiceError> {
        if new.is_empty() {
            return Ok(());
        }
        let unique_ids: Vec<&str> = new.iter().map(|d| d.unique_id.as_str()).collect();
        let held = self.store.read().await?.find_documents(&unique_ids).await?;
        let findings = differing(new, &held);
        if !findings.is_empty() {
            return Err(ServiceError::Refused(findings));
        }
        let blobs: Vec<_> = new.iter().map(|d| d.blob_id).collect();
        let lease_until_ms = ctx.now.as_millisecond() + self.settings.pending_lease_ms;
        self.store
            .write(move |tx| {
                let blobs = blobs.clone();
                Box::pin(async move { tx.pend_blobs(&blobs, lease_until_ms).await })
            })
            .await?;
        self.documents.place(received).await?;
        Ok(())
    }

    /// Registers with a registry elsewhere. Documents can be retrieved before it answers, since it may fetch at once
    /// (R-41-01); after a Failure they are forgotten, after an unknown outcome they stay unconfirmed and a job asks
    /// again (R-41-13).
    async fn register_remotely(
        &self,
        registry: &RemoteRegistry,
        ctx: &mut RequestContext,
        submit: SubmitObjectsRequest,
        new: Vec<NewDocument>,
    ) -> Result<RegistryResponse, ServiceError> {
        let now_ms = ctx.now.as_millisecond();
        let lease_until_ms = now_ms + self.settings.pending_lease_ms;
        let unique_ids: Vec<DocumentUniqueId> = new.iter().map(|d| d.unique_id.clone()).collect();
        let job = unconfirmed::job(&submit, &unique_ids, ctx.caller.organisation_key, now_ms, lease_until_ms)?;
        let job_id = self
            .store
            .write(move |tx| {
                let (documents, job) = (new.clone(), job.clone());
                Box::pin(async move {
                    let held = tx.keep_documents(&documents, DocumentState::Unconfirmed, now_ms).await?;
                    let findings = differing(&documents, &held);
                    if !findings.is_empty() {
                        return Err(ServiceError::Refused(findings));
                    }
                    Ok(tx.enqueue(&job, now_ms).await?)
                })
            })
            .await?;
        let sent = Sent { unique_ids, job_id, now_ms, lease_until_ms };
        let not_available = |text: &str| {
            let code = XdsErrorCode::RegistryNotAvailable;
            RegistryResponse::failure(vec![Finding::error(code, "R-41-11", text)])
        };
        match registry.register(ctx, &submit).await {
            RegisterOutcome::Answered(response) if response.status == ResponseStatus::Success => {
                self.settle(sent, Outcome::Registered).await?;
                Ok(response)
            }
            RegisterOutcome::Answered(response) => {
                self.settle(sent, Outcome::Refused).await?;
                Ok(response)
            }
            RegisterOutcome::NotReached => {
                self.settle(sent, Outcome::Refused).await?;
                Ok(not_available("the registry could not be reached; nothing was registered"))
            }
            RegisterOutcome::Unknown => {
                Ok(not_available("the registry did not answer in time; whether it registered is being looked into"))
            }
        }
    }

    async fn settle(&self, sent: Sent, outcome: Outcome) -> Result<(), ServiceError> {
        self.store
            .write(move |tx| {
                let sent = sent.clone();
                Box::pin(async move {
                    let unique_ids: Vec<&str> = sent.unique_ids.iter().map(DocumentUniqueId::as_str).collect();
                    tx.withdraw_job(sent.job_id, sent.now_ms).await?;
                    match outcome {
                        Outcome::Registered => tx.confirm_documents(&unique_ids).await,
                        Outcome::Refused => tx.release_documents(&unique_ids, sent.lease_until_ms).await,
                    }
                })
            })
            .await?;
        Ok(())
    }
}

/// A request that was sent to a registry elsewhere.
#[derive(Clone)]
struct Sent {
    unique_ids: Vec<DocumentUniqueId>,
    /// The job that looks into it should this request never learn the outcome.
    job_id: i64,
    now_ms: i64,
    lease_until_ms: i64,
}

/// What the registry elsewhere did.
#[derive(Clone, Copy)]
enum Outcome {
    Registered,
    Refused,
}
