//! HL7 CDA R2, the header and never the body: who the patient is, codes, and who acknowledged what in a privacy consent.
//!
//! Source: HL7 CDA R2, ITI TF-3 §5.1.2 (S-CON-30, S-CON-31).

mod header;

pub use header::{CdaCode, CdaHeader, read_header};

use super::guard::{Event, XmlError, XmlLimits, XmlReader, decode_charset};

const HL7_V3: &str = "urn:hl7-org:v3";

/// The header of a privacy consent document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivacyConsent {
    /// templateId/@root of the document.
    pub templates: Vec<String>,
    /// code/@code of the document.
    pub code: String,
    /// recordTarget/patientRole/id: root and extension.
    pub patients: Vec<(String, String)>,
    /// documentationOf/serviceEvent.
    pub service_events: Vec<ServiceEvent>,
}

/// A policy that was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEvent {
    /// templateId/@root.
    pub templates: Vec<String>,
    /// code/@code.
    pub code: String,
    /// code/@codeSystem.
    pub code_system: String,
    /// effectiveTime/low/@value, empty where it is absent.
    pub low: String,
    /// effectiveTime/high/@value, empty where it is absent.
    pub high: String,
}

/// Reads the header; stops where the body begins.
///
/// # Errors
/// When the XML is refused, or it is no ClinicalDocument.
pub fn read_privacy_consent(octets: &[u8]) -> Result<PrivacyConsent, XmlError> {
    let text = decode_charset(octets, None)?;
    let mut reader = XmlReader::new(&text, &XmlLimits::default());
    let mut path: Vec<&str> = Vec::new();
    let mut found = PrivacyConsent::default();
    loop {
        match reader.next()? {
            Event::Start(element) => {
                if element.namespace_uri() != Some(HL7_V3) {
                    if path.is_empty() {
                        return Err(XmlError::Unexpected { what: "another element than ClinicalDocument" });
                    }
                    reader.skip_element()?;
                    continue;
                }
                path.push(element.local());
                let value = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
                let event = found.service_events.last_mut();
                match (path.as_slice(), event) {
                    ([root], _) if *root != "ClinicalDocument" => {
                        return Err(XmlError::Unexpected { what: "another element than ClinicalDocument" });
                    }
                    ([_, "component"], _) => return Ok(found),
                    ([_, "templateId"], _) => found.templates.push(value("root")),
                    ([_, "code"], _) => found.code = value("code"),
                    ([_, "recordTarget", "patientRole", "id"], _) => {
                        found.patients.push((value("root"), value("extension")));
                    }
                    ([_, "documentationOf", "serviceEvent"], _) => {
                        found.service_events.push(ServiceEvent::default());
                    }
                    ([_, "documentationOf", "serviceEvent", inner @ ..], Some(event)) => match inner {
                        ["templateId"] => event.templates.push(value("root")),
                        ["code"] => (event.code, event.code_system) = (value("code"), value("codeSystem")),
                        ["effectiveTime", "low"] => event.low = value("value"),
                        ["effectiveTime", "high"] => event.high = value("value"),
                        _ => {}
                    },
                    _ => {}
                }
                reader.recycle(element);
            }
            Event::End => drop(path.pop()),
            Event::Text(_) => {}
            Event::Eof => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:x="urn:x">
  <templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.7"/>
  <code code="57016-8" codeSystem="2.16.840.1.113883.6.1"/>
  <recordTarget><patientRole><id root="2.999.1.1" extension="P1"/></patientRole></recordTarget>
  <x:other><code xmlns="urn:hl7-org:v3" code="wrong"/></x:other>
  <documentationOf><serviceEvent>
    <templateId root="1.3.6.1.4.1.19376.1.5.3.1.2.6"/>
    <code code="2.999.6.1" codeSystem="2.999.6"/>
    <effectiveTime><low value="20260101"/><high value="20270101"/></effectiveTime>
  </serviceEvent></documentationOf>
  <component><structuredBody><code code="not read"/></wrong></component>"#;

    #[test]
    fn s_con_31_the_header_says_who_acknowledged_what() {
        let read = read_privacy_consent(SAMPLE.as_bytes()).unwrap();
        assert_eq!(read.templates, ["1.3.6.1.4.1.19376.1.5.3.1.1.7"]);
        assert_eq!(read.code, "57016-8");
        assert_eq!(read.patients, [("2.999.1.1".to_owned(), "P1".to_owned())]);
        let event = ServiceEvent {
            templates: vec!["1.3.6.1.4.1.19376.1.5.3.1.2.6".into()],
            code: "2.999.6.1".into(),
            code_system: "2.999.6".into(),
            low: "20260101".into(),
            high: "20270101".into(),
        };
        assert_eq!(read.service_events, [event]);
    }

    #[test]
    fn what_is_no_clinical_document_is_refused() {
        for text in ["<a/>", "<a xmlns='urn:hl7-org:v3'/>", "<!DOCTYPE a []><a/>", "text", "<ClinicalDocument/>"] {
            assert!(read_privacy_consent(text.as_bytes()).is_err(), "{text}");
        }
    }
}
