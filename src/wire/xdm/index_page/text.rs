//! Values of HL7 as people read them.

use jiff::{civil::DateTime, tz::TimeZone};

use super::words::Language;
use crate::model::unescape_component;

/// Where people live who read the page (design section 6).
const ZONE: &str = "Europe/Amsterdam";
/// Confidentiality that hides a title: (code, scheme).
const SENSITIVE: [&str; 2] = ["R", "V"];
const CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";

/// A component without escapes.
fn plain(component: &str) -> String {
    unescape_component(component).map_or_else(|| component.to_owned(), |text| text.into_owned())
}

fn component(value: &str, number: usize) -> String {
    plain(value.split('^').nth(number - 1).unwrap_or_default())
}

/// `Family, Given`.
fn name(family: &str, given: &str) -> String {
    match (family.is_empty(), given.is_empty()) {
        (false, false) => format!("{family}, {given}"),
        _ => format!("{family}{given}"),
    }
}

/// A person of an XCN, or the number if there is no name.
pub fn person(xcn: &str) -> String {
    let family = xcn.split('^').nth(1).and_then(|family| family.split('&').next()).unwrap_or_default();
    let name = name(&plain(family), &component(xcn, 3));
    if name.is_empty() { component(xcn, 1) } else { name }
}

/// A person of PID-5, an XPN. The family name may have parts (`van der&Jansen`): the first is the whole name.
pub fn person_of_pid_5(xpn: &str) -> String {
    let first = xpn.split('~').next().unwrap_or_default();
    let family = first.split('^').next().unwrap_or_default().split('&').next().unwrap_or_default();
    name(&plain(family), &component(first, 2))
}

/// Sex of PID-8: its first component.
pub fn sex(pid_8: &str) -> String {
    component(pid_8, 1)
}

/// The name of an organisation of an XON.
pub fn readable_xon(xon: &str) -> String {
    component(xon, 1)
}

/// An identifier with its authority.
pub fn readable_cx(cx: &str) -> String {
    let authority = cx.split('^').nth(3).unwrap_or_default();
    let oid = authority.split('&').nth(1).filter(|oid| !oid.is_empty()).unwrap_or(authority);
    let id = component(cx, 1);
    match oid {
        "2.16.840.1.113883.2.4.6.3" => format!("{id} (BSN)"),
        "" => id,
        oid => format!("{id} ({oid})"),
    }
}

/// A DTM as a day, or a day and a time as it was in the Netherlands; what is no DTM stays as it is.
pub fn days_and_times(dtm: &str) -> String {
    let number = |from: usize, to: usize| dtm.get(from..to).and_then(|digits| digits.parse::<i16>().ok());
    let (Some(year), month, day) = (number(0, 4), number(4, 6), number(6, 8)) else { return dtm.to_owned() };
    let (Some(month), Some(day)) = (month, day) else {
        return month.map_or_else(|| format!("{year:04}"), |month| format!("{year:04}-{month:02}"));
    };
    let date = format!("{year:04}-{month:02}-{day:02}");
    let (Some(hour), minute) = (number(8, 10), number(10, 12).unwrap_or(0)) else { return date };
    let local = || {
        let small = |number: i16| i8::try_from(number).ok();
        let utc = DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, 0, 0).ok()?;
        let zone = TimeZone::get(ZONE).ok()?;
        let there = utc.to_zoned(TimeZone::UTC).ok()?.with_time_zone(zone);
        Some(there.strftime("%Y-%m-%d %H:%M").to_string())
    };
    local().unwrap_or(date)
}

/// Whether a confidentialityCode (`code`, `scheme`) says that only the addressee may know what the document is about.
pub fn is_confidential(codes: &[(String, String)]) -> bool {
    codes.iter().any(|(code, scheme)| scheme == CONFIDENTIALITY && SENSITIVE.contains(&code.as_str()))
}

/// Octets for people.
pub(super) fn size(bytes: u64, language: Language) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1000.0, 0);
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let text = format!("{value:.1} {}", UNITS[unit]);
    if language == Language::Dutch { text.replace('.', ",") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_22_names_stand_as_family_and_given() {
        assert_eq!(person("12^Doe^Jan^^^Dr^^^&2.999.20.2&ISO"), "Doe, Jan");
        assert_eq!(person("^O\\T\\Connor"), "O&Connor");
        assert_eq!(person("12"), "12");
        assert_eq!(person_of_pid_5("van der Berg&van der&Berg^Ada^^^"), "van der Berg, Ada");
        assert_eq!(readable_xon("Example Clinic^^^^^^^^^2.999.20"), "Example Clinic");
        assert_eq!(readable_cx("P\\S\\1^^^&2.999.10.1&ISO"), "P^1 (2.999.10.1)");
        assert_eq!(readable_cx("999900006^^^&2.16.840.1.113883.2.4.6.3&ISO"), "999900006 (BSN)");
    }

    #[test]
    fn times_keep_their_precision() {
        for (dtm, shown) in [
            ("2026", "2026"),
            ("202603", "2026-03"),
            ("20260314", "2026-03-14"),
            ("20260314091500", "2026-03-14 10:15"),
            ("202607140915", "2026-07-14 11:15"),
            ("20261231233000", "2027-01-01 00:30"),
            ("", ""),
            ("soon", "soon"),
            ("20269999999999", "2026-99-99"),
        ] {
            assert_eq!(days_and_times(dtm), shown, "{dtm}");
        }
    }

    #[test]
    fn r_32_22_a_sensitive_title_is_not_shown() {
        let code = |code: &str, scheme: &str| vec![(code.to_owned(), scheme.to_owned())];
        assert!(is_confidential(&code("R", CONFIDENTIALITY)) && is_confidential(&code("V", CONFIDENTIALITY)));
        assert!(!is_confidential(&code("N", CONFIDENTIALITY)) && !is_confidential(&code("R", "2.999")));
    }

    #[test]
    fn octets_are_rounded() {
        for (bytes, shown) in [(38, "38 B"), (1_500, "1.5 kB"), (999_990, "1.0 MB"), (5_368_709_120, "5.4 GB")] {
            assert_eq!(size(bytes, Language::English), shown);
        }
        assert_eq!(size(1_500, Language::Dutch), "1,5 kB");
    }
}
