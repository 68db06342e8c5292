//! What is copied from the header of an object into its records.
//!
//! Source: DICOM PS3.3 §F.5.

use std::collections::HashMap;

use super::{
    CHARACTER_SET, NotListed, SOP_CLASS_UID, SOP_INSTANCE_UID,
    record::{MOST_OCTETS, element},
};
use crate::wire::xdm::dicom_header::{Header, Tag, text, trimmed};

pub(super) const PATIENT_ID: Tag = 0x0010_0020;
pub(super) const ISSUER: Tag = 0x0010_0021;
pub(super) const STUDY_UID: Tag = 0x0020_000D;
pub(super) const SERIES_UID: Tag = 0x0020_000E;
const CONCEPT_NAME: Tag = 0x0040_A043;

/// What a record does when a value is missing.
#[derive(Clone, Copy)]
enum Absent {
    /// Type 1: the text stands for it.
    MadeUp(&'static str),
    /// Type 1: a number of ours stands for it.
    Counted,
    /// Type 2: it is written empty.
    Empty,
    /// Type 3 or conditional: it is left out.
    LeftOut,
}

/// Tag, value representation, name, what if it is missing.
type Key = (Tag, &'static [u8; 2], &'static str, Absent);

use Absent::{Counted, Empty, LeftOut, MadeUp};

const NO_DATE: Absent = MadeUp("19000101");
const NO_TIME: Absent = MadeUp("000000");

const PATIENT: &[Key] = &[
    (0x0010_0010, b"PN", "Patient's Name", Empty),
    (PATIENT_ID, b"LO", "Patient ID", Counted),
    (ISSUER, b"LO", "Issuer of Patient ID", LeftOut),
    (0x0010_0030, b"DA", "Patient's Birth Date", LeftOut),
    (0x0010_0040, b"CS", "Patient's Sex", LeftOut),
];
const STUDY: &[Key] = &[
    (0x0008_0020, b"DA", "Study Date", NO_DATE),
    (0x0008_0030, b"TM", "Study Time", NO_TIME),
    (0x0008_0050, b"SH", "Accession Number", Empty),
    (0x0008_1030, b"LO", "Study Description", Empty),
    (STUDY_UID, b"UI", "Study Instance UID", LeftOut),
    (0x0020_0010, b"SH", "Study ID", Counted),
];
const SERIES: &[Key] = &[
    (0x0008_0060, b"CS", "Modality", MadeUp("OT")),
    (0x0008_0080, b"LO", "Institution Name", LeftOut),
    (0x0008_103E, b"LO", "Series Description", LeftOut),
    (SERIES_UID, b"UI", "Series Instance UID", LeftOut),
    (0x0020_0011, b"IS", "Series Number", Counted),
];
const NUMBER: Key = (0x0020_0013, b"IS", "Instance Number", Counted);
const CONTENT_DATE: Key = (0x0008_0023, b"DA", "Content Date", NO_DATE);
const CONTENT_TIME: Key = (0x0008_0033, b"TM", "Content Time", NO_TIME);
const CONCEPT: Key = (CONCEPT_NAME, b"SQ", "Concept Name Code Sequence", LeftOut);

const IMAGE: &[Key] = &[NUMBER];
const DATED: &[Key] = &[CONTENT_DATE, CONTENT_TIME, NUMBER];
const KEY_OBJECTS: &[Key] = &[CONTENT_DATE, CONTENT_TIME, NUMBER, CONCEPT];
const REPORT: &[Key] = &[
    CONTENT_DATE,
    CONTENT_TIME,
    NUMBER,
    (0x0040_A030, b"DT", "Verification DateTime", LeftOut),
    CONCEPT,
    (0x0040_A491, b"CS", "Completion Flag", MadeUp("PARTIAL")),
    (0x0040_A493, b"CS", "Verification Flag", MadeUp("UNVERIFIED")),
];
const LABELLED: &[Key] = &[
    CONTENT_DATE,
    CONTENT_TIME,
    NUMBER,
    (0x0070_0080, b"CS", "Content Label", MadeUp("UNNAMED")),
    (0x0070_0081, b"LO", "Content Description", Empty),
    (0x0070_0084, b"PN", "Content Creator's Name", Empty),
];
const PRESENTATION: &[Key] = &[
    NUMBER,
    (0x0070_0080, b"CS", "Content Label", MadeUp("UNNAMED")),
    (0x0070_0081, b"LO", "Content Description", Empty),
    (0x0070_0082, b"DA", "Presentation Creation Date", NO_DATE),
    (0x0070_0083, b"TM", "Presentation Creation Time", NO_TIME),
    (0x0070_0084, b"PN", "Content Creator's Name", Empty),
];
const ENCAPSULATED: &[Key] = &[
    (0x0008_0023, b"DA", "Content Date", Empty),
    (0x0008_0033, b"TM", "Content Time", Empty),
    NUMBER,
    CONCEPT,
    (0x0042_0010, b"ST", "Document Title", Empty),
    (0x0042_0012, b"LO", "MIME Type of Encapsulated Document", MadeUp("application/octet-stream")),
];
const DOSE: &[Key] = &[NUMBER, (0x3004_000A, b"CS", "Dose Summation Type", MadeUp("PLAN"))];
const STRUCTURES: &[Key] = &[
    NUMBER,
    (0x3006_0002, b"SH", "Structure Set Label", MadeUp("UNNAMED")),
    (0x3006_0008, b"DA", "Structure Set Date", Empty),
    (0x3006_0009, b"TM", "Structure Set Time", Empty),
];
const RT_PLAN: &[Key] = &[
    NUMBER,
    (0x300A_0002, b"SH", "RT Plan Label", MadeUp("UNNAMED")),
    (0x300A_0006, b"DA", "RT Plan Date", Empty),
    (0x300A_0007, b"TM", "RT Plan Time", Empty),
];
const TREATMENT: &[Key] =
    &[NUMBER, (0x3008_0250, b"DA", "Treatment Date", Empty), (0x3008_0251, b"TM", "Treatment Time", Empty)];

fn of(level: &str) -> &'static [Key] {
    match level {
        "PATIENT" => PATIENT,
        "STUDY" => STUDY,
        "SERIES" => SERIES,
        "KEY OBJECT DOC" => KEY_OBJECTS,
        "SR DOCUMENT" => REPORT,
        "PRESENTATION" => PRESENTATION,
        "ENCAP DOC" => ENCAPSULATED,
        "RT DOSE" => DOSE,
        "RT STRUCTURE SET" => STRUCTURES,
        "RT PLAN" => RT_PLAN,
        "RT TREAT RECORD" => TREATMENT,
        "WAVEFORM" | "RAW DATA" | "SPECTROSCOPY" | "SURFACE" | "TRACT" => DATED,
        "REGISTRATION" | "FIDUCIAL" | "VALUE MAP" | "SURFACE SCAN" | "MEASUREMENT" | "PLAN" => LABELLED,
        _ => IMAGE,
    }
}

const LEVELS: [&str; 14] = [
    "PATIENT",
    "STUDY",
    "SERIES",
    "KEY OBJECT DOC",
    "SR DOCUMENT",
    "PRESENTATION",
    "ENCAP DOC",
    "RT DOSE",
    "RT STRUCTURE SET",
    "RT PLAN",
    "RT TREAT RECORD",
    "WAVEFORM",
    "REGISTRATION",
    "IMAGE",
];

fn is_key(tag: Tag) -> bool {
    [CHARACTER_SET, SOP_CLASS_UID, SOP_INSTANCE_UID].contains(&tag)
        || LEVELS.iter().any(|level| of(level).iter().any(|key| key.0 == tag))
}

fn fits(value: &[u8]) -> bool {
    trimmed(value).len() <= MOST_OCTETS
}

/// The values of one object.
pub(super) struct Keys<'a> {
    header: &'a Header<'a>,
    values: HashMap<Tag, &'a [u8]>,
}

impl<'a> Keys<'a> {
    /// Reads the header.
    pub(super) fn read(header: &'a Header<'a>) -> Result<Self, NotListed> {
        let mut values = HashMap::new();
        for element in header.elements() {
            let element = element?;
            if is_key(element.tag) {
                values.insert(element.tag, element.value);
            }
        }
        Ok(Self { header, values })
    }

    /// A value as it stands in the object; empty where there is none, or one that no record can hold.
    pub(super) fn get(&self, tag: Tag) -> &'a [u8] {
        let value = self.values.get(&tag).copied().unwrap_or_default();
        if tag == CONCEPT_NAME || fits(value) { value } else { b"" }
    }

    /// The encoded keys of a record; what is missing there is made up and named.
    pub(super) fn of_level(&self, level: &str, number: usize, made_up: &mut Vec<&'static str>) -> Vec<u8> {
        let mut out = Vec::new();
        let character_set = trimmed(self.get(CHARACTER_SET));
        if !character_set.is_empty() {
            element(&mut out, CHARACTER_SET, b"CS", character_set);
        }
        for (tag, vr, name, absent) in of(level) {
            let value = self.get(*tag);
            if *vr == b"SQ" {
                if let Some(item) = self.code(value) {
                    element(&mut out, *tag, vr, &item);
                }
                continue;
            }
            let value = trimmed(value);
            match (value.is_empty(), absent) {
                (false, _) => element(&mut out, *tag, vr, value),
                (true, Empty) => element(&mut out, *tag, vr, b""),
                (true, LeftOut) => {}
                (true, MadeUp(text)) => {
                    element(&mut out, *tag, vr, text.as_bytes());
                    made_up.push(name);
                }
                (true, Counted) => {
                    element(&mut out, *tag, vr, number.to_string().as_bytes());
                    made_up.push(name);
                }
            }
        }
        out
    }

    /// A code of a sequence as an item: value, scheme, version, meaning.
    fn code(&self, sequence: &'a [u8]) -> Option<Vec<u8>> {
        let mut found = HashMap::new();
        for element in self.header.first_item(sequence) {
            let element = element.ok()?;
            found.insert(element.tag, trimmed(element.value));
        }
        let mut inner = Vec::new();
        for (tag, vr) in [(0x0008_0100, b"SH"), (0x0008_0102, b"SH"), (0x0008_0103, b"SH"), (0x0008_0104, b"LO")] {
            if let Some(value) = found.get(&tag).filter(|value| !value.is_empty() && fits(value)) {
                element(&mut inner, tag, vr, value);
            }
        }
        if text(found.get(&0x0008_0100).copied().filter(|value| fits(value)).unwrap_or_default()).is_empty() {
            return None;
        }
        let mut item = b"\xfe\xff\x00\xe0".to_vec();
        item.extend_from_slice(&u32::try_from(inner.len()).ok()?.to_le_bytes());
        item.extend(inner);
        Some(item)
    }
}
