//! The thread that hashes, searches and writes what it is handed.

use std::{
    fs::File,
    io::{self, Read},
};

use openssl::sha::Sha1;
use tempfile::SpooledTempFile;
use tokio::sync::mpsc::Receiver;

use super::{Expected, Finished, Progress, Step, Watcher, Whole, Written, sink::Sink};
use crate::{
    model::Sha1Hash,
    service::xdm::export::{
        ExportError,
        without_bsn::{Rewritten, Said, Search},
    },
    wire::xdm::{
        dicom_header::{HEAD_BYTES, HeaderError},
        dicom_patient::PatientRewriter,
        dicomdir::{DicomDir, NotListed},
        names,
        zip_write::Packing,
    },
};

/// Octets that are read from a file at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// The thread that hashes, searches and writes.
pub(super) struct Writer {
    sink: Sink,
    current: Option<Current>,
    dicomdir: DicomDir<SpooledTempFile>,
    written: Written,
    watcher: Watcher,
    search: Option<Search>,
    /// Octets that were given another patient number.
    rewritten: Vec<u8>,
    /// What files are read into.
    read: Vec<u8>,
}

struct Current {
    expected: Expected,
    sha1: Sha1,
    size_bytes: u64,
    /// The first octets of a DICOM object.
    head: Vec<u8>,
    rewriter: Option<PatientRewriter>,
}

impl Writer {
    pub(super) fn new(sink: Sink, watcher: Watcher, search: Option<Search>) -> Self {
        let (dicomdir, written) = (empty_dicomdir(), Written::default());
        Self { sink, current: None, dicomdir, written, watcher, search, rewritten: Vec::new(), read: Vec::new() }
    }

    pub(super) fn run(mut self, mut steps: Receiver<Step>) -> Result<(Finished, Written), ExportError> {
        while let Some(step) = steps.blocking_recv() {
            self.step(step)?;
        }
        // A task that gave up in the middle of a document wants no package.
        if self.current.is_some() {
            return Err(ExportError::Aborted);
        }
        if let Some(search) = self.search.take() {
            self.written.pictures = search.finish()?;
        }
        Ok((self.sink.finish()?, self.written))
    }

    fn step(&mut self, step: Step) -> Result<(), ExportError> {
        match step {
            Step::Directory { path, time } => self.sink.directory(&path, &time),
            Step::Control { path, media_type, time, octets } => {
                self.begin(&path, Packing::of(media_type), octets.len() as u64, &time)?;
                self.put(&octets)?;
                self.file_ends()
            }
            Step::Spooled { path, media_type, time, file } => self.spooled(&path, Packing::of(media_type), &time, file),
            Step::Begin(expected) => self.begin_document(expected),
            Step::Block(octets) => self.block(&octets),
            Step::End => self.end(),
            Step::Whole(expected, whole) => {
                self.begin_document(expected)?;
                match whole {
                    Whole::Bytes(octets) => self.block(&octets)?,
                    Whole::File(path) => self.blocks(&mut File::open(path)?)?,
                    Whole::Stretch(stretch) => self.blocks(&mut stretch.read())?,
                    Whole::Temporary(mut file) => {
                        io::Seek::rewind(&mut file)?;
                        self.blocks(file.as_file_mut())?;
                    }
                }
                self.end()
            }
            Step::Dicomdir { time } => {
                let mut file = SpooledTempFile::new(BLOCK_BYTES);
                std::mem::replace(&mut self.dicomdir, empty_dicomdir()).write(&mut file)?;
                self.spooled(names::DICOMDIR, Packing::Stored, &time, file)
            }
        }
    }

    fn begin(&mut self, path: &str, packing: Packing, size_bytes: u64, time: &str) -> Result<(), ExportError> {
        if let Some(search) = &mut self.search {
            search.file(path);
        }
        self.sink.begin(path, packing, size_bytes, time)
    }

    /// A file of ours that may be long.
    fn spooled(
        &mut self,
        path: &str,
        packing: Packing,
        time: &str,
        mut file: SpooledTempFile,
    ) -> Result<(), ExportError> {
        let length = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        io::Seek::rewind(&mut file)?;
        self.begin(path, packing, length, time)?;
        let mut block = vec![0; BLOCK_BYTES];
        copy(&mut file, &mut block, |octets| self.put(octets))?;
        self.file_ends()
    }

    /// A file of ours ends.
    fn file_ends(&mut self) -> Result<(), ExportError> {
        self.search.as_mut().map_or(Ok(()), |search| search.end(Said::Text))
    }

    fn begin_document(&mut self, expected: Expected) -> Result<(), ExportError> {
        self.begin(&expected.path, expected.packing, expected.size_bytes, &expected.time)?;
        if let Some(search) = &mut self.search {
            search.document(&expected.original_id, expected.said);
        }
        let rewriter = expected.rewritten.as_deref().map(Rewritten::rewriter);
        self.current = Some(Current { expected, sha1: Sha1::new(), size_bytes: 0, head: Vec::new(), rewriter });
        Ok(())
    }

    /// Octets of a document, from where they lie. One buffer serves for all documents: there may be many small ones.
    fn blocks(&mut self, from: &mut impl Read) -> Result<(), ExportError> {
        let mut block = std::mem::take(&mut self.read);
        block.resize(BLOCK_BYTES, 0);
        let done = copy(from, &mut block, |octets| self.block(octets));
        self.read = block;
        done
    }

    /// Writes octets in which no BSN is left.
    fn put(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        if let Some(search) = &mut self.search {
            search.look_at(octets)?;
        }
        self.sink.write(octets)
    }

    fn block(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        let Some(current) = &mut self.current else { return Err(ExportError::Aborted) };
        (self.watcher)(Progress::Written { bytes: octets.len() as u64 });
        let Some(rewriter) = &mut current.rewriter else { return self.content(octets) };
        let mut rewritten = std::mem::take(&mut self.rewritten);
        rewritten.clear();
        let unread = |error: HeaderError| ExportError::BsnUnreadable(current.expected.unique_id.to_string(), error);
        rewriter.write(octets, &mut rewritten).map_err(unread)?;
        let done = self.content(&rewritten);
        self.rewritten = rewritten;
        done
    }

    /// Octets of a document as they stand in the package.
    fn content(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        let Some(current) = &mut self.current else { return Err(ExportError::Aborted) };
        current.sha1.update(octets);
        current.size_bytes += octets.len() as u64;
        // More than was announced is not written.
        if current.size_bytes > current.expected.size_bytes {
            return Err(ExportError::SourceCorrupt(current.expected.unique_id.to_string()));
        }
        if current.expected.is_dicom && current.head.len() < HEAD_BYTES {
            let room = HEAD_BYTES - current.head.len();
            current.head.extend_from_slice(octets.get(..room).unwrap_or(octets));
        }
        self.put(octets)
    }

    fn last_block(&mut self) -> Result<(), ExportError> {
        let Some(current) = &mut self.current else { return Err(ExportError::Aborted) };
        let Some(rewriter) = &mut current.rewriter else { return Ok(()) };
        let mut rewritten = Vec::new();
        let unread = |error: HeaderError| ExportError::BsnUnreadable(current.expected.unique_id.to_string(), error);
        rewriter.finish(&mut rewritten).map_err(unread)?;
        self.content(&rewritten)
    }

    fn end(&mut self) -> Result<(), ExportError> {
        self.last_block()?;
        let Some(Current { expected, sha1, size_bytes, head, .. }) = self.current.take() else {
            return Err(ExportError::Aborted);
        };
        if let Some(search) = &mut self.search {
            search.end(expected.said)?;
        }
        if size_bytes != expected.size_bytes || Sha1Hash::from_bytes(sha1.finish()) != expected.sha1 {
            return Err(ExportError::SourceCorrupt(expected.unique_id.to_string()));
        }
        if expected.is_dicom {
            match self.dicomdir.add(&expected.path, &head) {
                Ok(made_up) => {
                    self.written.dicom_objects += 1;
                    let told = made_up.iter().map(|key| {
                        format!("{}: {key} is missing or empty; the DICOMDIR has a value of ours", expected.path)
                    });
                    self.written.warnings.extend(told);
                }
                Err(NotListed::Kept(error)) => return Err(ExportError::Io(error.into())),
                Err(error) => {
                    self.written.warnings.push(format!("{}: not in the DICOMDIR: {error}", expected.path));
                }
            }
        }
        Ok(())
    }
}

fn empty_dicomdir() -> DicomDir<SpooledTempFile> {
    DicomDir::new(SpooledTempFile::new(BLOCK_BYTES))
}

fn copy(
    from: &mut impl Read,
    block: &mut [u8],
    mut to: impl FnMut(&[u8]) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    loop {
        let count = from.read(block)?;
        match block.get(..count) {
            Some(octets) if !octets.is_empty() => to(octets)?,
            _ => return Ok(()),
        }
    }
}
