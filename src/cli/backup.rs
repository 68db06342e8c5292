//! `knoop backup`.

use std::{path::PathBuf, sync::OnceLock};

use anyhow::Context;
use clap::Args;
use indicatif::HumanBytes;

use super::{
    DataArgs, Failure,
    assembly::{audit, open_documents, open_store},
    clock,
    progress::Progress,
};
use crate::service::{
    audit::events,
    backup::{self, Manifest},
};

/// What `backup` may be told.
#[derive(Debug, Args)]
#[command(after_help = "The server may go on working meanwhile.\n\n\
    Example:\n  knoop backup /mnt/backup/2026-11-21 --data /var/lib/knoop")]
pub(super) struct BackupArgs {
    /// Folder to write to; must be empty or not exist
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BackupArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let manifest = runtime.block_on(async {
        let store = open_store(&config).await?;
        let documents = open_documents(&config)?;
        let made = backup::back_up(&store, &documents, &args.to, clock::now(), &watcher("saved")).await;
        let media = args.to.display().to_string();
        let recorded =
            audit::record(&config, &store, |parties, actor| events::exported(parties, actor, &media, None)).await;
        store.close().await;
        recorded?;
        made.with_context(|| format!("no backup was made in {}", args.to.display())).map_err(Failure::from)
    })?;
    print(&manifest, args.json, "saved")?;
    match manifest.damaged.len() {
        0 => Ok(()),
        count => Err(Failure::Fault(anyhow::anyhow!(
            "{count} documents are damaged or missing in the repository and are not in the backup; \
            manifest.json names them, knoop doctor --deep says more"
        ))),
    }
}

/// Shows how far it is.
pub(super) fn watcher(label: &'static str) -> impl Fn(backup::Progress) + Send + Sync {
    let shown: OnceLock<(Progress, crate::client::Progress)> = OnceLock::new();
    move |progress| match progress {
        backup::Progress::Copying { bytes } => {
            shown.get_or_init(|| {
                let bar = Progress::new(label, bytes);
                let watcher = bar.watcher();
                (bar, watcher)
            });
        }
        backup::Progress::Copied { bytes } => {
            if let Some((_, watcher)) = shown.get() {
                watcher(bytes);
            }
        }
    }
}

/// Says what was done.
pub(super) fn print(manifest: &Manifest, json: bool, done: &str) -> Result<(), Failure> {
    if json {
        println!("{}", serde_json::to_string_pretty(manifest)?);
    } else {
        println!("{done} {} documents, {}, as of {}", manifest.documents, HumanBytes(manifest.bytes), manifest.made);
    }
    Ok(())
}
