//! Whether the audit trail is whole, told when those who seal have had their time.

use std::{collections::HashSet, io, time::Duration};

use super::Heads;
use crate::store::{AuditFault, AuditReport, Store, StoreError};

/// A row is in a seal after this time at most.
const SEALED_AFTER: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why it could not be told.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database or a file of reads.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of heads.
    #[error("the file of heads cannot be read: {0}")]
    Heads(#[from] io::Error),
}

/// Reads the whole trail. A row that a request of long ago has only just recorded gets the time to be sealed.
///
/// # Errors
/// When something cannot be read.
pub async fn verify(store: &Store, heads: &Heads, now_ms: i64) -> Result<AuditReport, VerifyError> {
    let mut report = store.verify_audit(&mut *heads.read()?, now_ms).await?;
    let mut waited = Duration::ZERO;
    while !report.unsealed.is_empty() && waited < SEALED_AFTER {
        let sealed = store.audit_in_seals(&report.unsealed, report.newest_seq).await?;
        let sealed: HashSet<i64> = sealed.into_iter().collect();
        report.unsealed.retain(|key| !sealed.contains(key));
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
    report.faults.extend(report.unsealed.iter().map(|audit_key| AuditFault::RowUnsealed { audit_key: *audit_key }));
    Ok(report)
}
