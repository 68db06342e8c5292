//! Documents held against what is said of them: size, CRC, hash, kind.
//!
//! Source: spec xdm R-32-15, R-32-32, H-12, H-22, H-23, H-33, section 13.

use std::io;

use openssl::sha::Sha1;

use super::{
    documents::{StatedDocument, StatedHash},
    examine::Examined,
    octets::{DocumentOctets, Unread, verified_type},
};
use crate::{
    model::{
        Sha1Hash,
        xdm::{DocumentReport, PackageFinding, SetReport, XdmCode},
    },
    wire::xdm::{EntryId, Medium},
};

/// Called with each number of octets that were read.
pub type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// So much of a document is looked at to tell its kind.
pub(super) const HEAD_BYTES: usize = 4096;

/// What the octets are of the file that the metadata of a document speak of.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub size_bytes: u64,
    pub sha1: Sha1Hash,
    /// Lower case hexadecimal digits, where they were asked for.
    pub sha256: Option<String>,
    pub crc32: u32,
    /// The first octets.
    pub head: Vec<u8>,
    /// Hash and size of what is kept: of the same file, or of the body of all parts.
    pub kept: (Sha1Hash, u64),
}

/// Reads every document once and notes what was found. Blocks.
pub fn verify(examined: &mut Examined, progress: Progress<'_>) {
    let medium = examined.medium.clone();
    for (set, documents) in examined.report.sets.iter_mut().zip(&examined.documents) {
        // Nobody listens, so nobody can fail.
        let _ = verify_set(&medium, set, documents, progress, &mut Nobody);
    }
    examined.report.settle();
}

/// Follows a package while it is read.
pub trait Follower {
    /// A document with this number in its set, both counted from 1, begins.
    ///
    /// # Errors
    /// To stop; this goes for all of them.
    fn begin(&mut self, _set: usize, _number: usize, _document: &DocumentReport) -> io::Result<()> {
        Ok(())
    }

    /// Its next octets.
    ///
    /// # Errors
    /// To stop.
    fn octets(&mut self, _octets: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// It was read; whether it is what it should be.
    ///
    /// # Errors
    /// To stop.
    fn end(&mut self, _is_sound: bool) -> io::Result<()> {
        Ok(())
    }

    /// All that is known of a set; it is forgotten then.
    ///
    /// # Errors
    /// To stop.
    fn set(&mut self, set: &SetReport) -> io::Result<()>;
}

struct Nobody;

impl Follower for Nobody {
    fn set(&mut self, _set: &SetReport) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the documents of one set; its findings tell what is wrong.
pub(super) fn verify_set(
    medium: &Medium,
    set: &mut SetReport,
    documents: &[StatedDocument],
    progress: Progress<'_>,
    follower: &mut dyn Follower,
) -> io::Result<()> {
    let mut findings = Vec::new();
    for (number, (document, report)) in (1..).zip(documents.iter().zip(&mut set.documents)) {
        let Some(entry) = document.entry else { continue };
        follower.begin(set.ordinal, number, report)?;
        let measured = measure_for(medium, entry, document, &mut |octets| {
            progress(octets.len() as u64);
            follower.octets(octets)
        })?;
        match measured {
            Ok(measured) => findings.extend(judge(medium, entry, document, &measured, report)),
            Err(unread) => {
                report.verified = Some(false);
                findings.push(unread.finding().at(&*report.unique_id));
            }
        }
        follower.end(report.verified != Some(false))?;
    }
    set.findings.append(&mut findings);
    set.settle();
    Ok(())
}

/// Reads a document to its end.
pub(super) fn measure(medium: &Medium, entry: EntryId, document: &StatedDocument) -> Result<Measured, Unread> {
    match measure_for(medium, entry, document, &mut |_| Ok(())) {
        Ok(measured) => measured,
        // Nobody listens, so nobody fails.
        Err(error) => Err(Unread::of(medium, entry, error)),
    }
}

/// The same, for somebody who takes its octets, and may want no more.
fn measure_for(
    medium: &Medium,
    entry: EntryId,
    document: &StatedDocument,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Result<Measured, Unread>> {
    let mut octets = DocumentOctets::new(medium, entry, document, true);
    let mut block = vec![0; octets.block_bytes()];
    let mut whole = document.parts.is_some().then(Sha1::new);
    let mut size_bytes = 0;
    loop {
        let read = match octets.read(&mut block) {
            Ok(0) => break,
            Ok(count) => block.get(..count).unwrap_or_default(),
            Err(unread) => return Ok(Err(unread)),
        };
        if let Some(whole) = &mut whole {
            whole.update(read);
        }
        size_bytes += read.len() as u64;
        take(read)?;
    }
    let mut measured = octets.measured().ok_or_else(|| io::Error::other("the document was not measured"))?;
    if let Some(whole) = whole {
        measured.kept = (Sha1Hash::from_bytes(whole.finish()), size_bytes);
    }
    Ok(Ok(measured))
}

pub(super) fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Holds a document against what package and metadata say of it.
pub(super) fn judge(
    medium: &Medium,
    entry: EntryId,
    document: &StatedDocument,
    measured: &Measured,
    report: &mut DocumentReport,
) -> Vec<PackageFinding> {
    let mut findings = Vec::new();
    let mut refuse = |code, text: &str| {
        findings.push(PackageFinding::error(code, &*report.file, text).at(&*report.unique_id));
    };
    if medium.table().crc32(entry).is_some_and(|crc32| crc32 != measured.crc32) {
        refuse(XdmCode::CrcMismatch, "the file is damaged: its CRC is not that of the package");
    }
    let same_hash = match &document.hash {
        None => None,
        Some(StatedHash::Sha1(sha1)) => Some(*sha1 == measured.sha1),
        Some(StatedHash::Sha256(sha256)) => Some(measured.sha256.as_ref() == Some(sha256)),
    };
    if same_hash == Some(false) {
        refuse(XdmCode::HashMismatch, "the hash of the file is not that of the metadata");
    }
    let same_size = document.size_bytes.map(|stated| stated == measured.size_bytes);
    let damaged = !findings.is_empty();
    report.verified = match (same_hash, same_size) {
        _ if damaged => Some(false),
        // Of the other parts nothing is known (R-32-52).
        (Some(true), Some(true)) if document.parts.is_some() => None,
        (Some(hash), Some(size)) => Some(hash && size),
        (Some(false), _) | (_, Some(false)) => Some(false),
        _ => None,
    };
    if let Some(text) = differs(&verified_type(document, &report.mime_type), &measured.head) {
        let finding = PackageFinding::warning(XdmCode::MimeMismatch, &*report.file, text);
        findings.push(finding.at(&*report.unique_id));
    }
    findings
}

/// Kinds that are told by their first octets.
const TOLD_BY_OCTETS: [&str; 6] =
    ["application/pdf", "image/jpeg", "image/png", "image/tiff", "application/dicom", "application/zip"];

/// In what the first octets differ from the declared kind, or are of a kind that can do harm (H-33).
fn differs(declared: &str, head: &[u8]) -> Option<String> {
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if head.is_empty() || declared.is_empty() || declared == "application/octet-stream" {
        return None;
    }
    let lower = head.to_ascii_lowercase();
    let found = match head.get(128..132) {
        Some(b"DICM") => Some("application/dicom"),
        _ if [&b"MZ"[..], b"\x7fELF", b"#!"].iter().any(|start| head.starts_with(start)) => Some("a program"),
        _ => infer::get(head).map(|kind| kind.mime_type()),
    };
    if memchr::memmem::find(&lower, b"<script").is_some() {
        return Some(format!("declared {declared}, and there is a script in it"));
    }
    let is_text = |kind: &str| kind.starts_with("text/") && kind != "text/x-shellscript";
    match found {
        Some(found) if found == declared => None,
        Some(found) if is_text(found) && !TOLD_BY_OCTETS.contains(&&*declared) => None,
        Some("application/zip") if declared.contains("zip") || declared.contains("openxml") => None,
        Some(found) => Some(format!("declared {declared}, but it looks like {found}")),
        None if TOLD_BY_OCTETS.contains(&&*declared) => {
            Some(format!("declared {declared}, but it does not look like it"))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::differs;

    #[test]
    fn h_33_kinds_that_are_not_what_they_say() {
        for (declared, head) in [
            ("application/pdf", &b"MZ\x90\0 a program"[..]),
            ("text/plain", b"\x7fELF\x02\x01\x01"),
            ("text/plain", b"#!/bin/sh\nrm -rf /"),
            ("text/html", b"<html><SCRIPT>alert(1)</script></html>"),
            ("text/xml", b"<?xml version='1.0'?><x><script/></x>"),
            ("image/png", b"\xff\xd8\xff\xe0 a JPEG"),
            ("application/dicom", b"not DICOM"),
            ("text/plain", b"%PDF-1.7"),
        ] {
            assert!(differs(declared, head).is_some(), "{declared}");
        }
        let mut dicom = vec![0; 128];
        dicom.extend(b"DICM");
        for (declared, head) in [
            ("application/pdf", &b"%PDF-1.7"[..]),
            ("text/plain", b"a discharge note"),
            ("text/xml", b"<?xml version='1.0'?><ClinicalDocument/>"),
            ("application/fhir+xml", b"<?xml version='1.0'?><Bundle/>"),
            ("application/dicom", &dicom),
            ("application/octet-stream", b"\x7fELF"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04"),
        ] {
            assert_eq!(differs(declared, head), None, "{declared}");
        }
    }
}
