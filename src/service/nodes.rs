//! The nodes that may take part, as this process knows them, and how an operator changes them.
//!
//! The directory is read from the database again within a second of a change, whoever made it: another process on the same
//! database, or the command line while the server runs. When the database does not answer, what was read last stands.
//!
//! Source: S-TLS-16, S-TLS-17.

mod change;

use std::{future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

pub use change::{ChangeError, DirectoryChange, DirectoryCommand, OrganisationSaid, change};

use crate::{
    model::NodeRecord,
    security::directory::NodeDirectory,
    store::{Store, StoreError},
};

/// How often the count of changes is asked for. A suspended node is refused after this time at the latest.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// The nodes as they were read last.
pub struct Nodes {
    current: ArcSwap<Read>,
    loopback: Arc<NodeRecord>,
}

struct Read {
    generation: i64,
    directory: NodeDirectory,
}

impl Nodes {
    /// Reads all nodes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let Read { generation, directory } = read(store).await?;
        Ok(Self::new(generation, directory))
    }

    /// These nodes, which were read when there had been `generation` changes.
    pub fn new(generation: i64, directory: NodeDirectory) -> Self {
        let current = ArcSwap::from_pointee(Read { generation, directory });
        Self { current, loopback: Arc::new(NodeRecord::loopback()) }
    }

    /// What is done with all nodes at one moment.
    pub fn with<T>(&self, ask: impl FnOnce(&NodeDirectory) -> T) -> T {
        ask(&self.current.load().directory)
    }

    /// The fixed node of the insecure loopback listener.
    pub fn loopback(&self) -> &Arc<NodeRecord> {
        &self.loopback
    }

    /// Takes other nodes, for this and every later request, also on connections that are open.
    pub fn replace(&self, generation: i64, directory: NodeDirectory) {
        self.current.store(Arc::new(Read { generation, directory }));
    }

    /// Reads them again if they were changed; whether they were.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn refresh(&self, store: &Store) -> Result<bool, StoreError> {
        let generation = store.read().await?.directory_generation().await?;
        if generation == self.current.load().generation {
            return Ok(false);
        }
        let Read { generation, directory } = read(store).await?;
        tracing::info!(generation, "read the nodes again");
        self.replace(generation, directory);
        Ok(true)
    }

    /// Keeps them as they are in the database, until `stop` is done.
    pub async fn follow(&self, store: &Store, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut failing = false;
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(ASKED_EVERY) => {}
            }
            match self.refresh(store).await {
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "the nodes cannot be read; those read last stand");
                }
                Err(_) => {}
            }
        }
    }
}

/// All nodes of one committed state.
async fn read(store: &Store) -> Result<Read, StoreError> {
    let mut tx = store.read().await?;
    let generation = tx.directory_generation().await?;
    Ok(Read { generation, directory: NodeDirectory::new(tx.node_records().await?) })
}
