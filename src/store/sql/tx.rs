//! Connections and transactions: the one file that knows that there are two drivers.
//!
//! Everything else in the store is plain code over [`Tx`]. Audit rows will be written by a method of `Tx`, inside the
//! transaction of the action that they tell of; the writer seals them just before it commits.

use std::ops::{Deref, DerefMut};

use sqlx::{
    Arguments as _, Executor as _, FromRow, PgPool, Postgres, SqlSafeStr as _, SqlStr, Sqlite, SqlitePool, Transaction,
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    Statement,
    args::{Args, Value},
    builder::Built,
    dialect::Dialect,
    doctor::Problem,
};
use crate::store::StoreError;

/// A row that can be read from both databases: any tuple or `#[derive(FromRow)]` of simple columns.
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// The pools of a store.
pub(super) enum Db {
    /// One connection that writes, several that read.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// Readers have a time limit for each statement and cannot write.
    Postgres { writers: PgPool, readers: PgPool },
}

/// A transaction. Dropped without commit it is undone.
pub struct Tx {
    connection: Connection,
    trouble: Option<StoreError>,
}

enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction that sees one committed state and cannot change it: the database refuses.
pub struct ReadTx(Tx);

impl Deref for ReadTx {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.0
    }
}

impl DerefMut for ReadTx {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.0
    }
}

/// Runs the same sqlx call on either arm and names the statement in its error.
macro_rules! on {
    ($tx:expr, $name:expr, $connection:ident, $driver:ident, $args:ident => $call:expr) => {{
        let (dialect, result) = match &mut $tx.connection {
            Connection::Sqlite(tx) => {
                type $driver = Sqlite;
                let $args = sqlite_args($args);
                let $connection = &mut **tx;
                (Dialect::Sqlite, $call)
            }
            Connection::Postgres(tx) => {
                type $driver = Postgres;
                let $args = postgres_args($args)?;
                let $connection = &mut **tx;
                (Dialect::Postgres, $call)
            }
        };
        result.map_err(|error| $tx.note(read_error(dialect, $name, &error)))
    }};
}

impl Tx {
    pub(super) async fn begin_sqlite(writer: &SqlitePool) -> Result<Self, StoreError> {
        let begun = writer.begin_with("BEGIN IMMEDIATE").await;
        let tx = begun.map_err(|error| read_error(Dialect::Sqlite, "BEGIN", &error))?;
        Ok(Self { connection: Connection::Sqlite(tx), trouble: None })
    }

    /// Throws the writing connection away. After an error that made SQLite end the transaction by itself the driver
    /// believes that it is still open, and would begin no other one.
    pub(super) async fn renew_sqlite(writer: &SqlitePool) {
        if let Ok(connection) = writer.acquire().await {
            // What matters is that it is gone, not how it went.
            let _gone = connection.close().await;
        }
    }

    pub(super) async fn begin_postgres(writers: &PgPool) -> Result<Self, StoreError> {
        let begun = writers.begin().await;
        let tx = begun.map_err(|error| read_error(Dialect::Postgres, "BEGIN", &error))?;
        Ok(Self { connection: Connection::Postgres(tx), trouble: None })
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.connection {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
        }
    }

    /// All rows.
    pub(crate) async fn fetch_all<R: Row>(&mut self, s: &'static Statement, a: Args) -> Result<Vec<R>, StoreError> {
        let sql = s.sql(self.dialect()).into_sql_str();
        self.fetch_text(s.name(), sql, a).await
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_optional<R: Row>(
        &mut self,
        s: &'static Statement,
        a: Args,
    ) -> Result<Option<R>, StoreError> {
        let sql = s.sql(self.dialect());
        on!(self, s.name(), connection, Driver, a =>
            sqlx::query_as_with::<Driver, R, _>(sql, a).fetch_optional(connection).await)
    }

    /// The row that must be there.
    pub(crate) async fn fetch_one<R: Row>(&mut self, s: &'static Statement, a: Args) -> Result<R, StoreError> {
        self.fetch_optional(s, a).await?.ok_or(StoreError::Corrupt { what: s.name() })
    }

    /// Changes rows and tells how many.
    pub(crate) async fn execute(&mut self, s: &'static Statement, a: Args) -> Result<u64, StoreError> {
        let sql = s.sql(self.dialect());
        self.execute_text(s.name(), sql, a).await
    }

    /// Inserts rows with a statement that has `VALUES {rows n}`; `values` holds n values for each row. Tells how many
    /// rows were inserted, fewer than asked for where the statement says ON CONFLICT DO NOTHING.
    pub(crate) async fn insert_rows(
        &mut self,
        s: &'static Statement,
        width: usize,
        values: Args,
    ) -> Result<u64, StoreError> {
        let mut inserted = 0;
        let mut values = values.0;
        while !values.is_empty() {
            let (sql, rows) = s.sql_of_rows(self.dialect(), values.len() / width);
            let rest = values.split_off((rows * width).min(values.len()));
            inserted += self.execute_text(s.name(), sql, Args(values)).await?;
            values = rest;
        }
        Ok(inserted)
    }

    /// All rows of a statement that was put together.
    pub(super) async fn fetch_built<R: Row>(&mut self, built: Built) -> Result<Vec<R>, StoreError> {
        self.fetch_text(built.name, built.sql, built.args).await
    }

    async fn fetch_text<R: Row>(&mut self, name: &'static str, sql: SqlStr, a: Args) -> Result<Vec<R>, StoreError> {
        on!(self, name, connection, Driver, a =>
            sqlx::query_as_with::<Driver, R, _>(sql, a).fetch_all(connection).await)
    }

    async fn execute_text(&mut self, name: &'static str, sql: &'static str, a: Args) -> Result<u64, StoreError> {
        on!(self, name, connection, Driver, a =>
            sqlx::query_with::<Driver, _>(sql, a).execute(connection).await.map(|done| done.rows_affected()))
    }

    /// Prepares a statement without running it.
    pub(super) async fn prepare(&mut self, name: &'static str, sql: &'static str) -> Result<(), StoreError> {
        let sql = sql.into_sql_str();
        let prepared = match &mut self.connection {
            Connection::Sqlite(tx) => tx.prepare(sql).await.map(drop),
            Connection::Postgres(tx) => tx.prepare(sql).await.map(drop),
        };
        prepared.map_err(|error| read_error(self.dialect(), name, &error))
    }

    /// Remembers what decides whether the transaction can go on or should run again.
    fn note(&mut self, error: StoreError) -> StoreError {
        if error.ends_the_batch() || matches!(error, StoreError::Conflict { .. }) {
            self.trouble = Some(error.clone());
        }
        error
    }

    /// The trouble that happened since it was last asked for.
    pub(super) fn take_trouble(&mut self) -> Option<StoreError> {
        self.trouble.take()
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self.connection {
            Connection::Sqlite(tx) => tx.commit().await.map_err(|e| read_error(Dialect::Sqlite, "COMMIT", &e)),
            Connection::Postgres(tx) => tx.commit().await.map_err(|e| read_error(Dialect::Postgres, "COMMIT", &e)),
        }
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self.connection {
            Connection::Sqlite(tx) => tx.rollback().await.map_err(|e| read_error(Dialect::Sqlite, "ROLLBACK", &e)),
            Connection::Postgres(tx) => tx.rollback().await.map_err(|e| read_error(Dialect::Postgres, "ROLLBACK", &e)),
        }
    }
}

impl Db {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres { .. } => Dialect::Postgres,
        }
    }

    pub(super) fn connections(&self) -> u32 {
        match self {
            Self::Sqlite { writer, readers } => writer.size() + readers.size(),
            Self::Postgres { writers, readers } => writers.size() + readers.size(),
        }
    }

    /// A snapshot.
    pub(super) async fn read(&self) -> Result<ReadTx, StoreError> {
        let connection = match self {
            Self::Sqlite { readers, .. } => Connection::Sqlite(
                readers.begin_with("BEGIN").await.map_err(|e| read_error(Dialect::Sqlite, "BEGIN", &e))?,
            ),
            Self::Postgres { readers, .. } => Connection::Postgres(
                readers
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await
                    .map_err(|e| read_error(Dialect::Postgres, "BEGIN", &e))?,
            ),
        };
        Ok(ReadTx(Tx { connection, trouble: None }))
    }

    /// One statement that reads, without a transaction around it: it sees one state anyhow.
    pub(super) async fn fetch_built<R: Row>(&self, built: Built) -> Result<Vec<R>, StoreError> {
        let Built { name, sql, args } = built;
        match self {
            Self::Sqlite { readers, .. } => sqlx::query_as_with::<Sqlite, R, _>(sql, sqlite_args(args))
                .fetch_all(readers)
                .await
                .map_err(|e| read_error(Dialect::Sqlite, name, &e)),
            Self::Postgres { readers, .. } => sqlx::query_as_with::<Postgres, R, _>(sql, postgres_args(args)?)
                .fetch_all(readers)
                .await
                .map_err(|e| read_error(Dialect::Postgres, name, &e)),
        }
    }

    /// A snapshot for work on the whole database, which may take as long as it takes.
    pub(super) async fn read_at_leisure(&self) -> Result<ReadTx, StoreError> {
        let mut tx = self.read().await?;
        if let Connection::Postgres(connection) = &mut tx.connection {
            sqlx::query("SET LOCAL statement_timeout = 0")
                .execute(&mut **connection)
                .await
                .map_err(|error| read_error(Dialect::Postgres, "SET", &error))?;
        }
        Ok(tx)
    }

    /// A setting as the connections that write have it.
    pub(super) async fn writer_setting(&self, name: &'static str, sql: &'static str) -> Result<String, StoreError> {
        let value = match self {
            Self::Sqlite { writer, .. } => sqlx::query_scalar::<_, String>(sql).fetch_one(writer).await,
            Self::Postgres { writers, .. } => sqlx::query_scalar::<_, String>(sql).fetch_one(writers).await,
        };
        value.map_err(|error| read_error(self.dialect(), name, &error))
    }

    /// What the database finds wrong with its own files; PostgreSQL has tools of its own for that.
    pub(super) async fn file_problems(&self) -> Result<Vec<Problem>, StoreError> {
        let Self::Sqlite { readers, .. } = self else { return Ok(Vec::new()) };
        let rows: Result<Vec<(String,)>, _> = sqlx::query_as("PRAGMA integrity_check").fetch_all(readers).await;
        let rows = rows.map_err(|error| read_error(Dialect::Sqlite, "integrity_check", &error))?;
        let wrong = rows.iter().filter(|(text,)| text != "ok").count();
        let what = "faults in the database file".to_owned();
        Ok((wrong > 0).then_some(Problem { what, count: wrong as u64 }).into_iter().collect())
    }

    /// Brings the schema to this version.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => sqlx::migrate!("migrations/sqlite").run(writer).await,
            Self::Postgres { writers, .. } => sqlx::migrate!("migrations/postgres").run(writers).await,
        }
        .map_err(|error| StoreError::Migration(error.to_string()))
    }

    /// Ends all connections; SQLite's log is folded into its file.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
        }
    }
}

fn sqlite_args(args: Args) -> SqliteArguments {
    let mut out = SqliteArguments::default();
    out.reserve(args.len(), 0);
    for value in args.0 {
        let added = match value {
            Value::Int(v) => out.add(v),
            Value::Text(v) => out.add(v),
            Value::Bytes(v) => out.add(v),
            Value::Ints(v) => out.add(json(&v)),
            Value::Texts(v) => out.add(json(&v)),
            Value::BytesList(v) => out.add(json(&v.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>())),
        };
        added.expect("SQLite takes numbers, texts and octets of any length");
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a String takes any text");
    }
    out
}

fn json<T: serde::Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("lists of numbers and texts are JSON")
}

fn postgres_args(args: Args) -> Result<PgArguments, StoreError> {
    let mut out = PgArguments::default();
    out.reserve(args.len(), 0);
    for value in args.0 {
        match value {
            Value::Int(v) => out.add(v),
            Value::Text(v) => out.add(v),
            Value::Bytes(v) => out.add(v),
            Value::Ints(v) => out.add(v),
            Value::Texts(v) => out.add(v),
            Value::BytesList(v) => out.add(v),
        }
        .map_err(|_| StoreError::Other { statement: "arguments", code: "too long".to_owned() })?;
    }
    Ok(out)
}

/// Reduces an error of sqlx, whose text may hold values, to what kind of trouble it is.
pub(super) fn read_error(dialect: Dialect, statement: &'static str, error: &sqlx::Error) -> StoreError {
    let told = |code: &str| code.to_owned();
    match error {
        sqlx::Error::Database(error) => {
            dialect.trouble(statement, error.code().map(|code| code.into_owned()).unwrap_or_default())
        }
        sqlx::Error::PoolTimedOut => StoreError::Busy { statement, code: told("no free connection") },
        sqlx::Error::Io(error) => StoreError::Unavailable { statement, code: error.kind().to_string() },
        sqlx::Error::Tls(_) => StoreError::Unavailable { statement, code: told("TLS") },
        sqlx::Error::PoolClosed => StoreError::Unavailable { statement, code: told("closed") },
        sqlx::Error::WorkerCrashed => StoreError::Unavailable { statement, code: told("connection lost") },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            StoreError::Corrupt { what: statement }
        }
        _ => StoreError::Other { statement, code: told("driver") },
    }
}
