//! `/xdm/import`: packages that a node brings. Source: R-32-33, R-32-34, R-32-61.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;

use super::{
    IMPORTS, ORDER_BYTES,
    answer::{self, Problem, refusal},
    answered, answered_with_body, export, intake, read_json,
};
use crate::{
    http::endpoint::Endpoint,
    model::xdm::{Delivery, Direction, PackageCode, PackageState, XdmCode},
    service::xdm::jobs::{ImportOrder, ImportOrderError, XdmPackage},
};

/// How long an answer waits for a package to be looked into.
const PATIENCE: Duration = Duration::from_secs(20);
/// What may stand around a package in a form.
const FORM_BYTES: u64 = 1 << 20;

/// `POST /xdm/import/inspect`.
pub(super) async fn inspect(
    request: HttpRequest,
    payload: web::Payload,
    endpoint: web::Data<Endpoint>,
) -> HttpResponse {
    let most = endpoint.packages.as_ref().map_or(0, |packages| packages.settings().package_bytes);
    let limit = most.saturating_add(FORM_BYTES);
    answered_with_body(&request, payload, &endpoint, &IMPORTS, limit, async |entered, body| {
        if !entered.packages.imports() {
            return Err(refusal(StatusCode::NOT_FOUND, "XdmNotHere", "the repository is not here"));
        }
        let key = export::idempotency_key(&request);
        let key = key.map_err(|text| refusal(StatusCode::BAD_REQUEST, "XdmOrder", text))?;
        let announced = intake::announced(&request);
        if announced > limit {
            return Err(intake::too_large(most));
        }
        // A package that was brought before needs none: whether it is that one, its octets tell.
        let known = match key.as_deref() {
            Some(key) => entered.packages.find_brought(&entered.ctx, key).await,
            None => Ok(None),
        };
        if known.map_err(|error| entered.refused(error.into()))?.is_none() {
            let room = entered.packages.refuse_beyond_room(&entered.ctx, announced).await;
            room.map_err(|error| entered.refused(error))?;
        }
        let mime = &endpoint.settings.mime;
        let spooled = intake::spool(&request, body, entered.packages, &entered.ctx, mime).await?;
        entered.still(&request).await?;
        let order = ImportOrder::default();
        let received =
            entered.packages.receive(&mut entered.ctx, spooled, Delivery::Package, &order, key.as_deref()).await;
        let (id, _) = received.map_err(|error| entered.refused(error))?;
        let package = entered.packages.settled(id, PATIENCE).await.map_err(|error| entered.refused(error))?;
        Ok(inspected(&package))
    })
    .await
}

/// What is needed of a report to choose a status.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    outcome: String,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    code: String,
    weight: String,
}

/// The answer to a package that was looked into.
fn inspected(package: &XdmPackage) -> HttpResponse {
    if package.state.is_open() {
        return answer::shown(StatusCode::ACCEPTED, package, None);
    }
    if package.state != PackageState::Failed {
        return answer::shown(StatusCode::OK, package, None);
    }
    let Some(report) = package.report.as_deref().and_then(|text| serde_json::from_str::<Report>(text).ok()) else {
        let text = "the package could not be looked into, see its problem".to_owned();
        return answer::shown(StatusCode::INTERNAL_SERVER_ERROR, package, Some(Problem { code: "XdmInternal", text }));
    };
    if report.outcome != "rejected" {
        let text = "no submission set can be taken, see the report".to_owned();
        return answer::shown(StatusCode::UNPROCESSABLE_ENTITY, package, Some(Problem { code: "XdmMetadata", text }));
    }
    let beyond = [XdmCode::TooLarge, XdmCode::TooManyEntries, XdmCode::Bomb].map(|it| PackageCode::from(it).as_str());
    let first = report.findings.iter().find(|finding| finding.weight == "error");
    let known = first.and_then(|finding| XdmCode::ALL.iter().find(|it| it.as_str() == finding.code));
    let code = known.map_or("XdmRejected", |code| code.as_str());
    let text = "the package is refused as a whole, see the report".to_owned();
    let status = if beyond.contains(&code) { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    answer::shown(status, package, Some(Problem { code, text }))
}

/// `GET /xdm/import`.
pub(super) async fn list(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &IMPORTS, async |entered| export::listed(entered, Direction::Import).await).await
}

/// `GET /xdm/import/{id}`.
pub(super) async fn show(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &IMPORTS, async |entered| {
        let package = entered.package(&request, Direction::Import).await?;
        Ok(answer::shown(StatusCode::OK, &package, None))
    })
    .await
}

/// `DELETE /xdm/import/{id}`.
pub(super) async fn withdraw(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &IMPORTS, async |entered| {
        export::withdrawn(entered, &request, Direction::Import).await
    })
    .await
}

/// `POST /xdm/import/{id}/commit`.
pub(super) async fn commit(request: HttpRequest, payload: web::Payload, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered_with_body(&request, payload, &endpoint, &IMPORTS, ORDER_BYTES, async |entered, body| {
        let package = entered.package(&request, Direction::Import).await?;
        let order: ImportOrder = read_json(entered, &request, body).await?;
        if let Err(error) = order.check(&package) {
            let (status, code) = match error {
                ImportOrderError::Patient(_) | ImportOrderError::OtherPatient(_) => {
                    (StatusCode::CONFLICT, "XdmIdentity")
                }
                ImportOrderError::Field(..) | ImportOrderError::NoSet(_) => (StatusCode::BAD_REQUEST, "XdmOrder"),
            };
            return Err(refusal(status, code, error.to_string()));
        }
        if !order.overridden.is_empty() && !entered.packages.may_override(&entered.ctx.caller.node) {
            let text = "a wrong hash or size is taken from nodes with the role admin only, where xdm.override is true";
            let recorded = entered.packages.refused(&entered.ctx, "XdmOverride", text).await;
            recorded.map_err(|error| entered.refused(error))?;
            return Err(refusal(StatusCode::FORBIDDEN, "XdmOverride", text));
        }
        let committed = entered.packages.commit(&entered.ctx, &package, &order, None).await;
        committed.map_err(|error| entered.refused(error))?;
        let package = entered.packages.get(package.package_id).await.map_err(|error| entered.refused(error))?;
        Ok(answer::shown(StatusCode::ACCEPTED, &package, None))
    })
    .await
}
