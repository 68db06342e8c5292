//! DICOMDIRs, in order and not. Source: spec xdm R-32-42, R-32-46, R-32-47, section 13.

use super::sample::{Doc, checked, checked_with, codes, error, frame, metadata, package, warning};
use crate::{
    model::xdm::{ImagingReport, PackageOutcome, PackageReport, SetState, Weight},
    service::xdm::ImportSettings,
    wire::xdm::{
        dicomdir::DicomDir,
        samples::{ZipEntry, dicom_object},
    },
};

/// A slice by its number.
fn slice(number: usize) -> Vec<u8> {
    dicom_object(&format!("2.999.5.{number}"), "P-0001", "2.999.5", "2.999.5.1")
}

/// A DICOMDIR of these slices, under these names.
fn dicomdir(names: &[&str]) -> Vec<u8> {
    let mut dir = DicomDir::new(std::io::Cursor::new(Vec::new()));
    for (number, name) in (1..).zip(names) {
        dir.add(name, &slice(number)).expect("listed");
    }
    let mut octets = Vec::new();
    dir.write(&mut octets).expect("written");
    octets
}

/// A package of a note, with a DICOMDIR of these names and slices in files of those.
fn with_images(listed: &[&str], files: &[&str]) -> Vec<ZipEntry> {
    let mut entries = package(|_, _| {});
    entries.push(ZipEntry::stored("DICOMDIR", &dicomdir(listed)));
    entries.extend((1..).zip(files).map(|(number, name)| ZipEntry::deflated(name, &slice(number))));
    entries
}

/// What is found; nothing of it may hinder the submission set.
#[track_caller]
fn told(entries: &[ZipEntry]) -> (PackageReport, Vec<&'static str>) {
    let settings = ImportSettings { look_inside: true, ..ImportSettings::default() };
    let report = checked_with(entries, &settings);
    assert_eq!((report.outcome, report.sets[0].state), (PackageOutcome::All, SetState::Ready), "R-32-04");
    assert!(report.findings.iter().all(|finding| finding.weight == Weight::Warning));
    let codes = report.all_findings().map(|finding| finding.code.as_str()).collect();
    (report, codes)
}

const LISTED: [&str; 2] = ["DICOM/IM1", "DICOM/IM2"];

#[test]
fn r_32_47_images_that_no_metadata_name_are_told_and_left_alone() {
    let (report, codes) = told(&with_images(&LISTED, &LISTED));
    assert_eq!(codes, ["XdmImagesLeftAlone"]);
    let expected = ImagingReport { listed: 2, found: 2, left_alone: 2, ..ImagingReport::default() };
    assert_eq!(report.imaging, Some(expected));
    assert_eq!(report.findings[0].text, "2 objects that no DocumentEntry names are not imported");
    assert_eq!((told(&package(|_, _| {})).0.imaging, report.sets[0].documents.len()), (None, 1));
}

#[test]
fn r_32_44_a_document_may_be_listed_too() {
    let octets = slice(1);
    let doc = Doc { mime_type: "application/dicom", ..Doc::new(1, "../../DICOM/IM1", &octets) };
    let entries = [
        frame(),
        vec![
            ZipEntry::deflated("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &[doc]).as_bytes()),
            ZipEntry::deflated("DICOM/IM1", &octets),
            ZipEntry::stored("DICOMDIR", &dicomdir(&["DICOM/IM1"])),
        ],
    ];
    let (report, codes) = told(&entries.concat());
    assert_eq!(codes, Vec::<&str>::new());
    let expected = ImagingReport { listed: 1, found: 1, documents: 1, ..ImagingReport::default() };
    assert_eq!(report.imaging, Some(expected));
}

#[test]
fn r_32_46_files_that_are_not_there_are_told_with_their_record() {
    let (report, codes) = told(&with_images(&["DICOM/IM1", "DICOM/IM2", "DICOM/IM3"], &LISTED));
    assert_eq!(codes, ["XdmDicomdirUnresolved", "XdmImagesLeftAlone"]);
    assert_eq!((&*report.findings[0].file, &*report.findings[0].place), ("DICOM/IM3", "record 6, IMAGE"));
    let imaging = report.imaging.expect("there is one");
    assert_eq!((imaging.listed, imaging.found, imaging.unresolved), (3, 2, 1));
    let (_, codes) = told(&with_images(&["DICOM/IM1"], &["DICOM/IM1/A"]));
    assert_eq!(codes, ["XdmDicomdirUnresolved"], "a directory is no file");
}

#[test]
fn r_32_46_section_13_files_are_found_under_the_names_that_they_have_in_practice() {
    for (listed, file) in [
        ("DICOM/IM1", "DICOM/IM1.DCM"),
        ("DICOM/IM1", "DICOM/IM1.dcm"),
        ("DICOM/IM1", "dicom/im1"),
        ("DICOM/IM1", "dicom/im1.dcm"),
        ("DICOM/IM1", "Dicom/Im1.Dcm"),
    ] {
        let (report, codes) = told(&with_images(&[listed], &[file]));
        assert_eq!(codes, ["XdmDicomdirName", "XdmImagesLeftAlone"], "{file}");
        assert_eq!(report.findings[0].file, file);
    }
    let (_, codes) = told(&with_images(&["DICOM/IM1"], &["DICOM/IM1", "DICOM/im1", "DICOM/IM1.DCM"]));
    assert_eq!(codes, ["XdmImagesLeftAlone"], "the exact name wins");
    let (report, codes) = told(&with_images(&["DICOM/IM1"], &["dicom/im1", "DICOM/Im1"]));
    assert_eq!(codes, ["XdmDicomdirName", "XdmImagesLeftAlone"], "R-32-46: lower case comes last");
    assert_eq!(report.findings[0].file, "dicom/im1");
    let (_, codes) = told(&with_images(&["DICOM/IM1"], &["DICOM/Im1", "DICOM/iM1"]));
    assert_eq!(codes, ["XdmDicomdirUnresolved"], "nobody can say which one is meant");
}

/// The same octets in place of others in a DICOMDIR.
fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = memchr::memmem::find(octets, from).expect("is there");
    [&octets[..at], to, &octets[at + to.len()..]].concat()
}

fn with_dicomdir(octets: &[u8], files: &[&str]) -> Vec<ZipEntry> {
    let mut entries = with_images(&["DICOM/IM1"], files);
    entries.retain(|entry| entry.name != b"DICOMDIR");
    entries.push(ZipEntry::stored("DICOMDIR", octets));
    entries
}

#[test]
fn section_13_accents_in_the_names_of_files() {
    let latin = replaced(&dicomdir(&["ABCDE/IM1"]), b"ABCDE\\IM1", b"\xc9COLE\\IM1");
    let (_, codes) = told(&with_dicomdir(&latin, &["\u{c9}COLE/IM1"]));
    assert_eq!(codes, ["XdmDicomdirName", "XdmImagesLeftAlone"]);
    let (_, codes) = told(&with_dicomdir(&latin, &["e\u{301}cole/im1.dcm"]));
    assert_eq!(codes, ["XdmDicomdirName", "XdmImagesLeftAlone"], "a lower-cased copy");
    let mut cp437 = with_dicomdir(&latin, &["X/IM1"]);
    let image = cp437.iter_mut().find(|entry| entry.name == b"X/IM1").expect("is there");
    (image.name, image.flags) = (b"\xc9COLE/IM1".to_vec(), 0);
    assert_eq!(told(&cp437).1, ["XdmDicomdirName", "XdmImagesLeftAlone"], "an archive without a mark of UTF-8");
}

#[test]
fn r_32_46_a_record_that_leaves_the_medium() {
    let octets = dicomdir(&["AB/CDEF/IM1"]);
    for (name, code) in [
        (&b"..\\..\\..\\IM"[..], "XdmDicomdirEscape"),
        (b"C:\\DEFG\\IM1", "XdmDicomdirEscape"),
        (b"\\\\\\\\\\\\\\\\\\\\\\", "XdmDicomdirUnresolved"),
    ] {
        let (report, codes) = told(&with_dicomdir(&replaced(&octets, b"AB\\CDEF\\IM1", name), &["DICOM/IM1"]));
        assert_eq!(codes, [code], "{}", name.escape_ascii());
        assert_eq!(report.imaging.map(|it| it.unresolved), Some(1));
    }
}

#[test]
fn r_32_46_a_file_that_is_another_object_than_its_record_says() {
    let mut entries = with_images(&["DICOM/IM1", "DICOM/IM2"], &["DICOM/IM1"]);
    entries.push(ZipEntry::deflated("DICOM/IM2", &slice(7)));
    let (report, codes) = told(&entries);
    assert_eq!(codes, ["XdmDicomdirDiffers", "XdmImagesLeftAlone"]);
    let text = &report.findings[0].text;
    assert_eq!(text, "the record says SOP Instance UID 2.999.5.2, the file has 2.999.5.7");
    let unread = ImportSettings { look_inside: false, ..ImportSettings::default() };
    let read = ImportSettings { look_inside: true, ..ImportSettings::default() };
    let of = |settings| checked_with(&entries, &settings).imaging.map(|it| it.differing);
    assert_eq!((of(read), of(unread)), (Some(1), Some(0)), "no header is read");
    entries.pop();
    entries.push(ZipEntry::deflated("DICOM/IM2", b"text"));
    let (report, codes) = told(&entries);
    assert_eq!(
        (codes[0], &*report.findings[0].text),
        ("XdmDicomdirDiffers", "the file is no DICOM object that can be read")
    );
    let mut twice = with_images(&["DICOM/IM1", "DICOM/IM2"], &["DICOM/IM1"]);
    let listed = replaced(&dicomdir(&["DICOM/IM1", "DICOM/IM2"]), b"DICOM\\IM2", b"DICOM\\IM1");
    twice.retain(|entry| entry.name != b"DICOMDIR");
    twice.push(ZipEntry::stored("DICOMDIR", &listed));
    let (report, _) = told(&twice);
    assert_eq!(report.findings[0].text, "another record leads to the same file");
}

#[test]
fn r_32_42_one_dicomdir_in_the_root() {
    let mut entries = with_images(&LISTED, &LISTED);
    entries.push(ZipEntry::stored("CD2/DICOMDIR", &dicomdir(&LISTED)));
    let (report, codes) = told(&entries);
    assert_eq!(codes, ["XdmDicomdirMalformed", "XdmImagesLeftAlone"]);
    assert_eq!(report.findings[0].file, "CD2/DICOMDIR");
    let mut lower = with_images(&["DICOM/IM1"], &["DICOM/IM1"]);
    lower.iter_mut().filter(|entry| entry.name == b"DICOMDIR").for_each(|entry| entry.name = b"dicomdir".to_vec());
    assert_eq!(told(&lower).1, ["XdmDicomdirName", "XdmImagesLeftAlone"]);
    lower.push(ZipEntry::stored("DicomDir", &dicomdir(&LISTED)));
    assert_eq!(told(&lower).1, ["XdmDicomdirMalformed"], "nobody can say which one is meant");
    let wrapped: Vec<ZipEntry> = with_images(&["DICOM/IM1"], &["DICOM/IM1"])
        .into_iter()
        .map(|entry| ZipEntry { name: [b"EXPORT/", &*entry.name].concat(), ..entry })
        .collect();
    assert_eq!(told(&wrapped).1, ["XdmWrapped", "XdmImagesLeftAlone"], "its root is that of the package");
}

#[test]
fn r_32_46_a_dicomdir_that_cannot_be_read_hinders_nothing() {
    let whole = dicomdir(&LISTED);
    for octets in [&b""[..], b"text", &whole[..whole.len() - 9], &slice(1)] {
        let (report, codes) = told(&with_dicomdir(octets, &LISTED));
        assert_eq!(codes, ["XdmDicomdirMalformed"]);
        assert_eq!(report.imaging, Some(ImagingReport::default()));
    }
    let mut encrypted = with_images(&LISTED, &LISTED);
    encrypted.iter_mut().filter(|entry| entry.name == b"DICOMDIR").for_each(|entry| entry.flags |= 1);
    assert_eq!(told(&encrypted).1, ["XdmEncrypted", "XdmDicomdirMalformed"]);
    let mut settings = ImportSettings::default();
    settings.limits.metadata_bytes = whole.len() as u64 - 1;
    let report = checked_with(&with_images(&LISTED, &LISTED), &settings);
    let found: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(found, ["XdmDicomdirMalformed"], "larger than is read");
}

#[test]
fn r_32_46_what_cannot_be_used_is_told() {
    let mut entries = with_images(&["DICOM/IM1"], &["DICOM/IM1"]);
    entries.push(ZipEntry::stored("DICOM/IM1", b"twice"));
    assert_eq!(told(&entries).1, ["XdmDuplicateName", "XdmDicomdirUnresolved"]);
}

#[test]
fn r_32_46_so_many_records_as_somebody_can_read_are_told_one_by_one() {
    let names: Vec<String> = (1..=1_003).map(|number| format!("DICOM/IM{number:06}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (report, _) = told(&with_images(&names, &[]));
    assert_eq!(report.findings.len(), 1_001);
    assert_eq!(report.findings[1_000].text, "3 more of these are not told one by one");
    assert_eq!(report.imaging.map(|it| it.unresolved), Some(1_003));
}

#[test]
fn h_26_a_medium_of_images_alone_is_told_from_a_package() {
    let entries = [ZipEntry::stored("DICOMDIR", &dicomdir(&LISTED)), ZipEntry::stored("DICOM/IM1", &slice(1))];
    let report = checked(&entries);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmNoIheXdm")], PackageOutcome::Rejected));
    assert!(report.findings[0].text.contains("there is a DICOMDIR"), "{}", report.findings[0].text);
    assert_eq!(codes(&checked(&with_images(&LISTED, &LISTED))), [warning("XdmImagesLeftAlone")]);
}
