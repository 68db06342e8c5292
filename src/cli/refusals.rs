//! `knoop refusals`.

use clap::Args;

use super::{DataArgs, Failure};

/// What `refusals` may be told.
#[derive(Debug, Args)]
pub(super) struct RefusalsArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &RefusalsArgs) -> Result<(), Failure> {
    args.data.load().map(drop)
}
