//! The octets of one entry, unpacked as they are read and never more than declared.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use flate2::bufread::DeflateDecoder;

use super::table::Place;

/// Packed octets that are read at a time.
const PACKED_BLOCK_BYTES: usize = 64 << 10;

/// Why an entry cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// More octets than declared (H-12).
    #[error("more octets than declared")]
    SizeLie,
    /// Fewer octets than declared, or none that Deflate could have made (H-22).
    #[error("the octets are damaged")]
    Damaged,
    /// The medium.
    #[error("the package cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The octets of one entry.
#[derive(Debug)]
pub struct Content {
    octets: Octets,
    /// Octets that are still to come.
    left: u64,
}

#[derive(Debug)]
enum Octets {
    Stored(Section),
    Deflated(Box<DeflateDecoder<BufReader<Section>>>),
    File(File),
}

impl Content {
    pub(super) fn of_archive(file: &Arc<File>, place: Place, size_bytes: u64) -> Result<Self, ContentError> {
        let section = Section::new(Arc::clone(file), place.offset, place.packed_bytes);
        let octets = if place.deflated {
            let packed = BufReader::with_capacity(PACKED_BLOCK_BYTES, section);
            Octets::Deflated(Box::new(DeflateDecoder::new(packed)))
        } else {
            Octets::Stored(section)
        };
        Ok(Self { octets, left: size_bytes })
    }

    pub(super) fn of_file(file: File, size_bytes: u64) -> Self {
        Self { octets: Octets::File(file), left: size_bytes }
    }

    /// Reads the next octets; 0 at the end, where exactly the declared number was read.
    ///
    /// # Errors
    /// [`ContentError`]; the octets so far are worth nothing then.
    pub fn read(&mut self, block: &mut [u8]) -> Result<usize, ContentError> {
        if self.left == 0 {
            return if self.read_on(&mut [0])? == 0 { Ok(0) } else { Err(ContentError::SizeLie) };
        }
        let wanted = usize::try_from(self.left).map_or(block.len(), |left| left.min(block.len()));
        let read = self.read_on(block.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 && wanted > 0 {
            return Err(ContentError::Damaged);
        }
        self.left -= read as u64;
        Ok(read)
    }

    fn read_on(&mut self, block: &mut [u8]) -> Result<usize, ContentError> {
        loop {
            let read = match &mut self.octets {
                Octets::Stored(section) => section.read(block),
                Octets::Deflated(decoder) => decoder.read(block),
                Octets::File(file) => file.read(block),
            };
            match read {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What zlib says of broken data and of data that end too early.
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                    return Err(ContentError::Damaged);
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(ContentError::Damaged),
                Err(error) => return Err(ContentError::Io(error)),
            }
        }
    }
}

/// A part of a file, read without moving the file's own position.
#[derive(Debug)]
pub(in crate::wire::xdm) struct Section {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Section {
    pub(in crate::wire::xdm) fn new(file: Arc<File>, offset: u64, bytes: u64) -> Self {
        Self { file, offset, left: bytes }
    }
}

impl Read for Section {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(block.len(), |left| left.min(block.len()));
        let read = self.file.read_at(block.get_mut(..wanted).unwrap_or_default(), self.offset)?;
        self.offset += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
