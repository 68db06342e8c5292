//! Bodies of requests: an envelope, or a package whose documents stream from memory or files.

use std::{io, path::PathBuf, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// Octets read from a file at a time.
const READ_BYTES: usize = 256 * 1024;

/// Told the number of octets that went out or came in since it was told last.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Where the octets of a document come from.
#[derive(Clone, Debug)]
pub enum DocumentSource {
    /// Memory.
    Bytes(Bytes),
    /// A file of this size.
    File {
        /// Its path.
        path: PathBuf,
        /// Its size, as announced to the peer.
        size_bytes: u64,
    },
}

impl DocumentSource {
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size_bytes, .. } => *size_bytes,
        }
    }
}

/// A document to be sent.
#[derive(Clone, Debug)]
pub struct OutgoingDocument {
    /// The id of its entry.
    pub id: String,
    /// mimeType of its part.
    pub mime_type: String,
    /// Its octets.
    pub source: DocumentSource,
}

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// These pieces one after the other, and how many octets they are.
pub(super) fn body(pieces: Vec<DocumentSource>, progress: Progress) -> (Body, u64) {
    let length = pieces.iter().map(DocumentSource::size_bytes).sum();
    let stream = stream::iter(pieces).map(octets).flatten().map_ok(move |bytes| {
        progress(bytes.len() as u64);
        Frame::data(bytes)
    });
    (StreamBody::new(stream).boxed_unsync(), length)
}

type Octets = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

fn octets(piece: DocumentSource) -> Octets {
    match piece {
        DocumentSource::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
        DocumentSource::File { path, size_bytes } => {
            let opened = async move {
                let file = tokio::fs::File::open(path).await?;
                Ok::<_, io::Error>(ReaderStream::with_capacity(file.take(size_bytes), READ_BYTES))
            };
            stream::once(opened).try_flatten().boxed()
        }
    }
}
