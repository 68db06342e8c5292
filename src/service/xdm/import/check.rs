//! A package looked into set by set, each told and forgotten: however many documents there are, those of one set are in memory.
//!
//! Every METADATA.XML is read twice. Once for what concerns the whole package, which must be known before anything is told of
//! a set; once more for the set itself.
//!
//! Source: spec xdm R-32-32, R-32-34.

use std::io;

use super::{
    examine::survey,
    gathered::Gathered,
    settings::ImportSettings,
    verify::{Follower, Progress, verify_set},
};
use crate::{
    model::xdm::{PackageFinding, PackageReport, PackageTally},
    wire::xdm::Medium,
};

/// Looks into a package and reads every document once; `follower` is told of each document and set. The report is that of the
/// package, without its sets. Blocks.
///
/// # Errors
/// Those of the follower.
pub fn check(
    medium: Medium,
    settings: &ImportSettings,
    progress: Progress<'_>,
    follower: &mut dyn Follower,
) -> io::Result<PackageReport> {
    let files = medium.table().files();
    let rejected = |finding: PackageFinding| PackageReport { files, ..PackageReport::rejected(finding) };
    let (examined, whole) = match survey(medium, settings) {
        Ok(surveyed) => surveyed,
        Err(report) => return Ok(report),
    };
    let (mut gathered, mut tally) = (Gathered::once_more(examined.medium.table()), PackageTally::default());
    for index in 0..examined.sets() {
        let (mut set, documents) = match examined.examine_set(index, settings, &mut gathered) {
            Ok(examined) => examined,
            Err(finding) => return Ok(rejected(finding)),
        };
        whole.contradict(index, &mut set, &documents);
        verify_set(&examined.medium, &mut set, &documents, progress, follower)?;
        tally.add(&set);
        follower.set(&set)?;
    }
    let outcome = tally.outcome(&examined.report.findings);
    Ok(PackageReport { outcome, quarantined: tally.has_wrong_octets(), ..examined.report })
}
