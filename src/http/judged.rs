//! Every request of an open connection: whether its certificate is still taken, when it begins and when it is whole.
//!
//! Source: design section 9 (TLS): the generation of trust, CRLs and nodes is compared at each request.

use std::{sync::Arc, time::Instant};

use actix_http::ConnectionType;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use super::{
    Endpoint,
    strangers::{self, Refused},
};
use crate::{
    security::tls::{Live, PeerCertificate, Reason},
    service::audit::record_unchecked,
};

/// Passes a request on, or refuses it.
pub(super) async fn judged<B: MessageBody>(
    endpoint: Arc<Endpoint>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match refusal(request.request(), &endpoint).await {
        Some(response) => Ok(request.into_response(response).map_into_right_body()),
        None => Ok(next.call(request).await?.map_into_left_body()),
    }
}

/// 403 and the end of the connection for a certificate that is taken no more. Without TLS there is nothing to judge.
pub(super) async fn refusal(request: &HttpRequest, endpoint: &Endpoint) -> Option<HttpResponse> {
    let tls = request.conn_data::<Arc<Live>>();
    let (tls, peer) = tls.zip(request.conn_data::<Arc<PeerCertificate>>())?;
    let Err(reason) = tls.judge_again(peer) else {
        record_unchecked(&endpoint.auditor, tls, endpoint.now()).await;
        return None;
    };
    if let Some(repeated) = endpoint.repeats.tell(&peer.subject, reason.as_str(), Instant::now()) {
        tracing::warn!(
            peer = %peer.address, subject = &*peer.subject, reason = reason.as_str(), repeated,
            "a client whose connection was open was refused: {reason}; {}", reason.how_to_mend()
        );
        let refused = Refused {
            subject: Some(&peer.subject),
            address: Some(peer.address.ip()),
            expired: reason == Reason::Expired,
            reason: reason.as_str(),
            text: format!("its connection was open, and {reason}"),
            repeated,
        };
        strangers::record(endpoint, &refused).await;
    }
    let mut response = HttpResponse::Forbidden().finish();
    response.head_mut().set_connection_type(ConnectionType::Close);
    Some(response)
}
