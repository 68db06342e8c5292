//! What the audit needs to know of a request, taken from it as it came: refused requests are recorded too.

use std::collections::BTreeMap;

use super::Registry;
use crate::{
    model::{EntryUuid, PatientId, RegistryResponse, RequestContext, StoredObject, rim, vocabulary as v},
    service::{
        access::{Ruling, record},
        audit::events::{self, Query, Submitted, Verdict},
    },
    store::StoreError,
};

/// The patient and the SubmissionSet of a submission.
#[derive(Clone, Default)]
pub(in crate::service) struct Identified {
    patient: Option<String>,
    submission_set: Option<String>,
}

impl Identified {
    /// Those that the SubmissionSet names, whatever else may be wrong with it.
    pub(in crate::service) fn of(request: &rim::SubmitObjectsRequest) -> Self {
        let identifier = |scheme: &str| {
            request.objects.iter().find_map(|object| object.external_identifier(scheme)).map(str::to_owned)
        };
        Self {
            patient: identifier(v::SS_PATIENT_ID).map(|id| canonical(&id)),
            submission_set: identifier(v::SS_UNIQUE_ID),
        }
    }

    /// As events name them.
    pub(in crate::service) fn submitted(&self) -> Submitted<'_> {
        Submitted { patient: self.patient.as_deref(), submission_set: self.submission_set.as_deref() }
    }
}

/// A patient id as the registry writes it, so that all events of a patient name it alike.
fn canonical(id: &str) -> String {
    id.parse::<PatientId>().map_or_else(|_| id.to_owned(), |id| id.to_string())
}

/// Parameters of stored queries that name a patient. Source: ITI TF-2 §3.18.4.1.2.3.7.
const PATIENT_PARAMETERS: [&str; 4] =
    ["$XDSDocumentEntryPatientId", "$XDSSubmissionSetPatientId", "$XDSFolderPatientId", "$patientId"];

/// The patient that a query names.
fn patient_asked_for(request: &rim::AdhocQueryRequest) -> Option<String> {
    let slot = request.slots.iter().find(|slot| PATIENT_PARAMETERS.contains(&&*slot.name))?;
    let value = slot.values.first()?.trim();
    let value = value.strip_prefix('(').and_then(|value| value.strip_suffix(')')).unwrap_or(value);
    Some(canonical(value.trim_matches('\'').replace("''", "'").as_str()))
}

/// How many objects of an answer belong to each patient.
pub(super) fn count_by_patient(objects: &[StoredObject]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for patient in objects.iter().filter_map(super::stored_query::patient) {
        *counts.entry(patient).or_default() += 1;
    }
    counts
}

/// A query as it came, and its answer.
pub(super) struct AskedQuery<'a> {
    pub request: &'a rim::AdhocQueryRequest,
    pub received: &'a str,
    pub response: &'a RegistryResponse,
}

/// What was decided about a query.
pub(super) struct Decided {
    pub ruling: Ruling,
    /// Documents that were kept back, by patient.
    pub withheld: BTreeMap<String, Vec<EntryUuid>>,
}

impl Registry {
    /// Records a query: one event a patient, and one more where something was kept back; durable when this returns
    /// (S-AUD-10, S-AUD-50, S-CON-08).
    pub(super) async fn record_query(
        &self,
        ctx: &RequestContext,
        asked: &AskedQuery<'_>,
        returned: &BTreeMap<&str, u64>,
        objects: usize,
        decided: Option<&Decided>,
    ) -> Result<(), StoreError> {
        if !self.auditor.records() {
            return Ok(());
        }
        let AskedQuery { request, received, response } = *asked;
        let parties = self.auditor.parties(ctx);
        let query = Query { query_id: &request.query_id, received, home: request.home.as_deref() };
        let mut counts: BTreeMap<Option<String>, u64> = match patient_asked_for(request) {
            Some(patient) => [(Some(patient), objects as u64)].into(),
            None => returned.iter().map(|(patient, count)| (Some((*patient).to_owned()), *count)).collect(),
        };
        for patient in decided.into_iter().flat_map(|decided| decided.withheld.keys()) {
            counts.entry(Some(patient.clone())).or_default();
        }
        if counts.is_empty() {
            counts.insert(None, objects as u64);
        }
        let mut audit = Vec::with_capacity(counts.len());
        for (patient, count) in counts {
            let patient = patient.as_deref();
            let mut event = events::query(&parties, &query, patient, Verdict::of(response));
            event.local.returned = Some(count);
            if let Some(Decided { ruling, withheld }) = decided {
                let withheld = patient.and_then(|patient| withheld.get(patient)).map(Vec::as_slice).unwrap_or_default();
                record::decided(&mut event, ruling, withheld);
                if !withheld.is_empty() {
                    audit.push(record::denied(&parties, patient, ruling));
                }
            }
            audit.push(event);
        }
        self.auditor.record(audit).await
    }
}
