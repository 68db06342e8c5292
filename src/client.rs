//! Outgoing calls to peers.

use crate::model::{RegistryResponse, RequestContext, rim::SubmitObjectsRequest};

/// What came of a registration elsewhere.
#[derive(Debug)]
pub enum RegisterOutcome {
    /// The registry answered.
    Answered(RegistryResponse),
    /// Nothing was registered.
    NotReached,
    /// It may have been registered.
    Unknown,
}

/// A registry elsewhere; replaced by the real client when it lands.
#[derive(Clone)]
pub struct RemoteRegistry;

impl RemoteRegistry {
    /// Registers there.
    pub async fn register(&self, _: &mut RequestContext, _: &SubmitObjectsRequest) -> RegisterOutcome {
        RegisterOutcome::NotReached
    }
}
