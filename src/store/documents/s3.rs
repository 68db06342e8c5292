//! Documents as objects in an S3 bucket.
//!
//! Large documents go up in parts while they arrive and become an object when the upload is completed, which is what
//! placing means here: the service has the bytes safe before it answers that. Keys are `documents/ab/cd/abcd…` and
//! `quarantine/…`.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream::BoxStream};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use secrecy::{ExposeSecret, SecretString};

use super::{BlobId, DocumentError, DocumentReader, Received, incoming::Held, intake::Intake, upkeep::Shard};

/// The smallest part that S3 takes; two of them are in memory for each document that comes in.
const PART_BYTES: usize = 5 << 20;

/// Which bucket, and how to reach it.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Address of the service; absent for the provider's own.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// Access key; absent when the environment of the machine gives one.
    pub access_key: Option<String>,
    /// Secret key.
    pub secret_key: Option<SecretString>,
    /// Whether plain HTTP is allowed.
    pub allow_http: bool,
}

/// Documents as objects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3Store {
    bucket: Arc<AmazonS3>,
    pub(super) intake: Arc<Intake>,
}

impl From<object_store::Error> for DocumentError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Bucket(Box::new(other)),
        }
    }
}

impl S3Store {
    pub(super) fn open(settings: &S3Settings) -> Result<Self, DocumentError> {
        let mut builder = AmazonS3Builder::from_env()
            .with_region(&settings.region)
            .with_bucket_name(&settings.bucket)
            .with_allow_http(settings.allow_http);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(key) = &settings.access_key {
            builder = builder.with_access_key_id(key);
        }
        if let Some(secret) = &settings.secret_key {
            builder = builder.with_secret_access_key(secret.expose_secret());
        }
        Ok(Self { bucket: Arc::new(builder.build()?), intake: Arc::new(Intake::new()) })
    }

    pub(super) fn upload(&self, blob: &BlobId) -> Upload {
        Upload { store: self.clone(), key: key(blob), parts: None }
    }

    pub(super) async fn place(&self, documents: Vec<Received>) -> Result<(), DocumentError> {
        let uploads = documents.into_iter().map(|document| async move {
            match document.held {
                Held::Memory { bytes, .. } => {
                    self.bucket.put(&key(&document.blob_id), bytes.into()).await?;
                    Ok(())
                }
                Held::Upload(upload) => upload.complete().await,
                Held::File(_) => Err(DocumentError::Aborted),
            }
        });
        join_all(uploads).await.into_iter().collect()
    }

    pub(super) async fn read_all(&self, documents: Vec<(BlobId, u64)>) -> Vec<Result<DocumentReader, DocumentError>> {
        let readers = documents.into_iter().map(|(blob, recorded)| async move {
            let key = key(&blob);
            let found = self.bucket.head(&key).await?.size;
            if found != recorded {
                return Err(DocumentError::WrongSize { recorded, found });
            }
            Ok(ObjectReader { size_bytes: found, left: found, store: self.clone(), key, body: None }.into())
        });
        join_all(readers).await
    }

    pub(super) async fn remove(&self, blobs: &[BlobId]) -> Result<(), DocumentError> {
        for blob in blobs {
            gone_is_fine(self.bucket.delete(&key(blob)).await)?;
        }
        Ok(())
    }

    /// The shards that hold something; lists the whole bucket once and keeps two octets for each shard.
    pub(super) async fn shards(&self) -> Result<Vec<[u8; 2]>, DocumentError> {
        let mut shards = HashSet::new();
        let mut objects = self.bucket.list(Some(&Path::from("documents")));
        while let Some(object) = objects.try_next().await? {
            let mut parts = object.location.parts().skip(1).map(|part| u8::from_str_radix(part.as_ref(), 16));
            if let (Some(Ok(first)), Some(Ok(second))) = (parts.next(), parts.next()) {
                shards.insert([first, second]);
            }
        }
        let mut shards: Vec<_> = shards.into_iter().collect();
        shards.sort_unstable();
        Ok(shards)
    }

    pub(super) async fn shard(&self, shard: [u8; 2], before_ms: i64) -> Result<Shard, DocumentError> {
        let mut found = Shard::default();
        let mut objects = self.bucket.list(Some(&folder(shard)));
        while let Some(object) = objects.try_next().await? {
            if is_older(&object, before_ms) {
                let name = object.location.filename().unwrap_or_default();
                match name.parse::<BlobId>() {
                    Ok(blob) if blob.shard() == shard => found.blobs.push(blob),
                    _ => found.strangers.push(name.to_owned()),
                }
            }
        }
        Ok(found)
    }

    pub(super) async fn quarantine(&self, shard: [u8; 2], name: &str, now_ms: i64) -> Result<(), DocumentError> {
        let to = Path::from(format!("quarantine/{now_ms}-{name}"));
        gone_is_fine(self.bucket.rename(&folder(shard).join(name), &to).await)
    }

    pub(super) async fn empty_quarantine(&self, before_ms: i64) -> Result<u64, DocumentError> {
        let mut removed = 0;
        let mut objects = self.bucket.list(Some(&Path::from("quarantine")));
        while let Some(object) = objects.try_next().await? {
            let since = object.location.filename().and_then(|name| name.split('-').next()?.parse::<i64>().ok());
            if since.is_some_and(|since| since < before_ms) {
                gone_is_fine(self.bucket.delete(&object.location).await)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn folder([first, second]: [u8; 2]) -> Path {
    Path::from(format!("documents/{first:02x}/{second:02x}"))
}

fn key(blob: &BlobId) -> Path {
    folder(blob.shard()).join(blob.to_string())
}

fn is_older(object: &ObjectMeta, before_ms: i64) -> bool {
    object.last_modified.timestamp_millis() < before_ms
}

fn gone_is_fine(result: object_store::Result<()>) -> Result<(), DocumentError> {
    match result {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => Ok(other?),
    }
}

/// A document that goes up in parts. Dropping it gives the parts up.
#[derive(Debug)]
pub(super) struct Upload {
    store: S3Store,
    key: Path,
    parts: Option<WriteMultipart>,
}

impl Upload {
    /// Sends a block; waits while the part before is on its way.
    pub(super) async fn put(&mut self, block: Bytes) -> Result<(), DocumentError> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let upload = self.store.bucket.put_multipart(&self.key).await?;
                self.parts.insert(WriteMultipart::new_with_chunk_size(upload, PART_BYTES))
            }
        };
        parts.wait_for_capacity(1).await?;
        parts.put(block);
        Ok(())
    }

    async fn complete(mut self) -> Result<(), DocumentError> {
        match self.parts.take() {
            Some(parts) => {
                parts.finish().await?;
            }
            None => {
                self.store.bucket.put(&self.key, Bytes::new().into()).await?;
            }
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // What cannot be told to the service now ends by the bucket's rule for incomplete uploads.
            runtime.spawn(parts.abort());
        }
    }
}

/// An object that is being read.
pub(super) struct ObjectReader {
    pub(super) size_bytes: u64,
    left: u64,
    store: S3Store,
    key: Path,
    body: Option<BoxStream<'static, object_store::Result<Bytes>>>,
}

impl std::fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectReader").field("left", &self.left).finish_non_exhaustive()
    }
}

impl ObjectReader {
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, DocumentError>> {
        if self.left == 0 {
            return None;
        }
        let block = self.read().await;
        self.left = block.as_ref().map_or(0, |block| self.left.saturating_sub(block.len() as u64));
        Some(block)
    }

    async fn read(&mut self) -> Result<Bytes, DocumentError> {
        let body = match &mut self.body {
            Some(body) => body,
            None => self.body.insert(self.store.bucket.get(&self.key).await?.into_stream()),
        };
        let read = self.size_bytes - self.left;
        match body.next().await.transpose()? {
            Some(block) => Ok(block),
            None => Err(DocumentError::WrongSize { recorded: self.size_bytes, found: read }),
        }
    }
}
