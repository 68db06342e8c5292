//! `knoop consent`: what patients answered, what regions agreed, what was opened in an emergency, and the policy.

mod agreements;
mod answers;
mod emergencies;
mod import;
mod policy;

use std::str::FromStr;

use clap::{Args, Subcommand};

use super::{
    DataArgs, Failure,
    assembly::{audit, audit_settings, open_store},
    clock,
    peer::block_on,
};
use crate::{
    config::Config,
    model::{PatientId, PatientIdError, consent::Period},
    service::{Auditor, access::Author},
    store::Store,
};

/// What `consent` may be told.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ConsentArgs {
    #[command(subcommand)]
    command: ConsentCommand,
}

const HELP: &str = "\
The server may go on working meanwhile; what is changed holds for the next request.

Examples:
  knoop consent add --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' \\
      --source category:ziekenhuis --for letters --requester category:ziekenhuis --answer permit
  knoop consent add --patient CX --source category:ggz --for '*' --requester category:huisarts --answer deny
  knoop consent list --patient CX
  knoop consent withdraw 17
  knoop consent import answers.csv
  knoop consent agreement add urn:oid:2.999.100 urn:oid:2.999.200
  knoop consent emergencies
  knoop consent policy check new-policy.toml";

#[derive(Debug, Subcommand)]
enum ConsentCommand {
    /// Record an answer of a patient
    Add(answers::AddArgs),
    /// List the answers of a patient
    List(answers::ListArgs),
    /// Withdraw an answer
    Withdraw(answers::WithdrawArgs),
    /// Record the answers in a CSV or JSON file, all of them or none
    Import(import::ImportArgs),
    /// Agreements between regions
    Agreement(agreements::AgreementArgs),
    /// List what was opened in an emergency, and close what was reviewed
    Emergencies(emergencies::EmergenciesArgs),
    /// The access policy
    Policy(policy::PolicyArgs),
}

pub(super) fn run(args: ConsentArgs) -> Result<(), Failure> {
    match args.command {
        ConsentCommand::Add(args) => answers::add(args),
        ConsentCommand::List(args) => answers::list(args),
        ConsentCommand::Withdraw(args) => answers::withdraw(args),
        ConsentCommand::Import(args) => import::run(args),
        ConsentCommand::Agreement(args) => agreements::run(args),
        ConsentCommand::Emergencies(args) => emergencies::run(args),
        ConsentCommand::Policy(args) => policy::run(args),
    }
}

/// Runs a command on the store that the configuration names, while a server may work on it.
fn on_store<F>(data: &DataArgs, command: impl FnOnce(Config, Store, i64) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let config = data.load()?;
    block_on(async {
        let store = open_store(&config).await?;
        let done = command(config, store.clone(), clock::now().as_millisecond()).await;
        store.close().await;
        done
    })
}

/// Whose answer it is.
fn patient(text: &str) -> Result<PatientId, PatientIdError> {
    text.parse()
}

/// A time, or a day, which begins at midnight UTC.
#[derive(Clone, Copy, Debug)]
struct Moment(i64);

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = text.parse::<jiff::Timestamp>().ok();
        let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        time.or_else(|| day().map(|day| day.timestamp()))
            .map(|time| Self(time.as_millisecond()))
            .ok_or("a day such as 2026-12-31, or a time such as 2026-12-31T10:00:00Z, is wanted")
    }
}

/// When an answer or an agreement holds.
#[derive(Clone, Copy, Debug, Args)]
struct PeriodArgs {
    /// From when [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Until when
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

impl PeriodArgs {
    fn period(self, now_ms: i64) -> Period {
        Period { from_ms: self.from.map_or(now_ms, |from| from.0), until_ms: self.until.map(|until| until.0) }
    }
}

/// Who records it.
#[derive(Clone, Debug, Args)]
struct ByArgs {
    /// Who records it [default: the name of the operating system's user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl ByArgs {
    fn author(&self, origin: &'static str, config: &Config, store: &Store) -> Author {
        let by = self.by.clone().unwrap_or_else(|| audit::operator().user_id).into();
        Author { by, origin, ctx: clock::context(), auditor: Auditor::new(store.clone(), audit_settings(config)) }
    }
}

/// A time for people and scripts.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
}

fn optional_time(ms: Option<i64>) -> String {
    ms.map(time).unwrap_or_default()
}
