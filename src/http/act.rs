//! A decoded request handed to its actor.

use std::{collections::HashMap, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use super::{
    answer::Reply,
    decode::Decoded,
    documents,
    endpoint::Endpoint,
    parts::Content,
    routes::{Request, Transaction},
};
use crate::{
    model::{Finding, RequestContext, XdsErrorCode},
    service::Actor,
    wire::soap::Fault,
};

/// The answer of the actor, or of this place when there is a reason not to ask it.
/// # Errors
/// A fault of the envelope that shows only now.
pub(super) async fn act(
    decoded: Decoded,
    parts: HashMap<Box<str>, Content>,
    endpoint: &Endpoint,
    ctx: &mut RequestContext,
) -> Result<Reply, Fault> {
    let transaction = decoded.transaction;
    let request = match decoded.request {
        Ok(request) => request,
        Err(finding) => return Ok(Reply::failure(transaction, vec![finding])),
    };
    let incident = ctx.fresh_uuid().to_string();
    match AssertUnwindSafe(ask(request, parts, endpoint, ctx, &incident)).catch_unwind().await {
        Ok(answered) => answered,
        Err(_) => Ok(Reply::failure(transaction, vec![panicked(transaction, &incident)])),
    }
}

async fn ask(
    request: Request,
    parts: HashMap<Box<str>, Content>,
    endpoint: &Endpoint,
    ctx: &mut RequestContext,
    incident: &str,
) -> Result<Reply, Fault> {
    match (request, &endpoint.registry, &endpoint.repository) {
        (Request::StoredQuery(query), Some(registry), _) => {
            let (response, answer) = registry.stored_query(ctx, &query).await;
            Ok(Reply::Query(response, answer))
        }
        (Request::Register(submit), Some(registry), _) => Ok(Reply::Registry(registry.register(ctx, submit).await)),
        (Request::ProvideAndRegister(request), _, Some(repository)) => {
            let bytes = endpoint.settings.document_bytes;
            let documents = documents::join(request.documents, parts, repository, bytes, incident).await?;
            Ok(Reply::Registry(repository.provide_and_register(ctx, request.submit, documents).await))
        }
        (Request::Retrieve(requests), _, Some(repository)) => {
            Ok(Reply::Retrieval(repository.retrieve(ctx, &requests).await))
        }
        // The table of transactions offers only what has its actor.
        _ => Err(Fault::Internal(incident.into())),
    }
}

/// R-SOAP-16: a panic is told as an error of the actor, with nothing of its message.
fn panicked(transaction: &Transaction, incident: &str) -> Finding {
    tracing::error!(incident, transaction = transaction.number, "a request ended in a panic");
    let code = match transaction.actor {
        Actor::Registry => XdsErrorCode::RegistryError,
        Actor::Repository => XdsErrorCode::RepositoryError,
    };
    Finding::error(code, "R-SOAP-16", format!("internal error (incident {incident})"))
}
