//! The database and, with `--deep`, every row and every document.

use openssl::sha::{Sha1, Sha256};

use super::Checks;
use crate::{
    cli::{assembly::open_store, progress::Progress},
    client,
    config::{Config, DatabaseLocation},
    store::{
        DocumentRow, Store, StoreError,
        documents::{DocumentSettings, DocumentStore},
    },
};

const NAME: &str = "database";
/// Documents looked up at a time.
const PAGE: i64 = 500;
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
                    checks.good(NAME, format!("{} is {}", setting.name, setting.value));
                } else {
                    checks.bad(NAME, format!("{} is {}; {}", setting.name, setting.value, how_to_mend(setting.name)));
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

/// What became of the documents.
#[derive(Default)]
struct Read {
    whole: usize,
    damaged: Vec<String>,
}

async fn documents(config: &Config, store: &Store, checks: &mut Checks) {
    const NAME: &str = "documents";
    let folder = config.documents_path();
    if !folder.is_dir() {
        checks.note(NAME, format!("{} is not there yet", folder.display()));
        return;
    }
    let documents = match DocumentStore::open(&DocumentSettings::Files { folder }) {
        Ok(documents) => documents,
        Err(error) => {
            checks.bad(NAME, format!("the document store cannot be opened: {error}"));
            return;
        }
    };
    match read_all(store, &documents).await {
        Ok(Read { whole, damaged }) if damaged.is_empty() => {
            checks.good(NAME, format!("{whole}, each with the size and hashes that were recorded"));
        }
        Ok(Read { damaged, .. }) => {
            for text in damaged.iter().take(NAMED) {
                checks.bad(NAME, format!("{text}; restore it from a backup"));
            }
            if damaged.len() > NAMED {
                checks.bad(NAME, format!("{} more are damaged", damaged.len() - NAMED));
            }
        }
        Err(error) => checks.bad(NAME, format!("their rows cannot be read: {error}")),
    }
    match missing(config, store).await {
        Ok(0) => {}
        Ok(count) => checks.bad(NAME, format!("{count} entries name this repository and have no document in it")),
        Err(error) => checks.bad(NAME, format!("their entries cannot be read: {error}")),
    }
}

async fn missing(config: &Config, store: &Store) -> Result<usize, StoreError> {
    let repository = config.repository.repository_unique_id.as_str();
    Ok(store.read().await?.entries_without_document(repository, PAGE).await?.len())
}

async fn read_all(store: &Store, documents: &DocumentStore) -> Result<Read, StoreError> {
    let total = store.read().await?.count_documents().await?;
    if total > PAGE.unsigned_abs() {
        eprintln!("reading {total} documents");
    }
    // The whole size is not known beforehand, so only rate and octets could be shown.
    let progress = Progress::new("reading", 0);
    let watcher = progress.watcher();
    let (mut read, mut last) = (Read::default(), String::new());
    loop {
        let page = store.read().await?.documents_after(&last, PAGE).await?;
        let Some(row) = page.last() else { return Ok(read) };
        last = row.unique_id.to_string();
        for row in &page {
            match damage(row, documents, &watcher).await {
                None => read.whole += 1,
                Some(what) => read.damaged.push(format!("blob {}: {what}", row.blob_id)),
            }
        }
    }
}

/// What is wrong with a document, if anything.
async fn damage(row: &DocumentRow, documents: &DocumentStore, watcher: &client::Progress) -> Option<String> {
    let mut reader = match documents.read(row.blob_id, row.size_bytes).await {
        Ok(reader) => reader,
        Err(error) => return Some(error.to_string()),
    };
    let (mut sha1, mut sha256, mut crc32) = (Sha1::new(), Sha256::new(), crc32fast::Hasher::new());
    while let Some(block) = reader.next().await {
        let block = match block {
            Ok(block) => block,
            Err(error) => return Some(error.to_string()),
        };
        sha1.update(&block);
        sha256.update(&block);
        crc32.update(&block);
        watcher(block.len() as u64);
    }
    let same = sha1.finish() == *row.sha1.as_bytes() && sha256.finish() == row.sha256 && crc32.finalize() == row.crc32;
    (!same).then(|| "its octets are not those that were received".to_owned())
}
