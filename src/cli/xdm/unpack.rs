//! `knoop xdm unpack`.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::{check::octets, open, show};
use crate::{
    cli::{ConfigArgs, Failure, assembly::import_settings, progress::Progress},
    model::xdm::PackageReport,
    service::xdm::{Examined, examine, verify},
    wire::xdm::{Content, Found},
};

/// Octets that are copied at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// What `xdm unpack` may be told.
#[derive(Debug, Args)]
#[command(
    after_help = "The documents are written as SET/NUMBER.EXTENSION with names of our own, and report.json says \
    which is which: no name of the package becomes a name on this machine.\n\n\
    Example:\n  knoop xdm unpack XDM.ZIP letters"
)]
pub(in crate::cli) struct UnpackArgs {
    /// The package: a zip file, or the top of a directory tree
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Directory to write to; must be empty or not exist
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &UnpackArgs) -> Result<(), Failure> {
    let config = args.config.load()?;
    let settings = import_settings(&config)?;
    let place = || args.to.display().to_string();
    if fs::read_dir(&args.to).is_ok_and(|mut names| names.next().is_some()) {
        return Err(Failure::wrong_use(format!("{} is not empty", place())));
    }
    let report = match open(&args.package, &settings.limits)? {
        Err(report) => report,
        Ok(medium) => {
            let total = octets(&medium).saturating_mul(2);
            match examine(medium, &settings) {
                Err(report) => report,
                Ok(mut examined) => {
                    let progress = Progress::new("unpacked", total);
                    verify(&mut examined, &*progress.watcher());
                    fs::create_dir_all(&args.to).with_context(place)?;
                    write_all(&examined, &args.to, &*progress.watcher()).with_context(place)?;
                    write_report(&examined.report, &args.to).with_context(place)?;
                    examined.report
                }
            }
        }
    };
    show::print(&report, args.json)?;
    show::status(&report)
}

/// Writes the documents that are what they should be.
fn write_all(examined: &Examined, to: &Path, progress: &dyn Fn(u64)) -> Result<(), anyhow::Error> {
    for set in &examined.report.sets {
        let folder = to.join(format!("{:03}", set.ordinal));
        for (number, document) in (1..).zip(&set.documents) {
            let found = examined.medium.table().find(&document.file);
            let (Found::Exact(id), None | Some(true)) = (found, document.verified) else { continue };
            if document.size_bytes.is_none() {
                continue;
            }
            fs::create_dir_all(&folder)?;
            let name = format!("{number:05}.{}", extension(&document.mime_type));
            let mut file = OpenOptions::new().write(true).create_new(true).open(folder.join(name))?;
            copy(&mut examined.medium.open(id)?, &mut file, progress)?;
        }
    }
    Ok(())
}

fn copy(content: &mut Content, file: &mut File, progress: &dyn Fn(u64)) -> Result<(), anyhow::Error> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = content.read(&mut block)?;
        let Some(octets) = block.get(..read).filter(|octets| !octets.is_empty()) else { return Ok(()) };
        file.write_all(octets)?;
        progress(read as u64);
    }
}

fn write_report(report: &PackageReport, to: &Path) -> Result<(), anyhow::Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(to.join("report.json"))?;
    serde_json::to_writer_pretty(&mut file, report)?;
    Ok(file.write_all(b"\n")?)
}

/// Extension by mimeType. Source: spec xdm §3.
fn extension(mime_type: &str) -> &'static str {
    match mime_type.to_ascii_lowercase().as_str() {
        "text/xml" | "application/xml" | "application/fhir+xml" => "xml",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/html" | "application/xhtml+xml" => "htm",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/tiff" => "tif",
        "application/json" | "application/fhir+json" => "jsn",
        "text/rtf" | "application/rtf" => "rtf",
        "application/dicom" => "dcm",
        _ => "bin",
    }
}
