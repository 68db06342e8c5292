//! `knoop xdm check`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use super::{
    open,
    show::{Printer, status_of},
};
use crate::{
    cli::{ConfigArgs, Failure, assembly::import_settings, progress::Progress},
    model::xdm::SetReport,
    service::xdm::{Follower, check},
    wire::xdm::Medium,
};

/// What `xdm check` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Every document is read once and held against its hash and size. Nothing is kept.\n\n\
    Examples:\n  knoop xdm check XDM.ZIP\n  knoop xdm check /media/usb --json")]
pub(in crate::cli) struct CheckArgs {
    /// The package: a zip file, or the top of a directory tree
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let config = args.config.load()?;
    let settings = import_settings(&config)?;
    let mut printed = Printed(Printer::of_output(args.json));
    let report = match open(&args.package, &settings.limits)? {
        Err(report) => report,
        Ok(medium) => {
            let progress = Progress::new("checked", octets(&medium));
            check(medium, &settings, &*progress.watcher(), &mut printed)?
        }
    };
    let Printed(printer) = printed;
    let tally = printer.tally();
    printer.finish(&report)?;
    status_of(&report, tally)
}

/// Each set is printed as it is known.
struct Printed<W: Write>(Printer<W>);

impl<W: Write> Follower for Printed<W> {
    fn set(&mut self, set: &SetReport) -> io::Result<()> {
        self.0.set(set)
    }
}

/// Octets of all files, for the progress.
pub(super) fn octets(medium: &Medium) -> u64 {
    let table = medium.table();
    table.ids().fold(0, |sum, id| sum.saturating_add(table.size_bytes(id)))
}
