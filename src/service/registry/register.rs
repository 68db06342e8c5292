//! ITI-42, Register Document Set-b: the way of a submission through its nine stages.
//!
//! Source: ITI TF-2 §3.42.4.1 (R-42-*).

use std::sync::Arc;

use super::{Registry, RegistrySettings, associations, effects::Effects, patients, unique_ids};
use crate::{
    model::{BodyEncoder, Finding, RegistryResponse, RequestContext, ResponseStatus, Submission, rim},
    service::{Actor, ServiceError},
    store::{DocumentState, NewDocument, RowKeys, Tx},
    validate,
};

impl Registry {
    /// Registers a submission: all of it becomes visible, or none.
    pub async fn register(&self, ctx: &mut RequestContext, request: rim::SubmitObjectsRequest) -> RegistryResponse {
        match self.register_with_documents(ctx, request, Vec::new()).await {
            Ok(warnings) => RegistryResponse { status: ResponseStatus::Success, findings: warnings },
            Err(error) => error.into_response(Actor::Registry, &ctx.fresh_uuid().to_string()),
        }
    }

    /// Registers a submission and, in the same transaction, keeps the documents that came with it.
    ///
    /// # Errors
    /// Every finding of the first stage that refused it; nothing is kept then.
    pub(in crate::service) async fn register_with_documents(
        &self,
        ctx: &mut RequestContext,
        request: rim::SubmitObjectsRequest,
        documents: Vec<NewDocument>,
    ) -> Result<Vec<Finding>, ServiceError> {
        let checked = validate::submission(request, &self.settings.rules, &mut || ctx.fresh_uuid(), self.encode)
            .map_err(ServiceError::Refused)?;
        self.habits.note(&ctx.caller, &checked.tolerated);
        let warnings = checked.submission.warnings.clone();
        let weight = RowKeys::weight(&checked.submission);
        let first_row_id = self.store.row_ids(RowKeys::count(&checked.submission)).await?;
        let registration = Arc::new(Registration {
            submission: checked.submission,
            unresolved: checked.references,
            documents,
            first_row_id,
            settings: Arc::clone(&self.settings),
            encode: self.encode,
            ctx: ctx.clone(),
        });
        self.store
            .write_weighing(weight, move |tx| {
                let registration = Arc::clone(&registration);
                Box::pin(async move { registration.run(tx).await })
            })
            .await?;
        Ok(warnings)
    }
}

/// Everything that the write transaction needs; may run more than once, on PostgreSQL.
struct Registration {
    submission: Submission,
    /// References that lead nowhere whatever the registry holds, told in stage 7.
    unresolved: Vec<Finding>,
    documents: Vec<NewDocument>,
    first_row_id: i64,
    settings: Arc<RegistrySettings>,
    encode: BodyEncoder,
    ctx: RequestContext,
}

impl Registration {
    /// Stages 5 to 9. Each stops the submission with all that it found.
    async fn run(&self, tx: &mut Tx) -> Result<(), ServiceError> {
        let now_ms = self.ctx.now.as_millisecond();
        let patient = patients::admit(tx, &self.submission, self.settings.unknown_patients, now_ms).await?;
        let keys = RowKeys {
            first_row_id: self.first_row_id,
            patients: patient.keys,
            owner_org_key: self.ctx.caller.organisation_key,
            source_node_key: self.ctx.caller.node_key,
            registered_ms: now_ms,
            last_update_time: self.ctx.now_dtm(),
        };
        unique_ids::claim(tx, &self.submission, &keys).await?;
        self.keep_documents(tx, &keys).await?;
        let outside = associations::resolve(tx, &self.submission, &self.unresolved).await?;
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
                let entry = entries.iter().find(|entry| entry.unique_id == document.unique_id)?;
                let patient_key = *keys.patients.get(&entry.patient_id)?;
                Some(NewDocument { patient_key, entry_uuid: Some(entry.entry_uuid), ..document.clone() })
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
        Ok(())
    }
}
