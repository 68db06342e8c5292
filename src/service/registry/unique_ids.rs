//! Stage 6: identifiers that must be new, and uniqueIds of documents that must mean the same bytes.
//!
//! Claims are made first and looked at afterwards, so two submissions that race cannot both win (R-42-37).
//!
//! Source: ITI TF-2 §3.42.4.1.3.3 (R-42-12, R-42-30 to R-42-32).

use crate::{
    model::{DocumentEntry, Finding, Submission, XdsErrorCode},
    service::ServiceError,
    store::{ClaimKind, HeldClaim, NewClaim, RowKeys, Tx},
};

/// Claims every uniqueId and entryUUID of the submission.
pub(super) async fn claim(tx: &mut Tx, submission: &Submission, keys: &RowKeys) -> Result<(), ServiceError> {
    let claims = keys.claims(submission)?;
    let held = tx.claim(&claims).await?;
    let findings: Vec<Finding> = held
        .iter()
        .filter_map(|held| Some((claims.get(held.index)?, held)))
        .flat_map(|(claim, held)| conflict(submission, claim, held))
        .collect();
    if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
}

fn conflict(submission: &Submission, claim: &NewClaim, held: &HeldClaim) -> Vec<Finding> {
    let identifier = claim.identifier();
    let duplicate = |what: &str, rule: &str| {
        let context = format!("{what} uniqueId {identifier} is in use already");
        vec![Finding::error(XdsErrorCode::DuplicateUniqueIdInRegistry, rule, context)]
    };
    match (claim.kind(), held.kind) {
        (ClaimKind::EntryUuid(_), _) => {
            let context = format!("{identifier}: an object with this entryUUID is registered already");
            vec![Finding::error(XdsErrorCode::RegistryMetadataError, "R-42-12", context)]
        }
        (ClaimKind::SubmissionSet, _) => duplicate("SubmissionSet", "R-42-30"),
        (ClaimKind::Folder, _) => duplicate("Folder", "R-42-30"),
        (_, ClaimKind::SubmissionSet) => duplicate("SubmissionSet", "R-42-32"),
        (_, ClaimKind::Folder) => duplicate("Folder", "R-42-32"),
        (ClaimKind::DocumentEntry, ClaimKind::DocumentEntry) => submission
            .document_entries
            .iter()
            .filter(|entry| claim.names(entry.unique_id.as_str()))
            .flat_map(|entry| differing(entry, held))
            .collect(),
        (ClaimKind::OnDemandEntry, ClaimKind::OnDemandEntry) => Vec::new(),
        (ClaimKind::DocumentEntry | ClaimKind::OnDemandEntry, _) => {
            let context = format!("uniqueId {identifier} is that of an entry of the other kind, Stable or On-Demand");
            vec![Finding::error(XdsErrorCode::RegistryMetadataError, "R-42-32", context)]
        }
    }
}

/// The same uniqueId must mean the same bytes; neither hash nor size of the other entry is told.
fn differing(entry: &DocumentEntry, held: &HeldClaim) -> Vec<Finding> {
    let mut findings = Vec::new();
    if entry.size_bytes != held.size_bytes {
        findings.push(Finding::error(XdsErrorCode::NonIdenticalSize, "R-42-31", entry.unique_id.as_str()));
    }
    if entry.hash.map(|hash| hash.to_string()) != held.hash {
        findings.push(Finding::error(XdsErrorCode::NonIdenticalHash, "R-42-31", entry.unique_id.as_str()));
    }
    findings
}
