//! `knoop submit`.

use clap::Args;

use super::{Failure, PeerArgs};

/// What `submit` may be told.
#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: SubmitArgs) -> Result<(), Failure> {
    Err(Failure::wrong_use(format!("not in this build yet: {args:?}")))
}
