//! The database and, with `--deep`, every row and every document.

use super::Checks;
use crate::{
    cli::{
        assembly::{open_documents, open_store},
        progress::Progress,
    },
    config::{Config, DatabaseLocation},
    service::integrity::{DocumentReport, Fault, IntegrityError, check_documents},
    store::{DurabilitySetting, Store, documents::DocumentStore},
};

const NAME: &str = "database";
/// Damaged documents that are named; more are counted.
const NAMED: usize = 20;

pub(super) async fn check(config: &Config, deep: bool, checks: &mut Checks) {
    if let DatabaseLocation::Sqlite(path) = &config.database.location {
        let path = config.sqlite_path(path);
        if !path.exists() {
            checks.note(NAME, format!("{} is not there yet; knoop serve or knoop migrate makes it", path.display()));
            return;
        }
    }
    let store = match open_store(config).await {
        Ok(store) => store,
        Err(failure) => {
            checks.bad(NAME, format!("{failure}; is it running, and may this user connect?"));
            return;
        }
    };
    let right_version = ask(&store, checks).await;
    if right_version {
        audit(config, &store, checks).await;
    }
    if deep && right_version {
        rows(&store, checks).await;
        documents(config, &store, checks).await;
    }
    store.close().await;
}

/// Settings and version; whether the schema is the one of this program.
async fn ask(store: &Store, checks: &mut Checks) -> bool {
    match store.durability_settings().await {
        Err(error) => {
            checks.bad(NAME, format!("it does not answer: {error}"));
            return false;
        }
        Ok(settings) => {
            for setting in &settings {
                if setting.is_safe {
                    checks.good(NAME, format!("{} is {}", setting.name, in_words(setting)));
                } else {
                    checks
                        .bad(NAME, format!("{} is {}; {}", setting.name, in_words(setting), how_to_mend(setting.name)));
                }
            }
        }
    }
    match store.check_statements().await {
        Ok(()) => {
            checks.good(NAME, "reachable, and of this version");
            true
        }
        Err(error) => {
            checks.bad(NAME, format!("not of this version ({error}); run knoop migrate"));
            false
        }
    }
}

/// S-AUD-60.
async fn audit(config: &Config, store: &Store, checks: &mut Checks) {
    const NAME: &str = "audit";
    if !config.audit.record {
        checks.note(NAME, "nothing is recorded: audit.record is false");
    }
    let on_postgres = matches!(config.database.location, DatabaseLocation::Postgres(_));
    match store.audit_is_guarded().await {
        Ok(true) => checks.good(NAME, "what was recorded cannot be changed by the server"),
        Ok(false) if on_postgres => checks.note(
            NAME,
            "the server's account may change what was recorded; let it run as one with the rights of docs/audit-grants.sql",
        ),
        Ok(false) => checks.bad(NAME, "triggers that keep the trail are missing; run knoop audit verify"),
        Err(error) => checks.bad(NAME, format!("cannot be asked about: {error}")),
    }
}

/// SQLite tells `synchronous` as a number.
fn in_words(setting: &DurabilitySetting) -> &str {
    match (setting.name, setting.value.as_str()) {
        ("synchronous", "0") => "OFF",
        ("synchronous", "1") => "NORMAL",
        ("synchronous", "2") => "FULL",
        ("synchronous", "3") => "EXTRA",
        (_, value) => value,
    }
}

/// Without these a power cut takes what was acknowledged.
fn how_to_mend(setting: &str) -> &'static str {
    match setting {
        "fsync" => "a power cut can destroy the database: set fsync = on in postgresql.conf and reload",
        "full_page_writes" => {
            "a power cut can destroy pages of the database: set full_page_writes = on in postgresql.conf and reload"
        }
        "synchronous_commit" => {
            "a power cut loses what was acknowledged: set synchronous_commit = on, in postgresql.conf and for knoop's user"
        }
        _ => "a power cut can lose what was acknowledged; the file must be opened by knoop alone",
    }
}

async fn rows(store: &Store, checks: &mut Checks) {
    match store.integrity_problems().await {
        Ok(problems) if problems.is_empty() => checks.good("rows", "all fit together"),
        Ok(problems) => {
            for problem in problems {
                checks
                    .bad("rows", format!("{}: {}; restore from a backup or ask for help", problem.count, problem.what));
            }
        }
        Err(error) => checks.bad("rows", format!("cannot be read: {error}")),
    }
}

async fn documents(config: &Config, store: &Store, checks: &mut Checks) {
    const NAME: &str = "documents";
    if config.documents.s3.is_none() && !config.documents_path().is_dir() {
        checks.note(NAME, format!("{} is not there yet", config.documents_path().display()));
        return;
    }
    let documents = match open_documents(config) {
        Ok(documents) => documents,
        Err(failure) => {
            checks.bad(NAME, failure.to_string());
            return;
        }
    };
    match read_all(config, store, &documents).await {
        Ok(report) => tell(&report, checks),
        Err(error) => checks.bad(NAME, format!("cannot be compared: {error}")),
    }
}

async fn read_all(config: &Config, store: &Store, documents: &DocumentStore) -> Result<DocumentReport, IntegrityError> {
    let progress = Progress::new("reading", store.read().await?.document_totals().await?.1);
    let watcher = progress.watcher();
    check_documents(store, documents, &config.repository.repository_unique_id, &*watcher).await
}

fn tell(report: &DocumentReport, checks: &mut Checks) {
    const NAME: &str = "documents";
    if report.faults.is_empty() {
        let text = format!("{}, each with the size and hashes that were recorded", report.documents);
        checks.good(NAME, text);
    }
    for (blob, fault) in report.faults.iter().take(NAMED) {
        let what = match fault {
            Fault::Missing => "is missing",
            Fault::WrongSize => "has not the size that was recorded",
            Fault::WrongHash => "has not the octets that were received",
            Fault::Unreadable => "cannot be read",
        };
        checks.bad(NAME, format!("blob {blob} {what}; restore it from a backup"));
    }
    if report.faults.len() > NAMED {
        checks.bad(NAME, format!("{} more are damaged", report.faults.len() - NAMED));
    }
    if report.unknown_files > 0 {
        let text = format!("{} files that nobody knows; the sweep of a server sets them aside", report.unknown_files);
        checks.note(NAME, text);
    }
    for (count, what) in [
        (report.kept_without_document.len(), "kept blobs belong to no document"),
        (report.documents_not_kept.len(), "documents point to bytes that are not marked as kept"),
        (report.entries_without_document, "entries name this repository and have no document in it"),
    ] {
        if count > 0 {
            checks.bad(NAME, format!("{count} {what}"));
        }
    }
}
