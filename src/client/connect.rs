//! Connections: plain, or TLS by our own rules of trust.
//!
//! The same rules as for those who call us: own trust lists, revocation, the name of the host in a subjectAltName, no resumed
//! sessions, which would not show their certificate again. Source: S-TLS-08, S-TLS-10.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_openssl::{SslStream, client::legacy::MaybeHttpsStream};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::body::Body;
use crate::security::tls::{Live, Reason};

/// How a peer is called.
#[derive(Clone)]
pub struct PeerSettings {
    /// Our identity and whom to trust; `None` cannot call https addresses.
    pub tls: Option<Arc<Live>>,
    /// Whether the certificate must name the host; without, only pinned certificates are taken.
    pub check_host: bool,
    /// Time for the connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest wait for the beginning of the answer after the last octet of the request went out.
    pub answer_timeout: Duration,
    /// Longest pause within the answer.
    pub idle_timeout: Duration,
    /// Use a connection for more than one request.
    pub keep_alive: bool,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            tls: None,
            check_host: true,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30),
            keep_alive: true,
        }
    }
}

type HttpClient = Client<Connector, Body>;

/// A pool of connections that is left behind when trust changes.
#[derive(Clone)]
pub(super) struct Pool {
    connector: Connector,
    current: Arc<Mutex<(u64, HttpClient)>>,
}

impl Pool {
    pub(super) fn new(settings: &PeerSettings) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = Connector {
            tcp,
            tls: settings.tls.clone(),
            check_host: settings.check_host,
            connect_timeout: settings.connect_timeout,
            keep_alive: settings.keep_alive,
        };
        let current = (connector.generation(), http_client(&connector));
        Self { connector, current: Arc::new(Mutex::new(current)) }
    }

    /// The pool of the present generation of trust.
    pub(super) fn client(&self) -> HttpClient {
        let generation = self.connector.generation();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != generation {
            *current = (generation, http_client(&self.connector));
        }
        current.1.clone()
    }
}

fn http_client(connector: &Connector) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(if connector.keep_alive { usize::MAX } else { 0 })
        .retry_canceled_requests(false)
        .build(connector.clone())
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Option<Arc<Live>>,
    check_host: bool,
    connect_timeout: Duration,
    keep_alive: bool,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn Error + Send + Sync>;

impl Connector {
    fn generation(&self) -> u64 {
        self.tls.as_ref().map_or(0, |tls| tls.generation().current())
    }

    async fn connect(mut self, to: Uri) -> Result<Stream, BoxError> {
        let tcp = self.tcp.call(to.clone()).await?;
        if to.scheme_str() != Some("https") {
            return Ok(MaybeHttpsStream::Http(tcp));
        }
        let (Some(tls), Some(host)) = (self.tls, to.host()) else { return Err(NotConnected::NoTrust.into()) };
        let address = tcp.inner().peer_addr()?;
        let (ssl, handshake) = tls.call(host, self.check_host)?;
        let mut stream = SslStream::new(ssl, tcp)?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            return Err(match handshake.refused() {
                Some(reason) => NotConnected::Untrusted(reason).into(),
                None => error.into(),
            });
        }
        tls.admit(handshake, stream.ssl(), address).map_err(NotConnected::Untrusted)?;
        Ok(MaybeHttpsStream::Https(stream))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let within = self.connect_timeout;
        let connection = self.clone().connect(to);
        Box::pin(async move { timeout(within, connection).await.map_err(|_| NotConnected::Slow)? })
    }
}

/// Why there is no connection, where it is not the network.
#[derive(Debug)]
enum NotConnected {
    NoTrust,
    Untrusted(Reason),
    Slow,
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTrust => f.write_str("nothing says which certificates to trust"),
            Self::Untrusted(reason) => write!(f, "its certificate is refused: {reason}; {}", reason.how_to_mend()),
            Self::Slow => f.write_str("it took too long to connect"),
        }
    }
}

impl Error for NotConnected {}
