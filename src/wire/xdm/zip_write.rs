//! A package as a zip file: what is packed already is stored, text is deflated, zip64 only where it must be.
//!
//! Written to something that can seek, so that sizes and CRC stand before the octets of each file and readers of streams
//! find the end of what is stored. The same calls give the same octets.
//!
//! Source: PKWARE APPNOTE; spec xdm §10 (Pack).

use std::io::{self, Seek, Write};

use flate2::{Compression, write::DeflateEncoder};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::names::{DICOM_MEDIA_TYPE, NotIso9660, bare_media_type, check_iso_9660};

/// Octets of a file of unknown kind that are tried before it is stored or deflated.
const PROBE_BYTES: usize = 64 * 1024;
/// A file that shrinks by less than this share of a hundred is stored.
const WORTHWHILE_PERCENT: usize = 5;
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
    probed: Option<Probed>,
}

struct Probed {
    path: String,
    size_bytes: u64,
    time: DateTime,
    head: Vec<u8>,
}

impl<W: Write + Seek> ZipPackage<W> {
    /// An empty package.
    pub fn new(out: W) -> Self {
        Self { zip: ZipWriter::new(out), probed: None }
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
        match packing {
            Packing::Stored => self.start(path, CompressionMethod::Stored, size_bytes, time),
            Packing::Deflated => self.start(path, CompressionMethod::Deflated, size_bytes, time),
            Packing::Probed => {
                self.probed = Some(Probed { path: path.to_owned(), size_bytes, time, head: Vec::new() });
                Ok(())
            }
        }
    }

    /// Writes octets of the file that was begun.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), ZipError> {
        match &mut self.probed {
            Some(probed) if probed.head.len() < PROBE_BYTES => {
                probed.head.extend_from_slice(octets);
                if probed.head.len() >= PROBE_BYTES { self.settle() } else { Ok(()) }
            }
            _ => Ok(self.zip.write_all(octets)?),
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
        let Some(Probed { path, size_bytes, time, head }) = self.probed.take() else { return Ok(()) };
        let method = if shrinks(&head)? { CompressionMethod::Deflated } else { CompressionMethod::Stored };
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
        let level = match method {
            CompressionMethod::Deflated if size_bytes >= FAST_FROM_BYTES => Some(1),
            CompressionMethod::Deflated => Some(6),
            _ => None,
        };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(level)
            .large_file(size_bytes >= ZIP64_FROM_BYTES)
            .last_modified_time(time)
            .unix_permissions(0o644);
        Ok(self.zip.start_file(path, options)?)
    }
}

fn shrinks(head: &[u8]) -> io::Result<bool> {
    let head = head.get(..PROBE_BYTES).unwrap_or(head);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(head)?;
    Ok(encoder.finish()?.len() * 100 <= head.len() * (100 - WORTHWHILE_PERCENT))
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
    use std::io::{Cursor, Read};

    use zip::ZipArchive;

    use super::*;

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
