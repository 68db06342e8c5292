//! `knoop audit export`: the view of one patient.

use anyhow::Context;
use clap::Args;

use super::{existing, name_of_log, search::patient, view::Line};
use crate::{
    cli::{DataArgs, Failure, assembly},
    service::audit::events,
    store::AuditSearch,
};

/// Events that are read at a time.
const AT_ONCE: i64 = 1000;

/// What `audit export` may be told.
#[derive(Debug, Args)]
#[command(
    after_help = "One JSON object a line, the newest first: who saw what of this patient, and why they could.\n\n\
    Example:\n  knoop audit export --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' > seen.jsonl"
)]
pub(in crate::cli) struct ExportArgs {
    /// Patient id, CX
    #[arg(long, value_name = "CX")]
    patient: String,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) async fn run(args: &ExportArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let mut search = AuditSearch { patient: Some(patient(&args.patient)), ..AuditSearch::default() };
    let store = existing(&config).await?;
    let log = name_of_log(&config);
    assembly::audit::record(&config, &store, |parties, reader| {
        events::log_used(parties, Some(reader), &log, search.patient.as_deref())
    })
    .await?;
    loop {
        let found = store.search_audit(&search, AT_ONCE).await.context("the audit cannot be read")?;
        for event in &found {
            println!("{}", serde_json::to_string(&Line::of(event)?.0)?);
        }
        let Some(last) = found.last().filter(|_| found.len() as i64 == AT_ONCE) else { break };
        search.after = Some((last.occurred_ms, last.audit_key));
    }
    store.close().await;
    Ok(())
}
