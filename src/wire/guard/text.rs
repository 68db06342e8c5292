//! References and line ends in text and attribute values.
//!
//! Source: XML 1.0 §2.2, §2.11, §3.3.3, §4.1, §4.6; S-IN-07, S-IN-14.

use std::borrow::Cow;

use super::XmlError;

/// An error whose place the reader adds.
pub(super) const fn malformed(problem: &'static str) -> XmlError {
    XmlError::Malformed { problem, offset: 0 }
}

/// Whether text holds white space only.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Takes white space off both ends without copying. ASCII knows one more than XML, which no text here holds.
pub(super) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => {
            let trimmed = text.trim_ascii();
            if trimmed.len() == text.len() { Cow::Owned(text) } else { Cow::Owned(trimmed.to_owned()) }
        }
    }
}

/// The character behind a reference, given what stands between `&` and `;`.
pub(super) fn resolve_reference(reference: &str) -> Result<char, XmlError> {
    let number = match reference {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => reference.strip_prefix('#').ok_or(XmlError::Entity)?,
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(XmlError::Entity);
    }
    let c = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).ok_or(XmlError::Entity)?;
    if is_xml_char(c) { Ok(c) } else { Err(XmlError::Entity) }
}

const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Makes every line end a line feed.
pub(super) fn normalise_line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return text;
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The value of an attribute: references resolved, white space made blanks.
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, XmlError> {
    // Without a way out, so that the compiler can compare many octets at once.
    let special = raw.bytes().fold(false, |found, b| found | (b == b'&') | (b == b'<') | (b < b' '));
    if !special { Ok(Cow::Borrowed(raw)) } else { unescape_attribute(raw).map(Cow::Owned) }
}

fn unescape_attribute(raw: &str) -> Result<String, XmlError> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\t', '\r', '\n']) {
        let (before, special) = rest.split_at(at);
        value.push_str(before);
        rest = if let Some(reference) = special.strip_prefix('&') {
            let (reference, after) = reference.split_once(';').ok_or(XmlError::Entity)?;
            value.push(resolve_reference(reference)?);
            after
        } else if special.starts_with('<') {
            return Err(malformed("< in an attribute value"));
        } else {
            value.push(' ');
            special.strip_prefix("\r\n").or_else(|| special.get(1..)).unwrap_or_default()
        };
    }
    value.push_str(rest);
    Ok(value)
}

/// Finds a character that XML does not allow; returns its offset.
pub(super) fn find_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_control = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    // In blocks without a way out, so that the compiler can compare many octets at once.
    for (index, block) in bytes.chunks(256).enumerate() {
        if block.iter().fold(false, |found, b| found | is_control(*b)) {
            return block.iter().position(|b| is_control(*b)).map(|at| index * 256 + at);
        }
    }
    // U+FFFE and U+FFFF
    memchr::memchr_iter(0xEF, bytes).find(|at| matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])))
}
