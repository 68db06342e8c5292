//! Parameters of ITI-81: what is known is read strictly, what is not known is refused. Source: S-AUD-70.

use percent_encoding::percent_decode_str;

use super::from_page;
use crate::{
    service::audit_view::{AuditFilter, Place, Token},
    wire::fhir::system_of,
};

/// Events of a page when `_count` does not say.
const DEFAULT_COUNT: usize = 100;
/// More are never given at once.
const MAX_COUNT: usize = 500;
/// Values of one parameter.
const MAX_VALUES: usize = 100;
/// The BSN as FHIR profiles of the Netherlands name it, and as XDS does.
const BSN: (&str, &str) = ("http://fhir.nl/fhir/NamingSystem/bsn", "2.16.840.1.113883.2.4.6.3");
/// Code systems as events name them.
const SYSTEMS: [&str; 5] = ["DCM", "IHE Transactions", "RFC-3881", "2.16.840.1.113883.5.8", "2.16.840.1.113883.5.25"];

/// A search that was understood.
#[derive(Debug)]
pub(super) struct Parameters {
    pub filter: AuditFilter,
    pub count: usize,
    pub after: Option<Place>,
}

/// Reads a query string.
///
/// # Errors
/// With a sentence for the partner that names the parameter and never its value.
pub(super) fn read(query: &str) -> Result<Parameters, String> {
    let (mut filter, mut count, mut after) = (AuditFilter::default(), DEFAULT_COUNT, None);
    let (mut from_ms, mut to_ms) = (None::<i64>, None::<i64>);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        let refused = |why: &str| Err(format!("{}: {why}", known_name(name)));
        let Ok(value) = percent_decode_str(raw).decode_utf8() else { return refused("not UTF-8") };
        if value.is_empty() {
            return refused("has no value");
        }
        // A plus stands for a space, except in a time, where clients forget to encode it.
        let text = value.replace('+', " ");
        match name {
            "date" => match bound(&value) {
                Some(Bound::From(time_ms)) => from_ms = Some(from_ms.map_or(time_ms, |other| other.max(time_ms))),
                Some(Bound::To(time_ms)) => to_ms = Some(to_ms.map_or(time_ms, |other| other.min(time_ms))),
                None => return refused("wants ge, gt, le or lt and a date, or a time with its zone"),
            },
            "address" => filter.addresses.extend(values(&text)),
            "agent" | "agent.identifier" | "user" => add(&mut filter.agents, tokens(&text, Some), name)?,
            "patient.identifier" => add(&mut filter.patients, tokens(&text, authority), name)?,
            "entity" | "entity.identifier" => add(&mut filter.entities, tokens(&text, authority), name)?,
            "entity-type" => add(&mut filter.entity_types, tokens(&text, Some), name)?,
            "entity-role" => add(&mut filter.entity_roles, tokens(&text, Some), name)?,
            "source" | "source.identifier" => add(&mut filter.sources, tokens(&text, Some), name)?,
            "type" => add(&mut filter.types, tokens(&text, code_system), name)?,
            "subtype" => add(&mut filter.subtypes, tokens(&text, code_system), name)?,
            "action" => add(&mut filter.actions, tokens(&text, Some), name)?,
            "outcome" => add(&mut filter.outcomes, tokens(&text, Some), name)?,
            "_count" => match value.parse::<usize>() {
                Ok(wanted) if wanted > 0 => count = wanted.min(MAX_COUNT),
                _ => return refused("wants a whole number from 1 to 500"),
            },
            "_format" => {
                if !matches!(&*value, "json" | "application/json" | "application/fhir+json" | "application/fhir json") {
                    return refused("only application/fhir+json is written");
                }
            }
            "_page" => match from_page(&value) {
                Some(place) => after = Some(place),
                None => return refused("not a link of ours"),
            },
            _ => return Err("a parameter is not known; see the documentation for those of ITI-81".to_owned()),
        }
    }
    match (from_ms, to_ms) {
        (Some(from_ms), Some(to_ms)) => (filter.from_ms, filter.to_ms) = (from_ms, to_ms),
        _ => return Err("date: a lower and an upper bound are wanted: date=ge…&date=le…".to_owned()),
    }
    Ok(Parameters { filter, count, after })
}

/// The name of a parameter for a message: those that are known are harmless.
fn known_name(name: &str) -> &str {
    if name.len() <= 20 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
        name
    } else {
        "a parameter"
    }
}

/// Two times the same parameter would mean both at once, which none of these can be.
fn add(list: &mut Vec<Token>, values: Vec<Token>, name: &str) -> Result<(), String> {
    if !list.is_empty() {
        return Err(format!("{name}: given twice; several values are separated by commas"));
    }
    if values.len() > MAX_VALUES {
        return Err(format!("{name}: more than {MAX_VALUES} values"));
    }
    list.extend(values);
    Ok(())
}

/// Values separated by commas; a comma that belongs to a value has a backslash before it (FHIR R4 §3.1.1.4.0.1).
fn values(text: &str) -> Vec<String> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => value.extend(characters.next()),
            ',' => values.push(std::mem::take(&mut value)),
            c => value.push(c),
        }
    }
    values.push(value);
    values
}

/// `system|value` or `value`; `system` gives the name of the system in events.
fn tokens(text: &str, system: fn(String) -> Option<String>) -> Vec<Token> {
    let token = |text: String| match text.split_once('|') {
        Some(("", value)) => Token { system: None, value: value.to_owned() },
        Some((uri, value)) => {
            Token { system: system(uri.to_owned()).or(Some(uri.to_owned())), value: value.to_owned() }
        }
        None => Token { system: None, value: text },
    };
    values(text).into_iter().map(token).collect()
}

/// OID of an assigning authority.
fn authority(uri: String) -> Option<String> {
    if uri == BSN.0 { Some(BSN.1.to_owned()) } else { uri.strip_prefix("urn:oid:").map(str::to_owned) }
}

fn code_system(uri: String) -> Option<String> {
    SYSTEMS.into_iter().find(|name| system_of(name).as_deref() == Some(&uri)).map(str::to_owned)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    From(i64),
    /// Exclusive.
    To(i64),
}

/// A bound of the time: what is not said of it, such as the hour of a day, is anything.
fn bound(text: &str) -> Option<Bound> {
    let (prefix, time) = text.split_at_checked(2)?;
    let (begin, end) = span(time)?;
    match prefix {
        "ge" => Some(Bound::From(begin)),
        "gt" => Some(Bound::From(end)),
        "le" => Some(Bound::To(end)),
        "lt" => Some(Bound::To(begin)),
        _ => None,
    }
}

/// Begin and end of a year, month, day (UTC), minute, second or millisecond.
fn span(text: &str) -> Option<(i64, i64)> {
    use jiff::{Span, Timestamp, Unit, civil::Date, tz::TimeZone};
    let ms = |time: Timestamp| time.as_millisecond();
    if let Some((_, clock)) = text.split_once('T') {
        let digits = clock.trim_end_matches('Z').split(['+', '-']).next()?;
        let begin = text.replace(' ', "+").parse::<Timestamp>().ok()?;
        let unit = match (digits.matches(':').count(), digits.contains('.')) {
            (1, false) => Unit::Minute,
            (2, false) => Unit::Second,
            (2, true) => Unit::Millisecond,
            _ => return None,
        };
        let length = match unit {
            Unit::Minute => 60_000,
            Unit::Second => 1_000,
            _ => 1,
        };
        return Some((ms(begin), ms(begin) + length));
    }
    let parts: Vec<&str> = text.split('-').collect();
    let number = |text: &str, digits: usize| (text.len() == digits).then(|| text.parse::<i16>().ok())?;
    let (date, length) = match parts.as_slice() {
        [year] => (Date::new(number(year, 4)?, 1, 1).ok()?, Span::new().years(1)),
        [year, month] => {
            (Date::new(number(year, 4)?, i8::try_from(number(month, 2)?).ok()?, 1).ok()?, Span::new().months(1))
        }
        [year, month, day] => {
            let (month, day) = (i8::try_from(number(month, 2)?).ok()?, i8::try_from(number(day, 2)?).ok()?);
            (Date::new(number(year, 4)?, month, day).ok()?, Span::new().days(1))
        }
        _ => return None,
    };
    let at = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|time| ms(time.timestamp()));
    Some((at(date)?, at(date.checked_add(length).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: &str = "date=ge2026-11-01&date=le2026-11-30";

    #[test]
    fn s_aud_70_a_lower_and_an_upper_date_are_wanted() {
        for query in ["", "date=ge2026-11-01", "date=le2026-11-01", "date=2026-11-01&date=le2026-11-30"] {
            assert!(read(query).is_err_and(|problem| problem.starts_with("date: ")), "{query}");
        }
        let filter = read(PERIOD).expect("in order").filter;
        assert_eq!((filter.from_ms, filter.to_ms), (1_793_491_200_000, 1_796_083_200_000));
    }

    #[test]
    fn s_aud_70_what_is_not_known_is_refused_without_its_value() {
        for query in ["patient=999900006", "date:missing=true", "_include=x", "%00=1"] {
            let problem = read(&format!("{PERIOD}&{query}")).expect_err("must be refused");
            assert!(!problem.contains("999900006"), "{problem}");
        }
        for query in
            ["_count=0", "_count=x", "_format=xml", "_page=x", "type=", "type=1&type=2", "date=ge2026-13", "user=%FF"]
        {
            assert!(read(&format!("{PERIOD}&{query}")).is_err(), "{query}");
        }
    }

    #[test]
    fn times_of_every_precision_are_spans() {
        let (begin, end) = span("2026-11-21T08:00:00.119Z").expect("a time");
        assert_eq!((begin, end), (1_795_248_000_119, 1_795_248_000_120));
        assert_eq!(span("2026-11-21T09:00:00+01:00"), Some((1_795_248_000_000, 1_795_248_001_000)));
        assert_eq!(span("2026-11-21T08:00Z").map(|(begin, end)| end - begin), Some(60_000));
        assert_eq!(span("2026-02").map(|(begin, end)| end - begin), Some(28 * 86_400_000));
        assert_eq!(span("2028").map(|(begin, end)| end - begin), Some(366 * 86_400_000));
        for wrong in ["", "2026-11-31", "2026-1-1", "2026-11-21T08:00:00", "2026-11-21T08Z", "nu"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn systems_are_those_of_events() {
        let dcm = "http://dicom.nema.org/resources/ontology/DCM|110112,urn:ihe:event-type-code|ITI-18,|110106,1";
        let read =
            read(&format!("{PERIOD}&type={dcm}&patient.identifier={}|999900006&_count=900", BSN.0)).expect("in order");
        let systems: Vec<Option<&str>> = read.filter.types.iter().map(|token| token.system.as_deref()).collect();
        assert_eq!(systems, [Some("DCM"), Some("IHE Transactions"), None, None]);
        assert_eq!(read.filter.patients[0].system.as_deref(), Some(BSN.1));
        assert_eq!(read.count, 500);
    }

    #[test]
    fn a_comma_of_a_name_is_escaped() {
        assert_eq!(values(r"CN=a\,O=b,c"), ["CN=a,O=b", "c"]);
    }
}
