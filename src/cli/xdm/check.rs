//! `knoop xdm check`.

use std::path::PathBuf;

use clap::Args;

use super::{open, show};
use crate::{
    cli::{ConfigArgs, Failure, assembly::import_settings, progress::Progress},
    service::xdm::{examine, verify},
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
    let report = match open(&args.package, &settings.limits)? {
        Err(report) => report,
        Ok(medium) => {
            let total = octets(&medium);
            match examine(medium, &settings) {
                Err(report) => report,
                Ok(mut examined) => {
                    let progress = Progress::new("checked", total);
                    verify(&mut examined, &*progress.watcher());
                    examined.report
                }
            }
        }
    };
    show::print(&report, args.json)?;
    show::status(&report)
}

/// Octets of all files, for the progress.
pub(super) fn octets(medium: &Medium) -> u64 {
    let table = medium.table();
    table.ids().fold(0, |sum, id| sum.saturating_add(table.size_bytes(id)))
}
