//! Points in time with the precision they were given with.

use std::{fmt, str::FromStr};

/// An HL7 DTM, always UTC: `YYYY[MM[DD[hh[mm[ss]]]]]`.
///
/// Remembers its precision: the year 2004 is not the first of January 2004. Source: ITI TF-3 §4.2.3.1.7 (R-META-12).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dtm {
    digits: [u8; 14],
    len: u8,
}

/// Why a text is not a [`Dtm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DtmError {
    /// Not 4, 6, 8, 10, 12 or 14 characters.
    #[error("a time has 4, 6, 8, 10, 12 or 14 digits (YYYY[MM[DD[hh[mm[ss]]]]])")]
    Length,
    /// A character that is no digit: an offset, a fraction, a separator.
    #[error("a time is digits only, UTC, without offset or fraction")]
    NotDigits,
    /// A month, day, hour, minute or second that does not exist.
    #[error("no such date or time of day")]
    NotInCalendar,
}

impl Dtm {
    /// The digits as given.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..usize::from(self.len)]).expect("a Dtm holds ASCII digits")
    }

    /// Padded to 14 digits with the lowest legal values, for comparing (R-18-11).
    pub fn earliest(&self) -> [u8; 14] {
        const LOWEST: [u8; 14] = *b"00000101000000";
        let mut out = LOWEST;
        let len = usize::from(self.len);
        out[..len].copy_from_slice(&self.digits[..len]);
        out
    }

    /// [`Dtm::earliest`] as text, the form in which the store keeps and compares times.
    pub fn earliest_text(&self) -> String {
        String::from_utf8(self.earliest().to_vec()).expect("a Dtm holds ASCII digits")
    }

    /// Whether `self` is after `other` at the lower of the two precisions (R-42-17).
    pub fn is_after(&self, other: &Self) -> bool {
        let len = usize::from(self.len.min(other.len));
        self.digits[..len] > other.digits[..len]
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl FromStr for Dtm {
    type Err = DtmError;

    fn from_str(s: &str) -> Result<Self, DtmError> {
        if !s.bytes().all(|b| b.is_ascii_digit()) {
            return Err(DtmError::NotDigits);
        }
        let len = s.len();
        if !matches!(len, 4 | 6 | 8 | 10 | 12 | 14) {
            return Err(DtmError::Length);
        }
        let mut digits = [0_u8; 14];
        digits[..len].copy_from_slice(s.as_bytes());
        let number = |from: usize, to: usize| {
            (to <= len).then(|| digits[from..to].iter().fold(0_u32, |n, d| n * 10 + u32::from(d - b'0')))
        };
        let year = number(0, 4).unwrap_or_default();
        let month = number(4, 6).unwrap_or(1);
        let day = number(6, 8).unwrap_or(1);
        let fits = (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && number(8, 10).unwrap_or(0) < 24
            && number(10, 12).unwrap_or(0) < 60
            && number(12, 14).unwrap_or(0) < 60;
        if fits { Ok(Self { digits, len: len as u8 }) } else { Err(DtmError::NotInCalendar) }
    }
}

impl fmt::Display for Dtm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Dtm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_12_what_a_time_is() {
        for good in ["2024", "202402", "20240229", "2000022923", "202402292359", "20240229235959"] {
            assert_eq!(good.parse::<Dtm>().unwrap().to_string(), good);
        }
        for (bad, error) in [
            ("", DtmError::Length),
            ("20240", DtmError::Length),
            ("202402292359590", DtmError::Length),
            ("2024-03-05", DtmError::NotDigits),
            ("20240301120000.5", DtmError::NotDigits),
            ("20240301120000+0100", DtmError::NotDigits),
            ("٢٠٢٤", DtmError::NotDigits),
            ("202413", DtmError::NotInCalendar),
            ("20240230", DtmError::NotInCalendar),
            ("19000229", DtmError::NotInCalendar),
            ("2024022924", DtmError::NotInCalendar),
            ("202402292360", DtmError::NotInCalendar),
            ("20240229235960", DtmError::NotInCalendar),
        ] {
            assert_eq!(bad.parse::<Dtm>(), Err(error), "{bad}");
        }
    }

    #[test]
    fn r_18_11_the_earliest_moment_is_what_is_compared() {
        let earliest = |text: &str| text.parse::<Dtm>().unwrap().earliest_text();
        assert_eq!(earliest("2004"), "20040101000000");
        assert_eq!(earliest("200406"), "20040601000000");
        assert_eq!(earliest("2004060712"), "20040607120000");
        assert_ne!("2004".parse::<Dtm>(), "20040101".parse::<Dtm>());
    }

    #[test]
    fn r_42_17_order_is_judged_at_the_lower_precision() {
        let after = |a: &str, b: &str| a.parse::<Dtm>().unwrap().is_after(&b.parse().unwrap());
        assert!(after("20240306", "202403051200"));
        assert!(!after("20240305", "202403051200") && !after("202403051200", "20240305"));
        assert!(!after("2023", "2024"));
    }
}
