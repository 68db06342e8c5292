//! POST on a SOAP path: from the first octet of a request to its answer.
//!
//! A later step never runs when an earlier one refused: media type, size, multipart, envelope, addressing, body, actor.
//! Source: design section 5.

use std::{collections::HashMap, panic::AssertUnwindSafe};

use actix_http::ConnectionType;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::{
    act::act,
    answer::{self, Envelope, Sent},
    body::{Body, BodyError},
    decode::{Decoded, Outside, Refused, decode},
    endpoint::Endpoint,
    metrics::Outcome,
    parts::{IntakeError, Message, read_package},
    report::{Report, Told},
    routes::{Place, Transaction},
};
use crate::{
    model::RequestContext,
    wire::{
        mime::ContentType,
        soap::{Address, Fault, Rejected, SOAP_MEDIA_TYPE},
    },
};

/// Octets of all headers of a request (S-IN-02).
const HEADER_BYTES: usize = 16 << 10;

/// Answers a message.
pub(super) async fn post(
    request: HttpRequest,
    payload: web::Payload,
    place: web::Data<Place>,
    endpoint: web::Data<Endpoint>,
) -> HttpResponse {
    let started = Instant::now();
    let _in_flight = endpoint.metrics.begin();
    let mut body = Body::new(payload, &endpoint.settings);
    let mut report = Report::default();
    let exchange = exchange(&request, &mut body, **place, &endpoint, &mut report);
    let mut sent = match AssertUnwindSafe(exchange).catch_unwind().await {
        Ok(sent) => sent,
        Err(_) => panicked(&endpoint, &mut report),
    };
    // Unread octets must not be taken for the next request (spec §8, 10).
    if !body.drain().await {
        sent.response.head_mut().set_connection_type(ConnectionType::Close);
    }
    report.close(&endpoint, body.read, sent.octets, started.elapsed());
    sent.response
}

async fn exchange(
    request: &HttpRequest,
    body: &mut Body,
    place: Place,
    endpoint: &Endpoint,
    report: &mut Report,
) -> Sent {
    let media = match media_type(request) {
        Ok(media) => media,
        Err(status) => return refuse(status, report),
    };
    let mtom = media.essence() != SOAP_MEDIA_TYPE;
    let taken: Vec<&'static Transaction> = place.transactions(endpoint).collect();
    match take_in(request, body, &media, mtom, &taken, endpoint).await {
        Ok(message) => {
            report.unreferenced = message.unreferenced;
            answered(message, mtom, endpoint, report).await
        }
        Err(IntakeError::Body(BodyError::Slow)) => refuse(StatusCode::REQUEST_TIMEOUT, report),
        Err(IntakeError::Body(BodyError::Broken)) => refuse(StatusCode::BAD_REQUEST, report),
        Err(IntakeError::Body(BodyError::TooLarge)) => {
            let fault = Fault::TooLarge { what: "message", limit: endpoint.settings.message_bytes };
            faulted(&Rejected { fault, relates_to: None, action: None }.into(), mtom, endpoint, report)
        }
        Err(IntakeError::Refused(refused)) => faulted(&refused, mtom, endpoint, report),
    }
}

/// The media type of a message that is read here.
fn media_type(request: &HttpRequest) -> Result<ContentType, StatusCode> {
    let headers = request.headers();
    let octets: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if octets > HEADER_BYTES {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let identity = |value: &header::HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).all(identity) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let mut values = headers.get_all(header::CONTENT_TYPE);
    let media = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|text| ContentType::parse(text).ok()),
        _ => None,
    };
    media
        .filter(|media| matches!(media.essence(), SOAP_MEDIA_TYPE | "multipart/related"))
        .ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// Reads and decodes the whole message.
async fn take_in(
    request: &HttpRequest,
    body: &mut Body,
    media: &ContentType,
    mtom: bool,
    taken: &[&'static Transaction],
    endpoint: &Endpoint,
) -> Result<Message, IntakeError> {
    let settings = &endpoint.settings;
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let announced: u64 = announced.unwrap_or_default();
    if announced > settings.message_bytes {
        return Err(BodyError::TooLarge.into());
    }
    let action = media.action();
    let decode = |octets: &[u8], part: Option<&ContentType>| -> Result<Decoded, Refused> {
        let part_action = part.and_then(ContentType::action);
        let outside = Outside {
            charset: part.unwrap_or(media).charset(),
            action: action.as_deref().or(part_action.as_deref()),
            mtom,
        };
        decode(octets, &outside, taken, settings)
    };
    if mtom {
        return read_package(body, media, endpoint, &decode).await;
    }
    let limit = settings.root_part_bytes;
    let too_large = || IntakeError::from(Fault::TooLarge { what: "message", limit });
    if announced > limit {
        return Err(too_large());
    }
    let mut octets = Vec::with_capacity(usize::try_from(announced).unwrap_or_default());
    while let Some(data) = body.next().await? {
        if (octets.len() + data.len()) as u64 > limit {
            return Err(too_large());
        }
        octets.extend_from_slice(&data);
    }
    let decoded = decode(&octets, None).map_err(IntakeError::Refused)?;
    Ok(Message { decoded, parts: HashMap::new(), unreferenced: 0 })
}

/// Hands a whole message to its actor.
async fn answered(message: Message, mtom: bool, endpoint: &Endpoint, report: &mut Report) -> Sent {
    let Message { decoded, parts, .. } = message;
    let (header, transaction) = (decoded.header.clone(), decoded.transaction);
    report.understood(transaction, header.message_id.as_deref());
    let mut ctx = context(endpoint, header.message_id.as_deref());
    let envelope =
        Envelope { mtom, relates_to: header.message_id.as_deref(), reference_parameters: &header.reference_parameters };
    match act(decoded, parts, endpoint, &mut ctx).await {
        Ok(reply) => {
            let sent = answer::reply(reply, transaction, &envelope, endpoint, &mut ctx, report);
            if header.reply_to == Address::None { answer::nothing() } else { sent }
        }
        Err(fault) => {
            let silent = *header.fault_to.as_ref().unwrap_or(&header.reply_to) == Address::None;
            let rejected = Rejected { fault, relates_to: header.message_id.clone(), action: header.action.clone() };
            faulted(&Refused { rejected, silent }, mtom, endpoint, report)
        }
    }
}

fn faulted(refused: &Refused, mtom: bool, endpoint: &Endpoint, report: &mut Report) -> Sent {
    let Rejected { fault, relates_to, action } = &refused.rejected;
    report.told(Outcome::Fault, vec![Told::fault(fault)]);
    report.sender_said(action.as_deref(), relates_to.as_deref());
    let mut ctx = context(endpoint, relates_to.as_deref());
    let envelope = Envelope { mtom, relates_to: relates_to.as_deref(), reference_parameters: "" };
    let sent = answer::fault(fault, &envelope, &mut ctx);
    if refused.silent { answer::nothing() } else { sent }
}

/// Refused by HTTP alone, without a body.
fn refuse(status: StatusCode, report: &mut Report) -> Sent {
    report.told(Outcome::Refused, vec![Told::http(status)]);
    Sent { response: HttpResponse::build(status).finish(), octets: 0 }
}

/// R-SOAP-16: nothing is known of the message any more, so a Receiver fault it is.
fn panicked(endpoint: &Endpoint, report: &mut Report) -> Sent {
    let mut ctx = context(endpoint, None);
    let incident = ctx.fresh_uuid().to_string();
    tracing::error!(incident, "a request ended in a panic");
    let fault = Fault::Internal(incident.into());
    faulted(&Rejected { fault, relates_to: None, action: None }.into(), false, endpoint, report)
}

fn context(endpoint: &Endpoint, message_id: Option<&str>) -> RequestContext {
    endpoint.context(message_id.unwrap_or_default())
}
