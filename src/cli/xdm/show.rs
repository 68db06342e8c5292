//! Reports of packages, for people and for scripts.

use std::io::{self, Write};

use indicatif::HumanBytes;

use crate::{
    cli::Failure,
    model::xdm::{DocumentReport, PackageFinding, PackageOutcome, PackageReport, SetState, Weight},
};

/// Prints a report.
pub(super) fn print(report: &PackageReport, json: bool) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        out.write_all(b"\n")?;
    } else {
        write_text(&mut out, report)?;
    }
    out.flush()?;
    Ok(())
}

/// The exit status that goes with a report: 1 where something was not, or could not be, taken.
pub(super) fn status(report: &PackageReport) -> Result<(), Failure> {
    let errors = report.all_findings().filter(|finding| finding.weight == Weight::Error).count();
    let held = report.sets.iter().filter(|set| set.state == SetState::Held).count();
    match report.outcome {
        PackageOutcome::All | PackageOutcome::AlreadyPresent => Ok(()),
        PackageOutcome::Rejected => Err(Failure::Refused("the package is rejected as a whole".to_owned())),
        PackageOutcome::Some | PackageOutcome::None => Err(Failure::Refused(format!(
            "not everything can be taken: {errors} faults, {held} sets wait for a person"
        ))),
    }
}

fn write_text(out: &mut impl Write, report: &PackageReport) -> io::Result<()> {
    for set in &report.sets {
        let state = match set.state {
            SetState::Ready => "ready",
            SetState::Held => "held",
            SetState::Failed => "failed",
            SetState::Imported => "imported",
            SetState::AlreadyPresent => "already present",
            SetState::Skipped => "not chosen",
        };
        writeln!(out, "{} {}: {state}, {} documents", set.ordinal, plain(&set.folder), set.documents.len())?;
        for (name, value) in [
            ("submitted", &set.submission_time),
            ("by", &set.source_id),
            ("patient", &set.patient_id),
            ("registered for", &set.registered_patient_id),
        ] {
            if !value.is_empty() {
                writeln!(out, "    {name} {}", plain(value))?;
            }
        }
        for document in &set.documents {
            write_document(out, document)?;
        }
        for finding in &set.findings {
            write_finding(out, finding)?;
        }
    }
    for finding in &report.findings {
        write_finding(out, finding)?;
    }
    let outcome = match report.outcome {
        PackageOutcome::All => "all sets",
        PackageOutcome::Some => "some sets",
        PackageOutcome::None => "no set",
        PackageOutcome::AlreadyPresent => "nothing new",
        PackageOutcome::Rejected => "rejected",
    };
    writeln!(out, "{outcome}; {} files in the package", report.files)
}

fn write_document(out: &mut impl Write, document: &DocumentReport) -> io::Result<()> {
    let size = document.size_bytes.map(|size| HumanBytes(size).to_string()).unwrap_or_default();
    let verified = match document.verified {
        Some(true) => "verified",
        Some(false) => "not what it should be",
        None => "not verified",
    };
    let (file, title) = (plain(&document.file), plain(&document.title));
    writeln!(out, "    {file}  {}  {size}  {verified}  {title}", plain(&document.mime_type))
}

fn write_finding(out: &mut impl Write, finding: &PackageFinding) -> io::Result<()> {
    let weight = match finding.weight {
        Weight::Warning => "warning",
        Weight::Held => "held",
        Weight::Error => "error",
    };
    write!(out, "  {weight} {}", finding.code.as_str())?;
    if !finding.file.is_empty() {
        write!(out, " {}", plain(&finding.file))?;
    }
    if !finding.place.is_empty() {
        write!(out, " [{}]", plain(&finding.place))?;
    }
    writeln!(out, ": {}", plain(&finding.text))
}

/// Text of strangers, without what a terminal would obey or an eye would be deceived by.
fn plain(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect()
}
