//! Registry and repository for a command that works on the data directory itself, while a server may run.

use anyhow::Context;

use super::{Tls, audit, open_documents, open_store, settings};
use crate::{
    cli::{Failure, clock},
    config::{Config, DatabaseLocation},
    model::{Caller, RequestContext},
    service::{Access, Auditor, Registry, Repository, repository::RegistryLink},
    store::Store,
    wire::ebrim::body,
};

/// Registry and repository over the data directory.
pub(in crate::cli) struct Offline {
    pub(in crate::cli) registry: Registry,
    pub(in crate::cli) repository: Repository,
    pub(in crate::cli) auditor: Auditor,
    pub(in crate::cli) store: Store,
}

impl Offline {
    /// Whether there is a database to open; one of PostgreSQL is taken to be there.
    pub(in crate::cli) fn is_there(config: &Config) -> bool {
        match &config.database.location {
            DatabaseLocation::Sqlite(path) => config.sqlite_path(path).exists(),
            DatabaseLocation::Postgres(_) => true,
        }
    }

    /// Opens what is there; nothing is made or brought to another version.
    ///
    /// # Errors
    /// With a sentence for the operator.
    pub(in crate::cli) async fn open(config: &Config) -> Result<Self, Failure> {
        if let DatabaseLocation::Sqlite(path) = &config.database.location
            && !Self::is_there(config)
        {
            let path = config.sqlite_path(path);
            let text = format!("there is no database {}; name its directory with --data DIR", path.display());
            return Err(Failure::wrong_use(text));
        }
        let tls = Tls::load(config)?;
        let store = open_store(config).await?;
        let documents = open_documents(config)?;
        let auditor = Auditor::new(store.clone(), settings::audit_settings(config));
        let access = Access::new(store.clone(), settings::access_settings(config, tls.client)?, auditor.clone());
        let registry_settings = settings::registry_settings(config)?;
        let registry = Registry::new(store.clone(), registry_settings, body::encode, auditor.clone(), access.clone());
        let repository = Repository::new(
            store.clone(),
            documents,
            RegistryLink::Local(registry.clone()),
            settings::repository_settings(config),
            auditor.clone(),
            access,
        );
        Ok(Self { registry, repository, auditor, store })
    }

    /// A request of this node; of the fixed one where none is named.
    ///
    /// # Errors
    /// When there is no such node.
    pub(in crate::cli) async fn context(&self, node: Option<&str>) -> Result<RequestContext, Failure> {
        let mut ctx = clock::context();
        if let Some(name) = node {
            let records = self.store.read().await?.node_records().await.context("the nodes cannot be read")?;
            let record = records.into_iter().find(|record| *record.node.name == *name);
            let node = record.ok_or_else(|| Failure::wrong_use(format!("there is no node {name}")))?.node;
            ctx.caller = Caller { subject: node.name.clone(), node, address: None };
        }
        Ok(ctx)
    }

    /// Seals what was recorded and lets the store go.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub(in crate::cli) async fn close(self, config: &Config) -> Result<(), Failure> {
        let sealed = match config.audit.record {
            true => audit::sealer(config, &self.store).seal().await.map(|_| ()),
            false => Ok(()),
        };
        self.store.close().await;
        Ok(sealed.context("the audit cannot be sealed")?)
    }
}
