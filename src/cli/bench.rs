//! `knoop bench`.

use clap::Args;

use super::{Failure, PeerArgs};

/// What `bench` may be told.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: BenchArgs) -> Result<(), Failure> {
    Err(Failure::wrong_use(format!("not in this build yet: {args:?}")))
}
