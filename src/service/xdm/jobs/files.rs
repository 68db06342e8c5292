//! Where packages lie: `outgoing/ID.zip` and `incoming/ID.zip` below the folder of packages, for their owner alone.
//!
//! A file has its name only when it is whole and on the disk; what has another name is nobody's once no process works on it.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use openssl::sha::Sha256;
use tempfile::NamedTempFile;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{
    model::xdm::{Direction, PackageId},
    service::spool::{fresh_id, is_id},
};

/// Octets that are written at a time.
const BLOCK_BYTES: usize = 256 << 10;
/// How names of files begin that are not whole.
pub(in crate::service) const NOBODYS: &str = ".knoop-";

/// The folder of packages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PackageFiles {
    folder: Arc<Path>,
    instance: Arc<str>,
}

/// The file beside the folder that holds its name.
const INSTANCE: &str = "instance";

impl PackageFiles {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        for way in [Direction::Export, Direction::Import] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder.join(way_of(way)))?;
        }
        Ok(Self { folder: folder.into(), instance: instance_of(folder)?.into() })
    }

    /// What tells it from the folders of other servers on the same database.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of a package below the folder.
    pub fn name(way: Direction, id: PackageId) -> String {
        format!("{}/{id}.zip", way_of(way))
    }

    /// Where a package lies, or will.
    pub fn path(&self, way: Direction, id: PackageId) -> PathBuf {
        self.folder.join(Self::name(way, id))
    }

    /// Whether there is a file of this name below the folder.
    pub(super) fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    /// A package that comes in, under a name that is nobody's.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn spool(&self, most_bytes: u64) -> io::Result<Spool> {
        Spool::below(&self.folder.join(way_of(Direction::Import)), most_bytes)
    }

    /// Gives a package that came its name; it is on the disk when this returns.
    pub(super) async fn keep(&self, spooled: Spooled, id: PackageId) -> io::Result<String> {
        spooled.keep(self.path(Direction::Import, id)).await?;
        Ok(Self::name(Direction::Import, id))
    }

    /// Removes the file of a package, if there is one.
    pub(super) async fn remove(&self, id: PackageId) -> io::Result<()> {
        let paths = [Direction::Export, Direction::Import].map(|way| self.path(way, id));
        spawn_blocking(move || paths.iter().try_for_each(|path| remove_if_there(path)))
            .await
            .map_err(io::Error::other)?
    }

    /// The packages that were made and lie here.
    pub(super) async fn outgoing(&self) -> io::Result<Vec<PackageId>> {
        let folder = self.folder.join(way_of(Direction::Export));
        let list = move || -> io::Result<Vec<PackageId>> {
            let mut found = Vec::new();
            for entry in fs::read_dir(folder)? {
                let name = entry?.file_name();
                found.extend(name.to_str().and_then(|name| name.strip_suffix(".zip")?.parse::<PackageId>().ok()));
            }
            Ok(found)
        };
        spawn_blocking(list).await.map_err(io::Error::other)?
    }

    /// Removes everything that is none of these; tells how much. For a start, when nobody writes here.
    pub(super) async fn clean(&self, known: HashSet<String>) -> io::Result<usize> {
        let folder = Arc::clone(&self.folder);
        let clean = move || -> io::Result<usize> {
            let mut removed = 0;
            for way in [Direction::Export, Direction::Import].map(way_of) {
                for entry in fs::read_dir(folder.join(way))? {
                    let entry = entry?;
                    let name = format!("{way}/{}", entry.file_name().to_string_lossy());
                    if entry.file_type()?.is_file() && !known.contains(&name) {
                        remove_if_there(&entry.path())?;
                        removed += 1;
                    }
                }
            }
            Ok(removed)
        };
        spawn_blocking(clean).await.map_err(io::Error::other)?
    }
}

/// The name of a folder, given to it when it has none.
fn instance_of(folder: &Path) -> io::Result<String> {
    let path = folder.with_extension(INSTANCE);
    let beside = path.parent().unwrap_or(folder);
    let named = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut file = NamedTempFile::new_in(beside)?;
            file.write_all(fresh_id()?.as_bytes())?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(&path) {
                // Somebody else was a moment earlier.
                Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
                _ => File::open(beside)?.sync_all()?,
            }
            fs::read_to_string(&path)?
        }
        read => read?,
    };
    let damaged =
        || io::Error::new(io::ErrorKind::InvalidData, "the file with the name of the folder of packages is damaged");
    Some(named).filter(|named| is_id(named)).ok_or_else(damaged)
}

fn way_of(way: Direction) -> &'static str {
    match way {
        Direction::Export => "outgoing",
        Direction::Import => "incoming",
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Why a package is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Larger than a package may be.
    #[error("a package has at most {0} octets")]
    TooLarge(u64),
    /// It cannot be written.
    #[error("a package cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl SpoolError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, Self::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }
}

/// A package on its way in; dropped before it is whole, it is gone. One block fills while the one before it is written.
pub struct Spool {
    work: Work,
    block: BytesMut,
    octets: u64,
    most_bytes: u64,
}

struct Lane {
    file: NamedTempFile,
    sha256: Sha256,
}

enum Work {
    Idle(Box<Lane>),
    Running(JoinHandle<io::Result<Box<Lane>>>),
    Failed,
}

/// A package that came in whole, on the disk and without a name of its own.
#[derive(Debug)]
pub struct Spooled {
    file: NamedTempFile,
    /// Octets.
    pub octets: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Spooled {
    /// Gives it its name, where there is none yet; it is on the disk when this returns.
    pub(in crate::service) async fn keep(self, path: PathBuf) -> io::Result<()> {
        spawn_blocking(move || {
            self.file.persist_noclobber(&path).map_err(|error| error.error)?;
            path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        })
        .await
        .map_err(io::Error::other)?
    }

    /// The same octets once more.
    pub(in crate::service) fn reopen(&self) -> io::Result<File> {
        self.file.reopen()
    }
}

impl Spool {
    /// What comes into a folder, under a name that is nobody's: it begins with [`NOBODYS`].
    pub(in crate::service) fn below(folder: &Path, most_bytes: u64) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix(NOBODYS).suffix(".part").tempfile_in(folder)?;
        let lane = Lane { file, sha256: Sha256::new() };
        Ok(Self { work: Work::Idle(Box::new(lane)), block: BytesMut::new(), octets: 0, most_bytes })
    }

    /// Takes the next octets.
    ///
    /// # Errors
    /// When there are too many, or they cannot be written; the spool is of no use then.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        self.octets += octets.len() as u64;
        if self.octets > self.most_bytes {
            return Err(SpoolError::TooLarge(self.most_bytes));
        }
        self.block.extend_from_slice(octets);
        if self.block.len() >= BLOCK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Ends it: all is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn finish(mut self) -> Result<Spooled, SpoolError> {
        self.flush().await?;
        let lane = self.idle().await?;
        let finished = spawn_blocking(move || {
            lane.file.as_file().sync_all()?;
            let sha256 = lane.sha256.finish().iter().map(|octet| format!("{octet:02x}")).collect();
            Ok::<_, io::Error>((lane.file, sha256))
        });
        let (file, sha256) = finished.await.map_err(io::Error::other)??;
        Ok(Spooled { file, octets: self.octets, sha256 })
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut lane = self.idle().await?;
        let block: Bytes = self.block.split().freeze();
        self.work = Work::Running(spawn_blocking(move || {
            lane.sha256.update(&block);
            lane.file.write_all(&block)?;
            Ok(lane)
        }));
        Ok(())
    }

    async fn idle(&mut self) -> io::Result<Box<Lane>> {
        match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Idle(lane) => Ok(lane),
            Work::Running(task) => task.await.map_err(io::Error::other)?,
            Work::Failed => Err(io::Error::other("an earlier block failed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn a_package_has_its_name_when_it_is_whole_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = PackageFiles::open(folder.path()).expect("made");
        let id = PackageId::from_bits(7);
        let mut spool = files.spool(2 << 20).expect("a file");
        for _ in 0..20 {
            spool.write(&[b'x'; 50_000]).await.expect("room");
        }
        let incoming = folder.path().join("incoming");
        assert!(names(&incoming).iter().all(|name| name.ends_with(".part")));
        let spooled = spool.finish().await.expect("whole");
        assert_eq!(spooled.octets, 1_000_000);
        assert_eq!(files.keep(spooled, id).await.expect("kept"), format!("incoming/{id}.zip"));
        let kept = fs::metadata(files.path(Direction::Import, id)).expect("it is there");
        assert_eq!((kept.len(), kept.permissions().mode() & 0o777), (1_000_000, 0o600));
        let known = HashSet::from([format!("incoming/{id}.zip")]);
        fs::write(incoming.join(".knoop-a.part"), "left over").expect("written");
        assert_eq!(files.clean(known).await.expect("cleaned"), 1);
        assert_eq!(names(&incoming), [format!("{id}.zip")]);
        files.remove(id).await.expect("removed");
        files.remove(id).await.expect("it is gone already");
        assert!(names(&incoming).is_empty());
    }

    #[tokio::test]
    async fn r_32_61_a_package_beyond_the_limit_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = PackageFiles::open(folder.path()).expect("made");
        let mut spool = files.spool(10).expect("a file");
        spool.write(&[0; 10]).await.expect("as much as may be");
        assert!(matches!(spool.write(&[0]).await, Err(SpoolError::TooLarge(10))));
        drop(spool);
        assert!(names(&folder.path().join("incoming")).is_empty());
    }
}
