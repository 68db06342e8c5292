//! Documents in which a patient acknowledges privacy policies (BPPC): who may file them, and what they say.
//!
//! Source: ITI TF-1 §19, ITI TF-3 §5.1; spec security §4.5 (S-CON-30, S-CON-31, S-CON-34).

use jiff::civil::DateTime;

use crate::{
    model::{
        DocumentEntry, Dtm, Finding, Node, NodeRole, Submission, XdsErrorCode, consent::Period,
        vocabulary::PRIVACY_CONSENT_FORMATS,
    },
    service::ServiceError,
};

/// The policies that the entries of a submission acknowledge: the place of the entry, `code^^scheme`, and when they hold.
pub(super) fn check(submission: &Submission, node: &Node) -> Result<Vec<(usize, String, Period)>, ServiceError> {
    let (mut acknowledged, mut findings) = (Vec::new(), Vec::new());
    let refused = |entry: &DocumentEntry, text: &str| {
        let context = format!("{}: {text}", entry.submitted_id);
        Finding::error(XdsErrorCode::RegistryMetadataError, "S-CON-34", context)
    };
    for (index, entry) in submission.document_entries.iter().enumerate() {
        let format = &entry.format_code.value;
        if !PRIVACY_CONSENT_FORMATS.contains(&(format.code(), format.coding_scheme())) {
            continue;
        }
        if !node.has_role(NodeRole::ConsentSource) {
            findings.push(refused(entry, "a privacy consent document is taken only from a consent source"));
            continue;
        }
        // Without a policy in eventCodeList nothing is acknowledged.
        if entry.event_codes.is_empty() {
            continue;
        }
        match period(entry) {
            Some(period) => {
                let policies = entry.event_codes.iter().map(|code| (index, code.value.to_string(), period));
                acknowledged.extend(policies);
            }
            None => findings.push(refused(entry, "a privacy consent document needs serviceStartTime")),
        }
    }
    if findings.is_empty() { Ok(acknowledged) } else { Err(ServiceError::Refused(findings)) }
}

/// serviceStartTime to serviceStopTime, each at the precision it has: a day that ends it is part of it.
fn period(entry: &DocumentEntry) -> Option<Period> {
    let from_ms = milliseconds(entry.service_start_time.as_ref()?, false)?;
    let until_ms = match &entry.service_stop_time {
        Some(stop) => Some(milliseconds(stop, stop.as_str().len() < 14)?),
        None => None,
    };
    Some(Period { from_ms, until_ms })
}

/// The first moment of a time, or the one after its last.
fn milliseconds(time: &Dtm, after: bool) -> Option<i64> {
    let earliest = DateTime::strptime("%Y%m%d%H%M%S", time.earliest_text()).ok()?;
    let moment = match (after, time.as_str().len()) {
        (false, _) => earliest,
        (true, 4) => earliest.checked_add(jiff::Span::new().years(1)).ok()?,
        (true, 6) => earliest.checked_add(jiff::Span::new().months(1)).ok()?,
        (true, 8) => earliest.checked_add(jiff::Span::new().days(1)).ok()?,
        (true, 10) => earliest.checked_add(jiff::Span::new().hours(1)).ok()?,
        (true, _) => earliest.checked_add(jiff::Span::new().minutes(1)).ok()?,
    };
    Some(moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ends_with_its_precision() {
        let ms = |text: &str, after| milliseconds(&text.parse().unwrap(), after);
        assert_eq!(ms("1970", false), Some(0));
        assert_eq!(ms("1970", true), Some(365 * 86_400_000));
        assert_eq!(ms("197001", true), Some(31 * 86_400_000));
        assert_eq!(ms("19700101", true), Some(86_400_000));
        assert_eq!(ms("1970010100", true), Some(3_600_000));
        assert_eq!(ms("197001010000", true), Some(60_000));
        assert_eq!(ms("19700101000001", false), Some(1000));
    }
}
