//! `knoop xdm offer` and `knoop xdm offers`: the pick-up page from the sender's side.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use crate::{
    cli::{
        DataArgs, Failure,
        assembly::{audit, import_settings, pickup, pickup_url},
        clock, directory,
    },
    config::Config,
    service::{
        Auditor,
        pickup::{Offer, Offered, Pickup, local_time as time},
        xdm::{NoPackage, PackageSets},
    },
    store::{PickupRow, Store, Visit, VisitKind},
};

/// What `xdm offer` may be told.
#[derive(Debug, Args)]
#[command(
    after_help = "The link goes by mail; it names nobody. The code is shown here once and is not kept: tell it by \
    telephone, or in another message.\n\nExample:\n  knoop xdm offer XDM.ZIP --data /var/lib/knoop --to 'Kliniek Voorbeeld, radiologie'"
)]
pub(in crate::cli) struct OfferArgs {
    /// The package, a zip file
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// For whom it is: an institution or a person, for your own list
    #[arg(long, value_name = "TEXT", default_value = "")]
    to: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// What `xdm offers` may be told.
#[derive(Debug, Args)]
pub(in crate::cli) struct OffersArgs {
    /// Take this one back: its link stops to work at once
    #[arg(long, value_name = "ID", conflicts_with = "new_code")]
    withdraw: Option<String>,
    /// Give this one a new code: the old one is lost, was used, or was tried too often
    #[arg(long, value_name = "ID")]
    new_code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &OfferArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let link = pickup_url(&config)
        .ok_or_else(|| Failure::wrong_use("pickup.listen and pickup.url say where packages are fetched; set both"))?;
    let sets = PackageSets::of_package(&args.package, &import_settings(&config)?).map_err(|error| match error {
        NoPackage::Refused(_) => Failure::Refused(error.to_string()),
        NoPackage::Io(_) => Failure::from(error),
    })?;
    let (sender, recipient) = (config.email.institution.clone(), args.to.clone());
    let offer = Offer { sender, recipient, sets, actor: audit::operator() };
    let package = args.package.clone();
    let Offered { id, code, expires_ms } = on_pickup(&args.data, move |pickup| async move {
        Ok(pickup.offer(&clock::context(), &package, &offer).await.context("the package cannot be offered")?)
    })?;
    if args.json {
        let whole = json!({ "id": id, "link": format!("{link}/p/{id}"), "code": code.to_string(), "expires": time(expires_ms) });
        println!("{whole}");
    } else {
        println!("link   {link}/p/{id}\ncode   {code}\nuntil  {}", time(expires_ms));
    }
    Ok(())
}

pub(super) fn list(args: &OffersArgs) -> Result<(), Failure> {
    if let Some(id) = args.withdraw.clone() {
        let withdrawn = on_pickup(&args.data, move |pickup| async move {
            Ok(pickup.withdraw(&clock::context(), &id, &audit::operator()).await?)
        });
        return match withdrawn? {
            true => Ok(()),
            false => Err(Failure::wrong_use("there is no such package, or it was taken back before")),
        };
    }
    if let Some(id) = args.new_code.clone() {
        let code = on_pickup(&args.data, move |pickup| async move {
            Ok(pickup.renew(&clock::context(), &id, &audit::operator()).await?)
        });
        let code = code?.ok_or_else(|| Failure::wrong_use("there is no such package any more"))?;
        println!("{code}");
        return Ok(());
    }
    let rows = on_pickup(&args.data, |pickup| async move { Ok(pickup.list().await?) })?;
    if args.json {
        println!("{}", serde_json::Value::from(rows.iter().map(as_json).collect::<Vec<_>>()));
        return Ok(());
    }
    for (row, visits) in &rows {
        let until = time(row.expires_ms);
        println!("{}  {}  until {until}  {}", row.pickup_id, state(row), row.recipient);
        for visit in visits {
            println!("  {}  {}  {}", time(visit.visited_ms), visit.address, word(visit.kind));
        }
    }
    Ok(())
}

fn as_json((row, visits): &(PickupRow, Vec<Visit>)) -> serde_json::Value {
    let visits: Vec<_> = visits
        .iter()
        .map(|visit| json!({ "time": time(visit.visited_ms), "address": visit.address, "what": word(visit.kind) }))
        .collect();
    json!({
        "id": row.pickup_id,
        "state": state(row),
        "recipient": row.recipient,
        "octets": row.octets,
        "offeredBy": row.created_by,
        "offered": time(row.created_ms),
        "expires": time(row.expires_ms),
        "visits": visits,
    })
}

fn state(row: &PickupRow) -> &'static str {
    let now_ms = clock::now().as_millisecond();
    match row {
        row if row.withdrawn_ms.is_some() => "withdrawn",
        row if row.used_ms.is_some() => "opened",
        row if row.expires_ms <= now_ms => "expired",
        row if row.attempts >= crate::service::pickup::TRIES => "locked",
        _ => "waiting",
    }
}

const fn word(kind: VisitKind) -> &'static str {
    match kind {
        VisitKind::RightCode => "right code",
        VisitKind::WrongCode => "wrong code",
        VisitKind::Closed => "came for a closed package",
        VisitKind::Download => "download",
    }
}

/// Works on the packages of a data directory, whether or not its server runs, and seals what was recorded.
fn on_pickup<T: Send + 'static, F>(data: &DataArgs, work: impl FnOnce(Pickup) -> F + 'static) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    directory::on_store(data, move |config: Config, store: Store| {
        let auditor = Auditor::new(store.clone(), crate::cli::assembly::audit_settings(&config));
        let work = work(pickup(&config, &store, &auditor));
        Box::pin(async move {
            let done = work.await?;
            if config.audit.record {
                audit::sealer(&config, &store).seal().await.context("the audit cannot be sealed")?;
            }
            Ok(done)
        })
    })
}
