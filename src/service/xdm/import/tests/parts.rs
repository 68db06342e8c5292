//! Documents of several parts. Source: spec xdm R-32-05, R-32-52.

use std::io;

use super::sample::{Doc, NOTE, checked, checked_with, codes, error, frame, metadata, warning};
use crate::{
    model::xdm::{DocumentReport, PackageOutcome, PackageReport, SetReport},
    service::xdm::{Follower, ImportSettings, check},
    wire::xdm::{
        Medium,
        multipart::{Piece, Splitter},
        samples::{ZipEntry, file_of, zip},
    },
};

const START: &[u8] = b"<?xml version=\"1.0\"?><letter><img src=\"IMG.JPG\"/></letter>";
const IMAGE: &[u8] = b"\xff\xd8\xff\xe0 an image \r\n--x\r\n";
const START_FILE: &str = "IHE_XDM/SUBSET01/DOC00002/DOC00002.XML";

fn doc() -> Doc {
    Doc { mime_type: "multipart/related", ..Doc::new(2, "DOC00002/DOC00002.XML", START) }
}

/// A package of a note and a document of two parts, both changed.
fn package(change: impl FnOnce(&mut Doc, &mut Vec<ZipEntry>)) -> Vec<ZipEntry> {
    let mut doc = doc();
    let mut files = vec![
        ZipEntry::deflated("IHE_XDM/SUBSET01/DOC00001.TXT", NOTE),
        ZipEntry::stored("IHE_XDM/SUBSET01/DOC00002/", b""),
        ZipEntry::deflated("IHE_XDM/SUBSET01/DOC00002/IMG.JPG", IMAGE),
        ZipEntry::deflated(START_FILE, START),
    ];
    change(&mut doc, &mut files);
    let text = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE), doc]);
    [frame(), vec![ZipEntry::deflated("IHE_XDM/SUBSET01/METADATA.XML", text.as_bytes())], files].concat()
}

/// Keeps the octets of the second document.
#[derive(Default)]
struct Second {
    is_it: bool,
    octets: Vec<u8>,
}

impl Follower for Second {
    fn begin(&mut self, _set: usize, number: usize, _document: &DocumentReport) -> io::Result<()> {
        self.is_it = number == 2;
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets.extend_from_slice(if self.is_it { octets } else { b"" });
        Ok(())
    }

    fn set(&mut self, _set: &SetReport) -> io::Result<()> {
        Ok(())
    }
}

/// What is kept of the second document of a package.
fn body(entries: &[ZipEntry]) -> Vec<u8> {
    let settings = ImportSettings::default();
    let medium = Medium::of_archive(file_of(&zip(entries)), &settings.limits).expect("in order");
    let mut second = Second::default();
    check(medium, &settings, &|_| {}, &mut second).expect("nobody stops");
    second.octets
}

/// Location, media type and octets of the parts of a body.
fn parts(body: &[u8]) -> Vec<(Option<String>, String, Vec<u8>)> {
    let (mut splitter, mut parts) = (Splitter::new("multipart/related"), Vec::new());
    splitter.push(body);
    splitter.finish();
    loop {
        match splitter.next().expect("a body of ours") {
            Piece::Begin(head) => parts.push((head.location, head.media_type, Vec::new())),
            Piece::Data(octets) => parts.last_mut().expect("has begun").2.extend(octets),
            Piece::End => {}
            Piece::NeedMore | Piece::Done => return parts,
        }
    }
}

fn found(change: impl FnOnce(&mut Doc, &mut Vec<ZipEntry>)) -> PackageReport {
    checked(&package(change))
}

#[test]
fn r_32_52_the_files_of_a_directory_become_one_document() {
    let report = found(|_, _| {});
    assert_eq!((codes(&report), report.outcome), (vec![warning("XdmMultipartUnverified")], PackageOutcome::All));
    let [note, several] = report.sets[0].documents.as_slice() else { panic!("two documents") };
    assert_eq!((note.parts, note.verified), (None, Some(true)));
    assert_eq!((several.parts, several.verified, &*several.file), (Some(2), None, START_FILE));
    assert_eq!(several.size_bytes, Some((START.len() + IMAGE.len()) as u64));
    let body = body(&package(|_, _| {}));
    assert!(body.starts_with(b"MIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"text/xml\"; "));
    let image = Some("IMG.JPG".to_owned());
    let expected = [(None, "text/xml".to_owned(), START.to_vec()), (image, "image/jpeg".to_owned(), IMAGE.to_vec())];
    assert_eq!(parts(&body), expected, "the start part stands first");
}

#[test]
fn r_32_56_the_same_files_make_the_same_octets_whatever_their_order_and_number() {
    let one = body(&package(|_, _| {}));
    let renamed = body(&package(|doc, files| {
        doc.uri = Some("DOC00009/DOC00009.XML".into());
        files.reverse();
        for file in files {
            let name = String::from_utf8(file.name.clone()).expect("ASCII");
            file.name = name.replace("DOC00002", "DOC00009").into_bytes();
        }
    }));
    assert_eq!(one, renamed);
    assert_ne!(one, body(&package(|_, files| files[2].name = b"IHE_XDM/SUBSET01/DOC00002/OTHER.JPG".to_vec())));
}

#[test]
fn r_32_52_parts_below_and_what_systems_leave_behind() {
    let report = found(|_, files| {
        for name in ["SUB/A.GIF", ".DS_Store", "Thumbs.db", "SUB/._A.GIF"] {
            files.push(ZipEntry::stored(&format!("IHE_XDM/SUBSET01/DOC00002/{name}"), b"GIF89a"));
        }
    });
    assert_eq!(report.sets[0].documents[1].parts, Some(3));
    let body = body(&package(|_, files| {
        files.push(ZipEntry::stored("IHE_XDM/SUBSET01/DOC00002/SUB/A", b"GIF89a"));
    }));
    let (location, media_type, _) = parts(&body).pop().expect("a part");
    assert_eq!((location.as_deref(), &*media_type), (Some("SUB/A"), "image/gif"), "by its octets");
}

#[test]
fn r_32_52_the_start_part_is_verified() {
    let report = found(|doc, _| doc.hash = Some("0".repeat(40)));
    assert_eq!(codes(&report), [warning("XdmMultipartUnverified"), error("XdmHashMismatch")]);
    assert_eq!(report.sets[0].documents[1].verified, Some(false));
    let report = found(|doc, _| doc.size = Some("1".into()));
    assert!(codes(&report).contains(&error("XdmSizeMismatch")));
}

#[test]
fn h_22_a_part_that_is_damaged_is_named() {
    let report = found(|_, files| files[2].crc ^= 1);
    assert_eq!(codes(&report), [warning("XdmMultipartUnverified"), error("XdmCrcMismatch")]);
    assert_eq!(report.sets[0].findings[1].file, "IHE_XDM/SUBSET01/DOC00002/IMG.JPG");
    let lie = found(|_, files| files[2].size = 3);
    assert!(codes(&lie).contains(&error("XdmSizeLie")), "{lie:?}");
}

#[test]
fn h_20_h_21_a_part_that_cannot_be_read_fails_its_set() {
    for (change, code) in [
        ((|file: &mut ZipEntry| file.flags |= 1) as fn(&mut ZipEntry), "XdmEncrypted"),
        (|file| file.method = 14, "XdmMethod"),
    ] {
        assert!(codes(&found(|_, files| change(&mut files[2]))).contains(&error(code)), "{code}");
    }
    let twice = found(|_, files| files.push(ZipEntry::stored("IHE_XDM/SUBSET01/DOC00002/IMG.JPG", b"other")));
    assert_eq!((codes(&twice), twice.outcome), (vec![error("XdmDuplicateName")], PackageOutcome::Rejected));
}

#[test]
fn r_32_05_the_directory_is_that_of_the_document_alone() {
    let text = "XdmMultipartUnsupported";
    let beside = found(|doc, files| {
        doc.uri = Some("DOC00002.XML".into());
        files.push(ZipEntry::stored("IHE_XDM/SUBSET01/DOC00002.XML", START));
    });
    assert_eq!((codes(&beside), beside.outcome), (vec![error(text)], PackageOutcome::None), "METADATA.XML is no part");
    let root = found(|doc, files| {
        doc.uri = Some("../../LETTER.XML".into());
        files.push(ZipEntry::stored("LETTER.XML", START));
    });
    assert_eq!(codes(&root), [error(text)]);
    let of_all = found(|doc, files| {
        doc.uri = Some("../LETTER.XML".into());
        files.push(ZipEntry::stored("IHE_XDM/LETTER.XML", START));
    });
    assert_eq!(codes(&of_all), [error(text)]);
    let alone = found(|_, files| drop(files.remove(2)));
    assert_eq!(alone.sets[0].documents[1].parts, Some(1), "a document of one part");
}

#[test]
fn section_10_limits_hold_for_all_parts_together() {
    let entries = package(|_, _| {});
    let with = |change: fn(&mut ImportSettings)| {
        let mut settings = ImportSettings::default();
        change(&mut settings);
        checked_with(&entries, &settings)
    };
    let large = with(|it| it.limits.document_bytes = (START.len() + IMAGE.len() - 1) as u64);
    assert!(codes(&large).contains(&error("XdmTooLarge")));
    let much = with(|it| it.limits.referenced_bytes = (NOTE.len() + START.len() + IMAGE.len() - 1) as u64);
    assert_eq!(much.outcome, PackageOutcome::Rejected);
    let many = found(|_, files| {
        files.extend((0..1_000).map(|n| ZipEntry::stored(&format!("IHE_XDM/SUBSET01/DOC00002/P{n}.TXT"), b"x")));
    });
    assert_eq!(codes(&many), [error("XdmTooLarge")], "more parts than are taken apart again");
}

#[test]
fn section_10_documents_that_share_their_parts_are_counted_as_often() {
    let docs: Vec<Doc> =
        (2..6).map(|n| Doc { unique_id: format!("2.999.8.{n}"), id: Doc::new(n, "", b"").id, ..doc() }).collect();
    let mut entries = package(|_, _| {});
    entries[2] = ZipEntry::deflated("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &docs).as_bytes());
    let mut settings = ImportSettings::default();
    settings.limits.entries = 8;
    assert!(codes(&checked_with(&entries, &settings)).contains(&warning("XdmSharedFile")));
    settings.limits.entries = 6;
    assert_eq!(checked_with(&entries, &settings).outcome, PackageOutcome::Rejected);
    // What is skipped costs time too, and so does what is refused.
    let spoil: [fn(&mut Vec<ZipEntry>); 2] =
        [|entries| entries[5].name = b"IHE_XDM/SUBSET01/DOC00002/.hidden".to_vec(), |entries| entries[5].flags |= 1];
    for spoil in spoil {
        let mut entries = entries.clone();
        spoil(&mut entries);
        assert_eq!(checked_with(&entries, &settings).outcome, PackageOutcome::Rejected);
    }
}
