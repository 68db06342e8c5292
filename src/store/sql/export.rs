//! The whole database as one SQLite file, and back: what backups are made of, and the way from one database to the other.
//!
//! Knows both drivers, as `tx` does, because rows go from one to the other. Tables and columns are those of the schema;
//! nothing here names one, save those of the audit, which
//! refuse what others allow.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgPool, Postgres, QueryBuilder, Row, Sqlite, SqlitePool, Transaction,
    postgres::PgRow,
    query_builder::Separated,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    SqliteSettings, Store, StoreSettings, audit::AuditFiles, dialect::Dialect, readers::Readers, tx::Db, tx::read_error,
};
use crate::store::StoreError;

/// Values in one INSERT; SQLite takes 32 766, PostgreSQL 65 535.
const VALUES_AT_ONCE: usize = 4000;
const NAME: &str = "export";

/// A table of the schema, with the types that SQLite gives its columns.
struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Int,
    Text,
    Bytes,
}

/// A value of a row.
enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Table {
    /// The audit is only added to.
    fn refuses_removal(&self) -> bool {
        matches!(self.name.as_str(), "audit" | "audit_value" | "audit_seal")
    }

    fn is_in_files_of_reads(&self) -> bool {
        matches!(self.name.as_str(), "audit" | "audit_value")
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

fn sqlite_failed(error: sqlx::Error) -> StoreError {
    read_error(Dialect::Sqlite, NAME, &error)
}

fn postgres_failed(error: sqlx::Error) -> StoreError {
    read_error(Dialect::Postgres, NAME, &error)
}

impl Store {
    /// Writes one committed state of the whole database into a new SQLite file, while others go on reading and writing.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the database cannot be read.
    pub async fn export(&self, to: &Path) -> Result<(), StoreError> {
        match &self.inner.db {
            Db::Sqlite { readers, .. } => {
                // The files of reads after the database: what is sealed stands there, and must not be more than they hold.
                vacuum_into(&readers.connect_options(), to).await?;
                self.settle_audit().await?;
                if let Some(files) = &self.inner.audit_files {
                    files.export(&AuditFiles::beside(to)).await?;
                }
            }
            Db::Postgres { readers, .. } => {
                let target = Self::open(&StoreSettings::Sqlite(SqliteSettings::new(to))).await?;
                target.migrate().await?;
                let copied = match &target.inner.db {
                    Db::Sqlite { writer, .. } => postgres_to_sqlite(readers, writer).await,
                    Db::Postgres { .. } => Err(StoreError::Corrupt { what: NAME }),
                };
                target.close().await;
                copied?;
            }
        }
        let file = to.to_owned();
        let flushed = tokio::task::spawn_blocking(move || std::fs::File::open(file)?.sync_all()).await;
        match flushed {
            Ok(Ok(())) => Ok(()),
            _ => Err(StoreError::Unavailable { statement: NAME, code: "the file could not be flushed".to_owned() }),
        }
    }

    /// Fills this database, which must be migrated and otherwise empty, with what was exported. One transaction.
    ///
    /// # Errors
    /// When this is not PostgreSQL (a SQLite file is simply copied), holds anything, or the file is of another version.
    pub async fn import(&self, from: &Path) -> Result<(), StoreError> {
        let Db::Postgres { writers, .. } = &self.inner.db else {
            return Err(StoreError::Other { statement: NAME, code: "only into PostgreSQL".to_owned() });
        };
        let source = Self::open(&StoreSettings::Sqlite(SqliteSettings::new(from))).await?;
        let copied = match &source.inner.db {
            Db::Sqlite { readers, .. } => match &source.inner.audit_files {
                Some(files) => sqlite_to_postgres(readers, files, writers).await,
                None => Err(StoreError::Corrupt { what: NAME }),
            },
            Db::Postgres { .. } => Err(StoreError::Corrupt { what: NAME }),
        };
        source.close().await;
        copied
    }
}

/// A connection of its own: those of the pool may not write, not even into another file.
pub(super) async fn vacuum_into(from: &SqliteConnectOptions, to: &Path) -> Result<(), StoreError> {
    let to = to.to_str().ok_or(StoreError::Other { statement: NAME, code: "the path is not UTF-8".to_owned() })?;
    let options = from.clone().pragma("query_only", "OFF");
    let mut connection = options.connect().await.map_err(sqlite_failed)?;
    let written = sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await;
    connection.close().await.map_err(sqlite_failed)?;
    written.map(|_| ()).map_err(sqlite_failed)
}

/// The tables of the schema. The values of the audit come before its rows, which add theirs where they are missing.
async fn tables(sqlite: &mut Transaction<'_, Sqlite>) -> Result<Vec<Table>, StoreError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type FROM sqlite_master t JOIN pragma_table_info(t.name) c \
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name <> '_sqlx_migrations' \
        ORDER BY t.name <> 'audit_value', t.name, c.cid",
    )
    .fetch_all(&mut **sqlite)
    .await
    .map_err(sqlite_failed)?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, column, kind) in rows {
        let kind = match kind.as_str() {
            "INTEGER" => Kind::Int,
            "TEXT" => Kind::Text,
            "BLOB" => Kind::Bytes,
            _ => return Err(StoreError::Corrupt { what: "a column type" }),
        };
        match tables.last_mut().filter(|last| last.name == table) {
            Some(last) => last.columns.push((column, kind)),
            None => tables.push(Table { name: table, columns: vec![(column, kind)] }),
        }
    }
    Ok(tables)
}

/// Copies all rows of a table, some thousand values at a time.
macro_rules! copy {
    ($table:expr, $source:expr => $target:expr, $cells:ident, $driver:ty, $read_failed:ident, $write_failed:ident) => {{
        let (table, names) = ($table, $table.names());
        let select = format!("SELECT {names} FROM {}", table.name);
        let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut **$source);
        let (room, mut waiting) = ((VALUES_AT_ONCE / table.columns.len()).max(1), Vec::new());
        loop {
            let row = rows.try_next().await.map_err($read_failed)?;
            let is_last = row.is_none();
            if let Some(row) = row {
                waiting.push($cells(&row, table).map_err($read_failed)?);
            }
            if waiting.len() == room || (is_last && !waiting.is_empty()) {
                let mut insert = QueryBuilder::<$driver>::new(format!("INSERT INTO {} ({names}) ", table.name));
                insert.push_values(waiting.drain(..), |mut values: Separated<'_, $driver, _>, cells: Vec<Cell>| {
                    for cell in cells {
                        match cell {
                            Cell::Int(value) => values.push_bind(value),
                            Cell::Text(value) => values.push_bind(value),
                            Cell::Bytes(value) => values.push_bind(value),
                        };
                    }
                });
                insert.build().execute(&mut **$target).await.map_err($write_failed)?;
            }
            if is_last {
                break;
            }
        }
    }};
}

macro_rules! cells_of {
    ($name:ident, $row:ty) => {
        fn $name(row: &$row, table: &Table) -> Result<Vec<Cell>, sqlx::Error> {
            let cell = |(at, (_, kind)): (usize, &(String, Kind))| {
                Ok(match kind {
                    Kind::Int => Cell::Int(row.try_get(at)?),
                    Kind::Text => Cell::Text(row.try_get(at)?),
                    Kind::Bytes => Cell::Bytes(row.try_get(at)?),
                })
            };
            table.columns.iter().enumerate().map(cell).collect()
        }
    };
}
cells_of!(cells_of_sqlite, SqliteRow);
cells_of!(cells_of_postgres, PgRow);

async fn postgres_to_sqlite(from: &PgPool, to: &SqlitePool) -> Result<(), StoreError> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let mut source = from.begin_with(begin).await.map_err(postgres_failed)?;
    sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *source).await.map_err(postgres_failed)?;
    let mut target = to.begin().await.map_err(sqlite_failed)?;
    for table in &tables(&mut target).await? {
        // Rows that migrations have made, and marks that the rows of the audit made.
        if !table.refuses_removal() {
            let clear = format!("DELETE FROM {}", table.name);
            sqlx::query(AssertSqlSafe(clear)).execute(&mut *target).await.map_err(sqlite_failed)?;
        }
        copy!(table, &mut source => &mut target, cells_of_postgres, Sqlite, postgres_failed, sqlite_failed);
    }
    target.commit().await.map_err(sqlite_failed)
}

async fn sqlite_to_postgres(from: &Readers, files: &AuditFiles, to: &PgPool) -> Result<(), StoreError> {
    let (mut place, mut source) = from.begin().await.map_err(sqlite_failed)?;
    place.take_your_time();
    let mut target = to.begin().await.map_err(postgres_failed)?;
    let tables = tables(&mut source).await?;
    let patients: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM patient").fetch_one(&mut *target).await.map_err(postgres_failed)?;
    if patients > 0 {
        return Err(StoreError::Other { statement: NAME, code: "the database is not empty".to_owned() });
    }
    for pool in files.readers_of_all().await? {
        let mut reads = pool.begin().await.map_err(sqlite_failed)?;
        for table in tables.iter().filter(|table| table.is_in_files_of_reads()) {
            copy!(table, &mut reads => &mut target, cells_of_sqlite, Postgres, sqlite_failed, postgres_failed);
        }
    }
    for table in &tables {
        if !table.refuses_removal() {
            let clear = format!("DELETE FROM {}", table.name);
            sqlx::query(AssertSqlSafe(clear)).execute(&mut *target).await.map_err(postgres_failed)?;
        }
        copy!(table, &mut source => &mut target, cells_of_sqlite, Postgres, sqlite_failed, postgres_failed);
    }
    sqlx::query(UNSEALED_READS).execute(&mut *target).await.map_err(postgres_failed)?;
    set_sequences(&mut target).await?;
    target.commit().await.map_err(postgres_failed)
}

/// Marks what the files of reads hold beyond their last seal: in PostgreSQL it lies with all the rest.
const UNSEALED_READS: &str = "INSERT INTO audit_unsealed (audit_key, hash) SELECT a.audit_key, a.hash FROM audit a \
    LEFT JOIN audit_file f ON f.month = a.audit_key / 1000000000000 \
    WHERE a.audit_key % 1000000000000 >= 500000000000 AND a.audit_key > COALESCE(f.sealed_key, 0) \
    ON CONFLICT (audit_key) DO NOTHING";

/// Keys of audit rows go on after those that PostgreSQL gave out before; the others have ranges of their own.
const AUDIT_KEYS: &str = "SELECT setval('audit_key_seq', COALESCE((SELECT MAX(audit_key % 1000000000000) FROM audit \
    WHERE audit_key > 1000000000000 AND audit_key % 1000000000000 < 500000000000), 0) + 1, false)";

/// Lets the keys that PostgreSQL numbers itself go on after those that were copied.
async fn set_sequences(target: &mut Transaction<'_, Postgres>) -> Result<(), StoreError> {
    let numbered: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns \
        WHERE table_schema = current_schema() AND is_identity = 'YES'",
    )
    .fetch_all(&mut **target)
    .await
    .map_err(postgres_failed)?;
    for (table, column) in numbered {
        let set = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), \
            COALESCE((SELECT MAX({column}) FROM {table}), 0) + 1, false)"
        );
        sqlx::query(AssertSqlSafe(set)).execute(&mut **target).await.map_err(postgres_failed)?;
    }
    sqlx::query(AUDIT_KEYS).execute(&mut **target).await.map_err(postgres_failed)?;
    Ok(())
}
