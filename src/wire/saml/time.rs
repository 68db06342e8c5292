//! xs:dateTime as SAML and WS-Security use it.

use jiff::Timestamp;

/// An instant with a zone; SAML wants UTC, other zones are taken. Anything else is none.
///
/// Source: SAML 2.0 core §1.3.3; WS-Security 1.1 §10.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let (date, rest) = text.split_once('T')?;
    let shaped = text.len() <= 40
        && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        && rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'+' | b'-' | b'Z'));
    if !shaped {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_instants_with_a_zone_are_read() {
        assert_eq!(instant(" 2026-01-02T03:04:05.678Z\n").map(|t| t.as_millisecond()), Some(1_767_323_045_678));
        assert_eq!(instant("2026-01-02T04:04:05+01:00"), instant("2026-01-02T03:04:05Z"));
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02t03:04:05z",
            "2026-01-02 03:04:05Z",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04:05Z[UTC]",
            "2026-01-02T03:04:05+01:00[Europe/Amsterdam]",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
