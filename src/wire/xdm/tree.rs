//! A directory tree as a medium, read from a handle of its top: no link is followed and no border of a file system crossed.
//!
//! Every file is opened step by step from that handle, so that nobody who changes the tree meanwhile can lead out of it.
//!
//! Source: spec xdm H-08, R-32-54.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

use super::medium::{EntryId, MediumError, NewEntry, ReadName, Table, TableBuilder, read_name};
use crate::model::xdm::{PackageFinding, PackageLimits, XdmCode};

/// An open directory tree.
#[derive(Debug)]
pub(super) struct Tree {
    top: OwnedFd,
    device: u64,
    /// Names as they are in the file system, where they are not those of the table.
    raw: HashMap<EntryId, Vec<Vec<u8>>>,
}

/// What is read on the way.
struct Walk<'a> {
    table: TableBuilder,
    raw: HashMap<EntryId, Vec<Vec<u8>>>,
    device: u64,
    entries: u64,
    octets: u64,
    limits: &'a PackageLimits,
}

impl Tree {
    pub(super) fn read(directory: &Path, limits: &PackageLimits) -> Result<(Self, Table), MediumError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = openat(CWD, directory, flags, Mode::empty()).map_err(io::Error::from)?;
        let device = fstat(&top).map_err(io::Error::from)?.st_dev;
        let mut walk =
            Walk { table: TableBuilder::default(), raw: HashMap::new(), device, entries: 0, octets: 0, limits };
        walk.directory(&top, &mut Vec::new())?;
        Ok((Self { top, device, raw: walk.raw }, walk.table.finish()))
    }

    /// Opens a file anew from the top, and makes sure that it still is one.
    pub(super) fn open(&self, id: EntryId, path: &str) -> io::Result<File> {
        let raw = self.raw.get(&id);
        let parts: Vec<&[u8]> = match raw {
            Some(parts) => parts.iter().map(Vec::as_slice).collect(),
            None => path.split('/').map(str::as_bytes).collect(),
        };
        let (name, folders) = parts.split_last().ok_or(io::ErrorKind::NotFound)?;
        let mut folder = None;
        for part in folders {
            let below = open_below(folder.as_ref().unwrap_or(&self.top), part, OFlags::DIRECTORY)?;
            folder = Some(below);
        }
        let file = open_below(folder.as_ref().unwrap_or(&self.top), name, OFlags::NONBLOCK)?;
        let stat = fstat(&file).map_err(io::Error::from)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_dev != self.device {
            return Err(io::Error::other("the file was replaced meanwhile"));
        }
        Ok(File::from(file))
    }
}

fn open_below(folder: &OwnedFd, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(folder.as_fd(), name, flags, Mode::empty())?)
}

impl Walk<'_> {
    fn directory(&mut self, folder: &OwnedFd, above: &mut Vec<Vec<u8>>) -> Result<(), MediumError> {
        let mut names = Dir::read_from(folder).map_err(io::Error::from)?;
        while let Some(entry) = names.read() {
            let entry = entry.map_err(io::Error::from)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            above.push(name.to_vec());
            let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
            let is_directory = self.entry(&stat, above)?;
            if is_directory && above.len() <= self.limits.depth {
                self.directory(&open_below(folder, name, OFlags::DIRECTORY)?, above)?;
            }
            above.pop();
        }
        Ok(())
    }

    /// Takes an entry in; tells whether it is a directory.
    fn entry(&mut self, stat: &Stat, parts: &[Vec<u8>]) -> Result<bool, MediumError> {
        let raw = parts.join(&b'/');
        let ReadName { path, flaws, .. } = read_name(&raw, true, self.limits)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let refuse = |code, text: String| MediumError::from(PackageFinding::error(code, &*path, text));
        if !matches!(kind, FileType::RegularFile | FileType::Directory) {
            return Err(refuse(XdmCode::SpecialFile, "this is a symbolic link, a device or a pipe".to_owned()));
        }
        if stat.st_dev != self.device {
            return Err(refuse(XdmCode::SpecialFile, "another file system begins here".to_owned()));
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            let text = format!("there are more than {} files and directories", self.limits.entries);
            return Err(refuse(XdmCode::TooManyEntries, text));
        }
        let is_directory = kind == FileType::Directory;
        let size_bytes = if is_directory { 0 } else { u64::try_from(stat.st_size).unwrap_or_default() };
        self.octets = self.octets.saturating_add(size_bytes);
        if self.octets > self.limits.package_bytes {
            let text = format!("the files have more than {} octets in all", self.limits.package_bytes);
            return Err(refuse(XdmCode::TooLarge, text));
        }
        let entry = NewEntry { path: &path, is_directory, flaws, size_bytes, crc32: None, place: None };
        let id = self.table.push(&entry);
        let id = id.ok_or_else(|| refuse(XdmCode::TooManyEntries, "the names are too long in all".to_owned()))?;
        if raw != path.as_bytes() {
            self.raw.insert(id, parts.to_vec());
        }
        Ok(is_directory)
    }
}
