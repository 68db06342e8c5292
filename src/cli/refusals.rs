//! `knoop refusals`: the last requests that this server refused.

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{DataArgs, Failure, table::Table};
use crate::service::refusals;

/// What `refusals` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  knoop refusals --last 20\n  knoop refusals --data /var/lib/knoop --json")]
pub(super) struct RefusalsArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Only the last ones
    #[arg(long, value_name = "COUNT", default_value_t = refusals::KEPT)]
    last: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RefusalsArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let data = config.data.display();
    if !config.data.is_dir() {
        return Err(Failure::wrong_use(format!("there is no data directory {data}; name it with --data DIR")));
    }
    let mut refused = refusals::read(&config.data).with_context(|| format!("the refusals in {data} cannot be read"))?;
    let refused = refused.split_off(refused.len().saturating_sub(args.last));
    if args.json {
        println!("{}", json!({ "refusals": refused }));
        return Ok(());
    }
    let mut table = Table::new(["time", "node", "transaction", "code", "context", "location", "message id"]);
    for refusal in &refused {
        table.row([
            refusal.time.clone(),
            refusal.node.clone(),
            refusal.transaction.clone(),
            refusal.code.clone(),
            refusal.context.clone(),
            refusal.location.clone(),
            refusal.message_id.clone(),
        ]);
    }
    print!("{table}");
    eprintln!("{} refused requests", refused.len());
    Ok(())
}
