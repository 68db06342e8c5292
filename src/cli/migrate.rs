//! `knoop migrate`.

use clap::Args;

use super::{DataArgs, Failure};

/// What `migrate` may be told.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &MigrateArgs) -> Result<(), Failure> {
    args.data.load().map(drop)
}
