//! Answers: the one place that decides between a fault and a response message, and in which encoding it goes.
//!
//! Source: spec §1.5; R-SOAP-02, R-SOAP-06, R-SOAP-15, R-SOAP-17.

use actix_web::{
    HttpResponse,
    body::BoxBody,
    http::{StatusCode, header},
};
use bytes::Bytes;

use super::{
    HttpSettings,
    endpoint::{ANSWER_UNIT, Endpoint},
    report::Report,
    routes::Transaction,
    stream::{self, Held, Piece},
};
use crate::{
    model::{Finding, QueryAnswer, RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode},
    service::repository::{Retrieval, RetrievedDocument},
    wire::{
        ebrim::body::AnswerStyle,
        mtom::Package,
        soap::{Fault, ReplyHeader, SOAP_MEDIA_TYPE, write_envelope, write_fault},
        xds::{
            iti18,
            iti43::{self, DocumentResponse, ResponseContent},
            registry_response,
        },
    },
};

/// What an actor answered.
pub(super) enum Reply {
    /// ITI-41, ITI-42
    Registry(RegistryResponse),
    /// ITI-18
    Query(RegistryResponse, QueryAnswer),
    /// ITI-43
    Retrieval(Retrieval),
}

impl Reply {
    /// Whether the actor did what was asked.
    pub(super) fn is_done(&self) -> bool {
        let (Self::Registry(response) | Self::Query(response, _) | Self::Retrieval(Retrieval { response, .. })) = self;
        response.status == ResponseStatus::Success
    }

    /// The response of a transaction that did not get as far as its actor.
    pub(super) fn failure(transaction: &Transaction, findings: Vec<Finding>) -> Self {
        let response = RegistryResponse::failure(findings);
        match transaction.number {
            "ITI-18" => Self::Query(response, QueryAnswer::ObjectRef(Vec::new())),
            "ITI-43" => Self::Retrieval(Retrieval { response, documents: Vec::new() }),
            _ => Self::Registry(response),
        }
    }
}

/// To what an answer belongs.
pub(super) struct Envelope<'a> {
    /// The request came as MTOM.
    pub(super) mtom: bool,
    pub(super) relates_to: Option<&'a str>,
    pub(super) reference_parameters: &'a str,
}

/// An answer ready to go, and its length.
pub(super) struct Sent {
    pub(super) response: HttpResponse,
    pub(super) octets: u64,
}

/// A fault in the encoding of the request.
pub(super) fn fault(fault: &Fault, envelope: &Envelope<'_>, ctx: &mut RequestContext) -> Sent {
    let status = StatusCode::from_u16(fault.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let frame = Frame::new(fault.action(), envelope, ctx);
    let mut out = frame.head();
    write_fault(&mut out, fault, &frame.header(envelope));
    frame.tail(&mut out);
    frame.send(status, out.into())
}

/// Nothing to say: the reply address is none (R-SOAP-15).
pub(super) fn nothing() -> Sent {
    Sent { response: HttpResponse::Accepted().finish(), octets: 0 }
}

/// A response message in the encoding of the request.
pub(super) fn reply(
    reply: Reply,
    transaction: &Transaction,
    envelope: &Envelope<'_>,
    endpoint: &Endpoint,
    ctx: &mut RequestContext,
    report: &mut Report,
) -> Sent {
    let frame = Frame::new(transaction.response_action, envelope, ctx);
    let mut out = frame.head();
    let header = frame.header(envelope);
    match reply {
        Reply::Registry(response) => {
            report.responded(&response);
            write_envelope(&mut out, &header, |out| registry_response::write(out, &response));
        }
        Reply::Query(response, answer) => {
            return query(&response, &answer, &frame, envelope, endpoint, report);
        }
        Reply::Retrieval(Retrieval { response, documents }) => {
            report.responded(&response);
            return retrieval(&response, documents, &frame, envelope);
        }
    }
    frame.tail(&mut out);
    frame.send(StatusCode::OK, out.into())
}

/// An answer to ITI-18: whole in memory, within the bound of one and the budget of all.
fn query(
    response: &RegistryResponse,
    answer: &QueryAnswer,
    frame: &Frame,
    envelope: &Envelope<'_>,
    endpoint: &Endpoint,
    report: &mut Report,
) -> Sent {
    report.responded(response);
    let HttpSettings { home_community_id, versions, .. } = &endpoint.settings;
    let style = AnswerStyle { home: home_community_id.clone(), versions: *versions };
    let write = |response: &RegistryResponse, answer: &QueryAnswer| {
        let mut out = frame.head();
        let written = write_envelope(&mut out, &frame.header(envelope), |out| {
            iti18::write_response(out, response, answer, &style)
        });
        frame.tail(&mut out);
        written.map(|()| out)
    };
    let mut refuse = |finding| {
        let failure = RegistryResponse::failure(vec![finding]);
        report.responded(&failure);
        let out = write(&failure, &QueryAnswer::ObjectRef(Vec::new()));
        frame.send(StatusCode::OK, out.unwrap_or_default().into())
    };
    let out = match write(response, answer) {
        Ok(out) => out,
        Err(error) => {
            // The answer's own identifier serves as the incident.
            let incident = &frame.message_id;
            tracing::error!(incident, %error, "the kept form of a registry object is damaged");
            let context = format!("internal error (incident {incident})");
            return refuse(Finding::error(XdsErrorCode::RegistryError, "R-SOAP-16", context));
        }
    };
    let (length, limit) = (out.len() as u64, endpoint.settings.answer_bytes);
    if length > limit {
        let context = format!("the answer would be larger than {limit} octets; ask for ObjectRef, then in portions");
        return refuse(Finding::error(XdsErrorCode::TooManyResults, "R-18-53", context));
    }
    let permits = u32::try_from(length.div_ceil(ANSWER_UNIT)).unwrap_or(u32::MAX);
    match endpoint.answers.clone().try_acquire_many_owned(permits) {
        Ok(room) => {
            let response = frame.response(StatusCode::OK).body(BoxBody::new(Held::new(out.into(), room)));
            Sent { response, octets: length }
        }
        Err(_) => refuse(Finding::error(
            XdsErrorCode::RegistryBusy,
            "R-18-53",
            "too many large answers are being sent, try again later",
        )),
    }
}

/// An answer to ITI-43: documents stream from the store, and the length is known before the first octet.
fn retrieval(
    response: &RegistryResponse,
    documents: Vec<RetrievedDocument>,
    frame: &Frame,
    envelope: &Envelope<'_>,
) -> Sent {
    let mut readers = Vec::with_capacity(documents.len());
    let listed: Vec<DocumentResponse> = documents
        .into_iter()
        .enumerate()
        .map(|(index, document)| {
            let content = match &frame.package {
                Some(package) => ResponseContent::Cid(package.document_id(index)),
                None => ResponseContent::Base64Hole,
            };
            readers.push((document.mime_type.clone(), document.reader));
            DocumentResponse { request: document.request, mime_type: document.mime_type, content }
        })
        .collect();
    let mut out = frame.head();
    let holes = write_envelope(&mut out, &frame.header(envelope), |out| iti43::write_response(out, response, &listed));
    let mut pieces = Vec::new();
    match &frame.package {
        Some(package) => {
            pieces.push(Piece::Octets(out.into()));
            for (index, (mime_type, reader)) in readers.into_iter().enumerate() {
                pieces.push(Piece::Octets(package.document_head(index, &mime_type).into()));
                pieces.push(Piece::Document(reader));
            }
            pieces.push(Piece::Octets(package.tail().into()));
        }
        None => {
            let mut rest = Bytes::from(out);
            let mut sent = 0;
            for (hole, (_, reader)) in holes.into_iter().zip(readers) {
                pieces.push(Piece::Octets(rest.split_to(hole - sent)));
                pieces.push(Piece::Base64(reader));
                sent = hole;
            }
            pieces.push(Piece::Octets(rest));
        }
    }
    let octets = stream::length(&pieces);
    Sent { response: frame.response(StatusCode::OK).body(stream::body(pieces)), octets }
}

/// What stands around an answer: identifiers, media type and, for MTOM, the package.
struct Frame {
    action: &'static str,
    message_id: String,
    package: Option<Package>,
}

impl Frame {
    fn new(action: &'static str, envelope: &Envelope<'_>, ctx: &mut RequestContext) -> Self {
        let unique = ctx.fresh_uuid().to_string();
        let package = envelope.mtom.then(|| Package::new(unique.trim_start_matches("urn:uuid:")));
        Self { action, message_id: unique, package }
    }

    fn header<'a>(&'a self, envelope: &Envelope<'a>) -> ReplyHeader<'a> {
        ReplyHeader {
            action: self.action,
            message_id: &self.message_id,
            relates_to: envelope.relates_to,
            reference_parameters: envelope.reference_parameters,
        }
    }

    fn head(&self) -> Vec<u8> {
        self.package.as_ref().map_or_else(Vec::new, |package| package.head().into_bytes())
    }

    fn tail(&self, out: &mut Vec<u8>) {
        if let Some(package) = &self.package {
            out.extend_from_slice(package.tail().as_bytes());
        }
    }

    fn response(&self, status: StatusCode) -> actix_web::HttpResponseBuilder {
        let content_type = match &self.package {
            Some(package) => package.content_type(self.action),
            None => format!("{SOAP_MEDIA_TYPE}; charset=UTF-8; action=\"{}\"", self.action),
        };
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, content_type));
        if self.package.is_some() {
            response.insert_header(("MIME-Version", "1.0"));
        }
        response
    }

    fn send(&self, status: StatusCode, octets: Bytes) -> Sent {
        let length = octets.len() as u64;
        Sent { response: self.response(status).body(octets), octets: length }
    }
}
