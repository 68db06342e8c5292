//! Files that wait: packages and mails, each under an id of its own, readable by their owner alone.
//!
//! A file is written under a temporary name, flushed, renamed, and its folder flushed: what is there under its id is whole.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

const BLOCK: usize = 256 << 10;
/// Files that nobody knows are younger than this while they are being made.
const BEING_MADE_MS: i64 = 3_600_000;

/// A folder of such files. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::service) struct Spool {
    folder: Arc<Path>,
    extension: &'static str,
}

impl Spool {
    /// Files of this kind in a folder, which is made when it is needed.
    pub(in crate::service) fn new(folder: PathBuf, extension: &'static str) -> Self {
        Self { folder: folder.into(), extension }
    }

    /// Where the file with this id is. Ids are made by [`fresh_id`].
    pub(in crate::service) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{}", self.extension))
    }

    /// Keeps a copy of what can be read, durable when this returns; its octets. Blocks.
    pub(in crate::service) fn keep(&self, id: &str, mut source: impl Read) -> io::Result<u64> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let part = self.folder.join(format!("{id}.part"));
        // A process that died over it may have left one.
        let _ = fs::remove_file(&part);
        let mut copy = || {
            let mut target = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            let mut block = vec![0; BLOCK];
            let mut octets = 0;
            loop {
                let n = source.read(&mut block)?;
                if n == 0 {
                    break;
                }
                target.write_all(block.get(..n).unwrap_or_default())?;
                octets += n as u64;
            }
            target.sync_all()?;
            fs::rename(&part, self.path(id))?;
            fs::File::open(&self.folder)?.sync_all()?;
            Ok(octets)
        };
        let copied = copy();
        if copied.is_err() {
            // There may be none; what is left is found by `strangers`.
            let _ = fs::remove_file(&part);
        }
        copied
    }

    /// Removes a file that may be gone already.
    pub(in crate::service) fn remove(&self, id: &str) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Files that are old enough to be known to somebody: each with its id, or without one where it is a broken-off copy.
    pub(in crate::service) fn settled(&self, now_ms: i64) -> Vec<(PathBuf, Option<String>)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let is_settled = |entry: &fs::DirEntry| {
            let modified_ms = entry.metadata().ok().and_then(|found| found.mtime().checked_mul(1_000));
            modified_ms.is_some_and(|modified_ms| now_ms.saturating_sub(modified_ms) > BEING_MADE_MS)
        };
        let named = |entry: fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (stem, extension) = name.rsplit_once('.')?;
            match (is_id(stem), extension) {
                (true, "part") => Some((entry.path(), None)),
                (true, extension) if extension == self.extension => Some((entry.path(), Some(stem.to_owned()))),
                _ => None,
            }
        };
        entries.flatten().filter(is_settled).filter_map(named).collect()
    }
}

/// 128 random bits as 32 hexadecimal digits: nobody guesses one.
pub(in crate::service) fn fresh_id() -> io::Result<String> {
    let mut octets = [0_u8; 16];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Whether a text can be such an id: nothing else comes near a path.
pub(in crate::service) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path().join("a/b"), "zip");
        let id = fresh_id().unwrap();
        assert_eq!(spool.keep(&id, &b"octets"[..]).unwrap(), 6);
        assert_eq!(fs::read(spool.path(&id)).unwrap(), b"octets");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&spool.path(&id)), mode(&folder.path().join("a/b"))), (0o600, 0o700));
        spool.remove(&id).unwrap();
        spool.remove(&id).unwrap();
        assert!(!spool.path(&id).exists());
    }

    #[test]
    fn what_is_being_made_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path().to_owned(), "zip");
        let id = fresh_id().unwrap();
        fs::write(folder.path().join(format!("{id}.part")), "").unwrap();
        fs::write(folder.path().join("something else"), "").unwrap();
        assert!(spool.settled(0).is_empty());
        assert_eq!(spool.settled(i64::MAX).len(), 1);
    }

    #[test]
    fn an_id_is_no_path() {
        for text in ["", "..", "../../etc/passwd0000000000000000", "0123456789ABCDEF0123456789ABCDEF", "0"] {
            assert!(!is_id(text), "{text}");
        }
        assert!(is_id(&fresh_id().unwrap()));
    }
}
