//! A package as a zip file: what is packed already is stored, text is deflated, zip64 only where it must be.
//!
//! Written to something that can seek, so that sizes and CRC stand before the octets of each file and readers of streams
//! find the end of what is stored. The same calls give the same octets. What would pack so well that an importer takes it for
//! a bomb is stored.
//!
//! Source: PKWARE APPNOTE; spec xdm §10 (Pack), H-09.

mod ratio;

use std::io::{self, Seek, Write};

use flate2::{Compression, write::DeflateEncoder};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use ratio::Ratio;

use super::names::{DICOM_MEDIA_TYPE, NotIso9660, bare_media_type, check_iso_9660};

/// Octets of a file of unknown kind that are tried before it is stored or deflated.
const PROBE_BYTES: usize = 64 * 1024;
/// Octets that are tried of a file that might be taken for a bomb.
const JUDGED_BYTES: usize = 4 << 20;
/// A file that shrinks by less than this share of a hundred is stored.
const WORTHWHILE_PERCENT: u64 = 5;
/// From here on speed counts more than size.
const FAST_FROM_BYTES: u64 = 256 << 20;
/// From here on an entry is zip64. Deflate may make a file longer, by less than the difference to 4 GiB.
const ZIP64_FROM_BYTES: u64 = 0xFF00_0000;

/// How the octets of a kind of file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As they are.
    Stored,
    /// Deflated.
    Deflated,
    /// As the first octets show.
    Probed,
}

impl Packing {
    /// The packing of this media type; DICOM is stored whatever its transfer syntax (design section 9).
    pub fn of(media_type: &str) -> Self {
        let bare = bare_media_type(media_type);
        let is_packed = ["image/", "video/", "audio/"].iter().any(|prefix| bare.starts_with(prefix));
        match bare.as_str() {
            "image/tiff" | "image/bmp" | "image/svg+xml" => Self::Probed,
            DICOM_MEDIA_TYPE | "application/pdf" | "application/zip" | "application/gzip" => Self::Stored,
            _ if is_packed => Self::Stored,
            "application/xml" | "application/json" | "application/rtf" => Self::Deflated,
            _ if bare.starts_with("text/") || bare.ends_with("+xml") || bare.ends_with("+json") => Self::Deflated,
            _ => Self::Probed,
        }
    }
}

/// Why a zip file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// A name of ours is wrong.
    #[error(transparent)]
    Name(#[from] NotIso9660),
    /// The file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The writer refused.
    #[error("the zip file cannot be written: {0}")]
    Zip(#[from] zip::result::ZipError),
}

/// A zip file that is being written.
pub struct ZipPackage<W: Write + Seek> {
    zip: ZipWriter<W>,
    /// The file that waits for its first octets.
    waiting: Option<Waiting>,
    ratio: Ratio,
}

struct Waiting {
    path: String,
    packing: Packing,
    size_bytes: u64,
    time: DateTime,
    head: Vec<u8>,
    /// Octets that it waits for.
    tried_bytes: usize,
}

impl<W: Write + Seek> ZipPackage<W> {
    /// An empty package.
    pub fn new(out: W) -> Self {
        Self { zip: ZipWriter::new(out), waiting: None, ratio: Ratio::default() }
    }

    /// A directory; its parents stand before it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn directory(&mut self, path: &str, dtm: &str) -> Result<(), ZipError> {
        self.settle()?;
        check_iso_9660(path)?;
        let options = SimpleFileOptions::default().last_modified_time(dos_time(dtm)).unix_permissions(0o755);
        Ok(self.zip.add_directory(path, options)?)
    }

    /// Begins a file of so many octets, changed at `dtm`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&mut self, path: &str, packing: Packing, size_bytes: u64, dtm: &str) -> Result<(), ZipError> {
        self.settle()?;
        check_iso_9660(path)?;
        let time = dos_time(dtm);
        let packed_bytes = ratio::packed_at_least(size_bytes);
        let is_no_bomb = self.ratio.allows(size_bytes, packed_bytes);
        match packing {
            Packing::Stored => {
                self.ratio.add(size_bytes, size_bytes);
                self.start(path, CompressionMethod::Stored, size_bytes, time)
            }
            Packing::Deflated if is_no_bomb => {
                self.ratio.add(size_bytes, packed_bytes);
                self.start(path, CompressionMethod::Deflated, size_bytes, time)
            }
            Packing::Deflated | Packing::Probed => {
                let tried_bytes = if is_no_bomb { PROBE_BYTES } else { JUDGED_BYTES };
                let (path, head) = (path.to_owned(), Vec::new());
                self.waiting = Some(Waiting { path, packing, size_bytes, time, head, tried_bytes });
                Ok(())
            }
        }
    }

    /// Writes octets of the file that was begun.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), ZipError> {
        match &mut self.waiting {
            Some(waiting) => {
                waiting.head.extend_from_slice(octets);
                if waiting.head.len() >= waiting.tried_bytes { self.settle() } else { Ok(()) }
            }
            None => Ok(self.zip.write_all(octets)?),
        }
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, ZipError> {
        self.settle()?;
        Ok(self.zip.finish()?)
    }

    /// Decides about the file that waits, and writes its first octets.
    fn settle(&mut self) -> Result<(), ZipError> {
        let Some(Waiting { path, packing, size_bytes, time, head, tried_bytes }) = self.waiting.take() else {
            return Ok(());
        };
        let tried = head.get(..tried_bytes).unwrap_or(&head);
        let tried_bytes = tried.len() as u64;
        let shrunk_bytes = deflated_bytes(tried, level_of(size_bytes))?;
        let packed_bytes = shrunk_bytes + ratio::packed_at_least(size_bytes.saturating_sub(tried_bytes));
        let is_worthwhile = shrunk_bytes * 100 <= tried_bytes * (100 - WORTHWHILE_PERCENT);
        let is_deflated =
            (packing == Packing::Deflated || is_worthwhile) && self.ratio.allows(size_bytes, packed_bytes);
        let (method, packed_bytes) = match is_deflated {
            true => (CompressionMethod::Deflated, packed_bytes),
            false => (CompressionMethod::Stored, size_bytes),
        };
        self.ratio.add(size_bytes, packed_bytes);
        self.start(&path, method, size_bytes, time)?;
        Ok(self.zip.write_all(&head)?)
    }

    fn start(
        &mut self,
        path: &str,
        method: CompressionMethod,
        size_bytes: u64,
        time: DateTime,
    ) -> Result<(), ZipError> {
        let level = (method == CompressionMethod::Deflated).then(|| level_of(size_bytes).into());
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(level)
            .large_file(size_bytes >= ZIP64_FROM_BYTES)
            .last_modified_time(time)
            .unix_permissions(0o644);
        Ok(self.zip.start_file(path, options)?)
    }
}

/// How hard a file is deflated.
fn level_of(size_bytes: u64) -> u8 {
    if size_bytes >= FAST_FROM_BYTES { 1 } else { 6 }
}

/// Octets that these are deflated to.
fn deflated_bytes(octets: &[u8], level: u8) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::new(level.into()));
    encoder.write_all(octets)?;
    encoder.try_finish()?;
    Ok(encoder.total_out())
}

/// A DTM as the time of a file; zip files know no time before 1980.
fn dos_time(dtm: &str) -> DateTime {
    let number = |from: usize, to: usize| dtm.get(from..to).and_then(|digits| digits.parse::<u8>().ok());
    let year = dtm.get(..4).and_then(|digits| digits.parse::<u16>().ok()).unwrap_or_default();
    let (month, day) = (number(4, 6).unwrap_or(1), number(6, 8).unwrap_or(1));
    let time = [number(8, 10), number(10, 12), number(12, 14)].map(Option::unwrap_or_default);
    DateTime::from_date_and_time(year, month, day, time[0], time[1], time[2]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Cursor, Read},
        sync::Arc,
    };

    use zip::ZipArchive;

    use super::*;
    use crate::{model::xdm::PackageLimits, wire::xdm::archive::read_table};

    fn packed(files: &[(&str, Packing, &[u8])]) -> Vec<u8> {
        let mut package = ZipPackage::new(Cursor::new(Vec::new()));
        package.directory("IHE_XDM", "20260314").unwrap();
        for (path, packing, octets) in files {
            package.begin(path, *packing, octets.len() as u64, "20260314091500").unwrap();
            for block in octets.chunks(1000) {
                package.write(block).unwrap();
            }
        }
        package.finish().unwrap().into_inner()
    }

    /// Octets that do not shrink.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn what_is_packed_is_stored_and_the_rest_is_deflated() {
        let (text, noise) = (vec![b'a'; 200_000], noise(200_000));
        let files: [(&str, Packing, &[u8]); 6] = [
            ("A.XML", Packing::of("text/xml"), &text),
            ("B", Packing::of(DICOM_MEDIA_TYPE), &text),
            ("C.BIN", Packing::of("application/x-unknown"), &text),
            ("D.BIN", Packing::of("application/x-unknown"), &noise),
            ("E.BIN", Packing::of("application/x-unknown"), b"short"),
            ("F.TXT", Packing::of("text/plain"), b""),
        ];
        let octets = packed(&files);
        assert_eq!(octets, packed(&files), "the same calls give the same octets");
        let mut archive = ZipArchive::new(Cursor::new(octets)).unwrap();
        use CompressionMethod::{Deflated, Stored};
        for ((path, _, content), method) in files.iter().zip([Deflated, Stored, Deflated, Stored, Stored, Deflated]) {
            let mut entry = archive.by_name(path).unwrap();
            assert_eq!((entry.compression(), entry.unix_mode()), (method, Some(0o100_644)), "{path}");
            let mut read = Vec::new();
            entry.read_to_end(&mut read).unwrap();
            assert!(read == *content, "{path}");
        }
        assert!(archive.by_name("IHE_XDM/").unwrap().is_dir());
    }

    /// The methods of all files, in a package that an importer takes.
    fn taken(files: &[(&str, Packing, &[u8])]) -> Vec<CompressionMethod> {
        let octets = packed(files);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&octets).unwrap();
        read_table(&Arc::new(file), &PackageLimits::default()).expect("it is no bomb");
        let mut archive = ZipArchive::new(Cursor::new(octets)).unwrap();
        files.iter().map(|(path, ..)| archive.by_name(path).unwrap().compression()).collect()
    }

    #[test]
    fn h_09_what_is_packed_is_no_bomb() {
        use CompressionMethod::{Deflated, Stored};
        const MEBI: usize = 1 << 20;
        let (blank, noise) = (vec![0; 12 * MEBI], noise(MEBI));
        // Of every hundred octets, fifteen are noise.
        let text: Vec<u8> = noise.chunks(15).flat_map(|some| [some, &[0; 85]].concat()).collect();
        let of_kind = |kind| ["A", "B", "C", "D", "E", "F"].map(|path| (path, Packing::of(kind)));
        for kind in ["text/plain", "image/bmp"] {
            let files = |contents: &[&[u8]]| -> Vec<CompressionMethod> {
                let files = of_kind(kind).into_iter().zip(contents);
                taken(&files.map(|((path, packing), octets)| (path, packing, *octets)).collect::<Vec<_>>())
            };
            assert_eq!(files(&[&blank]), [Stored]);
            assert_eq!(files(&[&text, &text]), [Deflated, Deflated]);
            // The beginning does not tell how well the rest packs.
            assert_eq!(files(&[&[&text[..MEBI / 8], &blank].concat()]), [Stored]);
            // Each is small enough, and all are not.
            assert_eq!(files(&[&blank[..4 * MEBI]; 5]), [Stored, Deflated, Deflated, Deflated, Deflated]);
            assert_eq!(files(&[&blank[..MEBI / 2]; 2]), [Deflated, Deflated]);
        }
        // Much that is stored makes no bomb of one file.
        let stored = ("N", Packing::Stored, noise.as_slice());
        assert_eq!(taken(&[stored, ("B", Packing::Deflated, &blank)]), [Stored, Stored]);
        assert_eq!(taken(&[stored, ("B", Packing::Deflated, &blank[..9 * MEBI])]), [Stored, Deflated]);
    }

    #[test]
    fn sizes_stand_before_the_octets_of_what_is_stored() {
        let octets = packed(&[("A", Packing::Stored, b"0123456789")]);
        let local = memchr::memmem::rfind(&octets, b"PK\x03\x04").unwrap();
        let header = &octets[local..local + 30];
        assert_eq!(header[6] & 0b1000, 0, "no data descriptor");
        assert_eq!(header[18..22], 10_u32.to_le_bytes());
        assert_eq!(header[22..26], 10_u32.to_le_bytes());
        assert_eq!(header[14..18], crc32fast::hash(b"0123456789").to_le_bytes());
    }

    #[test]
    fn r_32_08_a_name_that_is_none_is_refused() {
        let mut package = ZipPackage::new(Cursor::new(Vec::new()));
        assert!(matches!(package.begin("lower.txt", Packing::Stored, 0, ""), Err(ZipError::Name(NotIso9660))));
        assert!(matches!(package.directory("../UP", ""), Err(ZipError::Name(NotIso9660))));
    }

    #[test]
    fn times_before_1980_are_the_first_that_there_is() {
        assert_eq!(dos_time("19700101"), DateTime::default());
        let time = dos_time("202603140915");
        assert_eq!((time.year(), time.month(), time.day(), time.hour(), time.minute()), (2026, 3, 14, 9, 15));
        assert_eq!(dos_time("2026").month(), 1);
    }
}
