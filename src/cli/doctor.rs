//! `knoop doctor`.

use clap::Args;

use super::{DataArgs, Failure};

/// What `doctor` may be told.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    args.data.load().map(drop)
}
