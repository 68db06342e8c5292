//! `knoop fetch`.

use clap::Args;

use super::{Failure, PeerArgs};

/// What `fetch` may be told.
#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: FetchArgs) -> Result<(), Failure> {
    Err(Failure::wrong_use(format!("not in this build yet: {args:?}")))
}
