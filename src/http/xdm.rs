//! Packages over HTTP, on the node listener: ordered, fetched, brought and taken over.
//!
//! As with any transaction a node is known, within its limits and has the role before anything of its request is read. What
//! an order may see is decided when its job runs. A package is its organisation's: to others there is none. No patient stands
//! in a URL.
//!
//! Source: R-32-60, R-32-61; S-TLS-16, S-TLS-17, S-IN-36.

mod answer;
mod export;
mod import;
mod intake;

use actix_http::ConnectionType;
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};
use tokio::time::Instant;

use self::answer::{Problem, refusal};
use super::{
    body::{Body, BodyError},
    endpoint::Endpoint,
    gates::{Busy, Pass},
    identify::{Admission, identify, turned_away},
    judged,
    metrics::Outcome,
};
use crate::{
    model::{
        NodeRole, RequestContext,
        xdm::{Direction, PackageId},
    },
    service::xdm::jobs::{PackageError, Packages, XdmPackage, rights},
};

/// The transaction, for metrics and the trail.
const TRANSACTION: &str = "ITI-32";
/// Octets of an order or a decision.
const ORDER_BYTES: u64 = 256 << 10;

/// Puts the paths of packages into an application.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/xdm/export").route(web::post().to(export::order)).route(web::get().to(export::list)))
        .service(
            web::resource("/xdm/export/{id}")
                .route(web::get().to(export::show))
                .route(web::delete().to(export::withdraw)),
        )
        .service(
            web::resource("/xdm/export/{id}/package")
                .route(web::get().to(export::fetch))
                .route(web::head().to(export::fetch)),
        )
        .service(web::resource("/xdm/export/{id}/code").route(web::post().to(export::new_code)))
        .service(web::resource("/xdm/import").route(web::get().to(import::list)))
        .service(web::resource("/xdm/import/inspect").route(web::post().to(import::inspect)))
        .service(
            web::resource("/xdm/import/{id}")
                .route(web::get().to(import::show))
                .route(web::delete().to(import::withdraw)),
        )
        .service(web::resource("/xdm/import/{id}/commit").route(web::post().to(import::commit)));
}

/// What a node may do here, and as what.
struct Access {
    /// It must have this role (S-TLS-17).
    role: NodeRole,
    /// The transactions that the work comes to: their limits and their wish for a user assertion hold here too.
    transactions: &'static [&'static str],
}

impl Access {
    const fn to(direction: Direction) -> Self {
        let (role, transactions) = rights(direction);
        Self { role, transactions }
    }
}

const EXPORTS: Access = Access::to(Direction::Export);
const IMPORTS: Access = Access::to(Direction::Import);

/// A request that was let in.
struct Entered<'a> {
    packages: &'a Packages,
    ctx: RequestContext,
    endpoint: &'a Endpoint,
    role: NodeRole,
}

impl Entered<'_> {
    /// Much time may have passed while a body came: who was let in when it began may not be any more.
    async fn still(&mut self, request: &HttpRequest) -> Result<(), HttpResponse> {
        self.ctx.now = self.endpoint.now();
        if let Some(refusal) = judged::refusal(request, self.endpoint).await {
            return Err(refusal);
        }
        self.ctx.caller = admit(request, self.endpoint).await?.caller;
        may(self.packages, &self.ctx, self.role).await
    }

    /// The package that a path names, if it is the caller's.
    async fn package(&self, request: &HttpRequest, direction: Direction) -> Result<XdmPackage, HttpResponse> {
        let id: Option<PackageId> = request.match_info().get("id").and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| self.refused(PackageError::Unknown))?;
        self.packages.find(&self.ctx, direction, id).await.map_err(|error| self.refused(error))
    }

    /// The answer to what was not done.
    fn refused(&self, error: PackageError) -> HttpResponse {
        answer::refused(&self.ctx, error)
    }
}

/// Lets a request in, or says why not.
async fn enter<'a>(
    request: &HttpRequest,
    endpoint: &'a Endpoint,
    access: &Access,
) -> Result<(Entered<'a>, Vec<Pass>), HttpResponse> {
    let admission = admit(request, endpoint).await?;
    let passes = passes(endpoint, &admission, access).map_err(later)?;
    let Some(packages) = &endpoint.packages else {
        return Err(refusal(StatusCode::NOT_FOUND, "XdmNotHere", "no packages are made or taken here"));
    };
    let ctx = endpoint.context(&admission, "");
    may(packages, &ctx, access.role).await?;
    let asks = |it: &&str| endpoint.assertions.requires(&admission.caller, it, admission.record.xua(it));
    if access.transactions.iter().any(asks) {
        let text = "this node must bring a user assertion, which only SOAP carries";
        if let Err(error) = packages.refused(&ctx, "XdmAssertion", text).await {
            return Err(answer::refused(&ctx, error));
        }
        return Err(refusal(StatusCode::FORBIDDEN, "XdmAssertion", text));
    }
    if endpoint.audit_is_behind() {
        let text = "the audit trail cannot be delivered at the moment, try again later";
        return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "XdmAudit", text));
    }
    Ok((Entered { packages, ctx, endpoint, role: access.role }, passes))
}

/// The node that sent a request, or the answer to whoever is not let in.
async fn admit(request: &HttpRequest, endpoint: &Endpoint) -> Result<Admission, HttpResponse> {
    match identify(request, endpoint) {
        Ok(admission) => Ok(admission),
        Err(_) => {
            let turned_away = turned_away(request, endpoint).await;
            Err(turned_away.unwrap_or_else(|| HttpResponse::Forbidden().finish()))
        }
    }
}

/// Refuses a node that has not the role, and records it.
async fn may(packages: &Packages, ctx: &RequestContext, role: NodeRole) -> Result<(), HttpResponse> {
    if ctx.caller.node.has_role(role) {
        return Ok(());
    }
    let text = "the node has no role for this transaction";
    if let Err(error) = packages.refused(ctx, "CON-NODE", text).await {
        return Err(answer::refused(ctx, error));
    }
    tracing::warn!(node = %ctx.caller.name(), transaction = TRANSACTION, "refused what the node has no role for");
    Err(refusal(StatusCode::FORBIDDEN, "XdmRole", "the node has not the role for this"))
}

fn passes(endpoint: &Endpoint, admission: &Admission, access: &Access) -> Result<Vec<Pass>, Busy> {
    let mut passes = vec![endpoint.gates.enter(&admission.record)];
    passes.extend(access.transactions.iter().map(|it| endpoint.gates.enter_transaction(&admission.record, it)));
    passes.into_iter().collect()
}

/// S-IN-36: the node is to come again.
fn later(busy: Busy) -> HttpResponse {
    let retry_after = (header::RETRY_AFTER, busy.retry_after_s().to_string());
    let problem = Problem { code: "XdmBusy", text: busy.to_string() };
    HttpResponse::ServiceUnavailable().insert_header(retry_after).json(problem)
}

/// Answers a request that has no body worth reading.
async fn answered<F>(request: &HttpRequest, endpoint: &Endpoint, access: &Access, work: F) -> HttpResponse
where
    F: AsyncFnOnce(&Entered<'_>) -> Result<HttpResponse, HttpResponse>,
{
    let (started, _in_flight) = (Instant::now(), endpoint.metrics.begin());
    let (response, passes) = match enter(request, endpoint, access).await {
        Ok((entered, passes)) => (work(&entered).await.unwrap_or_else(|refused| refused), passes),
        Err(refused) => (refused, Vec::new()),
    };
    count(endpoint, &response, 0, started);
    passes.into_iter().fold(response, |response, pass| pass.hold(response))
}

/// Answers a request with a body. What is left of that is not taken for the next request.
async fn answered_with_body<F>(
    request: &HttpRequest,
    payload: web::Payload,
    endpoint: &Endpoint,
    access: &Access,
    limit: u64,
    work: F,
) -> HttpResponse
where
    F: AsyncFnOnce(&mut Entered<'_>, &mut Body) -> Result<HttpResponse, HttpResponse>,
{
    let (started, _in_flight) = (Instant::now(), endpoint.metrics.begin());
    let mut body = Body::new(payload, &endpoint.settings).limited(limit);
    let (mut response, passes) = match enter(request, endpoint, access).await {
        Ok((mut entered, passes)) => (work(&mut entered, &mut body).await.unwrap_or_else(|refused| refused), passes),
        Err(refused) => (refused, Vec::new()),
    };
    if !body.drain().await {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    count(endpoint, &response, body.read, started);
    passes.into_iter().fold(response, |response, pass| pass.hold(response))
}

fn count(endpoint: &Endpoint, response: &HttpResponse, received: u64, started: Instant) {
    let outcome = match response.status() {
        status if status.is_success() => Outcome::Success,
        status if status.is_client_error() => Outcome::Refused,
        _ => Outcome::Failure,
    };
    endpoint.metrics.finished(TRANSACTION, outcome, received, started.elapsed());
}

/// Reads an order: JSON, of a bounded size; nothing where there is none.
async fn read_json<T: serde::de::DeserializeOwned + Default>(
    entered: &mut Entered<'_>,
    request: &HttpRequest,
    body: &mut Body,
) -> Result<T, HttpResponse> {
    let mut octets = Vec::new();
    while let Some(data) = body.next().await.map_err(broken_body)? {
        octets.extend_from_slice(&data);
    }
    entered.still(request).await?;
    if octets.is_empty() {
        return Ok(T::default());
    }
    if answer::media_type(request) != Some("application/json".to_owned()) {
        let text = "the Content-Type is application/json";
        return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "XdmMediaType", text));
    }
    serde_json::from_slice(&octets).map_err(|error| {
        // What serde says may repeat the order.
        let (line, column) = (error.line(), error.column());
        let text = format!(
            "the JSON is not understood at line {line}, column {column}: an unknown field, or a value of another kind"
        );
        refusal(StatusCode::BAD_REQUEST, "XdmOrder", text)
    })
}

/// The answer to a body that did not come whole.
fn broken_body(error: BodyError) -> HttpResponse {
    match error {
        BodyError::Slow => refusal(StatusCode::REQUEST_TIMEOUT, "XdmSlow", "the request came too slowly"),
        BodyError::TooLarge => refusal(StatusCode::PAYLOAD_TOO_LARGE, "XdmTooLarge", "the request is too large"),
        BodyError::Broken => refusal(StatusCode::BAD_REQUEST, "XdmTruncated", "the request broke off"),
    }
}
