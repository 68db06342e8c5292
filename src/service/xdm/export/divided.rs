//! Documents of several parts, taken apart before the package is written: METADATA.XML says hash and size of the start part,
//! and each part is a file of its own.
//!
//! The parts of all documents lie in one temporary file until the package is made: however many there are, one file is open.
//!
//! Source: spec xdm R-32-05, R-32-52.

use std::{
    fs::File,
    io::{self, Read, Write},
    sync::Arc,
};

use openssl::sha::Sha1;

use super::{
    ExportError, Room,
    draft::Wanted,
    metadata::slot,
    origin::{Blocks, Origin},
};
use crate::{
    model::{RequestContext, Sha1Hash, rim::RegistryObject, vocabulary as v},
    wire::xdm::{
        multipart::{PartHead, Piece, RootPart, Splitter},
        names::{DICOM_MEDIA_TYPE, bare_media_type},
    },
};

/// A document taken apart.
pub(super) struct Divided {
    pub(super) parts: Vec<DividedPart>,
    /// The place of the start part among them.
    pub(super) start: usize,
}

impl Divided {
    /// Whether a part is a DICOM object.
    pub(super) fn has_dicom(&self) -> bool {
        self.parts.iter().any(|part| bare_media_type(&part.media_type) == DICOM_MEDIA_TYPE)
    }
}

/// One part of it.
pub(super) struct DividedPart {
    pub(super) media_type: String,
    /// Where it says that it lies.
    pub(super) location: Option<String>,
    pub(super) size_bytes: u64,
    pub(super) sha1: Sha1Hash,
    pub(super) octets: Stretch,
}

/// Octets within the temporary file.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    file: Arc<File>,
    at: u64,
    size_bytes: u64,
}

impl Stretch {
    pub(super) fn read(&self) -> impl Read + '_ {
        StretchReader { stretch: self, read: 0 }
    }
}

struct StretchReader<'a> {
    stretch: &'a Stretch,
    read: u64,
}

impl Read for StretchReader<'_> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let left = usize::try_from(self.stretch.size_bytes - self.read).unwrap_or(usize::MAX);
        let wanted = block.len().min(left);
        let count =
            self.stretch.file.read_at(block.get_mut(..wanted).unwrap_or_default(), self.stretch.at + self.read)?;
        self.read += count as u64;
        Ok(count)
    }
}

/// The temporary file of all parts.
pub(super) struct PartsFile {
    /// With the octets that are in it.
    begun: Option<(Arc<File>, u64)>,
    /// Keeps room for it; none where the disk is the limit.
    room: Option<Room>,
}

impl PartsFile {
    /// None yet.
    pub(super) fn new(room: Option<Room>) -> Self {
        Self { begun: None, room }
    }

    /// Reads a document and takes it apart.
    pub(super) async fn divide(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        wanted: &Wanted,
        entry: &RegistryObject,
        media_type: &str,
    ) -> Result<Divided, ExportError> {
        let said_bytes: Option<u64> = slot(entry, v::SLOT_SIZE).parse().ok();
        let begun_bytes = self.begun.as_ref().map_or(0, |(_, end)| *end);
        let whole = begun_bytes.saturating_add(said_bytes.unwrap_or_default());
        if let Some(room) = &self.room
            && !room.keep(whole).await?
        {
            return Err(ExportError::Full);
        }
        let source = origin.retrieve(ctx, &[wanted]).await?.pop();
        let source = source.ok_or_else(|| ExportError::Missing(wanted.unique_id.to_string()))?;
        let (file, end) = match self.begun.take() {
            Some(begun) => begun,
            None => (Arc::new(tempfile::tempfile()?), 0),
        };
        let dividing = Dividing {
            splitter: Splitter::new(media_type),
            file,
            end,
            parts: Vec::new(),
            current: None,
            whole: (Sha1::new(), 0),
            unique_id: wanted.unique_id.clone(),
        };
        let divided = source.read_to(dividing).await?;
        let said = (said_bytes, slot(entry, v::SLOT_HASH).parse().ok());
        if said != (Some(divided.whole.1), Some(Sha1Hash::from_bytes(divided.whole.0.finish()))) {
            return Err(ExportError::SourceCorrupt(wanted.unique_id.to_string()));
        }
        self.begun = Some((divided.file, divided.end));
        let judged = |wish| divided.parts.iter().position(|(_, is_start)| *is_start == wish);
        let start = judged(RootPart::Yes).or_else(|| judged(RootPart::Perhaps)).unwrap_or_default();
        Ok(Divided { start, parts: divided.parts.into_iter().map(|(part, _)| part).collect() })
    }
}

/// A document on its way into its parts.
struct Dividing {
    splitter: Splitter,
    file: Arc<File>,
    end: u64,
    parts: Vec<(DividedPart, RootPart)>,
    current: Option<(PartHead, Sha1, u64)>,
    whole: (Sha1, u64),
    unique_id: Arc<str>,
}

impl Blocks for Dividing {
    type End = Self;

    fn block(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        self.whole.0.update(octets);
        self.whole.1 += octets.len() as u64;
        self.splitter.push(octets);
        self.pieces()
    }

    fn finish(mut self) -> Result<Self, ExportError> {
        self.splitter.finish();
        self.pieces()?;
        Ok(self)
    }
}

impl Dividing {
    fn pieces(&mut self) -> Result<(), ExportError> {
        loop {
            let piece = self.splitter.next();
            match piece.map_err(|error| ExportError::Multipart(self.unique_id.to_string(), error))? {
                Piece::NeedMore | Piece::Done => return Ok(()),
                Piece::Begin(head) => self.current = Some((head, Sha1::new(), self.end)),
                Piece::Data(octets) => {
                    if let Some((_, sha1, _)) = &mut self.current {
                        sha1.update(&octets);
                    }
                    // Parts are written one behind the other; nobody reads before all are.
                    (&*self.file).write_all(&octets)?;
                    self.end += octets.len() as u64;
                }
                Piece::End => {
                    let Some((head, sha1, at)) = self.current.take() else { continue };
                    let size_bytes = self.end - at;
                    let part = DividedPart {
                        media_type: head.media_type,
                        location: head.location,
                        size_bytes,
                        sha1: Sha1Hash::from_bytes(sha1.finish()),
                        octets: Stretch { file: Arc::clone(&self.file), at, size_bytes },
                    };
                    self.parts.push((part, head.is_start));
                }
            }
        }
    }
}
