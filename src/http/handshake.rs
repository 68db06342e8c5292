//! From a TCP connection to one whose peer is known.
//!
//! Source: S-TLS-07, S-TLS-22, S-IN-01.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_http::error::DispatchError;
use actix_web::rt::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf},
    time::timeout,
};
use tokio_openssl::SslStream;

use super::{
    Endpoint, TlsLimits,
    doorkeeper::{Doorkeeper, Place, counted},
    strangers::{self, Refused},
};
use crate::{
    security::{
        repeats::Repeats,
        tls::{Live, PeerCertificate, Reason},
    },
    service::audit::record_unchecked,
};

/// Octets of records that go to the socket together: a record has 16 KiB at most, and a call for each would wake the client as
/// often.
const GATHERED: usize = 64 << 10;

/// A connection with TLS.
pub(super) struct Secured {
    stream: SslStream<BufWriter<TcpStream>>,
    peer: Arc<PeerCertificate>,
    _place: Place,
}

impl Secured {
    /// Who is at the other end.
    pub(super) fn peer(&self) -> &Arc<PeerCertificate> {
        &self.peer
    }
}

/// Why nobody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Refusal {
    Certificate(Reason),
    /// It does not take our certificate.
    OurCertificate,
    /// No version, suite or message that both understand.
    Protocol,
    HungUp,
    Timeout,
    TooMany,
}

impl Refusal {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate(reason) => reason.as_str(),
            Self::OurCertificate => "our_certificate",
            Self::Protocol => "protocol",
            Self::HungUp => "hung_up",
            Self::Timeout => "timeout",
            Self::TooMany => "too_many",
        }
    }

    /// What the audit trail says of it. Whoever goes away or calls too often was not refused for who they are.
    fn failed_authentication(self) -> Option<String> {
        match self {
            Self::Certificate(reason) => Some(reason.to_string()),
            Self::OurCertificate => Some("it does not accept the certificate of this server".to_owned()),
            Self::Protocol => Some("it speaks no TLS that is taken here".to_owned()),
            Self::Timeout => Some("its TLS handshake took too long".to_owned()),
            Self::HungUp | Self::TooMany => None,
        }
    }
}

/// Lets connections in.
pub(super) struct Door {
    tls: Arc<Live>,
    timeout: Duration,
    keeper: Arc<Doorkeeper>,
    endpoint: Arc<Endpoint>,
    /// What was told lately of addresses. Those of nodes have a place of their own, so that a flood here hides none of them.
    repeats: Repeats,
}

impl Door {
    pub(super) fn new(tls: Arc<Live>, limits: TlsLimits, endpoint: Arc<Endpoint>) -> Self {
        let keeper = Arc::new(Doorkeeper::new(limits));
        Self { tls, timeout: limits.handshake_timeout, keeper, endpoint, repeats: Repeats::default() }
    }

    /// The connection after its handshake.
    ///
    /// # Errors
    /// When there is none, which was told already.
    pub(super) async fn admit(&self, io: TcpStream, from: Option<SocketAddr>) -> Result<Secured, DispatchError> {
        let from = from.ok_or_else(closed)?;
        let Some(mut place) = self.keeper.enter(from.ip()) else {
            self.refuse(from, Refusal::TooMany, None, "").await;
            return Err(closed());
        };
        let (ssl, handshake) = self.tls.accept().map_err(io::Error::other)?;
        let mut stream = SslStream::new(ssl, BufWriter::with_capacity(GATHERED, io)).map_err(io::Error::other)?;
        let fault = match timeout(self.timeout, Pin::new(&mut stream).accept()).await {
            Ok(Ok(())) => None,
            Err(_) => Some((Refusal::Timeout, String::new())),
            Ok(Err(error)) => Some(match handshake.refused() {
                Some(reason) => (Refusal::Certificate(reason), String::new()),
                None => fault(&error),
            }),
        };
        let subject = handshake.subject();
        let peer = match fault {
            None => self
                .tls
                .admit(handshake, stream.ssl(), from)
                .map_err(|reason| (Refusal::Certificate(reason), String::new())),
            Some(fault) => Err(fault),
        };
        match peer {
            Ok(peer) => {
                place.settle();
                self.endpoint.metrics.handshake("success");
                record_unchecked(&self.endpoint.auditor, &self.tls, self.endpoint.now()).await;
                Ok(Secured { stream, peer: Arc::new(peer), _place: place })
            }
            Err((refusal, detail)) => {
                self.refuse(from, refusal, subject.as_deref(), &detail).await;
                Err(closed())
            }
        }
    }

    /// Tells the operator and the audit trail, the same of the same address once in 60 seconds (S-TLS-22).
    async fn refuse(&self, from: SocketAddr, refusal: Refusal, subject: Option<&str>, detail: &str) {
        self.endpoint.metrics.handshake(refusal.as_str());
        let Some(repeated) = self.repeats.tell(&source(from), refusal.as_str(), Instant::now()) else { return };
        if let Some(text) = refusal.failed_authentication() {
            let expired = refusal == Refusal::Certificate(Reason::Expired);
            let refused =
                Refused { subject, address: Some(from.ip()), expired, reason: refusal.as_str(), text, repeated };
            strangers::record(&self.endpoint, &refused).await;
        }
        let (peer, subject) = (from.to_string(), subject.unwrap_or_default());
        match refusal {
            Refusal::Certificate(reason) => tracing::warn!(
                peer,
                subject,
                reason = reason.as_str(),
                repeated,
                "a client was refused: {reason}; {}",
                reason.how_to_mend()
            ),
            Refusal::OurCertificate => tracing::warn!(
                peer,
                reason = detail,
                repeated,
                "a client does not accept the certificate of this server ({detail}); it must trust its authority, and call a \
                 name that is in it"
            ),
            Refusal::Protocol => tracing::warn!(
                peer,
                reason = detail,
                repeated,
                "a client was refused: it speaks no TLS that is taken here ({detail})"
            ),
            Refusal::Timeout => tracing::warn!(peer, repeated, "a client was refused: its TLS handshake took too long"),
            Refusal::TooMany => tracing::warn!(peer, repeated, "a client was refused: it has too many connections"),
            Refusal::HungUp => tracing::info!(peer, repeated, "a client hung up during its TLS handshake"),
        }
    }
}

/// Whose refusals count as the same: an address, or the network that its holder has (S-TLS-22).
fn source(from: SocketAddr) -> String {
    counted(from.ip()).to_string()
}

fn closed() -> DispatchError {
    DispatchError::Io(io::ErrorKind::ConnectionAborted.into())
}

/// A fault of the protocol, in OpenSSL's words.
fn fault(error: &openssl::ssl::Error) -> (Refusal, String) {
    let Some(errors) = error.ssl_error() else { return (Refusal::HungUp, String::new()) };
    let words = errors.errors().first().and_then(|first| first.reason()).unwrap_or("unknown");
    if errors.errors().first().is_some_and(|first| is_of_our_certificate(first.reason_code())) {
        return (Refusal::OurCertificate, words.to_owned());
    }
    match words {
        "peer did not return a certificate" => (Refusal::Certificate(Reason::NoCertificate), String::new()),
        "unexpected eof while reading" => (Refusal::HungUp, String::new()),
        other => (Refusal::Protocol, other.to_owned()),
    }
}

/// An alert of the peer about the certificate that it was shown: bad, unsupported, revoked, expired, unknown, of an unknown
/// authority, or of nobody who may. Source: RFC 8446 §6.2; OpenSSL counts alerts from 1000.
fn is_of_our_certificate(reason_code: i32) -> bool {
    const ALERTS: i32 = 1000;
    matches!(reason_code - ALERTS, 42..=46 | 48 | 49)
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_tls_22_addresses_of_one_network_are_told_of_once() {
        let (repeats, now) = (Repeats::default(), Instant::now());
        let told = |address: &str| {
            let from = SocketAddr::new(address.parse().expect("an address"), 50_000);
            repeats.tell(&source(from), Refusal::Protocol.as_str(), now)
        };
        assert_eq!(told("2001:db8::1"), Some(0));
        for host in 2..1000 {
            assert_eq!(told(&format!("2001:db8::{host:x}:1")), None);
        }
        assert_eq!(told("2001:db8:0:1::1"), Some(0), "another network");
        assert_eq!(told("192.0.2.1"), Some(0));
        assert_eq!(told("::ffff:192.0.2.1"), None, "the same address");
        assert_eq!(told("192.0.2.2"), Some(0));
    }
}
