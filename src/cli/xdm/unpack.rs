//! `knoop xdm unpack`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::{
    check::octets,
    open,
    show::{Form, Printer, status_of},
};
use crate::{
    cli::{ConfigArgs, Failure, assembly::import_settings, progress::Progress},
    model::xdm::{DocumentReport, SetReport},
    service::xdm::{Follower, check},
    wire::xdm::multipart::is_multipart,
};

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
    let opened = open(&args.package, &settings.limits)?;
    let mut unpacking =
        Unpacking { to: args.to.clone(), printer: Printer::of_output(args.json), list: None, file: None };
    let report = match opened {
        Err(report) => report,
        Ok(medium) => {
            let progress = Progress::new("unpacked", octets(&medium));
            check(medium, &settings, &*progress.watcher(), &mut unpacking).with_context(place)?
        }
    };
    let Unpacking { printer, list, .. } = unpacking;
    if let Some(list) = list {
        list.finish(&report)?;
    }
    let tally = printer.tally();
    printer.finish(&report)?;
    status_of(&report, tally)
}

/// Documents on their way into a directory.
struct Unpacking<W: Write> {
    to: PathBuf,
    printer: Printer<W>,
    /// report.json.
    list: Option<Printer<BufWriter<File>>>,
    file: Option<(PathBuf, File)>,
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a directory, and those above it, that nobody else may look into.
fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl<W: Write> Follower for Unpacking<W> {
    fn begin(&mut self, set: usize, number: usize, document: &DocumentReport) -> io::Result<()> {
        let folder = self.to.join(format!("{set:03}"));
        create_directory(&folder)?;
        let path = folder.join(format!("{number:05}.{}", extension(&document.mime_type)));
        self.file = Some((path.clone(), create(&path)?));
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |(_, file)| file.write_all(octets))
    }

    /// Documents that are not what they should be do not stay.
    fn end(&mut self, is_sound: bool) -> io::Result<()> {
        match self.file.take() {
            Some((path, _)) if !is_sound => {
                fs::remove_file(&path)?;
                // A directory with others in it stays.
                let _ = path.parent().map(fs::remove_dir);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set(&mut self, set: &SetReport) -> io::Result<()> {
        if self.list.is_none() {
            create_directory(&self.to)?;
            self.list = Some(Printer::new(BufWriter::new(create(&self.to.join("report.json"))?), Form::Json));
        }
        if let Some(list) = &mut self.list {
            list.set(set)?;
        }
        self.printer.set(set)
    }
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
        // Begins with the header fields of an entity, as such a file does.
        kind if is_multipart(kind) => "mht",
        _ => "bin",
    }
}
