//! `knoop serve`.

use clap::Args;

use super::{DataArgs, Failure, ListenNone};

/// What `serve` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  knoop serve --data /var/lib/knoop --insecure-loopback 8089")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Plain HTTP on this port of 127.0.0.1, for tests and a local TLS proxy; 0 takes a free port
    #[arg(long, value_name = "PORT")]
    pub(super) insecure_loopback: Option<u16>,
    /// Open no listener but those named on the command line
    #[arg(long, value_name = "none")]
    pub(super) listen: Option<ListenNone>,
    /// Do not bring the database to this version; refuse to start if it is older
    #[arg(long)]
    pub(super) no_migrate: bool,
}

pub(super) fn run(args: ServeArgs) -> Result<(), Failure> {
    args.data.load().map(drop)
}
