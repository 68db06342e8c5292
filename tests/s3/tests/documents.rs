//! Documents in a bucket: the same promises as those of files, against a server that speaks S3.

use std::{net::SocketAddr, path::Path};

use bytes::Bytes;
use futures_util::FutureExt;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use knoop::{
    model::consent::Label,
    service::backup,
    store::{
        DocumentState, NewDocument, SqliteSettings, Store, StoreSettings,
        documents::{
            BlobId, DocumentError, DocumentSettings, DocumentStore, Extent, Received, S3Settings, SweepTimes, Swept,
            sweep,
        },
    },
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tokio::net::TcpListener;

const MIB: usize = 1 << 20;
/// Far enough from the times of the objects that a test makes.
const LATER: i64 = 4_000_000_000_000;

struct Bucket {
    documents: DocumentStore,
    folder: tempfile::TempDir,
}

async fn serve(root: &Path) -> SocketAddr {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single("test", "testsecret"));
    let (service, listener) = (builder.build(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                // A client that goes away is no concern of the test.
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

impl Bucket {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("docs")).unwrap();
        let address = serve(folder.path()).await;
        let settings = S3Settings {
            endpoint: Some(format!("http://{address}")),
            region: "eu-west-1".to_owned(),
            bucket: "docs".to_owned(),
            access_key: Some("test".to_owned()),
            secret_key: Some("testsecret".to_owned().into()),
            allow_http: true,
        };
        Self { documents: DocumentStore::open(&DocumentSettings::S3(settings)).unwrap(), folder }
    }

    async fn receive(&self, content: &[u8]) -> Received {
        let mut incoming = self.documents.receive().unwrap();
        for part in content.chunks(32_768) {
            incoming.write(Bytes::copy_from_slice(part)).await.unwrap();
        }
        incoming.finish().await.unwrap()
    }

    async fn store(&self) -> Store {
        let settings = StoreSettings::Sqlite(SqliteSettings::new(self.folder.path().join("knoop.db")));
        let store = Store::open(&settings).await.unwrap();
        store.migrate().await.unwrap();
        store
    }
}

async fn read(documents: &DocumentStore, blob: BlobId, size: u64) -> Result<Vec<u8>, DocumentError> {
    let mut reader = documents.read(blob, size).await?;
    let mut bytes = Vec::new();
    while let Some(block) = reader.next().await {
        bytes.extend_from_slice(&block?);
    }
    Ok(bytes)
}

fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

#[tokio::test]
async fn r_41_10_octets_of_every_size_come_back_unchanged_with_their_checksums() {
    let bucket = Bucket::new().await;
    let mut documents = Vec::new();
    for size in [0, 1, 65_537, MIB, 5 * MIB, 5 * MIB + 1, 17 * MIB + 3] {
        let content = sample(size);
        let document = bucket.receive(&content).await;
        assert_eq!(document.size_bytes, size as u64);
        assert_eq!(document.sha1.as_bytes()[..], openssl::sha::sha1(&content)[..], "{size} octets");
        assert_eq!(document.sha256, openssl::sha::sha256(&content), "{size} octets");
        documents.push(document);
    }
    let stored: Vec<_> = documents.iter().map(|document| (document.blob_id, document.size_bytes)).collect();
    for (blob, size) in &stored {
        let early = read(&bucket.documents, *blob, *size).await;
        assert!(matches!(early, Err(DocumentError::Missing)), "not placed yet: {early:?}");
    }
    bucket.documents.place(documents).await.unwrap();
    for (blob, size) in stored {
        assert_eq!(read(&bucket.documents, blob, size).await.unwrap(), sample(size as usize), "{size} octets");
        let wrong = read(&bucket.documents, blob, size + 1).await;
        assert!(matches!(wrong, Err(DocumentError::WrongSize { found, .. }) if found == size));
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_without_its_address() {
    let settings = S3Settings {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        region: "eu-west-1".to_owned(),
        bucket: "docs".to_owned(),
        access_key: Some("test".to_owned()),
        secret_key: Some("wrong".to_owned().into()),
        allow_http: true,
    };
    let documents = DocumentStore::open(&DocumentSettings::S3(settings)).unwrap();
    let error = documents.read(BlobId::from_bytes([0; 16]), 1).await.unwrap_err();
    assert_eq!(error.to_string(), "the object store failed");
}

async fn keep(bucket: &Bucket, store: &Store, unique_id: &str, content: &[u8]) -> BlobId {
    let received = bucket.receive(content).await;
    let blob = received.blob_id;
    let document = NewDocument {
        unique_id: unique_id.parse().unwrap(),
        blob_id: blob,
        size_bytes: received.size_bytes,
        sha1: received.sha1,
        sha256: received.sha256,
        crc32: received.crc32,
        mime_type: "text/plain".parse().unwrap(),
        patient_key: 1,
        entry_uuid: None,
        owner_org_key: 1,
        source_node_key: 1,
        label: Label::default(),
    };
    store.write(move |tx| async move { tx.pend_blobs(&[blob], 10).await }.boxed()).await.unwrap();
    bucket.documents.place(vec![received]).await.unwrap();
    let keep = store.write(move |tx| {
        let document = document.clone();
        async move { tx.keep_documents(&[document], DocumentState::Confirmed, 1).await }.boxed()
    });
    keep.await.unwrap();
    blob
}

#[tokio::test]
async fn the_sweep_removes_what_expired_and_sets_aside_what_nobody_knows() {
    let bucket = Bucket::new().await;
    let store = bucket.store().await;
    let kept = keep(&bucket, &store, "1.1", b"kept").await;
    let (expired, unknown) = (bucket.receive(b"expired").await, bucket.receive(b"unknown").await);
    let (expired_blob, unknown_blob) = (expired.blob_id, unknown.blob_id);
    store.write(move |tx| async move { tx.pend_blobs(&[expired_blob], 10).await }.boxed()).await.unwrap();
    bucket.documents.place(vec![expired, unknown]).await.unwrap();
    let times = SweepTimes::default();
    let swept = sweep(&store, &bucket.documents, LATER, times, Extent::EveryFile).await.unwrap();
    assert_eq!(swept, Swept { expired: 1, quarantined: 1, ..Swept::default() });
    assert_eq!(read(&bucket.documents, kept, 4).await.unwrap(), b"kept");
    for blob in [expired_blob, unknown_blob] {
        assert!(matches!(read(&bucket.documents, blob, 7).await, Err(DocumentError::Missing)));
    }
    let later = LATER + times.quarantine_ms + 1;
    let swept = sweep(&store, &bucket.documents, later, times, Extent::EveryFile).await.unwrap();
    assert_eq!(swept, Swept { discarded: 1, ..Swept::default() });
    store.close().await;
}

#[tokio::test]
async fn a_bucket_is_backed_up_into_files_and_restored_into_a_bucket() {
    let (bucket, other) = (Bucket::new().await, Bucket::new().await);
    let store = bucket.store().await;
    let small = keep(&bucket, &store, "1.1", b"small").await;
    let large = keep(&bucket, &store, "1.2", &sample(7 * MIB)).await;
    let to = bucket.folder.path().join("backup");
    let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    let made = backup::back_up(&store, &bucket.documents, &to, now, &|_| ()).await.unwrap();
    assert_eq!((made.documents, made.damaged.len()), (2, 0));
    let target = backup::RestoreTo::Sqlite(other.folder.path().join("restored.db"));
    backup::restore(&to, &target, &other.documents, &|_| ()).await.unwrap();
    assert_eq!(read(&other.documents, small, 5).await.unwrap(), b"small");
    assert_eq!(read(&other.documents, large, 7 * MIB as u64).await.unwrap(), sample(7 * MIB));
    store.close().await;
}
