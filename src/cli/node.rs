//! `knoop node`: which partner systems may call, and what they may do. Works while the server runs.

mod details;
mod shown;
mod values;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{DataArgs, Failure, directory, organisation::OrganisationArgs, table::Table};
use crate::{
    model::{NodeDescription, NodeRecord, Standing},
    service::nodes::DirectoryCommand,
};
use details::DetailArgs;
pub(super) use values::{category, home, organisation_id, organisation_name};

/// What `node` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Running servers on the same database follow within two seconds, also on open connections.")]
pub(super) struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Let a partner's system take part
    Add(Box<AddArgs>),
    /// Say something else of a node; what is not named stays
    Change(Box<ChangeArgs>),
    /// List all nodes
    List(ListArgs),
    /// Show everything that is known of a node
    Show(ShowArgs),
    /// Refuse everything that a node asks, until it is resumed
    Suspend(NamedArgs),
    /// Let a suspended node take part again
    Resume(NamedArgs),
    /// Remove a node; what it submitted stays
    Remove(NamedArgs),
}

const ADD_HELP: &str = "\
Examples:
  knoop node add sfg-ehr --organisation 12345678 --organisation-name 'Sint Fictief' --category ziekenhuis \\
      --role source,consumer --certificate sfg-ehr.pem
  knoop node add region-gw --organisation 2.999.7 --role initiating-gateway --home 2.999.7.1 \\
      --issuer 'CN=Region CA,O=Region,C=NL' --san gw.region.example --address 192.0.2.0/24 \\
      --xua required --xua ITI-41=optional --rate 50 --in-flight ITI-43=4";

#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
struct AddArgs {
    /// A short name, for logs and lists
    #[arg(value_parser = values::node_name)]
    name: Box<str>,
    #[command(flatten)]
    organisation: OrganisationArgs,
    #[command(flatten)]
    details: DetailArgs,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
An option replaces all that was said before of its kind; none empties it: --address none.

Examples:
  knoop node change sfg-ehr --keep-certificates --certificate sfg-ehr-2027.pem
  knoop node change sfg-ehr --role source --address none")]
struct ChangeArgs {
    /// The node
    name: Box<str>,
    /// Another name
    #[arg(long, value_name = "NAME", value_parser = values::node_name)]
    rename: Option<Box<str>>,
    /// Keep the certificates that it has beside those named here, as while one is renewed
    #[arg(long)]
    keep_certificates: bool,
    #[command(flatten)]
    details: DetailArgs,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  knoop node list\n  knoop node list --json")]
struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  knoop node show sfg-ehr")]
struct ShowArgs {
    /// The node
    name: Box<str>,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct NamedArgs {
    /// The node
    name: Box<str>,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: NodeArgs) -> Result<(), Failure> {
    match args.command {
        NodeCommand::Add(args) => add(*args),
        NodeCommand::Change(args) => change(*args),
        NodeCommand::List(args) => list(&args),
        NodeCommand::Show(args) => show(&args),
        NodeCommand::Suspend(args) => {
            directory::change(&args.data, DirectoryCommand::SetNodeStanding(args.name, Standing::Suspended))
        }
        NodeCommand::Resume(args) => {
            directory::change(&args.data, DirectoryCommand::SetNodeStanding(args.name, Standing::Active))
        }
        NodeCommand::Remove(args) => directory::change(&args.data, DirectoryCommand::RemoveNode(args.name)),
    }
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let mut node = NodeDescription {
        name: args.name,
        organisation_key: 0,
        roles: Vec::new(),
        homes: Vec::new(),
        issuers: Vec::new(),
        certificates: Vec::new(),
        addresses: Vec::new(),
        settings: Vec::new(),
    };
    let files = args.details.apply(&mut node)?;
    if node.certificates.is_empty() {
        return Err(Failure::wrong_use(
            "say which certificate the node has: --certificate FILE, --fingerprint HEX, or --issuer DN with --serial or --san",
        ));
    }
    if node.roles.is_empty() {
        return Err(Failure::wrong_use("say what the node may do: --role source,consumer"));
    }
    let organisation = args.organisation.said();
    directory::change(&args.data, DirectoryCommand::AddNode { organisation, node, files })
}

fn change(args: ChangeArgs) -> Result<(), Failure> {
    let mut node = find(&args.data, &args.name)?.description();
    let before = node.certificates.clone();
    let files = args.details.apply(&mut node)?;
    if args.keep_certificates {
        node.certificates.extend(before);
        node.certificates.sort_unstable();
        node.certificates.dedup();
    }
    if let Some(name) = args.rename {
        node.name = name;
    }
    directory::change(&args.data, DirectoryCommand::ChangeNode { name: args.name, node, files })
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let records = directory::read(&args.data, |tx| Box::pin(tx.node_records()))?;
    if args.json {
        println!("{}", json!({ "nodes": records.iter().map(shown::json).collect::<Vec<_>>() }));
        return Ok(());
    }
    let mut table = Table::new(["name", "organisation", "category", "roles", "certificates", "standing"]);
    for record in &records {
        table.row(shown::row(record));
    }
    print!("{table}");
    Ok(())
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let record = find(&args.data, &args.name)?;
    if args.json {
        println!("{}", shown::json(&record));
    } else {
        print!("{}", shown::text(&record));
    }
    Ok(())
}

fn find(data: &DataArgs, name: &str) -> Result<NodeRecord, Failure> {
    let records = directory::read(data, |tx| Box::pin(tx.node_records()))?;
    let found = records.into_iter().find(|record| *record.node.name == *name);
    found.ok_or_else(|| Failure::wrong_use(format!("there is no node {name}; knoop node list shows them all")))
}
