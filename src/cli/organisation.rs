//! `knoop organisation`: the care providers behind the nodes. Works while the server runs.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    DataArgs, Failure, directory,
    node::{category, home, organisation_id, organisation_name},
    table::Table,
};
use crate::{
    model::{HomeCommunityId, Organisation, Standing},
    service::nodes::{DirectoryCommand, OrganisationSaid},
};

/// What `organisation` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Running servers on the same database follow within two seconds, also on open connections.")]
pub(super) struct OrganisationCommandArgs {
    #[command(subcommand)]
    command: OrganisationCommand,
}

#[derive(Debug, Subcommand)]
enum OrganisationCommand {
    /// List all organisations
    List(ListArgs),
    /// Add an organisation, or give it another name, category or region
    Set(SetArgs),
    /// Refuse everything that the nodes of an organisation ask, until it is resumed
    Suspend(IdArgs),
    /// Let the nodes of a suspended organisation take part again
    Resume(IdArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  knoop organisation list --json")]
struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  knoop organisation set 12345678 --name 'Sint Fictief' --category ziekenhuis")]
struct SetArgs {
    /// OID, or URA number
    #[arg(value_parser = organisation_id)]
    id: Box<str>,
    /// As people call it
    #[arg(long, value_parser = organisation_name)]
    name: Option<Box<str>>,
    /// huisarts, apotheek, ziekenhuis, vvt, ggz, lab, ambulance …; consent is given by category
    #[arg(long, value_parser = category)]
    category: Option<Box<str>>,
    /// homeCommunityId of its region
    #[arg(long, value_name = "OID", value_parser = home)]
    region: Option<HomeCommunityId>,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
struct IdArgs {
    /// OID, or URA number
    #[arg(value_parser = organisation_id)]
    id: Box<str>,
    #[command(flatten)]
    data: DataArgs,
}

/// The organisation of a new node.
#[derive(Debug, Args)]
pub(super) struct OrganisationArgs {
    /// OID or URA number of the organisation whose node it is
    #[arg(id = "organisation", long, value_name = "ID", value_parser = organisation_id, help_heading = "Organisation")]
    id: Box<str>,
    /// Its name; needed when it is not known yet
    #[arg(id = "organisation-name", long, value_name = "NAME", value_parser = organisation_name, help_heading = "Organisation")]
    name: Option<Box<str>>,
    /// huisarts, apotheek, ziekenhuis, vvt, ggz, lab, ambulance …; needed when it is not known yet
    #[arg(long, value_parser = category, help_heading = "Organisation")]
    category: Option<Box<str>>,
    /// homeCommunityId of its region
    #[arg(long, value_name = "OID", value_parser = home, help_heading = "Organisation")]
    region: Option<HomeCommunityId>,
}

impl OrganisationArgs {
    pub(super) fn said(self) -> OrganisationSaid {
        OrganisationSaid { id: self.id, name: self.name, category: self.category, region: self.region }
    }
}

pub(super) fn run(args: OrganisationCommandArgs) -> Result<(), Failure> {
    match args.command {
        OrganisationCommand::List(args) => list(&args),
        OrganisationCommand::Set(SetArgs { id, name, category, region, data }) => {
            let said = OrganisationSaid { id, name, category, region };
            directory::change(&data, DirectoryCommand::SetOrganisation(said))
        }
        OrganisationCommand::Suspend(args) => {
            directory::change(&args.data, DirectoryCommand::SetOrganisationStanding(args.id, Standing::Suspended))
        }
        OrganisationCommand::Resume(args) => {
            directory::change(&args.data, DirectoryCommand::SetOrganisationStanding(args.id, Standing::Active))
        }
    }
}

fn standing(organisation: &Organisation) -> &'static str {
    match organisation.standing {
        Standing::Active => "active",
        Standing::Suspended => "suspended",
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let organisations = directory::read(&args.data, |tx| Box::pin(tx.organisations()))?;
    if args.json {
        let shown = |organisation: &Organisation| {
            json!({
                "id": &*organisation.id,
                "name": &*organisation.name,
                "category": &*organisation.category,
                "region": organisation.region.as_ref().map(ToString::to_string),
                "standing": standing(organisation),
            })
        };
        println!("{}", json!({ "organisations": organisations.iter().map(shown).collect::<Vec<_>>() }));
        return Ok(());
    }
    let mut table = Table::new(["id", "name", "category", "region", "standing"]);
    for organisation in &organisations {
        table.row([
            organisation.id.to_string(),
            organisation.name.to_string(),
            organisation.category.to_string(),
            organisation.region.as_ref().map(ToString::to_string).unwrap_or_default(),
            standing(organisation).to_owned(),
        ]);
    }
    print!("{table}");
    Ok(())
}
