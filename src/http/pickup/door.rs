//! From a TCP connection to one with TLS, for anybody.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::error::DispatchError;
use actix_web::rt::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};
use tokio_openssl::SslStream;

use crate::{
    http::{
        TlsLimits,
        doorkeeper::{Doorkeeper, Place},
    },
    security::tls::Live,
};

/// A browser's connection, which is counted while it is open.
pub(super) struct Guest {
    stream: SslStream<TcpStream>,
    _place: Place,
}

/// Lets connections in.
pub(super) struct Door {
    tls: Arc<Live>,
    timeout: Duration,
    keeper: Arc<Doorkeeper>,
}

impl Door {
    pub(super) fn new(tls: Arc<Live>, limits: TlsLimits) -> Self {
        Self { tls, timeout: limits.handshake_timeout, keeper: Arc::new(Doorkeeper::new(limits)) }
    }

    /// The connection after its handshake. Whoever fails it is a stranger at a door for anybody: that is not worth a line.
    pub(super) async fn admit(&self, io: TcpStream) -> Result<Guest, DispatchError> {
        let refused = || DispatchError::Io(io::ErrorKind::ConnectionAborted.into());
        let from = io.peer_addr().map_err(|_| refused())?;
        let mut place = self.keeper.enter(from.ip()).ok_or_else(refused)?;
        let ssl = self.tls.accept_anybody().map_err(io::Error::other)?;
        let mut stream = SslStream::new(ssl, io).map_err(io::Error::other)?;
        match timeout(self.timeout, Pin::new(&mut stream).accept()).await {
            Ok(Ok(())) => {
                place.settle();
                Ok(Guest { stream, _place: place })
            }
            _ => Err(refused()),
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
