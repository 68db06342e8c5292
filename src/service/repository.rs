//! Repository actor: keeps documents, registers what it was given, and gives documents back.
//!
//! Source: ITI TF-1 §10, ITI TF-2 §3.41 and §3.43.

mod audited;
mod complete;
mod labels;
mod privacy_consent;
mod provide_and_register;
mod retrieve;
mod unconfirmed;

use std::sync::Arc;

pub use crate::store::documents::{DocumentError, DocumentReader, Incoming, Received};
pub use complete::SubmittedDocument;
pub(in crate::service) use provide_and_register::differing;
pub use retrieve::{Retrieval, RetrievedDocument};
pub use unconfirmed::CONFIRM_REGISTRATION;

use super::{Access, Auditor, Registry};
use crate::{
    client::RemoteRegistry,
    model::{HomeCommunityId, Oid},
    store::{Store, documents::DocumentStore},
};

/// What a repository may be told by configuration.
#[derive(Clone, Debug)]
pub struct RepositorySettings {
    /// repositoryUniqueId of everything kept here.
    pub repository_unique_id: Oid,
    /// homeCommunityId; a request that names another community is refused (R-43-08).
    pub home_community_id: Option<HomeCommunityId>,
    /// How long a document may stay without metadata before the sweep takes it, in milliseconds.
    pub pending_lease_ms: i64,
    /// Most documents in one ITI-43 request (S-IN-28).
    pub document_request_limit: usize,
}

/// Where metadata are registered.
#[derive(Clone)]
pub enum RegistryLink {
    /// In this process, in the transaction that keeps the documents.
    Local(Registry),
    /// Elsewhere, by ITI-42.
    Remote(Arc<RemoteRegistry>),
}

/// The Document Repository.
#[derive(Clone)]
pub struct Repository {
    store: Store,
    documents: DocumentStore,
    registry: RegistryLink,
    settings: Arc<RepositorySettings>,
    auditor: Auditor,
    access: Access,
}

impl Repository {
    /// A repository over this store that registers there, with this audit trail and these access rules.
    pub fn new(
        store: Store,
        documents: DocumentStore,
        registry: RegistryLink,
        settings: RepositorySettings,
        auditor: Auditor,
        access: Access,
    ) -> Self {
        Self { store, documents, registry, settings: Arc::new(settings), auditor, access }
    }

    /// A place for the bytes of one document while they arrive.
    ///
    /// # Errors
    /// When the document store cannot take any.
    pub fn receive(&self) -> Result<Incoming, DocumentError> {
        self.documents.receive()
    }
}
