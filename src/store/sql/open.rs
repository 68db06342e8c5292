//! Opening a database with the settings that durability and speed ask for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Inner, Store,
    audit::{AuditFiles, AuditWriter},
    checkpoint,
    dialect::Dialect,
    readers::Readers,
    row_ids::RowIds,
    tx::{Db, SmallFile, read_error},
    writer::Writer,
};
use crate::store::StoreError;

/// How many prepared statements a connection keeps: all fixed ones in all shapes, and the usual built ones.
const STATEMENT_CACHE: usize = 512;
/// How long to wait for a free connection before the answer is "busy".
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// What a reading statement may take (S-IN-26).
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which database, and how to use it.
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// A file.
    Sqlite(SqliteSettings),
    /// A server.
    Postgres(PostgresSettings),
}

/// A SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// Its file; its folder must exist.
    pub path: PathBuf,
    /// Connections that read; each keeps 8 MiB of pages.
    pub readers: u32,
    /// What one reading statement may take.
    pub statement_timeout: Duration,
}

impl SqliteSettings {
    /// This file with the usual number of readers (as many as the benchmarks keep busy, little memory when idle), and
    /// 10 s for a reading statement (S-IN-26).
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, statement_timeout: STATEMENT_TIMEOUT }
    }
}

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with sslmode and the like as parameters.
    pub url: SecretString,
    /// Connections that write.
    pub writers: u32,
    /// Connections that read.
    pub readers: u32,
    /// What one reading statement may take.
    pub statement_timeout: Duration,
}

impl PostgresSettings {
    /// This server with the usual numbers of connections, and 10 s for a reading statement (S-IN-26).
    pub fn new(url: SecretString) -> Self {
        Self { url, writers: 16, readers: 16, statement_timeout: STATEMENT_TIMEOUT }
    }
}

impl Store {
    /// Opens the database; a SQLite file is made when it is not there. The schema is [`Store::migrate`]'s.
    ///
    /// # Errors
    /// When the database cannot be reached or opened.
    pub async fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let inner = match settings {
            StoreSettings::Sqlite(settings) => {
                let (db, writer) = open_sqlite(settings).await?;
                let files = Arc::new(AuditFiles::beside(&settings.path));
                let audit = AuditWriter::sqlite(Arc::clone(&files))?;
                Inner { db, writer, row_ids: RowIds::default(), audit, audit_files: Some(files) }
            }
            StoreSettings::Postgres(settings) => {
                let (db, writer, audit) = open_postgres(settings).await?;
                Inner { db, writer, row_ids: RowIds::default(), audit, audit_files: None }
            }
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Brings the schema to this version; does nothing when it is there.
    ///
    /// # Errors
    /// When the database is newer than this program, or a statement fails.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.inner.db.migrate().await
    }

    /// Finishes what is being written and closes all connections.
    pub async fn close(&self) {
        self.inner.audit.close().await;
        if let Some(files) = &self.inner.audit_files {
            files.close().await;
        }
        self.inner.writer.close().await;
        self.inner.db.close().await;
    }
}

/// Connections without automatic checkpoints: those are the checkpointer's work, so that no commit waits for one.
fn sqlite_options(settings: &SqliteSettings, cache_kib: u32) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&settings.path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(STATEMENT_CACHE)
        .pragma("cache_size", format!("-{cache_kib}"))
        .pragma("mmap_size", (256_u64 << 20).to_string())
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", "0")
        .pragma("case_sensitive_like", "ON")
        .disable_statement_logging()
}

async fn open_sqlite(settings: &SqliteSettings) -> Result<(Db, Writer), StoreError> {
    let failed = |error: sqlx::Error| read_error(Dialect::Sqlite, "open", &error);
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writing = sqlite_options(settings, 32 << 10)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let writer = pool(1).connect_with(writing).await.map_err(failed)?;
    let reading = sqlite_options(settings, 8 << 10).pragma("query_only", "ON");
    let readers =
        Readers::open(&reading, &pool(1), settings.readers, settings.statement_timeout).await.map_err(failed)?;
    let checkpoints = pool(1)
        .connect_with(sqlite_options(settings, 64).synchronous(SqliteSynchronous::Full).busy_timeout(checkpoint::WAITS))
        .await
        .map_err(failed)?;
    let thread = Writer::sqlite(writer.clone(), checkpoints, &settings.path)?;
    Ok((Db::Sqlite { writer, readers }, thread))
}

/// The file of used assertions: one connection that writes, whose commits are not flushed one by one.
pub(super) async fn open_ledger(file: &Path) -> Result<SmallFile, StoreError> {
    let failed = |error: sqlx::Error| read_error(Dialect::Sqlite, "open", &error);
    let options = sqlite_options(&SqliteSettings::new(file), 2 << 10)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("wal_autocheckpoint", "1000");
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let pool = pool.connect_with(options).await.map_err(failed)?;
    sqlx::raw_sql(include_str!("../../../migrations/sqlite/0006_assertions.sql"))
        .execute(&pool)
        .await
        .map_err(failed)?;
    Ok(SmallFile(pool))
}

async fn open_postgres(settings: &PostgresSettings) -> Result<(Db, Writer, AuditWriter), StoreError> {
    let failed = |error: sqlx::Error| read_error(Dialect::Postgres, "open", &error);
    let options = settings
        .url
        .expose_secret()
        .parse::<PgConnectOptions>()
        .map_err(failed)?
        .application_name("knoop")
        .statement_cache_capacity(STATEMENT_CACHE)
        .disable_statement_logging();
    let pool = |connections: u32| {
        PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(Duration::from_secs(600))
            .max_lifetime(Duration::from_secs(3600))
            .test_before_acquire(false)
    };
    let timeout = format!("{}ms", settings.statement_timeout.as_millis());
    let reading =
        options.clone().options([("statement_timeout", timeout.as_str()), ("default_transaction_read_only", "on")]);
    let writers = pool(settings.writers).connect_with(options).await.map_err(failed)?;
    let readers = pool(settings.readers).connect_with(reading).await.map_err(failed)?;
    let (writer, audit) = (Writer::postgres(writers.clone()), AuditWriter::postgres(writers.clone()));
    Ok((Db::Postgres { writers, readers }, writer, audit))
}
