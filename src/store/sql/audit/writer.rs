//! Who records what belongs to no change: one writer with a group commit of its own, beside the writer of the registry.
//!
//! On SQLite it is a thread with a journal, from which a task moves everything into the file of its month; on PostgreSQL a task
//! that inserts into the table.

use std::sync::{Arc, mpsc as std_mpsc};

use sqlx::PgPool;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    AuditFiles, AuditRow, INSERT_AUDIT, WIDTH,
    desk::{Desk, Recorder, Word},
    moving::unreadable,
};
use crate::store::{
    StoreError,
    sql::{
        Args,
        tx::{Alone, Tx},
    },
};

/// Rows of one commit.
const BATCH_ROWS: usize = 64;
/// Callers that may wait in the queue; more wait outside.
const WAITING: u32 = 256;

/// The way to the writer.
pub(in crate::store::sql) struct AuditWriter {
    places: Arc<Semaphore>,
    way: std::sync::Mutex<Option<Way>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Where rows are handed over.
#[derive(Clone)]
enum Way {
    Journal { queue: std_mpsc::Sender<Item>, words: mpsc::UnboundedSender<Word> },
    Postgres(mpsc::UnboundedSender<Item>),
}

/// What one caller records.
pub(super) struct Item {
    rows: Vec<AuditRow>,
    waits: Waits,
}

/// A caller, and its place in the queue.
pub(super) struct Waits {
    reply: Reply,
    _place: OwnedSemaphorePermit,
}

/// What shares a commit.
pub(super) struct Batch {
    pub(super) rows: Vec<AuditRow>,
    pub(super) waiting: Vec<Waits>,
}

impl Batch {
    /// The first, and those that `next` has ready.
    pub(super) fn gather(first: Item, mut next: impl FnMut() -> Option<Item>) -> Self {
        let mut batch = Self { rows: first.rows, waiting: vec![first.waits] };
        while batch.rows.len() < BATCH_ROWS
            && let Some(mut item) = next()
        {
            batch.rows.append(&mut item.rows);
            batch.waiting.push(item.waits);
        }
        batch
    }
}

/// Tells all who wait how it went.
pub(super) fn answer(waiting: Vec<Waits>, outcome: &Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::error!(%error, requests = waiting.len(), "the audit could not be written; these requests fail");
    }
    for waits in waiting {
        // A caller that went away is no concern of the writer's.
        let _gone = waits.reply.send(outcome.clone());
    }
}

pub(super) type Reply = oneshot::Sender<Result<(), StoreError>>;

impl AuditWriter {
    /// For the files of months. The thread begins here, the journal with the first row.
    pub(in crate::store::sql) fn sqlite(files: Arc<AuditFiles>) -> Result<Self, StoreError> {
        let (queue, waiting) = std_mpsc::channel();
        let (words, heard) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk::new(files));
        let recorder = Recorder::new(Arc::clone(&desk), words.clone());
        std::thread::Builder::new()
            .name("knoop-audit".to_owned())
            .spawn(move || recorder.run(&waiting))
            .map_err(|error| unreadable(&error))?;
        let task = tokio::spawn(async move { desk.move_until_all_have_gone(heard).await });
        Ok(Self::new(Way::Journal { queue, words }, task))
    }

    /// For the table. The connections that write belong to the runtime that opened the store, as this task does.
    pub(in crate::store::sql) fn postgres(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let task = tokio::spawn(insert_batches(pool, waiting));
        Self::new(Way::Postgres(queue), task)
    }

    fn new(way: Way, task: JoinHandle<()>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(WAITING as usize)),
            way: std::sync::Mutex::new(Some(way)),
            task: Mutex::new(Some(task)),
        }
    }

    /// Hands rows over and waits until they are durable.
    pub(super) async fn record(&self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let item = Item { rows, waits: Waits { reply, _place: place } };
        match self.way().ok_or_else(closed)? {
            Way::Journal { queue, .. } => queue.send(item).map_err(|_| closed())?,
            Way::Postgres(queue) => queue.send(item).map_err(|_| closed())?,
        }
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until everything that was recorded before is where it is looked for.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let Some(Way::Journal { words, .. }) = self.way() else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        words.send(Word::Settle(reply)).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    fn way(&self) -> Option<Way> {
        self.way.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Takes no more rows, waits until what was handed over lies where it belongs.
    pub(in crate::store::sql) async fn close(&self) {
        // An error means that it is closed already.
        let _nobody_waits = self.places.acquire_many(WAITING).await;
        self.places.close();
        drop(self.way.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        if let Some(task) = self.task.lock().await.take() {
            // A task that panicked left its rows in the journal.
            let _ended = task.await;
        }
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable { statement: "audit", code: "closed".to_owned() }
}

/// Inserts until all senders are gone; what waits at the same time shares a commit.
async fn insert_batches(pool: PgPool, mut waiting: mpsc::UnboundedReceiver<Item>) {
    while let Some(first) = waiting.recv().await {
        let batch = Batch::gather(first, || waiting.try_recv().ok());
        answer(batch.waiting, &insert(&pool, batch.rows).await);
    }
}

async fn insert(pool: &PgPool, rows: Vec<AuditRow>) -> Result<(), StoreError> {
    let count = rows.len();
    if !INSERT_AUDIT.takes_at_once(count) {
        let mut tx = Tx::begin_postgres(pool).await?;
        tx.insert_audit_rows(rows).await?;
        return tx.commit().await;
    }
    let mut values = Args::with_capacity(count * WIDTH);
    rows.into_iter().for_each(|row| row.push_to(&mut values));
    Alone(pool.clone()).insert(&INSERT_AUDIT, count, values).await
}
