//! ITI-18, Registry Stored Query.
//!
//! Source: ITI TF-2 §3.18.4.1 (R-18-*).

use super::Registry;
use crate::{
    model::{
        Finding, HomeCommunityId, QueryAnswer, RegistryResponse, RequestContext, StoredObject, XdsErrorCode, rim,
        stored_query::{ReturnType, StoredQuery},
    },
    service::{Actor, ServiceError},
    validate::{self, CheckedQuery},
};

impl Registry {
    /// Answers a stored query: Success with its objects, or Failure without any.
    pub async fn stored_query(
        &self,
        ctx: &mut RequestContext,
        request: &rim::AdhocQueryRequest,
    ) -> (RegistryResponse, QueryAnswer) {
        match self.find(ctx, request).await {
            Ok(answer) => (RegistryResponse::success(), answer),
            Err(error) => {
                let response = error.into_response(Actor::Registry, &ctx.fresh_uuid().to_string());
                (response, QueryAnswer::ObjectRef(Vec::new()))
            }
        }
    }

    async fn find(&self, ctx: &RequestContext, request: &rim::AdhocQueryRequest) -> Result<QueryAnswer, ServiceError> {
        let CheckedQuery { query, return_type, tolerated } =
            validate::stored_query(request, &self.settings.query_rules).map_err(ServiceError::Refused)?;
        self.habits.note(&ctx.caller, &tolerated);
        let limit = match return_type {
            ReturnType::LeafClass => self.settings.leaf_class_limit,
            ReturnType::ObjectRef => self.settings.object_ref_limit,
        };
        let objects = self.store.answer(&query, return_type, limit).await?;
        if return_type == ReturnType::LeafClass && is_single_patient(&query) && holds_several_patients(&objects) {
            return Err(refused(
                XdsErrorCode::ResultNotSinglePatient,
                "R-18-22",
                "the answer would hold several patients; ask for ObjectRef, or by patient",
            ));
        }
        if objects.len() > limit {
            let text = format!("more than {limit} objects match; narrow the query or ask for ObjectRef first");
            return Err(refused(XdsErrorCode::TooManyResults, "R-18-53", &text));
        }
        Ok(match return_type {
            ReturnType::LeafClass => QueryAnswer::LeafClass(objects),
            ReturnType::ObjectRef => QueryAnswer::ObjectRef(objects.iter().map(reference).collect()),
        })
    }
}

fn refused(code: XdsErrorCode, rule: &str, text: &str) -> ServiceError {
    ServiceError::Refused(vec![Finding::error(code, rule, text)])
}

/// Queries by identifier whose objects must all be of one patient (spec §6.4, column SP).
fn is_single_patient(query: &StoredQuery) -> bool {
    match query {
        StoredQuery::GetDocuments(_)
        | StoredQuery::GetFolders(_)
        | StoredQuery::GetDocumentsAndAssociations(_)
        | StoredQuery::GetSubmissionSets(_)
        | StoredQuery::GetSubmissionSetAndContents { .. }
        | StoredQuery::GetFolderAndContents { .. } => true,
        StoredQuery::FindDocuments { .. }
        | StoredQuery::FindSubmissionSets { .. }
        | StoredQuery::FindFolders { .. }
        | StoredQuery::GetAll { .. }
        | StoredQuery::GetAssociations(_)
        | StoredQuery::GetFoldersForDocument(_)
        | StoredQuery::GetRelatedDocuments { .. } => false,
    }
}

fn patient(object: &StoredObject) -> Option<&str> {
    match object {
        StoredObject::SubmissionSet(set) => Some(&set.patient_id),
        StoredObject::DocumentEntry(entry) => Some(&entry.patient_id),
        StoredObject::Folder(folder) => Some(&folder.patient_id),
        StoredObject::Association(_) => None,
    }
}

fn holds_several_patients(objects: &[StoredObject]) -> bool {
    let mut patients = objects.iter().filter_map(patient);
    let first = patients.next();
    patients.any(|other| Some(other) != first)
}

fn reference(object: &StoredObject) -> (crate::model::EntryUuid, Option<HomeCommunityId>) {
    match object {
        StoredObject::SubmissionSet(set) => (set.entry_uuid, set.home.clone()),
        StoredObject::DocumentEntry(entry) => (entry.entry_uuid, entry.home.clone()),
        StoredObject::Folder(folder) => (folder.entry_uuid, folder.home.clone()),
        StoredObject::Association(association) => (association.entry_uuid, association.home.clone()),
    }
}
