//! What an actor answers when it does not do what was asked.

use crate::{
    model::{Finding, RegistryResponse, XdsErrorCode},
    store::{StoreError, documents::DocumentError},
};

/// Which actor speaks: the same trouble has one code in the registry and another in the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Document Registry.
    Registry,
    /// Document Repository.
    Repository,
}

/// A request that was understood and not done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Every finding of the stage that refused it.
    #[error("refused with {} findings", .0.len())]
    Refused(Vec<Finding>),
    /// Trouble of our own.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Trouble with document bytes.
    #[error(transparent)]
    Documents(#[from] DocumentError),
}

/// What a partner may learn of trouble of our own.
enum Trouble {
    Busy,
    Full,
    Internal,
}

impl ServiceError {
    /// The response to send. Trouble of our own is logged here, once, under the incident id that the partner is told.
    ///
    /// Source: ITI TF-3 §4.2.4 (R-SOAP-16, R-42-41, R-41-19).
    pub fn into_response(self, actor: Actor, incident: &str) -> RegistryResponse {
        let trouble = match &self {
            Self::Refused(findings) => return RegistryResponse::failure(findings.clone()),
            Self::Store(StoreError::Busy { .. } | StoreError::Conflict { .. }) => Trouble::Busy,
            Self::Store(StoreError::OutOfResources { .. }) | Self::Documents(DocumentError::OutOfResources) => {
                Trouble::Full
            }
            Self::Store(_) | Self::Documents(_) => Trouble::Internal,
        };
        let (code, rule, text) = match (trouble, actor) {
            (Trouble::Busy, Actor::Registry) => (XdsErrorCode::RegistryBusy, "R-42-41", "busy, try again later"),
            (Trouble::Busy, Actor::Repository) => (XdsErrorCode::RepositoryBusy, "R-41-19", "busy, try again later"),
            (Trouble::Full, Actor::Registry) => (XdsErrorCode::RegistryOutOfResources, "R-42-41", "storage is full"),
            (Trouble::Full, Actor::Repository) => {
                (XdsErrorCode::RepositoryOutOfResources, "R-41-19", "storage is full")
            }
            (Trouble::Internal, Actor::Registry) => (XdsErrorCode::RegistryError, "R-SOAP-16", "internal error"),
            (Trouble::Internal, Actor::Repository) => (XdsErrorCode::RepositoryError, "R-SOAP-16", "internal error"),
        };
        tracing::error!(incident, error = %self, "{text}");
        RegistryResponse::failure(vec![Finding::error(code, rule, format!("{text} (incident {incident})"))])
    }
}
