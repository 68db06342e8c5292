//! The two schemas say the same.

use std::{collections::BTreeSet, fs, path::Path};

use knoop::store::{PostgresSettings, SqliteSettings, Store, StoreSettings};
use libtest_mimic::{Completion, Failed, Trial};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::postgres;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("schema::migrations_have_the_same_names", || {
            assert_eq!(files("migrations/sqlite"), files("migrations/postgres"));
            Ok(())
        }),
        Trial::test("schema::every_sqlite_table_is_strict", || {
            for file in files("migrations/sqlite") {
                let text = read("migrations/sqlite", &file);
                assert_eq!(text.matches("CREATE TABLE").count(), text.matches(") STRICT").count(), "{file}");
            }
            Ok(())
        }),
        Trial::test("schema::every_postgres_text_sorts_by_code_point", || {
            for file in files("migrations/postgres") {
                let text = read("migrations/postgres", &file);
                for line in text.lines().filter(|line| !line.trim_start().starts_with("--") && line.contains(" TEXT")) {
                    assert!(line.contains("TEXT COLLATE \"C\""), "{file}: {line}");
                }
            }
            Ok(())
        }),
        Trial::ignorable_test("schema::both_databases_have_the_same_columns", || -> Result<Completion, Failed> {
            if let Err(reason) = postgres::available() {
                return Ok(Completion::ignored_with(reason));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(compare());
            Ok(Completion::Completed)
        }),
    ]
}

fn files(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn read(folder: &str, file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(file)).unwrap()
}

/// table, column, type, whether it must hold a value
type Column = (String, String, String, bool);
/// table, columns
type UniqueKey = (String, String);

async fn compare() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("knoop.db");
    let url = postgres::new_database().unwrap();
    for settings in [
        StoreSettings::Sqlite(SqliteSettings::new(&file)),
        StoreSettings::Postgres(PostgresSettings::new(url.clone().into())),
    ] {
        let store = Store::open(&settings).await.unwrap();
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
    }
    let mut sqlite = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let mut postgres = PgConnection::connect(&url).await.unwrap();
    assert_eq!(sqlite_columns(&mut sqlite).await, postgres_columns(&mut postgres).await);
    assert_eq!(sqlite_keys(&mut sqlite).await, postgres_keys(&mut postgres).await);
}

async fn sqlite_columns(connection: &mut SqliteConnection) -> BTreeSet<Column> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT m.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema m, pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let kind = |text: String| match text.as_str() {
        "INTEGER" => "bigint".to_owned(),
        "BLOB" => "bytea".to_owned(),
        other => other.to_lowercase(),
    };
    rows.into_iter().map(|(table, column, text, filled)| (table, column, kind(text), filled != 0)).collect()
}

async fn postgres_columns(connection: &mut PgConnection) -> BTreeSet<Column> {
    let rows: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'NO' \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%' \
         AND NOT EXISTS (SELECT 1 FROM pg_class p WHERE p.relname = table_name AND p.relispartition)",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.into_iter().collect()
}

async fn sqlite_keys(connection: &mut SqliteConnection) -> BTreeSet<UniqueKey> {
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, (SELECT group_concat(c.name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c) \
         FROM sqlite_schema m, pragma_index_list(m.name) i \
         WHERE m.type = 'table' AND i.\"unique\" = 1 AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    // An INTEGER PRIMARY KEY has no index of its own.
    let row_ids: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, group_concat(c.name, ',') FROM sqlite_schema m, pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND c.pk > 0 AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
         GROUP BY m.name HAVING COUNT(*) = 1",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    indexes.into_iter().chain(row_ids).collect()
}

async fn postgres_keys(connection: &mut PgConnection) -> BTreeSet<UniqueKey> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.relname::text, string_agg(a.attname::text, ',' ORDER BY k.place) FROM pg_index i \
         JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number \
         WHERE i.indisunique AND n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%' AND NOT t.relispartition \
         GROUP BY i.indexrelid, t.relname",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.into_iter().collect()
}
