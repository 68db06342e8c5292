//! `knoop xdm`: packages on media and in zip files (ITI-32).

mod check;
mod import;
mod jobs;
mod mail;
mod offer;
mod on_the_way;
mod pack;
mod receive;
mod sheet;
mod show;
mod unpack;

use std::{fs::File, path::Path};

use anyhow::Context;
use clap::Subcommand;

use super::Failure;
use crate::{
    model::xdm::{PackageLimits, PackageReport},
    wire::xdm::{Medium, MediumError},
};

/// What to do with packages.
#[derive(Debug, Subcommand)]
pub(super) enum XdmCommand {
    /// Say what is in a package and everything that is wrong with it; keep nothing
    Check(check::CheckArgs),
    /// Write the documents of a package into a directory
    Unpack(unpack::UnpackArgs),
    /// Take the documents of a package over into the repository
    Import(import::ImportArgs),
    /// Make a package of documents: a zip file, or a directory for a USB stick
    Pack(Box<pack::PackArgs>),
    /// See, and take back, the packages that a running server makes and takes over
    Jobs(jobs::JobsArgs),
    /// Send a package by mail, signed and encrypted; or a link to it where it is too large
    Mail(Box<mail::MailArgs>),
    /// List mails and what became of them
    Mails(mail::MailsArgs),
    /// Open a mail that came: note its receipt, or decrypt, verify and write the package that it carries
    Receive(receive::ReceiveArgs),
    /// Offer a package on the pick-up page: prints a link for the mail and a code to tell in another way
    Offer(offer::OfferArgs),
    /// List what is offered and who came for it; take back, or give a new code
    Offers(offer::OffersArgs),
}

pub(super) fn run(command: XdmCommand) -> Result<(), Failure> {
    match command {
        XdmCommand::Check(args) => check::run(&args),
        XdmCommand::Unpack(args) => unpack::run(&args),
        XdmCommand::Import(args) => import::run(&args),
        XdmCommand::Pack(args) => pack::run(*args),
        XdmCommand::Jobs(args) => jobs::run(args),
        XdmCommand::Mail(args) => mail::run(*args),
        XdmCommand::Mails(args) => mail::list(&args),
        XdmCommand::Receive(args) => receive::run(&args),
        XdmCommand::Offer(args) => offer::run(&args),
        XdmCommand::Offers(args) => offer::list(&args),
    }
}

/// Opens a package, a file or a directory; the report says why where it is refused.
fn open(package: &Path, limits: &PackageLimits) -> Result<Result<Medium, PackageReport>, Failure> {
    let place = || package.display().to_string();
    let is_directory = std::fs::metadata(package).with_context(place)?.is_dir();
    let medium = match is_directory {
        true => Medium::of_tree(package, limits),
        false => Medium::of_archive(File::open(package).with_context(place)?, limits),
    };
    match medium {
        Ok(medium) => Ok(Ok(medium)),
        Err(MediumError::Rejected(finding)) => Ok(Err(PackageReport::rejected(finding))),
        Err(MediumError::Io(error)) => Err(Failure::Fault(anyhow::Error::new(error).context(place()))),
    }
}
