//! The zip file while it is not whole, under a name of its own; what killed processes left goes.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::fs::{CWD, Mode, OFlags, openat};
use tempfile::NamedTempFile;

const PREFIX: &str = ".knoop-";
const SUFFIX: &str = ".part";

/// A file in this folder that the next export takes away if this process does not. It is locked as long as the process lives.
pub(super) fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    sweep(folder)?;
    loop {
        let file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
        file.as_file().lock()?;
        // Another export may have swept it before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Takes away the files of processes that are no more.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !is_ours || !entry.file_type()?.is_file() {
            continue;
        }
        // What belongs to somebody else, or is in use, stays.
        let is_left = open(&entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_left && let Err(error) = fs::remove_file(entry.path()) {
            tracing::warn!(error = %error, "what an export left cannot be taken away");
        }
    }
    Ok(())
}

/// Opens a file that may have become something else since its folder was read: no link is followed, and no pipe waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_a_link_or_a_pipe_is_not_opened() {
        let folder = tempfile::tempdir().expect("a directory");
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, b"x").expect("room");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success() && open(&file).is_ok());
        assert!(open(&link).is_err() && open(&pipe).is_err());
    }

    #[test]
    fn what_is_left_goes_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().expect("a directory");
        let in_use = temporary_in(folder.path()).expect("a file");
        for name in [".knoop-abc.part", "letter.part", ".knoop-abc"] {
            fs::write(folder.path().join(name), b"x").expect("room");
        }
        let other = temporary_in(folder.path()).expect("a file");
        assert!(in_use.path().exists() && other.path().exists());
        assert!(!folder.path().join(".knoop-abc.part").exists());
        assert!(folder.path().join("letter.part").exists() && folder.path().join(".knoop-abc").exists());
    }
}
