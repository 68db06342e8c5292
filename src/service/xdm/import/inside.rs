//! What headers of documents say: whether it is the patient of the metadata, and what the metadata lack.
//!
//! Source: spec xdm R-32-39, R-32-55, R-32-59.

use std::fmt;

use super::{
    documents::StatedDocument,
    examine::next_block,
    octets::verified_type,
    prepare::source_patient_ids,
    submission::{entries, patient_id_of, read_cx, value},
};
use crate::{
    model::{
        Code, CodeValue, Dtm, LanguageTag, PatientId,
        bsn::BSN_AUTHORITY,
        rim::{RegistryObject, SubmitObjectsRequest},
        vocabulary as v,
        xdm::{PackageFinding, SetReport, XdmCode},
    },
    wire::{
        cda::{CdaCode, CdaHeader, read_header},
        xdm::{
            EntryId, Medium,
            dicom_subject::{DicomSubject, read_subject},
            names::DICOM_MEDIA_TYPE,
        },
    },
};

/// Octets in which a header is looked for.
const HEAD_BYTES: usize = 256 << 10;
/// ConfidentialityCodes of HL7 that are not below normal: less is never taken from a document.
const CONFIDENTIAL: [&str; 3] = ["N", "R", "V"];
const CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";
/// Issuer of a BSN in DICOM.
const BSN_ISSUER: &str = "NLMINBIZA";

/// What the header of a document says. `Debug` prints nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Inside {
    /// Numbers of the patient: authority, empty where it is not told, and number.
    ids: Vec<(String, String)>,
    family: String,
    /// `YYYYMMDD`, empty where it is less.
    born: String,
    type_code: Option<Code>,
    confidentiality: Option<Code>,
    pub language: Option<LanguageTag>,
    pub created: Option<Dtm>,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inside")
    }
}

/// Reads the headers of the documents of a set; what they say stays with the documents.
pub(super) fn look_inside(
    medium: &Medium,
    submit: &SubmitObjectsRequest,
    documents: &mut [StatedDocument],
    set: &mut SetReport,
) {
    for (entry, (document, report)) in entries(submit).zip(documents.iter_mut().zip(&set.documents)) {
        let kind = verified_type(document, &report.mime_type);
        let Some(inside) = document.entry.and_then(|id| Inside::read(medium, id, &kind)) else { continue };
        if let Some(text) = inside.contradicts(entry) {
            set.findings
                .push(PackageFinding::held(XdmCode::PatientDiffersInside, &*report.file, text).at(&*report.unique_id));
        }
        document.inside = Some(Box::new(inside));
    }
}

/// Holds what was read against the patient whom a set is for now, unless the metadata, which were compared, name that one.
pub(super) fn compare_with_patient(
    patient: &PatientId,
    submit: &SubmitObjectsRequest,
    documents: &[StatedDocument],
    set: &mut SetReport,
) {
    for (entry, (document, report)) in entries(submit).zip(documents.iter().zip(&set.documents)) {
        let Some(inside) = document.inside.as_deref().filter(|_| !numbers(entry).contains(patient)) else { continue };
        if inside.is_of_other(patient) {
            let text = "the document has another number of the patient than the one whom it is for";
            set.findings
                .push(PackageFinding::held(XdmCode::PatientDiffersInside, &*report.file, text).at(&*report.unique_id));
        }
    }
}

impl Inside {
    fn read(medium: &Medium, id: EntryId, bare: &str) -> Option<Self> {
        let is_dicom = bare == DICOM_MEDIA_TYPE;
        if !is_dicom && !["text/xml", "application/xml", "application/hl7-cda+xml"].contains(&bare) {
            return None;
        }
        let size = usize::try_from(medium.table().size_bytes(id)).unwrap_or(HEAD_BYTES);
        let mut head = vec![0; size.min(HEAD_BYTES)];
        let mut content = medium.open(id).ok()?;
        let octets = next_block(&mut content, &mut head).ok()??;
        match is_dicom {
            true => read_subject(octets).ok().map(Self::of_dicom),
            false => read_header(octets).ok().map(Self::of_cda),
        }
    }

    fn of_cda(header: CdaHeader) -> Self {
        let is_enough = |it: &CdaCode| it.system == CONFIDENTIALITY && CONFIDENTIAL.contains(&&*it.code);
        Self {
            created: utc(&header.effective_time),
            ids: header.patients.into_iter().filter(|(_, number)| !number.is_empty()).collect(),
            family: header.family,
            born: date(&header.birth_time),
            type_code: header.code.as_ref().and_then(coded),
            confidentiality: header.confidentiality.as_ref().filter(|it| is_enough(it)).and_then(coded),
            language: header.language.parse().ok(),
        }
    }

    fn of_dicom(subject: DicomSubject) -> Self {
        let authority = match &*subject.issuer {
            BSN_ISSUER => BSN_AUTHORITY.to_owned(),
            _ => subject.universal_issuer,
        };
        Self {
            ids: Some((authority, subject.id)).filter(|(_, number)| !number.is_empty()).into_iter().collect(),
            family: subject.name.split(['^', '=']).next().unwrap_or_default().to_owned(),
            born: date(&subject.birth_date),
            created: utc(&subject.created),
            ..Self::default()
        }
    }

    /// The code that it tells for a scheme of codes.
    pub(super) fn code(&self, scheme: &str) -> Option<&Code> {
        match scheme {
            v::DE_TYPE_CODE => self.type_code.as_ref(),
            v::DE_CONFIDENTIALITY_CODE => self.confidentiality.as_ref(),
            _ => None,
        }
    }

    /// Whether it has numbers of the authority of this one, and not this one.
    fn is_of_other(&self, patient: &PatientId) -> bool {
        let of_authority = self.ids.iter().filter(|(authority, _)| authority == patient.authority().as_str());
        let mut same = of_authority.map(|(_, number)| number.trim() == patient.id()).peekable();
        same.peek().is_some() && !same.any(|same| same)
    }

    /// In what it speaks of another patient than the metadata: by number, else by family name and birth date.
    fn contradicts(&self, entry: &RegistryObject) -> Option<&'static str> {
        let known = numbers(entry);
        let is = |number: &str, id: &PatientId| number.trim() == id.id();
        let same_authority = |authority: &str, id: &PatientId| authority == id.authority().as_str();
        let mut compared = self.ids.iter().flat_map(|(authority, number)| {
            known.iter().filter(move |id| same_authority(authority, id)).map(move |id| is(number, id))
        });
        match compared.next() {
            Some(same) if same || compared.any(|same| same) => return None,
            Some(_) => return Some("the document has another number of the patient than its metadata"),
            None => {}
        }
        let of_nobody = self.ids.iter().filter(|(authority, _)| authority.is_empty());
        if of_nobody.into_iter().any(|(_, number)| known.iter().any(|id| is(number, id))) {
            return None;
        }
        let info = |field: &str| {
            let lines = entry.slot(v::SLOT_SOURCE_PATIENT_INFO).map(|slot| slot.values.as_slice()).unwrap_or_default();
            lines.iter().find_map(|line| line.trim().strip_prefix(field)?.strip_prefix('|')).unwrap_or_default()
        };
        let family = info("PID-5").split(['^', '&']).next().unwrap_or_default();
        let born = date(info("PID-7"));
        let other_name = !family.is_empty() && !self.family.is_empty() && !same_name(family, &self.family);
        let other_birth = !born.is_empty() && !self.born.is_empty() && born != self.born;
        match other_name || other_birth {
            true => Some("the document has another name or birth date than its metadata"),
            false => None,
        }
    }
}

/// Numbers that the metadata have of the patient.
fn numbers(entry: &RegistryObject) -> Vec<PatientId> {
    let sent = patient_id_of(entry).and_then(read_cx);
    let source = value(entry, v::SLOT_SOURCE_PATIENT_ID).and_then(read_cx);
    sent.into_iter().chain(source).chain(source_patient_ids(entry)).collect()
}

/// Whether the words of one are among those of the other, whatever their case and accents.
fn same_name(one: &str, other: &str) -> bool {
    use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
    let words = |text: &str| -> Vec<String> {
        let plain: String = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
        plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (one, other) = (words(one), words(other));
    one.iter().all(|word| other.contains(word)) || other.iter().all(|word| one.contains(word))
}

fn coded(code: &CdaCode) -> Option<Code> {
    let value = CodeValue::new(&code.code, &code.system).ok()?;
    let name = if code.name.is_empty() { &code.code } else { &code.name };
    Some(Code { value, display_name: name.as_str().into() })
}

/// The day of a time.
fn date(time: &str) -> String {
    time.get(..8).filter(|day| day.bytes().all(|b| b.is_ascii_digit())).unwrap_or_default().to_owned()
}

/// A time of HL7 v3 or DICOM as UTC. One with hours and without offset could be any hour: its day is all that is sure.
fn utc(time: &str) -> Option<Dtm> {
    let (stamp, offset) = match time.find(['+', '-']) {
        Some(at) => time.split_at_checked(at)?,
        None => (time, ""),
    };
    let digits = stamp.split('.').next().unwrap_or_default();
    if digits.len() < 10 || offset.is_empty() {
        return digits.get(..digits.len().min(8))?.parse().ok();
    }
    let padded = format!("{digits:0<14}");
    let zoned = jiff::Zoned::strptime("%Y%m%d%H%M%S%z", format!("{padded}{offset}")).ok()?;
    let text = zoned.timestamp().strftime("%Y%m%d%H%M%S").to_string();
    text.get(..digits.len())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_55_times_of_documents_as_utc() {
        for (time, expected) in [
            ("20260314091500+0100", Some("20260314081500")),
            ("20260314091500.123-0500", Some("20260314141500")),
            ("202603140915+0100", Some("202603140815")),
            ("20260314091500", Some("20260314")),
            ("20260314", Some("20260314")),
            ("2026", Some("2026")),
            ("", None),
            ("yesterday", None),
            ("20260314091500+9900", None),
        ] {
            assert_eq!(utc(time).map(|it| it.to_string()).as_deref(), expected, "{time}");
        }
    }

    #[test]
    fn r_32_39_names_are_compared_by_their_words() {
        for (one, other) in [("de Vries", "VRIES"), ("Müller", "muller"), ("Jansen-de Boer", "de Boer Jansen")] {
            assert!(same_name(one, other), "{one}, {other}");
        }
        assert!(!same_name("Jansen", "Janssen"));
    }
}
