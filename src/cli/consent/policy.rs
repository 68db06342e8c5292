//! `knoop consent policy`: the policy that is built in, and what another one would change (S-CON-09).

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::on_store;
use crate::{
    cli::{
        DataArgs, Failure,
        assembly::{policy_in_force, policy_of},
        table::Table,
    },
    model::CodeValue,
    security::access::{Policy, Shift, shifts},
    store::EntryLabels,
};

/// What `consent policy` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop consent policy show > policy.toml
  knoop consent policy check policy.toml
  knoop consent policy history
  knoop consent policy show --version mine/3 > policy.toml")]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Print the policy that is built in, to begin one's own with, or one that decided here
    Show(ShowArgs),
    /// List the policies that decided here, or will
    History(HistoryArgs),
    /// Say who would gain and who would lose with another policy; nothing is changed
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    data: DataArgs,
    /// One that decided here, to go back to it
    #[arg(long, value_name = "ID/VERSION")]
    version: Option<String>,
}

#[derive(Debug, Args)]
struct HistoryArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The other policy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: PolicyArgs) -> Result<(), Failure> {
    match args.command {
        PolicyCommand::Show(args) => show(args),
        PolicyCommand::History(args) => history(args),
        PolicyCommand::Check(args) => check(args),
    }
}

fn show(args: ShowArgs) -> Result<(), Failure> {
    let Some(version) = args.version else {
        print!("{}", Policy::DEFAULT);
        return Ok(());
    };
    on_store(&args.data, |_, store, _| async move {
        let kept = store.read().await?.access_policies().await?;
        // The same id and version may have been changed: the last one counts.
        let found = kept.into_iter().rev().find(|policy| policy.version == version);
        let found = found.ok_or_else(|| Failure::wrong_use(format!("no policy {version} decided here")))?;
        print!("{}", found.content);
        Ok(())
    })
}

fn history(args: HistoryArgs) -> Result<(), Failure> {
    on_store(&args.data, |_, store, _| async move {
        let kept = store.read().await?.access_policies().await?;
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default();
        if args.json {
            let rows: Vec<_> = kept
                .iter()
                .map(|it| json!({ "policy": it.version, "sha256": it.sha256, "recorded": time(it.first_used_ms) }))
                .collect();
            println!("{}", json!(rows));
            return Ok(());
        }
        let mut table = Table::new(["policy", "recorded", "SHA-256"]);
        for it in kept {
            table.row([it.version, time(it.first_used_ms), it.sha256]);
        }
        print!("{table}");
        Ok(())
    })
}

fn check(args: CheckArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |config, store, _| async move {
        let now = policy_in_force(&config)?;
        let then = policy_of(&args.file)?;
        let rows = store.read().await?.entry_labels().await?;
        let (shifts, moves) = (shifts(&now, &then), moves(&now, &then, &rows));
        let versions = [now.version().to_string(), then.version().to_string()];
        if args.json {
            println!("{}", report(&versions, &shifts, &moves));
            return Ok(());
        }
        println!("from {} to {}", versions[0], versions[1]);
        let mut table = Table::new(["", "role", "purpose", "confidentiality", "consent", "now", "then"]);
        for it in &shifts {
            let word = if it.gains() { "gains" } else { "loses" };
            table.row([
                word.to_owned(),
                it.role.to_string(),
                format!("{:?}", it.purpose).to_uppercase(),
                it.level.as_str().to_owned(),
                it.consent.to_owned(),
                it.now.clone(),
                it.then.clone(),
            ]);
        }
        if !shifts.is_empty() {
            print!("{table}");
        }
        let mut table = Table::new(["documents", "of", "now", "then"]);
        for ((owner, from, to), count) in &moves {
            table.row([count.to_string(), owner.to_string(), from.clone(), to.clone()]);
        }
        if !moves.is_empty() {
            print!("{table}");
        }
        eprintln!("{} changes of rights, {} kinds of documents are sorted otherwise", shifts.len(), moves.len());
        Ok(())
    })
}

/// Documents whose category or confidentiality the other policy sees otherwise: owner, now, then.
type Moves = BTreeMap<(i64, String, String), i64>;

fn moves(now: &Policy, then: &Policy, rows: &[EntryLabels]) -> Moves {
    let mut moves = Moves::new();
    for row in rows {
        let codes: Vec<CodeValue> = row.codes.iter().filter_map(|code| code.parse().ok()).collect();
        let [class, kind, practice, format] = codes.as_slice() else { continue };
        let sorted = |policy: &Policy| {
            let level = policy.confidentiality(&row.confidentiality).0.as_str();
            format!("{} {level}", policy.data_category([class, kind, practice, format]))
        };
        let (from, to) = (sorted(now), sorted(then));
        if from != to {
            *moves.entry((row.owner, from, to)).or_default() += row.count;
        }
    }
    moves
}

fn report(versions: &[String; 2], shifts: &[Shift], moves: &Moves) -> serde_json::Value {
    let shifts: Vec<_> = shifts
        .iter()
        .map(|it| {
            json!({
                "gains": it.gains(),
                "role": it.role,
                "purpose": format!("{:?}", it.purpose).to_uppercase(),
                "confidentiality": it.level.as_str(),
                "consent": it.consent,
                "now": it.now,
                "then": it.then,
            })
        })
        .collect();
    let moves: Vec<_> = moves
        .iter()
        .map(|((owner, from, to), count)| json!({ "owner": owner, "now": from, "then": to, "documents": count }))
        .collect();
    json!({ "from": versions[0], "to": versions[1], "rights": shifts, "documents": moves })
}
