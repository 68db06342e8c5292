//! The document repository below the service: rows and files together, on both databases, also when the process dies
//! between two steps.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};

use futures_util::FutureExt;
use knoop::{
    model::{EntryUuid, consent::Label},
    store::{
        BlobState, DocumentRow, DocumentState, NewDocument, Store, StoreError,
        documents::{BlobId, DocumentSettings, DocumentStore, Extent, Received, SweepTimes, Swept, sweep},
    },
};

use crate::stores::on_every_store;

const HOUR: i64 = 3_600_000;
const QUARANTINE_MS: i64 = 30 * 24 * HOUR;
/// Far enough from the times of the files that a test makes.
const LATER: i64 = 4_000_000_000_000;

/// All trials of this file.
pub fn trials() -> Vec<libtest_mimic::Trial> {
    on_every_store![
        r_41_09_a_unique_id_that_is_held_is_told_with_what_holds_it,
        r_41_09_two_requests_with_one_unique_id_keep_one_document,
        r_43_11_many_documents_are_found_in_the_order_asked,
        r_42_27_unique_ids_are_compared_in_nfc,
        r_41_13_an_unconfirmed_document_can_be_retrieved_confirmed_and_released,
        r_41_13_a_document_that_another_request_relies_on_stays,
        removed_documents_are_swept_with_their_bytes,
        bytes_whose_lease_has_passed_cannot_be_kept,
        a_crash_at_any_step_leaves_all_or_nothing_after_a_sweep,
        a_sweep_that_was_killed_is_finished_by_the_next,
        unknown_files_go_to_quarantine_and_are_discarded_after_thirty_days,
        a_sweep_leaves_young_files_and_kept_documents_alone,
    ]
}

/// Rows and files of one repository.
pub struct Repository {
    /// Rows.
    pub store: Store,
    /// Bytes.
    pub documents: DocumentStore,
    /// Where the files are.
    pub folder: tempfile::TempDir,
}

impl Repository {
    /// An empty one.
    pub fn new(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let documents =
            DocumentStore::open(&DocumentSettings::Files { folder: folder.path().join("documents") }).unwrap();
        Self { store, documents, folder }
    }

    async fn receive(&self, content: &[u8]) -> Received {
        let mut incoming = self.documents.receive().unwrap();
        incoming.write(content.to_vec().into()).await.unwrap();
        incoming.finish().await.unwrap()
    }

    async fn pend(&self, blob: BlobId, lease_until_ms: i64) {
        let done = self.store.write(move |tx| async move { tx.pend_blobs(&[blob], lease_until_ms).await }.boxed());
        done.await.unwrap();
    }

    async fn keep(
        &self,
        documents: Vec<NewDocument>,
        state: DocumentState,
    ) -> Result<Vec<Option<DocumentRow>>, StoreError> {
        let keep = self.store.write(move |tx| {
            let documents = documents.clone();
            async move { tx.keep_documents(&documents, state, 1).await }.boxed()
        });
        keep.await
    }

    /// The whole way in.
    pub async fn store(&self, unique_id: &str, content: &[u8], state: DocumentState) -> Option<DocumentRow> {
        let received = self.receive(content).await;
        let document = document(unique_id, &received);
        self.pend(received.blob_id, HOUR).await;
        self.documents.place(vec![received]).await.unwrap();
        self.keep(vec![document], state).await.unwrap().remove(0)
    }

    /// A document by its uniqueId.
    pub async fn find(&self, unique_id: &str) -> Option<DocumentRow> {
        self.store.read().await.unwrap().find_documents(&[unique_id]).await.unwrap().remove(0)
    }

    /// The first MiB of a document.
    pub async fn content(&self, row: &DocumentRow) -> Vec<u8> {
        let mut reader = self.documents.read(row.blob_id, row.size_bytes).await.unwrap();
        reader.next().await.map(|block| block.unwrap().to_vec()).unwrap_or_default()
    }

    async fn sweep(&self, now_ms: i64, extent: Extent) -> Swept {
        sweep(&self.store, &self.documents, now_ms, SweepTimes::default(), extent).await.unwrap()
    }

    /// All files.
    pub fn files(&self) -> Vec<PathBuf> {
        files_below(&self.folder.path().join("documents"))
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

fn document(unique_id: &str, received: &Received) -> NewDocument {
    NewDocument {
        unique_id: unique_id.parse().unwrap(),
        blob_id: received.blob_id,
        size_bytes: received.size_bytes,
        sha1: received.sha1,
        sha256: received.sha256,
        crc32: received.crc32,
        mime_type: "text/plain".parse().unwrap(),
        patient_key: 7,
        entry_uuid: Some(EntryUuid::from_bytes([5; 16])),
        owner_org_key: 1,
        source_node_key: 2,
        label: Label { confidentiality: "N^^2.16.840.1.113883.5.25".into(), ..Label::default() },
    }
}

async fn r_41_09_a_unique_id_that_is_held_is_told_with_what_holds_it(store: Store) {
    let repository = Repository::new(store);
    assert_eq!(repository.store("1.2.3", b"first", DocumentState::Confirmed).await, None);
    let held = repository.store("1.2.3", b"other content", DocumentState::Confirmed).await.expect("it is held");
    assert_eq!((held.size_bytes, &*held.mime_type, held.state), (5, "text/plain", DocumentState::Confirmed));
    assert_eq!((held.patient_key, held.owner_org_key, held.source_node_key), (7, 1, 2));
    assert_eq!(held.entry_uuid, Some(EntryUuid::from_bytes([5; 16])));
    let kept = repository.find("1.2.3").await.unwrap();
    assert_eq!(kept, held);
    assert_eq!(repository.content(&kept).await, b"first");
    let swept = repository.sweep(LATER, Extent::EveryFile).await;
    assert_eq!(swept.expired, 1, "the bytes that lost");
    assert_eq!(repository.content(&kept).await, b"first");
}

async fn r_41_09_two_requests_with_one_unique_id_keep_one_document(store: Store) {
    let repository = Repository::new(store);
    let requests = (0..8).map(|number| {
        let content = format!("content {number}").into_bytes();
        let repository = &repository;
        async move { repository.store("1.2.3", &content, DocumentState::Confirmed).await }
    });
    let held = futures_util::future::join_all(requests).await;
    assert_eq!(held.iter().filter(|held| held.is_none()).count(), 1);
    repository.sweep(LATER, Extent::EveryFile).await;
    assert_eq!(repository.files().len(), 1);
}

async fn r_43_11_many_documents_are_found_in_the_order_asked(store: Store) {
    let repository = Repository::new(store);
    for id in ["1.1", "1.2", "1.3"] {
        repository.store(id, id.as_bytes(), DocumentState::Confirmed).await;
    }
    let asked = ["1.3", "9.9", "1.1", "1.3"];
    let found = repository.store.read().await.unwrap().find_documents(&asked).await.unwrap();
    let found: Vec<Option<&str>> = found.iter().map(|row| row.as_ref().map(|row| &*row.unique_id)).collect();
    assert_eq!(found, [Some("1.3"), None, Some("1.1"), Some("1.3")]);
}

async fn r_42_27_unique_ids_are_compared_in_nfc(store: Store) {
    let repository = Repository::new(store);
    repository.store("urn:x:caf\u{e9}", b"one", DocumentState::Confirmed).await;
    assert!(repository.store("urn:x:cafe\u{301}", b"one", DocumentState::Confirmed).await.is_some());
    assert!(repository.find("urn:x:cafe\u{301}").await.is_some());
    assert!(repository.find("urn:x:CAF\u{c9}").await.is_none());
}

async fn r_41_13_an_unconfirmed_document_can_be_retrieved_confirmed_and_released(store: Store) {
    let repository = Repository::new(store);
    for id in ["1.1", "1.2"] {
        repository.store(id, id.as_bytes(), DocumentState::Unconfirmed).await;
    }
    let row = repository.find("1.1").await.unwrap();
    assert_eq!(row.state, DocumentState::Unconfirmed);
    assert_eq!(repository.content(&row).await, b"1.1");
    let confirm = repository.store.write(|tx| async move { tx.confirm_documents(&["1.1"]).await }.boxed());
    confirm.await.unwrap();
    let done = repository.store.write(|tx| async move { tx.release_documents(&["1.1", "1.2"], 0).await }.boxed());
    done.await.unwrap();
    assert_eq!(repository.find("1.1").await.unwrap().state, DocumentState::Confirmed, "what is confirmed stays");
    assert_eq!(repository.find("1.2").await, None);
    repository.sweep(LATER, Extent::EveryFile).await;
    assert_eq!(repository.files().len(), 1);
}

async fn r_41_13_a_document_that_another_request_relies_on_stays(store: Store) {
    let repository = Repository::new(store);
    repository.store("1.1", b"x", DocumentState::Unconfirmed).await;
    assert!(repository.store("1.1", b"x", DocumentState::Unconfirmed).await.is_some(), "the second request");
    let release = || repository.store.write(|tx| async move { tx.release_documents(&["1.1"], 0).await }.boxed());
    release().await.unwrap();
    assert!(repository.find("1.1").await.is_some(), "the second request still waits for the registry");
    release().await.unwrap();
    assert!(repository.find("1.1").await.is_none());
}

async fn removed_documents_are_swept_with_their_bytes(store: Store) {
    let repository = Repository::new(store);
    repository.store("1.1", b"x", DocumentState::Confirmed).await;
    let remove = || repository.store.write(|tx| async move { tx.remove_documents(&["1.1", "2.2"], 100).await }.boxed());
    assert_eq!(remove().await.unwrap(), 1);
    assert_eq!(remove().await.unwrap(), 0);
    assert_eq!(repository.sweep(100, Extent::Expired).await.expired, 0, "not before its lease has passed");
    assert_eq!(repository.files().len(), 1);
    assert_eq!(repository.sweep(101, Extent::Expired).await.expired, 1);
    assert_eq!(repository.files().len(), 0);
}

async fn bytes_whose_lease_has_passed_cannot_be_kept(store: Store) {
    let repository = Repository::new(store);
    let received = repository.receive(b"slow").await;
    let document = document("1.1", &received);
    repository.pend(received.blob_id, 10).await;
    repository.documents.place(vec![received]).await.unwrap();
    repository.sweep(11, Extent::Expired).await;
    let kept = repository.keep(vec![document], DocumentState::Confirmed).await;
    assert!(matches!(kept, Err(StoreError::Busy { .. })), "{kept:?}");
    assert_eq!(repository.find("1.1").await, None, "nothing is half kept");
}

/// Steps of a submission, after which the process may die.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Step {
    Received,
    Pending,
    Placed,
    MetadataRefused,
    Kept,
}

async fn a_crash_at_any_step_leaves_all_or_nothing_after_a_sweep(store: Store) {
    let steps = [Step::Received, Step::Pending, Step::Placed, Step::MetadataRefused, Step::Kept];
    for (number, (step, size)) in steps.into_iter().flat_map(|step| [10, 3 << 20].map(|size| (step, size))).enumerate()
    {
        let repository = Repository::new(store.clone());
        let (ids, content) = ([format!("1.{number}.1"), format!("1.{number}.2")], vec![number as u8; size]);
        let received = [repository.receive(&content).await, repository.receive(&content).await];
        let documents = [document(&ids[0], &received[0]), document(&ids[1], &received[1])];
        if step == Step::Received {
            // A process that dies removes nothing.
            std::mem::forget(received);
        } else {
            for document in &received {
                repository.pend(document.blob_id, HOUR).await;
            }
            if step >= Step::Placed {
                repository.documents.place(received.into()).await.unwrap();
            } else {
                std::mem::forget(received);
            }
        }
        if step == Step::MetadataRefused {
            let documents = documents.clone();
            let refused: Result<(), StoreError> = repository
                .store
                .write(move |tx| {
                    let documents = documents.clone();
                    async move {
                        tx.keep_documents(&documents, DocumentState::Confirmed, 1).await?;
                        Err(StoreError::Panicked)
                    }
                    .boxed()
                })
                .await;
            assert!(refused.is_err());
        } else if step == Step::Kept {
            repository.keep(documents.to_vec(), DocumentState::Confirmed).await.unwrap();
        }
        repository.sweep(LATER, Extent::EveryFile).await;
        let kept = if step == Step::Kept { 2 } else { 0 };
        assert_eq!(repository.files().len(), kept, "{step:?}, {size} octets: {:?}", repository.files());
        for id in ids {
            let row = repository.find(&id).await;
            assert_eq!(row.is_some(), step == Step::Kept, "{step:?}, {size} octets");
            if let Some(row) = row {
                assert_eq!(repository.content(&row).await[..10], content[..10]);
            }
        }
    }
}

async fn a_sweep_that_was_killed_is_finished_by_the_next(store: Store) {
    let repository = Repository::new(store);
    let received = repository.receive(b"x").await;
    let blob = received.blob_id;
    repository.pend(blob, 10).await;
    repository.documents.place(vec![received]).await.unwrap();
    let marked = repository.store.write(|tx| async move { tx.expire_blobs(11).await }.boxed()).await.unwrap();
    assert_eq!(marked, [blob]);
    assert_eq!(repository.sweep(12, Extent::Expired).await.expired, 1);
    assert_eq!(repository.files().len(), 0);
    let known = repository.store.read().await.unwrap().blobs_between(blob, blob).await.unwrap();
    assert!(known.is_empty());
}

async fn unknown_files_go_to_quarantine_and_are_discarded_after_thirty_days(store: Store) {
    let repository = Repository::new(store);
    repository.store("1.1", b"kept", DocumentState::Confirmed).await;
    let kept = repository.files().remove(0);
    let unknown = format!("{}{}", &kept.file_name().unwrap().to_str().unwrap()[..4], "f".repeat(28));
    fs::write(kept.with_file_name(&unknown), b"whose?").unwrap();
    fs::write(kept.with_file_name("notes.txt"), b"a stranger").unwrap();
    let swept = repository.sweep(LATER, Extent::EveryFile).await;
    assert_eq!(swept, Swept { quarantined: 2, ..Swept::default() });
    assert_eq!(repository.files().len(), 3, "nothing is lost yet");
    assert!(kept.exists());
    let swept = repository.sweep(LATER + QUARANTINE_MS, Extent::EveryFile).await;
    assert_eq!(swept.discarded, 0);
    let swept = repository.sweep(LATER + QUARANTINE_MS + 1, Extent::EveryFile).await;
    assert_eq!(swept, Swept { discarded: 2, ..Swept::default() });
    assert_eq!(repository.files(), [kept]);
}

async fn a_sweep_leaves_young_files_and_kept_documents_alone(store: Store) {
    let repository = Repository::new(store);
    repository.store("1.1", b"kept", DocumentState::Confirmed).await;
    let coming_in = repository.receive(&[7; 2 << 20]).await;
    let folder = repository.files().into_iter().find(|path| !path.parent().unwrap().ends_with("tmp")).unwrap();
    let young = folder.with_file_name(format!("{}{}", &coming_in.blob_id.to_string()[..4], "e".repeat(28)));
    fs::write(&young, b"x").unwrap();
    let made_ms = LATER - HOUR;
    for path in repository.files() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(made_ms as u64);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
    assert_eq!(repository.sweep(LATER, Extent::EveryFile).await, Swept::default());
    let swept = repository.sweep(LATER + 1, Extent::EveryFile).await;
    assert_eq!(swept, Swept { temporaries: 1, quarantined: 1, ..Swept::default() });
    let row = repository.find("1.1").await.unwrap();
    assert_eq!(repository.content(&row).await, b"kept");
    let known = repository.store.read().await.unwrap().blobs_between(row.blob_id, row.blob_id).await.unwrap();
    assert_eq!(known.get(&row.blob_id), Some(&BlobState::Kept));
}
