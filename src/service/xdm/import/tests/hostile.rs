//! Anything at all in place of a package. Source: spec xdm §11 (R-32-53).
//!
//! `KNOOP_FUZZ_SECONDS` goes on for so long, by hand; `BOLERO_RANDOM_SEED` repeats what failed.

use std::time::{Duration, Instant};

use super::sample::{Doc, NOTE, checked_medium, frame, metadata};
use crate::{
    model::xdm::{PackageLimits, PackageOutcome, SetState},
    service::xdm::ImportSettings,
    wire::xdm::{
        Medium,
        dicomdir::DicomDir,
        samples::{ZipEntry, dicom_object, file_of, zip},
    },
};

fn settings() -> ImportSettings {
    let limits = PackageLimits { entries: 1_000, document_bytes: 1 << 20, ..PackageLimits::default() };
    ImportSettings { limits, ..ImportSettings::default() }
}

/// Looks into it and reads every document.
fn look(octets: &[u8]) {
    let settings = settings();
    let Ok(medium) = Medium::of_archive(file_of(octets), &settings.limits) else { return };
    let report = checked_medium(medium, &settings);
    if report.outcome == PackageOutcome::All {
        assert!(report.sets.iter().all(|set| set.state == SetState::Ready));
        let documents = report.sets.iter().flat_map(|set| &set.documents);
        assert!(documents.into_iter().all(|document| document.verified != Some(false)));
    }
}

fn entries() -> Vec<ZipEntry> {
    let docs = [Doc::new(1, "DOC00001.TXT", NOTE), Doc::new(2, "../SUBSET01/DOC00002.TXT", b"two")];
    let of_set = vec![
        ZipEntry::stored("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &docs).as_bytes()),
        ZipEntry::deflated("IHE_XDM/SUBSET01/DOC00001.TXT", NOTE),
        ZipEntry::stored("IHE_XDM/SUBSET01/DOC00002.TXT", b"two"),
    ];
    [frame(), of_set].concat()
}

/// Changes octets where these numbers say, cuts, and repeats.
fn changed(mut octets: Vec<u8>, changes: &[(u16, u8, u8)]) -> Vec<u8> {
    for (at, kind, value) in changes {
        let at = usize::from(*at) % octets.len().max(1);
        match kind % 8 {
            0 => octets.truncate(at.max(1)),
            1 => octets.insert(at, *value),
            2 => {
                octets.remove(at);
            }
            3 => {
                let end = (at + usize::from(*value)).min(octets.len());
                octets.extend_from_within(at..end);
            }
            4 => octets[at] = octets[at].wrapping_add(1),
            5 => octets[at] ^= 1 << (value % 8),
            _ => octets[at] = *value,
        }
        if octets.is_empty() {
            octets.push(0);
        }
    }
    octets
}

/// So many times in the suite, or as long as was asked for by hand.
fn tries(mut once: impl FnMut()) {
    let Some(seconds) = std::env::var("KNOOP_FUZZ_SECONDS").ok().and_then(|it| it.parse().ok()) else {
        return once();
    };
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(seconds) {
        once();
    }
}

#[test]
fn r_32_53_any_octets_changed_in_an_archive() {
    let seed = zip(&entries());
    tries(|| {
        bolero::check!().with_iterations(2_000).with_type::<Vec<(u16, u8, u8)>>().for_each(|changes| {
            look(&changed(seed.clone(), changes));
        });
    });
}

#[test]
fn r_32_53_any_octets_changed_in_metadata() {
    let seed = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE)]).into_bytes();
    tries(|| {
        bolero::check!().with_iterations(2_000).with_type::<Vec<(u16, u8, u8)>>().for_each(|changes| {
            let mut entries = entries();
            let metadata = changed(seed.clone(), changes);
            entries[2] = ZipEntry::stored("IHE_XDM/SUBSET01/METADATA.XML", &metadata);
            look(&zip(&entries));
        });
    });
}

/// Names that a record or a file may have, of those that lead somewhere and those that do not.
const NAMES: [&str; 12] = [
    "DICOM/IM1",
    "DICOM/IM2",
    "dicom/im1",
    "DICOM/IM1.DCM",
    "DICOM/im1.dcm",
    "DICOM",
    "DICOM/IM1/X",
    "IHE_XDM/SUBSET01/DOC00001.TXT",
    "DICOMDIR",
    "dicomdir",
    "CD2/DICOMDIR",
    "\u{c9}CHO/IM1",
];

#[test]
fn r_32_04_r_32_53_no_dicomdir_changes_what_becomes_of_the_documents() {
    let mut dir = DicomDir::new(std::io::Cursor::new(Vec::new()));
    for (number, name) in [(1, "DICOM/IM1"), (2, "DICOM/IM2"), (3, "DICOM/IM3")] {
        let octets = dicom_object(&format!("2.999.{number}"), "P1", "2.999.1", "2.999.2");
        dir.add(name, &octets).expect("listed");
    }
    let mut seed = Vec::new();
    dir.write(&mut seed).expect("written");
    let settings = ImportSettings { look_inside: true, ..settings() };
    tries(|| {
        let kind = bolero::check!().with_iterations(3_000).with_type::<(Vec<(u16, u8, u8)>, Vec<u8>)>();
        kind.for_each(|(changes, names)| {
            let mut entries = entries();
            entries.push(ZipEntry::deflated("DICOMDIR", &changed(seed.clone(), changes)));
            for name in names.iter().filter_map(|number| NAMES.get(usize::from(*number) % 16)) {
                let instance = format!("2.999.{}", name.len());
                let mut file = ZipEntry::deflated(name, &dicom_object(&instance, "P1", "2.999.1", "2.999.2"));
                file.flags |= u16::from(names.len() % 7 == 0);
                if entries.iter().all(|known| known.name != file.name) {
                    entries.push(file);
                }
            }
            let medium = Medium::of_archive(file_of(&zip(&entries)), &settings.limits).expect("in order");
            let report = checked_medium(medium, &settings);
            assert_eq!((report.outcome, report.sets[0].state), (PackageOutcome::All, SetState::Ready));
            let imaging = report.imaging.unwrap_or_default();
            assert_eq!(imaging.listed, imaging.found + imaging.unresolved, "none is skipped in silence");
            assert_eq!(imaging.found, imaging.documents + imaging.left_alone);
        });
    });
}

#[test]
fn r_32_53_any_octets_changed_in_a_package_with_a_document_of_several_parts() {
    let parts: Vec<(String, &[u8])> = ["LETTER.XML", "A.JPG", "SUB/B.TXT", ".hidden"]
        .map(|name| (format!("IHE_XDM/SUBSET01/DOC00002/{name}"), &b"<x>\r\n--knoop</x>"[..]))
        .into();
    let doc = Doc { mime_type: "multipart/related", ..Doc::new(2, "DOC00002/LETTER.XML", parts[0].1) };
    let text = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE), doc]);
    let of_set = [("METADATA.XML", text.as_bytes()), ("DOC00001.TXT", NOTE)];
    let of_set = of_set.map(|(name, octets)| ZipEntry::stored(&format!("IHE_XDM/SUBSET01/{name}"), octets));
    let parts = parts.iter().map(|(name, octets)| ZipEntry::deflated(name, octets));
    let seed = zip(&[frame(), of_set.into(), parts.collect()].concat());
    look(&seed);
    tries(|| {
        bolero::check!().with_iterations(2_000).with_type::<Vec<(u16, u8, u8)>>().for_each(|changes| {
            look(&changed(seed.clone(), changes));
        });
    });
}
