//! The content of an xds:Document: a reference to another part of the message, or base64.
//!
//! Source: XOP §3; R-SOAP-03, R-SOAP-04, R-41-05; spec §8, 8.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::wire::{
    ebrim::DecodeError,
    guard::{Event, Ns, XmlReader},
};

/// Where the octets of a document are.
#[derive(Clone, PartialEq, Eq)]
pub enum DocumentContent {
    /// In another part: the href of xop:Include as it was sent.
    Include(Box<str>),
    /// Here, decoded.
    Inline(Vec<u8>),
    /// Here, but it is not base64.
    BadBase64,
    /// An Include that is not alone, or other elements; a Sender fault with this reason.
    BadInclude(&'static str),
}

impl std::fmt::Debug for DocumentContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Include(_) => f.write_str("Include"),
            Self::Inline(bytes) => write!(f, "Inline({} octets)", bytes.len()),
            Self::BadBase64 => f.write_str("BadBase64"),
            Self::BadInclude(why) => write!(f, "BadInclude({why})"),
        }
    }
}

/// Reads the content of an xds:Document after its start, up to its end. An empty one is a document of no octets.
pub(super) fn read_content(reader: &mut XmlReader<'_>) -> Result<DocumentContent, DecodeError> {
    let mut include = None;
    let mut inline = None;
    let mut bad = None;
    loop {
        match reader.next()? {
            Event::Text(text) => inline = Some(text),
            Event::Start(element) => {
                match (element.ns, element.local(), element.attribute("href")) {
                    (Ns::Xop, "Include", Some(href)) if include.is_none() => {
                        include = Some(Box::from(href.trim_ascii()))
                    }
                    (Ns::Xop, "Include", Some(_)) => bad = Some("two xop:Include in one Document"),
                    (Ns::Xop, "Include", None) => bad = Some("xop:Include without href"),
                    (Ns::XopOld, _, _) => bad = Some("the namespace of a draft of XOP (2003/12) is not supported"),
                    _ => bad = Some("an element other than xop:Include in a Document"),
                }
                reader.recycle(element);
                reader.skip_element()?;
            }
            Event::End | Event::Eof => break,
        }
    }
    Ok(match (bad, include, inline) {
        (Some(why), _, _) => DocumentContent::BadInclude(why),
        (None, Some(_), Some(_)) => DocumentContent::BadInclude("xop:Include beside other content"),
        (None, Some(href), None) => DocumentContent::Include(href),
        (None, None, Some(text)) => decode_base64(&text),
        (None, None, None) => DocumentContent::Inline(Vec::new()),
    })
}

fn decode_base64(text: &str) -> DocumentContent {
    let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')).collect();
    BASE64_STANDARD.decode(digits).map_or(DocumentContent::BadBase64, DocumentContent::Inline)
}

/// Writes xop:Include for a Content-ID, which stands without its angle brackets.
pub(super) fn write_include(out: &mut Vec<u8>, content_id: &str) {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    /// What stands in a URI as it is.
    const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');
    out.extend_from_slice(b"<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:");
    for part in utf8_percent_encode(content_id, &ESCAPED) {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\"/>");
}
