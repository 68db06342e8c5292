//! Backup and restore: the database first, then the documents.
//!
//! The snapshot of the database is taken while the server works; every document that it names is then copied, its hash
//! compared on the way. That is consistent because bytes are never changed, and never removed while a document has them.
//! The manifest is written last: a backup without one is not whole.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::store::{
    DocumentRow, SqliteSettings, Store, StoreError, StoreSettings, audit_files,
    documents::{BlobId, DocumentError, DocumentSettings, DocumentStore, Received},
};

/// Rows copied, and documents placed, in one go.
const PAGE: i64 = 200;
/// Documents copied at the same time.
const AT_A_TIME: usize = 4;
const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout.
    pub format: u32,
    /// Version of the program that made it.
    pub knoop: String,
    /// When it was begun, RFC 3339.
    pub made: String,
    /// Documents in it.
    pub documents: u64,
    /// Their octets.
    pub bytes: u64,
    /// Documents that were damaged or missing already where they came from; they are not in it.
    pub damaged: Vec<String>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The snapshot stands; so many octets of documents are to be copied.
    Copying {
        /// Octets.
        bytes: u64,
    },
    /// So many octets more were copied.
    Copied {
        /// Octets.
        bytes: u64,
    },
}

/// Where progress is told.
pub type Watcher<'a> = dyn Fn(Progress) + Send + Sync + 'a;

/// Why a backup or restore stopped.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target of a backup or restore holds something.
    #[error("the target is not empty")]
    NotEmpty,
    /// No manifest: not a backup, or one that did not come to its end.
    #[error("this is no whole backup: it has no manifest.json that can be read")]
    NoManifest,
    /// Made by a later version.
    #[error("the backup has format {0}, which this version does not know")]
    Format(u32),
    /// A document of the backup is not as it was.
    #[error("document {0} of the backup is damaged or missing")]
    Damaged(BlobId),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The documents.
    #[error(transparent)]
    Documents(#[from] DocumentError),
    /// Files and folders.
    #[error("files of the backup: {0}")]
    Io(#[from] io::Error),
}

struct Layout(PathBuf);

impl Layout {
    fn database(&self) -> PathBuf {
        self.0.join("knoop.db")
    }

    fn manifest(&self) -> PathBuf {
        self.0.join("manifest.json")
    }

    fn documents(&self) -> Result<DocumentStore, DocumentError> {
        DocumentStore::open(&DocumentSettings::Files { folder: self.0.join("documents") })
    }
}

/// Writes a backup into a folder that does not exist or is empty.
///
/// # Errors
/// When something cannot be read or written. What was written until then is not a backup.
pub async fn back_up(
    store: &Store,
    documents: &DocumentStore,
    to: &Path,
    now: jiff::Timestamp,
    watcher: &Watcher<'_>,
) -> Result<Manifest, BackupError> {
    let layout = Layout(to.to_owned());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    if !is_empty(to)? {
        return Err(BackupError::NotEmpty);
    }
    store.export(&layout.database()).await?;
    let snapshot = Store::open(&StoreSettings::Sqlite(SqliteSettings::new(layout.database()))).await?;
    let copied = copy(&snapshot, documents, &layout.documents()?, watcher).await;
    let (total, damaged) = match copied {
        Ok(copied) => (copied.total, without_removed(store, &snapshot, copied.damaged).await?),
        Err(error) => {
            snapshot.close().await;
            return Err(error);
        }
    };
    snapshot.close().await;
    let manifest = Manifest {
        format: FORMAT,
        knoop: env!("CARGO_PKG_VERSION").to_owned(),
        made: now.to_string(),
        documents: total.0,
        bytes: total.1,
        damaged: damaged.iter().map(BlobId::to_string).collect(),
    };
    write_flushed(&layout.manifest(), &serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?)?;
    fs::File::open(to)?.sync_all()?;
    Ok(manifest)
}

/// Reads what a backup says of itself.
///
/// # Errors
/// [`BackupError::NoManifest`] when it is not whole.
pub fn manifest(from: &Path) -> Result<Manifest, BackupError> {
    let text = fs::read(Layout(from.to_owned()).manifest()).map_err(|_| BackupError::NoManifest)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| BackupError::NoManifest)?;
    if manifest.format == FORMAT { Ok(manifest) } else { Err(BackupError::Format(manifest.format)) }
}

/// Where a backup is restored to.
pub enum RestoreTo {
    /// A SQLite file that does not exist yet.
    Sqlite(PathBuf),
    /// A PostgreSQL database that holds nothing, and a folder for a working copy.
    Postgres(Store, PathBuf),
}

/// Restores a backup: the documents first, the database last, so that what is there after a failure is no repository.
///
/// # Errors
/// [`BackupError::NotEmpty`] when the target holds anything; [`BackupError::Damaged`] with the first document that is not
/// as it was.
pub async fn restore(
    from: &Path,
    to: &RestoreTo,
    documents: &DocumentStore,
    watcher: &Watcher<'_>,
) -> Result<Manifest, BackupError> {
    let (layout, manifest) = (Layout(from.to_owned()), manifest(from)?);
    let working = match to {
        RestoreTo::Sqlite(path) if path.exists() => return Err(BackupError::NotEmpty),
        RestoreTo::Sqlite(path) => path.with_extension("restoring"),
        RestoreTo::Postgres(store, folder) => {
            store.migrate().await?;
            if !store.read().await?.holds_nothing().await? {
                return Err(BackupError::NotEmpty);
            }
            folder.join("restoring.db")
        }
    };
    if !documents.shards().await?.is_empty() {
        return Err(BackupError::NotEmpty);
    }
    let (database, copy_to) = (layout.database(), working.clone());
    spawn_blocking(move || {
        fs::copy(&database, &copy_to)?;
        copy_reads(&database, &copy_to)
    })
    .await
    .map_err(io::Error::other)??;
    let snapshot = Store::open(&StoreSettings::Sqlite(SqliteSettings::new(&working))).await?;
    snapshot.migrate().await?;
    let copied = copy(&snapshot, &layout.documents()?, documents, watcher).await;
    snapshot.close().await;
    let known: Vec<&str> = manifest.damaged.iter().map(String::as_str).collect();
    if let Some(blob) = copied?.damaged.iter().map(|(_, blob)| blob).find(|blob| !known.contains(&&*blob.to_string())) {
        return Err(BackupError::Damaged(*blob));
    }
    match to {
        RestoreTo::Sqlite(path) => {
            fs::File::open(&working)?.sync_all()?;
            fs::rename(&working, path)?;
            if let Some(folder) = path.parent() {
                fs::File::open(folder)?.sync_all()?;
            }
        }
        RestoreTo::Postgres(store, _) => {
            store.import(&working).await?;
            fs::remove_file(&working)?;
            if let Some(folder) = working.parent() {
                audit_files(folder)?.into_iter().try_for_each(fs::remove_file)?;
            }
        }
    }
    Ok(manifest)
}

/// Copies the audit of reads, whose files lie beside a database.
fn copy_reads(from: &Path, to: &Path) -> io::Result<()> {
    let (Some(from), Some(to)) = (from.parent(), to.parent()) else { return Ok(()) };
    for file in audit_files(from)? {
        let copy = to.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy)?;
        fs::File::open(&copy)?.sync_all()?;
    }
    Ok(())
}

struct Copied {
    total: (u64, u64),
    damaged: Vec<(String, BlobId)>,
}

/// Copies every document that a snapshot names.
async fn copy(
    snapshot: &Store,
    from: &DocumentStore,
    to: &DocumentStore,
    watcher: &Watcher<'_>,
) -> Result<Copied, BackupError> {
    let mut tx = snapshot.read().await?;
    watcher(Progress::Copying { bytes: tx.document_totals().await?.1 });
    let (mut copied, mut after) = (Copied { total: (0, 0), damaged: Vec::new() }, String::new());
    loop {
        let page = tx.documents_after(&after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(copied) };
        after = last.unique_id.to_string();
        let copies = page.iter().map(|row| async move { Ok((row, receive(from, to, row, watcher).await?)) });
        let received: Vec<(&DocumentRow, Option<Received>)> = stream::iter(copies)
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<_>>()
            .await
            .map_err(BackupError::Documents)?;
        let mut whole = Vec::with_capacity(received.len());
        for (row, received) in received {
            match received {
                Some(received) => {
                    copied.total.0 += 1;
                    copied.total.1 += row.size_bytes;
                    whole.push(received);
                }
                None => copied.damaged.push((row.unique_id.to_string(), row.blob_id)),
            }
        }
        to.place(whole).await?;
    }
}

/// One document, or nothing if it is not as it was stored. Errors are those of the target.
async fn receive(
    from: &DocumentStore,
    to: &DocumentStore,
    row: &DocumentRow,
    watcher: &Watcher<'_>,
) -> Result<Option<Received>, DocumentError> {
    let Ok(mut reader) = from.read(row.blob_id, row.size_bytes).await else { return Ok(None) };
    let mut incoming = to.receive_as(row.blob_id);
    while let Some(block) = reader.next().await {
        let Ok(block) = block else { return Ok(None) };
        watcher(Progress::Copied { bytes: block.len() as u64 });
        incoming.write(block).await?;
    }
    let received = incoming.finish().await?;
    Ok((received.sha256 == row.sha256).then_some(received))
}

/// Takes documents that were removed from the repository during the backup out of the snapshot as well; the others are
/// really damaged.
async fn without_removed(
    live: &Store,
    snapshot: &Store,
    damaged: Vec<(String, BlobId)>,
) -> Result<Vec<BlobId>, StoreError> {
    let mut really = Vec::new();
    for (unique_id, blob) in damaged {
        let found = live.read().await?.find_documents(&[&unique_id]).await?;
        if found.iter().flatten().any(|row| row.blob_id == blob) {
            really.push(blob);
        } else {
            let remove = snapshot.write(move |tx| {
                let unique_id = unique_id.clone();
                Box::pin(async move { tx.remove_documents(&[&unique_id], 0).await })
            });
            remove.await?;
        }
    }
    Ok(really)
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

fn write_flushed(path: &Path, text: &[u8]) -> io::Result<()> {
    use io::Write;
    let mut file = fs::File::create(path)?;
    file.write_all(text)?;
    file.sync_all()
}
