//! Another patient number in the header of a DICOM object, all else octet for octet as it was.
//!
//! Replaces Patient ID and its issuer, and takes away the other numbers of the patient. Names, dates and the identifiers of
//! the object stay. What was taken away is told: it may stand elsewhere as well.
//!
//! Source: DICOM PS3.3 §C.2.2 and §C.2.3; K-32.

use std::{collections::BTreeSet, fmt};

use memchr::memmem;

use super::dicom_header::{HEAD_BYTES, Header, HeaderError, Tag};

const PATIENT_ID: Tag = 0x0010_0020;
const ISSUER: Tag = 0x0010_0021;
/// Issuer of Patient ID Qualifiers Sequence.
const QUALIFIERS: Tag = 0x0010_0024;
/// Other Patient IDs.
const OTHERS: Tag = 0x0010_1000;
/// Other Patient IDs Sequence.
const OTHERS_SEQUENCE: Tag = 0x0010_1002;
/// These, and the group length.
const GONE: [Tag; 5] = [0x0010_0000, ISSUER, QUALIFIERS, OTHERS, OTHERS_SEQUENCE];
const LAST: Tag = OTHERS_SEQUENCE;
/// How an item begins, in either order of octets.
const ITEMS: [&[u8]; 2] = [b"\xFE\xFF\x00\xE0", b"\xFF\xFE\xE0\x00"];

/// A number of the patient that was taken away, and who gave it, as octets that hold them.
pub struct TakenNumber {
    /// The number, perhaps with more.
    pub number: Vec<u8>,
    /// Who gave it, perhaps with more; empty where that is not said.
    pub issuer: Vec<u8>,
}

impl fmt::Debug for TakenNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TakenNumber")
    }
}

/// Gives an object another patient number while its octets pass.
#[derive(Debug)]
pub struct PatientRewriter {
    id: Box<str>,
    issuer: Box<str>,
    /// The first octets, until they are enough.
    head: Option<Vec<u8>>,
    taken: Vec<TakenNumber>,
}

impl PatientRewriter {
    /// With this number, and the OID of who gave it.
    pub fn new(id: &str, issuer: &str) -> Self {
        Self { id: id.into(), issuer: issuer.into(), head: Some(Vec::new()), taken: Vec::new() }
    }

    /// Takes octets and appends what becomes of them.
    ///
    /// # Errors
    /// When the header cannot be read as far as the numbers of the patient.
    pub fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), HeaderError> {
        let Some(head) = &mut self.head else {
            out.extend_from_slice(octets);
            return Ok(());
        };
        head.extend_from_slice(octets);
        if head.len() < HEAD_BYTES { Ok(()) } else { self.finish(out) }
    }

    /// Appends what is left at the end.
    ///
    /// # Errors
    /// As [`PatientRewriter::write`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), HeaderError> {
        match self.head.take() {
            Some(head) => self.rewrite(&head, out),
            None => Ok(()),
        }
    }

    /// The numbers that were taken away; all are known at the end.
    pub fn into_taken(self) -> Vec<TakenNumber> {
        self.taken
    }

    fn rewrite(&mut self, head: &[u8], out: &mut Vec<u8>) -> Result<(), HeaderError> {
        let header = Header::read(head)?;
        let mut at = header.data_set_at();
        out.extend_from_slice(head.get(..at).unwrap_or_default());
        let mut is_written = false;
        for element in header.elements() {
            let element = element?;
            if element.tag > PATIENT_ID && !is_written {
                self.identify(&header, out)?;
                is_written = true;
            }
            if element.tag > LAST {
                break;
            }
            let end = header.data_set_at() + element.end;
            self.take(element.tag, element.value);
            if element.tag == PATIENT_ID {
                self.identify(&header, out)?;
                is_written = true;
            } else if !GONE.contains(&element.tag) {
                out.extend_from_slice(head.get(at..end).unwrap_or_default());
            }
            at = end;
        }
        if !is_written {
            self.identify(&header, out)?;
        }
        out.extend_from_slice(head.get(at..).unwrap_or_default());
        Ok(())
    }

    fn take(&mut self, tag: Tag, value: &[u8]) {
        match tag {
            PATIENT_ID => self.taken.push(TakenNumber { number: value.to_vec(), issuer: Vec::new() }),
            ISSUER | QUALIFIERS => {
                if let Some(number) = self.taken.last_mut() {
                    number.issuer.extend_from_slice(value);
                }
            }
            OTHERS => {
                let numbers = value.split(|octet| *octet == b'\\');
                self.taken.extend(numbers.map(|it| TakenNumber { number: it.to_vec(), issuer: Vec::new() }));
            }
            // Not walked through: who does not know the sequence writes it in a way of his own.
            OTHERS_SEQUENCE => {
                let begins: BTreeSet<usize> = ITEMS.iter().flat_map(|item| memmem::find_iter(value, item)).collect();
                let ends = begins.iter().copied().skip(1).chain([value.len()]);
                let items = begins.iter().zip(ends).filter_map(|(begin, end)| value.get(*begin..end));
                self.taken.extend(items.map(|it| TakenNumber { number: it.to_vec(), issuer: it.to_vec() }));
            }
            _ => {}
        }
    }

    fn identify(&self, header: &Header<'_>, out: &mut Vec<u8>) -> Result<(), HeaderError> {
        header.push_text(out, PATIENT_ID, self.id.as_bytes())?;
        header.push_text(out, ISSUER, self.issuer.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::dicom_header::tests::file, *};
    use crate::wire::xdm::dicom_header::text;

    fn rewritten(octets: &[u8], block: usize) -> Vec<u8> {
        let (mut rewriter, mut out) = (PatientRewriter::new("A0012345", "2.999.1.1"), Vec::new());
        for block in octets.chunks(block) {
            rewriter.write(block, &mut out).unwrap();
        }
        rewriter.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn k_32_the_numbers_that_are_taken_away_are_told() {
        let item = |length: u16, elements: &[u8]| {
            [b"\xFE\xFF\x00\xE0", &u32::from(length).to_le_bytes()[..], elements].concat()
        };
        let explicit = item(17, b"\x10\0\x20\0LO\x09\0999900006");
        // As who does not know the sequence writes it: implicit.
        let implicit = item(17, b"\x10\0\x20\0\x09\0\0\0999900018");
        let others = [explicit.as_slice(), &implicit].concat();
        let object = file(
            "1.2",
            &[
                (PATIENT_ID, b"LO", b"A1"),
                (ISSUER, b"LO", b"HERE"),
                (OTHERS, b"LO", b"B2\\C34"),
                (OTHERS_SEQUENCE, b"UN", &others),
                (0x0010_4000, b"LT", b"comment"),
            ],
        );
        let (mut rewriter, mut out) = (PatientRewriter::new("A0012345", "2.999.1.1"), Vec::new());
        rewriter.write(&object, &mut out).unwrap();
        rewriter.finish(&mut out).unwrap();
        let taken = rewriter.into_taken();
        let told: Vec<(&[u8], &[u8])> = taken.iter().map(|it| (&*it.number, &*it.issuer)).collect();
        let none: &[u8] = b"";
        assert_eq!(told[..3], [(&b"A1"[..], &b"HERE"[..]), (b"B2", none), (b"C34", none)]);
        assert_eq!(told[3..], [(&*explicit, &*explicit), (&implicit, &implicit)]);
        assert_eq!(format!("{taken:?}"), "[TakenNumber, TakenNumber, TakenNumber, TakenNumber, TakenNumber]");
    }

    fn read(octets: &[u8]) -> Vec<(Tag, String)> {
        let header = Header::read(octets).unwrap();
        header.elements().map(|it| it.map(|it| (it.tag, text(it.value).to_owned())).unwrap()).collect()
    }

    #[test]
    fn k_32_the_numbers_of_the_patient_are_replaced_and_nothing_else() {
        let pixels = vec![7; 2_000_000];
        let object = file(
            "1.2",
            &[
                (0x0008_0018, b"UI", b"1.2.3"),
                (0x0010_0010, b"PN", b"Doe^Jan"),
                (PATIENT_ID, b"LO", b"999900018"),
                (ISSUER, b"LO", b"NLMINBIZA"),
                (0x0010_0024, b"SQ", b"\xfe\xff\x00\xe0\0\0\0\0"),
                (0x0010_0030, b"DA", b"19700101"),
                (0x0010_1000, b"LO", b"999900018"),
                (0x0010_4000, b"LT", b"comment"),
                (0x7FE0_0010, b"OW", &pixels),
            ],
        );
        let one = rewritten(&object, 1000);
        assert_eq!(one, rewritten(&object, 1 << 20));
        let expected = [
            (0x0008_0018, "1.2.3"),
            (0x0010_0010, "Doe^Jan"),
            (PATIENT_ID, "A0012345"),
            (ISSUER, "2.999.1.1"),
            (0x0010_0030, "19700101"),
            (0x0010_4000, "comment"),
        ];
        assert_eq!(read(&one), expected.map(|(tag, value)| (tag, value.to_owned())));
        assert!(one.ends_with(&pixels));
    }

    #[test]
    fn k_32_an_object_without_a_number_gets_one() {
        for elements in [
            &[][..],
            &[(0x0008_0018, b"UI", &b"1.2.3"[..])],
            &[(0x0020_000D, b"UI", b"1.2.3")],
            &[(0x7FE0_0010, b"OW", b"1234")],
        ] {
            let found = read(&rewritten(&file("1.2", elements), 7));
            assert!(found.contains(&(PATIENT_ID, "A0012345".to_owned())), "{elements:x?}");
        }
    }

    #[test]
    fn k_32_what_cannot_be_read_is_not_let_through() {
        let mut rewriter = PatientRewriter::new("1", "2.999");
        rewriter.write(b"no DICOM", &mut Vec::new()).unwrap();
        assert_eq!(rewriter.finish(&mut Vec::new()), Err(HeaderError::NotDicom));
        let object = file("1.2", &[(PATIENT_ID, b"LO", b"999900018")]);
        let mut rewriter = PatientRewriter::new("1", "2.999");
        rewriter.write(&object[..object.len() - 3], &mut Vec::new()).unwrap();
        assert_eq!(rewriter.finish(&mut Vec::new()), Err(HeaderError::Broken));
        let mut rewriter = PatientRewriter::new(&"1".repeat(70_000), "2.999");
        rewriter.write(&object, &mut Vec::new()).unwrap();
        assert_eq!(rewriter.finish(&mut Vec::new()), Err(HeaderError::TooLong));
    }
}
