//! `knoop audit`: whether the trail is whole, who saw what, and what may go.

mod export;
mod period;
mod prune;
mod search;
mod verify;
mod view;

use clap::Subcommand;

use super::{Failure, assembly::open_store, peer::block_on};
use crate::{
    config::{Config, DatabaseLocation},
    store::Store,
};

/// What can be done with the audit trail.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Read the whole trail and tell whether anything was changed, removed or inserted
    Verify(verify::VerifyArgs),
    /// Look up events; each search is an event itself
    Search(search::SearchArgs),
    /// Everything that was done with the data of one patient, for that patient
    Export(export::ExportArgs),
    /// Remove the months that were kept long enough
    Prune(prune::PruneArgs),
}

pub(super) fn run(command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify(args) => block_on(verify::run(args)),
        AuditCommand::Search(args) => block_on(search::run(args)),
        AuditCommand::Export(args) => block_on(export::run(args)),
        AuditCommand::Prune(args) => block_on(prune::run(args)),
    }
}

/// The store of an existing database.
async fn existing(config: &Config) -> Result<Store, Failure> {
    if let DatabaseLocation::Sqlite(path) = &config.database.location {
        let path = config.sqlite_path(path);
        if !path.exists() {
            let text = format!("there is no database {}; name its directory with --data DIR", path.display());
            return Err(Failure::Fault(anyhow::anyhow!(text)));
        }
    }
    open_store(config).await
}

/// The trail as events name it.
fn name_of_log(config: &Config) -> String {
    format!("urn:knoop:audit:{}", config.audit.source_id)
}
