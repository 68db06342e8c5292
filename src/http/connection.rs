//! A connection whose requests are watched before the HTTP parser sees them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::rt::{
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;

/// A socket that lets through only what strict framing allows.
///
/// A refused head is spoiled with octets that no parser takes, so that the one answer to a broken request (400, then close)
/// stays in one place. After a refused body nothing more is read: to the handler, the body has no end. A head that does not
/// end in time ends the connection.
pub(super) struct Connection {
    io: TcpStream,
    framing: Framing,
    head_timeout: Duration,
    head: Option<Pin<Box<Sleep>>>,
    refused: bool,
}

impl Connection {
    pub(super) fn new(io: TcpStream, head_timeout: Duration) -> Self {
        Self { io, framing: Framing::default(), head_timeout, head: None, refused: false }
    }

    /// Looks at what was read just now, and takes back what may not be seen.
    fn inspect(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let fresh = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        if let Err(place) = self.framing.check(fresh) {
            self.refused = true;
            if self.framing.in_body() {
                buffer.set_filled(before + place);
            } else if let Some(rest) = fresh.get_mut(place..) {
                rest.fill(0);
            }
        }
        self.head = match self.framing.in_head() && !self.refused {
            true => self.head.take().or_else(|| Some(Box::pin(sleep(self.head_timeout)))),
            false => None,
        };
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.refused {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                this.inspect(buffer, before);
                Poll::Ready(Ok(()))
            }
            // When the time for the head is over, as if the client had gone.
            Poll::Pending => match this.head.as_mut().map(|timer| timer.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Ok(())),
                Some(Poll::Pending) | None => Poll::Pending,
            },
            ready => ready,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
