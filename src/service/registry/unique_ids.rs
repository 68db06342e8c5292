//! Stage 6: identifiers that must be new, and uniqueIds of documents that must mean the same bytes.
//!
//! Claims are made first and looked at afterwards, so two submissions that race cannot both win (R-42-37).
//!
//! Source: ITI TF-2 §3.42.4.1.3.3 (R-42-12, R-42-30 to R-42-32).

use super::patients::Admitted;
use crate::{
    model::{DocumentEntry, Finding, Submission, XdsErrorCode},
    service::ServiceError,
    store::{ClaimKind, HeldClaim, NewClaim, Tx},
};

/// Claims every uniqueId and entryUUID of the submission. Rows are numbered as `insert_submission` numbers them: the set,
/// the entries, the folders, the associations.
pub(super) async fn claim(
    tx: &mut Tx,
    submission: &Submission,
    patient: &Admitted,
    first_row_id: i64,
) -> Result<(), ServiceError> {
    let claims = claims(submission, patient, first_row_id);
    let held = tx.claim(&claims).await?;
    let findings: Vec<Finding> = held.iter().flat_map(|held| conflict(submission, held)).collect();
    if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
}

fn claims(submission: &Submission, patient: &Admitted, first_row_id: i64) -> Vec<NewClaim> {
    let mut row_id = first_row_id;
    let mut out = Vec::new();
    let mut add = |kind, unique_id: Option<String>, uuid: &crate::model::EntryUuid, entry: Option<&DocumentEntry>| {
        let claim = |kind, value| NewClaim {
            kind,
            value,
            hash: entry.and_then(|e| e.hash),
            size_bytes: entry.and_then(|e| e.size_bytes),
            patient_key: patient.key,
            row_id,
        };
        out.extend(unique_id.map(|value| claim(kind, value)));
        out.push(claim(ClaimKind::EntryUuid, uuid.to_string()));
        row_id += 1;
    };
    let set = &submission.submission_set;
    add(ClaimKind::SubmissionSet, Some(set.unique_id.to_string()), &set.entry_uuid, None);
    for entry in &submission.document_entries {
        add(ClaimKind::DocumentEntry, Some(entry.unique_id.to_string()), &entry.entry_uuid, Some(entry));
    }
    for folder in &submission.folders {
        add(ClaimKind::Folder, Some(folder.unique_id.to_string()), &folder.entry_uuid, None);
    }
    for association in &submission.associations {
        add(ClaimKind::EntryUuid, None, &association.entry_uuid, None);
    }
    out
}

fn conflict(submission: &Submission, held: &HeldClaim) -> Vec<Finding> {
    let value = &held.value;
    if held.kind == ClaimKind::EntryUuid {
        let context = format!("{value}: an object with this entryUUID is registered already");
        return vec![Finding::error(XdsErrorCode::RegistryMetadataError, "R-42-12", context)];
    }
    let duplicate = |what: &str, rule: &str| {
        let context = format!("{what} uniqueId {value} is in use already");
        vec![Finding::error(XdsErrorCode::DuplicateUniqueIdInRegistry, rule, context)]
    };
    if submission.submission_set.unique_id.as_str() == value {
        return duplicate("SubmissionSet", "R-42-30");
    }
    if submission.folders.iter().any(|folder| folder.unique_id.as_str() == value) {
        return duplicate("Folder", "R-42-30");
    }
    let Some(entry) = submission.document_entries.iter().find(|entry| entry.unique_id.as_str() == value) else {
        return Vec::new();
    };
    match held.kind {
        ClaimKind::DocumentEntry => differing(entry, held),
        ClaimKind::OnDemandEntry => {
            let context = format!("{}: uniqueId {value} is that of an on-demand entry", entry.submitted_id);
            vec![Finding::error(XdsErrorCode::RegistryMetadataError, "R-42-32", context)]
        }
        ClaimKind::SubmissionSet => duplicate("SubmissionSet", "R-42-32"),
        ClaimKind::Folder => duplicate("Folder", "R-42-32"),
        ClaimKind::EntryUuid => Vec::new(),
    }
}

/// The same uniqueId must mean the same bytes; neither hash nor size of the other entry is told.
fn differing(entry: &DocumentEntry, held: &HeldClaim) -> Vec<Finding> {
    let mut findings = Vec::new();
    if entry.size_bytes != held.size_bytes {
        findings.push(Finding::error(XdsErrorCode::NonIdenticalSize, "R-42-31", entry.unique_id.as_str()));
    }
    if entry.hash != held.hash {
        findings.push(Finding::error(XdsErrorCode::NonIdenticalHash, "R-42-31", entry.unique_id.as_str()));
    }
    findings
}
