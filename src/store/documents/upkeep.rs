//! Housekeeping of the store: what no request does.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use tokio::task::spawn_blocking;

use super::{BlobId, DocumentError, DocumentStore, files::FileStore};

/// What lies in one shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    /// Files that are named as blobs are.
    pub(super) blobs: Vec<BlobId>,
    /// Other files, by name.
    pub(super) strangers: Vec<String>,
}

impl DocumentStore {
    /// Removes the bytes of these blobs; those that are gone already are no error.
    pub(super) async fn remove(&self, blobs: Vec<BlobId>) -> Result<(), DocumentError> {
        match self {
            Self::Files(files) => on_thread(files, move |files| files.remove(&blobs)).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.remove(&blobs).await,
        }
    }

    /// Removes what came in, was never placed, and was not written to since `before_ms`. Tells how many.
    pub(super) async fn remove_temporaries(&self, before_ms: i64) -> Result<u64, DocumentError> {
        match self {
            Self::Files(files) => on_thread(files, move |files| files.remove_temporaries(before_ms)).await,
            // A bucket has a rule of its own for uploads that were not completed.
            #[cfg(feature = "s3")]
            Self::S3(_) => Ok(0),
        }
    }

    /// The shards that hold something, in order.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub async fn shards(&self) -> Result<Vec<[u8; 2]>, DocumentError> {
        match self {
            Self::Files(files) => on_thread(files, FileStore::shards).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.shards().await,
        }
    }

    /// What in a shard was last changed before `before_ms`.
    pub(super) async fn shard(&self, shard: [u8; 2], before_ms: i64) -> Result<Shard, DocumentError> {
        match self {
            Self::Files(files) => on_thread(files, move |files| files.shard(shard, before_ms)).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.shard(shard, before_ms).await,
        }
    }

    /// Moves what nobody knows out of the way. Its name then begins with the time of this.
    pub(super) async fn quarantine(&self, shard: [u8; 2], name: String, now_ms: i64) -> Result<(), DocumentError> {
        match self {
            Self::Files(files) => on_thread(files, move |files| files.quarantine(shard, &name, now_ms)).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.quarantine(shard, &name, now_ms).await,
        }
    }

    /// Removes what has been in quarantine since before `before_ms`. Tells how many.
    pub(super) async fn empty_quarantine(&self, before_ms: i64) -> Result<u64, DocumentError> {
        match self {
            Self::Files(files) => on_thread(files, move |files| files.empty_quarantine(before_ms)).await,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.empty_quarantine(before_ms).await,
        }
    }
}

async fn on_thread<T: Send + 'static>(
    files: &FileStore,
    work: impl FnOnce(&FileStore) -> Result<T, DocumentError> + Send + 'static,
) -> Result<T, DocumentError> {
    let files = files.clone();
    spawn_blocking(move || work(&files)).await?
}

/// These block.
impl FileStore {
    fn remove(&self, blobs: &[BlobId]) -> Result<(), DocumentError> {
        blobs.iter().try_for_each(|blob| gone_is_fine(fs::remove_file(self.path(blob))))
    }

    fn remove_temporaries(&self, before_ms: i64) -> Result<u64, DocumentError> {
        let mut removed = 0;
        for entry in files_of(&self.folder().join("tmp"))? {
            if is_older(&entry, before_ms)? {
                gone_is_fine(fs::remove_file(entry.path()))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn shards(&self) -> Result<Vec<[u8; 2]>, DocumentError> {
        let mut shards = Vec::new();
        for (first, folder) in numbered_folders(self.folder())? {
            shards.extend(numbered_folders(&folder)?.into_iter().map(|(second, _)| [first, second]));
        }
        shards.sort_unstable();
        Ok(shards)
    }

    fn shard(&self, shard: [u8; 2], before_ms: i64) -> Result<Shard, DocumentError> {
        let mut found = Shard::default();
        for entry in files_of(&self.shard_folder(shard))? {
            if is_older(&entry, before_ms)? {
                let name = entry.file_name().to_string_lossy().into_owned();
                match name.parse::<BlobId>() {
                    Ok(blob) if blob.shard() == shard => found.blobs.push(blob),
                    _ => found.strangers.push(name),
                }
            }
        }
        Ok(found)
    }

    fn quarantine(&self, shard: [u8; 2], name: &str, now_ms: i64) -> Result<(), DocumentError> {
        let quarantine = self.folder().join("quarantine");
        fs::create_dir_all(&quarantine)?;
        gone_is_fine(fs::rename(self.shard_folder(shard).join(name), quarantine.join(format!("{now_ms}-{name}"))))
    }

    fn empty_quarantine(&self, before_ms: i64) -> Result<u64, DocumentError> {
        let quarantine = self.folder().join("quarantine");
        let mut removed = 0;
        if quarantine.is_dir() {
            for entry in files_of(&quarantine)? {
                let since = entry.file_name().to_string_lossy().split('-').next().and_then(|ms| ms.parse::<i64>().ok());
                if since.is_some_and(|since| since < before_ms) {
                    gone_is_fine(fs::remove_file(entry.path()))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

fn gone_is_fine(result: io::Result<()>) -> Result<(), DocumentError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn files_of(folder: &Path) -> Result<Vec<DirEntry>, DocumentError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            files.push(entry);
        }
    }
    Ok(files)
}

/// Folders named with two hexadecimal digits.
fn numbered_folders(folder: &Path) -> Result<Vec<(u8, PathBuf)>, DocumentError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(name) = name.to_str()
            && name.len() == 2
            && let Ok(number) = u8::from_str_radix(name, 16)
            && entry.file_type()?.is_dir()
        {
            found.push((number, entry.path()));
        }
    }
    Ok(found)
}

/// Whether a file was last changed before a time. One that went away meanwhile is not.
fn is_older(entry: &DirEntry, before_ms: i64) -> Result<bool, DocumentError> {
    let changed = match entry.metadata().and_then(|facts| facts.modified()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        changed => changed?,
    };
    Ok(changed < UNIX_EPOCH + Duration::from_millis(before_ms.max(0).unsigned_abs()))
}
