//! `knoop audit verify`.

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::existing;
use crate::{
    cli::{DataArgs, Failure, clock},
    service::audit::{self, Heads},
};

/// What `audit verify` may be told.
#[derive(Debug, Args)]
#[command(after_help = "May be run beside a running server.\n\n\
    Exit status 0 whole, 1 not whole, 3 cannot be read.\n\nExample:\n  knoop audit verify --data /var/lib/knoop")]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let store = existing(&config).await?;
    let heads = Heads::at(config.audit_heads_path());
    let report = audit::verify(&store, &heads, clock::now().as_millisecond()).await;
    store.close().await;
    let report = report.context("the audit cannot be read")?;
    let of_heads = audit::verify_heads(&heads, report.newest_seq).await.context("the audit cannot be read")?;
    let mut faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    faults.extend(of_heads.faults.iter().map(ToString::to_string));
    let notes: Vec<String> = of_heads.late.iter().map(ToString::to_string).collect();
    if args.json {
        println!(
            "{}",
            json!({ "whole": faults.is_empty(), "newest_seal": report.newest_seq, "rows": report.rows,
                "pruned": report.pruned, "faults": faults, "notes": notes })
        );
    } else {
        faults.iter().for_each(|fault| println!("{fault}"));
        notes.iter().for_each(|note| println!("note: {note}"));
        println!("{} rows in {} seals, {} pruned after their time", report.rows, report.seals, report.pruned);
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(Failure::Refused(format!("the audit trail is not whole: {count} faults"))),
    }
}
