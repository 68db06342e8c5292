//! The registry elsewhere to which a repository forwards.

use std::time::Duration;

use super::{ClientError, Peer, PeerActed};
use crate::model::{
    RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode,
    rim::{AdhocQueryRequest, Slot, SubmitObjectsRequest},
    vocabulary,
};

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

    /// Its address.
    pub fn url(&self) -> &http::Uri {
        self.peer.url()
    }

    /// How long a registration may wait for its answer.
    pub fn patience(&self) -> Duration {
        self.peer.patience()
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

    /// Whether the registry has a SubmissionSet with this uniqueId; nothing when it gave no answer that tells (R-41-13).
    pub async fn knows_submission_set(&self, unique_id: &str) -> Option<bool> {
        let value = format!("'{}'", unique_id.replace('\'', "''"));
        let parameter = Slot { name: "$XDSSubmissionSetUniqueId".into(), values: vec![value.into()] };
        let query = AdhocQueryRequest {
            query_id: vocabulary::QUERY_GET_SUBMISSION_SET_AND_CONTENTS.into(),
            home: None,
            return_type: Some("ObjectRef".into()),
            slots: vec![parameter],
        };
        let message_id = fresh_message_id();
        match self.peer.stored_query(&message_id, &query).await {
            Ok(answer) if &*answer.response.status == ResponseStatus::Success.as_urn() => {
                Some(!answer.object_refs.is_empty())
            }
            Ok(_) => None,
            Err(error) => {
                log(&error, &message_id);
                None
            }
        }
    }
}

/// A MessageID for a call that no request asked for.
#[expect(clippy::disallowed_methods, reason = "a job has no request that identifiers could come from")]
fn fresh_message_id() -> String {
    format!("urn:uuid:{}", uuid::Uuid::new_v4())
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
