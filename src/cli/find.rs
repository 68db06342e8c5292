//! `knoop find`.

use clap::Args;

use super::{Failure, PeerArgs};

/// What `find` may be told.
#[derive(Debug, Args)]
pub(super) struct FindArgs {
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: FindArgs) -> Result<(), Failure> {
    Err(Failure::wrong_use(format!("not in this build yet: {args:?}")))
}
