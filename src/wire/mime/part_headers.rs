//! The headers of one part.

use super::{ContentType, MimeError, MimeLimits, TransferEncoding};

/// What the headers of a part say. Names in any case, folded lines and bare line feeds are read (spec §8, 4 and 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHeaders {
    /// Content-ID without angle brackets and blanks around it.
    pub content_id: Option<Box<str>>,
    /// Content-Location as it stands there.
    pub content_location: Option<Box<str>>,
    /// Content-Type, absent where it is missing or unreadable.
    pub content_type: Option<ContentType>,
    /// Content-Transfer-Encoding; data are handed out decoded.
    pub transfer_encoding: TransferEncoding,
}

impl PartHeaders {
    /// Reads a header block, with or without the empty line at its end.
    pub(super) fn parse(block: &[u8], limits: &MimeLimits) -> Result<Self, MimeError> {
        let (mut content_id, mut content_location, mut content_type, mut encoding) =
            (None, None::<Box<str>>, None, None);
        for (index, line) in unfolded(block)?.iter().enumerate() {
            if index >= limits.headers {
                return Err(MimeError::TooManyHeaders);
            }
            let (name, value) = line.split_once(':').ok_or(MimeError::Header)?;
            let name = name.trim_end();
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(MimeError::Header);
            }
            let known = match name.to_ascii_lowercase().as_str() {
                "content-id" => &mut content_id,
                // Of no weight to a message: the first one counts.
                "content-location" => {
                    content_location.get_or_insert_with(|| value.trim().into());
                    continue;
                }
                "content-type" => &mut content_type,
                "content-transfer-encoding" => &mut encoding,
                _ => continue,
            };
            if known.replace(value.trim().to_owned()).is_some() {
                return Err(MimeError::RepeatedHeader);
            }
        }
        if content_type.as_ref().is_some_and(|t| t.to_ascii_lowercase().starts_with("multipart/")) {
            return Err(MimeError::Nested);
        }
        Ok(Self {
            content_id: content_id.map(|id| strip_brackets(&id).into()),
            content_location,
            content_type: content_type.and_then(|t| ContentType::parse(&t).ok()),
            transfer_encoding: TransferEncoding::from_name(encoding.as_deref().unwrap_or_default())
                .ok_or(MimeError::TransferEncoding)?,
        })
    }

    /// `type/subtype` of the part in lower case, or nothing.
    pub fn essence(&self) -> &str {
        self.content_type.as_ref().map_or("", ContentType::essence)
    }
}

/// A Content-ID or `start` without angle brackets and blanks (spec §8, 5 and 6).
pub(crate) fn strip_brackets(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).unwrap_or(text).trim()
}

/// Lines without their ends, continuation lines joined with a blank. Octets beyond ASCII are read as UTF-8 where they
/// are, else as Latin-1.
fn unfolded(block: &[u8]) -> Result<Vec<String>, MimeError> {
    let mut lines: Vec<String> = Vec::new();
    for line in block.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
            return Err(MimeError::Header);
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => line.iter().map(|&b| char::from(b)).collect(),
        };
        match lines.last_mut() {
            Some(previous) if text.starts_with([' ', '\t']) => {
                previous.push(' ');
                previous.push_str(text.trim());
            }
            _ => lines.push(text),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::{MimeError, MimeLimits, PartHeaders, TransferEncoding};

    fn parse(block: &str) -> Result<PartHeaders, MimeError> {
        PartHeaders::parse(block.as_bytes(), &MimeLimits::default())
    }

    #[test]
    fn pitfall_6_case_folding_brackets_and_blanks() {
        let h = parse("content-id: < doc 1@src >\r\nCONTENT-TYPE: application/xop+xml;\r\n\tcharset=\"UTF8\"\r\n\r\n")
            .expect("legal");
        assert_eq!(h.content_id.as_deref(), Some("doc 1@src"));
        assert_eq!(h.essence(), "application/xop+xml");
        assert_eq!(h.content_type.as_ref().and_then(|t| t.charset()), Some("UTF8"));
        assert_eq!(h.transfer_encoding, TransferEncoding::Identity);
        let h = parse("Content-Id: bare\nContent-Transfer-Encoding: BASE64\n\n").expect("bare line feeds are legal");
        assert_eq!((h.content_id.as_deref(), h.transfer_encoding), (Some("bare"), TransferEncoding::Base64));
    }

    #[test]
    fn a_part_may_have_no_headers() {
        let h = parse("\r\n").expect("legal");
        assert_eq!((h.content_id, h.content_type), (None, None));
    }

    #[test]
    fn content_location_is_kept() {
        let h = parse("Content-Location: IMG/A%20B.JPG\r\n\r\n").expect("legal");
        assert_eq!(h.content_location.as_deref(), Some("IMG/A%20B.JPG"));
        let twice = parse("Content-Location: a\r\nContent-Location: b\r\n").expect("legal");
        assert_eq!(twice.content_location.as_deref(), Some("a"));
    }

    #[test]
    fn s_in_17_and_18_limits_and_confusion() {
        assert_eq!(parse(&"X-A: b\r\n".repeat(33)), Err(MimeError::TooManyHeaders));
        assert_eq!(parse("Content-ID: a\r\nContent-ID: b\r\n"), Err(MimeError::RepeatedHeader));
        assert_eq!(parse("Content-Type: Multipart/Mixed; boundary=x\r\n"), Err(MimeError::Nested));
        assert_eq!(parse("no colon\r\n"), Err(MimeError::Header));
        assert_eq!(parse("a b: c\r\n"), Err(MimeError::Header));
        assert_eq!(parse("a: b\0c\r\n"), Err(MimeError::Header));
        assert_eq!(parse("Content-Transfer-Encoding: gzip\r\n"), Err(MimeError::TransferEncoding));
    }
}
