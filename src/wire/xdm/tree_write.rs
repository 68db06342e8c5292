//! A package as a tree of directories: a USB stick, or a folder to copy from.
//!
//! Nothing that is there is written over. A package is written below a directory of its own and moved to the top when it is
//! whole, so that nobody takes a half one for a package. What a process left that was killed, the next one takes away.
//!
//! Source: ITI TF-2 §3.32.4.1.2 (R-32-01, R-32-08).

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::names::{DICOM, DICOMDIR, IHE_XDM, INDEX, NotIso9660, README, check_iso_9660};

/// ISO 9660 level 1 and FAT32 hold no file of this many octets.
pub const MOST_BYTES: u64 = 0xFFFF_FFFF;

/// Where a package is while it is not whole.
const PART: &str = ".knoop.part";
/// Held by the process that writes.
const LOCK: &str = "lock";
/// There while the package is moved to the top: what is moved, a name a line.
const MOVING: &str = "moving";
/// What stands at the top of a package, in the order in which it comes there: without IHE_XDM it is none.
const TOP: [&str; 5] = [README, INDEX, DICOM, DICOMDIR, IHE_XDM];

/// Why a tree cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A name of ours is wrong.
    #[error(transparent)]
    Name(#[from] NotIso9660),
    /// A package is there already, or one is being written.
    #[error("{} is there already; a medium holds one package", .0.display())]
    Occupied(PathBuf),
    /// A file cannot be written.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

impl TreeError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io(path.to_owned(), error)
    }
}

/// A tree that is being written.
#[derive(Debug)]
pub struct TreePackage {
    root: PathBuf,
    /// Whether the root was made here.
    is_new: bool,
    /// Directories made here, in their order.
    directories: Vec<PathBuf>,
    current: Option<(PathBuf, File)>,
    /// Goes with the process, however that ends.
    _lock: File,
}

impl TreePackage {
    /// A package in this directory, which is made if need be.
    ///
    /// # Errors
    /// When there is a package already, or the directory cannot be made.
    pub fn new(root: &Path) -> Result<Self, TreeError> {
        let is_new = !root.exists();
        fs::create_dir_all(root).map_err(TreeError::at(root))?;
        clear(root)?;
        for entry in fs::read_dir(root).map_err(TreeError::at(root))? {
            let entry = entry.map_err(TreeError::at(root))?;
            if TOP.iter().any(|name| entry.file_name().eq_ignore_ascii_case(name)) {
                return Err(TreeError::Occupied(entry.path()));
            }
        }
        let part = root.join(PART);
        fs::create_dir(&part).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => TreeError::Occupied(part.clone()),
            _ => TreeError::Io(part.clone(), error),
        })?;
        let lock = File::create(part.join(LOCK)).map_err(TreeError::at(&part))?;
        lock.try_lock().map_err(|error| TreeError::Io(part.clone(), error.into()))?;
        Ok(Self { root: root.to_owned(), is_new, directories: vec![part], current: None, _lock: lock })
    }

    /// A directory; its parents stand before it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn directory(&mut self, path: &str) -> Result<(), TreeError> {
        let path = self.place(path)?;
        fs::create_dir(&path).map_err(TreeError::at(&path))?;
        self.directories.push(path);
        Ok(())
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&mut self, path: &str) -> Result<(), TreeError> {
        self.end()?;
        let path = self.place(path)?;
        let file = File::create_new(&path).map_err(TreeError::at(&path))?;
        self.current = Some((path, file));
        Ok(())
    }

    /// Writes octets of the file that was begun.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), TreeError> {
        match &mut self.current {
            Some((path, file)) => file.write_all(octets).map_err(TreeError::at(path)),
            None => Err(TreeError::Io(self.root.clone(), io::Error::other("no file was begun"))),
        }
    }

    /// Ends the last file; all of the tree is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync(&mut self) -> Result<(), TreeError> {
        self.end()?;
        self.directories.iter().chain([&self.root]).try_for_each(|it| sync(it))
    }

    /// Moves it to the top, where it stays.
    ///
    /// # Errors
    /// When it cannot be moved; then nothing of it is there.
    pub fn keep(self) -> Result<(), TreeError> {
        let part = self.part();
        let names = TOP.into_iter().filter(|name| part.join(name).exists());
        let names: Vec<&str> = names.collect();
        fs::write(part.join(MOVING), names.join("\n")).map_err(TreeError::at(&part))?;
        sync(&part)?;
        for name in names {
            if let Err(error) = fs::rename(part.join(name), self.root.join(name)) {
                undo(&self.root).map_err(TreeError::at(&self.root))?;
                return Err(TreeError::Io(self.root.join(name), error));
            }
        }
        sync(&self.root)?;
        fs::remove_file(part.join(MOVING)).map_err(TreeError::at(&part))
    }

    fn part(&self) -> PathBuf {
        self.root.join(PART)
    }

    fn place(&self, path: &str) -> Result<PathBuf, TreeError> {
        check_iso_9660(path)?;
        Ok(self.part().join(path))
    }

    fn end(&mut self) -> Result<(), TreeError> {
        match self.current.take() {
            Some((path, file)) => file.sync_all().map_err(TreeError::at(&path)),
            None => Ok(()),
        }
    }
}

/// Takes away what a process left that is no more.
fn clear(root: &Path) -> Result<(), TreeError> {
    let part = root.join(PART);
    if fs::symlink_metadata(&part).is_err() {
        return Ok(());
    }
    let lock = match File::open(part.join(LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(opened.map_err(TreeError::at(&part))?),
    };
    match lock.as_ref().map_or(Ok(()), File::try_lock) {
        Err(TryLockError::WouldBlock) => return Err(TreeError::Occupied(part)),
        Err(TryLockError::Error(error)) => return Err(TreeError::Io(part, error)),
        Ok(()) => {}
    }
    undo(root).map_err(TreeError::at(root))?;
    fs::remove_dir_all(&part).map_err(TreeError::at(&part))
}

/// Takes away what was moved to the top: none of these names was there before.
fn undo(root: &Path) -> io::Result<()> {
    let part = root.join(PART);
    let moving = fs::read_to_string(part.join(MOVING)).unwrap_or_default();
    for name in TOP.into_iter().filter(|name| moving.lines().any(|line| line == *name) && !part.join(name).exists()) {
        let path = root.join(name);
        match fs::symlink_metadata(&path) {
            Ok(facts) if facts.is_dir() => fs::remove_dir_all(&path)?,
            Ok(_) => fs::remove_file(&path)?,
            Err(_) => {}
        }
    }
    Ok(())
}

fn sync(directory: &Path) -> Result<(), TreeError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(TreeError::at(directory))
}

impl Drop for TreePackage {
    fn drop(&mut self) {
        self.current = None;
        let removed = fs::remove_dir_all(self.part());
        if self.is_new {
            // With a package in it, it stays.
            let _ = fs::remove_dir(&self.root);
        }
        if let Err(error) = removed {
            tracing::warn!(error = %error, "what an export left on a medium cannot be taken away");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(root: &Path) -> TreePackage {
        let mut package = TreePackage::new(root).unwrap();
        package.directory("IHE_XDM").unwrap();
        for name in ["README.TXT", "IHE_XDM/A.TXT"] {
            package.begin(name).unwrap();
            package.write(b"abc").unwrap();
        }
        package.sync().unwrap();
        package
    }

    fn names(root: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(root).unwrap().map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_not_kept_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let stick = folder.path().join("STICK");
        let package = begun(&stick);
        assert_eq!(names(&stick), [PART], "nobody takes it for a package");
        drop(package);
        assert!(!stick.exists());
        begun(folder.path()).keep().unwrap();
        assert_eq!(names(folder.path()), ["IHE_XDM", "README.TXT"]);
    }

    #[test]
    fn what_a_killed_process_left_is_taken_away_at_any_point() {
        for moved in 0..=TOP.len() {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("STICK");
            fs::create_dir(&root).unwrap();
            fs::write(root.join("holiday.jpg"), b"x").unwrap();
            let package = begun(&root);
            let part = package.part();
            if moved > 0 {
                fs::write(part.join(MOVING), "README.TXT\nIHE_XDM").unwrap();
            }
            for name in TOP.into_iter().take(moved) {
                let _ = fs::rename(part.join(name), root.join(name));
            }
            // As after a kill: the directory stays, and nobody holds the lock.
            let copy = folder.path().join("COPY");
            fs::rename(&root, &copy).unwrap();
            drop(package);
            fs::rename(&copy, &root).unwrap();
            let next = begun(&root);
            assert_eq!(names(&root), [PART, "holiday.jpg"], "{moved} moved");
            next.keep().unwrap();
            assert_eq!(names(&root), ["IHE_XDM", "README.TXT", "holiday.jpg"]);
        }
    }

    #[test]
    fn two_do_not_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let one = begun(folder.path());
        assert!(matches!(TreePackage::new(folder.path()), Err(TreeError::Occupied(_))));
        one.keep().unwrap();
        assert!(matches!(TreePackage::new(folder.path()), Err(TreeError::Occupied(_))));
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("holiday.jpg"), b"x").unwrap();
        begun(folder.path()).keep().unwrap();
        assert_eq!(fs::read(folder.path().join("README.TXT")).unwrap(), b"abc");
        assert!(folder.path().join("holiday.jpg").exists());
    }

    #[test]
    fn r_32_08_no_name_leads_out_of_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let mut package = TreePackage::new(folder.path()).unwrap();
        for bad in ["../A.TXT", "/A.TXT", "A/../B", "lower.txt"] {
            assert!(matches!(package.begin(bad), Err(TreeError::Name(NotIso9660))), "{bad}");
        }
    }
}
