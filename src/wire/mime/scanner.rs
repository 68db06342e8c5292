//! The splitter of multipart bodies.

use std::collections::HashSet;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use super::{Decoder, PartHeaders};

/// Bounds of a multipart body (S-IN-17, S-IN-18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MimeLimits {
    /// Parts.
    pub parts: usize,
    /// Headers of one part.
    pub headers: usize,
    /// Octets of one part's headers.
    pub header_bytes: usize,
    /// Octets of a boundary.
    pub boundary_bytes: usize,
    /// Octets before the first delimiter.
    pub preamble_bytes: usize,
    /// Octets after the last delimiter.
    pub epilogue_bytes: usize,
}

impl Default for MimeLimits {
    fn default() -> Self {
        Self {
            parts: 1000,
            headers: 32,
            header_bytes: 8 << 10,
            boundary_bytes: 200,
            preamble_bytes: 8 << 10,
            epilogue_bytes: 1 << 10,
        }
    }
}

/// Why a multipart body was refused. No text holds anything of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MimeError {
    /// Boundary missing, too long or with control characters.
    #[error("the boundary parameter is missing, too long or has control characters")]
    Boundary,
    /// The body ends before its last delimiter.
    #[error("the multipart body ends before its closing delimiter")]
    Truncated,
    /// Too much before the first delimiter.
    #[error("there is too much before the first delimiter")]
    Preamble,
    /// Too much after the last delimiter.
    #[error("there is too much after the closing delimiter")]
    Epilogue,
    /// Too many parts.
    #[error("there are too many parts")]
    TooManyParts,
    /// Too many headers.
    #[error("a part has too many headers")]
    TooManyHeaders,
    /// Header block too long.
    #[error("the headers of a part are too long")]
    HeadersTooLong,
    /// A line that is no header.
    #[error("a part has a malformed header")]
    Header,
    /// The same header twice.
    #[error("a part repeats Content-ID, Content-Type or Content-Transfer-Encoding")]
    RepeatedHeader,
    /// The same Content-ID twice.
    #[error("two parts have the same Content-ID")]
    DuplicateContentId,
    /// multipart within multipart.
    #[error("a part may not be multipart itself")]
    Nested,
    /// Unknown transfer encoding, or octets that it does not know.
    #[error("a part has an unknown or broken Content-Transfer-Encoding")]
    TransferEncoding,
}

/// What comes next in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Push more octets, or finish.
    NeedMore,
    /// A part begins.
    Headers(PartHeaders),
    /// Decoded octets of the part, never empty.
    Data(Bytes),
    /// The part is whole.
    EndOfPart,
    /// The body is whole; comes after `finish` only.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line that may be a delimiter; `true` in a part, `false` in the preamble.
    LineStart(bool),
    /// Inside the preamble or a part.
    Body(bool),
    /// The buffer begins with CRLF, two hyphens and the boundary.
    Candidate(bool),
    /// After a delimiter line.
    Headers,
    /// The closing delimiter was seen; the part's end is still to be told.
    Epilogue,
}

/// Blanks that may follow a boundary on its line.
const PADDING_MAX: usize = 64;

/// A push-based splitter: `push` octets, take with `next` until it needs more, `finish` at the end of the body.
///
/// Delimiters are whole lines; a line that only begins like one is data (spec §8, 4). The CRLF before a delimiter
/// belongs to the delimiter.
#[derive(Debug)]
pub struct Scanner {
    /// CRLF, two hyphens, boundary.
    delimiter: memmem::Finder<'static>,
    limits: MimeLimits,
    buffer: BytesMut,
    state: State,
    finished: bool,
    parts: usize,
    skipped: usize,
    header_scan: usize,
    decoder: Decoder,
    end_pending: bool,
    /// The CRLF in front of the candidate was put there, it is no content.
    lent_line_end: bool,
    content_ids: HashSet<Box<str>>,
}

enum Line {
    NeedMore,
    Data,
    Delimiter { octets: usize, closing: bool },
}

impl Scanner {
    /// A splitter for bodies with this boundary.
    /// # Errors
    /// `Boundary` if it is empty, too long or has control characters.
    pub fn new(boundary: &str, limits: MimeLimits) -> Result<Self, MimeError> {
        let boundary = boundary.trim_end_matches([' ', '\t']);
        if boundary.is_empty() || boundary.len() > limits.boundary_bytes || boundary.chars().any(char::is_control) {
            return Err(MimeError::Boundary);
        }
        let delimiter = memmem::Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        Ok(Self {
            delimiter,
            limits,
            buffer: BytesMut::new(),
            state: State::LineStart(false),
            finished: false,
            parts: 0,
            skipped: 0,
            header_scan: 0,
            decoder: Decoder::Identity,
            end_pending: false,
            lent_line_end: false,
            content_ids: HashSet::new(),
        })
    }

    /// Takes octets as they arrived.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// How many parts have begun.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// The next event.
    /// # Errors
    /// A broken body, or one beyond the limits; the splitter is of no use afterwards.
    #[expect(clippy::should_implement_trait, reason = "errors and NeedMore make it no iterator")]
    pub fn next(&mut self) -> Result<Part, MimeError> {
        if std::mem::take(&mut self.end_pending) {
            return Ok(Part::EndOfPart);
        }
        loop {
            let step = match self.state {
                State::LineStart(in_part) => self.line_start(in_part),
                State::Body(in_part) => self.body(in_part)?,
                State::Candidate(in_part) => self.candidate(in_part)?,
                State::Headers => self.headers()?,
                State::Epilogue => return self.epilogue(),
            };
            match step {
                Some(Part::NeedMore) if self.finished => return Err(MimeError::Truncated),
                Some(part) => return Ok(part),
                None => {}
            }
        }
    }

    fn line_start(&mut self, in_part: bool) -> Option<Part> {
        let dashes = &self.delimiter.needle()[2..];
        if self.buffer.starts_with(dashes) {
            // Made to look like any other delimiter: an empty body shares the line end of its headers.
            let rest = self.buffer.split();
            self.buffer.extend_from_slice(b"\r\n");
            self.buffer.extend_from_slice(&rest);
            self.lent_line_end = true;
            self.state = State::Candidate(in_part);
        } else if dashes.starts_with(&self.buffer) && !self.finished {
            return Some(Part::NeedMore);
        } else {
            self.state = State::Body(in_part);
        }
        None
    }

    fn body(&mut self, in_part: bool) -> Result<Option<Part>, MimeError> {
        let (octets, found) = match self.delimiter.find(&self.buffer) {
            Some(at) => (at, true),
            None => (self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1), false),
        };
        if found {
            self.state = State::Candidate(in_part);
        }
        let data = self.take(octets, in_part)?;
        Ok(data.or((!found).then_some(Part::NeedMore)))
    }

    /// Octets from the front of the buffer: data of a part, or of the preamble, which is dropped.
    fn take(&mut self, octets: usize, in_part: bool) -> Result<Option<Part>, MimeError> {
        let data = self.buffer.split_to(octets).freeze();
        if !in_part {
            self.skipped += octets;
            return if self.skipped > self.limits.preamble_bytes { Err(MimeError::Preamble) } else { Ok(None) };
        }
        let data = self.decoder.decode(data)?;
        Ok((!data.is_empty()).then_some(Part::Data(data)))
    }

    fn candidate(&mut self, in_part: bool) -> Result<Option<Part>, MimeError> {
        let length = self.delimiter.needle().len();
        match line(&self.buffer[length..], self.finished) {
            Line::NeedMore => Ok(Some(Part::NeedMore)),
            Line::Data => {
                self.state = State::Body(in_part);
                let lent = if std::mem::take(&mut self.lent_line_end) { 2 } else { 0 };
                self.buffer.advance(lent);
                self.take(length - lent, in_part)
            }
            Line::Delimiter { octets, closing } => {
                self.buffer.advance(length + octets);
                self.lent_line_end = false;
                self.state = if closing { State::Epilogue } else { State::Headers };
                self.header_scan = 0;
                self.skipped = 0;
                if !in_part {
                    return Ok(None);
                }
                let rest = self.decoder.finish()?;
                self.decoder = Decoder::Identity;
                if rest.is_empty() {
                    return Ok(Some(Part::EndOfPart));
                }
                self.end_pending = true;
                Ok(Some(Part::Data(rest)))
            }
        }
    }

    fn headers(&mut self) -> Result<Option<Part>, MimeError> {
        let Some(length) = end_of_headers(&self.buffer, &mut self.header_scan) else {
            if self.buffer.len() > self.limits.header_bytes {
                return Err(MimeError::HeadersTooLong);
            }
            return Ok(Some(Part::NeedMore));
        };
        if length > self.limits.header_bytes {
            return Err(MimeError::HeadersTooLong);
        }
        if self.parts >= self.limits.parts {
            return Err(MimeError::TooManyParts);
        }
        self.parts += 1;
        let block = self.buffer.split_to(length);
        let headers = PartHeaders::parse(&block, &self.limits)?;
        if let Some(id) = &headers.content_id
            && !self.content_ids.insert(id.clone())
        {
            return Err(MimeError::DuplicateContentId);
        }
        self.decoder = Decoder::new(headers.transfer_encoding);
        self.state = State::LineStart(true);
        Ok(Some(Part::Headers(headers)))
    }

    fn epilogue(&mut self) -> Result<Part, MimeError> {
        self.skipped += self.buffer.len();
        self.buffer.clear();
        if self.skipped > self.limits.epilogue_bytes {
            return Err(MimeError::Epilogue);
        }
        Ok(if self.finished { Part::Done } else { Part::NeedMore })
    }
}

/// What follows the boundary on its line.
fn line(rest: &[u8], finished: bool) -> Line {
    let closing = match rest {
        [b'-', b'-', ..] => true,
        [b'-'] | [] if !finished => return Line::NeedMore,
        _ => false,
    };
    let from = if closing { 2 } else { 0 };
    let blanks = rest[from..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let at = from + blanks;
    match &rest[at..] {
        _ if blanks > PADDING_MAX => Line::Data,
        [b'\r', b'\n', ..] => Line::Delimiter { octets: at + 2, closing },
        [b'\n', ..] => Line::Delimiter { octets: at + 1, closing },
        [] | [b'\r'] if closing && finished => Line::Delimiter { octets: rest.len(), closing },
        [] | [b'\r'] if !finished => Line::NeedMore,
        _ => Line::Data,
    }
}

/// Length of the header block with its empty line. `from` remembers how far earlier calls have looked.
fn end_of_headers(buffer: &[u8], from: &mut usize) -> Option<usize> {
    // `from` is always the start of a line.
    while let Some(end) = memchr::memchr(b'\n', &buffer[*from..]) {
        let line = &buffer[*from..*from + end];
        *from += end + 1;
        if line.is_empty() || line == b"\r" {
            return Some(*from);
        }
    }
    None
}

#[cfg(test)]
#[path = "scanner_tests.rs"]
mod tests;
