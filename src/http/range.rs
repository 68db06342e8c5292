//! Which octets of a package are wanted. Source: RFC 9110 §13.1.5, §14.

use std::ops::Range;

use actix_web::http::header::{self, HeaderMap};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These octets.
    Part(Range<u64>),
    /// Octets that are not there.
    NotThere,
}

/// Reads Range and If-Range. A range that cannot be understood, or several of them, mean the whole.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, length: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE) else { return Wanted::Whole };
    // A date is never as strong as our tag.
    if text(header::IF_RANGE).is_some_and(|condition| condition.trim() != etag) {
        return Wanted::Whole;
    }
    match read(range, length) {
        Some(range) if range.is_empty() => Wanted::NotThere,
        Some(range) => Wanted::Part(range),
        None => Wanted::Whole,
    }
}

/// The one range, empty where it lies beyond the end.
fn read(text: &str, length: u64) -> Option<Range<u64>> {
    let (unit, spec) = text.trim().split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first = number(first)?;
    let last = match last {
        "" => u64::MAX,
        last => number(last)?,
    };
    if last < first {
        return None;
    }
    if first >= length {
        return Some(0..0);
    }
    Some(first..last.saturating_add(1).min(length))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn asked(range: &str, condition: Option<&str>) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).expect("a value"));
        if let Some(condition) = condition {
            headers.insert(header::IF_RANGE, HeaderValue::from_str(condition).expect("a value"));
        }
        wanted(&headers, "\"tag\"", 100)
    }

    #[test]
    fn r_32_60_a_download_goes_on_where_it_broke_off() {
        assert_eq!(wanted(&HeaderMap::new(), "\"tag\"", 100), Wanted::Whole);
        for (range, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=40-", Wanted::Part(40..100)),
            ("bytes=40-1000", Wanted::Part(40..100)),
            ("BYTES=10-19", Wanted::Part(10..20)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=-0", Wanted::NotThere),
            ("bytes=100-", Wanted::NotThere),
            ("bytes=99999999999999999999999-", Wanted::NotThere),
            ("bytes=9-8", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=x-y", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("nonsense", Wanted::Whole),
        ] {
            assert_eq!(asked(range, None), wanted, "{range}");
        }
    }

    #[test]
    fn r_32_60_another_package_is_given_whole() {
        assert_eq!(asked("bytes=40-", Some("\"tag\"")), Wanted::Part(40..100));
        for condition in ["\"other\"", "W/\"tag\"", "Thu, 26 Nov 2026 03:00:00 GMT"] {
            assert_eq!(asked("bytes=40-", Some(condition)), Wanted::Whole, "{condition}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-"));
        assert_eq!(wanted(&headers, "\"tag\"", 0), Wanted::NotThere);
    }
}
