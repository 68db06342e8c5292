//! Connections to audit repositories: syslog over TLS, or as datagrams.
//!
//! Syslog has no acknowledgement, so a connection tells as well as it can how it ended: only what was sent before a clean end
//! is known to have arrived. Source: RFC 5425, RFC 5426; spec security §2.5 (S-AUD-43, S-AUD-45, S-AUD-52).

use std::{fmt, io, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_openssl::SslStream;

use super::{ClientError, PeerSettings};
use crate::security::tls::{Live, Reason};

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogTransport {
    /// RFC 5425.
    Tls,
    /// RFC 5426; anybody on the way can read it.
    Udp,
}

/// Where an audit repository listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogDestination {
    /// How messages travel there.
    pub transport: SyslogTransport,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for SyslogDestination {
    /// As it is configured: `tls://HOST:PORT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            SyslogTransport::Tls => "tls",
            SyslogTransport::Udp => "udp",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub struct SyslogConnector {
    tls: Option<Arc<Live>>,
    check_host: bool,
    connect_timeout: Duration,
    dead_after: Duration,
}

impl SyslogConnector {
    /// With the identity and the trust of `settings`. A TLS connection on which nothing is acknowledged for `dead_after` is given up: a
    /// network that swallows everything must not look like one that carries it.
    pub fn new(settings: &PeerSettings, dead_after: Duration) -> Self {
        let PeerSettings { tls, check_host, connect_timeout, .. } = settings.clone();
        Self { tls, check_host, connect_timeout, dead_after }
    }

    /// Connects.
    ///
    /// # Errors
    /// When the destination cannot be reached, or is not who it should be.
    pub async fn connect(&self, destination: &SyslogDestination) -> Result<SyslogConnection, ClientError> {
        let connecting = async {
            match destination.transport {
                SyslogTransport::Tls => self.tls(destination).await,
                SyslogTransport::Udp => datagrams(destination).await,
            }
        };
        timeout(self.connect_timeout, connecting).await.unwrap_or(Err(ClientError::Timeout))
    }

    async fn tls(&self, destination: &SyslogDestination) -> Result<SyslogConnection, ClientError> {
        let trust = self.tls.as_ref().ok_or(ClientError::NoTrust)?;
        let tcp = TcpStream::connect((&*destination.host, destination.port)).await.map_err(not_reached)?;
        let address = tcp.peer_addr().map_err(not_reached)?;
        tcp.set_nodelay(true).map_err(not_reached)?;
        SockRef::from(&tcp).set_tcp_user_timeout(Some(self.dead_after)).map_err(not_reached)?;
        let generation = trust.generation().current();
        let no_tls = |error: openssl::error::ErrorStack| ClientError::NotReached(error.to_string());
        let (ssl, handshake) = trust.call(&destination.host, self.check_host).map_err(no_tls)?;
        let mut stream = SslStream::new(ssl, tcp).map_err(no_tls)?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            return Err(handshake.refused().map_or_else(|| ClientError::NotReached(error.to_string()), untrusted));
        }
        trust.admit(handshake, stream.ssl(), address).map_err(untrusted)?;
        let (read, write) = split(stream);
        Ok(SyslogConnection::Tls { read, write, trust: Arc::clone(trust), generation })
    }
}

fn untrusted(reason: Reason) -> ClientError {
    ClientError::NotReached(format!("its certificate is refused: {reason}; {}", reason.how_to_mend()))
}

fn not_reached(error: io::Error) -> ClientError {
    ClientError::NotReached(error.to_string())
}

fn broken(error: io::Error) -> ClientError {
    ClientError::Broken(error.to_string())
}

async fn datagrams(destination: &SyslogDestination) -> Result<SyslogConnection, ClientError> {
    let addresses = tokio::net::lookup_host((&*destination.host, destination.port)).await.map_err(not_reached)?;
    let mut failed = ClientError::NotReached("the name has no address".to_owned());
    for address in addresses {
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local).await.map_err(not_reached)?;
        match socket.connect(address).await {
            Ok(()) => return Ok(SyslogConnection::Udp(socket)),
            Err(error) => failed = not_reached(error),
        }
    }
    Err(failed)
}

/// A connection that messages go out on.
pub enum SyslogConnection {
    /// A stream of frames.
    Tls {
        /// Nothing is said here; it is read to learn of the end.
        read: ReadHalf<SslStream<TcpStream>>,
        /// Frames.
        write: WriteHalf<SslStream<TcpStream>>,
        /// Whom we trust, and as it was when the connection began.
        trust: Arc<Live>,
        /// The generation of that trust.
        generation: u64,
    },
    /// One message a datagram.
    Udp(UdpSocket),
}

impl SyslogConnection {
    /// Hands octets to the network: whole frames, or one datagram.
    ///
    /// # Errors
    /// When the connection ended; what became of everything sent on it lately is not known.
    pub async fn send(&mut self, octets: &[u8]) -> Result<(), ClientError> {
        match self {
            Self::Udp(socket) => socket.send(octets).await.map(drop).map_err(broken),
            Self::Tls { read, write, .. } => {
                let sending = async {
                    write.write_all(octets).await?;
                    write.flush().await
                };
                tokio::select! {
                    sent = sending => sent.map_err(broken),
                    end = end_of(read) => Err(end),
                }
            }
        }
    }

    /// Whether trust has changed since: the other side must be judged anew (S-TLS-10).
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Tls { trust, generation, .. } => trust.generation().current() != *generation,
            Self::Udp(_) => false,
        }
    }

    /// Waits until the other side ends the connection, which datagrams never do.
    pub async fn ended(&mut self) -> ClientError {
        match self {
            Self::Tls { read, .. } => end_of(read).await,
            Self::Udp(_) => std::future::pending().await,
        }
    }

    /// Ends the connection; true when the other side has read everything to its end and said so within `patience`.
    ///
    /// It has when it answers our close_notify and then closes without a reset. A close_notify that came before ours says
    /// nothing about what it had not read yet.
    pub async fn close(self, patience: Duration) -> bool {
        match self {
            Self::Udp(_) => true,
            Self::Tls { read, write, .. } => {
                let ended = end_cleanly(read.unsplit(write));
                timeout(patience, ended).await.is_ok_and(|ended| ended.is_ok_and(|clean| clean))
            }
        }
    }
}

/// Reads and forgets until the stream ends.
async fn end_of(read: &mut ReadHalf<SslStream<TcpStream>>) -> ClientError {
    let mut scratch = [0; 512];
    loop {
        match read.read(&mut scratch).await {
            Ok(0) => return ClientError::Broken("the audit repository closed the connection".to_owned()),
            Ok(_) => {}
            Err(error) => return broken(error),
        }
    }
}

async fn end_cleanly(mut stream: SslStream<TcpStream>) -> io::Result<bool> {
    let mut scratch = [0; 512];
    if let Some(Ok(0) | Err(_)) = stream.read(&mut scratch).now_or_never() {
        return Ok(false);
    }
    stream.shutdown().await?;
    // OpenSSL 3 tells an end without close_notify as an error.
    while stream.read(&mut scratch).await? > 0 {}
    while stream.get_mut().read(&mut scratch).await? > 0 {}
    Ok(true)
}
