//! Where documents of a peer lie on their way into a package; what killed processes left goes.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::TempDir;

const PREFIX: &str = "knoop-pack-";
/// Held by the process that uses the directory.
const LOCK: &str = ".lock";

/// A directory of its own, gone with the process or, where that was killed, with the next one.
pub(super) struct OnTheWay {
    folder: TempDir,
    _lock: File,
}

impl OnTheWay {
    /// In the directory for temporary files.
    pub(super) fn new() -> io::Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    fn within(top: &Path) -> io::Result<Self> {
        sweep(top)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(top)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Takes away the directories of processes that are no more.
fn sweep(top: &Path) -> io::Result<()> {
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_ours || !entry.file_type()?.is_dir() {
            continue;
        }
        // One without a lock is being made just now, or is somebody else's.
        let is_left = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_left && let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::warn!(error = %error, "what an export left cannot be taken away");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_goes_and_what_is_in_use_stays() {
        let top = tempfile::tempdir().expect("a directory");
        let in_use = OnTheWay::within(top.path()).expect("a directory");
        let left = top.path().join("knoop-pack-left");
        fs::create_dir(&left).and_then(|()| fs::write(left.join(LOCK), b"")).expect("room");
        let other = OnTheWay::within(top.path()).expect("a directory");
        assert!(in_use.path().exists() && other.path().exists() && !left.exists());
    }
}
