//! Connections: plain, TLS, mutual TLS.

use std::{path::PathBuf, time::Duration};

use hyper_openssl::client::legacy::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};

use super::{ClientError, body::Body};

/// How a peer is called.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// Certificates to trust, PEM; absent takes those of the system.
    pub ca_file: Option<PathBuf>,
    /// Own certificate chain and private key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Time for the connection.
    pub connect_timeout: Duration,
    /// Longest wait for the beginning of the answer after the last octet of the request went out.
    pub answer_timeout: Duration,
    /// Longest pause within the answer.
    pub idle_timeout: Duration,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            identity: None,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// A pool of connections with these settings.
pub(super) fn http_client(settings: &PeerSettings) -> Result<HttpClient, ClientError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let mut tls = SslConnector::builder(SslMethod::tls_client())?;
    tls.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    if let Some(ca_file) = &settings.ca_file {
        tls.set_ca_file(ca_file)?;
    }
    if let Some((certificate, key)) = &settings.identity {
        tls.set_certificate_chain_file(certificate)?;
        tls.set_private_key_file(key, SslFiletype::PEM)?;
        tls.check_private_key()?;
    }
    let connector = HttpsConnector::with_connector(tcp, tls)?;
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .retry_canceled_requests(false)
        .build(connector))
}
