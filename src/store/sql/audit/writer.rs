//! Who records what belongs to no change: one writer with a group commit of its own, beside the writer of the registry.
//!
//! On SQLite it writes the file of the month, on PostgreSQL the table. What waits is committed together; the usual few rows go
//! in one statement, which is a transaction by itself. A batch is written by a task on the thread of one of those who wait for
//! it, which has to wake up for it anyhow. Where many wait, that thread is busy, and the batch would begin when all others on it
//! wait as well: it is written at home then, while they work.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sqlx::{PgPool, SqlitePool};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot},
};

use super::{AuditFiles, AuditRow, INSERT_AUDIT, WIDTH, files::Month, files::month_of};
use crate::store::{
    StoreError,
    sql::{
        Args, checkpoint,
        tx::{Alone, OwnConnection, Tx},
    },
};

/// Rows of one commit.
const BATCH_ROWS: usize = 64;
/// Callers that may wait in the queue; more wait outside.
const WAITING: u32 = 256;

/// From so many callers in the queue on, a batch is written at home.
const CROWD: usize = 4;

/// The way to the writer.
pub(in crate::store::sql) struct AuditWriter(Arc<Shared>);

struct Shared {
    places: Arc<Semaphore>,
    queue: Mutex<Queue>,
    target: tokio::sync::Mutex<Target>,
    /// Where the store was opened, which lasts as long as the store.
    home: Handle,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// A batch is being written; the next one begins when it ends.
    is_busy: bool,
}

struct Item {
    rows: Vec<AuditRow>,
    reply: oneshot::Sender<Result<(), StoreError>>,
    caller: Handle,
    _place: OwnedSemaphorePermit,
}

impl AuditWriter {
    pub(in crate::store::sql) fn sqlite(files: Arc<AuditFiles>) -> Self {
        Self::new(Target::Files { files, home: Handle::current(), open: None })
    }

    pub(in crate::store::sql) fn postgres(pool: PgPool) -> Self {
        Self::new(Target::Postgres { pool, home: Handle::current() })
    }

    fn new(target: Target) -> Self {
        Self(Arc::new(Shared {
            places: Arc::new(Semaphore::new(WAITING as usize)),
            queue: Mutex::default(),
            target: tokio::sync::Mutex::new(target),
            home: Handle::current(),
        }))
    }

    /// Hands rows over and waits for their commit.
    pub(super) async fn record(&self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        let place = Arc::clone(&self.0.places).acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        if self.0.enqueue(Item { rows, reply, caller: Handle::current(), _place: place }) {
            pass_on(&self.0, false);
        }
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Takes no more rows, waits for what was handed over.
    pub(in crate::store::sql) async fn close(&self) {
        // An error means that it is closed already.
        let _nobody_waits = self.0.places.acquire_many(WAITING).await;
        self.0.places.close();
        self.0.target.lock().await.close().await;
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable { statement: "audit", code: "closed".to_owned() }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody is writing, so that whoever comes has to begin.
    fn enqueue(&self, item: Item) -> bool {
        let mut queue = self.queue();
        queue.waiting.push_back(item);
        !std::mem::replace(&mut queue.is_busy, true)
    }

    /// What is committed next: at least one item, if any waits.
    fn next_batch(&self) -> (Vec<AuditRow>, Vec<Item>) {
        let mut queue = self.queue();
        let (mut rows, mut items) = (Vec::new(), Vec::new());
        while rows.len() < BATCH_ROWS
            && let Some(mut item) = queue.waiting.pop_front()
        {
            rows.append(&mut item.rows);
            items.push(item);
        }
        (rows, items)
    }

    async fn write_batch(&self) {
        let mut target = self.target.lock().await;
        let (rows, items) = self.next_batch();
        let outcome = target.insert(rows).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, requests = items.len(), "the audit could not be written; these requests fail");
        }
        for item in items {
            // A caller that went away is no concern of the writer's.
            let _gone = item.reply.send(outcome.clone());
        }
    }
}

/// Has the next batch written near the first of those who wait, if anybody does.
fn pass_on(shared: &Arc<Shared>, at_home: bool) {
    let mut queue = shared.queue();
    queue.is_busy = !queue.waiting.is_empty();
    let Some(first) = queue.waiting.front() else { return };
    let at_home = at_home || queue.waiting.len() >= CROWD;
    let near = if at_home { shared.home.clone() } else { first.caller.clone() };
    drop(queue);
    let turn = Turn { shared: Arc::clone(shared), at_home, is_over: false };
    near.spawn(turn.take());
}

/// The right to write the next batch: somebody has it while the queue is busy, and however it ends it goes on.
struct Turn {
    shared: Arc<Shared>,
    at_home: bool,
    is_over: bool,
}

impl Turn {
    async fn take(mut self) {
        self.shared.write_batch().await;
        self.is_over = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_over {
            pass_on(&self.shared, false);
        } else if !self.at_home {
            // The thread of that caller has ended. Who waited for this batch is not told that it was written.
            pass_on(&self.shared, true);
        } else {
            // The whole store is going away.
            let mut queue = self.shared.queue();
            queue.is_busy = false;
            queue.waiting.clear();
        }
    }
}

/// Where rows go.
enum Target {
    Postgres { pool: PgPool, home: Handle },
    Files { files: Arc<AuditFiles>, home: Handle, open: Option<OpenFile> },
}

/// The file of a month, open for writing.
struct OpenFile {
    month: Month,
    connection: OwnConnection,
    checkpoints: SqlitePool,
    committed: Arc<Notify>,
    checkpointer: tokio::task::JoinHandle<()>,
}

impl Target {
    /// Inserts and commits all rows, those of one month together.
    async fn insert(&mut self, mut rows: Vec<AuditRow>) -> Result<(), StoreError> {
        if matches!(self, Self::Postgres { .. }) {
            return self.insert_of_month(0, rows).await;
        }
        while let Some(row) = rows.first() {
            let month = month_of(row.occurred_ms);
            let (these, others) = rows.into_iter().partition(|row| month_of(row.occurred_ms) == month);
            self.insert_of_month(month, these).await?;
            rows = others;
        }
        Ok(())
    }

    async fn insert_of_month(&mut self, month: Month, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        match self {
            // Its connections belong to the thread that made them, so they are used at home.
            Self::Postgres { pool, home } => {
                home.spawn(insert_into(pool.clone(), rows)).await.unwrap_or_else(|_| Err(closed()))
            }
            Self::Files { files, home, open } => {
                let file = open_file(files, home, open, month).await?;
                let inserted = file.connection.insert(&INSERT_AUDIT, WIDTH, values_of(rows)).await;
                file.committed.notify_one();
                if inserted.is_err() {
                    // What the connection believes after an error may not be what the file holds.
                    self.close().await;
                }
                inserted
            }
        }
    }

    async fn close(&mut self) {
        if let Self::Files { open, .. } = self
            && let Some(file) = open.take()
        {
            file.close().await;
        }
    }
}

async fn insert_into(pool: PgPool, rows: Vec<AuditRow>) -> Result<(), StoreError> {
    let count = rows.len();
    if INSERT_AUDIT.takes_at_once(count) {
        return Alone(pool).insert(&INSERT_AUDIT, count, values_of(rows)).await;
    }
    let mut tx = Tx::begin_postgres(&pool).await?;
    tx.insert_audit_rows(rows).await?;
    tx.commit().await
}

fn values_of(rows: Vec<AuditRow>) -> Args {
    let mut values = Args::with_capacity(rows.len() * WIDTH);
    rows.into_iter().for_each(|row| row.push_to(&mut values));
    values
}

async fn open_file<'a>(
    files: &AuditFiles,
    home: &Handle,
    open: &'a mut Option<OpenFile>,
    month: Month,
) -> Result<&'a mut OpenFile, StoreError> {
    if open.as_ref().is_none_or(|file| file.month != month) {
        if let Some(before) = open.take() {
            before.close().await;
        }
        let connection = files.open_writer(month).await?;
        let mut log = files.path(month).into_os_string();
        log.push("-wal");
        let committed = Arc::new(Notify::new());
        let checkpoints = files.open_checkpointer(month).await?;
        let checkpointer = home.spawn(checkpoint::run(checkpoints.clone(), PathBuf::from(log), Arc::clone(&committed)));
        *open = Some(OpenFile { month, connection, checkpoints, committed, checkpointer });
    }
    open.as_mut().ok_or(StoreError::Corrupt { what: "the open file of the audit" })
}

impl OpenFile {
    async fn close(self) {
        self.checkpointer.abort();
        self.checkpoints.close().await;
        self.connection.close().await;
    }
}
