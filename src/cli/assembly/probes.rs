//! What the operator's listener is told of the stores: whether they answer, and how full they are.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    config::{Config, DatabaseLocation},
    http::{Check, Metrics},
    security::tls::Generation,
    store::{
        JobState, Store, StoreError,
        documents::{BlobId, DocumentError, DocumentStore},
    },
};

/// More than a store keeps in memory, so that the disk is asked.
const PROBE_BYTES: usize = 65 << 10;

/// The questions of `/health/ready`.
pub(super) fn checks(store: &Store, documents: &DocumentStore) -> Vec<(&'static str, Check)> {
    let (store, documents) = (store.clone(), documents.clone());
    let database = check(move || {
        let store = store.clone();
        async move { database_answers(&store).await }
    });
    let files = check(move || {
        let documents = documents.clone();
        async move { documents_answer(&documents).await }
    });
    vec![("database", database), ("documents", files)]
}

/// Gauges beside the counters of requests.
pub(super) fn gauges(config: &Config, store: &Store, metrics: &Metrics) {
    let pool = store.clone();
    metrics.gauge("database_connections", "Open connections to the database", move || pool.connections().into());
    if let DatabaseLocation::Sqlite(path) = &config.database.location {
        let mut log = config.sqlite_path(path).into_os_string();
        log.push("-wal");
        let log = PathBuf::from(log);
        metrics.gauge("database_wal_bytes", "Octets of SQLite's write-ahead log", move || {
            std::fs::metadata(&log).map_or(0, |found| i64::try_from(found.len()).unwrap_or(i64::MAX))
        });
    }
}

/// Counts jobs by kind each time that somebody asks: what waits, and what did not get through.
pub(super) fn jobs(store: &Store, metrics: &Metrics) -> Check {
    let counts = Arc::new(Mutex::new(Vec::<(String, JobState, i64)>::new()));
    let gauges = [
        (JobState::Waiting, "jobs_waiting", "Jobs not begun, or to be tried again"),
        (JobState::Running, "jobs_running", "Jobs that somebody works on"),
        (JobState::Failed, "jobs_failed", "Jobs that were given up and are kept for a person to look at"),
    ];
    for (wanted, name, help) in gauges {
        let counts = Arc::clone(&counts);
        metrics.gauges(name, help, "kind", move || {
            let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            let these = counts.iter().filter(|(_, state, _)| *state == wanted);
            these.map(|(kind, _, count)| (kind.clone(), *count)).collect()
        });
    }
    let store = store.clone();
    check(move || {
        let (store, counts) = (store.clone(), Arc::clone(&counts));
        async move {
            let counted = store.read().await?.count_jobs().await?;
            *counts.lock().unwrap_or_else(PoisonError::into_inner) = counted;
            Ok::<(), StoreError>(())
        }
    })
}

/// Counts changes of trust, revocations and nodes.
pub(super) fn generation(generation: &Generation, metrics: &Metrics) {
    let generation = generation.clone();
    metrics.gauge(
        "trust_generation",
        "Changes of certificates, trust, revocations and nodes since the start",
        move || i64::try_from(generation.current()).unwrap_or(i64::MAX),
    );
}

fn check<E, F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Check
where
    E: std::fmt::Display,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    Box::new(move || {
        let answer = ask();
        Box::pin(async move { answer.await.map_err(|error| error.to_string()) })
    })
}

async fn database_answers(store: &Store) -> Result<(), StoreError> {
    store.read().await?.find_documents(&["-"]).await.map(drop)
}

/// Asks for bytes that nobody stored, then writes some and drops them.
async fn documents_answer(documents: &DocumentStore) -> Result<(), DocumentError> {
    match documents.read(BlobId::from_bytes([0; 16]), 1).await {
        Ok(_) | Err(DocumentError::Missing | DocumentError::WrongSize { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut probe = documents.receive()?;
    probe.write(vec![0; PROBE_BYTES].into()).await?;
    probe.finish().await.map(drop)
}
