//! What comes from a client: lines of bounded length, and the octets of a mail without the dots that protect it.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Octets of a line with a command: 512, and room for addresses and parameters (RFC 5321 §4.5.3.1.4).
const LINE_BYTES: usize = 2_048;
/// Octets that are read at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// A line.
pub(super) enum Line {
    /// Without its end.
    Text(Vec<u8>),
    /// So long that nothing can be made of it.
    TooLong,
    /// There is no more.
    End,
}

/// What was read and not yet used.
pub(super) struct Reader<S> {
    io: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, buffer: BytesMut::new() }
    }

    /// The next line. May be given up and asked again: nothing is lost.
    pub(super) async fn line(&mut self) -> io::Result<Line> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                if end > LINE_BYTES {
                    return Ok(Line::TooLong);
                }
                let mut line = self.buffer.split_to(end + 1).to_vec();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Line::Text(line));
            }
            if self.buffer.len() > LINE_BYTES {
                return Ok(Line::TooLong);
            }
            if !self.more().await? {
                return Ok(Line::End);
            }
        }
    }

    /// The next octets of a mail into `out`; whether that was its end.
    ///
    /// # Errors
    /// When the connection ends before the mail does.
    pub(super) async fn mail(&mut self, dots: &mut Dots, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.buffer.is_empty() && !self.more().await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (used, ended) = dots.take(&self.buffer, out);
        self.buffer.advance(used);
        Ok(ended)
    }

    async fn more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(BLOCK_BYTES);
        let most = BLOCK_BYTES as u64;
        Ok((&mut self.io).take(most).read_buf(&mut self.buffer).await? > 0)
    }
}

/// Where in a mail we stand. A mail ends with a dot on a line of its own, and a line ends with CR LF: what one program takes
/// for an end must be one for all, or a second mail could hide in the first. Source: RFC 5321 §4.1.1.4, §4.5.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dots {
    /// At the beginning of a line.
    #[default]
    Begin,
    /// Within a line.
    Within,
    /// Behind a CR.
    Cr,
    /// Behind a dot that begins a line.
    Dot,
    /// Behind such a dot and a CR.
    DotCr,
}

impl Dots {
    /// Takes octets up to the end of the mail; how many, and whether it ended.
    fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        for (at, &octet) in octets.iter().enumerate() {
            *self = match (*self, octet) {
                (Self::DotCr, b'\n') => return (at + 1, true),
                (Self::Begin, b'.') => {
                    *self = Self::Dot;
                    continue;
                }
                (Self::Dot, b'\r') => {
                    *self = Self::DotCr;
                    continue;
                }
                (Self::Cr, b'\n') => Self::Begin,
                (_, b'\r') => Self::Cr,
                _ => Self::Within,
            };
            out.push(octet);
        }
        (octets.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(octets: &[u8]) -> (Vec<u8>, Option<usize>) {
        let (mut dots, mut out) = (Dots::default(), Vec::new());
        let (used, ended) = dots.take(octets, &mut out);
        // In pieces of one octet it comes to the same.
        let (mut dots, mut again) = (Dots::default(), Vec::new());
        let end = octets.iter().position(|octet| dots.take(&[*octet], &mut again).1);
        assert_eq!((&out, ended.then_some(used)), (&again, end.map(|end| end + 1)));
        (out, ended.then_some(used))
    }

    #[test]
    fn dots_that_protect_a_line_go_and_one_alone_is_the_end() {
        assert_eq!(all(b"a\r\n..b\r\n.c\r\n.\r\nQUIT\r\n"), (b"a\r\n.b\r\nc\r\n".to_vec(), Some(15)));
        assert_eq!(all(b".\r\n"), (Vec::new(), Some(3)));
        assert_eq!(all(b"a\r\n.\r"), (b"a\r\n".to_vec(), None));
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        for text in ["a\n.\nb\r\n", "a\n.\r\nb\r\n", "a\r.\rb\r\n", "a\r\n.\nb\r\n", "a\r\r\n.\rb\r\n"] {
            assert_eq!(all(text.as_bytes()).1, None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn lines_are_bounded() {
        let long = vec![b'x'; 1 << 20];
        let mut reader = Reader::new(&long[..]);
        assert!(matches!(reader.line().await.expect("read"), Line::TooLong));
        assert!(reader.buffer.len() <= LINE_BYTES + BLOCK_BYTES);
        let mut reader = Reader::new(&b"NOOP\r\nQUIT\n"[..]);
        for expected in ["NOOP", "QUIT"] {
            let Line::Text(line) = reader.line().await.expect("read") else { panic!("a line") };
            assert_eq!(line, expected.as_bytes());
        }
        assert!(matches!(reader.line().await.expect("read"), Line::End));
    }
}
