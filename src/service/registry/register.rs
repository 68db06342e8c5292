//! ITI-42, Register Document Set-b: the way of a submission through its nine stages.
//!
//! Source: ITI TF-2 §3.42.4.1 (R-42-*).

use std::sync::Arc;

use super::{Registry, RegistrySettings, associations, effects::Effects, patients, unique_ids};
use crate::{
    model::{Association, BodyEncoder, Finding, RegistryResponse, RequestContext, ResponseStatus, Submission, rim},
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
        let first_row_id = self.store.row_ids(object_count(&checked.submission)).await?;
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
            .write(move |tx| {
                let registration = Arc::clone(&registration);
                Box::pin(async move { registration.run(tx).await })
            })
            .await?;
        Ok(warnings)
    }
}

fn object_count(submission: &Submission) -> usize {
    1 + submission.document_entries.len() + submission.folders.len() + submission.associations.len()
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
        let patients = patients::admit(tx, &self.submission, self.settings.unknown_patients, now_ms).await?;
        unique_ids::claim(tx, &self.submission, &patients, self.first_row_id).await?;
        self.keep_documents(tx, &patients).await?;
        let outside = associations::resolve(tx, &self.submission, &self.unresolved).await?;
        associations::check(tx, &self.submission, &patients, &outside, &self.settings).await?;
        let mut effects = Effects::new(self.ctx.clone(), self.encode);
        effects.collect(tx, &self.submission, &patients, &outside).await?;
        self.keep(tx, patients, effects).await
    }

    async fn keep_documents(&self, tx: &mut Tx, patients: &patients::Admitted) -> Result<(), ServiceError> {
        if self.documents.is_empty() {
            return Ok(());
        }
        let documents: Vec<NewDocument> = self
            .documents
            .iter()
            .cloned()
            .map(|document| {
                let entry = self.submission.document_entries.iter().find(|e| e.unique_id == document.unique_id);
                NewDocument {
                    patient_key: patients.key,
                    entry_uuid: entry.map(|e| e.entry_uuid),
                    ..document
                }
            })
            .collect();
        let now_ms = self.ctx.now.as_millisecond();
        let held = tx.keep_documents(&documents, DocumentState::Confirmed, now_ms).await?;
        let findings = crate::service::repository::differing(&documents, &held);
        if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
    }

    async fn keep(&self, tx: &mut Tx, patients: patients::Admitted, effects: Effects) -> Result<(), ServiceError> {
        let last_update_time = self.ctx.now_dtm();
        let keys = RowKeys {
            first_row_id: self.first_row_id,
            patient_key: patients.key,
            owner_org_key: self.ctx.caller.organisation_key,
            source_node_key: self.ctx.caller.node_key,
            registered_ms: self.ctx.now.as_millisecond(),
            last_update_time: last_update_time.clone(),
        };
        tx.insert_submission(&self.submission, &keys).await?;
        let Effects { deprecated, touched_folders, generated, .. } = effects;
        if !deprecated.is_empty() {
            tx.deprecate(&deprecated).await?;
        }
        if !generated.is_empty() {
            let generated: Vec<Association> = generated;
            let first_row_id = tx.row_ids(generated.len()).await?;
            tx.insert_associations(&generated, &RowKeys { first_row_id, ..keys }).await?;
        }
        if !touched_folders.is_empty() {
            tx.touch_folders(&touched_folders, &last_update_time).await?;
        }
        Ok(())
    }
}
