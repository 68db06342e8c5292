//! Connections and transactions: the one file that knows that there are two drivers.
//!
//! Everything else in the store is plain code over [`Tx`].

use std::ops::{Deref, DerefMut};

use sqlx::{
    Arguments as _, Executor as _, FromRow, PgPool, Postgres, SqlSafeStr as _, SqlStr, Sqlite, SqlitePool, Transaction,
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    Statement,
    args::{Args, Value},
    builder::{Built, SqlBuilder},
    dialect::Dialect,
    doctor::Problem,
    readers::{Place, Readers},
};
use crate::store::StoreError;

/// How a transaction begins that sees one state and changes nothing, on PostgreSQL.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A row that can be read from both databases: any tuple or `#[derive(FromRow)]` of simple columns.
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// The connections of a store. Those that read have a time limit for each statement and cannot write.
pub(super) enum Db {
    /// One connection that writes, several that read.
    Sqlite { writer: SqlitePool, readers: Readers },
    /// Connections that write and others that read.
    Postgres { writers: PgPool, readers: PgPool },
}

/// A transaction. Dropped without commit it is undone.
pub struct Tx {
    connection: Connection,
    /// Of a reading connection of SQLite. Stands after the connection, for it is given up after it.
    place: Option<Place>,
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
        let _running = $tx.place.as_ref().and_then(Place::start);
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

impl ReadTx {
    /// A snapshot of another file than the database's own; its statements have no time limit.
    pub(super) async fn begin_sqlite(readers: &SqlitePool) -> Result<Self, StoreError> {
        let begun = readers.begin_with("BEGIN").await;
        let tx = begun.map_err(|error| read_error(Dialect::Sqlite, "BEGIN", &error))?;
        Ok(Self(Tx { connection: Connection::Sqlite(tx), place: None, trouble: None }))
    }
}

impl Tx {
    pub(super) async fn begin_sqlite(writer: &SqlitePool) -> Result<Self, StoreError> {
        let begun = writer.begin_with("BEGIN IMMEDIATE").await;
        let tx = begun.map_err(|error| read_error(Dialect::Sqlite, "BEGIN", &error))?;
        Ok(Self { connection: Connection::Sqlite(tx), place: None, trouble: None })
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
        let tx = begin_on_live(writers, "BEGIN").await?;
        Ok(Self { connection: Connection::Postgres(tx), place: None, trouble: None })
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

    /// All rows of a statement that was put together for either database.
    pub(super) async fn fetch_search<R: Row>(&mut self, sql: SqlBuilder) -> Result<Vec<R>, StoreError> {
        let built = sql.build(self.dialect())?;
        self.fetch_built(built).await
    }

    /// The one row of a statement that was put together.
    pub(super) async fn fetch_row<R: Row>(&mut self, built: Built) -> Result<Option<R>, StoreError> {
        let Built { name, sql, args } = built;
        on!(self, name, connection, Driver, args =>
            sqlx::query_as_with::<Driver, R, _>(sql, args).fetch_optional(connection).await)
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
        let _running = self.place.as_ref().and_then(Place::start);
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

/// Connections to PostgreSQL on which one statement is a transaction by itself.
pub(super) struct Alone(pub(super) PgPool);

impl Alone {
    /// Inserts so many rows, a number for which the statement has a text of its own; they are committed with it.
    pub(super) async fn insert(&self, s: &'static Statement, rows: usize, a: Args) -> Result<(), StoreError> {
        let (sql, _) = s.sql_of_rows(Dialect::Postgres, rows);
        let done = sqlx::query_with::<Postgres, _>(sql, postgres_args(a)?).execute(&self.0).await.map(drop);
        done.map_err(|error| read_error(Dialect::Postgres, s.name(), &error))
    }
}

/// Statements on the one connection of a small SQLite file, each a transaction by itself.
pub(super) struct SmallFile(pub(super) SqlitePool);

impl SmallFile {
    /// Changes rows and tells how many.
    pub(super) async fn execute(&self, s: &'static Statement, a: Args) -> Result<u64, StoreError> {
        let query = sqlx::query_with::<Sqlite, _>(s.sql(Dialect::Sqlite), sqlite_args(a));
        let done = query.execute(&self.0).await.map_err(|error| read_error(Dialect::Sqlite, s.name(), &error))?;
        Ok(done.rows_affected())
    }

    /// Makes everything durable, whatever its commits were.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let flushed = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.0).await;
        flushed.map(drop).map_err(|error| read_error(Dialect::Sqlite, "flush", &error))
    }

    /// Closes the file.
    pub(super) async fn close(&self) {
        self.0.close().await;
    }

    /// The first row, if there is one.
    pub(super) async fn fetch_optional<R: Row>(&self, s: &'static Statement, a: Args) -> Result<Option<R>, StoreError> {
        let query = sqlx::query_as_with::<Sqlite, R, _>(s.sql(Dialect::Sqlite), sqlite_args(a));
        query.fetch_optional(&self.0).await.map_err(|error| read_error(Dialect::Sqlite, s.name(), &error))
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
        let (connection, place) = match self {
            Self::Sqlite { readers, .. } => {
                let (place, tx) = readers.begin().await.map_err(|e| read_error(Dialect::Sqlite, "BEGIN", &e))?;
                (Connection::Sqlite(tx), Some(place))
            }
            Self::Postgres { readers, .. } => (Connection::Postgres(begin_on_live(readers, SNAPSHOT).await?), None),
        };
        Ok(ReadTx(Tx { connection, place, trouble: None }))
    }

    /// A snapshot for a task that goes on while a server's workers end, and with them the connections that they opened. On
    /// PostgreSQL it uses those that write, which are opened by the tasks of the store's own runtime only.
    pub(super) async fn read_in_background(&self) -> Result<ReadTx, StoreError> {
        let Self::Postgres { writers, .. } = self else { return self.read().await };
        let connection = Connection::Postgres(begin_on_live(writers, SNAPSHOT).await?);
        Ok(ReadTx(Tx { connection, place: None, trouble: None }))
    }

    /// The one row of a statement that reads, without a transaction around it: it sees one state anyhow.
    pub(super) async fn fetch_row<R: Row>(&self, built: Built) -> Result<Option<R>, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => {
                let Built { name, sql, args } = built;
                let failed = |error| read_error(Dialect::Sqlite, name, &error);
                let (place, mut connection) = readers.acquire().await.map_err(failed)?;
                let running = place.start();
                let query = sqlx::query_as_with::<Sqlite, R, _>(sql, sqlite_args(args));
                let found = query.fetch_optional(&mut *connection).await.map_err(failed)?;
                drop(running);
                place.park(connection);
                Ok(found)
            }
            Self::Postgres { readers, .. } => {
                let args = postgres_args(built.args.clone())?;
                let query = sqlx::query_as_with::<Postgres, R, _>(built.sql.clone(), args);
                match query.fetch_optional(readers).await {
                    Err(error) if is_lost(&error) => self.read().await?.fetch_row(built).await,
                    found => found.map_err(|e| read_error(Dialect::Postgres, built.name, &e)),
                }
            }
        }
    }

    /// A snapshot for work on the whole database, which may take as long as it takes.
    pub(super) async fn read_at_leisure(&self) -> Result<ReadTx, StoreError> {
        let mut tx = self.read().await?;
        if let Some(place) = &mut tx.0.place {
            place.take_your_time();
        }
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
        let failed = |error| read_error(Dialect::Sqlite, "integrity_check", &error);
        let (mut place, mut connection) = readers.acquire().await.map_err(failed)?;
        place.take_your_time();
        let rows = sqlx::query_as("PRAGMA integrity_check").fetch_all(&mut *connection).await;
        let rows: Vec<(String,)> = rows.map_err(failed)?;
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

/// Begins on the first connection of the pool that lives. Those that the server closed while they were idle, or that belonged
/// to a thread which has ended, show it here, where trying the next one loses nothing.
async fn begin_on_live(pool: &PgPool, begin: &'static str) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut tries = pool.size();
    loop {
        match pool.begin_with(begin).await {
            Err(error) if is_lost(&error) && tries > 0 => tries -= 1,
            begun => return begun.map_err(|error| read_error(Dialect::Postgres, "BEGIN", &error)),
        }
    }
}

/// Whether the connection is gone: the network, or the server said that it ends it (classes 08 and 57P of SQLSTATE).
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
        }
        _ => false,
    }
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
