//! `knoop xdm jobs`: the packages that a running server makes and takes over, as the operator sees them.

use std::collections::BTreeSet;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::HumanBytes;

use super::import::of_set;
use crate::{
    cli::{
        DataArgs, Failure,
        assembly::{audit, audit_settings, mail, open_store, packages},
        clock,
        table::Table,
    },
    config::Config,
    model::{
        PatientId,
        xdm::{Direction, PackageId},
    },
    service::{
        Auditor,
        xdm::{
            LookedAt,
            jobs::{ImportOrder, PackageError, PackageSummary, Packages, XdmPackage, shown},
        },
    },
    store::Store,
};

/// Packages that are listed at most.
const LISTED: i64 = 10_000;

/// What `xdm jobs` may be told.
#[derive(Debug, Args)]
#[command(after_help = "The server may go on working meanwhile.\n\n\
    Examples:\n  knoop xdm jobs list --data /var/lib/knoop\n  knoop xdm jobs show ID --json\n  \
    knoop xdm jobs commit ID --set 1 --looked-at\n  knoop xdm jobs withdraw ID")]
pub(in crate::cli) struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List packages, the newest first
    List {
        /// Only those that go this way
        #[arg(long, value_enum)]
        direction: Option<Way>,
        #[command(flatten)]
        shared: Shared,
    },
    /// Show one, with its report
    Show {
        /// What it is known by
        id: PackageId,
        #[command(flatten)]
        shared: Shared,
    },
    /// Take over what was looked into, such as a package of the watched folder that was held; the server does it
    Commit {
        /// What it is known by
        id: PackageId,
        /// Take this set only, by its number in the report; may be given several times
        #[arg(long, value_name = "SET")]
        set: Vec<usize>,
        /// Patient of the only set, or of those that wait for one, as CX: ID^^^&OID&ISO
        #[arg(long, value_name = "CX")]
        patient: Option<PatientId>,
        /// Patient of one set
        #[arg(long, value_name = "SET=CX", value_parser = of_set)]
        patient_of: Vec<(usize, PatientId)>,
        /// Somebody looked at what is held for that, such as an empty document: take it
        #[arg(long)]
        looked_at: bool,
        #[command(flatten)]
        shared: Shared,
    },
    /// Take one back: a job that works on it ends, and its file goes
    Withdraw {
        /// What it is known by
        id: PackageId,
        #[command(flatten)]
        shared: Shared,
    },
}

#[derive(Debug, Args)]
struct Shared {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Export,
    Import,
}

pub(super) fn run(args: JobsArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let shared = match &args.command {
            JobsCommand::List { shared, .. }
            | JobsCommand::Show { shared, .. }
            | JobsCommand::Commit { shared, .. }
            | JobsCommand::Withdraw { shared, .. } => shared,
        };
        let config = shared.data.load()?;
        let store = open_store(&config).await?;
        let done = work(&args.command, &config, &store).await;
        store.close().await;
        done
    })
}

async fn work(command: &JobsCommand, config: &Config, store: &Store) -> Result<(), Failure> {
    let auditor = Auditor::new(store.clone(), audit_settings(config));
    let mail = mail(config, store, &auditor, None);
    let packages = packages::of(config, None, None, store, &auditor, mail)?;
    match command {
        JobsCommand::List { direction, shared } => {
            let direction = direction.map(|way| match way {
                Way::Export => Direction::Export,
                Way::Import => Direction::Import,
            });
            let found = packages.list(None, direction, LISTED).await.context("the packages cannot be read")?;
            list(&found, shared.json);
        }
        JobsCommand::Show { id, shared } => show(&get(&packages, *id).await?, shared.json),
        JobsCommand::Commit { id, set, patient, patient_of, looked_at, shared } => {
            let order = ImportOrder {
                sets: set.iter().copied().collect(),
                patient: patient.as_ref().map(ToString::to_string),
                patients: patient_of.iter().map(|(set, patient)| (*set, patient.to_string())).collect(),
                looked_at: LookedAt::All(*looked_at),
                overridden: BTreeSet::new(),
                auto_commit: false,
            };
            commit(&packages, *id, &order).await?;
            show(&get(&packages, *id).await?, shared.json);
        }
        JobsCommand::Withdraw { id, shared } => {
            let package = get(&packages, *id).await?;
            match packages.withdraw(&clock::context(), &package, Some(&audit::operator())).await {
                Err(error @ PackageError::Standing(_)) => return Err(Failure::Refused(error.to_string())),
                withdrawn => withdrawn.context("the package cannot be withdrawn")?,
            }
            show(&get(&packages, *id).await?, shared.json);
        }
    }
    Ok(())
}

async fn commit(packages: &Packages, id: PackageId, order: &ImportOrder) -> Result<(), Failure> {
    let package = get(packages, id).await?;
    if package.direction != Direction::Import {
        return Err(Failure::wrong_use(format!("{id} is no package that came")));
    }
    order.check(&package).map_err(|error| Failure::wrong_use(error.to_string()))?;
    let committed = match packages.in_the_name_of(&package).await {
        Ok(ctx) => packages.commit(&ctx, &package, order, Some(&audit::operator())).await,
        Err(error) => Err(error),
    };
    match committed {
        Err(error @ (PackageError::Standing(_) | PackageError::Node)) => Err(Failure::Refused(error.to_string())),
        committed => Ok(committed.context("the package cannot be committed")?),
    }
}

async fn get(packages: &Packages, id: PackageId) -> Result<XdmPackage, Failure> {
    match packages.get(id).await {
        Err(PackageError::Unknown) => Err(Failure::wrong_use(format!("there is no package {id}"))),
        found => Ok(found.context("the package cannot be read")?),
    }
}

fn list(packages: &[XdmPackage], json: bool) {
    if json {
        let objects: Vec<String> = packages.iter().map(|package| shown::object(package, false)).collect();
        println!("{{\"packages\":[{}]}}", objects.join(","));
        return;
    }
    let mut table = Table::new(["id", "way", "state", "priority", "size", "created", "problem"]);
    for package in packages {
        let size = package.octets.map(|octets| HumanBytes(octets).to_string()).unwrap_or_default();
        let created = jiff::Timestamp::from_millisecond(package.created_ms).map(|it| it.to_string());
        let problem = package.problem.clone().unwrap_or_default();
        table.row([
            package.package_id.to_string(),
            package.direction.as_str().to_owned(),
            package.state.as_str().to_owned(),
            package.priority.as_str().to_owned(),
            size,
            created.unwrap_or_default(),
            problem,
        ]);
    }
    print!("{table}");
}

fn show(package: &XdmPackage, json: bool) {
    if json {
        println!("{}", shown::object(package, true));
        return;
    }
    println!("{} {}: {}", package.direction.as_str(), package.package_id, package.state.as_str());
    if let Some(problem) = &package.problem {
        println!("    {problem}");
    }
    if let Some(file) = &package.file {
        let size = package.octets.map(|octets| HumanBytes(octets).to_string()).unwrap_or_default();
        println!("    xdm/{file}  {size}");
    }
    if PackageSummary::of(package.report.as_deref()).is_quarantined() {
        println!("    quarantined: a document is not what its hash or size say");
    }
    if package.report.is_some() {
        println!("    the report names patients: --json shows it");
    }
}
