//! A package as a tree of directories: a USB stick, or a folder to copy from.
//!
//! Nothing that is there is written over. What was written is taken away again unless [`TreePackage::keep`] is called.
//!
//! Source: ITI TF-2 §3.32.4.1.2 (R-32-01, R-32-08).

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::names::{DICOM, DICOMDIR, IHE_XDM, INDEX, NotIso9660, README, check_iso_9660};

/// ISO 9660 level 1 and FAT32 hold no file of this many octets.
pub const MOST_BYTES: u64 = 0xFFFF_FFFF;

/// Why a tree cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A name of ours is wrong.
    #[error(transparent)]
    Name(#[from] NotIso9660),
    /// A package is there already.
    #[error("{} is there already; a medium holds one package", .0.display())]
    Occupied(PathBuf),
    /// A file cannot be written.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

/// A tree that is being written.
#[derive(Debug)]
pub struct TreePackage {
    root: PathBuf,
    /// Files and directories made here, in their order.
    made: Vec<PathBuf>,
    current: Option<(PathBuf, File)>,
    is_kept: bool,
}

impl TreePackage {
    /// A package in this directory, which is made if need be.
    ///
    /// # Errors
    /// When there is a package already, or the directory cannot be made.
    pub fn new(root: &Path) -> Result<Self, TreeError> {
        let io = |error| TreeError::Io(root.to_owned(), error);
        let mut made = Vec::new();
        if !root.exists() {
            fs::create_dir_all(root).map_err(io)?;
            made.push(root.to_owned());
        }
        for entry in fs::read_dir(root).map_err(io)? {
            let entry = entry.map_err(io)?;
            let is_ours = |name: &&str| entry.file_name().eq_ignore_ascii_case(name);
            if [IHE_XDM, INDEX, README, DICOMDIR, DICOM].iter().any(is_ours) {
                return Err(TreeError::Occupied(entry.path()));
            }
        }
        Ok(Self { root: root.to_owned(), made, current: None, is_kept: false })
    }

    /// A directory; its parents stand before it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn directory(&mut self, path: &str) -> Result<(), TreeError> {
        let path = self.place(path)?;
        fs::create_dir(&path).map_err(|error| TreeError::Io(path.clone(), error))?;
        self.made.push(path);
        Ok(())
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&mut self, path: &str) -> Result<(), TreeError> {
        self.end()?;
        let path = self.place(path)?;
        let file = File::create_new(&path).map_err(|error| TreeError::Io(path.clone(), error))?;
        self.made.push(path.clone());
        self.current = Some((path, file));
        Ok(())
    }

    /// Writes octets of the file that was begun.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), TreeError> {
        match &mut self.current {
            Some((path, file)) => file.write_all(octets).map_err(|error| TreeError::Io(path.clone(), error)),
            None => Err(TreeError::Io(self.root.clone(), io::Error::other("no file was begun"))),
        }
    }

    /// Ends the last file; all of the tree is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync(&mut self) -> Result<(), TreeError> {
        self.end()?;
        self.made.iter().filter(|path| path.is_dir()).chain([&self.root]).try_for_each(|it| sync(it))
    }

    /// Lets it stay.
    pub fn keep(mut self) {
        self.is_kept = true;
    }

    fn place(&self, path: &str) -> Result<PathBuf, TreeError> {
        check_iso_9660(path)?;
        Ok(self.root.join(path))
    }

    fn end(&mut self) -> Result<(), TreeError> {
        match self.current.take() {
            Some((path, file)) => file.sync_all().map_err(|error| TreeError::Io(path, error)),
            None => Ok(()),
        }
    }
}

fn sync(directory: &Path) -> Result<(), TreeError> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(|error| TreeError::Io(directory.to_owned(), error))
}

impl Drop for TreePackage {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        self.current = None;
        for path in self.made.iter().rev() {
            let removed = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
            if let Err(error) = removed {
                tracing::warn!(error = %error, "what an export left on a medium cannot be taken away");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let stick = folder.path().join("STICK");
        let mut package = TreePackage::new(&stick).unwrap();
        package.directory("IHE_XDM").unwrap();
        package.begin("IHE_XDM/A.TXT").unwrap();
        package.write(b"abc").unwrap();
        assert!(stick.join("IHE_XDM/A.TXT").exists());
        drop(package);
        assert!(!stick.exists());
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("holiday.jpg"), b"x").unwrap();
        let mut package = TreePackage::new(folder.path()).unwrap();
        package.begin("README.TXT").unwrap();
        package.write(b"abc").unwrap();
        package.sync().unwrap();
        package.keep();
        assert_eq!(fs::read(folder.path().join("README.TXT")).unwrap(), b"abc");
        assert!(matches!(TreePackage::new(folder.path()), Err(TreeError::Occupied(_))));
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
