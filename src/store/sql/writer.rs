//! Who writes: on SQLite one thread with group commit, on PostgreSQL ordinary transactions.
//!
//! A write belongs to the writer from the moment it is handed over: a caller that goes away does not stop it. On SQLite
//! everything that waits shares one transaction and one flush of the log, each item under a savepoint of its own, so that a
//! refused submission does not undo its neighbours. What makes the commit impossible (disk full, I/O error, the commit
//! itself) fails the whole batch, for nothing of it is durable.

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use sqlx::{PgPool, SqlitePool};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Statement, args, checkpoint, statements, tx::Tx};
use crate::store::StoreError;

statements! {
    SAVEPOINT = "SAVEPOINT item";
    RELEASE = "RELEASE SAVEPOINT item";
    ROLLBACK_TO = "ROLLBACK TO SAVEPOINT item";
}

/// A batch ends at whatever comes first.
const BATCH_ITEMS: usize = 64;
const BATCH_BYTES: usize = 8 << 20;
const BATCH_TIME: Duration = Duration::from_millis(50);
/// A submission with more objects is committed alone, so that nobody waits for it twice.
const OBJECTS_THAT_RUN_ALONE: usize = 500;
/// Writes that may wait; more wait in their callers, who may give up.
const WAITING: usize = 256;
/// How often PostgreSQL may ask to try again before the caller is told.
const ATTEMPTS: usize = 8;

/// The size of a write, for deciding with whom it may share a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Registry objects.
    pub objects: usize,
    /// Octets of bodies.
    pub bytes: usize,
}

pub(super) enum Writer {
    Sqlite(SqliteWriter),
    /// Its connections belong to the runtime that opened the store: those of a server's workers end while it stops, and what
    /// is written then must not meet a connection of theirs.
    Postgres(PgPool, tokio::runtime::Handle),
}

pub(super) struct SqliteWriter {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Item>>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

/// Work of any type, as the writer's queue holds it.
trait Item: Send {
    fn weight(&self) -> Weight;
    /// Runs the work; whether its changes are to be kept.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool>;
    /// Tells the caller, after the commit.
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

struct Work<F, T, E> {
    weight: Weight,
    work: F,
    result: Option<Result<T, E>>,
    reply: Option<oneshot::Sender<Result<T, E>>>,
}

impl<F, T, E> Item for Work<F, T, E>
where
    F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
    T: Send,
    E: From<StoreError> + Send,
{
    fn weight(&self) -> Weight {
        self.weight
    }

    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let result = {
                let work = &self.work;
                let caught = AssertUnwindSafe(async move { work(tx).await }).catch_unwind().await;
                caught.unwrap_or_else(|_panic| Err(StoreError::Panicked.into()))
            };
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn answer(mut self: Box<Self>, commit: Result<(), StoreError>) {
        let result = match (self.result.take(), commit) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(StoreError::Panicked.into()),
        };
        if let Some(reply) = self.reply.take() {
            // A caller that went away is no concern of the writer's.
            let _gone = reply.send(result);
        }
    }
}

impl Writer {
    /// Starts the writing thread and, beside it, the checkpointer.
    pub(super) fn sqlite(pool: SqlitePool, checkpoints: SqlitePool, file: &Path) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            statement: "start of the writer",
            code: error.kind().to_string(),
        };
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let (queue, waiting) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
        std::thread::Builder::new()
            .name("knoop-writer".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let committed = Arc::new(Notify::new());
                    let checkpointer =
                        tokio::spawn(checkpoint::run(checkpoints.clone(), log.into(), Arc::clone(&committed)));
                    write_batches(pool, waiting, &committed).await;
                    checkpointer.abort();
                    checkpoints.close().await;
                });
                // Nobody may be waiting for the end.
                let _nobody = end.send(());
            })
            .map_err(unavailable)?;
        Ok(Self::Sqlite(SqliteWriter { queue: Mutex::new(Some(queue)), ended: tokio::sync::Mutex::new(Some(ended)) }))
    }

    pub(super) fn postgres(pool: PgPool) -> Self {
        Self::Postgres(pool, tokio::runtime::Handle::current())
    }

    /// Hands work over and waits for its commit.
    pub(super) async fn write<T, E, F>(&self, weight: Weight, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let closed = || StoreError::Unavailable { statement: "write", code: "closed".to_owned() };
        let (reply, answer) = oneshot::channel();
        let item = Work { weight, work, result: None, reply: Some(reply) };
        match self {
            Self::Sqlite(writer) => {
                let queue = writer.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let queue = queue.ok_or_else(closed)?;
                queue.send(Box::new(item)).await.map_err(|_| closed())?;
            }
            Self::Postgres(pool, runtime) => {
                runtime.spawn(write_on_postgres(pool.clone(), Box::new(item)));
            }
        }
        answer.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// Takes no more work, waits for what was handed over.
    pub(super) async fn close(&self) {
        if let Self::Sqlite(writer) = self {
            writer.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(ended) = writer.ended.lock().await.take() {
                // An error means that the thread is gone, which is what is waited for.
                let _gone = ended.await;
            }
        }
    }
}

async fn write_on_postgres(pool: PgPool, mut item: Box<dyn Item>) {
    let mut attempt = 1;
    let outcome = loop {
        let mut tx = match Tx::begin_postgres(&pool).await {
            Ok(tx) => tx,
            Err(error) => break Err(error),
        };
        let keep = item.run(&mut tx).await;
        let mut trouble = tx.take_trouble();
        if keep && trouble.is_none() {
            match tx.commit().await {
                Ok(()) => break Ok(()),
                Err(error) => trouble = Some(error),
            }
        } else {
            // The connection undoes an open transaction by itself when this fails.
            let _undone_later = tx.rollback().await;
        }
        match trouble {
            Some(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
            Some(error) => break Err(error),
            None => break Ok(()),
        }
    };
    item.answer(outcome);
}

async fn write_batches(pool: SqlitePool, mut waiting: mpsc::Receiver<Box<dyn Item>>, committed: &Notify) {
    let mut held_over = None;
    loop {
        let first = match held_over.take() {
            Some(item) => item,
            None => match waiting.recv().await {
                Some(item) => item,
                None => return,
            },
        };
        let mut batch = Batch { items: Vec::new(), bytes: 0 };
        let outcome = batch.run(&pool, first, &mut waiting, &mut held_over).await;
        if let Err(error) = &outcome {
            Tx::renew_sqlite(&pool).await;
            tracing::error!(%error, items = batch.items.len(), "a commit failed, nothing of it was kept");
        }
        committed.notify_one();
        for item in batch.items {
            item.answer(outcome.clone());
        }
    }
}

struct Batch {
    items: Vec<Box<dyn Item>>,
    bytes: usize,
}

impl Batch {
    async fn run(
        &mut self,
        pool: &SqlitePool,
        first: Box<dyn Item>,
        waiting: &mut mpsc::Receiver<Box<dyn Item>>,
        held_over: &mut Option<Box<dyn Item>>,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut next = Some(first);
        let mut tx = match Tx::begin_sqlite(pool).await {
            Ok(tx) => tx,
            Err(error) => {
                self.items.extend(next);
                return Err(error);
            }
        };
        while let Some(item) = next.take() {
            let alone = item.weight().objects > OBJECTS_THAT_RUN_ALONE;
            if alone && !self.items.is_empty() {
                *held_over = Some(item);
                break;
            }
            if let Err(error) = self.run_item(&mut tx, item).await {
                // SQLite may have undone everything by itself, which is why this may fail; the connection goes anyhow.
                let _undone = tx.rollback().await;
                return Err(error);
            }
            let full = self.items.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES || began.elapsed() >= BATCH_TIME;
            if alone || full {
                break;
            }
            next = waiting.try_recv().ok();
        }
        tx.commit().await
    }

    /// Runs one item under its savepoint. An error ends the batch.
    async fn run_item(&mut self, tx: &mut Tx, mut item: Box<dyn Item>) -> Result<(), StoreError> {
        if let Err(error) = control(tx, &SAVEPOINT).await {
            self.items.push(item);
            return Err(error);
        }
        let keep = item.run(tx).await;
        self.bytes += item.weight().bytes;
        self.items.push(item);
        if let Some(trouble) = tx.take_trouble() {
            return Err(trouble);
        }
        if !keep {
            control(tx, &ROLLBACK_TO).await?;
        }
        control(tx, &RELEASE).await
    }
}

async fn control(tx: &mut Tx, statement: &'static Statement) -> Result<(), StoreError> {
    tx.execute(statement, args![]).await.map(drop)
}
