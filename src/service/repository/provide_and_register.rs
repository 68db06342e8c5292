//! ITI-41, Provide and Register Document Set-b.
//!
//! Bytes first, metadata second: a document lies under its name, flushed, before the transaction that makes it known
//! commits, and only then does Success leave. What is left over after a failure is taken by the sweep, never here.
//!
//! Source: ITI TF-2 §3.41.4.1.3 (R-41-*).

use std::sync::Arc;

use super::{
    RegistryLink, Repository, SubmittedDocument,
    audited::{Hop, Sending},
    complete::{Matched, complete},
    labels::{self, Labelled},
    unconfirmed,
};
use crate::{
    client::{RegisterOutcome, RemoteRegistry},
    model::{
        AuditEvent, AuditOutcome, DocumentUniqueId, Finding, RegistryResponse, RequestContext, ResponseStatus,
        XdsErrorCode, consent::Label, rim::SubmitObjectsRequest,
    },
    service::{
        Actor, ServiceError,
        audit::events::{MediaImport, Verdict},
        registry::{self, Identified, non_identical},
    },
    store::{DocumentRow, DocumentState, NewDocument, PackageJob, documents::Received},
    validate,
};

/// Which of these documents have another size or hash than the one that held their uniqueId before (R-41-09).
pub(in crate::service) fn differing(documents: &[NewDocument], held: &[Option<DocumentRow>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (document, row) in documents.iter().zip(held).filter_map(|(document, row)| Some((document, row.as_ref()?))) {
        let (other_size, other_hash) = (document.size_bytes != row.size_bytes, document.sha1 != row.sha1);
        let codes = non_identical(other_size, other_hash, document.owner_org_key == row.owner_org_key);
        findings.extend(codes.map(|code| Finding::error(code, "R-41-09", document.unique_id.as_str())));
    }
    findings
}

/// patient_key of a document until its metadata are read.
const NO_PATIENT: i64 = 0;

impl Repository {
    /// Keeps the documents and registers their metadata: both, or neither.
    pub async fn provide_and_register(
        &self,
        ctx: &mut RequestContext,
        submit: SubmitObjectsRequest,
        documents: Vec<SubmittedDocument>,
    ) -> RegistryResponse {
        let sending = Sending { identified: Identified::of(&submit), media: None, job: None };
        self.take(ctx, submit, documents, &sending).await
    }

    /// The same for a submission set that came on a medium (ITI-32): the audit tells of that instead. `job` is the one in which that
    /// is done: nothing is registered once its package was withdrawn.
    pub(in crate::service) async fn import_from_media(
        &self,
        ctx: &mut RequestContext,
        submit: SubmitObjectsRequest,
        documents: Vec<SubmittedDocument>,
        media: &MediaImport<'_>,
        job: Option<PackageJob>,
    ) -> RegistryResponse {
        let sending = Sending { identified: Identified::of(&submit), media: Some(media), job };
        self.take(ctx, submit, documents, &sending).await
    }

    async fn take(
        &self,
        ctx: &mut RequestContext,
        submit: SubmitObjectsRequest,
        documents: Vec<SubmittedDocument>,
        sending: &Sending<'_>,
    ) -> RegistryResponse {
        match self.try_provide_and_register(ctx, submit, documents, sending).await {
            Ok(response) => response,
            Err(error) => {
                let response = error.into_response(Actor::Repository, &ctx.fresh_uuid().to_string());
                let failure = self.submitted(ctx, sending, &Verdict::of(&response), Hop::NotReached);
                match self.auditor.record(failure).await {
                    Ok(()) => response,
                    Err(error) => {
                        ServiceError::from(error).into_response(Actor::Repository, &ctx.fresh_uuid().to_string())
                    }
                }
            }
        }
    }

    async fn try_provide_and_register(
        &self,
        ctx: &mut RequestContext,
        mut submit: SubmitObjectsRequest,
        documents: Vec<SubmittedDocument>,
        sending: &Sending<'_>,
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
        self.check_privacy_consents(&submit, &new).await?;
        match &self.registry {
            RegistryLink::Local(registry) => {
                let success = self.submitted(ctx, sending, &Verdict::success(), Hop::Within);
                match registry.register_with_documents(ctx, submit, new, success, sending.job).await {
                    Ok(warnings) => Ok(RegistryResponse { status: ResponseStatus::Success, findings: warnings }),
                    Err(error) => {
                        let response = error.into_response(Actor::Repository, &ctx.fresh_uuid().to_string());
                        let failure = self.submitted(ctx, sending, &Verdict::of(&response), Hop::Within);
                        self.auditor.record(failure).await?;
                        Ok(response)
                    }
                }
            }
            RegistryLink::Remote(_) if !self.is_wanted(sending.job).await? => {
                Err(ServiceError::Refused(vec![registry::withdrawn()]))
            }
            RegistryLink::Remote(registry) => self.register_remotely(registry, ctx, submit, new, sending).await,
        }
    }

    /// Whether the job in which a set is taken still is to be done.
    async fn is_wanted(&self, job: Option<PackageJob>) -> Result<bool, ServiceError> {
        match job {
            Some(job) => Ok(self.store.read().await?.is_xdm_package_wanted(job).await?),
            None => Ok(true),
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
                owner_org_key: ctx.caller.organisation_key(),
                source_node_key: ctx.caller.node_key(),
                label: Label::default(),
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
        sending: &Sending<'_>,
    ) -> Result<RegistryResponse, ServiceError> {
        let now_ms = ctx.now.as_millisecond();
        let lease_until_ms = now_ms + self.settings.pending_lease_ms;
        let unique_ids: Vec<DocumentUniqueId> = new.iter().map(|d| d.unique_id.clone()).collect();
        let (access, owner) = (self.access.clone(), ctx.caller.organisation_key());
        let labelled: Arc<[Labelled]> = labels::labelled(new, &submit, self.access.policy(ctx)).into();
        let job = unconfirmed::job(
            registry.patience(),
            &submit,
            &unique_ids,
            ctx.caller.organisation_key(),
            now_ms,
            lease_until_ms,
        )?;
        let job_id = self
            .store
            .write(move |tx| {
                let (labelled, job, access) = (Arc::clone(&labelled), job.clone(), access.clone());
                Box::pin(async move {
                    access.note_owner(tx, owner).await?;
                    let documents = labels::of_patients(tx, &labelled, now_ms).await?;
                    let held = tx.keep_documents(&documents, DocumentState::Unconfirmed, now_ms).await?;
                    let findings = differing(&documents, &held);
                    if !findings.is_empty() {
                        return Err(ServiceError::Refused(findings));
                    }
                    Ok(tx.enqueue(&job, now_ms).await?)
                })
            })
            .await?;
        self.access.owner_is_kept(owner);
        let sent = Sent { unique_ids, job_id, now_ms, lease_until_ms };
        let not_available = |text: &str| {
            let code = XdsErrorCode::RegistryNotAvailable;
            RegistryResponse::failure(vec![Finding::error(code, "R-41-11", text)])
        };
        let hop = Hop::To(registry.url().to_string());
        let unreachable = Verdict::failure(AuditOutcome::Major, XdsErrorCode::RegistryNotAvailable.as_str(), "R-41-11");
        match registry.register(ctx, &submit).await {
            RegisterOutcome::Answered(response) => {
                let done = response.status == ResponseStatus::Success;
                let outcome = if done { Outcome::Registered } else { Outcome::Refused };
                let audit = self.submitted(ctx, sending, &Verdict::of(&response), hop);
                self.settle(sent, outcome, audit).await?;
                Ok(response)
            }
            RegisterOutcome::NotReached => {
                let audit = self.submitted(ctx, sending, &unreachable, hop);
                self.settle(sent, Outcome::Refused, audit).await?;
                Ok(not_available("the registry could not be reached; nothing was registered"))
            }
            RegisterOutcome::Unknown => {
                self.auditor.record(self.submitted(ctx, sending, &unreachable, hop)).await?;
                Ok(not_available("the registry did not answer in time; whether it registered is being looked into"))
            }
        }
    }

    async fn settle(&self, sent: Sent, outcome: Outcome, audit: Vec<AuditEvent>) -> Result<(), ServiceError> {
        self.store
            .write(move |tx| {
                let (sent, audit) = (sent.clone(), audit.clone());
                Box::pin(async move {
                    tx.insert_audits(&audit).await?;
                    let unique_ids: Vec<&str> = sent.unique_ids.iter().map(DocumentUniqueId::as_str).collect();
                    let withdrawn = tx.withdraw_job(sent.job_id, sent.now_ms).await?;
                    match outcome {
                        Outcome::Registered => tx.confirm_documents(&unique_ids).await,
                        Outcome::Refused if withdrawn => tx.release_documents(&unique_ids, sent.lease_until_ms).await,
                        // The job was quicker; what is let go twice is taken from another request.
                        Outcome::Refused => Ok(()),
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
