//! A connection whose requests are watched before the HTTP parser sees them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::rt::time::{Sleep, sleep};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;

/// A socket that lets through only what strict framing allows.
///
/// A refused head is spoiled with octets that no parser takes, so that the one answer to a broken request (400, then close)
/// stays in one place. After a refused body nothing more is read: to the handler, the body has no end. A head that does not
/// end in time ends the connection, and so does an answer of which nothing is taken for too long: it would keep its memory,
/// or its document open, for ever.
pub(super) struct Connection<IO> {
    io: IO,
    framing: Framing,
    head_timeout: Duration,
    head: Option<Pin<Box<Sleep>>>,
    stall_timeout: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    refused: bool,
}

impl<IO> Connection<IO> {
    pub(super) fn new(io: IO, head_timeout: Duration, stall_timeout: Duration) -> Self {
        Self { io, framing: Framing::default(), head_timeout, head: None, stall_timeout, stall: None, refused: false }
    }

    /// What the socket says to a write or a flush, or an error when it has had no room for too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let timer = self.stall.get_or_insert_with(|| Box::pin(sleep(self.stall_timeout)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// What is below.
    pub(super) fn io(&self) -> &IO {
        &self.io
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

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
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

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, data);
        self.judge(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, data);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
