//! Archives and DICOM objects made in code, in order or broken at will.

use std::{
    fs::File,
    io::{Seek, Write},
};

use flate2::{Compression, write::DeflateEncoder};

/// An entry of an archive, every field of both headers for a test to change.
#[derive(Clone, Debug)]
pub(crate) struct ZipEntry {
    pub name: Vec<u8>,
    pub local_name: Option<Vec<u8>>,
    pub data: Vec<u8>,
    pub size: u32,
    pub packed_size: Option<u32>,
    pub local_size: Option<u32>,
    pub crc: u32,
    pub local_crc: Option<u32>,
    pub flags: u16,
    pub local_flags: Option<u16>,
    pub method: u16,
    pub local_method: Option<u16>,
    pub made_by: u16,
    pub attributes: u32,
    pub extra: Vec<u8>,
    pub local_extra: Vec<u8>,
    /// Octets after the data: a descriptor.
    pub after: Vec<u8>,
    /// Where the directory says that it lies, instead of where it does.
    pub header_offset: Option<u32>,
}

impl ZipEntry {
    /// A stored entry.
    pub(crate) fn stored(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            data: data.to_vec(),
            size: u32::try_from(data.len()).expect("a small file"),
            packed_size: None,
            local_size: None,
            crc: crc32fast::hash(data),
            local_crc: None,
            flags: 1 << 11,
            local_flags: None,
            method: 0,
            local_method: None,
            made_by: 3 << 8 | 20,
            attributes: 0o100_644 << 16,
            extra: Vec::new(),
            local_extra: Vec::new(),
            after: Vec::new(),
            header_offset: None,
        }
    }

    /// A deflated entry.
    pub(crate) fn deflated(name: &str, data: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).expect("memory");
        Self { data: encoder.finish().expect("memory"), method: 8, ..Self::stored(name, data) }.sized(data)
    }

    fn sized(self, data: &[u8]) -> Self {
        Self { size: u32::try_from(data.len()).expect("a small file"), crc: crc32fast::hash(data), ..self }
    }

    fn packed(&self) -> u32 {
        self.packed_size.unwrap_or(u32::try_from(self.data.len()).expect("a small file"))
    }
}

/// The fields of the end record, where a test wants others.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZipEnd {
    pub prefix: Vec<u8>,
    pub comment: Vec<u8>,
    pub entries: Option<u16>,
    pub directory_offset: Option<u32>,
    pub directory_bytes: Option<u32>,
    pub disk: u16,
    /// Octets between directory and end record: zip64 records.
    pub before_end: Vec<u8>,
}

/// Writes an archive.
pub(crate) fn zip(entries: &[ZipEntry]) -> Vec<u8> {
    zip_with(entries, &ZipEnd::default())
}

/// Writes an archive with an end record of one's own.
pub(crate) fn zip_with(entries: &[ZipEntry], end: &ZipEnd) -> Vec<u8> {
    let mut out = end.prefix.clone();
    let mut offsets = Vec::new();
    for entry in entries {
        offsets.push(u32::try_from(out.len()).expect("a small archive"));
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        out.extend(b"PK\x03\x04");
        out.extend(20_u16.to_le_bytes());
        out.extend(entry.local_flags.unwrap_or(entry.flags).to_le_bytes());
        out.extend(entry.local_method.unwrap_or(entry.method).to_le_bytes());
        out.extend([0; 4]);
        out.extend(entry.local_crc.unwrap_or(entry.crc).to_le_bytes());
        out.extend(entry.local_size.unwrap_or(entry.packed()).to_le_bytes());
        out.extend(entry.local_size.unwrap_or(entry.size).to_le_bytes());
        out.extend(u16::try_from(name.len()).expect("a short name").to_le_bytes());
        out.extend(u16::try_from(entry.local_extra.len()).expect("short").to_le_bytes());
        out.extend(name);
        out.extend(&entry.local_extra);
        out.extend(&entry.data);
        out.extend(&entry.after);
    }
    let directory = out.len();
    for (entry, offset) in entries.iter().zip(offsets) {
        out.extend(b"PK\x01\x02");
        out.extend(entry.made_by.to_le_bytes());
        out.extend(20_u16.to_le_bytes());
        out.extend(entry.flags.to_le_bytes());
        out.extend(entry.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(entry.crc.to_le_bytes());
        out.extend(entry.packed().to_le_bytes());
        out.extend(entry.size.to_le_bytes());
        out.extend(u16::try_from(entry.name.len()).expect("a short name").to_le_bytes());
        out.extend(u16::try_from(entry.extra.len()).expect("short").to_le_bytes());
        out.extend([0; 6]);
        out.extend(entry.attributes.to_le_bytes());
        out.extend(entry.header_offset.unwrap_or(offset).to_le_bytes());
        out.extend(&entry.name);
        out.extend(&entry.extra);
    }
    let bytes = u32::try_from(out.len() - directory).expect("a small archive");
    let count = end.entries.unwrap_or(u16::try_from(entries.len()).unwrap_or(u16::MAX));
    out.extend(&end.before_end);
    out.extend(b"PK\x05\x06");
    out.extend(end.disk.to_le_bytes());
    out.extend(end.disk.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(end.directory_bytes.unwrap_or(bytes).to_le_bytes());
    let offset = u32::try_from(directory).expect("a small archive");
    out.extend(end.directory_offset.unwrap_or(offset).to_le_bytes());
    out.extend(u16::try_from(end.comment.len()).expect("a short comment").to_le_bytes());
    out.extend(&end.comment);
    out
}

/// An open file with these octets.
pub(crate) fn file_of(octets: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(octets).expect("room");
    file.rewind().expect("a file");
    file
}

/// A CT slice without pixels, explicit little endian.
pub(crate) fn dicom_object(instance: &str, patient: &str, study: &str, series: &str) -> Vec<u8> {
    let class = "1.2.840.10008.5.1.4.1.1.2";
    let elements: [(u32, &[u8; 2], &[u8]); 9] = [
        (0x0008_0016, b"UI", class.as_bytes()),
        (0x0008_0018, b"UI", instance.as_bytes()),
        (0x0008_0020, b"DA", b"20260105"),
        (0x0008_0030, b"TM", b"101500"),
        (0x0008_0060, b"CS", b"CT"),
        (0x0010_0020, b"LO", patient.as_bytes()),
        (0x0020_000D, b"UI", study.as_bytes()),
        (0x0020_000E, b"UI", series.as_bytes()),
        (0x0020_0013, b"IS", b"7"),
    ];
    super::dicom_header::tests::file(class, &elements)
}
