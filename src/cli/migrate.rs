//! `knoop migrate`: brings the database to this version.

use anyhow::Context;
use clap::Args;

use super::{DataArgs, Failure, assembly::open_store, peer::block_on};
use crate::store::data_dir::DataDir;

/// What `migrate` may be told.
#[derive(Debug, Args)]
#[command(after_help = "`serve` does the same when it starts, unless it is told --no-migrate.")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &MigrateArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let _data = DataDir::open(&config.data).with_context(|| format!("data directory {}", config.data.display()))?;
    block_on(async {
        let store = open_store(&config).await?;
        store.migrate().await.context("the database cannot be brought to this version")?;
        store.close().await;
        println!("the database is of version {}", env!("CARGO_PKG_VERSION"));
        Ok(())
    })
}
