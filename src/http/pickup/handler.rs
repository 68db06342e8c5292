//! Requests to the page.

use std::net::IpAddr;

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    cookie::{Cookie, SameSite},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web,
};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{
    PickupPage,
    page::{self, Page, STYLE},
    words::Words,
};
use crate::{
    http::range::{Wanted, wanted},
    model::{Caller, Ids, RequestContext},
    service::pickup::{Opened, PickupError, Standing, Tried},
};

/// What the browser holds after a right code. The prefix makes browsers refuse it over a connection without TLS.
const COOKIE: &str = "__Secure-pickup";
const FORM_BYTES: usize = 1_024;
const BLOCK: usize = 64 << 10;

/// What is said with every answer. Source: S-TLS-33.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("strict-transport-security", "max-age=31536000"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The routes.
pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.app_data(web::FormConfig::default().limit(FORM_BYTES))
        .app_data(web::PayloadConfig::new(FORM_BYTES))
        .route("/style.css", web::get().to(style))
        .service(web::resource("/p/{id}").route(web::get().to(show)).route(web::post().to(enter)))
        .service(web::resource("/p/{id}/XDM.ZIP").route(web::get().to(download)).route(web::head().to(download)))
        .default_service(web::to(nothing));
}

/// What somebody typed.
#[derive(Deserialize)]
struct Typed {
    code: String,
}

type Data = web::Data<PickupPage>;

async fn style(request: HttpRequest, page: Data) -> HttpResponse {
    if admitted(&request, &page).is_none() {
        return too_many(&request);
    }
    let mut answer = HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE);
    with_headers(&mut answer);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    answer
}

async fn nothing(request: HttpRequest, page: Data) -> HttpResponse {
    match admitted(&request, &page) {
        Some(_) => shown(&request, "", None, Standing::Unknown, false),
        None => too_many(&request),
    }
}

async fn show(request: HttpRequest, page: Data, id: web::Path<String>) -> HttpResponse {
    let Some(address) = admitted(&request, &page) else { return too_many(&request) };
    match page.pickup.look(&context(&page), &id, held(&request).as_deref(), address).await {
        Ok((standing, sender)) => shown(&request, &id, sender.as_deref(), standing, false),
        Err(error) => trouble(&request, &error),
    }
}

async fn enter(
    request: HttpRequest,
    page: Data,
    id: web::Path<String>,
    typed: Result<web::Form<Typed>, actix_web::Error>,
) -> HttpResponse {
    let Some(address) = admitted(&request, &page) else { return too_many(&request) };
    // What is no form is a wrong code: it counts.
    let code = typed.map(|form| form.into_inner().code).unwrap_or_default();
    let ctx = context(&page);
    let tried = page.pickup.try_code(&ctx, &id, &code, held(&request).as_deref(), address).await;
    match tried {
        Ok(Tried::Right { session }) => {
            let cookie = Cookie::build(COOKIE, session)
                .path(format!("/p/{id}"))
                .secure(true)
                .http_only(true)
                .same_site(SameSite::Strict)
                .finish();
            to_page(&id, Some(cookie))
        }
        Ok(Tried::Open) => to_page(&id, None),
        Ok(Tried::Wrong(standing)) => {
            let sender = page.pickup.sender(&id).await.ok().flatten();
            shown(&request, &id, sender.as_deref(), standing, true)
        }
        Err(error) => trouble(&request, &error),
    }
}

async fn download(request: HttpRequest, page: Data, id: web::Path<String>) -> HttpResponse {
    let Some(address) = admitted(&request, &page) else { return too_many(&request) };
    let held = held(&request);
    let part = |octets| match wanted(request.headers(), &etag(&id), octets) {
        _ if request.method() == Method::HEAD => 0..0,
        Wanted::Whole => 0..octets,
        Wanted::Part(part) => part,
        Wanted::NotThere => 0..0,
    };
    match page.pickup.fetch(&context(&page), &id, held.as_deref(), address, part).await {
        Ok(Ok(opened)) => match package(&request, &id, opened).await {
            Ok(answer) => answer,
            Err(error) => trouble(&request, &PickupError::Io(error)),
        },
        Ok(Err(standing)) => shown(&request, &id, None, standing, false),
        Err(error) => trouble(&request, &error),
    }
}

/// Sends a browser that is in to the page with the package.
fn to_page(id: &str, cookie: Option<Cookie<'_>>) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    if let Some(cookie) = cookie {
        answer.cookie(cookie);
    }
    let mut answer = answer.insert_header((header::LOCATION, format!("/p/{id}"))).finish();
    with_headers(&mut answer);
    answer
}

/// A package never changes under its id.
fn etag(id: &str) -> String {
    format!("\"{id}\"")
}

/// The package, or the part of it that is wanted.
async fn package(request: &HttpRequest, id: &str, opened: Opened) -> std::io::Result<HttpResponse> {
    let Opened { mut file, octets } = opened;
    let etag = etag(id);
    let (status, part) = match wanted(request.headers(), &etag, octets) {
        Wanted::Whole => (StatusCode::OK, 0..octets),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::NotThere => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let length = part.end - part.start;
    let mut answer = HttpResponse::build(status);
    answer
        .content_type("application/zip")
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, etag))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"XDM.ZIP\""));
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let range = format!("bytes {}-{}/{octets}", part.start, part.end - 1);
            answer.insert_header((header::CONTENT_RANGE, range));
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            answer.insert_header((header::CONTENT_RANGE, format!("bytes */{octets}")));
        }
        _ => {}
    }
    file.seek(std::io::SeekFrom::Start(part.start)).await?;
    let stream = ReaderStream::with_capacity(file.take(length), BLOCK);
    let mut answer = answer.body(SizedStream::new(length, stream));
    with_headers(&mut answer);
    Ok(answer.map_into_boxed_body())
}

/// The address of a request that is answered; nothing for one too many.
fn admitted(request: &HttpRequest, page: &PickupPage) -> Option<IpAddr> {
    let address = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
    page.admits(address).then_some(address)
}

fn too_many(request: &HttpRequest) -> HttpResponse {
    let words = Words::of(request.headers());
    let mut answer = html(StatusCode::TOO_MANY_REQUESTS, page::message(words, words.too_many));
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

fn shown(request: &HttpRequest, id: &str, sender: Option<&str>, standing: Standing, wrong: bool) -> HttpResponse {
    let status = match standing {
        Standing::Unknown => StatusCode::NOT_FOUND,
        Standing::Closed { .. } if wrong => StatusCode::FORBIDDEN,
        // Without a code, the package itself is forbidden; the page that asks for it is not.
        Standing::Closed { .. } if request.path().ends_with("/XDM.ZIP") => StatusCode::FORBIDDEN,
        Standing::Closed { .. } | Standing::Open { .. } => StatusCode::OK,
        Standing::Locked => StatusCode::FORBIDDEN,
        Standing::Expired | Standing::Withdrawn | Standing::Used => StatusCode::GONE,
    };
    html(status, Page { words: Words::of(request.headers()), id, sender, standing, wrong }.html())
}

fn trouble(request: &HttpRequest, error: &PickupError) -> HttpResponse {
    tracing::error!(%error, "a package could not be handed out");
    let words = Words::of(request.headers());
    html(StatusCode::INTERNAL_SERVER_ERROR, page::message(words, words.trouble))
}

fn html(status: StatusCode, text: String) -> HttpResponse {
    let mut answer = HttpResponse::build(status).content_type("text/html; charset=utf-8").body(text);
    with_headers(&mut answer);
    answer
}

fn with_headers<B>(answer: &mut HttpResponse<B>) {
    for (name, value) in HEADERS {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

fn held(request: &HttpRequest) -> Option<String> {
    request.cookie(COOKIE).map(|cookie| cookie.value().to_owned())
}

fn context(page: &PickupPage) -> RequestContext {
    RequestContext::new(Caller::loopback(), (page.clock)(), "".into(), Ids::Random)
}
