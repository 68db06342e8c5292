//! Faults of single documents. Source: spec xdm §11.

use super::sample::{Doc, NOTE, checked, checked_with, codes, error, frame, metadata, package, warning};
use crate::{
    model::xdm::{PackageOutcome, SetState, Weight},
    service::xdm::import::ImportSettings,
    wire::xdm::samples::{ZipEntry, zip},
};

#[test]
fn a_package_in_order_has_nothing_to_be_said_of() {
    let report = checked(&package(|_, _| {}));
    assert_eq!(codes(&report), []);
    assert_eq!((report.outcome, report.sets[0].state), (PackageOutcome::All, SetState::Ready));
    let document = &report.sets[0].documents[0];
    assert_eq!((document.verified, document.size_bytes), (Some(true), Some(38)));
    assert_eq!(report.sets[0].patient_id, "P-0001^^^&2.999.10.1&ISO");
}

/// What is found when the one document of a package is changed.
fn found(change: impl FnOnce(&mut Doc, &mut ZipEntry)) -> Vec<(&'static str, Weight)> {
    codes(&checked(&package(change)))
}

#[test]
fn h_06_a_uri_that_leaves_the_medium() {
    for uri in ["../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/x", "/etc/passwd", "file:///etc/passwd", "C:\\x", "//h/x"]
    {
        assert_eq!(found(|doc, _| doc.uri = Some(uri.into())), [error("XdmUriEscapesRoot")], "{uri}");
    }
}

#[test]
fn h_07_a_uri_of_a_control_file() {
    for uri in ["METADATA.XML", "metadata.xml", "../SUBSET01/METADATA.XML", "../../INDEX.HTM", "../../readme.txt"] {
        assert_eq!(found(|doc, _| doc.uri = Some(uri.into())), [error("XdmUriNotADocument")], "{uri}");
    }
}

#[test]
fn h_11_a_document_that_is_an_archive_is_not_opened() {
    let inner = zip(&[ZipEntry::stored("../../evil", b"x")]);
    let mut doc = Doc::new(1, "DOC00001.BIN", &inner);
    doc.mime_type = "application/zip";
    let metadata = ZipEntry::stored("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &[doc]).as_bytes());
    let file = ZipEntry::stored("IHE_XDM/SUBSET01/DOC00001.BIN", &inner);
    assert_eq!(codes(&checked(&[frame(), vec![metadata, file]].concat())), []);
}

#[test]
fn h_12_a_size_that_lies() {
    let lie = found(|doc, file| {
        file.size = 5;
        doc.size = None;
    });
    assert!(lie.contains(&error("XdmSizeLie")), "{lie:?}");
    let less = found(|doc, file| {
        file.size = 50;
        doc.size = None;
    });
    assert!(less.contains(&error("XdmCrcMismatch")), "{less:?}");
}

#[test]
fn h_14_a_document_whose_name_is_there_twice_rejects_the_package() {
    let mut entries = package(|_, _| {});
    entries.push(ZipEntry::stored("IHE_XDM/SUBSET01/DOC00001.TXT", b"other"));
    let report = checked(&entries);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmDuplicateName")], PackageOutcome::Rejected));
    let mut entries = package(|_, _| {});
    entries.push(entries[2].clone());
    assert_eq!(codes(&checked(&entries)), [error("XdmDuplicateName")], "METADATA.XML twice");
    let mut entries = package(|_, _| {});
    entries.extend([ZipEntry::stored("X.TXT", b"1"), ZipEntry::stored("X.TXT", b"2")]);
    assert_eq!(codes(&checked(&entries)), [warning("XdmDuplicateName")], "one that nobody names");
}

#[test]
fn h_15_names_that_differ_in_case() {
    let mut entries = package(|doc, file| {
        doc.uri = Some("Doc00001.txt".into());
        file.name = b"IHE_XDM/SUBSET01/DOC00001.TXT".to_vec();
    });
    assert_eq!(codes(&checked(&entries)), [warning("XdmCaseFolded")]);
    entries.push(ZipEntry::stored("IHE_XDM/SUBSET01/doc00001.txt", NOTE));
    assert_eq!(codes(&checked(&entries)), [error("XdmAmbiguousName")]);
    let mut entries = package(|_, _| {});
    entries.push(ZipEntry::stored("IHE_XDM/SUBSET01/doc00001.txt", b"other"));
    assert_eq!(codes(&checked(&entries)), [], "the exact name wins");
}

#[test]
fn h_16_names_that_deceive() {
    for name in ["DOC\u{202e}1.TXT", "DOC\u{200b}1.TXT", "DOC\u{1}.TXT"] {
        let found = found(|doc, file| {
            doc.uri = Some(percent_encoded(name));
            file.name = format!("IHE_XDM/SUBSET01/{name}").into_bytes();
        });
        assert!(found.contains(&error("XdmUnsafeName")), "{name:?}: {found:?}");
    }
    let mut entries = package(|doc, file| {
        doc.uri = Some("D\u{e9}.TXT".into());
        file.name = "IHE_XDM/SUBSET01/D\u{e9}.TXT".into();
    });
    entries.push(ZipEntry::stored("IHE_XDM/SUBSET01/De\u{301}.TXT", NOTE));
    assert!(codes(&checked(&entries)).contains(&error("XdmUnsafeName")), "equal after normalisation");
    let mut entries = package(|_, _| {});
    entries.push(ZipEntry::stored("A\u{202e}B", b"x"));
    assert_eq!(codes(&checked(&entries)), [warning("XdmUnsafeName")], "skipped where nobody names it");
}

fn percent_encoded(name: &str) -> String {
    name.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b == b'.' { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[test]
fn h_18_h_19_names_that_are_odd_or_unreadable() {
    let unreadable = found(|doc, file| {
        doc.uri = Some("%EF%BF%BD.TXT".into());
        file.name = b"IHE_XDM/SUBSET01/\xFF.TXT".to_vec();
    });
    assert!(unreadable.contains(&error("XdmUnsafeName")), "{unreadable:?}");
    for name in ["NUL.TXT", "DOC1.", "CON"] {
        let found = found(|doc, file| {
            doc.uri = Some(name.into());
            file.name = format!("IHE_XDM/SUBSET01/{name}").into_bytes();
        });
        assert!(found.contains(&warning("XdmOddName")) && found.iter().all(|it| it.1 == Weight::Warning), "{found:?}");
    }
}

#[test]
fn h_20_an_encrypted_document() {
    let found_in_document = found(|_, file| file.flags |= 1);
    assert!(found_in_document.contains(&error("XdmEncrypted")), "{found_in_document:?}");
    let mut entries = package(|_, _| {});
    entries[2].flags |= 1;
    let report = checked(&entries);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmEncrypted")], PackageOutcome::Rejected));
    let mut entries = package(|_, _| {});
    entries.push(ZipEntry { flags: 1, ..ZipEntry::stored("X.TXT", b"x") });
    assert_eq!(codes(&checked(&entries)), [warning("XdmEncrypted")]);
}

#[test]
fn h_21_an_unknown_method() {
    let found_in_document = found(|_, file| file.method = 14);
    assert!(found_in_document.contains(&error("XdmMethod")), "{found_in_document:?}");
    let mut entries = package(|_, _| {});
    entries[2].method = 93;
    let report = checked(&entries);
    assert!(codes(&report).contains(&error("XdmMethod")) && report.outcome == PackageOutcome::None);
}

#[test]
fn h_22_a_wrong_crc_and_broken_data() {
    assert_eq!(found(|_, file| file.crc ^= 1), [error("XdmCrcMismatch")]);
    assert_eq!(found(|_, file| file.data[3] ^= 0xFF).first(), Some(&error("XdmCrcMismatch")));
    let mut entries = package(|_, _| {});
    entries[2].crc ^= 1;
    assert_eq!(codes(&checked(&entries)), [error("XdmCrcMismatch")], "of METADATA.XML");
}

#[test]
fn h_23_hash_or_size_of_the_metadata_differ() {
    let other = "97b9ed88ec81276ec0fe2b7647001e3a04152532";
    assert_eq!(found(|doc, _| doc.hash = Some(other.into())), [error("XdmHashMismatch")]);
    assert_eq!(found(|doc, _| doc.size = Some("37".into())), [error("XdmSizeMismatch")]);
    let report = checked(&package(|doc, _| doc.hash = Some(other.into())));
    assert_eq!(report.sets[0].documents[0].verified, Some(false));
    assert_eq!(report.sets[0].findings[0].file, "IHE_XDM/SUBSET01/DOC00001.TXT");
    assert_eq!(report.sets[0].findings[0].place, "2.999.20.77.1");
}

#[test]
fn h_24_a_document_that_is_not_there() {
    assert_eq!(found(|doc, _| doc.uri = Some("DOC00002.TXT".into())), [error("XDSMissingDocument")]);
    assert_eq!(found(|doc, _| doc.uri = Some("..".into())), [error("XDSMissingDocument")]);
    let mut entries = package(|doc, _| doc.uri = Some("DOC00003".into()));
    entries.push(ZipEntry::stored("IHE_XDM/SUBSET01/DOC00003/", b""));
    assert_eq!(codes(&checked(&entries)), [error("XDSMissingDocument")], "a directory is no document");
}

#[test]
fn h_25_a_file_that_nobody_names_is_left_alone() {
    let mut entries = package(|_, _| {});
    entries.push(ZipEntry { crc: 0, ..ZipEntry::stored("IHE_XDM/SUBSET01/OTHER.EXE", b"MZ") });
    assert_eq!(codes(&checked(&entries)), []);
}

#[test]
fn h_27_two_documents_in_one_file() {
    let docs = [Doc::new(1, "DOC00001.TXT", NOTE), Doc::new(2, "DOC00001.TXT", NOTE)];
    let metadata = ZipEntry::stored("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &docs).as_bytes());
    let file = ZipEntry::stored("IHE_XDM/SUBSET01/DOC00001.TXT", NOTE);
    let report = checked(&[frame(), vec![metadata, file]].concat());
    assert_eq!((codes(&report), report.outcome), (vec![warning("XdmSharedFile")], PackageOutcome::All));
}

#[test]
fn h_33_a_document_of_another_kind_is_kept_with_a_warning() {
    let report = checked(&package(|doc, _| doc.mime_type = "application/pdf"));
    assert_eq!((codes(&report), report.outcome), (vec![warning("XdmMimeMismatch")], PackageOutcome::All));
}

#[test]
fn r_32_05_a_document_of_several_parts_lies_in_a_directory_of_its_own() {
    for mime_type in ["multipart/related", "Multipart/Related; boundary=x", "multipart/related;type=text/xml"] {
        assert_eq!(found(|doc, _| doc.mime_type = mime_type), [error("XdmMultipartUnsupported")], "{mime_type}");
    }
}

#[test]
fn section_10_more_documents_than_a_package_may_have() {
    let docs: Vec<Doc> = (1..=12).map(|number| Doc::new(number, "DOC00001.TXT", NOTE)).collect();
    let package = [
        frame(),
        vec![
            ZipEntry::deflated("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &docs).as_bytes()),
            ZipEntry::deflated("IHE_XDM/SUBSET01/DOC00001.TXT", NOTE),
        ],
    ];
    let mut settings = ImportSettings::default();
    settings.limits.entries = 12;
    assert_eq!(checked_with(&package.concat(), &settings).outcome, PackageOutcome::All);
    settings.limits.entries = 11;
    let rejected = checked_with(&package.concat(), &settings);
    assert_eq!((codes(&rejected), rejected.outcome), (vec![error("XdmTooLarge")], PackageOutcome::Rejected));
}

#[test]
fn section_10_a_document_that_is_too_large() {
    use super::sample::checked_with;
    let mut settings = crate::service::xdm::ImportSettings::default();
    settings.limits.document_bytes = 10;
    assert_eq!(codes(&checked_with(&package(|_, _| {}), &settings)), [error("XdmTooLarge")]);
    let mut settings = crate::service::xdm::ImportSettings::default();
    settings.limits.referenced_bytes = 10;
    let report = checked_with(&package(|_, _| {}), &settings);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmTooLarge")], PackageOutcome::Rejected));
}
