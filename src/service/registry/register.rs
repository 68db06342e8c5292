//! ITI-42, Register Document Set-b: the way of a submission through its nine stages.
//!
//! Source: ITI TF-2 §3.42.4.1 (R-42-*).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Identified, Registry, RegistrySettings, acknowledgements,
    associations::{self, Registered},
    effects::Effects,
    patients, unique_ids,
};
use crate::{
    model::{
        AuditEvent, BodyEncoder, Finding, RegistryResponse, RequestContext, ResponseStatus, Submission, XdsErrorCode,
        consent::{Label, Period},
        rim,
    },
    security::access::Policy,
    service::{
        Access, Actor, ServiceError,
        access::record,
        audit::events::{self, Verdict},
    },
    store::{DocumentState, Labels, NewDocument, PackageJob, RowKeys, Tx},
    validate,
};

impl Registry {
    /// Registers a submission: all of it becomes visible, or none.
    pub async fn register(&self, ctx: &mut RequestContext, request: rim::SubmitObjectsRequest) -> RegistryResponse {
        let identified = Identified::of(&request);
        let success = self.audited(ctx, &identified, Verdict::success());
        match self.register_with_documents(ctx, request, Vec::new(), success, None).await {
            Ok(warnings) => RegistryResponse { status: ResponseStatus::Success, findings: warnings },
            Err(error) => {
                let response = error.into_response(Actor::Registry, &ctx.fresh_uuid().to_string());
                let failure = self.audited(ctx, &identified, Verdict::of(&response));
                match self.auditor.record(failure).await {
                    Ok(()) => response,
                    Err(error) => {
                        ServiceError::from(error).into_response(Actor::Registry, &ctx.fresh_uuid().to_string())
                    }
                }
            }
        }
    }

    /// Row 10 of the audit.
    fn audited(&self, ctx: &RequestContext, identified: &Identified, verdict: Verdict) -> Vec<AuditEvent> {
        if !self.auditor.records() {
            return Vec::new();
        }
        vec![events::register(&self.auditor.parties(ctx), identified.submitted(), verdict)]
    }

    /// Registers a submission and, in the same transaction, keeps the documents that came with it and the events that tell
    /// of it; from a package of `job` only if that was not withdrawn.
    ///
    /// # Errors
    /// Every finding of the first stage that refused it; nothing is kept then.
    pub(in crate::service) async fn register_with_documents(
        &self,
        ctx: &mut RequestContext,
        request: rim::SubmitObjectsRequest,
        documents: Vec<NewDocument>,
        audit: Vec<AuditEvent>,
        job: Option<PackageJob>,
    ) -> Result<Vec<Finding>, ServiceError> {
        let checked = validate::submission(request, &self.settings.rules, &mut || ctx.fresh_uuid(), self.encode)
            .map_err(ServiceError::Refused)?;
        self.habits.note(&ctx.caller, &checked.tolerated);
        let acknowledged = acknowledgements::check(&checked.submission, &ctx.caller.node)?;
        let labels = labels(&checked.submission, self.access.policy(ctx), acknowledged);
        let warnings = checked.submission.warnings.clone();
        let weight = RowKeys::weight(&checked.submission);
        let first_row_id = self.store.row_ids(RowKeys::count(&checked.submission)).await?;
        let registration = Arc::new(Registration {
            submission: checked.submission,
            unresolved: checked.references,
            documents,
            audit,
            job,
            first_row_id,
            settings: Arc::clone(&self.settings),
            encode: self.encode,
            access: self.access.clone(),
            labels,
            out_of_reach: AtomicBool::new(false),
            ctx: ctx.clone(),
        });
        let running = Arc::clone(&registration);
        let registered = self
            .store
            .write_weighing(weight, move |tx| {
                let registration = Arc::clone(&running);
                Box::pin(async move { registration.run(tx).await })
            })
            .await;
        if registered.is_err() && registration.out_of_reach.load(Ordering::Relaxed) && self.auditor.records() {
            let patient = registration.submission.submission_set.patient_id.to_string();
            let event = record::push_refused(&self.auditor.parties(ctx), &patient, self.access.policy(ctx));
            self.auditor.record(vec![event]).await?;
        }
        registered?;
        self.access.owner_is_kept(ctx.caller.organisation_key());
        Ok(warnings)
    }
}

/// A package was withdrawn before this set of it was registered.
pub(in crate::service) fn withdrawn() -> Finding {
    Finding::error(XdsErrorCode::RepositoryError, "R-32-34", "the package was withdrawn")
}

/// What access to the objects of a submission depends on; the set is as confidential as its most restrictive entry.
fn labels(submission: &Submission, policy: &Policy, acknowledged: Vec<(usize, String, Period)>) -> Labels {
    let entries = submission.document_entries.iter();
    let codes = entries.clone().flat_map(|entry| &entry.confidentiality_codes).map(|code| &code.value);
    let submission_set = Label { confidentiality: policy.most_restrictive(codes), ..Label::default() };
    let entries = entries
        .map(|entry| {
            let codes = [&entry.class_code, &entry.type_code, &entry.practice_setting_code, &entry.format_code];
            policy.label(codes.map(|code| &code.value), entry.confidentiality_codes.iter().map(|code| &code.value))
        })
        .collect();
    Labels { submission_set, entries, acknowledged }
}

/// Everything that the write transaction needs; may run more than once, on PostgreSQL.
struct Registration {
    submission: Submission,
    /// References that lead nowhere whatever the registry holds, told in stage 7.
    unresolved: Vec<Finding>,
    documents: Vec<NewDocument>,
    audit: Vec<AuditEvent>,
    /// The job that takes it from a package.
    job: Option<PackageJob>,
    first_row_id: i64,
    settings: Arc<RegistrySettings>,
    encode: BodyEncoder,
    access: Access,
    labels: Labels,
    /// Whether it would have changed what belongs to another organisation.
    out_of_reach: AtomicBool,
    ctx: RequestContext,
}

impl Registration {
    /// Stages 5 to 9. Each stops the submission with all that it found.
    async fn run(&self, tx: &mut Tx) -> Result<(), ServiceError> {
        if let Some(job) = self.job
            && !tx.hold_xdm_package(job).await?
        {
            return Err(ServiceError::Refused(vec![withdrawn()]));
        }
        let now_ms = self.ctx.now.as_millisecond();
        let patient = patients::admit(tx, &self.submission, self.settings.unknown_patients, now_ms).await?;
        let keys = RowKeys {
            first_row_id: self.first_row_id,
            patients: patient.keys,
            owner_org_key: self.ctx.caller.organisation_key(),
            source_node_key: self.ctx.caller.node_key(),
            registered_ms: now_ms,
            last_update_time: self.ctx.now_dtm(),
            labels: self.labels.clone(),
        };
        self.access.note_owner(tx, keys.owner_org_key).await?;
        unique_ids::claim(tx, &self.submission, &keys).await?;
        self.keep_documents(tx, &keys).await?;
        let registered = Registered {
            access: &self.access,
            ctx: &self.ctx,
            unresolved: &self.unresolved,
            refused: &self.out_of_reach,
        };
        let outside = associations::resolve(tx, &self.submission, &registered).await?;
        associations::check(tx, &self.submission, patient.survivor_key, &outside, &self.settings).await?;
        let mut effects = Effects::new(self.ctx.clone(), self.encode);
        effects.collect(tx, &self.submission, patient.survivor_key, &outside).await?;
        self.keep(tx, &keys, effects).await
    }

    async fn keep_documents(&self, tx: &mut Tx, keys: &RowKeys) -> Result<(), ServiceError> {
        if self.documents.is_empty() {
            return Ok(());
        }
        let entries = &self.submission.document_entries;
        let documents: Vec<NewDocument> = self
            .documents
            .iter()
            .filter_map(|document| {
                let index = entries.iter().position(|entry| entry.unique_id == document.unique_id)?;
                let entry = entries.get(index)?;
                let patient_key = *keys.patients.get(&entry.patient_id)?;
                let label = keys.labels.entries.get(index)?.clone();
                Some(NewDocument { patient_key, entry_uuid: Some(entry.entry_uuid), label, ..document.clone() })
            })
            .collect();
        let held = tx.keep_documents(&documents, DocumentState::Confirmed, keys.registered_ms).await?;
        let findings = crate::service::repository::differing(&documents, &held);
        if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
    }

    async fn keep(&self, tx: &mut Tx, keys: &RowKeys, effects: Effects) -> Result<(), ServiceError> {
        tx.insert_submission(&self.submission, keys).await?;
        if !effects.deprecated.is_empty() {
            tx.deprecate(&effects.deprecated).await?;
        }
        tx.insert_generated(&effects.generated, &self.submission, keys).await?;
        if !effects.touched_folders.is_empty() {
            tx.touch_folders(&effects.touched_folders, &keys.last_update_time).await?;
        }
        tx.insert_audits(&self.audit).await?;
        Ok(())
    }
}
