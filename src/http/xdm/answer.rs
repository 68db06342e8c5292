//! Packages and refusals as JSON. A refusal is a code and a text, and names no patient.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use serde::Serialize;

use crate::{
    model::RequestContext,
    service::xdm::jobs::{
        PackageError, XdmPackage,
        shown::{object, path},
    },
    wire::mime::ContentType,
};

/// What was refused.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) text: String,
}

/// An answer that refuses.
pub(super) fn refusal(status: StatusCode, code: &'static str, text: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status).json(Problem { code, text: text.into() })
}

/// The answer to what was not done. Trouble of our own: what it was stays in the log.
pub(super) fn refused(ctx: &RequestContext, error: PackageError) -> HttpResponse {
    match error {
        PackageError::Unknown => refusal(StatusCode::NOT_FOUND, "XdmUnknown", error.to_string()),
        PackageError::Standing(_) => refusal(StatusCode::CONFLICT, "XdmStanding", error.to_string()),
        PackageError::Full => refusal(StatusCode::INSUFFICIENT_STORAGE, "XdmFull", error.to_string()),
        PackageError::Busy => refusal(StatusCode::TOO_MANY_REQUESTS, "XdmBusy", error.to_string()),
        PackageError::KeyUsed => refusal(StatusCode::UNPROCESSABLE_ENTITY, "XdmKeyUsed", error.to_string()),
        PackageError::Node => refusal(StatusCode::FORBIDDEN, "XdmNode", error.to_string()),
        PackageError::Elsewhere => refusal(StatusCode::MISDIRECTED_REQUEST, "XdmElsewhere", error.to_string()),
        PackageError::Store(_) | PackageError::Io(_) => {
            let incident = ctx.trace_id.to_string();
            tracing::error!(incident, %error, "a request about a package failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "XdmInternal", format!("internal error (incident {incident})"))
        }
    }
}

/// The media type of a request in lower case, without parameters.
pub(super) fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    ContentType::parse(value).ok().map(|kind| kind.essence().to_owned())
}

/// A package.
pub(super) fn shown(status: StatusCode, package: &XdmPackage, refused: Option<Problem>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, "application/json"));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if status == StatusCode::ACCEPTED || status == StatusCode::CREATED || refused.is_some() {
        response.insert_header((header::LOCATION, path(package)));
    }
    let mut text = object(package, true);
    if let Some(refused) = refused.and_then(|refused| serde_json::to_string(&refused).ok()) {
        // Two objects become one.
        text = format!("{},{}", refused.trim_end_matches('}'), text.trim_start_matches('{'));
    }
    response.body(text)
}

/// Packages, without their reports.
pub(super) fn listed(packages: &[XdmPackage]) -> HttpResponse {
    let objects: Vec<String> = packages.iter().map(|package| object(package, false)).collect();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(format!("{{\"packages\":[{}]}}", objects.join(",")))
}
