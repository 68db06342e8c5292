//! `knoop consent agreement`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ByArgs, PeriodArgs, on_store, optional_time, time};
use crate::{
    cli::{DataArgs, Failure, table::Table},
    model::{HomeCommunityId, consent::AgreementRecord},
    service::access::{end_agreement, record_agreement},
};

/// What `consent agreement` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop consent agreement add urn:oid:2.999.100 urn:oid:2.999.200 --until 2027-01-01
  knoop consent agreement list --json
  knoop consent agreement end 3")]
pub(super) struct AgreementArgs {
    #[command(subcommand)]
    command: AgreementCommand,
}

#[derive(Debug, Subcommand)]
enum AgreementCommand {
    /// Record that two regions exchange documents
    Add(AddArgs),
    /// List the agreements
    List(ListArgs),
    /// End an agreement now
    End(EndArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    data: DataArgs,
    /// One region, its homeCommunityId
    #[arg(value_name = "REGION")]
    one: HomeCommunityId,
    /// The other
    #[arg(value_name = "REGION")]
    other: HomeCommunityId,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    by: ByArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EndArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The number that `add` and `list` print
    #[arg(value_name = "NUMBER")]
    key: i64,
    #[command(flatten)]
    by: ByArgs,
}

pub(super) fn run(args: AgreementArgs) -> Result<(), Failure> {
    match args.command {
        AgreementCommand::Add(args) => add(args),
        AgreementCommand::List(args) => list(args),
        AgreementCommand::End(args) => end(args),
    }
}

fn add(args: AddArgs) -> Result<(), Failure> {
    if args.one == args.other {
        return Err(Failure::wrong_use("a region needs no agreement with itself"));
    }
    on_store(&args.data.clone(), |config, store, now_ms| async move {
        let author = args.by.author("operator", &config, &store);
        let agreement = AgreementRecord {
            key: 0,
            regions: [args.one, args.other],
            period: args.period.period(now_ms),
            recorded_by: author.by.clone(),
            recorded_ms: now_ms,
        };
        let key = record_agreement(&store, agreement, &author).await?;
        if args.json {
            println!("{}", json!({ "recorded": key }));
        } else {
            println!("recorded as {key}");
        }
        Ok(())
    })
}

fn list(args: ListArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |_, store, _| async move {
        let agreements = store.read().await?.agreements().await?;
        if args.json {
            let agreements: Vec<_> = agreements
                .iter()
                .map(|it| {
                    json!({
                        "number": it.key,
                        "regions": it.regions.each_ref().map(ToString::to_string),
                        "from": time(it.period.from_ms),
                        "until": it.period.until_ms.map(time),
                        "by": &*it.recorded_by,
                        "recorded": time(it.recorded_ms),
                    })
                })
                .collect();
            println!("{}", json!({ "agreements": agreements }));
            return Ok(());
        }
        let mut table = Table::new(["number", "region", "and region", "from", "until", "by", "recorded"]);
        for it in &agreements {
            let [one, other] = it.regions.each_ref().map(ToString::to_string);
            let (from, until) = (time(it.period.from_ms), optional_time(it.period.until_ms));
            table.row([it.key.to_string(), one, other, from, until, it.recorded_by.to_string(), time(it.recorded_ms)]);
        }
        print!("{table}");
        eprintln!("{} agreements", agreements.len());
        Ok(())
    })
}

fn end(args: EndArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |config, store, _| async move {
        let key = args.key;
        if !end_agreement(&store, key, &args.by.author("operator", &config, &store)).await? {
            return Err(Failure::Refused(format!("no agreement {key} lasts")));
        }
        println!("agreement {key} is over");
        Ok(())
    })
}
