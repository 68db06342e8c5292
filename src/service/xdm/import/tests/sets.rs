//! Submission sets and whole packages. Source: spec xdm §4, §7, §11.

use super::sample::{Doc, NOTE, checked, codes, error, frame, metadata, metadata_of, package, warning};
use crate::{
    model::xdm::{PackageOutcome, SetState, Weight},
    wire::xdm::samples::ZipEntry,
};

fn file(name: &str, octets: &[u8]) -> ZipEntry {
    ZipEntry::deflated(name, octets)
}

/// Two sets of a document each, their metadata changed.
fn two(change: impl Fn(usize, &mut Doc)) -> Vec<ZipEntry> {
    let mut entries = frame();
    for number in [1, 2] {
        let octets = format!("note {number}");
        let mut doc = Doc::new(number, "DOC00001.TXT", octets.as_bytes());
        change(number, &mut doc);
        entries.push(file(&format!("IHE_XDM/SUBSET0{number}/METADATA.XML"), metadata(number, &[doc]).as_bytes()));
        entries.push(file(&format!("IHE_XDM/SUBSET0{number}/DOC00001.TXT"), octets.as_bytes()));
    }
    entries
}

#[test]
fn r_32_35_a_set_fails_alone() {
    let report = checked(&two(|number, doc| {
        if number == 2 {
            doc.hash = Some("0".repeat(40));
        }
    }));
    assert_eq!(report.sets.iter().map(|set| set.state).collect::<Vec<_>>(), [SetState::Ready, SetState::Failed]);
    assert_eq!(report.outcome, PackageOutcome::Some);
}

#[test]
fn r_32_06_sets_have_times_of_their_own() {
    let entries = two(|_, _| {});
    assert_eq!(codes(&checked(&entries)), []);
    let mut same = entries.clone();
    let text = metadata(2, &[Doc::new(2, "DOC00001.TXT", b"note 2")]).replace("20260314090200", "20260314090100");
    same[4] = file("IHE_XDM/SUBSET02/METADATA.XML", text.as_bytes());
    assert_eq!(codes(&checked(&same)), [warning("XdmSubmissionTimeRepeated")]);
}

#[test]
fn r_32_13_a_set_may_name_a_document_beside_it() {
    let entries = two(|number, doc| {
        if number == 2 {
            *doc = Doc {
                id: doc.id.clone(),
                unique_id: doc.unique_id.clone(),
                ..Doc::new(1, "../SUBSET01/DOC00001.TXT", b"note 1")
            };
        }
    });
    assert_eq!(codes(&checked(&entries)), [warning("XdmSharedFile")]);
}

#[test]
fn r_32_19_one_set_has_one_patient() {
    let other = "P-0002^^^&amp;2.999.10.1&amp;ISO";
    let found = codes(&checked(&package(|doc, _| doc.patient = other)));
    assert_eq!(found[0], error("XDSPatientIdDoesNotMatch"));
    let docs = [Doc { patient: other, ..Doc::new(1, "DOC00001.TXT", NOTE) }];
    let entries = [
        frame(),
        vec![
            file("IHE_XDM/S/METADATA.XML", metadata_of(1, &docs, other).as_bytes()),
            file("IHE_XDM/S/DOC00001.TXT", NOTE),
        ],
        two(|_, _| {}).split_off(2),
    ];
    let codes_of_three = codes(&checked(&entries.concat()));
    assert!(!codes_of_three.iter().any(|it| it.0 == "XDSPatientIdDoesNotMatch"), "sets may have patients of their own");
}

#[test]
fn h_26_no_ihe_xdm_and_no_metadata() {
    let only_index = [frame(), vec![file("style.css", b"x")]].concat();
    let report = checked(&only_index);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmNoIheXdm")], PackageOutcome::Rejected));
    let mut entries = package(|_, _| {});
    entries.push(file("IHE_XDM/SUBSET02/DOC00001.TXT", NOTE));
    let report = checked(&entries);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmNoMetadata")], PackageOutcome::Some));
}

#[test]
fn h_28_one_unique_id_with_two_contents_fails_both_sets() {
    let report = checked(&two(|_, doc| doc.unique_id = "2.999.20.77.9".into()));
    let twice = "XDSRepositoryDuplicateUniqueIdInMessage";
    assert_eq!(codes(&report), [error(twice), error(twice)]);
    assert_eq!((report.outcome, report.sets[1].findings[0].place.as_str()), (PackageOutcome::None, "2.999.20.77.9"));
    let mut entries = two(|_, doc| {
        *doc = Doc { id: doc.id.clone(), unique_id: "2.999.20.77.9".into(), ..Doc::new(1, "DOC00001.TXT", b"note 1") };
    });
    entries[5] = file("IHE_XDM/SUBSET02/DOC00001.TXT", b"note 1");
    assert_eq!(codes(&checked(&entries)), [], "the same content may be there twice");
}

#[test]
fn h_29_metadata_that_cannot_be_read_fail_their_set() {
    for (text, code) in [
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><x/>".to_owned(), "XdmMetadataMalformed"),
        ("<x/>".to_owned(), "XdmMetadataMalformed"),
        (
            "<SubmitObjectsRequest xmlns=\"urn:oasis:names:tc:ebxml-regrep:registry:xsd:2.1\"/>".to_owned(),
            "XdmMetadataVersion",
        ),
    ] {
        let mut entries = two(|_, _| {});
        entries[2] = file("IHE_XDM/SUBSET01/METADATA.XML", text.as_bytes());
        let report = checked(&entries);
        assert_eq!((codes(&report), report.outcome), (vec![error(code)], PackageOutcome::Some));
    }
}

#[test]
fn r_32_04_other_files_do_not_change_the_result() {
    let mut entries = package(|_, _| {});
    entries.extend(
        ["DICOMDIR", "DICOM/IM000001", "IHE_PDI/INDEX.HTM", "IHE_XDM/NOTE.TXT", "VIEWER.EXE"]
            .map(|name| file(name, b"x")),
    );
    let report = checked(&entries);
    assert_eq!((codes(&report), report.sets.len(), report.files), (vec![warning("XdmDicomdirMalformed")], 1, 9));
    assert_eq!((report.outcome, report.sets[0].state), (PackageOutcome::All, SetState::Ready));
}

#[test]
fn r_32_17_an_on_demand_entry_has_no_document() {
    let mut entries = package(|_, _| {});
    let text = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE)])
        .replace("7edca82f-054d-47f2-a032-9b2a5b5186c1", "34268e47-fdf5-41a6-ba33-82133c465248");
    entries[2] = file("IHE_XDM/SUBSET01/METADATA.XML", text.as_bytes());
    assert!(codes(&checked(&entries)).contains(&error("XdmOnDemandEntry")));
}

#[test]
fn r_32_59_incomplete_metadata_wait_for_a_person_and_defaults_fill_them() {
    let limited = package(|doc, _| doc.codes = false);
    let report = checked(&limited);
    assert_eq!((codes(&report), report.outcome), (vec![("XdmIncompleteMetadata", Weight::Held)], PackageOutcome::None));
    let text = &report.sets[0].findings[0].text;
    for missing in ["classCode", "typeCode", "formatCode", "confidentialityCode", "practiceSettingCode"] {
        assert!(text.contains(missing), "{text}");
    }
    let code = |code: &str| {
        let value = crate::model::CodeValue::new(code, "2.999.6").expect("a code");
        Some(crate::model::Code { value, display_name: code.into() })
    };
    let defaults = crate::service::xdm::CodeDefaults {
        source_id: Some("2.999.20".parse().expect("an OID")),
        mime_type: Some("text/plain".into()),
        class_code: code("C"),
        type_code: code("T"),
        default_format_code: code("F"),
        facility_code: code("H"),
        practice_setting_code: code("P"),
        confidentiality_code: code("N"),
        ..Default::default()
    };
    let mut settings = crate::service::xdm::ImportSettings { defaults: vec![defaults], ..Default::default() };
    assert_eq!(codes(&super::sample::checked_with(&limited, &settings)), []);
    settings.defaults[0].source_id = Some("2.999.21".parse().expect("an OID"));
    assert_eq!(codes(&super::sample::checked_with(&limited, &settings)), [("XdmIncompleteMetadata", Weight::Held)]);
}

#[test]
fn r_32_59_marks_of_limited_metadata_are_no_fault() {
    let marks = |text: String| {
        text.replace(
            "</rim:ExtrinsicObject>",
            "<rim:Classification id=\"l\" classifiedObject=\"urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4001\" \
             classificationNode=\"urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85\"/></rim:ExtrinsicObject>",
        )
    };
    let text = marks(metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE)]));
    // Classifications stand before identifiers in the schema; readers take any order.
    assert!(text.contains("ab9b591b"));
    let mut entries = package(|_, _| {});
    entries[2] = file("IHE_XDM/SUBSET01/METADATA.XML", text.as_bytes());
    assert_eq!(codes(&checked(&entries)), []);
}

#[test]
fn rules_of_the_registry_are_told_before_anything_is_kept() {
    let mut entries = package(|_, _| {});
    let text = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE)]).replace("nl-NL", "not a language");
    entries[2] = file("IHE_XDM/SUBSET01/METADATA.XML", text.as_bytes());
    let report = checked(&entries);
    assert_eq!(codes(&report), [error("XDSRegistryMetadataError")]);
    assert_eq!(report.sets[0].findings[0].file, "IHE_XDM/SUBSET01/METADATA.XML");
}

#[test]
fn five_faults_are_told_with_file_and_place() {
    let docs = [
        Doc::new(1, "DOC00001.TXT", NOTE),
        Doc { hash: Some("0".repeat(40)), ..Doc::new(2, "DOC00002.TXT", b"two") },
        Doc::new(3, "MISSING.TXT", b"three"),
        Doc::new(4, "../../../x", b"four"),
        Doc { size: Some("1".into()), ..Doc::new(5, "DOC00005.TXT", b"five") },
        Doc::new(6, "DOC00006.TXT", b"six"),
    ];
    let path = |name: &str| format!("IHE_XDM/SUBSET01/{name}");
    let entries = [
        frame(),
        vec![
            file(&path("METADATA.XML"), metadata(1, &docs).as_bytes()),
            file(&path("DOC00001.TXT"), NOTE),
            file(&path("DOC00002.TXT"), b"two"),
            file(&path("DOC00005.TXT"), b"five"),
            ZipEntry { crc: 7, ..file(&path("DOC00006.TXT"), b"six") },
        ],
    ];
    let report = checked(&entries.concat());
    let mut found: Vec<_> =
        report.all_findings().map(|it| (it.code.as_str(), &*it.file, !it.place.is_empty())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("XDSMissingDocument", &*path("MISSING.TXT"), true),
            ("XdmCrcMismatch", &path("DOC00006.TXT"), true),
            ("XdmHashMismatch", &path("DOC00002.TXT"), true),
            ("XdmSizeMismatch", &path("DOC00005.TXT"), true),
            ("XdmUriEscapesRoot", &path("METADATA.XML"), true),
        ]
    );
}
