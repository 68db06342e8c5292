//! Packages and refusals as JSON. A refusal is a code and a text, and names no patient.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use serde::Serialize;

use crate::{
    model::{
        RequestContext,
        xdm::{Direction, PackageState},
    },
    service::xdm::jobs::{PackageError, XdmPackage},
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

/// A package as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(flatten)]
    refused: Option<Problem>,
    id: String,
    direction: &'static str,
    state: &'static str,
    delivery: &'static str,
    priority: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    urgency: &'a str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
    /// Where it is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Given<'a>>,
}

/// Why a job gave up.
#[derive(Serialize)]
struct Given<'a> {
    code: &'a str,
    text: &'a str,
}

/// RFC 3339.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
}

/// The address of a package.
pub(super) fn path(package: &XdmPackage) -> String {
    format!("/xdm/{}/{}", package.direction.as_str(), package.package_id)
}

/// A package as a JSON object; with report and receipt, which are kept as JSON, where `whole`.
fn object(package: &XdmPackage, refused: Option<Problem>, whole: bool) -> String {
    let can_be_fetched =
        package.direction == Direction::Export && package.state == PackageState::Done && package.file.is_some();
    let problem = package.problem.as_deref().map(|text| {
        let (code, text) = text.split_once(": ").unwrap_or(("XdmFailed", text));
        Given { code, text }
    });
    let shown = Shown {
        refused,
        id: package.package_id.to_string(),
        direction: package.direction.as_str(),
        state: package.state.as_str(),
        delivery: package.delivery.as_str(),
        priority: package.priority.as_str(),
        urgency: &package.urgency,
        created: time(package.created_ms),
        ended: package.ended_ms.map(time),
        expires: package.expires_ms.map(time),
        octets: package.octets,
        package: can_be_fetched.then(|| format!("{}/package", path(package))),
        problem,
    };
    let mut text = serde_json::to_string(&shown).unwrap_or_default();
    if whole && text.pop().is_some() {
        for (name, kept) in [("report", &package.report), ("receipt", &package.receipt)] {
            if let Some(kept) = kept {
                text.push_str(&format!(",\"{name}\":{kept}"));
            }
        }
        text.push('}');
    }
    text
}

/// A package.
pub(super) fn shown(status: StatusCode, package: &XdmPackage, refused: Option<Problem>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, "application/json"));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if status == StatusCode::ACCEPTED || status == StatusCode::CREATED || refused.is_some() {
        response.insert_header((header::LOCATION, path(package)));
    }
    response.body(object(package, refused, true))
}

/// Packages, without their reports.
pub(super) fn listed(packages: &[XdmPackage]) -> HttpResponse {
    let objects: Vec<String> = packages.iter().map(|package| object(package, None, false)).collect();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(format!("{{\"packages\":[{}]}}", objects.join(",")))
}
