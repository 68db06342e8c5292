//! Packages as durable jobs of a running server: what was ordered is made, and what came is looked into and taken over,
//! whatever happens to the process meanwhile.
//!
//! An order and its job are committed together. An export writes under another name and gives the package its own when it
//! is whole; an import leaves each submission set whole or absent, and finds those of an attempt before it already present.
//! The process that has a data directory works on the jobs of the packages in it; others that share its database know of
//! them, and take and give orders, but not the packages.
//!
//! Source: design sections 4 and 6; R-32-34, R-32-35, R-32-60 to R-32-62.

mod caller;
mod choice;
mod export;
mod fetch;
mod files;
mod import;
mod mailing;
mod order;
mod ordering;
mod settle;
pub mod shown;
mod upkeep;
mod watched;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

pub use crate::store::{Priority, XdmPackage};
pub use caller::rights;
pub use choice::{ImportOrder, ImportOrderError, PackageSummary};
pub use fetch::PackageReader;
pub(in crate::service) use files::NOBODYS;
pub use files::{PackageFiles, Spool, SpoolError, Spooled};
pub use mailing::Mailing;
pub use order::{ExportOrder, ExportOrderError, ExportSettings, Recipient, WithoutBsnOrder};
pub use upkeep::Upkeep;
pub use watched::{Watch, WatchSettings};

use super::{
    Importer,
    export::{Here, Origin},
};
use crate::{
    model::{
        Node, NodeKey, NodeRole, OrganisationKey, RequestContext,
        xdm::{Delivery, Direction, PackageId, PackageState},
    },
    service::{
        Auditor,
        jobs::{Clock, Handler, Jobs, Outcome, Policy},
    },
    store::{Store, StoreError, TakenJob, kind_at},
};

/// Kind of the jobs that make packages.
pub const EXPORT: &str = "xdm-export";
/// Kind of the jobs that look into packages that came.
pub const INSPECT: &str = "xdm-inspect";
/// Kind of the jobs that take packages over.
pub const IMPORT: &str = "xdm-import";

/// Few at a time, because each keeps a disk busy; tried again where the trouble was ours.
const POLICY: Policy = Policy {
    at_a_time: 4,
    in_flight: 2,
    attempts: 8,
    first_pause_ms: 2_000,
    longest_pause_ms: 10 * 60_000,
    lease_ms: 60_000,
};

/// Orders of a node that wait, or are worked on, at most.
const OPEN_ORDERS: u64 = 100;

/// What packages may be told by configuration.
#[derive(Clone, Debug)]
pub struct PackageSettings {
    /// How long a package stays after its job has ended.
    pub retention: Duration,
    /// Octets that all packages of a node may take up.
    pub node_bytes: u64,
    /// Octets of one package.
    pub package_bytes: u64,
    /// How packages may leave.
    pub deliveries: Vec<Delivery>,
    /// Transactions that ask every node for a user assertion, unless its record says otherwise.
    pub assertions: Vec<&'static str>,
    /// Who makes packages here.
    pub export: ExportSettings,
}

/// Packages of this server. Cheap to clone.
#[derive(Clone)]
pub struct Packages {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    auditor: Auditor,
    files: PackageFiles,
    settings: PackageSettings,
    /// Absent where registry or repository are elsewhere.
    origin: Option<Origin>,
    /// Absent where the repository is elsewhere.
    importer: Option<Importer>,
    /// Absent where nothing is sent.
    mailing: Option<Mailing>,
    clock: Clock,
    /// Wakes the worker.
    bell: Arc<Notify>,
    /// Changes when a job has ended.
    ended: watch::Sender<u64>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// There is none, or it is somebody else's.
    #[error("there is no such package")]
    Unknown,
    /// It does not stand where this could be done.
    #[error("the package is {}", .0.as_str())]
    Standing(PackageState),
    /// The packages of the node take up all that they may.
    #[error("the packages of this node take up as much as they may; withdraw some, or wait until they expire")]
    Full,
    /// So many orders of the node are open that no more are taken.
    #[error("{OPEN_ORDERS} orders of this node are open; wait until some are done, or withdraw them")]
    Busy,
    /// The idempotency key stands for another order, or for other octets.
    #[error("the idempotency key was used for another order or package of this node")]
    KeyUsed,
    /// Nobody is there in whose name it could be taken over.
    #[error("the node that brought the package may not take part any more")]
    Node,
    /// It lies in the data directory of another server.
    #[error("the package is at another server of this house; ask there")]
    Elsewhere,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of ours.
    #[error("a file cannot be used: {0}")]
    Io(#[from] std::io::Error),
}

/// What a job is told: the rest stands in the row of the package.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Payload {
    package: String,
    /// The node that ordered this job; absent in jobs of an older release, where the one that ordered the package stands.
    #[serde(default)]
    node: Option<NodeKey>,
    /// Subject DN of its certificate, for the audit.
    #[serde(default)]
    subject: Option<String>,
    /// The address that was called, for the audit.
    #[serde(default)]
    endpoint: String,
    /// From where.
    #[serde(default)]
    address: Option<std::net::IpAddr>,
    /// The person at the command line who ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
}

impl Packages {
    /// Packages of these actors, in these files. `origin` and `importer` are absent where there is no registry or repository,
    /// `mailing` where nothing is sent.
    pub fn new(
        store: Store,
        auditor: Auditor,
        files: PackageFiles,
        settings: PackageSettings,
        actors: (Option<Here>, Option<Importer>),
        mailing: Option<Mailing>,
        clock: Clock,
    ) -> Self {
        let (origin, importer) = (actors.0.map(Origin::Here), actors.1);
        let (bell, ended) = (Arc::default(), watch::Sender::new(0));
        let shared = Shared { store, auditor, files, settings, origin, importer, mailing, clock, bell, ended };
        Self { shared: Arc::new(shared) }
    }

    /// Adds the handlers of packages to a worker, and lets orders wake it.
    #[must_use]
    pub fn work_in(&self, jobs: Jobs) -> Jobs {
        let handler = |work: fn(Self, TakenJob) -> BoxFuture<'static, Outcome>| {
            let packages = self.clone();
            Arc::new(move |job| work(packages.clone(), job)) as Handler
        };
        let here = |kind| kind_at(kind, self.shared.files.instance());
        jobs.ringing(Arc::clone(&self.shared.bell))
            .with(here(EXPORT), POLICY, handler(|packages, job| Box::pin(packages.export(job))))
            .with(here(INSPECT), POLICY, handler(|packages, job| Box::pin(packages.inspect(job))))
            .with(here(IMPORT), POLICY, handler(|packages, job| Box::pin(packages.import(job))))
    }

    /// Whether packages can be made here.
    pub fn exports(&self) -> bool {
        self.shared.origin.is_some()
    }

    /// Whether packages can be taken over here.
    pub fn imports(&self) -> bool {
        self.shared.importer.is_some()
    }

    /// Whether a node may have sets taken over in spite of wrong hashes or sizes (R-32-36).
    pub fn may_override(&self, node: &Node) -> bool {
        node.has_role(NodeRole::Admin) && self.shared.importer.as_ref().is_some_and(Importer::may_override)
    }

    /// What was told by configuration.
    pub fn settings(&self) -> &PackageSettings {
        &self.shared.settings
    }

    /// Where packages lie.
    pub fn files(&self) -> &PackageFiles {
        &self.shared.files
    }

    /// A package of the caller's organisation.
    ///
    /// # Errors
    /// [`PackageError::Unknown`] also for one of another organisation.
    pub async fn find(
        &self,
        ctx: &RequestContext,
        direction: Direction,
        id: PackageId,
    ) -> Result<XdmPackage, PackageError> {
        let owner = ctx.caller.organisation_key();
        let found = self.get(id).await?;
        Some(found).filter(|it| it.owner_org_key == owner && it.direction == direction).ok_or(PackageError::Unknown)
    }

    /// A package, whoever's it is.
    ///
    /// # Errors
    /// [`PackageError::Unknown`].
    pub async fn get(&self, id: PackageId) -> Result<XdmPackage, PackageError> {
        self.shared.store.read().await?.find_xdm_package(id).await?.ok_or(PackageError::Unknown)
    }

    /// Packages, of an organisation and a direction where they are named, the newest first; without orders and reports.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list(
        &self,
        owner: Option<OrganisationKey>,
        direction: Option<Direction>,
        most: i64,
    ) -> Result<Vec<XdmPackage>, PackageError> {
        Ok(self.shared.store.read().await?.xdm_packages(owner, direction, most).await?)
    }

    /// Waits until no job is to work on a package, or the time is over; gives it as it stands then.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn settled(&self, id: PackageId, most: Duration) -> Result<XdmPackage, PackageError> {
        let mut ended = self.shared.ended.subscribe();
        let deadline = tokio::time::Instant::now() + most;
        loop {
            ended.mark_unchanged();
            let package = self.get(id).await?;
            if !package.state.is_open() {
                return Ok(package);
            }
            let changed = tokio::time::timeout_at(deadline, ended.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return self.get(id).await;
            }
        }
    }

    /// Changes when a job has ended, or a package was taken back.
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.shared.ended.subscribe()
    }

    /// Whether a package is, or will be, in the folder of this process.
    fn is_here(&self, package: &XdmPackage) -> bool {
        package.instance == self.shared.files.instance()
    }

    /// When a package goes whose job ends now.
    fn expiry(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(i64::try_from(self.shared.settings.retention.as_millis()).unwrap_or(i64::MAX))
    }
}
