//! From configuration to a server that runs: the place where the parts are put together.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::sync::watch;

use super::Failure;
#[cfg(feature = "s3")]
use crate::store::documents::S3Settings;
use crate::{
    client::{Peer, PeerSettings, RemoteRegistry},
    config::{Config, DatabaseLocation, Patients, S3Config},
    http::{self, Check, Endpoint, HttpSettings, Listeners, Metrics, Operations},
    service::{
        Registry, RegistrySettings, Repository, RepositorySettings, jobs::Jobs, refusals::RefusalLog,
        repository::RegistryLink,
    },
    store::{
        PostgresSettings, SqliteSettings, Store, StoreError, StoreSettings, UnknownPatients,
        data_dir::{DataDir, DataDirError},
        documents::{DocumentSettings, DocumentStore, Extent, SweepTimes, sweep},
    },
    validate::{QueryRules, Rules},
    wire::{ebrim::body, guard::XmlLimits, mime::MimeLimits, soap::HeaderRules},
};

/// How often expired documents are swept, and how often every file is looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
const FULL_SWEEP_EVERY: u32 = 288;

/// The store that the configuration names, not yet migrated.
///
/// # Errors
/// When it cannot be opened.
pub(super) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let settings = match &config.database.location {
        DatabaseLocation::Sqlite(path) => StoreSettings::Sqlite(SqliteSettings {
            readers: config.database.connections,
            ..SqliteSettings::new(config.sqlite_path(path))
        }),
        DatabaseLocation::Postgres(_) => {
            let url = config.database.postgres_url().ok_or_else(|| {
                Failure::wrong_use("database.url needs a user when there is a password: postgres://USER@HOST/DATABASE")
            })?;
            let connections = config.database.connections;
            StoreSettings::Postgres(PostgresSettings {
                writers: connections,
                readers: connections,
                ..PostgresSettings::new(url)
            })
        }
    };
    Ok(Store::open(&settings).await.context("the database cannot be opened")?)
}

/// The document store that the configuration names.
///
/// # Errors
/// When it cannot be opened, or is one that this program was built without.
pub(super) fn open_documents(config: &Config) -> Result<DocumentStore, Failure> {
    let settings = match &config.documents.s3 {
        None => DocumentSettings::Files { folder: config.documents_path() },
        Some(s3) => bucket(s3)?,
    };
    Ok(DocumentStore::open(&settings).context("the document store cannot be opened")?)
}

#[cfg(feature = "s3")]
fn bucket(s3: &S3Config) -> Result<DocumentSettings, Failure> {
    Ok(DocumentSettings::S3(S3Settings {
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        bucket: s3.bucket.clone(),
        access_key: s3.access_key.clone(),
        secret_key: s3.secret_key.clone(),
        allow_http: s3.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")),
    }))
}

#[cfg(not(feature = "s3"))]
fn bucket(_: &S3Config) -> Result<DocumentSettings, Failure> {
    Err(Failure::wrong_use("documents.store = \"s3\" needs a program that was built with the cargo feature s3"))
}

/// The actors, the stores under them and the lock on the data directory.
pub(super) struct Actors {
    pub registry: Option<Registry>,
    pub repository: Option<Repository>,
    store: Store,
    documents: DocumentStore,
    data: DataDir,
}

impl Actors {
    /// Takes the data directory, opens the stores and builds the actors whose roles are on.
    ///
    /// # Errors
    /// With a sentence for the operator.
    pub(super) async fn open(config: &Config, migrate: bool) -> Result<Self, Failure> {
        let data = take_data_dir(&config.data)?;
        let store = open_store(config).await?;
        if migrate {
            store.migrate().await.context("the database cannot be brought to this version")?;
        }
        let documents = open_documents(config)?;
        let registry = match config.registry_role {
            true => Some(Registry::new(store.clone(), registry_settings(config)?, body::encode)),
            false => None,
        };
        let repository = match (config.repository_role, link(config, registry.as_ref())?) {
            (true, Some(link)) => {
                Some(Repository::new(store.clone(), documents.clone(), link, repository_settings(config)))
            }
            (true, None) => {
                let text = "a repository without the registry role needs repository.registry_url";
                return Err(Failure::wrong_use(text));
            }
            (false, _) => None,
        };
        Ok(Self { registry, repository, store, documents, data })
    }

    /// Whether the repository has no document yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn is_empty(&self) -> Result<bool, Failure> {
        Ok(self.store.read().await?.document_totals().await?.0 == 0)
    }
}

/// Takes the data directory for this process.
///
/// # Errors
/// When another has it, or it cannot be made.
pub(super) fn take_data_dir(folder: &Path) -> Result<DataDir, Failure> {
    DataDir::open(folder).map_err(|error| match error {
        DataDirError::InUse(_) => Failure::Fault(anyhow::Error::new(error)),
        DataDirError::Io(_) => {
            Failure::Fault(anyhow::Error::new(error).context(format!("data directory {}", folder.display())))
        }
    })
}

fn link(config: &Config, registry: Option<&Registry>) -> Result<Option<RegistryLink>, Failure> {
    if let Some(url) = &config.repository.registry_url {
        let peer = Peer::new(url.clone(), &peer_settings(config)).context("the remote registry cannot be called")?;
        return Ok(Some(RegistryLink::Remote(Arc::new(RemoteRegistry::new(peer)))));
    }
    Ok(registry.cloned().map(RegistryLink::Local))
}

fn peer_settings(config: &Config) -> PeerSettings {
    let client = &config.client;
    PeerSettings {
        ca_file: client.ca_file.clone(),
        identity: client.certificate_file.clone().zip(client.key_file.clone()),
        connect_timeout: client.connect_timeout,
        answer_timeout: client.answer_timeout,
        idle_timeout: client.idle_timeout,
    }
}

fn registry_settings(config: &Config) -> Result<RegistrySettings, Failure> {
    let registry = &config.registry;
    let rules = Rules {
        save_extra_metadata: registry.save_extra_metadata,
        allowed_slots: registry.allowed_slots.iter().map(|name| name.as_str().into()).collect(),
        media_types: registry.media_types.iter().map(|kind| kind.to_ascii_lowercase().into()).collect(),
        numbered_uri: registry.lenient_uri,
        assume_original: registry.assume_original,
        ..Rules::default()
    };
    Ok(RegistrySettings {
        rules,
        query_rules: QueryRules {
            lenient_values: registry.lenient_queries,
            assume_leaf_class: registry.lenient_queries && registry.lenient_status,
            short_status: registry.lenient_status,
            values_per_parameter: config.limits.query_values,
            slots: config.limits.query_slots,
            ..QueryRules::default()
        },
        unknown_patients: match registry.patients {
            Patients::Any => UnknownPatients::Create,
            Patients::Known => UnknownPatients::Refuse,
        },
        leaf_class_limit: registry.leaf_class_limit,
        object_ref_limit: registry.object_ref_limit,
        allow_append_to_transformation: registry.allow_append_to_transformation,
    })
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}

fn sweep_times(config: &Config) -> SweepTimes {
    let documents = &config.documents;
    SweepTimes { grace_ms: milliseconds(documents.sweep_grace), quarantine_ms: milliseconds(documents.quarantine) }
}

fn repository_settings(config: &Config) -> RepositorySettings {
    RepositorySettings {
        repository_unique_id: config.repository.repository_unique_id.clone(),
        home_community_id: config.registry.home_community_id.clone(),
        pending_lease_ms: milliseconds(config.documents.sweep_grace),
        document_request_limit: config.limits.document_requests,
    }
}

fn http_settings(config: &Config) -> HttpSettings {
    let limits = &config.limits;
    let size = |octets: u64| usize::try_from(octets).unwrap_or(usize::MAX);
    HttpSettings {
        root_part_bytes: limits.root_part_bytes,
        document_bytes: limits.document_bytes,
        message_bytes: limits.message_bytes,
        answer_bytes: limits.answer_bytes,
        answers_bytes: limits.answers_bytes,
        xml: XmlLimits {
            depth: limits.xml_depth,
            nodes: limits.xml_nodes,
            attributes: limits.xml_attributes,
            namespaces: limits.xml_namespaces,
            value_bytes: size(limits.xml_value_bytes),
            name_bytes: size(limits.xml_name_bytes),
            text_bytes: size(limits.xml_text_bytes),
        },
        mime: MimeLimits {
            parts: limits.mime_parts,
            headers: limits.mime_headers,
            header_bytes: size(limits.mime_header_bytes),
            ..MimeLimits::default()
        },
        headers_timeout: limits.headers_timeout,
        strict_encoding: config.strict_encoding,
        headers: HeaderRules { lenient_addressing: config.lenient_addressing, ..HeaderRules::default() },
        home_community_id: config.registry.home_community_id.clone(),
        versions: config.registry.write_versions,
        ..HttpSettings::default()
    }
}

/// Which sockets to open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets {
    /// Plain HTTP on this port of 127.0.0.1.
    pub insecure_loopback: Option<u16>,
    /// Health and metrics.
    pub operations: Option<SocketAddr>,
}

impl Sockets {
    /// Those of the configuration, the command line's first; `--listen none` leaves only the latter.
    pub(super) fn of(config: &Config, insecure_loopback: Option<u16>, only_named: bool) -> Self {
        let listeners = &config.listeners;
        Self {
            insecure_loopback: insecure_loopback.or(listeners.insecure_loopback.filter(|_| !only_named)),
            operations: listeners.operations.filter(|_| !only_named),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    Ok(TcpListener::bind(address).with_context(|| format!("cannot listen on {address}: is the port taken?"))?)
}

/// The sockets of a server, bound before anything else is touched, so that a taken port is told at once.
pub(super) struct Bound {
    listeners: Listeners,
    /// Address of the SOAP listener.
    pub soap: Option<SocketAddr>,
    /// Address of the operator's listener.
    pub operations: Option<SocketAddr>,
}

impl Bound {
    /// Binds them.
    ///
    /// # Errors
    /// When a port is taken, or the insecure listener is asked for in production.
    pub(super) fn new(config: &Config, sockets: Sockets) -> Result<Self, Failure> {
        if config.production && sockets.insecure_loopback.is_some() {
            return Err(Failure::wrong_use("--insecure-loopback does not exist when production = true"));
        }
        let soap = sockets.insecure_loopback.map(|port| bind((Ipv4Addr::LOCALHOST, port).into())).transpose()?;
        let operations = sockets.operations.map(bind).transpose()?;
        let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|l| l.local_addr().ok());
        let (soap_address, operations_address) = (address(&soap), address(&operations));
        if soap_address.is_some() {
            tracing::warn!(
                "plain HTTP without any authentication is open on 127.0.0.1; for tests and a local proxy only"
            );
        }
        Ok(Self { listeners: Listeners { soap, operations }, soap: soap_address, operations: operations_address })
    }

    /// The line that says that requests are taken.
    pub(super) fn ready_line(&self) -> String {
        let part = |name: &str, address: Option<SocketAddr>| {
            address.map(|address| format!(" {name}=http://{address}")).unwrap_or_default()
        };
        format!("ready{}{}", part("soap", self.soap), part("operations", self.operations))
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of work that no request asked for")]
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Serves until `stop` is done.
///
/// # Errors
/// When a listener or the list of refusals cannot be used.
pub(super) async fn run(
    config: &Config,
    actors: Actors,
    bound: Bound,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let Actors { registry, repository, store, documents, data } = actors;
    let refusals = Arc::new(RefusalLog::open(data.folder()).context("the list of refusals cannot be opened")?);
    let metrics = Arc::new(Metrics::new());
    let endpoint = Endpoint::new(registry, repository, http_settings(config), Arc::clone(&metrics), refusals);
    let operations = Operations::new(metrics, vec![("database", database_check(store.clone()))]);
    let (stopping, stopped) = watch::channel(false);
    let sweeper = tokio::spawn(sweep_now_and_then(store.clone(), documents, sweep_times(config), stopped.clone()));
    let jobs = Jobs::new(store.clone(), Arc::new(now_ms));
    let worker = tokio::spawn(jobs.run(until(stopped), Duration::from_secs(5)));
    println!("{}", bound.ready_line());
    http::serve(bound.listeners, Arc::new(endpoint), Arc::new(operations), stop).await.context("a listener failed")?;
    let _ = stopping.send(true);
    sweeper.await.context("the sweep stopped with a panic")?;
    worker.await.context("the worker of jobs stopped with a panic")?;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn database_check(store: Store) -> Check {
    Box::new(move || {
        let store = store.clone();
        Box::pin(async move { answers(&store).await.map_err(|error| error.to_string()) })
    })
}

async fn answers(store: &Store) -> Result<(), StoreError> {
    store.read().await?.find_documents(&["-"]).await.map(drop)
}

async fn sweep_now_and_then(store: Store, documents: DocumentStore, times: SweepTimes, stopped: watch::Receiver<bool>) {
    for round in 0_u32.. {
        let extent = if round % FULL_SWEEP_EVERY == 0 { Extent::EveryFile } else { Extent::Expired };
        match sweep(&store, &documents, now_ms(), times, extent).await {
            Ok(swept) if swept != Default::default() => {
                tracing::info!(
                    expired = swept.expired,
                    temporaries = swept.temporaries,
                    quarantined = swept.quarantined,
                    discarded = swept.discarded,
                    "swept documents that belong to nothing"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = %error, "the sweep of documents failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be listened to.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
