//! Backup, restore and the deep comparison, on both databases and between them: acceptance 11 of the core.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::FutureExt;
use knoop::{
    model::Oid,
    service::{
        backup::{self, BackupError, Manifest, Progress, RestoreTo},
        integrity::{DocumentReport, Fault, check_documents},
    },
    store::{
        DocumentState, NewJob, PostgresSettings, Priority, SqliteSettings, Store, StoreSettings,
        documents::{DocumentSettings, DocumentStore},
    },
};
use libtest_mimic::Trial;

use crate::{
    documents::Repository,
    postgres,
    sample::{entry, folder, patient, register, submission},
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        a_sound_repository_has_no_faults,
        the_deep_comparison_finds_each_kind_of_fault,
        a_backup_restores_into_sqlite_with_every_row_and_octet,
        a_backup_restores_into_postgres_with_every_row_and_octet,
        a_backup_under_load_is_consistent,
        a_backup_names_what_was_damaged_before,
        a_damaged_backup_is_refused,
        backup_and_restore_refuse_what_is_not_empty,
        a_backup_that_was_cut_off_is_none,
    ]
}

fn files(folder: &Path) -> DocumentStore {
    DocumentStore::open(&DocumentSettings::Files { folder: folder.to_owned() }).unwrap()
}

async fn sqlite(path: &Path) -> Store {
    Store::open(&StoreSettings::Sqlite(SqliteSettings::new(path))).await.unwrap()
}

async fn compare(store: &Store, documents: &DocumentStore) -> DocumentReport {
    let repository: Oid = "1.2.3.4".parse().unwrap();
    check_documents(store, documents, &repository, &|_| ()).await.unwrap()
}

async fn back_up(repository: &Repository, to: &Path) -> Result<Manifest, BackupError> {
    let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    backup::back_up(&repository.store, &repository.documents, to, now, &|_| ()).await
}

/// A repository with documents of several sizes and a registry with everything that it may hold.
async fn filled(store: Store) -> Repository {
    let repository = Repository::new(store);
    let p = patient("backup");
    register(&repository.store, submission(&p, vec![entry(&p), entry(&p)], vec![folder(&p)])).await.unwrap();
    for (id, size) in [("1.1", 0), ("1.2", 10), ("1.3", 70_000), ("1.4", 3 << 20)] {
        repository.store(id, &vec![size as u8; size], DocumentState::Confirmed).await;
    }
    let job = NewJob {
        kind: "send",
        destination: "a".to_owned(),
        idempotency_key: None,
        payload: "{}".to_owned(),
        priority: Priority::Normal,
        run_at_ms: 5,
        owner_org_key: 1,
    };
    let enqueue = repository.store.write(move |tx| {
        let job = job.clone();
        async move { tx.enqueue(&job, 1).await }.boxed()
    });
    enqueue.await.unwrap();
    repository
}

async fn a_sound_repository_has_no_faults(store: Store) {
    let repository = filled(store).await;
    let report = compare(&repository.store, &repository.documents).await;
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.documents, report.bytes, report.unknown_files), (4, (3 << 20) + 70_010, 0));
}

async fn the_deep_comparison_finds_each_kind_of_fault(store: Store) {
    let repository = Repository::new(store);
    let mut paths = Vec::new();
    for id in ["1.1", "1.2", "1.3", "1.4"] {
        let before = repository.files();
        repository.store(id, b"content", DocumentState::Confirmed).await;
        paths.extend(repository.files().into_iter().filter(|path| !before.contains(path)));
    }
    fs::remove_file(&paths[0]).unwrap();
    fs::write(&paths[1], b"cont").unwrap();
    fs::write(&paths[2], b"contend").unwrap();
    fs::write(paths[3].with_file_name("stranger"), b"?").unwrap();
    let report = compare(&repository.store, &repository.documents).await;
    let mut faults = Vec::new();
    for (id, fault) in [("1.1", Fault::Missing), ("1.2", Fault::WrongSize), ("1.3", Fault::WrongHash)] {
        faults.push((repository.find(id).await.unwrap().blob_id, fault));
    }
    faults.sort();
    let mut found = report.faults.clone();
    found.sort();
    assert_eq!(found, faults);
    assert_eq!((report.documents, report.unknown_files), (4, 1));
    assert!(!report.is_sound());
}

/// Every row that people can ask for, in an order of its own.
async fn contents(store: &Store, documents: &DocumentStore) -> Vec<String> {
    let mut tx = store.read().await.unwrap();
    let mut seen = Vec::new();
    for row in tx.documents_after("", 1000).await.unwrap() {
        let mut reader = documents.read(row.blob_id, row.size_bytes).await.unwrap();
        let mut octets = 0;
        while let Some(block) = reader.next().await {
            octets += block.unwrap().len();
        }
        seen.push(format!("{row:?} {octets}"));
    }
    seen.push(format!("{:?}", tx.count_jobs().await.unwrap()));
    seen
}

async fn a_backup_restores_into_sqlite_with_every_row_and_octet(store: Store) {
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    let copied = AtomicU64::new(0);
    let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    let watcher = |progress| match progress {
        Progress::Copying { bytes } => assert_eq!(bytes, (3 << 20) + 70_010),
        Progress::Copied { bytes } => _ = copied.fetch_add(bytes, Ordering::Relaxed),
    };
    let made = backup::back_up(&repository.store, &repository.documents, &to, now, &watcher).await.unwrap();
    assert_eq!((made.documents, made.bytes, made.damaged.len()), (4, (3 << 20) + 70_010, 0));
    assert_eq!(copied.load(Ordering::Relaxed), made.bytes);
    let (path, documents) = (target.path().join("knoop.db"), files(&target.path().join("documents")));
    let restored = backup::restore(&to, &RestoreTo::Sqlite(path.clone()), &documents, &|_| ()).await.unwrap();
    assert_eq!(restored, made);
    let store = sqlite(&path).await;
    assert_eq!(contents(&store, &documents).await, contents(&repository.store, &repository.documents).await);
    assert!(compare(&store, &documents).await.is_sound());
    assert_eq!(store.integrity_problems().await.unwrap(), []);
    store.close().await;
}

async fn a_backup_restores_into_postgres_with_every_row_and_octet(store: Store) {
    let Ok(url) = postgres::new_database() else { return };
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    back_up(&repository, &to).await.unwrap();
    let store = Store::open(&StoreSettings::Postgres(PostgresSettings::new(url.into()))).await.unwrap();
    let documents = files(&target.path().join("documents"));
    let place = RestoreTo::Postgres(store.clone(), target.path().to_owned());
    backup::restore(&to, &place, &documents, &|_| ()).await.unwrap();
    assert_eq!(contents(&store, &documents).await, contents(&repository.store, &repository.documents).await);
    assert!(compare(&store, &documents).await.is_sound());
    assert_eq!(store.integrity_problems().await.unwrap(), []);
    // What the database numbers itself goes on behind what was restored.
    let p = patient("after the restore");
    register(&store, submission(&p, vec![entry(&p)], vec![])).await.unwrap();
    assert!(matches!(backup::restore(&to, &place, &documents, &|_| ()).await, Err(BackupError::NotEmpty)));
    store.close().await;
}

async fn a_backup_under_load_is_consistent(store: Store) {
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    let load = async {
        for number in 0..200 {
            repository.store(&format!("2.{number}"), &[number as u8; 5000], DocumentState::Confirmed).await;
            if number % 10 == 5 {
                let removed = format!("2.{}", number - 5);
                let remove = repository.store.write(move |tx| {
                    let removed = removed.clone();
                    async move { tx.remove_documents(&[&removed], i64::MAX).await }.boxed()
                });
                remove.await.unwrap();
            }
        }
    };
    let (made, ()) = tokio::join!(back_up(&repository, &to), load);
    assert_eq!(made.unwrap().damaged.len(), 0);
    let (path, documents) = (target.path().join("knoop.db"), files(&target.path().join("documents")));
    backup::restore(&to, &RestoreTo::Sqlite(path.clone()), &documents, &|_| ()).await.unwrap();
    let store = sqlite(&path).await;
    let report = compare(&store, &documents).await;
    assert!(report.is_sound() && report.documents >= 4, "{report:?}");
    store.close().await;
}

async fn a_backup_names_what_was_damaged_before(store: Store) {
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    let damaged = repository.find("1.2").await.unwrap().blob_id.to_string();
    fs::write(repository.files().iter().find(|path| path.ends_with(&damaged)).unwrap(), b"0123456789").unwrap();
    let made = back_up(&repository, &to).await.unwrap();
    assert_eq!((made.documents, made.damaged), (3, vec![damaged]));
    let (path, documents) = (target.path().join("knoop.db"), files(&target.path().join("documents")));
    backup::restore(&to, &RestoreTo::Sqlite(path), &documents, &|_| ()).await.expect("the rest is restored");
}

async fn a_damaged_backup_is_refused(store: Store) {
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    back_up(&repository, &to).await.unwrap();
    let blob = repository.find("1.3").await.unwrap().blob_id;
    let name = blob.to_string();
    fs::write(to.join("documents").join(&name[..2]).join(&name[2..4]).join(&name), vec![0; 70_000]).unwrap();
    let (path, documents) = (target.path().join("knoop.db"), files(&target.path().join("documents")));
    let restored = backup::restore(&to, &RestoreTo::Sqlite(path.clone()), &documents, &|_| ()).await;
    assert!(matches!(restored, Err(BackupError::Damaged(damaged)) if damaged == blob), "{restored:?}");
    assert!(!path.exists(), "what is there now is no repository");
}

async fn backup_and_restore_refuse_what_is_not_empty(store: Store) {
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    back_up(&repository, &to).await.unwrap();
    assert!(matches!(back_up(&repository, &to).await, Err(BackupError::NotEmpty)));
    let (path, documents) = (target.path().join("knoop.db"), files(&target.path().join("documents")));
    let restore = || async { backup::restore(&to, &RestoreTo::Sqlite(path.clone()), &documents, &|_| ()).await };
    restore().await.unwrap();
    assert!(matches!(restore().await, Err(BackupError::NotEmpty)), "a database");
    fs::remove_file(&path).unwrap();
    assert!(matches!(restore().await, Err(BackupError::NotEmpty)), "documents");
}

async fn a_backup_that_was_cut_off_is_none(store: Store) {
    let repository = filled(store).await;
    let (to, target) = (repository.folder.path().join("backup"), tempfile::tempdir().unwrap());
    back_up(&repository, &to).await.unwrap();
    fs::remove_file(to.join("manifest.json")).unwrap();
    let documents = files(&target.path().join("documents"));
    let restored = backup::restore(&to, &RestoreTo::Sqlite(target.path().join("db")), &documents, &|_| ()).await;
    assert!(matches!(restored, Err(BackupError::NoManifest)));
}
