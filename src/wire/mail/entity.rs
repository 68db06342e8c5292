//! One MIME entity: its header block and its body, as slices of what came.

use std::borrow::Cow;

use mail_parser::{Addr, Address, HeaderForm, HeaderName, HeaderValue, Message, MessageParser};
use memchr::memmem;

use crate::wire::mime::{ContentType, Decoder, TransferEncoding};

/// What is too much in a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLimits {
    /// Octets of one header block.
    pub header_bytes: usize,
    /// Parts in all.
    pub parts: usize,
    /// Entities within entities.
    pub depth: usize,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self { header_bytes: 64 << 10, parts: 200, depth: 6 }
    }
}

/// Why a mail is not understood. Tells nothing of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// No header block, or one that is too long.
    #[error("the mail has no headers that can be read")]
    Headers,
    /// Not one sender.
    #[error("the mail must have one sender")]
    From,
    /// A Content-Type that cannot be read in one way.
    #[error("a Content-Type of the mail cannot be read")]
    ContentType,
    /// A Content-Transfer-Encoding that is not known, or octets that do not fit it.
    #[error("the content of the mail is not encoded as it says")]
    Encoding,
    /// Too many parts.
    #[error("the mail has too many parts")]
    TooManyParts,
    /// Too deep.
    #[error("the parts of the mail are nested too deep")]
    TooDeep,
    /// multipart/signed that is not two parts.
    #[error("the signature of the mail cannot be found")]
    Signature,
}

/// Octets whose lines end in CR LF, as signatures want them. Where the first line does, nothing is changed: a part may hold binary
/// octets. Where it does not, as in a file of a maildir, every line is given CR LF.
pub fn canonical(octets: &[u8]) -> Cow<'_, [u8]> {
    let first = memchr::memchr(b'\n', octets);
    if first.is_some_and(|at| at > 0 && octets[at - 1] == b'\r') {
        return Cow::Borrowed(octets);
    }
    let bare = memchr::memchr_iter(b'\n', octets).filter(|&at| at == 0 || octets[at - 1] != b'\r').count();
    if bare == 0 {
        return Cow::Borrowed(octets);
    }
    let mut fixed = Vec::with_capacity(octets.len() + bare);
    for (at, &octet) in octets.iter().enumerate() {
        if octet == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            fixed.push(b'\r');
        }
        fixed.push(octet);
    }
    Cow::Owned(fixed)
}

/// The beginning of a zip file.
pub(super) const ZIP: &[u8] = b"PK";
/// Octets of a body that are enough to tell how it begins, as it is encoded.
const FIRST_BYTES: usize = 64;

/// A header block that was read, and the body below it.
#[derive(Debug)]
pub struct Entity<'a> {
    headers: Option<Message<'a>>,
    content_type: Option<ContentType>,
    /// Nothing where it is none that is known here.
    encoding: Option<TransferEncoding>,
    body: &'a [u8],
}

impl<'a> Entity<'a> {
    /// Reads the header block.
    ///
    /// # Errors
    /// When there is none, or its Content-Type or encoding cannot be understood in one way. An encoding that is not known is no
    /// error before something is to be decoded.
    pub fn read(octets: &'a [u8], limits: &MailLimits) -> Result<Self, MailError> {
        // A part without headers begins with the empty line.
        let (block, body) = match octets.strip_prefix(b"\r\n") {
            Some(body) => (&octets[..0], body),
            None => {
                let window = &octets[..octets.len().min(limits.header_bytes)];
                let end = memmem::find(window, b"\r\n\r\n").ok_or(MailError::Headers)? + 4;
                octets.split_at(end)
            }
        };
        let headers = match block {
            [] => None,
            block => Some(MessageParser::default().parse_headers(block).ok_or(MailError::Headers)?),
        };
        let headers = headers.filter(|headers| !headers.is_empty());
        let raw = |name: HeaderName<'static>| {
            let mut all = headers.iter().flat_map(move |headers| headers.header_as(name.clone(), HeaderForm::Raw));
            match (all.next(), all.next()) {
                (None, _) => Ok(None),
                (Some(HeaderValue::Text(text)), None) => Ok(Some(unfolded(&text))),
                _ => Err(MailError::ContentType),
            }
        };
        let content_type = raw(HeaderName::ContentType)?.map(|text| ContentType::parse(&text));
        let content_type = content_type.transpose().map_err(|_| MailError::ContentType)?;
        let encoding = raw(HeaderName::ContentTransferEncoding)?.unwrap_or_default();
        let encoding = TransferEncoding::from_name(&encoding);
        Ok(Self { headers, content_type, encoding, body })
    }

    /// `type/subtype` in lower case; text/plain where nothing is said.
    pub fn essence(&self) -> &str {
        self.content_type.as_ref().map_or("text/plain", ContentType::essence)
    }

    /// A parameter of the Content-Type.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.content_type.as_ref()?.parameter(name)
    }

    /// The body as it was before it was made fit for transport.
    ///
    /// # Errors
    /// When it does not fit what the header says.
    pub fn decoded(&self) -> Result<Vec<u8>, MailError> {
        let mut decoder = Decoder::new(self.encoding.ok_or(MailError::Encoding)?);
        let wrong = |_| MailError::Encoding;
        let mut decoded = decoder.decode(bytes::Bytes::copy_from_slice(self.body)).map_err(wrong)?.to_vec();
        decoded.extend_from_slice(&decoder.finish().map_err(wrong)?);
        Ok(decoded)
    }

    /// Whether its body begins as a zip file does, as far as that can be told.
    pub(super) fn begins_as_zip(&self) -> bool {
        let Some(encoding) = self.encoding else { return false };
        let mut decoder = Decoder::new(encoding);
        let decode = |octet: &u8| decoder.decode(bytes::Bytes::copy_from_slice(&[*octet])).ok();
        let mut decoded = self.body.iter().take(FIRST_BYTES).map_while(decode).flatten();
        ZIP.iter().all(|octet| decoded.next() == Some(*octet))
    }

    /// The octets of each part, without the line end that belongs to the boundary.
    ///
    /// # Errors
    /// Without a boundary, with an encoding, or with more than `most` parts.
    pub fn parts(&self, most: usize) -> Result<Vec<&'a [u8]>, MailError> {
        let boundary = self.parameter("boundary").filter(|boundary| (1..=200).contains(&boundary.len()));
        let marker = format!("--{}", boundary.ok_or(MailError::ContentType)?);
        if !self.is_identity() {
            return Err(MailError::Encoding);
        }
        let (mut parts, mut begun) = (Vec::new(), None);
        for at in memmem::find_iter(self.body, marker.as_bytes()) {
            let after = &self.body[at + marker.len()..];
            let Some((rest_of_line, closes)) = end_of_delimiter(after) else { continue };
            if at > 0 && self.body[at - 1] != b'\n' {
                continue;
            }
            if let Some(from) = begun.take() {
                if parts.len() >= most {
                    return Err(MailError::TooManyParts);
                }
                let part: &[u8] = self.body.get(from..at).unwrap_or_default();
                parts.push(part.strip_suffix(b"\r\n").unwrap_or(part));
            }
            if closes {
                return Ok(parts);
            }
            begun = Some(at + marker.len() + rest_of_line);
        }
        // Some gateways cut the last line off.
        if let Some(rest) = begun.and_then(|from| self.body.get(from..)) {
            if parts.len() >= most {
                return Err(MailError::TooManyParts);
            }
            parts.push(rest);
        }
        Ok(parts)
    }

    /// The body as it came.
    pub(super) fn raw_body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether the body needs no decoding.
    pub(super) fn is_identity(&self) -> bool {
        self.encoding == Some(TransferEncoding::Identity)
    }

    /// A header that occurs once, as text.
    pub(super) fn text(&self, name: HeaderName<'static>) -> Option<String> {
        let headers = self.headers.as_ref()?;
        let mut all = headers.header_as(name, HeaderForm::Text).into_iter();
        match (all.next(), all.next()) {
            (Some(HeaderValue::Text(text)), None) => Some(text.trim().to_owned()),
            _ => None,
        }
    }

    /// The same for a header that is named by its text.
    pub(super) fn text_of(&self, name: &'static str) -> Option<String> {
        self.text(HeaderName::parse(name)?)
    }

    /// Whether there is such a header.
    pub(super) fn has(&self, name: &'static str) -> bool {
        let (Some(headers), Some(name)) = (&self.headers, HeaderName::parse(name)) else { return false };
        headers.header_as(name, HeaderForm::Raw).into_iter().next().is_some()
    }

    /// The one address in a header that occurs once.
    pub(super) fn address(&self, name: HeaderName<'static>) -> Option<String> {
        let headers = self.headers.as_ref()?;
        let mut all = headers.header_as(name, HeaderForm::Addresses).into_iter();
        let (Some(HeaderValue::Address(Address::List(list))), None) = (all.next(), all.next()) else { return None };
        match list.as_slice() {
            [Addr { address: Some(address), .. }] => Some(address.trim().to_owned()),
            _ => None,
        }
    }
}

/// How long the rest of a delimiter's line is, its end included, and whether it closes the multipart; nothing where it is no
/// delimiter.
fn end_of_delimiter(after: &[u8]) -> Option<(usize, bool)> {
    let line = memchr::memchr(b'\n', after).map_or(after.len(), |at| at + 1);
    let closes = after.starts_with(b"--");
    let blanks = &after[if closes { 2 } else { 0 }..line.max(if closes { 2 } else { 0 })];
    blanks.iter().all(u8::is_ascii_whitespace).then_some((line, closes))
}

fn unfolded(text: &str) -> String {
    text.trim().replace(['\r', '\n'], "")
}
