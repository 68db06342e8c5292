//! The data directory: everything that one server keeps, and the lock that keeps a second one out.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// A data directory that belongs to this process until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    folder: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("the data directory is in use by another knoop process{}", process(.0))]
    InUse(Option<u32>),
    /// It cannot be made, read or written.
    #[error("the data directory cannot be used: {0}")]
    Io(#[from] io::Error),
}

fn process(id: &Option<u32>) -> String {
    id.map(|id| format!(" (process {id})")).unwrap_or_default()
}

impl DataDir {
    /// Takes the directory, making it if it is not there. The lock goes with the process, however that ends.
    ///
    /// # Errors
    /// [`DataDirError::InUse`] when another running process has it.
    pub fn open(folder: &Path) -> Result<Self, DataDirError> {
        // Patients' documents are nobody else's to read.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join("lock");
        let mut lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder)?;
                return Err(DataDirError::InUse(holder.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The directory itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_with_the_process_that_has_it_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        match DataDir::open(folder.path()) {
            Err(DataDirError::InUse(holder)) => assert_eq!(holder, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        DataDir::open(folder.path()).unwrap();
    }
}
