//! ITI-18, Registry Stored Query.
//!
//! Source: ITI TF-2 §3.18.4.1 (R-18-*).

use std::collections::{BTreeMap, HashSet};

use super::{
    Registry,
    audited::{self, Decided},
};
use crate::{
    model::{
        EntryUuid, Finding, HomeCommunityId, QueryAnswer, RegistryResponse, RequestContext, StoredEntry, StoredObject,
        XdsErrorCode, rim,
        stored_query::{ReturnType, StoredQuery},
    },
    service::{Actor, ServiceError, access::Ruling},
    store::Sight,
    validate::{self, CheckedQuery},
};

impl Registry {
    /// Answers a stored query: Success with its objects, or Failure without any. `received` is the request element exactly
    /// as it came, for the audit, which is durable when this returns.
    pub async fn stored_query(
        &self,
        ctx: &mut RequestContext,
        request: &rim::AdhocQueryRequest,
        received: &str,
    ) -> (RegistryResponse, QueryAnswer) {
        let nothing = || QueryAnswer::ObjectRef(Vec::new());
        let (response, found) = match self.find(ctx, request).await {
            Ok(found) => (RegistryResponse::success(), Some(found)),
            Err(error) => (error.into_response(Actor::Registry, &ctx.fresh_uuid().to_string()), None),
        };
        let objects = found.as_ref().map(|found| &*found.objects).unwrap_or_default();
        let returned = audited::count_by_patient(objects);
        let asked = audited::AskedQuery { request, received, response: &response };
        let decided = found.as_ref().map(|found| &found.decided);
        let recorded = self.record_query(ctx, &asked, &returned, objects.len(), decided).await;
        match (recorded, found) {
            (Err(error), _) => {
                let incident = ctx.fresh_uuid().to_string();
                (ServiceError::from(error).into_response(Actor::Registry, &incident), nothing())
            }
            (Ok(()), None) => (response, nothing()),
            (Ok(()), Some(Found { objects, return_type: ReturnType::LeafClass, .. })) => {
                (response, QueryAnswer::LeafClass(objects))
            }
            (Ok(()), Some(Found { objects, return_type: ReturnType::ObjectRef, .. })) => {
                (response, QueryAnswer::ObjectRef(objects.iter().map(reference).collect()))
            }
        }
    }

    async fn find(&self, ctx: &RequestContext, request: &rim::AdhocQueryRequest) -> Result<Found, ServiceError> {
        let CheckedQuery { query, return_type, tolerated } =
            validate::stored_query(request, &self.settings.query_rules).map_err(ServiceError::Refused)?;
        self.habits.note(&ctx.caller, &tolerated);
        let limit = match return_type {
            ReturnType::LeafClass => self.settings.leaf_class_limit,
            ReturnType::ObjectRef => self.settings.object_ref_limit,
        };
        let ruling = self.access.sight_of_query(ctx, &query).await?;
        let objects = self.store.answer(&query, return_type, limit, &ruling.sight).await?;
        let withheld = self.withheld(&query, &ruling, &objects).await?;
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
        Ok(Found { objects, return_type, decided: Decided { ruling, withheld } })
    }
}

/// What a query found, and what was decided about it.
struct Found {
    objects: Vec<StoredObject>,
    return_type: ReturnType,
    decided: Decided,
}

/// Most documents that are listed as kept back from one query.
const WITHHELD_LISTED: usize = 1000;

impl Registry {
    /// The documents that the query would have found besides, by patient (S-CON-08). Asked whether there are any or not,
    /// so that the time it takes tells nothing.
    async fn withheld(
        &self,
        query: &StoredQuery,
        ruling: &Ruling,
        shown: &[StoredObject],
    ) -> Result<BTreeMap<String, Vec<EntryUuid>>, ServiceError> {
        let mut withheld: BTreeMap<String, Vec<EntryUuid>> = BTreeMap::new();
        if ruling.may_withhold() {
            let shown: HashSet<EntryUuid> = entries(shown).map(|entry| entry.entry_uuid).collect();
            let all = self.store.answer(query, ReturnType::ObjectRef, WITHHELD_LISTED, &Sight::All).await?;
            for entry in entries(&all).filter(|entry| !shown.contains(&entry.entry_uuid)) {
                withheld.entry(entry.patient_id.to_string()).or_default().push(entry.entry_uuid);
            }
        }
        Ok(withheld)
    }
}

fn entries(objects: &[StoredObject]) -> impl Iterator<Item = &StoredEntry> {
    objects.iter().filter_map(|object| match object {
        StoredObject::DocumentEntry(entry) => Some(entry),
        _ => None,
    })
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

pub(super) fn patient(object: &StoredObject) -> Option<&str> {
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

fn reference(object: &StoredObject) -> (EntryUuid, Option<HomeCommunityId>) {
    match object {
        StoredObject::SubmissionSet(set) => (set.entry_uuid, set.home.clone()),
        StoredObject::DocumentEntry(entry) => (entry.entry_uuid, entry.home.clone()),
        StoredObject::Folder(folder) => (folder.entry_uuid, folder.home.clone()),
        StoredObject::Association(association) => (association.entry_uuid, association.home.clone()),
    }
}
