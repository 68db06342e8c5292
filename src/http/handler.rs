//! POST on a SOAP path: from the first octet of a request to its answer.
//!
//! A later step never runs when an earlier one refused: node, its limits, media type, size, multipart, envelope, addressing, form of
//! the body, user, actor.
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
    act,
    answer::{self, Envelope, Sent},
    assertion::Sender,
    body::{Body, BodyError},
    decode::{Decoded, Outside, Refused, decode},
    endpoint::Endpoint,
    gates::Busy,
    identify::{self, Admission, identify},
    judged,
    metrics::Outcome,
    parts::{IntakeError, Message, read_package},
    report::{Report, Told},
    routes::{Place, Transaction},
};
use crate::{
    model::{AuditOutcome, RequestContext},
    service::audit::events::Verdict,
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
    let mut sent = match identify(&request, &endpoint) {
        Ok(admission) => admitted(&request, &mut body, **place, &endpoint, &admission, &mut report).await,
        Err(stranger) => refused(stranger.refuse(&endpoint, &mut report).await),
    };
    // Unread octets must not be taken for the next request (spec §8, 10).
    if !body.drain().await {
        sent.response.head_mut().set_connection_type(ConnectionType::Close);
    }
    report.close(&endpoint, body.read, sent.octets, started.elapsed());
    sent.response
}

/// Answers a node that may take part, if it does not ask too much.
async fn admitted(
    request: &HttpRequest,
    body: &mut Body,
    place: Place,
    endpoint: &Endpoint,
    admission: &Admission,
    report: &mut Report,
) -> Sent {
    report.node(admission.caller.name());
    let pass = match endpoint.gates.enter(&admission.record) {
        Ok(pass) => pass,
        Err(busy) => return later(busy, endpoint, admission, report),
    };
    let exchange = exchange(request, body, place, endpoint, admission, report);
    let mut sent = match AssertUnwindSafe(exchange).catch_unwind().await {
        Ok(sent) => sent,
        Err(_) => panicked(endpoint, admission, report),
    };
    sent.response = pass.hold(sent.response);
    sent
}

async fn exchange(
    request: &HttpRequest,
    body: &mut Body,
    place: Place,
    endpoint: &Endpoint,
    admission: &Admission,
    report: &mut Report,
) -> Sent {
    let media = match media_type(request) {
        Ok(media) => media,
        Err(status) => return refuse(status, report),
    };
    let mtom = media.essence() != SOAP_MEDIA_TYPE;
    let taken: Vec<&'static Transaction> = place.transactions(endpoint).collect();
    let mut ctx = endpoint.context(admission, "");
    let sender = Sender { endpoint, admission, ctx: &mut ctx };
    match take_in(request, body, &media, &taken, sender).await {
        Ok(message) => {
            report.unreferenced = message.unreferenced;
            answered(message, mtom, request, endpoint, admission, &mut ctx, report).await
        }
        Err(IntakeError::Body(BodyError::Slow)) => refuse(StatusCode::REQUEST_TIMEOUT, report),
        Err(IntakeError::Body(BodyError::Broken)) => refuse(StatusCode::BAD_REQUEST, report),
        Err(IntakeError::Body(BodyError::TooLarge)) => {
            let fault = Fault::TooLarge { what: "message", limit: endpoint.settings.message_bytes };
            let rejected = Rejected { fault, relates_to: None, action: None };
            faulted(&rejected.into(), mtom, endpoint, admission, report)
        }
        Err(IntakeError::NoRoom) => later(Busy::Spool, endpoint, admission, report),
        Err(IntakeError::Refused(refused)) => {
            let action = refused.rejected.action.as_deref();
            if let Some(transaction) = taken.iter().find(|transaction| action == Some(transaction.action)) {
                ctx.message_id = refused.rejected.relates_to.as_deref().unwrap_or_default().into();
                act::faulted(endpoint, &ctx, transaction, &refused.rejected.fault).await;
            }
            faulted(&refused, mtom, endpoint, admission, report)
        }
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

/// Reads and decodes the whole message, and judges for whom it was sent.
async fn take_in(
    request: &HttpRequest,
    body: &mut Body,
    media: &ContentType,
    taken: &[&'static Transaction],
    mut sender: Sender<'_>,
) -> Result<Message, IntakeError> {
    let Sender { endpoint, admission, .. } = sender;
    let settings = &endpoint.settings;
    let mtom = media.essence() != SOAP_MEDIA_TYPE;
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
            node: &admission.caller.node,
        };
        decode(octets, &outside, taken, settings)
    };
    if mtom {
        return read_package(body, media, sender, &decode).await;
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
    let mut decoded = decode(&octets, None).map_err(IntakeError::Refused)?;
    sender.judge(&mut decoded).await.map_err(IntakeError::Refused)?;
    Ok(Message { decoded, parts: HashMap::new(), unreferenced: 0, share: None })
}

/// Hands a whole message to its actor.
async fn answered(
    message: Message,
    mtom: bool,
    request: &HttpRequest,
    endpoint: &Endpoint,
    admission: &Admission,
    ctx: &mut RequestContext,
    report: &mut Report,
) -> Sent {
    let Message { decoded, parts, share: _share, .. } = message;
    let (header, transaction) = (decoded.header.clone(), decoded.transaction);
    report.understood(transaction, header.message_id.as_deref());
    let pass = match endpoint.gates.enter_transaction(&admission.record, transaction.number) {
        Ok(pass) => pass,
        Err(busy) => return later(busy, endpoint, admission, report),
    };
    // Much time may have passed since the request began: who was let in then may not be any more.
    ctx.now = endpoint.now();
    if let Some(response) = judged::refusal(request, endpoint).await {
        report.refused(vec![Told::http(response.status())]);
        return Sent { response, octets: 0 };
    }
    match identify::again(request, endpoint) {
        Ok(caller) => ctx.caller = caller,
        Err(stranger) => return refused(stranger.refuse(endpoint, report).await),
    }
    let envelope =
        Envelope { mtom, relates_to: header.message_id.as_deref(), reference_parameters: &header.reference_parameters };
    let acted = match transaction.is_for(&ctx.caller.node) {
        true => act::act(decoded, parts, endpoint, ctx).await,
        false => Err(Fault::NotAllowed { transaction: transaction.number }),
    };
    let mut sent = match acted {
        Ok(reply) => {
            let was_done = reply.is_done();
            let sent = answer::reply(reply, transaction, &envelope, endpoint, ctx, report);
            if let Some(code) = report.refusal().filter(|_| was_done) {
                // Found and recorded, but more than can be sent.
                let verdict = Verdict::failure(AuditOutcome::Minor, code, "the answer was not sent");
                act::refused(endpoint, ctx, transaction, verdict).await;
            }
            if header.reply_to == Address::None { answer::nothing() } else { sent }
        }
        Err(fault) => {
            act::faulted(endpoint, ctx, transaction, &fault).await;
            let silent = *header.fault_to.as_ref().unwrap_or(&header.reply_to) == Address::None;
            let rejected = Rejected { fault, relates_to: header.message_id.clone(), action: header.action.clone() };
            faulted(&Refused { rejected, silent }, mtom, endpoint, admission, report)
        }
    };
    sent.response = pass.hold(sent.response);
    sent
}

fn faulted(refused: &Refused, mtom: bool, endpoint: &Endpoint, admission: &Admission, report: &mut Report) -> Sent {
    let Rejected { fault, relates_to, action } = &refused.rejected;
    if let Fault::NotAllowed { transaction } = fault {
        identify::role_refused(admission, transaction);
    }
    report.told(Outcome::Fault, vec![Told::fault(fault)]);
    report.sender_said(action.as_deref(), relates_to.as_deref());
    let mut ctx = endpoint.context(admission, relates_to.as_deref().unwrap_or_default());
    let envelope = Envelope { mtom, relates_to: relates_to.as_deref(), reference_parameters: "" };
    let sent = answer::fault(fault, &envelope, &mut ctx);
    if refused.silent { answer::nothing() } else { sent }
}

/// Refused by HTTP alone, without a body.
fn refuse(status: StatusCode, report: &mut Report) -> Sent {
    report.refused(vec![Told::http(status)]);
    refused(status)
}

/// An answer without a body.
fn refused(status: StatusCode) -> Sent {
    Sent { response: HttpResponse::build(status).finish(), octets: 0 }
}

/// S-IN-36: the node is to come again. A flood is told once in a while only.
fn later(busy: Busy, endpoint: &Endpoint, admission: &Admission, report: &mut Report) -> Sent {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    report.refused(vec![Told::refused(status, busy.to_string())]);
    match endpoint.repeats.tell(admission.caller.name(), busy.reason(), std::time::Instant::now()) {
        Some(untold) => {
            tracing::warn!(node = %admission.caller.name(), reason = busy.reason(), untold, "put a node off: {busy}");
        }
        None => report.hush(),
    }
    let retry_after = (header::RETRY_AFTER, busy.retry_after_s().to_string());
    Sent { response: HttpResponse::build(status).insert_header(retry_after).finish(), octets: 0 }
}

/// R-SOAP-16: nothing is known of the message any more, so a Receiver fault it is.
fn panicked(endpoint: &Endpoint, admission: &Admission, report: &mut Report) -> Sent {
    let mut ctx = endpoint.context(admission, "");
    let incident = ctx.fresh_uuid().to_string();
    tracing::error!(incident, "a request ended in a panic");
    let fault = Fault::Internal(incident.into());
    faulted(&Rejected { fault, relates_to: None, action: None }.into(), false, endpoint, admission, report)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_http::BoxedPayloadStream;
    use actix_web::{FromRequest, body::to_bytes, dev, http::header, test::TestRequest, web};
    use bytes::Bytes;
    use futures_util::stream;

    use super::{Admission, Body, Place, Report, SOAP_MEDIA_TYPE, StatusCode, admitted};
    use crate::{
        http::{Endpoint, HttpSettings, Metrics},
        model::Caller,
        security::directory::NodeDirectory,
        service::{audit::trail_for_tests, nodes::Nodes, refusals::RefusalLog},
    };

    #[actix_web::test]
    async fn r_soap_16_a_panic_before_the_message_is_understood_is_a_receiver_fault() {
        let folder = tempfile::tempdir().unwrap();
        let refusals = Arc::new(RefusalLog::open(folder.path()).unwrap());
        let nodes = Arc::new(Nodes::new(1, NodeDirectory::new(Vec::new())));
        let record = Arc::clone(nodes.loopback());
        let auditor = trail_for_tests(folder.path()).await;
        let endpoint =
            Endpoint::new(None, None, nodes, auditor, HttpSettings::default(), Arc::new(Metrics::new()), refusals);
        let mut left = 2;
        // The second octets are never read; after the panic the rest is drained.
        let octets: BoxedPayloadStream = Box::pin(stream::poll_fn(move |_| {
            left -= 1;
            assert_ne!(left, 1, "Jansen, born 18870131");
            std::task::Poll::Ready(None)
        }));
        let request = TestRequest::post().insert_header((header::CONTENT_TYPE, SOAP_MEDIA_TYPE)).to_http_request();
        let mut payload = dev::Payload::<BoxedPayloadStream>::Stream { payload: octets };
        let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
        let mut body = Body::new(payload, &endpoint.settings);
        let admission = Admission { caller: Caller::loopback(), record, endpoint: "".into(), certificate: None };
        let mut report = Report::default();
        let answer = admitted(&request, &mut body, Place::All, &endpoint, &admission, &mut report).await.response;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body: Bytes = to_bytes(answer.into_body()).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let fault = roxmltree::Document::parse(&text).unwrap();
        let texts: Vec<&str> = fault.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.iter().any(|text| text.ends_with(":Receiver")), "{text}");
        assert!(texts.iter().any(|text| text.contains("incident urn:uuid:")), "{text}");
        assert!(!text.contains("Jansen"), "{text}");
    }
}
