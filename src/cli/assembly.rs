//! From configuration to a server that runs: the place where the parts are put together.

mod probes;
mod settings;
mod sockets;
mod stores;

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::sync::watch;

pub(super) use self::{
    sockets::{Bound, Sockets},
    stores::{open_documents, open_store, take_data_dir},
};
use super::Failure;
use crate::{
    client::{Peer, RemoteRegistry},
    config::Config,
    http::{self, Endpoint, Metrics, Operations},
    service::{
        Registry, Repository,
        jobs::{Jobs, Policy},
        refusals::RefusalLog,
        repository::{CONFIRM_REGISTRATION, RegistryLink},
    },
    store::{
        Store,
        data_dir::DataDir,
        documents::{DocumentStore, Extent, SweepTimes, sweep},
    },
    wire::ebrim::body,
};

/// How often expired documents are swept, and how often every file is looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
const FULL_SWEEP_EVERY: u32 = 288;

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
            true => Some(Registry::new(store.clone(), settings::registry_settings(config)?, body::encode)),
            false => None,
        };
        let repository = match (config.repository_role, link(config, registry.as_ref())?) {
            (true, Some(link)) => {
                Some(Repository::new(store.clone(), documents.clone(), link, settings::repository_settings(config)))
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

fn link(config: &Config, registry: Option<&Registry>) -> Result<Option<RegistryLink>, Failure> {
    if let Some(url) = &config.repository.registry_url {
        let peer =
            Peer::new(url.clone(), &settings::peer_settings(config)).context("the remote registry cannot be called")?;
        return Ok(Some(RegistryLink::Remote(Arc::new(RemoteRegistry::new(peer)))));
    }
    Ok(registry.cloned().map(RegistryLink::Local))
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
    let jobs = jobs(store.clone(), repository.clone());
    let endpoint = Endpoint::new(registry, repository, settings::http_settings(config), Arc::clone(&metrics), refusals);
    probes::gauges(config, &store, &metrics);
    let operations = Operations::new(metrics, probes::checks(&store, &documents));
    let (stopping, stopped) = watch::channel(false);
    let sweeper =
        tokio::spawn(sweep_now_and_then(store.clone(), documents, settings::sweep_times(config), stopped.clone()));
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

/// The worker with the handlers of what is done later.
fn jobs(store: Store, repository: Option<Repository>) -> Jobs {
    let jobs = Jobs::new(store, Arc::new(now_ms));
    match repository {
        Some(repository) => jobs.with(CONFIRM_REGISTRATION, Policy::default(), repository.confirm_registration()),
        None => jobs,
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
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
