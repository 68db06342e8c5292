//! `knoop restore`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{
    DataArgs, Failure,
    assembly::{audit, open_documents, open_store, take_data_dir},
    backup::{print, watcher},
};
use crate::{
    config::{Config, DatabaseLocation},
    service::{
        audit::events,
        backup::{self, BackupError, Manifest, RestoreTo},
    },
};

/// What `restore` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Restores only where nothing is: choose a new data directory, or an empty database.\n\n\
    Example:\n  knoop restore /mnt/backup/2026-11-21 --data /var/lib/knoop-restored")]
pub(super) struct RestoreArgs {
    /// Folder that knoop backup wrote
    #[arg(value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Print what was restored as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RestoreArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let manifest = tokio::runtime::Runtime::new()?.block_on(restore(args, &config))?;
    print(&manifest, args.json, "restored")
}

async fn restore(args: &RestoreArgs, config: &Config) -> Result<Manifest, Failure> {
    // Said before anything is made.
    backup::manifest(&args.from).with_context(|| args.from.display().to_string())?;
    let data = take_data_dir(&config.data)?;
    let to = match &config.database.location {
        DatabaseLocation::Sqlite(path) => RestoreTo::Sqlite(config.sqlite_path(path)),
        DatabaseLocation::Postgres(_) => RestoreTo::Postgres(open_store(config).await?, data.folder().to_owned()),
    };
    let restored = backup::restore(&args.from, &to, &open_documents(config)?, &watcher("restored")).await;
    if let RestoreTo::Postgres(store, _) = &to {
        store.close().await;
    }
    if restored.is_ok() {
        let store = open_store(config).await?;
        let media = args.from.display().to_string();
        let recorded =
            audit::record(config, &store, |parties, actor| events::imported(parties, actor, &media, None)).await;
        store.close().await;
        recorded?;
    }
    restored.map_err(|error| match error {
        BackupError::NotEmpty => Failure::wrong_use(format!(
            "{} or its database holds something already; nothing was restored. Choose a new data directory",
            data.folder().display()
        )),
        error => Failure::Fault(anyhow::Error::new(error).context("nothing was restored")),
    })
}
