//! Who records what belongs to no change: one writer with a group commit of its own, beside the writer of the registry.
//!
//! On SQLite a thread that writes the file of the month, on PostgreSQL a task. What waits is committed together; the usual
//! few rows go in one statement, which is a transaction by itself.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{PgPool, SqlitePool};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{AuditFiles, AuditRow, INSERT_AUDIT, WIDTH, files::Month, files::month_of};
use crate::store::{
    StoreError,
    sql::{
        Args, checkpoint,
        tx::{Alone, Tx},
    },
};

/// Rows of one commit.
const BATCH_ROWS: usize = 64;
/// Callers that may wait in the queue; more wait outside.
const WAITING: usize = 256;

/// The way to the writer.
pub(in crate::store::sql) struct AuditWriter {
    queue: Mutex<Option<mpsc::Sender<Item>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

struct Item {
    rows: Vec<AuditRow>,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl AuditWriter {
    pub(in crate::store::sql) fn sqlite(files: Arc<AuditFiles>) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            statement: "start of the audit",
            code: error.kind().to_string(),
        };
        let (writer, queue, end) = Self::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
        std::thread::Builder::new()
            .name("knoop-audit".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let mut target = Target::Files { files, open: None };
                    write(queue, &mut target).await;
                    target.close().await;
                });
                // Nobody may be waiting for the end.
                let _nobody = end.send(());
            })
            .map_err(unavailable)?;
        Ok(writer)
    }

    pub(in crate::store::sql) fn postgres(pool: PgPool) -> Self {
        let (writer, queue, end) = Self::new();
        tokio::spawn(async move {
            write(queue, &mut Target::Postgres(pool)).await;
            // Nobody may be waiting for the end.
            let _nobody = end.send(());
        });
        writer
    }

    fn new() -> (Self, mpsc::Receiver<Item>, oneshot::Sender<()>) {
        let (sender, queue) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel();
        let ended = tokio::sync::Mutex::new(Some(ended));
        (Self { queue: Mutex::new(Some(sender)), ended }, queue, end)
    }

    /// Hands rows over and waits for their commit.
    pub(super) async fn record(&self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        let closed = || StoreError::Unavailable { statement: "audit", code: "closed".to_owned() };
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        queue.send(Item { rows, reply }).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Takes no more rows, waits for what was handed over.
    pub(in crate::store::sql) async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = self.ended.lock().await.take() {
            // An error means that the writer is gone, which is what is waited for.
            let _gone = ended.await;
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Item>, target: &mut Target) {
    while let Some(first) = queue.recv().await {
        let (mut rows, mut replies) = (first.rows, vec![first.reply]);
        while rows.len() < BATCH_ROWS
            && let Ok(item) = queue.try_recv()
        {
            rows.extend(item.rows);
            replies.push(item.reply);
        }
        let outcome = target.insert(rows).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, requests = replies.len(), "the audit could not be written; these requests fail");
        }
        for reply in replies {
            // A caller that went away is no concern of the writer's.
            let _gone = reply.send(outcome.clone());
        }
    }
}

/// Where rows go.
enum Target {
    Postgres(PgPool),
    Files { files: Arc<AuditFiles>, open: Option<OpenFile> },
}

/// The file of a month, open for writing.
struct OpenFile {
    month: Month,
    pool: SqlitePool,
    checkpoints: SqlitePool,
    committed: Arc<Notify>,
    checkpointer: tokio::task::JoinHandle<()>,
}

impl Target {
    /// Inserts and commits all rows, those of one month together.
    async fn insert(&mut self, mut rows: Vec<AuditRow>) -> Result<(), StoreError> {
        if matches!(self, Self::Postgres(_)) {
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
        let count = rows.len();
        match self {
            Self::Postgres(pool) => {
                if INSERT_AUDIT.takes_at_once(count) {
                    return insert_alone(&Alone::Postgres(pool.clone()), rows).await;
                }
                let mut tx = Tx::begin_postgres(pool).await?;
                tx.insert_audit_rows(rows).await?;
                tx.commit().await
            }
            Self::Files { files, open } => {
                let file = open_file(files, open, month).await?;
                let inserted = if INSERT_AUDIT.takes_at_once(count) {
                    insert_alone(&Alone::Sqlite(file.pool.clone()), rows).await
                } else {
                    insert_together(&file.pool, rows).await
                };
                file.committed.notify_one();
                if inserted.is_err() {
                    Tx::renew_sqlite(&file.pool).await;
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

async fn insert_alone(connection: &Alone, rows: Vec<AuditRow>) -> Result<(), StoreError> {
    let mut values = Args::with_capacity(rows.len() * WIDTH);
    let count = rows.len();
    rows.into_iter().for_each(|row| row.push_to(&mut values));
    connection.insert(&INSERT_AUDIT, count, values).await
}

async fn insert_together(pool: &SqlitePool, rows: Vec<AuditRow>) -> Result<(), StoreError> {
    let mut tx = Tx::begin_sqlite(pool).await?;
    tx.insert_audit_rows(rows).await?;
    tx.commit().await
}

async fn open_file<'a>(
    files: &AuditFiles,
    open: &'a mut Option<OpenFile>,
    month: Month,
) -> Result<&'a OpenFile, StoreError> {
    if open.as_ref().is_none_or(|file| file.month != month) {
        if let Some(before) = open.take() {
            before.close().await;
        }
        let pool = files.open_writer(month).await?;
        let mut log = files.path(month).into_os_string();
        log.push("-wal");
        let committed = Arc::new(Notify::new());
        let checkpoints = files.open_checkpointer(month).await?;
        let checkpointer =
            tokio::spawn(checkpoint::run(checkpoints.clone(), PathBuf::from(log), Arc::clone(&committed)));
        *open = Some(OpenFile { month, pool, checkpoints, committed, checkpointer });
    }
    open.as_ref().ok_or(StoreError::Corrupt { what: "the open file of the audit" })
}

impl OpenFile {
    async fn close(self) {
        self.checkpointer.abort();
        self.checkpoints.close().await;
        self.pool.close().await;
    }
}
