//! The database of a server from a command that changes or reads who may take part, whether or not the server runs.

use anyhow::Context;
use futures_util::future::BoxFuture;

use super::{
    DataArgs, Failure,
    assembly::{audit, open_store},
    clock,
};
use crate::{
    config::Config,
    model::AuditEvent,
    service::{
        audit::events::{self, Change, Parties},
        nodes::{self, ChangeError, DirectoryChange, DirectoryCommand},
    },
    store::{
        Store, StoreError, Tx,
        data_dir::{DataDir, DataDirError},
    },
};

/// Makes a change and says what was done.
///
/// # Errors
/// With a sentence for the operator.
pub(super) fn change(data: &DataArgs, command: DirectoryCommand) -> Result<(), Failure> {
    let changes = on_store(data, |config, store| {
        Box::pin(async move {
            let changes = make(&config, &store, command).await.map_err(|error| match error {
                ChangeError::Store(error) => Failure::from(error),
                refused => Failure::wrong_use(refused.to_string()),
            })?;
            let sealed = audit::sealer(&config, &store).seal().await;
            sealed.context("the change is made, but the audit cannot be sealed")?;
            Ok(changes)
        })
    })?;
    for change in &changes {
        println!("{change}");
    }
    if changes.is_empty() {
        println!("nothing had to be changed");
    }
    Ok(())
}

/// Makes a change and records who made it.
///
/// # Errors
/// [`ChangeError`]; nothing is changed then.
pub(super) async fn make(
    config: &Config,
    store: &Store,
    command: DirectoryCommand,
) -> Result<Vec<DirectoryChange>, ChangeError> {
    nodes::change(store, command, clock::now().as_millisecond(), telling(config)).await
}

/// The security events of a change (spec §2.6): 110129, and 110136 where the roles of a node are others.
fn telling(config: &Config) -> impl Fn(&DirectoryChange) -> Vec<AuditEvent> + Send + Sync + 'static {
    let (record, source_id) = (config.audit.record, config.audit.source_id.clone());
    let (ctx, actor) = (clock::context(), audit::operator());
    move |change| {
        if !record {
            return Vec::new();
        }
        let parties = Parties::own(&ctx, &source_id);
        let (object, description) = (change.object(), change.description());
        let mut all = vec![events::configuration_changed(&parties, Change::Security, &actor, &object, &description)];
        if let DirectoryChange::NodeChanged { keys, .. } = change
            && keys.contains(&"roles")
        {
            all.push(events::roles_changed(&parties, &actor, &object, &description));
        }
        all
    }
}

/// Reads what is there.
///
/// # Errors
/// With a sentence for the operator.
pub(super) fn read<T: 'static>(
    data: &DataArgs,
    ask: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
) -> Result<T, Failure> {
    on_store(data, |_, store| Box::pin(async move { Ok(ask(&mut *store.read().await?).await?) }))
}

/// Works on the store of a server, which may run meanwhile.
///
/// # Errors
/// Those of the work, and when the store cannot be opened.
pub(super) fn on_store<T>(
    data: &DataArgs,
    work: impl FnOnce(Config, Store) -> BoxFuture<'static, Result<T, Failure>>,
) -> Result<T, Failure> {
    let config = data.load()?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
        let unused = match DataDir::open(&config.data) {
            Ok(lock) => Some(lock),
            // Its server has brought the database to its version.
            Err(DataDirError::InUse(_)) => None,
            Err(error) => return Err(error).with_context(|| format!("data directory {}", config.data.display()))?,
        };
        let store = open_store(&config).await?;
        if unused.is_some() {
            store.migrate().await.context("the database cannot be brought to this version")?;
        }
        drop(unused);
        let done = work(config, store.clone()).await;
        store.close().await;
        done
    })
}
