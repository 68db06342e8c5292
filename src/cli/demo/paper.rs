//! What the invented documents say, as text, as PDF and as CDA.

mod cda;
mod pdf;

pub(super) use cda::cda;
pub(super) use pdf::pdf;

use super::people::Person;

/// One document to be written.
pub(super) struct Paper<'a> {
    pub(super) person: &'a Person,
    pub(super) title: &'a str,
    /// OID.
    pub(super) unique_id: &'a str,
    /// Code, scheme and name of the typeCode.
    pub(super) type_code: &'a crate::model::Code,
    /// YYYYMMDDhhmmss.
    pub(super) time: &'a str,
    pub(super) doctor: &'a str,
    pub(super) paragraphs: &'a [String],
}

impl Paper<'_> {
    /// The lines above the text.
    fn heading(&self) -> [String; 4] {
        [
            self.title.to_owned(),
            format!("Patient: {} ({}), born {}", self.person.name(), self.person.bsn, self.person.birth_date),
            format!("Date: {}    Doctor: {}", self.time.get(..8).unwrap_or_default(), self.doctor),
            "Invented for demonstration. No such person exists.".to_owned(),
        ]
    }
}

/// Plain text.
pub(super) fn text(paper: &Paper<'_>) -> Vec<u8> {
    let mut out = paper.heading().join("\n");
    for paragraph in paper.paragraphs {
        out.push_str("\n\n");
        out.push_str(paragraph);
    }
    out.push('\n');
    out.into_bytes()
}
