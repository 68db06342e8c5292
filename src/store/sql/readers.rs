//! SQLite's connections that read, each with a limit on the time of a statement.
//!
//! SQLite has no such limit; it asks a handler every so many steps whether to go on. The handler is set once for each
//! connection, where it costs nothing, and looks at the connection's [`Limit`]. Whoever starts a statement sets that, for
//! which they must know the connection. A pool does not tell which one it gave, so each connection has a pool of its own.
//!
//! Source: sqlite.org/c3ref/progress_handler.html; spec S-IN-26.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    SqlSafeStr as _, Sqlite, SqlitePool, Transaction,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 2000;

/// The connections; a statement on one of them ends when its time is over.
pub(super) struct Readers {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
}

struct Shared {
    connections: Vec<Connection>,
    free: Mutex<Vec<usize>>,
    statement_timeout: Duration,
}

/// A pool of one.
struct Connection {
    pool: SqlitePool,
    limit: Arc<Limit>,
    parked: Mutex<Parked>,
}

/// What lies ready for the next who reads. The pool would ask a connection that comes back whether it lives, which takes as long
/// as a small query; whoever read an answer on it to its end knows that it does.
enum Parked {
    Open(Option<PoolConnection<Sqlite>>),
    Closed,
}

impl Connection {
    fn parked(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_parked(&self) -> Option<PoolConnection<Sqlite>> {
        match &mut *self.parked() {
            Parked::Open(connection) => connection.take(),
            Parked::Closed => None,
        }
    }

    fn is_at_rest(&self) -> bool {
        matches!(*self.parked(), Parked::Open(Some(_))) || self.pool.num_idle() > 0
    }
}

/// When the statement that runs on a connection must have ended.
struct Limit {
    began: Instant,
    /// Milliseconds after `began`; nought while nobody waits for a statement.
    ends_ms: AtomicU64,
}

impl Limit {
    fn set(&self, ends_ms: u64) {
        // A statement is sent to its thread after this, through a channel, which orders the two.
        self.ends_ms.store(ends_ms, Ordering::Relaxed);
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_over(&self) -> bool {
        self.elapsed_ms() >= self.ends_ms.load(Ordering::Relaxed)
    }
}

/// A connection is one's own as long as this lives. Dropped after the connection, so that the next one need not wait.
pub(super) struct Place {
    shared: Arc<Shared>,
    index: usize,
    at_leisure: bool,
    _permit: OwnedSemaphorePermit,
}

/// A statement that somebody waits for. When nobody does any more, SQLite ends it at the next step.
pub(super) struct Running(Arc<Limit>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

impl Place {
    /// Call it before a statement, drop what it returns after.
    pub(super) fn start(&self) -> Option<Running> {
        if self.at_leisure {
            return None;
        }
        let limit = self.limit();
        let allowed_ms = u64::try_from(self.shared.statement_timeout.as_millis()).unwrap_or(u64::MAX);
        limit.set(limit.elapsed_ms().saturating_add(allowed_ms));
        Some(Running(Arc::clone(limit)))
    }

    /// Takes the limit off, for as long as this place is held.
    pub(super) fn take_your_time(&mut self) {
        self.at_leisure = true;
        self.limit().set(u64::MAX);
    }

    /// Gives the place up with its connection, on which nothing runs any more.
    pub(super) fn park(self, connection: PoolConnection<Sqlite>) {
        if let Parked::Open(parked) = &mut *self.shared.connections[self.index].parked() {
            *parked = Some(connection);
        }
    }

    fn limit(&self) -> &Arc<Limit> {
        &self.shared.connections[self.index].limit
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limit().set(0);
        self.shared.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
    }
}

impl Readers {
    /// Opens the first connection; the others are opened when there are so many who read at a time.
    pub(super) async fn open(
        options: &SqliteConnectOptions,
        pool: &SqlitePoolOptions,
        count: u32,
        statement_timeout: Duration,
    ) -> Result<Self, sqlx::Error> {
        let count = count.max(1) as usize;
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            let limit = Arc::new(Limit { began: Instant::now(), ends_ms: AtomicU64::new(0) });
            let watched = Arc::clone(&limit);
            let pool = pool.clone().max_connections(1).after_connect(move |connection, _| {
                let limit = Arc::clone(&watched);
                Box::pin(async move {
                    connection.lock_handle().await?.set_progress_handler(STEPS, move || !limit.is_over());
                    Ok(())
                })
            });
            let pool = if connections.is_empty() {
                pool.connect_with(options.clone()).await?
            } else {
                pool.connect_lazy_with(options.clone())
            };
            connections.push(Connection { pool, limit, parked: Mutex::new(Parked::Open(None)) });
        }
        let shared = Shared { connections, free: Mutex::new((0..count).rev().collect()), statement_timeout };
        Ok(Self {
            shared: Arc::new(shared),
            permits: Arc::new(Semaphore::new(count)),
            acquire_timeout: pool.get_acquire_timeout(),
        })
    }

    /// A transaction on a connection of one's own.
    pub(super) async fn begin(&self) -> Result<(Place, Transaction<'static, Sqlite>), sqlx::Error> {
        let place = self.place().await?;
        let connection = self.connection(&place).await?;
        let tx = Transaction::begin(connection, Some("BEGIN".into_sql_str())).await?;
        Ok((place, tx))
    }

    /// A connection of one's own.
    pub(super) async fn acquire(&self) -> Result<(Place, PoolConnection<Sqlite>), sqlx::Error> {
        let place = self.place().await?;
        let connection = self.connection(&place).await?;
        Ok((place, connection))
    }

    async fn connection(&self, place: &Place) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        let connection = &self.shared.connections[place.index];
        match connection.take_parked() {
            Some(parked) => Ok(parked),
            None => connection.pool.acquire().await,
        }
    }

    async fn place(&self) -> Result<Place, sqlx::Error> {
        let permit = tokio::time::timeout(self.acquire_timeout, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let mut free = self.shared.free.lock().unwrap_or_else(PoisonError::into_inner);
        let best = self.best(&free);
        let index = free.swap_remove(best);
        drop(free);
        Ok(Place { shared: Arc::clone(&self.shared), index, at_leisure: false, _permit: permit })
    }

    /// Where in `free` the best connection stands: open and at rest, else one yet to be opened, else one that is still
    /// busy with going back.
    fn best(&self, free: &[usize]) -> usize {
        let pool = |index: &usize| &self.shared.connections[*index].pool;
        let at_rest = free.iter().rposition(|index| self.shared.connections[*index].is_at_rest());
        at_rest.or_else(|| free.iter().rposition(|index| pool(index).size() == 0)).unwrap_or(0)
    }

    /// How many are open.
    pub(super) fn size(&self) -> u32 {
        self.shared.connections.iter().map(|connection| connection.pool.size()).sum()
    }

    /// How they are opened.
    pub(super) fn connect_options(&self) -> Arc<SqliteConnectOptions> {
        self.shared.connections[0].pool.connect_options()
    }

    /// Closes them; waits for who reads.
    pub(super) async fn close(&self) {
        self.permits.close();
        for connection in &self.shared.connections {
            *connection.parked() = Parked::Closed;
            connection.pool.close().await;
        }
    }
}
