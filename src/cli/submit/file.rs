//! Files to be submitted: what they are, how large, and their hash.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::Context;
use openssl::sha::Sha1;

use crate::{
    cli::{Failure, progress::Progress},
    model::{MediaType, Sha1Hash},
};

/// Octets read at a time.
const BLOCK_BYTES: usize = 256 * 1024;
/// Octets in which the kind of a file shows.
const HEAD_BYTES: usize = 4096;

/// A file and what is known of it.
#[derive(Debug)]
pub(in crate::cli) struct SubmittedFile {
    pub(in crate::cli) path: PathBuf,
    /// Last part of the path.
    pub(in crate::cli) name: String,
    pub(in crate::cli) size_bytes: u64,
    pub(in crate::cli) hash: Sha1Hash,
    pub(in crate::cli) mime_type: String,
    /// Of a DICOM object.
    pub(in crate::cli) sop_class_uid: Option<String>,
    /// When it was last changed, as DTM.
    pub(in crate::cli) changed: String,
}

/// Reads every file once.
pub(in crate::cli) async fn read_all(
    paths: &[PathBuf],
    mime_type: Option<&str>,
) -> Result<Vec<SubmittedFile>, Failure> {
    if let Some(text) = mime_type {
        text.parse::<MediaType>().map_err(|error| Failure::wrong_use(format!("--mime-type: {error}")))?;
    }
    let mut total = 0;
    for path in paths {
        let metadata =
            std::fs::metadata(path).map_err(|error| Failure::wrong_use(format!("{}: {error}", path.display())))?;
        if !metadata.is_file() {
            return Err(Failure::wrong_use(format!("{} is not a file", path.display())));
        }
        total += metadata.len();
    }
    let progress = Progress::new("hashing", total);
    let (paths, mime_type, watcher) = (paths.to_vec(), mime_type.map(str::to_owned), progress.watcher());
    let read = tokio::task::spawn_blocking(move || {
        paths.iter().map(|path| read(path, mime_type.as_deref(), &|octets| watcher(octets))).collect::<Result<_, _>>()
    });
    read.await.context("reading was broken off")?
}

fn read(path: &Path, mime_type: Option<&str>, progress: &dyn Fn(u64)) -> Result<SubmittedFile, Failure> {
    let read = || -> io::Result<SubmittedFile> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?;
        let (mut hash, mut size_bytes, mut head) = (Sha1::new(), 0_u64, Vec::new());
        let length = usize::try_from(metadata.len()).unwrap_or(BLOCK_BYTES);
        let mut block = vec![0; length.saturating_add(1).min(BLOCK_BYTES)];
        loop {
            let count = file.read(&mut block)?;
            let Some(octets) = block.get(..count).filter(|octets| !octets.is_empty()) else { break };
            hash.update(octets);
            head.extend(octets.iter().take(HEAD_BYTES.saturating_sub(head.len())));
            size_bytes += count as u64;
            progress(count as u64);
        }
        let changed = jiff::Timestamp::try_from(modified).map_err(io::Error::other)?;
        let sop_class_uid = sop_class_uid(&head);
        Ok(SubmittedFile {
            path: path.to_owned(),
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            size_bytes,
            hash: Sha1Hash::from_bytes(hash.finish()),
            mime_type: mime_type.map_or_else(|| media_type(&head).to_owned(), str::to_owned),
            sop_class_uid,
            changed: changed.strftime("%Y%m%d%H%M%S").to_string(),
        })
    };
    Ok(read().with_context(|| format!("{} cannot be read", path.display()))?)
}

/// The media type that the first octets show.
fn media_type(head: &[u8]) -> &'static str {
    if is_dicom(head) {
        return "application/dicom";
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.starts_with(b"<?xml") || is_root(text, b"ClinicalDocument") {
        return "text/xml";
    }
    if let Some(kind) = infer::get(head) {
        return kind.mime_type();
    }
    // The head may end within a character.
    let utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let printable = !head.iter().any(|b| b.is_ascii_control() && !matches!(b, b'\n' | b'\r' | b'\t' | 0x0c));
    if utf8 && printable { "text/plain" } else { "application/octet-stream" }
}

/// DICOM file format. Source: DICOM PS3.10 §7.1.
fn is_dicom(head: &[u8]) -> bool {
    head.get(128..132) == Some(b"DICM")
}

/// Whether the text begins with this element, with any prefix.
fn is_root(text: &[u8], name: &[u8]) -> bool {
    let Some(tag) = text.strip_prefix(b"<") else { return false };
    let end = tag.iter().position(|b| b.is_ascii_whitespace() || *b == b'>').unwrap_or(tag.len());
    tag.get(..end).and_then(|tag| tag.rsplit(|b| *b == b':').next()) == Some(name)
}

/// Media Storage SOP Class UID, (0002,0002), explicit little endian as all of group 2. Source: DICOM PS3.10 §7.1.
fn sop_class_uid(head: &[u8]) -> Option<String> {
    if !is_dicom(head) {
        return None;
    }
    let meta = head.get(132..)?;
    let tag = b"\x02\x00\x02\x00UI";
    let value = memchr::memmem::find(meta, tag)? + tag.len();
    let length = u16::from_le_bytes([*meta.get(value)?, *meta.get(value + 1)?]);
    let uid = meta.get(value + 2..value + 2 + usize::from(length))?;
    let uid = std::str::from_utf8(uid).ok()?.trim_end_matches('\0');
    uid.parse::<crate::model::Oid>().ok().map(|uid| uid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dicom() -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes.extend_from_slice(b"DICM\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00");
        bytes.extend_from_slice(b"\x02\x00\x02\x00UI\x1e\x001.2.840.10008.5.1.4.1.1.88.59\0");
        bytes
    }

    #[test]
    fn files_are_known_by_their_content() {
        assert_eq!(media_type(b"%PDF-1.7\n"), "application/pdf");
        assert_eq!(media_type(&dicom()), "application/dicom");
        assert_eq!(media_type(b"<?xml version=\"1.0\"?><a/>"), "text/xml");
        assert_eq!(media_type(b"\xef\xbb\xbf <cda:ClinicalDocument xmlns:cda=\"urn:hl7-org:v3\">"), "text/xml");
        assert_eq!(media_type(b"\xff\xd8\xff\xe0\0\0JFIF"), "image/jpeg");
        assert_eq!(media_type("Geachte collega é".as_bytes()), "text/plain");
        assert_eq!(media_type(b"\x01\x02\x03"), "application/octet-stream");
        assert_eq!(media_type(b""), "text/plain");
    }

    #[test]
    fn the_sop_class_of_a_dicom_object_is_read() {
        assert_eq!(sop_class_uid(&dicom()).as_deref(), Some("1.2.840.10008.5.1.4.1.1.88.59"));
        assert_eq!(sop_class_uid(&dicom()[..150]), None);
    }
}
