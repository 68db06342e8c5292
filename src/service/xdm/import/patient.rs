//! Whose documents they are, in the numbers of this house.
//!
//! Source: spec xdm R-32-33, R-32-38.

use super::{
    prepare::source_patient_ids,
    settings::ImportSettings,
    submission::{entries, patient_ids, read_cx, value},
};
use crate::{
    model::{
        PatientId,
        bsn::{BSN_AUTHORITY, check_bsn},
        rim::SubmitObjectsRequest,
        vocabulary as v,
    },
    store::{StoreError, Tx},
};

/// What came out.
#[derive(Debug)]
pub(super) enum Decision {
    /// It is registered for this patient.
    Registered(PatientId),
    /// Somebody must say who the patient is; why.
    Held(&'static str),
}

/// Numbers of the patient in the order in which they are believed: as patientId, as sourcePatientId, in
/// sourcePatientInfo.
fn candidates(submit: &SubmitObjectsRequest) -> (Option<PatientId>, Vec<PatientId>) {
    let first = patient_ids(submit).find_map(|(_, id)| read_cx(id));
    let mut others: Vec<PatientId> = Vec::new();
    for entry in entries(submit) {
        let source = value(entry, v::SLOT_SOURCE_PATIENT_ID).and_then(read_cx);
        for id in source.into_iter().chain(source_patient_ids(entry)) {
            if !others.contains(&id) {
                others.push(id);
            }
        }
    }
    (first, others)
}

/// Whether numbers of this authority are of this house, and this one may be one.
fn is_ours(id: &PatientId, settings: &ImportSettings) -> bool {
    let domains = &settings.patient_domains;
    let domain = domains.is_empty() || domains.contains(id.authority());
    domain && (id.authority().as_str() != BSN_AUTHORITY || check_bsn(id.id()).is_ok())
}

/// Finds the patient of a set: the number that it has, if it is of this house; else the only one that is known here of those
/// that it brings along. Nobody is guessed.
pub(super) async fn reconcile(
    tx: &mut Tx,
    submit: &SubmitObjectsRequest,
    settings: &ImportSettings,
) -> Result<Decision, StoreError> {
    let (first, others) = candidates(submit);
    if let Some(id) = first.as_ref().filter(|id| is_ours(id, settings)) {
        let known = tx.find_patient(id).await?.is_some_and(|row| !row.subsumed);
        if known || !settings.known_patients_only {
            return Ok(Decision::Registered(id.clone()));
        }
    }
    let mut found: Vec<(i64, PatientId)> = Vec::new();
    let mut wanted: Vec<&PatientId> = others.iter().filter(|id| is_ours(id, settings)).collect();
    wanted.sort_by_key(|id| settings.patient_domains.iter().position(|domain| domain == id.authority()));
    for id in wanted {
        if let Some(row) = tx.find_patient(id).await?.filter(|row| !row.subsumed)
            && found.iter().all(|(key, _)| *key != row.patient_key)
        {
            found.push((row.patient_key, id.clone()));
        }
    }
    // Two numbers in two domains may be one person; two in one domain are not.
    let contradict =
        |(_, a): &(i64, PatientId)| found.iter().any(|(_, b)| a.authority() == b.authority() && a.id() != b.id());
    if found.iter().any(contradict) {
        return Ok(Decision::Held("several patients who are known here have numbers in the metadata"));
    }
    Ok(match found.into_iter().next() {
        Some((_, id)) => Decision::Registered(id),
        None if first.is_none() && others.is_empty() => Decision::Held("the metadata have no number of a patient"),
        None => Decision::Held("no number in the metadata is of a patient who is known here"),
    })
}
