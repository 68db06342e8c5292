//! Reports of packages, for people and for scripts.

use std::io::{self, BufWriter, StdoutLock, Write};

use indicatif::HumanBytes;

use crate::{
    cli::Failure,
    model::xdm::{
        DocumentReport, ImagingReport, PackageFinding, PackageOutcome, PackageReport, PackageTally, SetReport,
        SetState, Weight,
    },
};

/// Prints a report.
pub(super) fn print(report: &PackageReport, json: bool) -> Result<(), Failure> {
    let mut printer = Printer::of_output(json);
    for set in &report.sets {
        printer.set(set)?;
    }
    printer.finish(report)
}

/// Prints a report set by set, as each is known.
pub(super) struct Printer<W: Write> {
    out: W,
    form: Form,
    tally: PackageTally,
    is_begun: bool,
}

/// For whom it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A person.
    Text,
    /// A script.
    Json,
}

impl Printer<BufWriter<StdoutLock<'static>>> {
    /// To standard output.
    pub(super) fn of_output(json: bool) -> Self {
        Self::new(BufWriter::new(io::stdout().lock()), if json { Form::Json } else { Form::Text })
    }
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, form: Form) -> Self {
        Self { out, form, tally: PackageTally::default(), is_begun: false }
    }

    /// One set.
    pub(super) fn set(&mut self, set: &SetReport) -> io::Result<()> {
        self.tally.add(set);
        match self.form {
            Form::Text => write_set(&mut self.out, set),
            Form::Json => {
                self.between()?;
                serde_json::to_writer(&mut self.out, set)?;
                Ok(())
            }
        }
    }

    /// What stands before a set of JSON.
    fn between(&mut self) -> io::Result<()> {
        let begin = if self.is_begun { ",\n" } else { "{\"sets\": [\n" };
        self.is_begun = true;
        self.out.write_all(begin.as_bytes())
    }

    /// What is known of the package as a whole; its sets were printed.
    pub(super) fn finish(mut self, report: &PackageReport) -> Result<(), Failure> {
        match self.form {
            Form::Text => write_whole(&mut self.out, report)?,
            Form::Json => {
                let begin = if self.is_begun { "\n], " } else { "{\"sets\": [], " };
                self.out.write_all(begin.as_bytes())?;
                let (outcome, findings) =
                    (serde_json::to_string(&report.outcome)?, serde_json::to_string(&report.findings)?);
                let files = report.files;
                write!(self.out, "\"outcome\": {outcome}, \"findings\": {findings}, \"files\": {files}")?;
                if let Some(imaging) = &report.imaging {
                    write!(self.out, ", \"imaging\": {}", serde_json::to_string(imaging)?)?;
                }
                if report.quarantined {
                    write!(self.out, ", \"quarantined\": true")?;
                }
                writeln!(self.out, "}}")?;
            }
        }
        self.out.flush()?;
        Ok(())
    }

    pub(super) fn tally(&self) -> PackageTally {
        self.tally
    }
}

/// The exit status that goes with a report: 1 where something was not, or could not be, taken.
pub(super) fn status(report: &PackageReport) -> Result<(), Failure> {
    let mut tally = PackageTally::default();
    report.sets.iter().for_each(|set| tally.add(set));
    status_of(report, tally)
}

/// The same for a report whose sets were counted.
pub(super) fn status_of(report: &PackageReport, tally: PackageTally) -> Result<(), Failure> {
    match report.outcome {
        PackageOutcome::All | PackageOutcome::AlreadyPresent => Ok(()),
        PackageOutcome::Rejected => Err(Failure::Refused("the package is rejected as a whole".to_owned())),
        PackageOutcome::Some | PackageOutcome::None => Err(Failure::Refused(format!(
            "not everything can be taken: {} faults, {} sets wait for a person",
            tally.errors(),
            tally.held()
        ))),
    }
}

fn write_set(out: &mut impl Write, set: &SetReport) -> io::Result<()> {
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
    set.documents.iter().try_for_each(|document| write_document(out, document))?;
    set.findings.iter().try_for_each(|finding| write_finding(out, finding))
}

fn write_whole(out: &mut impl Write, report: &PackageReport) -> io::Result<()> {
    report.findings.iter().try_for_each(|finding| write_finding(out, finding))?;
    if let Some(imaging) = &report.imaging {
        let ImagingReport { listed, found, documents, left_alone, unresolved, differing } = imaging;
        writeln!(
            out,
            "DICOMDIR: {listed} files, {found} in the package, of which {documents} documents and {left_alone} left alone; \
             {unresolved} not to be found, {differing} other than listed"
        )?;
    }
    if report.quarantined {
        writeln!(out, "quarantined: a document is not what its hash or size say")?;
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
    let parts = document.parts.map(|parts| format!("  {parts} parts")).unwrap_or_default();
    let (file, title) = (plain(&document.file), plain(&document.title));
    writeln!(out, "    {file}  {}{parts}  {size}  {verified}  {title}", plain(&document.mime_type))
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
