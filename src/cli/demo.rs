//! `knoop demo`: a server with invented patients.

mod data;
mod dice;
mod paper;
mod people;

use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, Failure, ListenNone};

/// What `demo` may be told.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The directory of the demo
    #[arg(long, value_name = "DIR", default_value = "./knoop-demo")]
    pub(super) data: PathBuf,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Plain HTTP on this port of 127.0.0.1; 0 takes a free port
    #[arg(long, value_name = "PORT", default_value_t = 8089)]
    pub(super) insecure_loopback: u16,
    /// Open no listener but those named on the command line
    #[arg(long, value_name = "none")]
    pub(super) listen: Option<ListenNone>,
}

pub(super) fn run(args: DemoArgs) -> Result<(), Failure> {
    args.config.load().map(drop)
}
