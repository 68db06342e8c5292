//! The watched folder: a zip file that appears in it becomes an import, and goes to `done`, `held`, `quarantine` or `failed`
//! with a report beside it.
//!
//! A file is taken when it has not changed for a while, so that a writer is waited for; one that does not look whole gets
//! more time. It is moved to `.taking` first, where no later file of its name replaces it while it is worked on; what lies
//! there at a start is gone on with. The same octets are imported once, also when a process dies between import and move. Names of files may be
//! those of patients and stand in no log.
//!
//! Source: R-32-34 (`auto_commit`), R-32-36.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use openssl::sha::Sha256;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{Delivery, ImportOrder, PackageError, PackageSummary, Packages, SpoolError, Spooled, XdmPackage, shown};
use crate::{
    model::{
        RequestContext,
        xdm::{PackageId, PackageState},
    },
    store::StoreError,
};

/// A file that does not look whole gets so many times the quiet time.
const PATIENCE: u32 = 60;
/// Where the end record of an archive lies.
const TAIL_BYTES: u64 = 66 << 10;
const END_RECORD: &[u8] = b"PK\x05\x06";
/// Octets that are copied at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// What the watched folder may be told by configuration.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// The folder.
    pub folder: PathBuf,
    /// Take over without asking what is green in every check.
    pub auto_commit: bool,
    /// The node in whose name packages are taken over; the fixed one of this installation if none is named.
    pub node: Option<String>,
    /// A file that has not changed for so long is whole.
    pub quiet: Duration,
}

/// Why a file is not taken now.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("xdm.watch.node names no node that may take part")]
    Node,
}

/// A file as it was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    octets: u64,
    changed: Option<SystemTime>,
    /// Since when it looks so.
    since: tokio::time::Instant,
}

/// Looks into the folder again and again.
pub struct Watch {
    packages: Packages,
    settings: WatchSettings,
    seen: HashMap<OsString, Seen>,
    /// Files in [`TAKING`] whose package is worked on.
    taken: HashMap<OsString, PackageId>,
    /// Files of which it was told that they cannot be taken.
    told: HashSet<OsString>,
    /// Keys of files for which there is no room now: their octets are read once.
    waiting: HashMap<OsString, String>,
}

/// Where a file lies while it is worked on.
const TAKING: &str = ".taking";
/// Where a file lies that has a document which is not what its hash or size say (R-32-36).
const QUARANTINE: &str = "quarantine";

impl Watch {
    /// Watches a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(packages: Packages, settings: WatchSettings) -> io::Result<Self> {
        for place in ["", "done", "held", "failed", QUARANTINE, TAKING] {
            DirBuilder::new().recursive(true).mode(0o700).create(settings.folder.join(place))?;
        }
        Ok(Self {
            packages,
            settings,
            seen: HashMap::new(),
            taken: HashMap::new(),
            told: HashSet::new(),
            waiting: HashMap::new(),
        })
    }

    /// How often to look.
    pub fn interval(&self) -> Duration {
        self.settings.quiet.clamp(Duration::from_millis(50), Duration::from_secs(2))
    }

    /// Looks once: takes what is whole, and moves what has been dealt with.
    pub async fn look(&mut self) {
        if let Err(error) = self.look_into_folder().await {
            tracing::warn!(%error, "the watched folder cannot be read");
        }
    }

    async fn look_into_folder(&mut self) -> io::Result<()> {
        let files = list(&self.settings.folder)?;
        self.seen.retain(|name, _| files.contains_key(name));
        for (name, now) in &files {
            let claimed = self.claim(name, *now);
            self.tell(name, claimed.map_err(WatchError::from));
        }
        let taking = list(&self.settings.folder.join(TAKING))?;
        self.taken.retain(|name, _| taking.contains_key(name));
        self.waiting.retain(|name, _| taking.contains_key(name));
        self.told.retain(|name| files.contains_key(name) || taking.contains_key(name));
        for (name, now) in taking {
            let dealt_with = self.file(&name, now.octets).await;
            self.tell(&name, dealt_with);
        }
        Ok(())
    }

    fn tell(&mut self, name: &OsString, done: Result<(), WatchError>) {
        if let Err(error) = done
            && self.told.insert(name.clone())
        {
            tracing::warn!(%error, "a package of the watched folder cannot be taken at the moment");
        }
    }

    /// Moves a file that is whole to where it is worked on, unless one of its name lies there still.
    fn claim(&mut self, name: &OsString, now: Seen) -> io::Result<()> {
        let before = self.seen.entry(name.clone()).or_insert(now);
        if (before.octets, before.changed) != (now.octets, now.changed) {
            *before = now;
        }
        let path = self.settings.folder.join(name);
        let still = before.since.elapsed();
        if still < self.settings.quiet || (still < self.settings.quiet * PATIENCE && !looks_whole(&path)?) {
            return Ok(());
        }
        let taking = self.settings.folder.join(TAKING).join(name);
        if !taking.exists() {
            fs::rename(&path, &taking)?;
            self.seen.remove(name);
        }
        Ok(())
    }

    /// Goes on with a file that was claimed.
    async fn file(&mut self, name: &OsString, octets: u64) -> Result<(), WatchError> {
        if let Some(id) = self.taken.get(name) {
            let package = self.packages.get(*id).await?;
            return if package.state.is_open() { Ok(()) } else { self.put_away(name, &package).await };
        }
        let settings = self.packages.settings();
        if octets > settings.package_bytes.min(settings.node_bytes) {
            return self.put_away_too_large(name).await;
        }
        let mut ctx = self.context().await?;
        // Before a single octet is copied: this is asked again and again.
        let id = match self.packages.refuse_beyond_room(&ctx, octets).await {
            Ok(()) => self.take(&mut ctx, &self.settings.folder.join(TAKING).join(name)).await?,
            // What was dealt with before needs no room.
            Err(PackageError::Full) => self.dealt_with(&ctx, name).await?.ok_or(PackageError::Full)?,
            Err(error) => return Err(error.into()),
        };
        self.waiting.remove(name);
        self.taken.insert(name.clone(), id);
        Ok(())
    }

    /// The package that a file was before, if nothing is to be done with it once more.
    async fn dealt_with(&mut self, ctx: &RequestContext, name: &OsString) -> Result<Option<PackageId>, WatchError> {
        if !self.waiting.contains_key(name) {
            let file = File::open(self.settings.folder.join(TAKING).join(name))?;
            let key = spawn_blocking(move || digest(file)).await.map_err(io::Error::other)??;
            self.waiting.insert(name.clone(), key_of(&key));
        }
        let Some(key) = self.waiting.get(name) else { return Ok(None) };
        let Some(id) = self.packages.find_brought(ctx, key).await? else { return Ok(None) };
        let package = self.packages.get(id).await?;
        Ok(is_settled(&package).then_some(id))
    }

    /// Brings a file in. Octets that were dealt with before are not again, unless some of their sets were not taken.
    async fn take(&self, ctx: &mut RequestContext, path: &Path) -> Result<PackageId, WatchError> {
        let order = ImportOrder { auto_commit: self.settings.auto_commit, ..ImportOrder::default() };
        loop {
            let spooled = self.copy(path).await?;
            let key = key_of(&spooled.sha256);
            let received = self.packages.receive(ctx, spooled, Delivery::Folder, &order, Some(&key)).await?;
            let (id, is_new) = received;
            let package = self.packages.get(id).await?;
            if is_new || is_settled(&package) {
                return Ok(id);
            }
            self.packages.forget_key(id).await?;
        }
    }

    async fn copy(&self, path: &Path) -> Result<Spooled, WatchError> {
        let mut spool = self.packages.files().spool(self.packages.settings().package_bytes)?;
        let mut file = File::open(path)?;
        loop {
            let (back, block) = spawn_blocking(move || {
                let mut block = vec![0; BLOCK_BYTES];
                let count = file.read(&mut block)?;
                block.truncate(count);
                Ok::<_, io::Error>((file, block))
            })
            .await
            .map_err(io::Error::other)??;
            file = back;
            if block.is_empty() {
                return Ok(spool.finish().await?);
            }
            spool.write(&block).await?;
        }
    }

    /// A request in whose name packages are taken over.
    async fn context(&self) -> Result<RequestContext, WatchError> {
        self.packages.context_of(self.settings.node.as_deref()).await?.ok_or(WatchError::Node)
    }

    /// Moves a file to where what became of it says, with its report.
    async fn put_away(&mut self, name: &OsString, package: &XdmPackage) -> Result<(), WatchError> {
        let place = match package.state {
            _ if is_taken_whole(package) => "done",
            _ if PackageSummary::of(package.report.as_deref()).is_quarantined() => QUARANTINE,
            // Of one that is done some sets were refused.
            PackageState::Held | PackageState::Inspected | PackageState::Done => "held",
            PackageState::Failed | PackageState::Withdrawn | PackageState::Waiting | PackageState::Running => "failed",
        };
        self.move_to(place, name, package.package_id.to_string(), shown::object(package, true)).await
    }

    /// Moves a file away that no package may be as large as.
    async fn put_away_too_large(&mut self, name: &OsString) -> Result<(), WatchError> {
        let settings = self.packages.settings();
        let most = settings.package_bytes.min(settings.node_bytes);
        let text = format!("a package has at most {most} octets");
        let report = json!({ "state": "failed", "problem": { "code": "XdmTooLarge", "text": text } });
        // Of no package: the name is merely one of its own.
        let id = self.context().await?.fresh_uuid().to_string().replace("urn:uuid:", "");
        self.move_to("failed", name, id, report.to_string()).await
    }

    async fn move_to(
        &mut self,
        place: &'static str,
        name: &OsString,
        id: String,
        report: String,
    ) -> Result<(), WatchError> {
        let folder = self.settings.folder.clone();
        let from = folder.join(TAKING).join(name);
        let stem = Path::new(name).file_stem().unwrap_or(name.as_os_str()).to_os_string();
        spawn_blocking(move || move_away(&from, &folder.join(place), &stem, &id, &report))
            .await
            .map_err(io::Error::other)??;
        self.taken.remove(name);
        Ok(())
    }
}

/// By what octets that come twice are known.
fn key_of(sha256: &str) -> String {
    format!("folder-{sha256}")
}

/// SHA-256 of a file, hexadecimal. Blocks.
fn digest(mut file: File) -> io::Result<String> {
    let (mut sha256, mut block) = (Sha256::new(), vec![0; BLOCK_BYTES]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(sha256.finish().iter().map(|octet| format!("{octet:02x}")).collect()),
            count => sha256.update(block.get(..count).unwrap_or_default()),
        }
    }
}

/// Whether the same octets are not to be brought in once more: they are worked on, or taken.
fn is_settled(package: &XdmPackage) -> bool {
    package.state.is_open() || is_taken_whole(package)
}

/// Whether every set of a package was taken, or was here.
fn is_taken_whole(package: &XdmPackage) -> bool {
    package.state == PackageState::Done && PackageSummary::of(package.report.as_deref()).is_here_whole()
}

/// The zip files of a folder.
fn list(folder: &Path) -> io::Result<HashMap<OsString, Seen>> {
    let mut files = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let is_zip = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("zip"));
        if !is_zip || name.to_string_lossy().starts_with('.') {
            continue;
        }
        // One that has just gone is none.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() {
            let since = tokio::time::Instant::now();
            files.insert(name, Seen { octets: metadata.len(), changed: metadata.modified().ok(), since });
        }
    }
    Ok(files)
}

/// Whether an end record stands where one belongs.
fn looks_whole(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(memchr::memmem::rfind(&tail, END_RECORD).is_some())
}

/// Moves a file into a folder and writes its report beside it; the report first, so that none is without. A name that is
/// taken there gets the id of the package behind it.
fn move_away(from: &Path, to: &Path, stem: &OsString, id: &str, report: &str) -> io::Result<()> {
    let named = |extension: &str, with_id: bool| {
        let mut name = stem.clone();
        if with_id {
            name.push(format!("-{id}"));
        }
        name.push(extension);
        to.join(name)
    };
    let taken = named(".zip", false).exists() || named(".json", false).exists();
    let (zip, json) = (named(".zip", taken), named(".json", taken));
    let part = json.with_extension("part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(report.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, &json)?;
    fs::rename(from, &zip)?;
    File::open(to)?.sync_all()
}
