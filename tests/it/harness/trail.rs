//! The audit trail of a server as `knoop audit` shows it, and ways to tamper with it.

use std::process::Output;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{
    TestServer,
    servers::{Prepared, Store},
};

/// `knoop audit` with these arguments.
pub fn audit(prepared: &Prepared, arguments: &[&str]) -> Output {
    let data = prepared.data.display().to_string();
    let arguments: Vec<&str> = ["audit"].iter().chain(arguments).chain(&["--data", &data]).copied().collect();
    prepared.command(&arguments).output().expect("the program runs")
}

/// The events that fit, the oldest first.
pub fn events(server: &TestServer, arguments: &[&str]) -> Vec<Value> {
    let output = audit(&server.prepared, &[&["search", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    found["events"].as_array().expect("a list").iter().rev().map(|event| event["event"].clone()).collect()
}

/// The text at a place, or nothing.
pub fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// EventID, action, EventTypeCode, outcome.
pub fn kind(event: &Value) -> (&str, &str, &str, &str) {
    let outcome = event["outcome"].as_str().unwrap_or_default();
    (text(event, "/event_id/code"), text(event, "/action"), text(event, "/event_types/0/code"), outcome)
}

/// Runs SQL where the audit of reads, or that of everything else, lies.
pub fn tamper(prepared: &Prepared, of_reads: bool, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let text = AssertSqlSafe(sql.to_owned());
        match prepared.store {
            Store::Sqlite => {
                let is_of_reads = |name: &str| name.starts_with("audit-2") && name.ends_with(".sqlite");
                let names = std::fs::read_dir(&prepared.data).expect("the data directory");
                let names: Vec<String> = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
                let file = names.iter().find(|name| is_of_reads(name)).expect("a file of reads");
                let file = if of_reads { file } else { "knoop.sqlite" };
                let url = format!("sqlite://{}", prepared.data.join(file).display());
                sqlx::query(text)
                    .execute(&mut SqliteConnection::connect(&url).await.expect("opened"))
                    .await
                    .expect("done");
            }
            Store::Postgres => {
                let url = prepared.get("database.url").expect("a database");
                sqlx::query(text).execute(&mut PgConnection::connect(url).await.expect("opened")).await.expect("done");
            }
        }
    });
}

/// What `knoop audit verify` says of it: nothing is wrong.
#[track_caller]
pub fn is_whole(prepared: &Prepared) {
    let verified = audit(prepared, &["verify"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert_eq!(verified.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&verified.stderr));
}
