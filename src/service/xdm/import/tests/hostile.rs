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
        samples::{ZipEntry, file_of, zip},
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
