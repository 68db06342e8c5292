//! `knoop audit prune`.

use clap::Args;
use serde_json::json;

use super::{existing, name_of_log};
use crate::{
    cli::{DataArgs, Failure, assembly, clock},
    service::audit::{
        Heads,
        events::{self, Change},
    },
    store::{PruneError, audit_kept_since},
};

/// What `audit prune` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Removes whole months that ended more than audit.retention_years ago; their seals stay in the \
    database, so that knoop audit verify still proves the rest; the file of heads leaves them out. With PostgreSQL the account must own the tables.\n\n\
    Example:\n  knoop audit prune --data /var/lib/knoop")]
pub(in crate::cli) struct PruneArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &PruneArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let store = existing(&config).await?;
    let years = i64::try_from(config.audit.retention_years).unwrap_or(i64::MAX / 24);
    let now_ms = clock::now().as_millisecond();
    let destinations: Vec<String> = assembly::audit_delivery::destinations(&config).map(|it| it.to_string()).collect();
    let pruned = store.prune_audit(years, now_ms, &destinations).await.map_err(|error| match error {
        PruneError::Store(_) => Failure::Fault(anyhow::Error::new(error).context("nothing more was removed")),
        other => Failure::Refused(format!("nothing was removed: {other}")),
    })?;
    let heads = Heads::at(config.audit_heads_path());
    if let Err(error) = heads.forget(audit_kept_since(years, now_ms)) {
        eprintln!("knoop: {} keeps the seals of what was removed: {error}", heads.path().display());
    }
    if !pruned.is_empty() {
        let months: Vec<String> =
            pruned.iter().map(|month| format!("{} ({} events)", month.month, month.entries)).collect();
        let text = format!("removed after their time: {}", months.join(", "));
        let log = name_of_log(&config);
        assembly::audit::record(&config, &store, |parties, actor| {
            events::configuration_changed(parties, Change::Security, actor, &log, &text)
        })
        .await?;
    }
    store.close().await;
    if args.json {
        let months: Vec<_> =
            pruned.iter().map(|month| json!({ "month": month.month, "events": month.entries })).collect();
        println!("{}", json!({ "pruned": months }));
    } else {
        pruned.iter().for_each(|month| println!("{}  {} events", month.month, month.entries));
        eprintln!("{} months removed", pruned.len());
    }
    Ok(())
}
