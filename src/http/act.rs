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
    model::{AuditOutcome, Finding, RegistryResponse, RequestContext, XdsErrorCode},
    security::access::Reason,
    service::{
        Actor,
        audit::events::{self, Verdict},
    },
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
        Err(finding) => {
            let response = RegistryResponse::failure(vec![finding]);
            refused(endpoint, ctx, transaction, Verdict::of(&response)).await;
            return Ok(Reply::failure(transaction, response.findings));
        }
    };
    if endpoint.audit_is_behind() {
        let response = RegistryResponse::failure(vec![audit_is_behind(transaction)]);
        refused(endpoint, ctx, transaction, Verdict::of(&response)).await;
        return Ok(Reply::failure(transaction, response.findings));
    }
    let incident = ctx.fresh_uuid().to_string();
    match AssertUnwindSafe(ask(request, parts, endpoint, ctx, &incident)).catch_unwind().await {
        Ok(answered) => answered,
        Err(_) => {
            let verdict = Verdict::failure(AuditOutcome::Serious, "Panic", "the request was given up");
            refused(endpoint, ctx, transaction, verdict).await;
            Ok(Reply::failure(transaction, vec![panicked(transaction, &incident)]))
        }
    }
}

/// Records a request that did not get as far as its actor, which would have recorded it (S-AUD-13). It fails anyhow, so a
/// record that cannot be kept changes nothing; the store has told of it.
pub(super) async fn refused(endpoint: &Endpoint, ctx: &RequestContext, transaction: &Transaction, verdict: Verdict) {
    let parties = endpoint.auditor.parties(ctx);
    let event = events::not_understood(&parties, transaction.number, verdict);
    let _told = endpoint.auditor.record(event.into_iter().collect()).await;
}

/// Records a request that is answered with a fault; the kind of it says enough, its text may repeat the message (S-AUD-13).
/// Where the node has not the role, it asked for a restricted function besides (spec §2.6, S-TLS-17).
pub(super) async fn faulted(endpoint: &Endpoint, ctx: &RequestContext, transaction: &Transaction, fault: &Fault) {
    let Fault::NotAllowed { .. } = fault else {
        let outcome = if matches!(fault, Fault::Security(_)) { AuditOutcome::Serious } else { AuditOutcome::Minor };
        let verdict = Verdict::failure(outcome, fault.name(), "answered with a fault");
        return refused(endpoint, ctx, transaction, verdict).await;
    };
    let parties = endpoint.auditor.parties(ctx);
    let verdict = Verdict::failure(AuditOutcome::Serious, Reason::Node.as_str(), NO_ROLE);
    let node = format!("urn:knoop:node:{}", ctx.caller.name());
    let denied = events::denied(&parties, None, &node, Reason::Node.as_str(), NO_ROLE);
    let row = events::not_understood(&parties, transaction.number, verdict);
    let _told = endpoint.auditor.record(row.into_iter().chain([denied]).collect()).await;
}

const NO_ROLE: &str = "the node has no role for this transaction";

async fn ask(
    request: Request,
    parts: HashMap<Box<str>, Content>,
    endpoint: &Endpoint,
    ctx: &mut RequestContext,
    incident: &str,
) -> Result<Reply, Fault> {
    match (request, &endpoint.registry, &endpoint.repository) {
        (Request::StoredQuery(query, received), Some(registry), _) => {
            let (response, answer) = registry.stored_query(ctx, &query, &received).await;
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

/// S-AUD-53: where the configuration says so, nothing is done of which an audit repository would learn too late.
fn audit_is_behind(transaction: &Transaction) -> Finding {
    let code = match transaction.actor {
        Actor::Registry => XdsErrorCode::RegistryOutOfResources,
        Actor::Repository => XdsErrorCode::RepositoryOutOfResources,
    };
    Finding::error(code, "S-AUD-53", "the audit trail cannot be delivered at the moment, try again later")
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
