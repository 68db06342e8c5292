//! The registry elsewhere to which a repository forwards.

use super::{ClientError, Peer, PeerActed};
use crate::model::{RegistryResponse, RequestContext, XdsErrorCode, rim::SubmitObjectsRequest};

/// What became of a registration. Source: R-41-11 to R-41-13.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterOutcome {
    /// The registry answered, Success or not.
    Answered(RegistryResponse),
    /// Nothing was registered: no connection, or the registry refused the message as such.
    NotReached,
    /// The registry may have registered all of it: a timeout, a broken connection, an answer that cannot be read.
    Unknown,
}

/// A Document Registry that is called with ITI-42.
#[derive(Clone)]
pub struct RemoteRegistry {
    peer: Peer,
}

impl RemoteRegistry {
    /// The registry at this peer.
    pub const fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// Registers a submission under a new MessageID, as SIMPLE SOAP, the metadata unchanged (R-41-11).
    pub async fn register(&self, ctx: &mut RequestContext, submit: &SubmitObjectsRequest) -> RegisterOutcome {
        let message_id = ctx.fresh_uuid().to_string();
        match self.peer.register(&message_id, submit).await {
            Ok(response) => RegisterOutcome::Answered(response.into_response(XdsErrorCode::RegistryError)),
            Err(error) => {
                let outcome = match error.peer_acted() {
                    PeerActed::No | PeerActed::Refused => RegisterOutcome::NotReached,
                    PeerActed::Perhaps => RegisterOutcome::Unknown,
                };
                log(&error, &message_id);
                outcome
            }
        }
    }
}

fn log(error: &ClientError, message_id: &str) {
    // The reason of a fault is the peer's text and may name a patient.
    match error {
        ClientError::Fault { code, .. } => {
            tracing::error!(
                transaction = "ITI-42",
                message_id,
                code = &**code,
                "the registry answered with a SOAP fault"
            );
        }
        other => tracing::error!(transaction = "ITI-42", message_id, error = %other, "the registry was not reached"),
    }
}
