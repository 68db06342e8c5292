//! Whose a DICOM object is, by its header.
//!
//! Source: DICOM PS3.3 §C.7.1.1 (Patient), §C.12.1 (SOP Common), PS3.5 §6.1.

use std::fmt;

use super::dicom_header::{Header, HeaderError, Tag, text, trimmed};

const CHARACTER_SET: Tag = 0x0008_0005;
const CREATION: [Tag; 2] = [0x0008_0012, 0x0008_0013];
const CONTENT: [Tag; 2] = [0x0008_0023, 0x0008_0033];
const OFFSET: Tag = 0x0008_0201;
const NAME: Tag = 0x0010_0010;
const ID: Tag = 0x0010_0020;
const ISSUER: Tag = 0x0010_0021;
const ISSUER_QUALIFIERS: Tag = 0x0010_0024;
const UNIVERSAL_ENTITY_ID: Tag = 0x0040_0032;
const BIRTH_DATE: Tag = 0x0010_0030;

/// Whose an object is, and since when. What is absent is empty. `Debug` prints nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DicomSubject {
    /// Patient's Name, in the form of PN; empty where its characters cannot be told.
    pub name: String,
    /// Patient ID.
    pub id: String,
    /// Issuer of Patient ID.
    pub issuer: String,
    /// Universal Entity ID of the issuer.
    pub universal_issuer: String,
    /// Patient's Birth Date.
    pub birth_date: String,
    /// When it was made, or its content: date and time, and the offset of its time zone where it is told.
    pub created: String,
}

impl fmt::Debug for DicomSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DicomSubject")
    }
}

/// Reads the first octets of an object.
///
/// # Errors
/// When they are no DICOM object whose header can be read.
pub fn read_subject(head: &[u8]) -> Result<DicomSubject, HeaderError> {
    let header = Header::read(head)?;
    let mut found = DicomSubject::default();
    let (mut latin, mut utf8, mut offset) = (false, false, String::new());
    let mut times = [[String::new(), String::new()], [String::new(), String::new()]];
    // What is cut off behind the patient is no matter.
    for element in header.elements().map_while(Result::ok).take_while(|element| element.tag <= BIRTH_DATE) {
        let value = || text(element.value).to_owned();
        match element.tag {
            CHARACTER_SET => (latin, utf8) = (text(element.value) == "ISO_IR 100", text(element.value) == "ISO_IR 192"),
            OFFSET => offset = value(),
            NAME => found.name = name(trimmed(element.value), latin, utf8),
            ID => found.id = value(),
            ISSUER => found.issuer = value(),
            ISSUER_QUALIFIERS => {
                let items = header.first_item(element.value).map_while(Result::ok);
                let universal = items.filter(|it| it.tag == UNIVERSAL_ENTITY_ID).map(|it| text(it.value).to_owned());
                found.universal_issuer = universal.last().unwrap_or_default();
            }
            BIRTH_DATE => found.birth_date = value(),
            tag => {
                for (pair, times) in [CREATION, CONTENT].iter().zip(&mut times) {
                    if let Some(place) = pair.iter().position(|known| *known == tag).and_then(|at| times.get_mut(at)) {
                        *place = value();
                    }
                }
            }
        }
    }
    let dated = times.into_iter().find(|[date, _]| !date.is_empty());
    found.created = dated.map(|[date, time]| format!("{date}{time}{offset}")).unwrap_or_default();
    Ok(found)
}

fn name(octets: &[u8], latin: bool, utf8: bool) -> String {
    match octets.is_ascii() || utf8 {
        true => String::from_utf8_lossy(octets).into_owned(),
        false if latin => octets.iter().map(|octet| char::from(*octet)).collect(),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::dicom_header::tests::file, *};

    #[test]
    fn r_32_39_the_header_says_whose_it_is() {
        let object = file(
            "1.2",
            &[
                (CHARACTER_SET, b"CS", b"ISO_IR 100"),
                (0x0008_0012, b"DA", b"20260314"),
                (0x0008_0013, b"TM", b"091500"),
                (OFFSET, b"SH", b"+0100"),
                (NAME, b"PN", b"M\xfcller^Ada"),
                (ID, b"LO", b"P1"),
                (ISSUER, b"LO", b"CLINIC"),
                (BIRTH_DATE, b"DA", b"19700101"),
                (0x7FE0_0010, b"OW", b"1234"),
            ],
        );
        let read = read_subject(&object).unwrap();
        assert_eq!(
            (&*read.name, &*read.id, &*read.issuer, &*read.birth_date),
            ("Müller^Ada", "P1", "CLINIC", "19700101")
        );
        assert_eq!(read.created, "20260314091500+0100");
        assert_eq!(format!("{read:?}"), "DicomSubject");
        for end in 0..object.len() {
            let _ = read_subject(&object[..end]);
        }
    }
}
