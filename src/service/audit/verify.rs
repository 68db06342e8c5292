//! Whether the audit trail is whole, told when those who seal have had their time.

use std::{collections::HashSet, fmt, io, time::Duration};

use super::{
    Heads,
    heads::{Mark, MarkKind},
};
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

/// What the file of heads itself is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadsFault {
    /// It is not there, and seals are.
    Missing {
        /// Number of the newest seal.
        newest: i64,
    },
    /// It ends before the newest seal, by more than the one that a crash leaves out.
    EndsEarly {
        /// Number of the last seal in it; 0 where it holds none.
        last: i64,
        /// Number of the newest seal.
        newest: i64,
    },
    /// It lost what it held while knoop ran.
    Lost(Mark),
}

impl fmt::Display for HeadsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { newest } => write!(
                f,
                "the file of heads is not there, and {newest} seals are: whether newer ones were removed cannot be told"
            ),
            Self::EndsEarly { last, newest } => write!(
                f,
                "the file of heads ends with seal {last}, and the newest is seal {newest}: nothing outside the database tells \
                 of those between"
            ),
            Self::Lost(mark) => mark.fmt(f),
        }
    }
}

/// What the file of heads is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadsState {
    /// What is wrong with it.
    pub faults: Vec<HeadsFault>,
    /// Seals of which nothing outside the database told before knoop started.
    pub late: Vec<Mark>,
}

/// Whether the file of heads goes as far as the chain, whose newest seal was number `newest` when [`verify`] read it. A server
/// that has only just sealed gets the time to write; after a crash one seal is missing until the next start.
///
/// # Errors
/// When the file cannot be read.
pub async fn verify_heads(heads: &Heads, newest: i64) -> Result<HeadsState, VerifyError> {
    let mut state = HeadsState::default();
    if newest == 0 {
        return Ok(state);
    }
    if !heads.is_there()? {
        state.faults.push(HeadsFault::Missing { newest });
        return Ok(state);
    }
    let (mut last, mut waited) = (heads.last_seq()?, Duration::ZERO);
    while last < newest && waited < SEALED_AFTER {
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
        last = heads.last_seq()?;
    }
    if last + 1 < newest {
        state.faults.push(HeadsFault::EndsEarly { last, newest });
    }
    for mark in heads.marks()? {
        match mark.kind {
            MarkKind::Late => state.late.push(mark),
            MarkKind::Lost => state.faults.push(HeadsFault::Lost(mark)),
        }
    }
    Ok(state)
}
