//! `knoop audit search`.

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{existing, name_of_log, period, view::Line};
use crate::{
    cli::{DataArgs, Failure, assembly, table::Table},
    service::audit::events,
    store::AuditSearch,
};

/// What `audit search` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop audit search --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' --from 2026-01-01
  knoop audit search --event ITI-43 --outcome 8 --json
  knoop audit search --emergency --from 2026-11-01 --to 2026-11-30")]
pub(in crate::cli) struct SearchArgs {
    /// Patient id, CX
    #[arg(long, value_name = "CX")]
    patient: Option<String>,
    /// From this day or time on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// To the end of this day, or before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// UserID of a person
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Identifier of the caller's organisation
    #[arg(long, value_name = "ID")]
    organisation: Option<String>,
    /// Code of an event: ITI-43, 110113, 110127 …
    #[arg(long, value_name = "CODE")]
    event: Option<String>,
    /// 0 done, 4 refused, 8 denied, 12 not available
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..=12))]
    outcome: Option<i64>,
    /// Only emergency overrides
    #[arg(long)]
    emergency: bool,
    /// uniqueId or entryUUID of a document
    #[arg(long, value_name = "ID")]
    document: Option<String>,
    /// Most events to show, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON, with every event as it is kept
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &SearchArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let search = AuditSearch {
        patient: args.patient.as_deref().map(patient),
        from_ms: args.from.as_deref().map(period::from).transpose()?,
        to_ms: args.to.as_deref().map(period::to).transpose()?,
        person: args.user.clone(),
        organisation: args.organisation.clone(),
        event: args.event.clone(),
        outcome: args.outcome,
        emergency: args.emergency,
        document: args.document.clone(),
        after: None,
    };
    let store = existing(&config).await?;
    let log = name_of_log(&config);
    assembly::audit::record(&config, &store, |parties, reader| {
        events::log_used(parties, Some(reader), &log, search.patient.as_deref())
    })
    .await?;
    let found = store.search_audit(&search, args.limit).await;
    store.close().await;
    let found = found.context("the audit cannot be read")?;
    let lines = found.iter().map(Line::of).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        let events: Vec<_> = lines.iter().map(|(line, event)| json!({ "line": line, "event": event })).collect();
        println!("{}", json!({ "events": events }));
        return Ok(());
    }
    let mut table = Table::new(["time", "organisation", "node", "person", "event", "outcome", "patient", "documents"]);
    for (line, _) in lines {
        let outcome = if line.reason.is_empty() { line.outcome.to_string() } else { line.reason };
        table.row([
            line.time,
            line.organisation,
            line.node,
            line.person,
            line.event,
            if line.emergency { format!("{outcome} emergency") } else { outcome },
            line.patient.unwrap_or_default(),
            line.documents.join(" "),
        ]);
    }
    print!("{table}");
    eprintln!("{} events", found.len());
    Ok(())
}

/// As the registry writes it, where it can be read at all.
pub(super) fn patient(text: &str) -> String {
    text.parse::<crate::model::PatientId>().map_or_else(|_| text.to_owned(), |id| id.to_string())
}
