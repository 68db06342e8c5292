//! `knoop consent emergencies`: the review list of the privacy officer (S-CON-22).

use clap::Args;
use serde_json::json;

use super::{ByArgs, on_store, optional_time, time};
use crate::{
    cli::{DataArgs, Failure, table::Table},
    service::access::close_emergency,
    store::EmergencyRow,
};

/// What `consent emergencies` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop consent emergencies
  knoop consent emergencies --all --json
  knoop consent emergencies --close 4 --by 'J. de Vries'")]
pub(super) struct EmergenciesArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Also those that were reviewed
    #[arg(long)]
    all: bool,
    /// Close this one after its review
    #[arg(long, value_name = "NUMBER")]
    close: Option<i64>,
    #[command(flatten)]
    by: ByArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: EmergenciesArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |config, store, _| async move {
        if let Some(key) = args.close
            && !close_emergency(&store, key, &args.by.author("operator", &config, &store)).await?
        {
            return Err(Failure::Refused(format!("no emergency {key} is open")));
        }
        let mut rows = store.read().await?.grants().await?;
        rows.retain(|row| args.all || row.grant.closed_ms.is_none());
        if args.json {
            println!("{}", json!({ "emergencies": rows.iter().map(as_json).collect::<Vec<_>>() }));
            return Ok(());
        }
        let heading = ["number", "began", "until", "person", "organisation", "patient", "opened of", "closed", "by"];
        let mut table = Table::new(heading);
        for EmergencyRow { grant, patient } in &rows {
            let sources: Vec<String> = grant.sources.iter().map(ToString::to_string).collect();
            table.row([
                grant.key.to_string(),
                time(grant.period.from_ms),
                optional_time(grant.period.until_ms),
                grant.person.to_string(),
                grant.organisation.to_string(),
                patient.to_string(),
                sources.join(" "),
                optional_time(grant.closed_ms),
                grant.closed_by.as_deref().unwrap_or_default().to_owned(),
            ]);
        }
        print!("{table}");
        eprintln!("{} emergencies", rows.len());
        Ok(())
    })
}

fn as_json(row: &EmergencyRow) -> serde_json::Value {
    let grant = &row.grant;
    json!({
        "number": grant.key,
        "began": time(grant.period.from_ms),
        "until": grant.period.until_ms.map(time),
        "person": &*grant.person,
        "organisation": grant.organisation,
        "patient": row.patient.to_string(),
        "openedOf": grant.sources,
        "notified": grant.notified_ms.map(time),
        "closed": grant.closed_ms.map(time),
        "closedBy": grant.closed_by,
    })
}
