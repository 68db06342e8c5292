//! A privacy consent document that comes with its bytes must say what its metadata say.
//!
//! Source: ITI TF-3 §5.1; S-CON-30, S-CON-31, S-CON-34.

use std::collections::BTreeSet;

use jiff::civil::DateTime;

use super::{Repository, labels::codes};
use crate::{
    model::{
        CodeValue, Finding, PatientId, XdsErrorCode,
        rim::{RegistryObject, RimKind, SubmitObjectsRequest},
        vocabulary as v,
    },
    service::ServiceError,
    store::NewDocument,
    wire::cda::{PrivacyConsent, read_privacy_consent},
};

/// Octets of a privacy consent document, a scan within it included.
const DOCUMENT_BYTES: u64 = 16 << 20;
const TEMPLATES: [&str; 2] = ["1.3.6.1.4.1.19376.1.5.3.1.1.7", "1.3.6.1.4.1.19376.1.5.3.1.1.7.1"];
const SERVICE_EVENT_TEMPLATE: &str = "1.3.6.1.4.1.19376.1.5.3.1.2.6";
const PRIVACY_CONSENT_LOINC: &str = "57016-8";

impl Repository {
    /// Refuses privacy consent documents that do not agree with their metadata.
    pub(super) async fn check_privacy_consents(
        &self,
        submit: &SubmitObjectsRequest,
        documents: &[NewDocument],
    ) -> Result<(), ServiceError> {
        let mut findings = Vec::new();
        for entry in submit.objects.iter().filter(|it| is_privacy_consent(it)) {
            let unique_id = entry.external_identifier(v::DE_UNIQUE_ID);
            let Some(document) = documents.iter().find(|it| Some(it.unique_id.as_str()) == unique_id) else { continue };
            let disagreement = match self.read_whole(document).await? {
                Some(octets) => disagreement(entry, &octets),
                None => Some("the document is larger than a privacy consent document may be"),
            };
            if let Some(text) = disagreement {
                let context = format!("{}: {text}", entry.id.as_deref().unwrap_or_default());
                findings.push(Finding::error(XdsErrorCode::RepositoryMetadataError, "S-CON-34", context));
            }
        }
        if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
    }

    async fn read_whole(&self, document: &NewDocument) -> Result<Option<Vec<u8>>, ServiceError> {
        if document.size_bytes > DOCUMENT_BYTES {
            return Ok(None);
        }
        let mut reader = self.documents.read(document.blob_id, document.size_bytes).await?;
        let mut octets = Vec::new();
        while let Some(block) = reader.next().await {
            octets.extend_from_slice(&block?);
        }
        Ok(Some(octets))
    }
}

fn is_privacy_consent(entry: &RegistryObject) -> bool {
    matches!(entry.kind, RimKind::ExtrinsicObject { .. })
        && codes(entry, v::DE_FORMAT_CODE)
            .any(|format| v::PRIVACY_CONSENT_FORMATS.contains(&(format.code(), format.coding_scheme())))
}

/// What the document says otherwise than its metadata, if anything.
fn disagreement(entry: &RegistryObject, octets: &[u8]) -> Option<&'static str> {
    let Ok(consent) = read_privacy_consent(octets) else {
        return Some("the document is no CDA privacy consent that can be read");
    };
    if !consent.templates.iter().any(|it| TEMPLATES.contains(&&**it)) || consent.code != PRIVACY_CONSENT_LOINC {
        return Some("the document is not marked as a privacy consent (template and code 57016-8)");
    }
    let identifiers = [entry.external_identifier(v::DE_PATIENT_ID), first(entry, v::SLOT_SOURCE_PATIENT_ID)];
    let patients: Vec<PatientId> = identifiers.into_iter().flatten().filter_map(|text| text.parse().ok()).collect();
    let is_patient = |(root, extension): &(String, String)| {
        patients.iter().any(|it| it.authority().as_str() == root && it.id() == extension)
    };
    if !consent.patients.iter().any(is_patient) {
        return Some("the document is about another patient than its metadata");
    }
    policies_disagree(entry, &consent)
}

fn policies_disagree(entry: &RegistryObject, consent: &PrivacyConsent) -> Option<&'static str> {
    let events = || consent.service_events.iter().filter(|it| it.templates.iter().any(|t| t == SERVICE_EVENT_TEMPLATE));
    let said: BTreeSet<CodeValue> = events().filter_map(|it| CodeValue::new(&it.code, &it.code_system).ok()).collect();
    if said.is_empty() || said != codes(entry, v::DE_EVENT_CODE_LIST).collect() {
        return Some("the document acknowledges other policies than eventCodeList");
    }
    let start = first(entry, v::SLOT_SERVICE_START_TIME).unwrap_or_default();
    let stop = first(entry, v::SLOT_SERVICE_STOP_TIME).unwrap_or_default();
    let same = events().all(|it| !it.low.is_empty() && same_time(&it.low, start) && same_time(&it.high, stop));
    (!same).then_some("the document holds at other times than serviceStartTime and serviceStopTime")
}

fn first<'a>(entry: &'a RegistryObject, slot: &str) -> Option<&'a str> {
    entry.slot(slot)?.values.first().map(|value| &**value)
}

/// Whether a time of HL7 v3, perhaps with a fraction and an offset, is a time in UTC, at the lower of both precisions.
fn same_time(said: &str, utc: &str) -> bool {
    if said.is_empty() || utc.is_empty() {
        return said.is_empty() && utc.is_empty();
    }
    let Some(said) = in_utc(said) else { return false };
    let length = said.len().min(utc.len());
    length >= 4 && said.as_bytes()[..length] == utc.as_bytes()[..length]
}

fn in_utc(text: &str) -> Option<String> {
    let (time, offset) = match text.find(['+', '-']) {
        Some(at) => text.split_at_checked(at)?,
        None => (text, ""),
    };
    let digits = time.split('.').next()?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) || offset.is_empty() || digits.len() < 12 {
        return digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.to_owned());
    }
    let moment = DateTime::strptime("%Y%m%d%H%M%S", format!("{digits:0<14}")).ok()?;
    let (hours, minutes) = (offset.get(1..3)?.parse::<i64>().ok()?, offset.get(3..).unwrap_or_default());
    let minutes = hours * 60 + if minutes.is_empty() { 0 } else { minutes.parse::<i64>().ok()? };
    let ahead = if offset.starts_with('-') { -minutes } else { minutes };
    let utc = moment.checked_sub(jiff::Span::new().minutes(ahead)).ok()?;
    Some(utc.strftime("%Y%m%d%H%M%S").to_string()[..digits.len().min(14)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_con_31_times_agree_at_the_lower_precision_and_in_utc() {
        for (said, utc, same) in [
            ("20260101", "20260101", true),
            ("20260101", "2026010100", true),
            ("20260101100000+0100", "20260101090000", true),
            ("20260101100000.123-0500", "20260101150000", true),
            ("202601011000+0100", "202601010900", true),
            ("20260101100000+0100", "20260101100000", false),
            ("20260102", "20260101", false),
            ("", "", true),
            ("20260101", "", false),
            ("", "20260101", false),
            ("soon", "20260101", false),
        ] {
            assert_eq!(same_time(said, utc), same, "{said} {utc}");
        }
    }
}
