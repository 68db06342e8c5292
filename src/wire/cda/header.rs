//! Who a document is about, and what its header says that metadata say too.
//!
//! Source: HL7 CDA R2 §4.2; ITI TF-3 §4.2.3.2 (attributes that a document source takes from the header).

use std::fmt;

use super::HL7_V3;
use crate::wire::guard::{Event, XmlError, XmlLimits, XmlReader, decode_charset};

/// A coded value, as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CdaCode {
    /// @code.
    pub code: String,
    /// @codeSystem, an OID.
    pub system: String,
    /// @displayName, empty where there is none.
    pub name: String,
}

/// The header of a clinical document. What is absent is empty. `Debug` prints nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CdaHeader {
    /// code: what kind of document it is.
    pub code: Option<CdaCode>,
    /// confidentialityCode.
    pub confidentiality: Option<CdaCode>,
    /// languageCode/@code.
    pub language: String,
    /// effectiveTime/@value, as TS.
    pub effective_time: String,
    /// recordTarget/patientRole/id: root and extension.
    pub patients: Vec<(String, String)>,
    /// recordTarget/patientRole/patient/name/family, its first one.
    pub family: String,
    /// recordTarget/patientRole/patient/birthTime/@value, as TS.
    pub birth_time: String,
}

impl fmt::Debug for CdaHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CdaHeader")
    }
}

/// Reads the header in the first octets of a document, as far as they go.
///
/// # Errors
/// When they are no beginning of a ClinicalDocument.
pub fn read_header(octets: &[u8]) -> Result<CdaHeader, XmlError> {
    let whole = whole_tags(octets);
    let text = decode_charset(whole, None)?;
    let mut reader = XmlReader::new(&text, &XmlLimits::default());
    let mut path: Vec<&str> = Vec::new();
    let mut found = CdaHeader::default();
    loop {
        let event = match reader.next() {
            Ok(event) => event,
            // Octets that end within the header are no fault.
            Err(_) if !path.is_empty() => return Ok(found),
            Err(error) => return Err(error),
        };
        match event {
            Event::Start(element) => {
                if element.namespace_uri() != Some(HL7_V3) {
                    if path.is_empty() {
                        return Err(XmlError::Unexpected { what: "another element than ClinicalDocument" });
                    }
                    if reader.skip_element().is_err() {
                        return Ok(found);
                    }
                    continue;
                }
                path.push(element.local());
                let value = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
                let code = || {
                    let code = CdaCode { code: value("code"), system: value("codeSystem"), name: value("displayName") };
                    Some(code).filter(|it| !it.code.is_empty() && !it.system.is_empty())
                };
                match path.as_slice() {
                    [root] if *root != "ClinicalDocument" => {
                        return Err(XmlError::Unexpected { what: "another element than ClinicalDocument" });
                    }
                    [_, "component"] => return Ok(found),
                    [_, "code"] => found.code = code(),
                    [_, "confidentialityCode"] => found.confidentiality = code(),
                    [_, "languageCode"] => found.language = value("code"),
                    [_, "effectiveTime"] => found.effective_time = value("value"),
                    [_, "recordTarget", "patientRole", "id"] => {
                        found.patients.push((value("root"), value("extension")))
                    }
                    [_, "recordTarget", "patientRole", "patient", "birthTime"] => found.birth_time = value("value"),
                    _ => {}
                }
                reader.recycle(element);
            }
            Event::Text(text) => {
                let is_family = path.get(1..) == Some(&["recordTarget", "patientRole", "patient", "name", "family"]);
                if is_family && found.family.is_empty() {
                    text.trim().clone_into(&mut found.family);
                }
            }
            Event::End => drop(path.pop()),
            Event::Eof => return Ok(found),
        }
    }
}

/// Octets without the part of a tag, or of a character, in which they end. Those of UTF-16 are left as they are.
fn whole_tags(octets: &[u8]) -> &[u8] {
    match octets.first_chunk::<2>() {
        Some([0xFF, 0xFE] | [0xFE, 0xFF]) => octets.get(..octets.len() & !1).unwrap_or_default(),
        _ => octets.get(..octets.iter().rposition(|it| *it == b'>').map_or(0, |at| at + 1)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <code code="11490-0" codeSystem="2.16.840.1.113883.6.1" displayName="Discharge summary"/>
  <effectiveTime value="20260314091500+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="nl-NL"/>
  <recordTarget><patientRole><id root="2.999.10.1" extension="P1"/><id root="2.999.1" extension="9"/>
    <patient><name><given>Ada</given><family>Voorbeeld</family></name><birthTime value="19700101"/></patient>
  </patientRole></recordTarget>
  <component><structuredBody><code code="not read" codeSystem="x"/></structuredBody></component></ClinicalDocument>"#;

    #[test]
    fn r_32_39_r_32_59_the_header_says_who_and_what() {
        let read = read_header(SAMPLE.as_bytes()).unwrap();
        let code = read.code.clone().unwrap();
        assert_eq!((&*code.code, &*code.name), ("11490-0", "Discharge summary"));
        assert_eq!(read.confidentiality.as_ref().map(|it| &*it.code), Some("N"));
        assert_eq!((&*read.language, &*read.effective_time), ("nl-NL", "20260314091500+0100"));
        assert_eq!(read.patients[0], ("2.999.10.1".to_owned(), "P1".to_owned()));
        assert_eq!((read.patients.len(), &*read.family, &*read.birth_time), (2, "Voorbeeld", "19700101"));
        assert_eq!(format!("{read:?}"), "CdaHeader");
    }

    #[test]
    fn octets_that_end_anywhere_are_read_as_far_as_they_go() {
        let start = SAMPLE.find("  <code").unwrap();
        for end in 0..SAMPLE.len() {
            let read = read_header(&SAMPLE.as_bytes()[..end]);
            assert!(read.is_ok() || end < start, "{end}");
        }
        let until_patient = SAMPLE.find("<patient>").unwrap();
        assert_eq!(read_header(&SAMPLE.as_bytes()[..until_patient]).unwrap().patients.len(), 2);
    }

    #[test]
    fn what_is_no_clinical_document_is_refused() {
        for text in ["", "<a/>", "text", "<!DOCTYPE a []><a/>", "<ClinicalDocument/>", "<a xmlns='urn:hl7-org:v3'/>"] {
            assert!(read_header(text.as_bytes()).is_err(), "{text}");
        }
    }
}
