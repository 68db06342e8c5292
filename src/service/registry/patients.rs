//! Stage 5: one patient, and one that is known.
//!
//! Source: ITI TF-2 §3.42.4.1.3.3 (R-42-25 to R-42-27).

use std::collections::HashMap;

use crate::{
    model::{Finding, PatientId, Submission, XdsErrorCode},
    service::ServiceError,
    store::{PatientRow, Tx, UnknownPatients},
};

/// The patient of a submission.
#[derive(Debug)]
pub(super) struct Admitted {
    /// Keys under which its objects are kept; one, unless identities were merged.
    pub keys: HashMap<PatientId, i64>,
    /// Key of the identity that survived all merges, for comparing.
    pub survivor_key: i64,
}

/// Every object with a patient, as (what it is, its id in the submission, its patient).
fn holders(submission: &Submission) -> impl Iterator<Item = (&'static str, &str, &PatientId)> {
    let set = &submission.submission_set;
    std::iter::once(("SubmissionSet", &*set.submitted_id, &set.patient_id))
        .chain(submission.document_entries.iter().map(|e| ("DocumentEntry", &*e.submitted_id, &e.patient_id)))
        .chain(submission.folders.iter().map(|f| ("Folder", &*f.submitted_id, &f.patient_id)))
}

/// Locks the patients of the submission and holds them against each other and against what is known.
pub(super) async fn admit(
    tx: &mut Tx,
    submission: &Submission,
    unknown: UnknownPatients,
    now_ms: i64,
) -> Result<Admitted, ServiceError> {
    let mut distinct: Vec<PatientId> = Vec::new();
    for (_, _, patient) in holders(submission) {
        if !distinct.contains(patient) {
            distinct.push(patient.clone());
        }
    }
    let rows = tx.lock_patients(&distinct, unknown, now_ms).await?;
    let known = |patient: &PatientId| {
        distinct.iter().position(|p| p == patient).and_then(|index| rows.get(index).copied().flatten())
    };
    let same = |a: &PatientId, b: &PatientId| match (known(a), known(b)) {
        (Some(a), Some(b)) => a.survivor_key == b.survivor_key,
        _ => a == b,
    };
    let set_patient = &submission.submission_set.patient_id;
    let mut findings: Vec<Finding> = holders(submission)
        .filter(|(_, _, patient)| !same(patient, set_patient))
        .map(|(kind, id, patient)| {
            let context = format!(
                "{id}: patientId {patient} of this {kind} differs from patientId {set_patient} of SubmissionSet {}",
                submission.submission_set.submitted_id
            );
            Finding::error(XdsErrorCode::PatientIdDoesNotMatch, "R-42-25", context)
        })
        .collect();
    for (patient, row) in distinct.iter().zip(&rows) {
        if row.is_none_or(|row: PatientRow| row.subsumed) {
            let context = format!("patientId {patient} is not known here");
            findings.push(Finding::error(XdsErrorCode::UnknownPatientId, "R-42-26", context));
        }
    }
    match known(set_patient) {
        Some(row) if findings.is_empty() => {
            let keys = distinct.iter().zip(&rows).filter_map(|(id, row)| Some((id.clone(), (*row)?.patient_key)));
            Ok(Admitted { keys: keys.collect(), survivor_key: row.survivor_key })
        }
        _ => Err(ServiceError::Refused(findings)),
    }
}
