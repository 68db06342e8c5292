//! Text and attribute values on their way out.

/// What an octet becomes within an attribute value or text; empty stands for itself.
///
/// Carriage return, line feed and tab would not survive in an attribute; control characters, which only
/// a command line can bring in, become U+FFFD.
const fn replacement(b: u8) -> &'static str {
    match b {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'"' => "&quot;",
        b'\t' => "&#9;",
        b'\n' => "&#10;",
        b'\r' => "&#13;",
        0..b' ' => "\u{fffd}",
        _ => "",
    }
}

const REPLACEMENTS: [&str; 256] = {
    let mut table = [""; 256];
    let mut b: u8 = 0;
    while b < 0x80 {
        table[b as usize] = replacement(b);
        b += 1;
    }
    table
};

/// Appends text, escaped so that it may stand in an attribute value in double quotes or between tags.
pub(crate) fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (index, b) in bytes.iter().enumerate() {
        let replacement = REPLACEMENTS[usize::from(*b)];
        if !replacement.is_empty() {
            out.extend_from_slice(bytes.get(start..index).unwrap_or_default());
            out.extend_from_slice(replacement.as_bytes());
            start = index + 1;
        }
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or_default());
}

/// Appends ` name="value"`.
pub(crate) fn write_attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    write_escaped(out, value);
    out.push(b'"');
}

/// Appends ` name="value"` where there is a value.
pub(crate) fn write_optional_attribute(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        write_attribute(out, name, value);
    }
}
