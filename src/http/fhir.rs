//! FHIR on the node listener: the search of the audit trail (ITI-81).
//!
//! Source: ITI TF-2 §3.81, spec security §2.8.

mod parameters;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use self::parameters::{Parameters, read};
use super::{
    endpoint::Endpoint,
    identify::{identify, turned_away},
};
use crate::{
    model::{AuditOutcome, NodeRole, RequestContext},
    service::audit_view::{AuditPage, AuditView, Place},
    wire::fhir::{Entry, FHIR_JSON, Link, OperationOutcome, SearchSet, audit_event},
};

const PATH: &str = "/fhir/AuditEvent";

/// Puts the paths of FHIR into an application.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.route(PATH, web::get().to(search));
}

/// Answers ITI-81.
async fn search(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    let Ok(admission) = identify(&request, &endpoint) else {
        let turned_away = turned_away(&request, &endpoint).await;
        return turned_away.unwrap_or_else(|| HttpResponse::Forbidden().finish());
    };
    let Some(view) = &endpoint.audit_view else { return HttpResponse::NotFound().finish() };
    let _in_flight = endpoint.metrics.begin();
    let pass = match endpoint.gates.enter(&admission.record) {
        Ok(pass) => pass,
        Err(busy) => {
            let retry_after = (header::RETRY_AFTER, busy.retry_after_s().to_string());
            return HttpResponse::ServiceUnavailable().insert_header(retry_after).finish();
        }
    };
    pass.hold(admitted(&request, &endpoint.context(&admission, ""), view).await)
}

async fn admitted(request: &HttpRequest, ctx: &RequestContext, view: &AuditView) -> HttpResponse {
    let log = ctx.endpoint.to_string();
    let refused = if ctx.caller.node.has_role(NodeRole::AuditViewer) {
        match read(request.query_string()) {
            Ok(parameters) => return found(view, ctx, &log, request.query_string(), &parameters).await,
            Err(problem) => (StatusCode::BAD_REQUEST, "invalid", problem, AuditOutcome::Minor, "knoop:FHIR-PARAMETER"),
        }
    } else {
        let problem = "this node has not the role audit-viewer".to_owned();
        (StatusCode::FORBIDDEN, "forbidden", problem, AuditOutcome::Serious, "knoop:CON-NODE")
    };
    let (status, code, problem, outcome, reason) = refused;
    match view.refuse(ctx, &log, outcome, reason).await {
        Ok(()) => answer(status, &OperationOutcome::error(code, problem)),
        Err(error) => broken(ctx, &error),
    }
}

async fn found(
    view: &AuditView,
    ctx: &RequestContext,
    log: &str,
    query: &str,
    parameters: &Parameters,
) -> HttpResponse {
    match view.search(ctx, log, &parameters.filter, parameters.count, parameters.after).await {
        Ok(page) => answer(StatusCode::OK, &bundle(&page, view, log, query)),
        Err(error) => broken(ctx, &error),
    }
}

fn bundle(page: &AuditPage, view: &AuditView, log: &str, query: &str) -> SearchSet<impl serde::Serialize> {
    let mut link = vec![Link { relation: "self", url: format!("{log}?{query}") }];
    if let Some(place) = page.next {
        let before: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("_page=")).collect();
        link.push(Link { relation: "next", url: format!("{log}?{}&_page={}", before.join("&"), to_page(place)) });
    }
    let entries = page.events.iter().map(|(key, event)| {
        let resource = audit_event(key.to_string(), event, view.site_id(), view.source_id());
        Entry::matching(format!("{log}/{key}"), resource)
    });
    SearchSet::new(link, entries.collect())
}

/// A place as an opaque text.
fn to_page((time_ms, key): Place) -> String {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&time_ms.to_be_bytes());
    octets[8..].copy_from_slice(&key.to_be_bytes());
    URL_SAFE_NO_PAD.encode(octets)
}

fn from_page(text: &str) -> Option<Place> {
    let octets: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (mut time, mut key) = ([0; 8], [0; 8]);
    time.copy_from_slice(&octets[..8]);
    key.copy_from_slice(&octets[8..]);
    Some((i64::from_be_bytes(time), i64::from_be_bytes(key)))
}

/// Trouble of our own: what it was stays in the log.
fn broken(ctx: &RequestContext, error: &dyn std::fmt::Display) -> HttpResponse {
    let incident = ctx.trace_id.to_string();
    tracing::error!(incident, error = %error, "a search of the audit trail failed");
    let problem = format!("internal error (incident {incident})");
    answer(StatusCode::INTERNAL_SERVER_ERROR, &OperationOutcome::error("exception", problem))
}

fn answer(status: StatusCode, resource: &impl serde::Serialize) -> HttpResponse {
    match serde_json::to_vec(resource) {
        Ok(body) => HttpResponse::build(status)
            .insert_header((header::CONTENT_TYPE, format!("{FHIR_JSON}; charset=utf-8")))
            .body(body),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_is_written() {
        for place in [(0, 0), (1_795_248_000_119, 202_611_500_000_000_017), (-1, i64::MIN)] {
            assert_eq!(from_page(&to_page(place)), Some(place));
        }
        assert_eq!(from_page("AAAA"), None);
        assert_eq!(from_page("*"), None);
    }
}
