//! Framing of HTTP/1.1 requests, watched on the way from the socket to the HTTP parser.
//!
//! The parser below is lenient with bare line feeds; two parsers in a row that disagree are how requests are smuggled. So
//! this one follows every request, head and body, and names the first octet that a strict reader would refuse.
//!
//! Source: RFC 9112 §2.2, §5.2, §6, §7.1; S-IN-06.

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    state: State,
    /// Line ends are CR and LF; the CR was seen.
    carriage_return: bool,
    line: Line,
    content_length: Option<u64>,
    chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before a request line.
    #[default]
    Start,
    Head,
    /// Octets of a body of known length that are left.
    Body(u64),
    ChunkSize,
    /// Octets of a chunk that are left.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    Trailer,
}

/// A line that is being read; only its beginning matters.
#[derive(Debug, Default)]
struct Line {
    length: usize,
    kept: Vec<u8>,
}

/// Content-Length, Transfer-Encoding and chunk sizes are shorter; longer ones are refused.
const KEPT_MAX: usize = 128;

impl Framing {
    /// Whether a head has begun and not ended: the time for it runs.
    pub(super) fn in_head(&self) -> bool {
        self.state == State::Head || (self.state == State::Start && (self.line.length > 0 || self.carriage_return))
    }

    /// Whether the last octet belonged to a body.
    pub(super) fn in_body(&self) -> bool {
        !matches!(self.state, State::Start | State::Head)
    }

    /// Looks at the next octets, and spoils the offer of another protocol (`Connection: Upgrade`, which every client on
    /// Java's own stack makes on plain HTTP): it may be passed over, but the parser below would end the connection.
    /// # Errors
    /// The place of the first octet that is refused; nothing after it may be read.
    pub(super) fn check(&mut self, data: &mut [u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < data.len() {
            if let State::Body(left) | State::Chunk(left) = self.state {
                let taken = (data.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                at += taken;
                self.state = match (self.state, left - taken as u64) {
                    (State::Body(_), 0) => State::Start,
                    (State::Body(_), left) => State::Body(left),
                    (_, 0) => State::ChunkEnd,
                    (_, left) => State::Chunk(left),
                };
                continue;
            }
            self.octet(data[at]).ok_or(at)?;
            if self.state == State::Head && self.line.offers_upgrade() {
                data[at] = b'-';
            }
            at += 1;
        }
        Ok(())
    }

    fn octet(&mut self, octet: u8) -> Option<()> {
        match (self.carriage_return, octet) {
            (true, b'\n') => {
                self.carriage_return = false;
                let line = std::mem::take(&mut self.line);
                return self.line_ended(&line);
            }
            // A bare line feed, or a carriage return that ends no line.
            (true, _) | (false, b'\n') => return None,
            (false, b'\r') => {
                self.carriage_return = true;
                return Some(());
            }
            (false, _) => {}
        }
        // A line that continues the one before (obs-fold).
        if self.line.length == 0 && matches!(octet, b' ' | b'\t') {
            return None;
        }
        self.line.length += 1;
        if self.line.kept.len() < KEPT_MAX {
            self.line.kept.push(octet);
        }
        Some(())
    }

    fn line_ended(&mut self, line: &Line) -> Option<()> {
        match (self.state, line.length) {
            // An empty line before a request is passed over, as everybody does.
            (State::Start, 0) => {}
            (State::Start, _) => {
                (self.state, self.content_length, self.chunked) = (State::Head, None, false);
            }
            (State::Head, 0) => self.state = self.body()?,
            (State::Head, _) => self.header(line)?,
            (State::ChunkSize, _) => {
                self.state = match line.chunk_size()? {
                    0 => State::Trailer,
                    size => State::Chunk(size),
                }
            }
            (State::ChunkEnd, 0) => self.state = State::ChunkSize,
            (State::ChunkEnd, _) => return None,
            (State::Trailer, 0) => self.state = State::Start,
            (State::Trailer, _) | (State::Body(_) | State::Chunk(_), _) => {}
        }
        Some(())
    }

    /// What follows the head.
    fn body(&self) -> Option<State> {
        match (self.chunked, self.content_length) {
            (true, Some(_)) => None,
            (true, None) => Some(State::ChunkSize),
            (false, None | Some(0)) => Some(State::Start),
            (false, Some(length)) => Some(State::Body(length)),
        }
    }

    fn header(&mut self, line: &Line) -> Option<()> {
        let colon = line.kept.iter().position(|b| *b == b':');
        let (name, value) = line.kept.split_at(colon.unwrap_or(line.kept.len()));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).filter(|_| line.is_whole())?;
            return self.content_length.replace(length).is_none().then_some(());
        }
        if name.trim_ascii().eq_ignore_ascii_case(b"transfer-encoding") {
            let known = value.eq_ignore_ascii_case(b"chunked") && line.is_whole();
            return (known && !std::mem::replace(&mut self.chunked, true)).then_some(());
        }
        Some(())
    }
}

impl Line {
    fn is_whole(&self) -> bool {
        self.length == self.kept.len()
    }

    /// Whether the option `upgrade` of a Connection header ends here.
    fn offers_upgrade(&self) -> bool {
        const OPTION: usize = "upgrade".len();
        let before = self.length.wrapping_sub(OPTION);
        self.is_whole()
            && self.kept.get(before..).is_some_and(|option| option.eq_ignore_ascii_case(b"upgrade"))
            && self.kept.get(before.wrapping_sub(1)).is_some_and(|octet| b":, \t".contains(octet))
            && self.kept.get(..11).is_some_and(|name| name.eq_ignore_ascii_case(b"connection:"))
    }

    fn chunk_size(&self) -> Option<u64> {
        let digits = self.kept.split(|b| *b == b';').next()?.trim_ascii_end();
        let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u64::from_str_radix(digits, 16).ok()
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Framing, State};

    /// Where a request is refused, the same for every way of cutting it.
    fn refused_at(request: &str) -> Option<usize> {
        let whole = Framing::default().check(&mut request.as_bytes().to_vec()).err();
        for step in 1..request.len() {
            let mut framing = Framing::default();
            let mut at = 0;
            let mut octets = request.as_bytes().to_vec();
            let found = octets.chunks_mut(step).find_map(|chunk| {
                let length = chunk.len();
                let found = framing.check(chunk).err().map(|place| at + place);
                at += length;
                found
            });
            assert_eq!(found, whole, "{request:?} by {step}");
        }
        whole
    }

    #[test]
    fn requests_follow_each_other() {
        let request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\n\r\n\n\r\
                       POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\n\n\r\n\n\r\r\n0A \r\n0123456789\r\n0\r\nT: x\r\n\r\n\
                       \r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(refused_at(request), None);
        let mut framing = Framing::default();
        assert_eq!(framing.check(&mut request.as_bytes().to_vec()), Ok(()));
        assert_eq!(framing.state, State::Start);
        assert!(!framing.in_head());
        assert_eq!(framing.check(&mut [b'G']), Ok(()));
        assert!(framing.in_head());
    }

    #[test]
    fn the_offer_of_another_protocol_is_passed_over() {
        let request = "POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n";
        for step in 1..request.len() {
            let mut octets = request.as_bytes().to_vec();
            let mut framing = Framing::default();
            assert!(octets.chunks_mut(step).all(|chunk| framing.check(chunk).is_ok()));
            let seen = String::from_utf8(octets).expect("ASCII stays ASCII");
            assert_eq!(seen, request.replace("Connection: Upgrade,", "Connection: Upgrad-,"), "by {step}");
        }
    }

    #[test]
    fn s_in_06_what_two_parsers_may_read_differently_is_refused() {
        let head = |headers: &str| format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
        for request in [
            "POST / HTTP/1.1\nHost: x\r\n\r\n".to_owned(),
            head("A: b\nB: c"),
            head("A: b\r\n folded"),
            head("A: b\rB: c"),
            head("Content-Length: 1\r\nTransfer-Encoding: chunked"),
            head("Transfer-Encoding: chunked\r\ncontent-length: 1"),
            head("Content-Length: 1\r\nContent-Length: 1"),
            head("Content-Length: 1, 1"),
            head("Content-Length: +1"),
            head("Content-Length: 0x1"),
            head("Content-Length:"),
            head(&format!("Content-Length: {}1", "0".repeat(200))),
            head("Content-Length : 1\r\nContent-Length: 2"),
            head("Transfer-Encoding: gzip, chunked"),
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            head("Transfer-Encoding: \x0bchunked"),
            "A: b\r\n\n".to_owned(),
            head("Transfer-Encoding: chunked") + "5\nabcde\r\n0\r\n\r\n",
            head("Transfer-Encoding: chunked") + "5\r\nabcdef\r\n0\r\n\r\n",
            head("Transfer-Encoding: chunked") + "5 5\r\nabcde\r\n0\r\n\r\n",
            head("Transfer-Encoding: chunked") + "\r\n",
            head("Transfer-Encoding: chunked") + "fffffffffffffffff\r\n",
        ] {
            assert!(refused_at(&request).is_some(), "{request:?}");
        }
    }
}
