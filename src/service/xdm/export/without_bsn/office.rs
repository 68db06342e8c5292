//! The text of a document that is a zip file of texts: those of word processors and spreadsheets (OOXML, OpenDocument). What
//! else lies in it, such as pictures, a person must look at.
//!
//! It is read when it is whole, from a temporary file, for its table stands at its end.

use std::{
    fs::File,
    io::{self, Write},
};

use super::{Scanner, markup::Text};
use crate::{
    model::xdm::PackageLimits,
    wire::xdm::{ContentError, EntryId, Medium, MediumError},
};

/// How a zip file begins.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";
/// Octets of a document that is unpacked; a larger one is for a person.
const PACKED_BYTES: u64 = 64 << 20;
/// Octets to which it may unpack.
const UNPACKED_BYTES: u64 = 256 << 20;
const ENTRIES: u64 = 10_000;
/// Octets that are unpacked at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// Such a document on its way.
pub(super) struct Office {
    file: File,
    octets: u64,
    scanner: Scanner,
}

impl Office {
    pub(super) fn new(scanner: &Scanner) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, octets: 0, scanner: scanner.another() })
    }

    /// Keeps octets until the document is whole.
    pub(super) fn keep(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets = self.octets.saturating_add(octets.len() as u64);
        if self.octets > PACKED_BYTES { Ok(()) } else { self.file.write_all(octets) }
    }

    /// Reads it: whether a BSN was found, and whether the search says anything.
    pub(super) fn ends(self) -> io::Result<(bool, bool)> {
        if self.octets > PACKED_BYTES {
            return Ok((false, false));
        }
        let limits = PackageLimits { package_bytes: PACKED_BYTES, entries: ENTRIES, ..PackageLimits::default() };
        let medium = match Medium::of_archive(self.file, &limits) {
            Ok(medium) => medium,
            Err(MediumError::Rejected(_)) => return Ok((false, false)),
            Err(MediumError::Io(error)) => return Err(error),
        };
        let (mut found, mut is_read, mut left) = (false, true, UNPACKED_BYTES);
        let files = medium.table().ids().filter(|id| !medium.table().is_directory(*id));
        for id in files {
            let (here, is_text) = member(&medium, id, &self.scanner, &mut left)?;
            found |= here;
            is_read &= is_text;
        }
        Ok((found, is_read))
    }
}

/// Reads one file of it.
fn member(medium: &Medium, id: EntryId, scanner: &Scanner, left: &mut u64) -> io::Result<(bool, bool)> {
    let unread = |error: ContentError| match error {
        ContentError::SizeLie | ContentError::Damaged => Ok((false, false)),
        ContentError::Io(error) => Err(error),
    };
    let mut content = match medium.open(id) {
        Ok(content) => content,
        Err(error) => return unread(error),
    };
    let (mut text, mut block) = (Text::new(scanner), vec![0; BLOCK_BYTES]);
    loop {
        let count = match content.read(&mut block) {
            Ok(0) => return Ok(text.ends()),
            Ok(count) => count,
            Err(error) => return unread(error),
        };
        *left = left.saturating_sub(count as u64);
        if *left == 0 {
            return Ok((false, false));
        }
        if text.finds(block.get(..count).unwrap_or_default()) {
            return Ok((true, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (path, octets) in files {
            zip.start_file(*path, SimpleFileOptions::default()).expect("memory");
            zip.write_all(octets).expect("memory");
        }
        zip.finish().expect("memory").into_inner()
    }

    fn read(octets: &[u8]) -> (bool, bool) {
        let mut office = Office::new(&Scanner::new(&["999900006".to_owned()].into())).expect("room");
        octets.chunks(1000).for_each(|block| office.keep(block).expect("room"));
        office.ends().expect("room")
    }

    #[test]
    fn k_32_a_bsn_in_a_word_processor_file_is_found() {
        let types: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
        for text in [&b"<w:r><w:t>9999</w:t></w:r><w:r><w:t>00006</w:t></w:r>"[..], b"<t>BSN</t><t>999900018</t>"] {
            assert!(read(&zip(&[types, ("word/document.xml", text)])).0);
        }
        let harmless: (&str, &[u8]) = ("word/document.xml", b"<w:t>Een brief</w:t>");
        assert_eq!(read(&zip(&[types, harmless])), (false, true));
        let picture: (&str, &[u8]) = ("word/media/image1.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0d");
        assert_eq!(read(&zip(&[types, harmless, picture])), (false, false), "a picture is for a person");
        let whole = zip(&[types, harmless]);
        assert_eq!(read(&whole[..whole.len() / 2]), (false, false), "so is what is damaged");
    }
}
