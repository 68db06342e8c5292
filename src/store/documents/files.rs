//! Documents as files in sharded folders.
//!
//! `tmp/` holds what is still coming in, `ab/cd/abcd…` what was placed, `quarantine/` what the sweep could not explain.

use std::{
    collections::HashSet,
    fs::{self, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::spawn_blocking;

use super::{
    BlobId, DocumentError, DocumentReader, Received, incoming::Held, intake::Intake, reader::FileReader,
    temporary::TemporaryFile,
};

/// Documents as files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// Shards whose folder is known to be durable in its parent.
    durable: Mutex<HashSet<[u8; 2]>>,
    intake: Intake,
}

impl FileStore {
    pub(super) fn open(folder: &Path) -> Result<Self, DocumentError> {
        // Whoever made the directory above, what lies here is for nobody else (S-IN-04).
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join("tmp"))?;
        sync_folder(folder)?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        let inner = Inner { folder: folder.to_owned(), durable: Mutex::new(HashSet::new()), intake: Intake::new() };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.inner.intake
    }

    pub(super) fn temporary_path(&self, id: &BlobId) -> PathBuf {
        self.inner.folder.join("tmp").join(id.to_string())
    }

    pub(super) fn path(&self, id: &BlobId) -> PathBuf {
        let mut path = self.shard_folder(id.shard());
        path.push(id.to_string());
        path
    }

    pub(super) fn folder(&self) -> &Path {
        &self.inner.folder
    }

    pub(super) fn shard_folder(&self, [first, second]: [u8; 2]) -> PathBuf {
        self.inner.folder.join(format!("{first:02x}")).join(format!("{second:02x}"))
    }

    pub(super) async fn place(&self, documents: Vec<Received>) -> Result<(), DocumentError> {
        if documents.is_empty() {
            return Ok(());
        }
        let store = self.clone();
        spawn_blocking(move || store.place_now(documents)).await?
    }

    fn place_now(&self, documents: Vec<Received>) -> Result<(), DocumentError> {
        let mut files = Vec::with_capacity(documents.len());
        for document in documents {
            let file = match document.held {
                Held::File(file) => file,
                Held::Memory { bytes, room } => {
                    let mut file = TemporaryFile::create(self.temporary_path(&document.blob_id))?;
                    file.write(&bytes)?;
                    drop((bytes, room));
                    file
                }
                #[cfg(feature = "s3")]
                Held::Upload(_) => return Err(DocumentError::Aborted),
            };
            file.sync()?;
            files.push((document.blob_id, file));
        }
        let mut folders = HashSet::new();
        for (id, file) in &mut files {
            self.make_shard(id.shard())?;
            file.rename(&self.path(id))?;
            folders.insert(id.shard());
        }
        for shard in folders {
            sync_folder(&self.shard_folder(shard))?;
        }
        Ok(())
    }

    /// Makes the folder of a shard durable before the first document goes there.
    fn make_shard(&self, shard: [u8; 2]) -> Result<(), DocumentError> {
        let mut durable = self.inner.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if !durable.contains(&shard) {
            let folder = self.shard_folder(shard);
            fs::create_dir_all(&folder)?;
            for parent in folder.ancestors().skip(1).take(2) {
                sync_folder(parent)?;
            }
            durable.insert(shard);
        }
        Ok(())
    }

    pub(super) async fn read_all(&self, documents: Vec<(BlobId, u64)>) -> Vec<Result<DocumentReader, DocumentError>> {
        let (store, asked) = (self.clone(), documents.len());
        let opened = spawn_blocking(move || {
            let open = |(id, size)| FileReader::open(store.path(&id), size).map(DocumentReader::from);
            documents.into_iter().map(open).collect()
        });
        opened.await.unwrap_or_else(|_| (0..asked).map(|_| Err(DocumentError::Aborted)).collect())
    }
}

/// Waits until the disk knows the names in a folder.
pub(super) fn sync_folder(folder: &Path) -> Result<(), DocumentError> {
    Ok(File::open(folder)?.sync_all()?)
}
