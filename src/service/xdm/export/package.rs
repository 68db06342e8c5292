//! The package while it is written: one thread hashes and writes what the task reads, a few blocks behind it.
//!
//! Source: spec xdm §10 (Pack); R-32-51.

mod leftovers;
mod sink;
mod writer;

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use tempfile::{NamedTempFile, SpooledTempFile};
use tokio::{
    sync::mpsc::{self, Sender},
    task::{JoinHandle, spawn_blocking},
};

use super::{
    ExportError, Target,
    divided::Stretch,
    draft::{PlannedDocument, PlannedPart},
    origin::Source,
    without_bsn::{Rewritten, Said, Search},
};
use crate::{model::Sha1Hash, wire::xdm::zip_write::Packing};
pub(super) use sink::Finished;
use sink::Sink;
use writer::Writer;

/// How far a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many octets of documents are to be written.
    Planned {
        /// Octets.
        bytes: u64,
    },
    /// So many were written since it was told last.
    Written {
        /// Octets.
        bytes: u64,
    },
}

/// Is told how far a package is.
pub type Watcher = Arc<dyn Fn(Progress) + Send + Sync>;

/// Blocks, and other steps, that wait for the writer.
const WAITING: usize = 4;

enum Step {
    Directory { path: String, time: String },
    Control { path: String, media_type: &'static str, time: String, octets: Vec<u8> },
    Spooled { path: String, media_type: &'static str, time: String, file: SpooledTempFile },
    Begin(Expected),
    Block(Bytes),
    End,
    Whole(Expected, Whole),
    Dicomdir { time: String },
}

/// A document that the writer reads by itself.
enum Whole {
    Bytes(Vec<u8>),
    File(PathBuf),
    Temporary(NamedTempFile),
    Stretch(Stretch),
}

/// What is said of the document that is written.
struct Expected {
    unique_id: Arc<str>,
    path: Box<str>,
    packing: Packing,
    time: Box<str>,
    size_bytes: u64,
    sha1: Sha1Hash,
    is_dicom: bool,
    said: Said,
    /// At the origin.
    original_id: Arc<str>,
    rewritten: Option<Box<Rewritten>>,
}

/// A package that is being written.
pub(super) struct Package {
    steps: Sender<Step>,
    writer: JoinHandle<Result<(Finished, Written), ExportError>>,
}

/// What the writer has to tell.
#[derive(Default)]
pub(super) struct Written {
    pub(super) dicom_objects: usize,
    pub(super) warnings: Vec<String>,
    /// DICOM objects, whose pictures were not searched for a BSN though there may be none.
    pub(super) pictures: Vec<Arc<str>>,
}

impl Package {
    pub(super) fn create(target: &Target, watcher: Watcher, search: Option<Search>) -> Result<Self, ExportError> {
        let sink = Sink::create(target)?;
        let (steps, received) = mpsc::channel(WAITING);
        let writer = Writer::new(sink, watcher, search);
        Ok(Self { steps, writer: spawn_blocking(move || writer.run(received)) })
    }

    pub(super) async fn directory(&mut self, path: &str, time: &str) -> Result<(), ExportError> {
        self.step(Step::Directory { path: path.to_owned(), time: time.to_owned() }).await
    }

    /// A file of ours that is in memory.
    pub(super) async fn control(
        &mut self,
        path: &str,
        media_type: &'static str,
        time: &str,
        octets: &[u8],
    ) -> Result<(), ExportError> {
        let (path, time, octets) = (path.to_owned(), time.to_owned(), octets.to_vec());
        self.step(Step::Control { path, media_type, time, octets }).await
    }

    /// A file of ours that may be long.
    pub(super) async fn spooled(
        &mut self,
        path: &str,
        media_type: &'static str,
        time: &str,
        file: SpooledTempFile,
    ) -> Result<(), ExportError> {
        let (path, time) = (path.to_owned(), time.to_owned());
        self.step(Step::Spooled { path, media_type, time, file }).await
    }

    /// A document, compared with its hash and size on its way.
    pub(super) async fn document(&mut self, document: &PlannedDocument, source: Source) -> Result<(), ExportError> {
        let expected = Expected {
            unique_id: document.unique_id.clone(),
            path: document.path.clone(),
            packing: document.packing,
            time: document.created.clone(),
            size_bytes: document.size_bytes,
            sha1: document.sha1,
            is_dicom: document.is_dicom,
            said: document.said,
            original_id: document.wanted.unique_id.clone(),
            rewritten: document.rewritten.clone(),
        };
        let whole = match source {
            Source::Reader(mut reader) => {
                self.step(Step::Begin(expected)).await?;
                while let Some(block) = reader.next().await {
                    self.step(Step::Block(block?)).await?;
                }
                return self.step(Step::End).await;
            }
            Source::Bytes(bytes) => Whole::Bytes(bytes),
            Source::File(path) => Whole::File(path),
            Source::Temporary(file) => Whole::Temporary(file),
        };
        self.step(Step::Whole(expected, whole)).await
    }

    /// A part of a document, compared with its hash and size on its way.
    pub(super) async fn part(&mut self, document: &PlannedDocument, part: &PlannedPart) -> Result<(), ExportError> {
        let expected = Expected {
            unique_id: document.unique_id.clone(),
            path: part.path.clone(),
            packing: part.packing,
            time: document.created.clone(),
            size_bytes: part.size_bytes,
            sha1: part.sha1,
            is_dicom: false,
            said: part.said,
            original_id: document.wanted.unique_id.clone(),
            rewritten: None,
        };
        self.step(Step::Whole(expected, Whole::Stretch(part.octets.clone()))).await
    }

    /// The DICOMDIR of all DICOM objects before it.
    pub(super) async fn dicomdir(&mut self, time: &str) -> Result<(), ExportError> {
        self.step(Step::Dicomdir { time: time.to_owned() }).await
    }

    /// Ends it.
    pub(super) async fn finish(self) -> Result<(Finished, Written), ExportError> {
        drop(self.steps);
        self.writer.await.map_err(|_| ExportError::Aborted)?
    }

    /// Hands over a step; when the writer is gone, says why.
    async fn step(&mut self, step: Step) -> Result<(), ExportError> {
        if self.steps.send(step).await.is_ok() {
            return Ok(());
        }
        match (&mut self.writer).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Err(ExportError::Aborted),
        }
    }
}
