//! `/xdm/export`: packages that are made for a node. Source: R-32-60.

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    http::{Method, StatusCode, header},
    web,
};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;

use super::{
    EXPORTS, Entered, ORDER_BYTES,
    answer::{self, refusal},
    answered, answered_with_body, read_json,
};
use crate::{
    http::{
        endpoint::Endpoint,
        range::{Wanted, wanted},
    },
    model::xdm::{Direction, PackageState},
    service::xdm::jobs::{ExportOrder, PackageReader, XdmPackage},
};

/// Characters of an Idempotency-Key.
const KEY_CHARACTERS: usize = 128;
/// When it is worth while to ask again for a package that is being made.
const RETRY_AFTER_S: &str = "2";
/// Packages of a list.
pub(super) const LISTED: i64 = 500;

/// `POST /xdm/export`.
pub(super) async fn order(request: HttpRequest, payload: web::Payload, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered_with_body(&request, payload, &endpoint, &EXPORTS, ORDER_BYTES, async |entered, body| {
        if !entered.packages.exports() {
            return Err(refusal(StatusCode::NOT_FOUND, "XdmNotHere", "registry or repository are not here"));
        }
        let order: ExportOrder = read_json(entered, &request, body).await?;
        let settings = entered.packages.settings();
        let sender = &entered.ctx.caller.node.organisation;
        if let Err(error) = order.check(sender, &settings.export) {
            return Err(refusal(StatusCode::BAD_REQUEST, "XdmOrder", error.to_string()));
        }
        if !settings.deliveries.contains(&order.delivery()) {
            return Err(refusal(StatusCode::BAD_REQUEST, "XdmDelivery", "delivery: not available here"));
        }
        let key = idempotency_key(&request);
        let key = key.map_err(|text| refusal(StatusCode::BAD_REQUEST, "XdmOrder", text))?;
        let ordered = entered.packages.order_export(&mut entered.ctx, &order, key.as_deref()).await;
        let id = ordered.map_err(|error| entered.refused(error))?;
        let package = entered.packages.get(id).await.map_err(|error| entered.refused(error))?;
        Ok(answer::shown(StatusCode::ACCEPTED, &package, None))
    })
    .await
}

/// The key by which a repeated order is known.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, &'static str> {
    let Some(value) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= KEY_CHARACTERS);
    text.map(|text| Some(text.to_owned())).ok_or("Idempotency-Key: 1 to 128 characters of ASCII")
}

/// `GET /xdm/export`.
pub(super) async fn list(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &EXPORTS, async |entered| listed(entered, Direction::Export).await).await
}

/// The packages of the caller's organisation.
pub(super) async fn listed(entered: &Entered<'_>, direction: Direction) -> Result<HttpResponse, HttpResponse> {
    let owner = Some(entered.ctx.caller.organisation_key());
    let packages = entered.packages.list(owner, Some(direction), LISTED).await;
    packages.map(|packages| answer::listed(&packages)).map_err(|error| entered.refused(error))
}

/// `GET /xdm/export/{id}`.
pub(super) async fn show(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &EXPORTS, async |entered| {
        let package = entered.package(&request, Direction::Export).await?;
        Ok(answer::shown(StatusCode::OK, &package, None))
    })
    .await
}

/// `DELETE /xdm/export/{id}`.
pub(super) async fn withdraw(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &EXPORTS, async |entered| withdrawn(entered, &request, Direction::Export).await).await
}

/// Takes a package back; once more changes nothing.
pub(super) async fn withdrawn(
    entered: &Entered<'_>,
    request: &HttpRequest,
    direction: Direction,
) -> Result<HttpResponse, HttpResponse> {
    let package = entered.package(request, direction).await?;
    if package.state != PackageState::Withdrawn {
        entered.packages.withdraw(&entered.ctx, &package, None).await.map_err(|error| entered.refused(error))?;
    }
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Serialize)]
struct Code {
    link: String,
    code: String,
}

/// `POST /xdm/export/{id}/code`: a code for the addressee of a reference, who is to be told it in another way than the link.
pub(super) async fn new_code(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &EXPORTS, async |entered| {
        let package = entered.package(&request, Direction::Export).await?;
        // What it links to is taken from the page a little later where its mail was just being made.
        let code = match package.state {
            PackageState::Withdrawn => None,
            _ => entered.packages.new_code(&entered.ctx, &package).await.map_err(|error| entered.refused(error))?,
        };
        let Some((link, code)) = code else {
            let text = "the package is not offered on the pick-up page, or not yet, or not any more";
            return Err(refusal(StatusCode::CONFLICT, "XdmNoCode", text));
        };
        let code = Code { link, code: code.to_string() };
        Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(code))
    })
    .await
}

/// `GET` and `HEAD /xdm/export/{id}/package`.
pub(super) async fn fetch(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    answered(&request, &endpoint, &EXPORTS, async |entered| {
        let package = entered.package(&request, Direction::Export).await?;
        given(entered, &request, &package).await
    })
    .await
}

async fn given(
    entered: &Entered<'_>,
    request: &HttpRequest,
    package: &XdmPackage,
) -> Result<HttpResponse, HttpResponse> {
    let opened = entered.packages.open(package).await.map_err(|error| entered.refused(error))?;
    let Some((file, length)) = opened else { return Err(not_there(package)) };
    let etag = format!("\"{}-{}\"", package.package_id, package.runs);
    let (status, range) = match wanted(request.headers(), &etag, length) {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::NotThere => {
            let mut response =
                refusal(StatusCode::RANGE_NOT_SATISFIABLE, "XdmRange", "the package has not so many octets");
            if let Ok(value) = header::HeaderValue::from_str(&format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Err(response);
        }
    };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, "application/zip"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"XDM.ZIP\""))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, etag));
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        response.insert_header((header::CONTENT_RANGE, part));
    }
    let octets = range.end - range.start;
    if request.method() == Method::HEAD {
        let nothing = stream::empty::<Result<Bytes, std::io::Error>>();
        return Ok(response.body(SizedStream::new(octets, nothing)));
    }
    let reader = entered.packages.fetch(&entered.ctx, package, file, &range).await;
    let reader = reader.map_err(|error| entered.refused(error))?;
    let sending = stream::try_unfold(reader, |mut reader: PackageReader| async move {
        match reader.next().await {
            Ok(octets) => Ok(octets.map(|octets| (octets, reader))),
            Err(error) => {
                tracing::error!(%error, "a package could not be read while it was sent");
                Err(std::io::Error::other("a package could not be read"))
            }
        }
    });
    Ok(response.body(SizedStream::new(octets, Box::pin(sending))))
}

/// Why there is nothing to fetch.
fn not_there(package: &XdmPackage) -> HttpResponse {
    if package.state.is_open() {
        let mut response = refusal(StatusCode::CONFLICT, "XdmNotReady", "the package is being made, ask again later");
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER_S));
        return response;
    }
    match package.state {
        PackageState::Failed => refusal(StatusCode::CONFLICT, "XdmFailed", "no package could be made, see its state"),
        _ => refusal(StatusCode::GONE, "XdmGone", "the package is not here any more"),
    }
}
