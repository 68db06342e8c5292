//! The clients that `knoop init` made, let in so that they can be tried at once.

use std::path::Path;

use crate::{
    cli::{Failure, directory},
    config::{Config, LimitsConfig},
    model::{CertificateFacts, CertificateMatch, NodeDescription, NodeLimits, NodeRole, NodeSetting, XuaMode},
    security::{development::TOKEN_SERVICE, facts::Certificate},
    service::nodes::{ChangeError, DirectoryCommand, OrganisationSaid},
    store::Store,
};

/// From the arc for examples.
const ORGANISATION: &str = "2.999.2";
/// Changes that a database has seen where nobody ever said who may take part.
const FRESH: i64 = 1;

/// Adds nodes for the client certificates of `knoop init` or `knoop demo` that lie beside that of the server. Only in a
/// database where nobody has said yet who may take part, never in production, and only for certificates that say that they are
/// for development: each by its fingerprint, as any other node.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) async fn admit_clients(config: &Config, store: &Store) -> Result<(), Failure> {
    let Some(folder) = config.tls.certificate_file.as_deref().and_then(Path::parent).filter(|_| !config.production)
    else {
        return Ok(());
    };
    if store.read().await?.directory_generation().await? != FRESH {
        return Ok(());
    }
    let watching = [NodeRole::AuditViewer, NodeRole::Admin];
    let calling: Vec<NodeRole> = NodeRole::ALL.into_iter().filter(|role| !watching.contains(role)).collect();
    for (name, roles) in [("client", calling), ("operator", watching.to_vec())] {
        let Some(found) = development_certificate(&folder.join(format!("{name}.pem"))) else { continue };
        let organisation = OrganisationSaid {
            id: ORGANISATION.into(),
            name: Some("development".into()),
            category: Some("ziekenhuis".into()),
            region: None,
        };
        let node = description(name, roles, &found);
        let command = DirectoryCommand::AddNode { organisation, node, files: vec![CertificateFacts::clone(&found)] };
        match directory::make(config, store, command).await {
            Ok(changes) => changes.iter().for_each(|change| {
                tracing::warn!("for trying it out: {change}; knoop node remove takes it away");
            }),
            Err(ChangeError::Store(error)) => return Err(error.into()),
            // Another process that shares the database was faster.
            Err(refused) => tracing::info!(name, %refused, "a certificate for development gets no node"),
        }
    }
    Ok(())
}

fn development_certificate(file: &Path) -> Option<Certificate> {
    let found = Certificate::in_file(&std::fs::read(file).ok()?).ok()?;
    found.is_for_development.then_some(found)
}

/// With user assertions or without, and with as much as a node may have.
fn description(name: &str, roles: Vec<NodeRole>, found: &Certificate) -> NodeDescription {
    let [rate, burst, in_flight] = LimitsConfig::NODE_CEILINGS.map(Some);
    let limits = NodeLimits { rate, burst, in_flight };
    NodeDescription {
        name: format!("development-{name}").into(),
        organisation_key: 0,
        roles,
        homes: Vec::new(),
        issuers: vec![TOKEN_SERVICE.into()],
        certificates: vec![CertificateMatch::Fingerprint(found.fingerprint)],
        addresses: Vec::new(),
        settings: vec![NodeSetting { transaction: None, xua: Some(XuaMode::Optional), limits }],
    }
}
