//! What the file store promises, seen from outside and from the disk.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::*;

fn store(folder: &Path) -> DocumentStore {
    DocumentStore::open(&DocumentSettings::Files { folder: folder.join("documents") }).unwrap()
}

/// Octets that differ from block to block.
fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

async fn receive(store: &DocumentStore, content: &[u8], chunk: usize) -> Received {
    let mut incoming = store.receive().unwrap();
    for part in content.chunks(chunk) {
        incoming.write(Bytes::copy_from_slice(part)).await.unwrap();
    }
    incoming.finish().await.unwrap()
}

async fn read(store: &DocumentStore, blob: BlobId, size: u64) -> Vec<u8> {
    let mut reader = store.read(blob, size).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(block) = reader.next().await {
        bytes.extend_from_slice(&block.unwrap());
    }
    bytes
}

#[tokio::test]
async fn r_41_10_octets_of_every_size_come_back_unchanged_with_their_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let block = BLOCK_BYTES;
    for size in [0, 1, 65_536, 65_537, block - 1, block, block + 1, 2 * block, 3 * block + 17] {
        for chunk in [32_768, 3 * block] {
            let content = sample(size);
            let document = receive(&store, &content, chunk).await;
            assert_eq!(document.size_bytes, size as u64);
            assert_eq!(document.sha1.as_bytes()[..], openssl::sha::sha1(&content)[..], "{size} octets");
            assert_eq!(document.sha256, openssl::sha::sha256(&content), "{size} octets");
            assert_eq!(document.crc32, crc32fast::hash(&content), "{size} octets");
            let blob = document.blob_id;
            store.place(vec![document]).await.unwrap();
            assert_eq!(read(&store, blob, size as u64).await, content, "{size} octets");
        }
    }
}

#[tokio::test]
async fn a_document_given_up_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for size in [10, BLOCK_BYTES, 3 * BLOCK_BYTES] {
        drop(receive(&store, &sample(size), BLOCK_BYTES).await);
        assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new(), "{size} octets");
    }
}

#[tokio::test]
async fn documents_of_one_request_are_placed_together_and_nothing_stays_behind_in_tmp() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut documents = Vec::new();
    for size in [5, 70_000, 2 * BLOCK_BYTES, 0] {
        documents.push(receive(&store, &sample(size), 10_000).await);
    }
    let asked: Vec<_> = documents.iter().map(|document| (document.blob_id, document.size_bytes)).collect();
    store.place(documents).await.unwrap();
    assert!(files_below(&folder.path().join("documents/tmp")).is_empty());
    for (reader, (_, size)) in store.read_all(asked.clone()).await.into_iter().zip(asked) {
        assert_eq!(reader.unwrap().size_bytes(), size);
    }
}

#[tokio::test]
async fn r_43_04_missing_and_cut_documents_are_told_before_the_first_octet() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let document = receive(&store, b"whole", 5).await;
    let blob = document.blob_id;
    assert!(matches!(store.read(blob, 5).await, Err(DocumentError::Missing)), "not placed yet");
    store.place(vec![document]).await.unwrap();
    std::fs::write(&files_below(folder.path())[0], b"who").unwrap();
    assert!(matches!(store.read(blob, 5).await, Err(DocumentError::WrongSize { recorded: 5, found: 3 })));
}

#[tokio::test]
async fn r_43_15_a_document_cut_while_it_is_read_ends_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let size = 4 * BLOCK_BYTES;
    let document = receive(&store, &sample(size), BLOCK_BYTES).await;
    let blob = document.blob_id;
    store.place(vec![document]).await.unwrap();
    let mut reader = store.read(blob, size as u64).await.unwrap();
    let cut = std::fs::OpenOptions::new().write(true).open(&files_below(folder.path())[0]).unwrap();
    cut.set_len(BLOCK_BYTES as u64).unwrap();
    reader.next().await.unwrap().unwrap();
    assert!(reader.next().await.unwrap().is_err());
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn small_documents_beyond_the_memory_for_them_go_through_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let content = sample(60_000);
    let mut documents = Vec::new();
    for _ in 0..100 {
        documents.push(receive(&store, &content, 60_000).await);
    }
    let spilled = files_below(&folder.path().join("documents/tmp")).len();
    assert!((20..100).contains(&spilled), "{spilled} of 100 went to files");
    store.place(documents).await.unwrap();
    assert_eq!(files_below(&folder.path().join("documents/tmp")).len(), 0);
    assert_eq!(files_below(folder.path()).len(), 100);
}

#[tokio::test]
async fn a_full_or_vanished_disk_is_an_error_of_the_document_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    std::fs::remove_dir_all(folder.path().join("documents")).unwrap();
    let mut incoming = store.receive().unwrap();
    incoming.write(sample(BLOCK_BYTES).into()).await.unwrap();
    assert!(incoming.finish().await.is_err());
    let full = DocumentError::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(matches!(full, DocumentError::OutOfResources));
}
