//! The reference for ITI-42: the rows that knoop wrote, inserted by bare sqlx with the same PRAGMAs, one commit a set.
//!
//! Called by `benches/compare` with a database of knoop, a folder to write to and how many sets to insert. Prints sets a second.
//! Without arguments (as `cargo bench` and `cargo test --benches` call it) it does nothing.

use std::{collections::HashMap, path::Path, time::Instant};

use anyhow::Context;
use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection, TypeInfo, Value, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

/// A value of a row as SQLite keeps it.
enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// A table, and the column that says to which row of a submission its rows belong.
const TABLES: [(&str, &str); 6] = [
    ("submission_set", "row_id"),
    ("submission_set_author", "row_id"),
    ("document_entry", "row_id"),
    ("entry_value", "row_id"),
    ("association", "row_id"),
    ("claim", "row_id"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [source, folder, count] = arguments.as_slice() else { return Ok(()) };
    let mut from =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(source).read_only(true)).await?;
    let sets = read_sets(&mut from, count.parse()?).await?;
    std::fs::create_dir_all(folder)?;
    let mut to = open(&Path::new(folder).join("reference.sqlite")).await?;
    let schema: Vec<String> = sqlx::query_scalar(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
    )
    .fetch_all(&mut from)
    .await?;
    for statement in schema {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut to).await?;
    }
    let begun = Instant::now();
    let mut since_checkpoint = 0;
    for set in &sets {
        insert(&mut to, set).await?;
        since_checkpoint += 1;
        // knoop checkpoints beside its work; here there is nobody else to do it.
        if since_checkpoint == 500 {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut to).await?;
            since_checkpoint = 0;
        }
    }
    println!("{:.1} sets a second", sets.len() as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

/// As `store::sql::open` opens its writing connection.
async fn open(path: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", "-32768")
        .pragma("mmap_size", (256_u64 << 20).to_string())
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", "0")
        .pragma("case_sensitive_like", "ON");
    Ok(SqliteConnection::connect_with(&options).await?)
}

type Rows = Vec<(String, Vec<Cell>)>;

/// The rows of each submission set, with the statement that inserts them.
async fn read_sets(from: &mut SqliteConnection, count: i64) -> anyhow::Result<Vec<Rows>> {
    let set_rows: Vec<i64> = sqlx::query_scalar("SELECT row_id FROM submission_set ORDER BY row_id LIMIT $1")
        .bind(count)
        .fetch_all(&mut *from)
        .await?;
    let last = *set_rows.last().context("the source holds no submission set")?;
    let mut owner: HashMap<i64, usize> = set_rows.iter().enumerate().map(|(n, row)| (*row, n)).collect();
    let memberships =
        sqlx::query("SELECT row_id, target_row, submission_set_row FROM association WHERE submission_set_row <= $1")
            .bind(last)
            .fetch_all(&mut *from)
            .await?;
    for row in memberships {
        if let Some(set) = owner.get(&row.get::<i64, _>(2)).copied() {
            owner.insert(row.get(0), set);
            owner.insert(row.get(1), set);
        }
    }
    let mut sets: Vec<Rows> = set_rows.iter().map(|_| Vec::new()).collect();
    for (table, key) in TABLES {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(&mut *from).await?;
        for row in rows {
            let Some(set) = owner.get(&row.get::<i64, _>(key)) else { continue };
            let marks: Vec<String> = (1..=row.len()).map(|n| format!("${n}")).collect();
            let cells = (0..row.len()).map(|n| cell(&row, n)).collect::<anyhow::Result<_>>()?;
            sets[*set].push((format!("INSERT INTO {table} VALUES ({})", marks.join(", ")), cells));
        }
    }
    Ok(sets)
}

fn cell(row: &sqlx::sqlite::SqliteRow, column: usize) -> anyhow::Result<Cell> {
    let value = row.try_get_raw(column)?.to_owned();
    if value.is_null() {
        return Ok(Cell::Null);
    }
    Ok(match value.type_info().name() {
        "INTEGER" => Cell::Integer(value.decode()),
        "TEXT" => Cell::Text(value.decode()),
        _ => Cell::Blob(value.decode()),
    })
}

async fn insert(to: &mut SqliteConnection, set: &Rows) -> anyhow::Result<()> {
    let mut transaction = to.begin_with("BEGIN IMMEDIATE").await?;
    for (statement, cells) in set {
        let mut query = sqlx::query(AssertSqlSafe(statement.clone()));
        for cell in cells {
            query = match cell {
                Cell::Null => query.bind(None::<i64>),
                Cell::Integer(number) => query.bind(*number),
                Cell::Text(text) => query.bind(text.as_str()),
                Cell::Blob(bytes) => query.bind(bytes.as_slice()),
            };
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}
