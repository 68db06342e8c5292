//! Times as people write them.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use crate::cli::Failure;

/// Days begin where the reader lives.
const ZONE: &str = "Europe/Amsterdam";

/// The beginning of a period: a time, or the beginning of a day.
pub(super) fn from(text: &str) -> Result<i64, Failure> {
    time(text, 0)
}

/// The end of a period, exclusive: a time, or the end of a day.
pub(super) fn to(text: &str) -> Result<i64, Failure> {
    time(text, 1)
}

fn time(text: &str, days: i64) -> Result<i64, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let day = text.parse::<Date>().ok();
    let start = day.and_then(|day| day.checked_add(days.days()).ok()?.to_zoned(zone).ok());
    let start = start.map(|start| start.timestamp().as_millisecond());
    start.ok_or_else(|| Failure::wrong_use(format!("'{text}' is neither a day (2026-11-21) nor a time with its zone")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_whole() {
        assert_eq!(to("2026-11-21").unwrap() - from("2026-11-21").unwrap(), 86_400_000);
        assert_eq!(from("2026-11-21T08:00:00Z").unwrap(), 1_795_248_000_000);
        assert!(from("21-11-2026").is_err());
    }
}
