//! What only the inside of the store can see: plans of statements, a disk that is full, statements without end.

use std::time::Duration;

use futures_util::{FutureExt as _, future};

use super::{
    NewPickup, SqliteSettings, Store, StoreSettings, Tx, args::Args, builder::Built, dialect::Dialect, statement,
    tx::Db,
};
use crate::{model::PatientId, store::StoreError};

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts").block_on(test)
}

async fn store(folder: &tempfile::TempDir) -> (Store, sqlx::SqlitePool) {
    let settings = StoreSettings::Sqlite(SqliteSettings::new(folder.path().join("knoop.db")));
    let store = Store::open(&settings).await.expect("the database opens");
    store.migrate().await.expect("the schema is made");
    let Db::Sqlite { writer, .. } = &store.inner.db else { panic!("SQLite was opened") };
    let writer = writer.clone();
    (store, writer)
}

/// These are for the doctor, for backups and for a database that is filled: they read everything.
const READ_EVERYTHING: [&str; 7] = [
    "ENTRY_WITHOUT_DOCUMENT",
    "BLOB_WITHOUT_DOCUMENT",
    "DOCUMENT_WITHOUT_BLOB",
    "HOLDS_NOTHING",
    "DOCUMENT_TOTALS",
    // What another access policy would change, asked by an operator.
    "ENTRY_LABELS",
    "COUNT_ASSERTION_MESSAGES",
];

/// Whatever a transaction asks is found by an index, however much there is.
#[test]
fn no_statement_of_a_transaction_walks_a_table_that_grows() {
    const GROWING: [&str; 11] = [
        "patient",
        "claim",
        "document_entry",
        "entry_value",
        "submission_set",
        "folder",
        "association",
        "blob",
        "repository_document",
        "assertion_use",
        "assertion_message",
    ];
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = store(&folder).await;
        let mut walks = Vec::new();
        for statement in statement::all().filter(|it| !super::doctor::ALL.iter().any(|other| std::ptr::eq(*it, *other)))
        {
            let text = statement.sql(Dialect::Sqlite);
            if READ_EVERYTHING.contains(&statement.name())
                || !["SELECT", "UPDATE", "DELETE", "WITH"].iter().any(|word| text.starts_with(word))
            {
                continue;
            }
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(&writer).await.unwrap();
            for (.., step) in plan {
                let table = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
                let is = |growing: &&str| *growing == table || text.contains(&format!(" {growing} {table} "));
                if !table.is_empty() && GROWING.iter().any(is) {
                    walks.push(format!("{}: {step}", statement.name()));
                }
            }
        }
        store.close().await;
        assert_eq!(walks, Vec::<String>::new());
    });
}

async fn create(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    let id = PatientId::new(name, "2.999.1.1".parse().expect("an OID")).expect("a name");
    tx.create_patient(&id, 1, "test").await
}

async fn count(writer: &sqlx::SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM patient").fetch_one(writer).await.unwrap()
}

/// Design 9, Writes: what cannot be made durable is told to everybody who shared the commit.
#[test]
fn a_full_disk_fails_the_whole_batch_and_leaves_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = store(&folder).await;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&writer).await.unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4));
        sqlx::query(limit).execute(&writer).await.unwrap();
        let (began, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
        let (go_on, may_go_on) = tokio::sync::watch::channel(false);
        let first = store.write(move |tx: &mut Tx| {
            let (began, mut may_go_on) = (began.clone(), may_go_on.clone());
            async move {
                create(tx, "first").await?;
                began.send(()).expect("the test listens");
                may_go_on.wait_for(|go| *go).await.expect("the test goes on");
                Ok::<_, StoreError>(())
            }
            .boxed()
        });
        let small = store.write(|tx| async move { create(tx, "small").await }.boxed());
        let large = store.write(|tx: &mut Tx| {
            async move {
                for n in 0..2000 {
                    create(tx, &format!("{n}{}", "x".repeat(200))).await?;
                }
                Ok::<_, StoreError>(())
            }
            .boxed()
        });
        // The others are queued while the first one runs.
        let release = async {
            has_begun.recv().await.expect("the first one begins");
            go_on.send(true).expect("the first one listens");
        };
        let (_, small, large, ()) = future::join4(first, small, large, release).await;
        assert!(matches!(large, Err(StoreError::OutOfResources { .. })), "{large:?}");
        assert!(matches!(small, Err(StoreError::OutOfResources { .. })), "{small:?}");
        let gone = "SELECT COUNT(*) FROM patient WHERE id <> 'first'";
        assert_eq!(sqlx::query_scalar::<_, i64>(gone).fetch_one(&writer).await.unwrap(), 0);

        // The writer goes on with a connection of its own making: the limit is gone with the old one.
        let before = count(&writer).await;
        let result: Result<(), StoreError> = store.write(|tx| async move { create(tx, "after").await }.boxed()).await;
        assert_eq!(result, Ok(()));
        assert_eq!(count(&writer).await, before + 1);
        store.close().await;
    });
}

/// A store whose only reading connection has this limit.
async fn limited(folder: &tempfile::TempDir, statement_timeout: Duration) -> Store {
    let path = folder.path().join("knoop.db");
    let settings = SqliteSettings { readers: 1, statement_timeout, ..SqliteSettings::new(path) };
    let store = Store::open(&StoreSettings::Sqlite(settings)).await.expect("the database opens");
    store.migrate().await.expect("the schema is made");
    store
}

/// Counts to `last`, or for ever.
fn counting(last: Option<u32>) -> Built {
    let end = last.map(|last| format!(" WHERE i < {last}")).unwrap_or_default();
    let sql = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n{end}) SELECT COUNT(*) FROM n");
    Built { name: "COUNTING", sql: sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(sql)), args: Args(Vec::new()) }
}

type Counted = Result<Option<(i64,)>, StoreError>;

#[test]
fn s_in_26_a_statement_without_end_is_ended_and_its_connection_goes_on() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = limited(&folder, Duration::from_millis(100)).await;
        let ended = Err(StoreError::Busy { statement: "COUNTING", code: "9".to_owned() });
        for _ in 0..3 {
            let counted: Counted = store.inner.db.fetch_row(counting(None)).await;
            assert_eq!(counted, ended);
        }
        assert_eq!(store.inner.db.fetch_row(counting(Some(10))).await, Ok(Some((10_i64,))));
        // In a transaction the next statement has its own time.
        let mut tx = store.read().await.unwrap();
        let counted: Counted = tx.fetch_row(counting(None)).await;
        assert_eq!(counted, ended);
        assert_eq!(tx.fetch_row(counting(Some(10))).await, Ok(Some((10_i64,))));
        drop(tx);
        assert_eq!(store.connections(), 2, "nobody had to open another connection");
        store.close().await;
    });
}

#[test]
fn s_in_26_work_on_the_whole_database_takes_its_time() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = limited(&folder, Duration::from_millis(1)).await;
        // Long enough to be ended, as the same statement shows on the same connection.
        let mut tx = store.read_at_leisure().await.unwrap();
        assert_eq!(tx.fetch_row(counting(Some(1_000_000))).await, Ok(Some((1_000_000_i64,))));
        drop(tx);
        let counted: Counted = store.inner.db.fetch_row(counting(Some(1_000_000))).await;
        assert!(matches!(counted, Err(StoreError::Busy { .. })), "{counted:?}");
        store.close().await;
    });
}

#[test]
fn s_in_26_a_statement_that_nobody_waits_for_ends() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = limited(&folder, Duration::from_secs(3600)).await;
        let abandoned = store.inner.db.fetch_row::<(i64,)>(counting(None));
        assert!(tokio::time::timeout(Duration::from_millis(200), abandoned).await.is_err());
        // The only connection is free again.
        assert_eq!(store.inner.db.fetch_row(counting(Some(10))).await, Ok(Some((10_i64,))));
        store.close().await;
    });
}

#[test]
fn s_tls_31_a_code_that_was_renewed_or_whose_time_is_over_opens_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = NewPickup {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        octets: 1,
        sender: String::new(),
        recipient: String::new(),
        code_salt: vec![1],
        code_hash: vec![1],
        created_by: String::new(),
        created_ms: 0,
        expires_ms: 1_000,
        sets: "[]".to_owned(),
    };
    let opened = run(async {
        let (store, _) = store(&folder).await;
        let opened = store.write(move |tx| {
            let new = new.clone();
            Box::pin(async move {
                tx.insert_pickup(&new).await?;
                tx.renew_pickup(&new.id, &[2], &[2], 10).await?;
                let mut opened = Vec::new();
                for (code_hash, now_ms) in [([1], 20), ([2], 1_000), ([2], 20)] {
                    opened.push(tx.open_pickup(&new.id, &code_hash, &[9], 2_000, now_ms).await?);
                }
                Ok::<_, StoreError>(opened)
            })
        });
        opened.await.expect("written")
    });
    assert_eq!(opened, [false, false, true]);
}
