//! Whether every document of the repository is there, whole and unchanged (`doctor --deep`).

use futures_util::{StreamExt, stream};

use crate::{
    model::Oid,
    store::{
        DocumentRow, Store, StoreError,
        documents::{BlobId, DocumentError, DocumentStore, Hashed, SweepError},
    },
};

/// Rows looked at in one go.
const PAGE: i64 = 200;
/// Documents read at the same time.
const AT_A_TIME: usize = 4;
/// Faults of one kind that are named; more are only counted in the rest of the report.
const NAMED: i64 = 100;

/// What is wrong with one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No bytes.
    Missing,
    /// Fewer or more bytes than recorded.
    WrongSize,
    /// Other bytes than were stored.
    WrongHash,
    /// The store cannot read it.
    Unreadable,
}

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentReport {
    /// Documents compared.
    pub documents: u64,
    /// Their octets.
    pub bytes: u64,
    /// Documents that are not as they should be.
    pub faults: Vec<(BlobId, Fault)>,
    /// Files that the database does not know; the sweep puts them into quarantine.
    pub unknown_files: u64,
    /// Kept bytes that belong to no document.
    pub kept_without_document: Vec<BlobId>,
    /// Documents whose bytes are not marked as kept.
    pub documents_not_kept: Vec<BlobId>,
    /// Stable entries of this repository without a document, at most a hundred.
    pub entries_without_document: usize,
}

impl DocumentReport {
    /// Whether nothing is lost or damaged. Unknown files are no loss.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
            && self.kept_without_document.is_empty()
            && self.documents_not_kept.is_empty()
            && self.entries_without_document == 0
    }
}

/// Why a comparison could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The documents.
    #[error(transparent)]
    Documents(#[from] DocumentError),
}

impl From<SweepError> for IntegrityError {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Store(error) => Self::Store(error),
            SweepError::Documents(error) => Self::Documents(error),
        }
    }
}

/// Reads every document and compares it with what the database knows of it, and looks for what only one of the two knows.
/// Requests may go on meanwhile. `read` is told the octets as they are read.
///
/// # Errors
/// When the database or the folders cannot be read at all.
pub async fn check_documents(
    store: &Store,
    documents: &DocumentStore,
    repository: &Oid,
    read: &(dyn Fn(u64) + Send + Sync),
) -> Result<DocumentReport, IntegrityError> {
    let mut report = DocumentReport::default();
    let mut after = String::new();
    loop {
        let page = store.read().await?.documents_after(&after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.unique_id.to_string();
        let looks = page.iter().map(|row| async move { (row, fault_of(documents, row, read).await) });
        let mut looks = stream::iter(looks).buffer_unordered(AT_A_TIME);
        while let Some((row, fault)) = looks.next().await {
            report.documents += 1;
            report.bytes += row.size_bytes;
            if let Some(fault) = fault
                && is_still_there(store, row).await?
            {
                report.faults.push((row.blob_id, fault));
            }
        }
    }
    for shard in documents.shards().await? {
        report.unknown_files += documents.unknown_in(store, shard, i64::MAX).await?.len() as u64;
    }
    let mut tx = store.read().await?;
    (report.kept_without_document, report.documents_not_kept) = tx.mismatched_blobs(NAMED).await?;
    report.entries_without_document = tx.entries_without_document(repository.as_str(), NAMED).await?.len();
    Ok(report)
}

async fn fault_of(documents: &DocumentStore, row: &DocumentRow, read: &(dyn Fn(u64) + Send + Sync)) -> Option<Fault> {
    let hashed = match documents.read(row.blob_id, row.size_bytes).await {
        Ok(reader) => reader.hash(read).await,
        Err(error) => Err(error),
    };
    match hashed {
        Ok(Hashed { sha1, sha256, crc32 }) if (sha1, sha256, crc32) == (row.sha1, row.sha256, row.crc32) => None,
        Ok(_) => Some(Fault::WrongHash),
        Err(DocumentError::Missing) => Some(Fault::Missing),
        Err(DocumentError::WrongSize { .. }) => Some(Fault::WrongSize),
        Err(_) => Some(Fault::Unreadable),
    }
}

/// Whether the document was not removed while we looked.
async fn is_still_there(store: &Store, row: &DocumentRow) -> Result<bool, StoreError> {
    let found = store.read().await?.find_documents(&[&row.unique_id]).await?;
    Ok(found.iter().flatten().any(|found| found.blob_id == row.blob_id))
}
