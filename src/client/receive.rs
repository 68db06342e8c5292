//! Answers as they arrive: the root part into memory, documents to files, hashed on the way.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use openssl::sha::Sha1;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{Answer, ClientError, Progress, call::innermost};
use crate::{
    model::Sha1Hash,
    wire::{
        mime::{ContentType, MimeLimits, Part, PartHeaders, Scanner},
        mtom::{RootPart, Start, XOP_MEDIA_TYPE},
    },
};

/// Largest root part that is taken (S-IN-03).
const ROOT_BYTES: usize = 64 << 20;

/// Where documents go.
#[derive(Clone, Debug)]
pub enum PartsTo {
    /// To temporary files in this directory.
    Directory(PathBuf),
    /// Nowhere; they are counted only.
    Nowhere,
}

/// A document that came as a part of its own.
#[derive(Debug)]
pub struct ReceivedPart {
    /// Its Content-ID without angle brackets.
    pub content_id: Option<Box<str>>,
    /// Octets.
    pub size_bytes: u64,
    /// Hash of the octets, absent when they went nowhere.
    pub hash: Option<Sha1Hash>,
    /// Where they are; the file goes away with this value unless it is persisted.
    pub file: Option<NamedTempFile>,
}

/// Reads a whole answer.
pub(super) async fn answer(
    response: Response<Incoming>,
    parts_to: &PartsTo,
    idle_timeout: Duration,
    progress: &Progress,
) -> Result<Answer, ClientError> {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.and_then(|text| ContentType::parse(text).ok());
    let mut body = Octets { body: response.into_body(), idle_timeout, progress };
    match content_type {
        Some(outer) if outer.essence().starts_with("multipart/") => package(&outer, &mut body, parts_to).await,
        Some(outer) if outer.essence().ends_with("xml") => {
            let mut root = Vec::new();
            while let Some(bytes) = body.next().await? {
                append(&mut root, &bytes)?;
            }
            Ok(Answer { root, charset: outer.charset().map(str::to_owned), parts: Vec::new() })
        }
        _ if status.is_success() => Err(ClientError::Answer("neither SOAP nor a package".to_owned())),
        _ => Err(ClientError::Status(status.as_u16())),
    }
}

struct Octets<'a> {
    body: Incoming,
    idle_timeout: Duration,
    progress: &'a Progress,
}

impl Octets<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = tokio::time::timeout(self.idle_timeout, self.body.frame()).await;
            match frame.map_err(|_| ClientError::Timeout)? {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::Broken(innermost(&error))),
                Some(Ok(frame)) => {
                    // Trailers are of no interest.
                    if let Ok(bytes) = frame.into_data() {
                        (self.progress)(bytes.len() as u64);
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

fn append(root: &mut Vec<u8>, bytes: &[u8]) -> Result<(), ClientError> {
    if root.len() + bytes.len() > ROOT_BYTES {
        return Err(ClientError::Answer(format!("the SOAP part is larger than {ROOT_BYTES} octets")));
    }
    root.extend_from_slice(bytes);
    Ok(())
}

/// What the part that is being read becomes.
enum Target {
    None,
    Root { headers: PartHeaders, certain: bool, octets: Vec<u8> },
    Document(Document),
}

async fn package(outer: &ContentType, body: &mut Octets<'_>, parts_to: &PartsTo) -> Result<Answer, ClientError> {
    let boundary = outer.parameter("boundary").ok_or_else(|| ClientError::Answer("no boundary".to_owned()))?;
    let mut scanner = Scanner::new(boundary, MimeLimits::default())?;
    let start = Start::new(outer);
    let mut target = Target::None;
    let mut root: Option<(bool, Vec<u8>, Option<String>)> = None;
    let mut parts = Vec::new();
    let mut index = 0;
    loop {
        match scanner.next()? {
            Part::NeedMore => match body.next().await? {
                Some(bytes) => scanner.push(&bytes),
                None => scanner.finish(),
            },
            Part::Headers(headers) => {
                let judged = start.judge(index, headers.content_id.as_deref(), headers.essence());
                let wanted = judged == RootPart::Yes
                    || (judged == RootPart::Perhaps && headers.essence() == XOP_MEDIA_TYPE && root.is_none());
                target = if wanted {
                    Target::Root { headers, certain: judged == RootPart::Yes, octets: Vec::new() }
                } else {
                    Target::Document(Document::open(headers.content_id, parts_to).map_err(ClientError::LocalFile)?)
                };
                index += 1;
            }
            Part::Data(bytes) => match &mut target {
                Target::None => {}
                Target::Root { octets, .. } => append(octets, &bytes)?,
                Target::Document(document) => document.write(&bytes).await.map_err(ClientError::LocalFile)?,
            },
            Part::EndOfPart => match std::mem::replace(&mut target, Target::None) {
                Target::None => {}
                Target::Root { headers, certain, octets } => {
                    if certain || root.is_none() {
                        let charset = headers.content_type.as_ref().and_then(ContentType::charset);
                        root = Some((certain, octets, charset.map(str::to_owned)));
                    }
                }
                Target::Document(document) => parts.push(document.finish().await.map_err(ClientError::LocalFile)?),
            },
            Part::Done => break,
        }
    }
    let (_, root, charset) = root.ok_or_else(|| ClientError::Answer("the package has no root part".to_owned()))?;
    Ok(Answer { root, charset, parts })
}

/// The file of a document that is kept.
struct Kept {
    file: NamedTempFile,
    writer: tokio::fs::File,
    hash: Sha1,
}

/// A document on its way.
struct Document {
    content_id: Option<Box<str>>,
    size_bytes: u64,
    kept: Option<Kept>,
}

impl Document {
    fn open(content_id: Option<Box<str>>, parts_to: &PartsTo) -> std::io::Result<Self> {
        let kept = match parts_to {
            PartsTo::Nowhere => None,
            PartsTo::Directory(directory) => {
                let file = tempfile::Builder::new().prefix(".knoop-").tempfile_in(directory)?;
                let writer = tokio::fs::File::from_std(file.reopen()?);
                Some(Kept { file, writer, hash: Sha1::new() })
            }
        };
        Ok(Self { content_id, size_bytes: 0, kept })
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.size_bytes += bytes.len() as u64;
        match &mut self.kept {
            Some(kept) => {
                kept.hash.update(bytes);
                kept.writer.write_all(bytes).await
            }
            None => Ok(()),
        }
    }

    async fn finish(mut self) -> std::io::Result<ReceivedPart> {
        if let Some(kept) = &mut self.kept {
            kept.writer.flush().await?;
        }
        let (file, hash) = self.kept.map(|kept| (kept.file, Sha1Hash::from_bytes(kept.hash.finish()))).unzip();
        Ok(ReceivedPart { content_id: self.content_id, size_bytes: self.size_bytes, hash, file })
    }
}
