//! A package on its way in: a zip file as the body, or as a part of a form. Source: R-32-61.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};

use super::{answer, answer::refusal, broken_body};
use crate::{
    http::body::Body,
    model::RequestContext,
    service::xdm::jobs::{PackageError, Packages, Spool, SpoolError, Spooled},
    wire::mime::{ContentType, MimeError, MimeLimits, Part, Scanner},
};

/// How a zip file is declared (R-32-27).
const ZIP: [&str; 3] = ["application/zip", "application/x-zip-compressed", "application/octet-stream"];

/// Octets that a request announces.
pub(super) fn announced(request: &HttpRequest) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.unwrap_or_default()
}

/// The answer to a package beyond the limit.
pub(super) fn too_large(most: u64) -> HttpResponse {
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "XdmTooLarge", format!("a package has at most {most} octets"))
}

/// Takes the package of a request onto the disk.
pub(super) async fn spool(
    request: &HttpRequest,
    body: &mut Body,
    packages: &Packages,
    ctx: &RequestContext,
    mime: &MimeLimits,
) -> Result<Spooled, HttpResponse> {
    let most = packages.settings().package_bytes;
    let spool = packages.files().spool(most).map_err(|error| answer::refused(ctx, PackageError::Io(error)))?;
    match answer::media_type(request).as_deref() {
        Some(kind) if ZIP.contains(&kind) => whole(body, spool, ctx).await,
        Some("multipart/form-data") => form(request, body, spool, ctx, mime).await,
        _ => {
            let text = "a package comes as application/zip, or within multipart/form-data";
            Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "XdmMediaType", text))
        }
    }
}

async fn whole(body: &mut Body, mut spool: Spool, ctx: &RequestContext) -> Result<Spooled, HttpResponse> {
    while let Some(data) = body.next().await.map_err(broken_body)? {
        spool.write(&data).await.map_err(|error| not_spooled(ctx, error))?;
    }
    spool.finish().await.map_err(|error| not_spooled(ctx, error))
}

/// Takes the one part that is a zip file; other fields of the form say nothing to us.
async fn form(
    request: &HttpRequest,
    body: &mut Body,
    mut spool: Spool,
    ctx: &RequestContext,
    mime: &MimeLimits,
) -> Result<Spooled, HttpResponse> {
    let broken = |error: MimeError| refusal(StatusCode::BAD_REQUEST, "XdmForm", error.to_string());
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|text| ContentType::parse(text).ok());
    let boundary = declared.as_ref().and_then(|kind| kind.parameter("boundary")).unwrap_or_default();
    let mut scanner = Scanner::new(boundary, mime.clone()).map_err(broken)?;
    let (mut found, mut is_package) = (false, false);
    loop {
        match scanner.next().map_err(broken)? {
            Part::NeedMore => match body.next().await.map_err(broken_body)? {
                Some(data) => scanner.push(&data),
                None => scanner.finish(),
            },
            Part::Headers(headers) => {
                is_package = ZIP.contains(&headers.essence());
                if is_package && found {
                    return Err(refusal(StatusCode::BAD_REQUEST, "XdmForm", "the form has more than one package"));
                }
                found |= is_package;
            }
            Part::Data(data) if is_package => {
                spool.write(&data).await.map_err(|error| not_spooled(ctx, error))?;
            }
            Part::Data(_) | Part::EndOfPart => {}
            Part::Done if found => return spool.finish().await.map_err(|error| not_spooled(ctx, error)),
            Part::Done => {
                let text = "the form has no part of type application/zip";
                return Err(refusal(StatusCode::BAD_REQUEST, "XdmForm", text));
            }
        }
    }
}

fn not_spooled(ctx: &RequestContext, error: SpoolError) -> HttpResponse {
    match error {
        SpoolError::TooLarge(most) => too_large(most),
        error if error.is_full() => refusal(StatusCode::INSUFFICIENT_STORAGE, "XdmFull", "the disk is full"),
        SpoolError::Io(error) => answer::refused(ctx, PackageError::Io(error)),
    }
}
