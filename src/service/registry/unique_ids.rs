//! Stage 6: identifiers that must be new, and uniqueIds of documents that must mean the same bytes.
//!
//! Claims are made first and looked at afterwards, so two submissions that race cannot both win (R-42-37).
//!
//! Source: ITI TF-2 §3.42.4.1.3.3 (R-42-12, R-42-30 to R-42-32).

use crate::{
    model::{DocumentEntry, Finding, OrganisationKey, Submission, XdsErrorCode},
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
        .flat_map(|(claim, held)| conflict(submission, claim, held, keys.owner_org_key))
        .collect();
    if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
}

fn conflict(submission: &Submission, claim: &NewClaim, held: &HeldClaim, owner: OrganisationKey) -> Vec<Finding> {
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
            .flat_map(|entry| differing(entry, held, owner))
            .collect(),
        (ClaimKind::OnDemandEntry, ClaimKind::OnDemandEntry) => Vec::new(),
        (ClaimKind::DocumentEntry | ClaimKind::OnDemandEntry, _) => {
            let context = format!("uniqueId {identifier} is that of an entry of the other kind, Stable or On-Demand");
            vec![Finding::error(XdsErrorCode::RegistryMetadataError, "R-42-32", context)]
        }
    }
}

/// The same uniqueId must mean the same bytes; neither hash nor size of the other entry is told. To whom does not own it
/// nothing tells which of the two differs, so that a size cannot be found by trying.
fn differing(entry: &DocumentEntry, held: &HeldClaim, owner: OrganisationKey) -> Vec<Finding> {
    let other_size = entry.size_bytes != held.size_bytes;
    let other_hash = entry.hash.map(|hash| hash.to_string()) != held.hash;
    non_identical(other_size, other_hash, held.owner_org_key == owner)
        .map(|code| Finding::error(code, "R-42-31", entry.unique_id.as_str()))
        .collect()
}

/// The codes for a document that has another size or hash than the one with its uniqueId.
pub(in crate::service) fn non_identical(
    other_size: bool,
    other_hash: bool,
    is_owner: bool,
) -> impl Iterator<Item = XdsErrorCode> {
    let (size, hash) = if is_owner { (other_size, other_hash) } else { (false, other_size || other_hash) };
    let size = size.then_some(XdsErrorCode::NonIdenticalSize);
    size.into_iter().chain(hash.then_some(XdsErrorCode::NonIdenticalHash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_42_31_who_does_not_own_a_document_learns_no_size_of_it() {
        let codes = |size, hash, owner| non_identical(size, hash, owner).collect::<Vec<_>>();
        let (size, hash) = (XdsErrorCode::NonIdenticalSize, XdsErrorCode::NonIdenticalHash);
        assert_eq!(codes(false, false, false), []);
        for (other_size, other_hash) in [(true, false), (false, true), (true, true)] {
            assert_eq!(codes(other_size, other_hash, false), [hash]);
        }
        assert_eq!(codes(true, true, true), [size, hash]);
        assert_eq!(codes(true, false, true), [size]);
        assert_eq!(codes(false, true, true), [hash]);
    }
}
