//! From configuration to a server that runs: the place where the parts are put together.

mod assertions;
pub(super) mod audit;
pub(in crate::cli) mod audit_delivery;
mod clock_watch;
mod development;
mod mail;
pub(super) mod offline;
pub(super) mod packages;
mod probes;
mod settings;
mod sockets;
mod stores;
mod tls;

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use lettre::Address;
use tokio::sync::watch;

pub(super) use self::{
    assertions::{assertion_settings, issuer_anchors},
    clock_watch::in_words,
    mail::{mail, pickup, pickup_url, smime_settings},
    packages::query_element,
    settings::{audit_settings, import_settings, peer_settings, policy_in_force, policy_of},
    sockets::{Bound, Named, Sockets},
    stores::{open_documents, open_store, take_data_dir},
    tls::{Tls, client_settings, server_settings},
};
use super::{Failure, clock};
use crate::{
    client::{Peer, RemoteRegistry},
    config::{Config, DatabaseLocation},
    http::{self, Endpoint, Metrics, Operations, UserAssertions},
    lmtp,
    service::{
        Access, Auditor, Registry, Repository,
        access::{EMERGENCY_ENDED, NOTIFY_PRIVACY_OFFICER, emergency_ended, notify_privacy_officer},
        audit_view::AuditView,
        jobs::{Clock, Jobs, Policy},
        mail::{MailService, OPEN_MAIL, OPENING, SEND_MAIL, SENDING},
        nodes::Nodes,
        refusals::RefusalLog,
        repository::{CONFIRM_REGISTRATION, RegistryLink},
        xdm::Importer,
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
    tls: Tls,
    auditor: Auditor,
    pub store: Store,
    documents: DocumentStore,
    data: DataDir,
}

impl Actors {
    /// Takes the data directory, opens the stores and builds the actors whose roles are on.
    ///
    /// # Errors
    /// With a sentence for the operator.
    pub(super) async fn open(config: &Config, tls: Tls, migrate: bool) -> Result<Self, Failure> {
        let data = take_data_dir(&config.data)?;
        let store = open_store(config).await?;
        if migrate {
            store.migrate().await.context("the database cannot be brought to this version")?;
        }
        let documents = open_documents(config)?;
        let auditor = Auditor::new(store.clone(), audit_settings(config));
        let rules = settings::access_settings(config, tls.client.clone())?;
        let access = Access::new(store.clone(), rules, auditor.clone());
        access.take_effect(&clock::context()).await.context("the access policy cannot be recorded")?;
        let registry = match config.registry_role {
            true => {
                let settings = settings::registry_settings(config)?;
                Some(Registry::new(store.clone(), settings, body::encode, auditor.clone(), access.clone()))
            }
            false => None,
        };
        let repository = match (config.repository_role, link(config, &tls, registry.as_ref())?) {
            (true, Some(link)) => {
                let settings = settings::repository_settings(config);
                let (store, documents) = (store.clone(), documents.clone());
                Some(Repository::new(store, documents, link, settings, auditor.clone(), access))
            }
            (true, None) => {
                let text = "a repository without the registry role needs repository.registry_url";
                return Err(Failure::wrong_use(text));
            }
            (false, _) => None,
        };
        Ok(Self { registry, repository, tls, auditor, store, documents, data })
    }

    /// What takes packages from media over into the repository, if there is one.
    ///
    /// # Errors
    /// With a sentence for the operator.
    pub(super) fn importer(&self, config: &Config) -> Result<Option<Importer>, Failure> {
        let Some(repository) = &self.repository else { return Ok(None) };
        let settings = settings::import_settings(config)?;
        let (repository, store, auditor) = (repository.clone(), self.store.clone(), self.auditor.clone());
        Ok(Some(Importer::new(repository, store, auditor, settings, Arc::new(now_ms))))
    }

    /// Takes away documents that a process which was killed left on their way. Where the database is in the data directory,
    /// nobody else is at work; where it is not, those that are old enough go.
    ///
    /// # Errors
    /// When database or files cannot be read or written.
    pub(super) async fn clear_temporaries(&self, config: &Config) -> Result<(), Failure> {
        let mut times = settings::sweep_times(config);
        if matches!(config.database.location, DatabaseLocation::Sqlite(_)) {
            times.grace_ms = 0;
        }
        let swept = sweep(&self.store, &self.documents, now_ms(), times, Extent::Expired).await;
        swept.map(|_| ()).context("what was left on its way cannot be taken away").map_err(Failure::from)
    }

    /// Whether the repository has no document yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn is_empty(&self) -> Result<bool, Failure> {
        Ok(self.store.read().await?.document_totals().await?.0 == 0)
    }
}

fn link(config: &Config, tls: &Tls, registry: Option<&Registry>) -> Result<Option<RegistryLink>, Failure> {
    if let Some(url) = &config.repository.registry_url {
        let settings = peer_settings(config, tls.client.clone());
        let peer = Peer::new(url.clone(), &settings).context("the remote registry cannot be called")?;
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
    mut bound: Bound,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let importer = actors.importer(config)?;
    let Actors { registry, repository, tls, auditor, store, documents, data } = actors;
    let refusals = Arc::new(RefusalLog::open(data.folder()).context("the list of refusals cannot be opened")?);
    let metrics = Arc::new(Metrics::new());
    let mail = mail::mail(config, &store, &auditor, tls.client.clone());
    let officer = mail.clone().zip(config.access.privacy_officer.clone());
    let mut jobs = jobs(store.clone(), repository.clone(), auditor.clone(), officer);
    let packages = match config.xdm.serve {
        true => Some(packages::of(config, registry.as_ref(), importer, &store, &auditor, mail.clone())?),
        false => None,
    };
    if let Some(packages) = &packages {
        jobs = packages.work_in(jobs);
        packages::start(packages).await?;
    }
    if let Some(mail) = mail.clone() {
        jobs = jobs.with(SEND_MAIL, SENDING, mail.send_mail(Arc::new(now_ms)));
    }
    let inbox = mail::inbox(config, &store, &auditor, packages.as_ref(), mail.clone(), jobs.bell()).await?;
    if let Some(inbox) = inbox.clone() {
        jobs = jobs.with(OPEN_MAIL, OPENING, inbox.open_mail(Arc::new(now_ms)));
    }
    development::admit_clients(config, &store).await?;
    let nodes = Arc::new(Nodes::load(&store).await.context("the nodes cannot be read")?);
    let http_settings = settings::http_settings(config);
    let view = AuditView::new(store.clone(), auditor.clone(), &config.audit.site_id);
    let (ledger, judge) = assertions::judge(config, &store, &auditor).await?.unzip();
    let clock = clock_watch::of(config, &metrics);
    if let Some(clock) = &clock {
        auditor.watch_clock(Arc::clone(clock));
        // Before anybody is served (S-TLS-20); servers that do not answer hold the start up for two seconds.
        clock.measure().await;
    }
    let mut endpoint = Endpoint::new(
        registry,
        repository,
        Arc::clone(&nodes),
        auditor.clone(),
        http_settings,
        Arc::clone(&metrics),
        refusals,
    )
    .with_audit_view(view)
    .with_assertions(
        UserAssertions::new(judge.clone(), config.xua.modes.iter().copied(), config.xua.required_attributes)
            .by_clock(clock.clone()),
    );
    if let Some(packages) = &packages {
        endpoint = endpoint.with_packages(packages.clone());
    }
    probes::gauges(config, &store, &metrics);
    probes::generation(&tls.generation, &metrics);
    let mut operations = Operations::new(Arc::clone(&metrics), probes::checks(&store, &documents))
        .with_count(probes::jobs(&store, &metrics));
    let delivery = audit_delivery::worker(config, &store, &auditor, &tls)?;
    if let Some(delivery) = &delivery {
        delivery.register().await.context("the audit repositories cannot be noted")?;
        audit_delivery::gauges(&metrics, &delivery.backlogs());
        operations = operations.with_remarks(audit_delivery::remarks(delivery.backlogs()));
        if let Some(age) = config.audit_delivery.refuse_after {
            endpoint = endpoint.with_audit_limit(delivery.backlogs(), age);
        }
    }
    if let Some(clock) = &clock {
        operations = operations.with_remarks(clock_watch::remarks(Arc::clone(clock)));
    }
    let pickup = mail::pickup(config, &store, &auditor);
    let page = mail::page(config, pickup.clone());
    let (stopping, stopped) = watch::channel(false);
    let stop_of_delivery = until(stopped.clone());
    let deliverer = tokio::spawn(async move {
        if let Some(delivery) = delivery {
            delivery.run(stop_of_delivery).await;
        }
    });
    let sweeper =
        tokio::spawn(sweep_now_and_then(store.clone(), documents, settings::sweep_times(config), stopped.clone()));
    let worker = tokio::spawn(jobs.run(until(stopped.clone()), Duration::from_secs(5)));
    let following = tokio::spawn({
        let (store, stopped) = (store.clone(), stopped.clone());
        async move { nodes.follow(&store, until(stopped)).await }
    });
    let mut background = vec![tokio::spawn(tls::keep_fresh(tls.clone(), auditor.clone(), stopped.clone())?)];
    background.extend(tls::fetch_crls(config, &tls, &stopped).into_iter().map(tokio::spawn));
    if let Some(packages) = packages {
        if let Some(watch) = packages::watch(config, &packages)? {
            background.push(tokio::spawn(packages::keep_watching(watch, stopped.clone())));
        }
        background.push(tokio::spawn(packages::keep_in_order(packages, stopped.clone())));
    }
    if let Some(judge) = judge {
        background.push(tokio::spawn(assertions::purge_now_and_then(judge.clone(), stopped.clone())));
        background.push(tokio::spawn(assertions::keep_fresh(config.clone(), judge, stopped.clone())?));
    }
    if let Some((inbox, socket)) = inbox.clone().zip(bound.take_mail()) {
        let (clock, listener) = (Arc::new(now_ms), mail::lmtp(config, socket));
        let answering = inbox.clone().answer_until(clock.clone(), until(stopped.clone()));
        background.push(tokio::spawn(answering));
        let taking = lmtp::serve(listener, inbox, clock, until(stopped.clone()));
        background.push(tokio::spawn(async move {
            if let Err(error) = taking.await {
                tracing::error!(%error, "the listener for mail cannot be used");
            }
        }));
    }
    if config.pickup.listen.is_some() || mail.is_some() || inbox.is_some() {
        let clearing = mail::clear_now_and_then(pickup, mail, inbox, config.email.retention, stopped.clone());
        background.push(tokio::spawn(clearing));
    }
    background.extend(clock.map(|clock| {
        let stopped = until(stopped.clone());
        tokio::spawn(async move { clock.run(stopped).await })
    }));
    tls.server.iter().chain(&tls.client).chain(&tls.pickup).for_each(|live| tls::tell(live));
    let trail = audit::Trail::start(config, auditor, &store).await?;
    println!("{}", bound.ready_line());
    http::serve(bound.listeners(config, &tls, Some(page)), Arc::new(endpoint), Arc::new(operations), stop)
        .await
        .context("a listener failed")?;
    let _ = stopping.send(true);
    sweeper.await.context("the sweep stopped with a panic")?;
    following.await.context("following the nodes stopped with a panic")?;
    worker.await.context("the worker of jobs stopped with a panic")?;
    deliverer.await.context("the delivery of the audit trail stopped with a panic")?;
    for task in background {
        task.await.context("a task in the background stopped with a panic")?;
    }
    trail.stop().await?;
    if let Some(ledger) = ledger {
        ledger.close().await.context("the ledger of used assertions was not closed")?;
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// For what is done in the own database, and the word to the privacy officer: again within seconds, and never given up.
const PROMPT: Policy = Policy {
    at_a_time: 4,
    in_flight: 4,
    attempts: 1_000_000,
    first_pause_ms: 1_000,
    longest_pause_ms: 60_000,
    lease_ms: 60_000,
};

/// The worker with the handlers of what is done later.
fn jobs(
    store: Store,
    repository: Option<Repository>,
    auditor: Auditor,
    officer: Option<(MailService, Address)>,
) -> Jobs {
    let clock: Clock = Arc::new(now_ms);
    let jobs = Jobs::new(store.clone(), Arc::clone(&clock))
        .with(NOTIFY_PRIVACY_OFFICER, PROMPT, notify_privacy_officer(store.clone(), Arc::clone(&clock), officer))
        .with(EMERGENCY_ENDED, PROMPT, emergency_ended(store, Arc::clone(&clock), auditor));
    match repository {
        Some(repository) => jobs.with(CONFIRM_REGISTRATION, Policy::default(), repository.confirm_registration(clock)),
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
