//! A multipart/related body taken apart as it passes.

use bytes::Bytes;

use crate::wire::{
    mime::{ContentType, MimeError, MimeLimits, Part, Scanner},
    mtom::{RootPart, Start},
};

/// Octets in which the first delimiter is looked for.
const HEAD_BYTES: usize = 8 << 10;

/// Why a body cannot be taken apart. No text holds anything of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Neither the media type nor the body says its boundary.
    #[error("no boundary is told, and none is found at the beginning")]
    NoBoundary,
    /// It has no part.
    #[error("it has no part")]
    Empty,
    /// It is no multipart body, or one beyond the limits.
    #[error(transparent)]
    Mime(#[from] MimeError),
}

/// What the headers of a part say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// `type/subtype` in lower case, empty where it is not told.
    pub media_type: String,
    /// Content-Location, decoded; none where it is no name.
    pub location: Option<String>,
    /// Whether it is the start part, as far as its headers tell.
    pub is_start: RootPart,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Push more octets, or finish.
    NeedMore,
    /// A part begins.
    Begin(PartHead),
    /// Its next octets, decoded.
    Data(Bytes),
    /// It is whole.
    End,
    /// The body is whole.
    Done,
}

/// Takes a body apart: `push` octets, take with `next` until it needs more, `finish` at its end. Holds no part.
#[derive(Debug)]
pub struct Splitter {
    /// The media type of the document, where it can be read.
    declared: Option<ContentType>,
    /// Octets before it is known what divides the parts.
    head: Vec<u8>,
    body: Option<(Scanner, Start)>,
    finished: bool,
}

impl Splitter {
    /// For a document of this media type, with its parameters if there are any.
    pub fn new(media_type: &str) -> Self {
        Self { declared: ContentType::parse(media_type).ok(), head: Vec::new(), body: None, finished: false }
    }

    /// Takes octets as they come.
    pub fn push(&mut self, octets: &[u8]) {
        match &mut self.body {
            Some((scanner, _)) => scanner.push(octets),
            None => self.head.extend_from_slice(octets),
        }
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self) {
        self.finished = true;
        if let Some((scanner, _)) = &mut self.body {
            scanner.finish();
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// A body that is none, or beyond the limits; the splitter is of no use afterwards.
    #[expect(clippy::should_implement_trait, reason = "errors and NeedMore make it no iterator")]
    pub fn next(&mut self) -> Result<Piece, MultipartError> {
        if self.body.is_none() && !self.begin()? {
            return Ok(Piece::NeedMore);
        }
        let Some((scanner, start)) = &mut self.body else { return Ok(Piece::NeedMore) };
        let index = scanner.parts();
        Ok(match scanner.next()? {
            Part::NeedMore => Piece::NeedMore,
            Part::Headers(headers) => Piece::Begin(PartHead {
                is_start: start.judge(index, headers.content_id.as_deref(), headers.essence()),
                location: headers.content_location.as_deref().and_then(decoded),
                media_type: headers.essence().to_owned(),
            }),
            Part::Data(octets) => Piece::Data(octets),
            Part::EndOfPart => Piece::End,
            Part::Done if scanner.parts() == 0 => return Err(MultipartError::Empty),
            Part::Done => Piece::Done,
        })
    }

    /// Finds out what divides the parts: what header fields at the beginning say, else the media type, else the first line
    /// that looks like it. False where more octets are needed.
    fn begin(&mut self) -> Result<bool, MultipartError> {
        let is_whole = self.finished && self.head.len() <= HEAD_BYTES;
        let line = first_delimiter(self.head.get(..HEAD_BYTES).unwrap_or(&self.head), is_whole);
        if line.is_none() && !self.finished && self.head.len() < HEAD_BYTES {
            return Ok(false);
        }
        let (at, boundary) = line.unwrap_or((0, ""));
        let own = content_type(self.head.get(..at).unwrap_or_default());
        let of = |kind: &Option<ContentType>| kind.as_ref()?.parameter("boundary").map(str::to_owned);
        let told = of(&own).or_else(|| of(&self.declared));
        let boundary = told.or_else(|| Some(boundary.to_owned()).filter(|it| !it.is_empty()));
        let mut scanner = Scanner::new(&boundary.ok_or(MultipartError::NoBoundary)?, MimeLimits::default())?;
        let start = own.as_ref().or(self.declared.as_ref()).map(Start::new);
        scanner.push(&std::mem::take(&mut self.head));
        if self.finished {
            scanner.finish();
        }
        self.body = Some((scanner, start.unwrap_or_else(Start::unknown)));
        Ok(true)
    }
}

/// The first line that begins with two hyphens: where it is, and what stands behind them.
fn first_delimiter(head: &[u8], is_whole: bool) -> Option<(usize, &str)> {
    let mut at = 0;
    while let Some(rest) = head.get(at..).filter(|rest| !rest.is_empty()) {
        let end = memchr::memchr(b'\n', rest);
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if let Some(name) = line.strip_prefix(b"--") {
            let name = std::str::from_utf8(name).unwrap_or_default().trim_end();
            return (end.is_some() || is_whole).then_some((at, name));
        }
        at += end? + 1;
    }
    None
}

/// The Content-Type among header fields at the beginning.
fn content_type(head: &[u8]) -> Option<ContentType> {
    let text = std::str::from_utf8(head).ok()?;
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(line),
            _ => fields.push(line.to_owned()),
        }
    }
    let field = fields.iter().find_map(|field| {
        let (name, value) = field.split_once(':')?;
        name.trim_end().eq_ignore_ascii_case("content-type").then_some(value)
    });
    ContentType::parse(field?.trim()).ok().filter(|kind| kind.essence() == super::MULTIPART_RELATED)
}

/// A Content-Location that is a relative name, as text.
fn decoded(location: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(location).decode_utf8().ok()?;
    Some(text.into_owned()).filter(|text| !text.is_empty() && !text.contains(['\\', ':', '\0']))
}
