//! Certificate revocation lists from configured addresses. They carry their own signature, which the caller checks.
//!
//! Source: S-TLS-13, S-TLS-14.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::{ClientError, call::innermost};

/// Longer lists are refused; the longest in use have some ten million octets.
const CRL_BYTES: usize = 64 << 20;
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// The octets at this address. Redirects are not followed.
///
/// # Errors
/// When nothing came, or too much, or too slowly.
pub async fn fetch_crl(url: &Uri) -> Result<Bytes, ClientError> {
    timeout(FETCH_TIMEOUT, fetch(url)).await.map_err(|_| ClientError::Timeout)?
}

async fn fetch(url: &Uri) -> Result<Bytes, ClientError> {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(url)
        .header(header::USER_AGENT, concat!("knoop/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|_| ClientError::Address)?;
    let response = client.request(request).await.map_err(|error| ClientError::NotReached(innermost(&error)))?;
    if !response.status().is_success() {
        return Err(ClientError::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), CRL_BYTES).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| ClientError::Broken(error.to_string()))
}
