//! `knoop xdm import`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context;
use clap::Args;

use super::{check::octets, open, show};
use crate::{
    cli::{
        DataArgs, Failure,
        assembly::{Actors, Tls, audit, import_settings},
        clock,
        progress::Progress,
    },
    config::Config,
    model::{
        PatientId,
        xdm::{PackageOutcome, PackageReport},
    },
    service::{
        audit::events::MediaKind,
        xdm::{Choice, ImportError, LookedAt, MediaOrigin},
    },
};

/// What `xdm import` may be told.
#[derive(Debug, Args)]
#[command(
    after_help = "Each submission set is taken over whole or not at all; others of the package go ahead. A package \
    that is imported twice is told as already present.\nThe server that works on the data directory must be stopped \
    meanwhile.\n\n\
    Examples:\n  knoop xdm import XDM.ZIP --dry-run\n  knoop xdm import XDM.ZIP --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO'\n  \
    knoop xdm import /media/usb --set 1 --set 3"
)]
pub(in crate::cli) struct ImportArgs {
    /// The package: a zip file, or the top of a directory tree
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Patient of the only set, or of those that wait for one, as CX: ID^^^&OID&ISO
    #[arg(long, value_name = "CX")]
    patient: Option<PatientId>,
    /// Patient of one set
    #[arg(long, value_name = "SET=CX", value_parser = of_set)]
    patient_of: Vec<(usize, PatientId)>,
    /// Take this set only, by its number in the report; may be given several times
    #[arg(long, value_name = "SET")]
    set: Vec<usize>,
    /// Somebody looked at what is held for that, such as an empty document: take it
    #[arg(long)]
    looked_at: bool,
    /// Take this set in spite of wrong hashes or sizes, if the configuration allows it; may be given several times
    #[arg(long = "override", value_name = "SET")]
    overridden: Vec<usize>,
    /// Keep homeCommunityId as it was sent, as xdm.keep_home does
    #[arg(long)]
    keep_home: bool,
    /// Do everything but keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn of_set(text: &str) -> Result<(usize, PatientId), String> {
    let (set, patient) = text.split_once('=').ok_or("write SET=CX, such as 2=ID^^^&OID&ISO")?;
    let set = set.parse().map_err(|_| "SET is the number of a set in the report".to_owned())?;
    let patient = patient.parse::<PatientId>().map_err(|error| error.to_string())?;
    Ok((set, patient))
}

pub(super) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let mut config = args.data.load()?;
    config.xdm.keep_home |= args.keep_home;
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(import(args, &config))?;
    show::print(&report, args.json)?;
    match report.outcome {
        PackageOutcome::All if args.dry_run => Ok(()),
        _ => show::status(&report),
    }
}

fn failure(error: ImportError) -> Failure {
    match error {
        ImportError::NoSet(_) => Failure::wrong_use(error.to_string()),
        ImportError::Store(_)
        | ImportError::Documents(_)
        | ImportError::Task(_)
        | ImportError::Desk(_)
        | ImportError::Thread(_) => Failure::from(error),
    }
}

async fn import(args: &ImportArgs, config: &Config) -> Result<PackageReport, Failure> {
    let settings = import_settings(config)?;
    if !args.overridden.is_empty() && !settings.may_override {
        return Err(Failure::wrong_use("--override needs xdm.override = true in the configuration"));
    }
    let limits = settings.limits;
    let actors = Actors::open(config, Tls::load(config)?, true).await?;
    actors.clear_temporaries(config).await?;
    let importer = actors.importer(config)?;
    let importer = importer.ok_or_else(|| Failure::wrong_use("roles.repository is off: nothing could be kept"))?;
    // The name of the file may be that of a patient.
    let kind = if args.package.is_dir() { MediaKind::Disk } else { MediaKind::Uri };
    let origin = MediaOrigin { name: "knoop xdm import".to_owned(), kind, operator: Some(audit::operator()) };
    let choice = Choice {
        sets: args.set.iter().copied().collect(),
        patient: args.patient.clone(),
        patients: args.patient_of.iter().cloned().collect::<BTreeMap<_, _>>(),
        looked_at: LookedAt::All(args.looked_at),
        overridden: args.overridden.iter().copied().collect(),
        dry_run: args.dry_run,
    };
    let mut ctx = clock::context();
    let report = match open(&args.package, &limits)? {
        Err(report) => {
            importer.rejected(&ctx, &report, &choice, &origin).await?;
            report
        }
        Ok(medium) => {
            let progress = Progress::new("imported", octets(&medium));
            importer.import(&mut ctx, medium, &choice, &origin, &*progress.watcher()).await.map_err(failure)?
        }
    };
    if config.audit.record {
        audit::sealer(config, &actors.store).seal().await.context("the audit cannot be sealed")?;
    }
    actors.store.close().await;
    Ok(report)
}
