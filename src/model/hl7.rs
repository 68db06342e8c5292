//! The escapes of HL7 v2 that stand inside components of CX, XCN and XON values.

use std::borrow::Cow;

/// Writes `| ^ ~ & \` as `\F\ \S\ \R\ \T\ \E\`. Source: HL7 v2.5 §2.7 (R-META-15).
pub fn escape_component(s: &str) -> Cow<'_, str> {
    if !s.contains(['|', '^', '~', '&', '\\']) {
        return Cow::Borrowed(s);
    }
    let mut out = String::with_capacity(s.len() + 8);
    for c in s.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '~' => out.push_str("\\R\\"),
            '&' => out.push_str("\\T\\"),
            '\\' => out.push_str("\\E\\"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Reads the five escapes back; `None` where a backslash begins no known escape.
pub fn unescape_component(s: &str) -> Option<Cow<'_, str>> {
    if !s.contains('\\') {
        return Some(Cow::Borrowed(s));
    }
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some((plain, tail)) = rest.split_once('\\') {
        out.push_str(plain);
        let (escape, after) = tail.split_once('\\')?;
        out.push(match escape {
            "F" => '|',
            "S" => '^',
            "R" => '~',
            "T" => '&',
            "E" => '\\',
            _ => return None,
        });
        rest = after;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_escape_is_none() {
        for bad in ["\\", "a\\", "\\X\\", "\\SS\\", "\\S", "\\\\"] {
            assert_eq!(unescape_component(bad), None, "{bad}");
        }
        assert_eq!(unescape_component("\\S\\\\E\\").as_deref(), Some("^\\"));
    }
}
