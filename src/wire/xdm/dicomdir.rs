//! DICOMDIR: the index of the DICOM objects on a medium, for viewers.
//!
//! Objects are added one after the other; patients, studies and series are made as they come. Lengths are known before the
//! first octet is written, so that the offsets of records are right.
//!
//! Source: DICOM PS3.3 Annex F, PS3.10 §8, PS3.12 Annex V (R-32-42 to R-32-45).

mod keys;
mod record;

use std::{
    collections::{HashMap, HashSet},
    io::{self, Read, Seek, SeekFrom, Write},
};

use super::{
    dicom_header::{Header, HeaderError, Tag, text, trimmed},
    names::{NotIso9660, check_iso_9660},
};
use keys::Keys;
use record::{Record, Referenced, element, encoded};

const SOP_CLASS: &str = "1.2.840.10008.1.3.10";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
/// Of this program, under the arc of UUIDs. Source: ITU-T X.667 §7.
const IMPLEMENTATION: &str = "2.25.192744380293571170923466098107514873811";
const IMPLEMENTATION_NAME: &str = "KNOOP";
const FILE_SET_ID: &str = "KNOOP";

const CHARACTER_SET: Tag = 0x0008_0005;
const SOP_CLASS_UID: Tag = 0x0008_0016;
const SOP_INSTANCE_UID: Tag = 0x0008_0018;

/// Why an object is not in the DICOMDIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    /// Its header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its name.
    #[error(transparent)]
    Name(#[from] NotIso9660),
    /// It lacks what cannot be made up.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It is no object for media.
    #[error("its SOP class is not one of storage")]
    SopClass,
    /// An identifier that no record can hold.
    #[error("an identifier is too long")]
    TooLong,
    /// Another object of the package has its identifier.
    #[error("an object with the same SOP Instance UID is in the DICOMDIR")]
    Duplicate,
    /// Its record cannot be written down.
    #[error("its record cannot be kept: {0}")]
    Kept(io::ErrorKind),
}

/// Sixteen octets that stand for a text; two texts never share them.
type Digest = [u8; 16];

fn digest(octets: &[u8]) -> Digest {
    let [half, ..] = *openssl::sha::sha256(octets).as_chunks::<16>().0 else { return Digest::default() };
    half
}

/// Where a record stands among all.
type Place = u32;

/// A DICOMDIR under construction. What its records say lies in a file, which may be large.
#[derive(Debug)]
pub struct DicomDir<F> {
    file: F,
    /// All but leaves, by type and identity: their places among `records`.
    known: HashMap<(Option<Place>, &'static str, Vec<u8>), Place>,
    records: Vec<Record>,
    /// Stand for SOP Instance UIDs.
    instances: HashSet<Digest>,
    roots: Vec<Place>,
}

impl<F: Read + Write + Seek> DicomDir<F> {
    /// One without records, that keeps them in an empty file.
    pub fn new(file: F) -> Self {
        Self { file, known: HashMap::new(), records: Vec::new(), instances: HashSet::new(), roots: Vec::new() }
    }

    /// Adds the object at this path that begins with these octets. The keys that had to be made up.
    ///
    /// # Errors
    /// When it cannot be in a DICOMDIR; nothing is added then.
    pub fn add(&mut self, path: &str, head: &[u8]) -> Result<Vec<&'static str>, NotListed> {
        check_iso_9660(path)?;
        let header = Header::read(head)?;
        let keys = Keys::read(&header)?;
        let class = match text(keys.get(SOP_CLASS_UID)) {
            "" => header.sop_class,
            class => class,
        };
        let kind = record::kind_of(class).ok_or(NotListed::SopClass)?;
        let instance = text(keys.get(SOP_INSTANCE_UID));
        for (tag, name) in [
            (SOP_INSTANCE_UID, "SOP Instance UID"),
            (keys::STUDY_UID, "Study Instance UID"),
            (keys::SERIES_UID, "Series Instance UID"),
        ] {
            if text(keys.get(tag)).is_empty() {
                return Err(NotListed::Missing(name));
            }
        }
        if [class, header.transfer_syntax].iter().any(|it| it.len() > record::MOST_OCTETS) {
            return Err(NotListed::TooLong);
        }
        if !self.instances.insert(digest(instance.as_bytes())) {
            return Err(NotListed::Duplicate);
        }
        let mut made_up = Vec::new();
        let patient_identity = [trimmed(keys.get(keys::PATIENT_ID)), b"\\", trimmed(keys.get(keys::ISSUER))].concat();
        let mut place = None;
        for (level, identity) in [
            ("PATIENT", patient_identity),
            ("STUDY", trimmed(keys.get(keys::STUDY_UID)).to_vec()),
            ("SERIES", trimmed(keys.get(keys::SERIES_UID)).to_vec()),
        ] {
            let parent = place;
            let key = (parent, level, identity);
            place = Some(match self.known.get(&key) {
                Some(place) => *place,
                None => {
                    let number = self.siblings(parent) + 1;
                    let place =
                        self.push(parent, &encoded(level, &keys.of_level(level, number, &mut made_up), None))?;
                    self.known.insert(key, place);
                    place
                }
            });
        }
        let number = self.siblings(place) + 1;
        let object = Referenced { path, sop_class: class, instance, transfer_syntax: header.transfer_syntax };
        self.push(place, &encoded(kind, &keys.of_level(kind, number, &mut made_up), Some(object)))?;
        Ok(made_up)
    }

    fn record(&self, place: Place) -> Option<&Record> {
        self.records.get(place as usize)
    }

    fn siblings(&self, parent: Option<Place>) -> usize {
        parent.and_then(|parent| self.record(parent)).map_or(self.roots.len(), |record| record.children.len())
    }

    fn push(&mut self, parent: Option<Place>, octets: &[u8]) -> Result<Place, NotListed> {
        let too_many = NotListed::Kept(io::ErrorKind::FileTooLarge);
        let place = Place::try_from(self.records.len()).map_err(|_| too_many)?;
        let length = u32::try_from(octets.len()).map_err(|_| too_many)?;
        let at = self.records.last().map_or(0, Record::end);
        let kept = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(octets));
        kept.map_err(|error| NotListed::Kept(error.kind()))?;
        self.records.push(Record::new(at, length));
        match parent.and_then(|parent| self.records.get_mut(parent as usize)) {
            Some(parent) => parent.children.push(place),
            None => self.roots.push(place),
        }
        Ok(place)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Those of `file`.
    pub fn write(mut self, file: &mut dyn Write) -> io::Result<()> {
        let mut head = file_meta(&self.identity());
        element(&mut head, 0x0004_1130, b"CS", FILE_SET_ID.as_bytes());
        let first = head.len();
        // Offsets, the flag and the head of the sequence follow.
        let order = self.depth_first();
        let mut offsets = vec![0_u32; self.records.len()];
        let begin = first + 12 + 12 + 10 + 12;
        let mut at = begin;
        for place in &order {
            if let (Some(offset), Some(record)) = (offsets.get_mut(*place as usize), self.record(*place)) {
                *offset = u32::try_from(at).unwrap_or(u32::MAX);
                at += record.length();
            }
        }
        let offset_of = |place: Option<&Place>| place.and_then(|it| offsets.get(*it as usize)).copied().unwrap_or(0);
        let mut out = head;
        element(&mut out, 0x0004_1200, b"UL", &offset_of(self.roots.first()).to_le_bytes());
        element(&mut out, 0x0004_1202, b"UL", &offset_of(self.roots.last()).to_le_bytes());
        element(&mut out, 0x0004_1212, b"US", &[0, 0]);
        out.extend_from_slice(b"\x04\x00\x20\x12SQ\0\0");
        out.extend_from_slice(&u32::try_from(at - begin).unwrap_or(u32::MAX).to_le_bytes());
        let nexts = self.nexts();
        for place in order {
            if let Some(record) = self.records.get(place as usize) {
                let next = nexts.get(place as usize).filter(|next| **next != place);
                record.write_head(&mut out, offset_of(next), offset_of(record.children.first()));
                file.write_all(&out)?;
                out.clear();
                self.file.seek(SeekFrom::Start(record.at))?;
                io::copy(&mut Read::by_ref(&mut self.file).take(record.octets()), file)?;
            }
        }
        file.write_all(&out)
    }

    /// A SOP Instance UID that is the same for the same objects: their hash in the form of a UUID.
    fn identity(&self) -> String {
        let mut instances: Vec<&Digest> = self.instances.iter().collect();
        instances.sort_unstable();
        let all: Vec<u8> = instances.into_iter().flatten().copied().collect();
        let mut octets = digest(&all);
        octets[6] = octets[6] & 0x0F | 0x80;
        octets[8] = octets[8] & 0x3F | 0x80;
        format!("2.25.{}", u128::from_be_bytes(octets))
    }

    /// Every record before those below it, and siblings in their order.
    fn depth_first(&self) -> Vec<Place> {
        let mut order = Vec::with_capacity(self.records.len());
        let mut open: Vec<Place> = self.roots.iter().rev().copied().collect();
        while let Some(place) = open.pop() {
            order.push(place);
            open.extend(self.record(place).into_iter().flat_map(|record| record.children.iter().rev().copied()));
        }
        order
    }

    /// The next sibling of each record; the last one stands for itself.
    fn nexts(&self) -> Vec<Place> {
        let mut nexts: Vec<Place> = (0..).take(self.records.len()).collect();
        for level in std::iter::once(&self.roots).chain(self.records.iter().map(|record| &record.children)) {
            for (place, next) in level.iter().zip(level.iter().skip(1)) {
                if let Some(of) = nexts.get_mut(*place as usize) {
                    *of = *next;
                }
            }
        }
        nexts
    }
}

/// Preamble, DICM and group 2.
fn file_meta(instance: &str) -> Vec<u8> {
    let mut meta = Vec::new();
    element(&mut meta, 0x0002_0001, b"OB", &[0, 1]);
    element(&mut meta, 0x0002_0002, b"UI", SOP_CLASS.as_bytes());
    element(&mut meta, 0x0002_0003, b"UI", instance.as_bytes());
    element(&mut meta, 0x0002_0010, b"UI", EXPLICIT_LITTLE.as_bytes());
    element(&mut meta, 0x0002_0012, b"UI", IMPLEMENTATION.as_bytes());
    element(&mut meta, 0x0002_0013, b"SH", IMPLEMENTATION_NAME.as_bytes());
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    let length = u32::try_from(meta.len()).unwrap_or(u32::MAX);
    element(&mut out, 0x0002_0000, b"UL", &length.to_le_bytes());
    out.extend(meta);
    out
}

#[cfg(test)]
mod tests {
    use super::{
        super::{dicom_header::tests::file, samples::dicom_object},
        *,
    };

    fn new() -> DicomDir<io::Cursor<Vec<u8>>> {
        DicomDir::new(io::Cursor::default())
    }

    fn written(dir: DicomDir<io::Cursor<Vec<u8>>>) -> Vec<u8> {
        let mut octets = Vec::new();
        dir.write(&mut octets).unwrap();
        octets
    }

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn object(patient: &str, study: &str, series: &str, instance: &str) -> Vec<u8> {
        dicom_object(instance, patient, study, series)
    }

    fn number(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    /// Type and path of each record, found by following offsets only.
    fn walked(bytes: &[u8]) -> Vec<String> {
        let at = memchr::memmem::find(bytes, b"\x04\x00\x00\x12UL\x04\x00").unwrap() + 8;
        let mut found = Vec::new();
        let mut open = vec![number(bytes, at)];
        while let Some(place) = open.pop() {
            if place == 0 {
                continue;
            }
            assert_eq!(bytes[place..place + 4], *b"\xfe\xff\x00\xe0", "an offset is that of an item");
            let item = &bytes[place + 8..place + 8 + number(bytes, place + 4)];
            let kind = memchr::memmem::find(item, b"\x04\x00\x30\x14CS").unwrap();
            let length = usize::from(item[kind + 6]);
            let kind = text(&item[kind + 8..kind + 8 + length]);
            let path = memchr::memmem::find(item, b"\x04\x00\x00\x15CS").map(|at| {
                let length = usize::from(item[at + 6]);
                text(&item[at + 8..at + 8 + length])
            });
            found.push([Some(kind), path].into_iter().flatten().collect::<Vec<_>>().join(" "));
            // The next one after those below.
            open.push(number(bytes, place + 8 + 8));
            open.push(number(bytes, place + 8 + 12 + 10 + 8));
        }
        found
    }

    #[test]
    fn r_32_45_every_offset_leads_to_its_record() {
        let mut dir = new();
        for (path, object) in [
            ("DICOM/A1", object("P1", "1.1", "1.1.1", "1")),
            ("DICOM/A2", object("P2", "2.1", "2.1.1", "2")),
            ("DICOM/A3", object("P1", "1.1", "1.1.1", "3")),
            ("DICOM/A4", object("P1", "1.2", "1.2.1", "4")),
            ("DICOM/A5", object("P1", "1.1", "1.1.2", "5")),
        ] {
            assert_eq!(dir.add(path, &object).unwrap(), missing_keys(path), "{path}");
        }
        let expected = [
            "PATIENT",
            "STUDY",
            "SERIES",
            "IMAGE DICOM\\A1",
            "IMAGE DICOM\\A3",
            "SERIES",
            "IMAGE DICOM\\A5",
            "STUDY",
            "SERIES",
            "IMAGE DICOM\\A4",
            "PATIENT",
            "STUDY",
            "SERIES",
            "IMAGE DICOM\\A2",
        ];
        assert_eq!(walked(&written(dir)), expected);
    }

    #[test]
    fn r_32_45_a_key_that_no_record_can_hold_breaks_none() {
        let long = vec![b'x'; 70_000];
        let of = |instance: &str, tag: Tag, class: &str| {
            let mut octets = object("P1", "1.1", "1.1.1", instance);
            octets.extend(file(class, &[(tag, b"UN", &long)]).split_off(file(class, &[]).len()));
            octets
        };
        let mut dir = new();
        let told = dir.add("DICOM/A1", &of("1", 0x0070_0081, CT)).unwrap();
        assert_eq!(told, missing_keys("DICOM/A1"));
        assert_eq!(dir.add("DICOM/A2", &of("2", 0x0020_000E, CT)), Err(NotListed::Missing("Series Instance UID")));
        dir.add("DICOM/A3", &of("3", 0x0020_0013, CT)).unwrap();
        let expected = ["PATIENT", "STUDY", "SERIES", "IMAGE DICOM\\A1", "IMAGE DICOM\\A3"];
        assert_eq!(walked(&written(dir)), expected);
    }

    fn missing_keys(path: &str) -> Vec<&'static str> {
        match path {
            "DICOM/A3" => vec![],
            "DICOM/A5" => vec!["Series Number"],
            _ => vec!["Study ID", "Series Number"],
        }
    }

    #[test]
    fn what_cannot_be_listed_is_told() {
        let mut dir = new();
        let good = object("P1", "1.1", "1.1.1", "1");
        dir.add("DICOM/A1", &good).unwrap();
        assert_eq!(dir.add("DICOM/A2", &good), Err(NotListed::Duplicate));
        assert_eq!(dir.add("DICOM/A2.DCM/X", &good), Err(NotListed::Name(NotIso9660)));
        assert_eq!(dir.add("DICOM/A3", b"text"), Err(NotListed::Header(HeaderError::NotDicom)));
        assert_eq!(dir.add("DICOM/A4", &object("P1", "", "1", "2")), Err(NotListed::Missing("Study Instance UID")));
        let other = file("1.2.840.10008.1.3.10", &[(SOP_INSTANCE_UID, b"UI", b"9")]);
        assert_eq!(dir.add("DICOM/A5", &other), Err(NotListed::SopClass));
        assert_eq!(walked(&written(dir)).len(), 4);
    }
}
