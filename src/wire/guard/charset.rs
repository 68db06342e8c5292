//! From octets to text: UTF-8 and UTF-16, nothing else.
//!
//! Source: S-IN-14; R-SOAP-08; spec §8, 9.

use std::borrow::Cow;

use super::XmlError;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// Decodes an XML entity; removes a byte order mark and blank lines before the declaration.
///
/// `charset` is the parameter of the media type; it wins over the XML declaration. Without it the declaration must name
/// the encoding that the octets have.
///
/// # Errors
/// `Charset` for an encoding that is not read, or octets that are not what they are said to be.
pub fn decode_charset<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, XmlError> {
    let (actual, rest) = detect(bytes);
    if let Some(label) = charset {
        check_label(label, actual)?;
    }
    let text = match actual {
        Encoding::Utf8 => Cow::Borrowed(std::str::from_utf8(rest).map_err(|_| refuse("the octets are not UTF-8"))?),
        Encoding::Utf16Le => Cow::Owned(decode_utf16(rest, u16::from_le_bytes)?),
        Encoding::Utf16Be => Cow::Owned(decode_utf16(rest, u16::from_be_bytes)?),
    };
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches(is_blank)),
        Cow::Owned(text) => Cow::Owned(text.trim_start_matches(is_blank).to_owned()),
    };
    if charset.is_none()
        && let Some(label) = declared_encoding(&text)
    {
        check_label(label, actual)?;
    }
    Ok(text)
}

fn refuse(problem: &'static str) -> XmlError {
    XmlError::Charset { problem }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn detect(bytes: &[u8]) -> (Encoding, &[u8]) {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Encoding::Utf8, rest),
        [0xFF, 0xFE, rest @ ..] => (Encoding::Utf16Le, rest),
        [0xFE, 0xFF, rest @ ..] => (Encoding::Utf16Be, rest),
        [b'<', 0, ..] => (Encoding::Utf16Le, bytes),
        [0, b'<', ..] => (Encoding::Utf16Be, bytes),
        _ => (Encoding::Utf8, bytes),
    }
}

fn check_label(label: &str, actual: Encoding) -> Result<(), XmlError> {
    let label = label.trim_matches(|c: char| is_blank(c) || matches!(c, '"' | '\''));
    let is = |names: &[&str]| names.iter().any(|name| label.eq_ignore_ascii_case(name));
    let fits = if is(&["utf-8", "utf8", "us-ascii", "ascii"]) {
        actual == Encoding::Utf8
    } else if is(&["utf-16", "utf16"]) {
        actual != Encoding::Utf8
    } else if is(&["utf-16le"]) {
        actual == Encoding::Utf16Le
    } else if is(&["utf-16be"]) {
        actual == Encoding::Utf16Be
    } else {
        return Err(refuse("only UTF-8 and UTF-16 are read"));
    };
    if fits { Ok(()) } else { Err(refuse("the octets are not in the declared encoding")) }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, XmlError> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return Err(refuse("UTF-16 with an odd number of octets")) };
    let mut text = String::with_capacity(pairs.len());
    for c in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(c.map_err(|_| refuse("the octets are not UTF-16"))?);
    }
    Ok(text)
}

/// The value of `encoding` in the XML declaration.
fn declared_encoding(text: &str) -> Option<&str> {
    let declaration = text.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start_matches(is_blank).strip_prefix('=')?;
    let value = value.trim_start_matches(is_blank);
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2], bom: &[u8]) -> Vec<u8> {
        bom.iter().copied().chain(text.encode_utf16().flat_map(unit)).collect()
    }

    #[test]
    fn r_soap_08_utf_8_and_utf_16_are_read() {
        let text = "<?xml version='1.0' encoding='UTF-16'?><a>é</a>";
        for bytes in [
            utf16(text, u16::to_le_bytes, &[0xFF, 0xFE]),
            utf16(text, u16::to_be_bytes, &[0xFE, 0xFF]),
            utf16(text, u16::to_le_bytes, &[]),
        ] {
            assert_eq!(decode_charset(&bytes, None).unwrap(), text);
            assert_eq!(decode_charset(&bytes, Some("utf-16")).unwrap(), text);
            assert!(decode_charset(&bytes, Some("utf-8")).is_err(), "declared is not actual");
        }
        assert_eq!(decode_charset("\u{feff}\r\n <a/>".as_bytes(), Some("\"UTF8\"")).unwrap(), "<a/>");
    }

    #[test]
    fn s_in_14_other_and_wrong_encodings_are_refused() {
        assert!(decode_charset(b"<a>\xE9</a>", None).is_err());
        assert!(decode_charset(b"<a/>", Some("iso-8859-1")).is_err());
        assert!(decode_charset(b"<a/>", Some("utf-16")).is_err());
        assert!(decode_charset(b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", None).is_err());
        assert!(decode_charset(b"<?xml version='1.0' encoding=\"UTF-16\"?><a/>", None).is_err());
        assert!(decode_charset(&[0xFF, 0xFE, b'<'], None).is_err());
        assert!(decode_charset(&[0xFF, 0xFE, 0x00, 0xD8], None).is_err(), "half a surrogate pair");
    }

    #[test]
    fn r_soap_08_the_media_type_wins_over_the_declaration() {
        let bytes = b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>";
        assert!(decode_charset(bytes, Some("UTF-8")).is_ok());
    }
}
