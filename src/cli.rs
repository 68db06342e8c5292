//! The command line: one file a command. This is where the parts are put together.
//!
//! May use every room. Exit status 0 done, 1 refused by the peer, 2 wrong use, 3 fault on our side. What a command was
//! asked for goes to standard output, everything else to standard error.
//!
//! Source: design section 2.

mod assembly;
mod audit;
mod backup;
mod bench;
mod clock;
mod consent;
mod demo;
mod directory;
mod doctor;
mod failure;
mod fetch;
mod find;
mod found;
mod init;
mod metadata;
mod migrate;
mod node;
mod options;
mod organisation;
mod peer;
mod progress;
mod refusals;
mod restore;
mod serve;
mod submit;
mod table;
mod xdm;

pub use failure::Failure;
pub use options::{ConfigArgs, DataArgs, ListenNone, PeerArgs};

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// IHE XDS document exchange: registry, repository and the tools around them.
#[derive(Debug, Parser)]
#[command(name = "knoop", version, about, arg_required_else_help = true, max_term_width = 110, after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  knoop demo                                            a server with invented patients to try things on
  knoop init && knoop serve                             a server of your own
  knoop submit letter.pdf --to URL --patient CX --type 34133-9^^2.16.840.1.113883.6.1

Exit status: 0 done, 1 refused by the peer, 2 wrong use, 3 fault on our side.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Run a server with invented patients and documents, in a directory of its own
    Demo(demo::DemoArgs),
    /// Write knoop.toml, every key with its default, and certificates for development
    Init(init::InitArgs),
    /// Check configuration, certificates, database, clock, disk and peers, and say how to mend what is wrong
    Doctor(doctor::DoctorArgs),
    /// Bring the database to this version
    Migrate(migrate::MigrateArgs),
    /// Say which partner systems may call, and what they may do
    Node(node::NodeArgs),
    /// Say which care providers are behind the nodes
    Organisation(organisation::OrganisationCommandArgs),
    /// Submit files to a repository (ITI-41)
    Submit(Box<submit::SubmitArgs>),
    /// Find documents of a patient in a registry (ITI-18)
    Find(find::FindArgs),
    /// Fetch documents from a repository and check their hashes (ITI-43)
    Fetch(fetch::FetchArgs),
    /// Put load on a server and measure it
    Bench(bench::BenchArgs),
    /// Copy database and documents while the server works
    Backup(backup::BackupArgs),
    /// Put a backup where nothing is yet
    Restore(restore::RestoreArgs),
    /// Consent of patients, agreements of regions, emergencies, and the access policy
    Consent(consent::ConsentArgs),
    /// Verify, search and export the audit trail
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Packages on media and in zip files (ITI-32): check, unpack, import, pack
    #[command(subcommand)]
    Xdm(xdm::XdmCommand),
    /// List the last requests that this server refused
    Refusals(refusals::RefusalsArgs),
}

/// Reads the command line, runs the command and gives the exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let shown = error.print();
            let status = if error.use_stderr() || shown.is_err() { Failure::WRONG_USE } else { 0 };
            return ExitCode::from(status);
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("knoop: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Init(args) => init::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Node(args) => node::run(args),
        Command::Organisation(args) => organisation::run(args),
        Command::Submit(args) => submit::run(*args),
        Command::Find(args) => find::run(args),
        Command::Fetch(args) => fetch::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Consent(args) => consent::run(args),
        Command::Audit(command) => audit::run(&command),
        Command::Xdm(command) => xdm::run(command),
        Command::Refusals(args) => refusals::run(&args),
    }
}
