//! Directory records: their types, and how they are written.
//!
//! Source: DICOM PS3.3 §F.3.2.2 and §F.4.

use crate::wire::xdm::dicom_header::Tag;

const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";

/// Record types by what follows the arc of storage classes; the first that matches. What begins with none is an image.
const KINDS: [(&str, &str); 30] = [
    ("88.59", "KEY OBJECT DOC"),
    ("88.", "SR DOCUMENT"),
    ("11.", "PRESENTATION"),
    ("131", "PRESENTATION"),
    ("104.", "ENCAP DOC"),
    ("9.", "WAVEFORM"),
    ("481.10", "IMAGE"),
    ("481.1", "IMAGE"),
    ("481.2", "RT DOSE"),
    ("481.3", "RT STRUCTURE SET"),
    ("481.4", "RT TREAT RECORD"),
    ("481.5", "RT PLAN"),
    ("481.6", "RT TREAT RECORD"),
    ("481.7", "RT TREAT RECORD"),
    ("481.8", "RT PLAN"),
    ("481.9", "RT TREAT RECORD"),
    ("481.", "RADIOTHERAPY"),
    ("4.2", "SPECTROSCOPY"),
    ("66.1", "REGISTRATION"),
    ("66.2", "FIDUCIAL"),
    ("66.3", "REGISTRATION"),
    ("66.4", "IMAGE"),
    ("66.5", "SURFACE"),
    ("66.6", "TRACT"),
    ("66", "RAW DATA"),
    ("67", "VALUE MAP"),
    ("68.", "SURFACE SCAN"),
    ("77.1.5.3", "STEREOMETRIC"),
    ("78.", "MEASUREMENT"),
    ("200.", "PLAN"),
];

/// The record type of a SOP class; none for what is not stored.
pub(super) fn kind_of(sop_class: &str) -> Option<&'static str> {
    let rest = sop_class.strip_prefix(STORAGE)?;
    let matches = |start: &str| {
        let after = rest.strip_prefix(start);
        after.is_some_and(|after| after.is_empty() || after.starts_with('.') || start.ends_with('.'))
    };
    Some(KINDS.iter().find(|(start, _)| matches(start)).map_or("IMAGE", |(_, kind)| kind))
}

/// Octets of a value whose length has two octets, padding included.
pub(super) const MOST_OCTETS: usize = 65_534;

/// Appends an element, padded to an even length. No value but that of a sequence is longer than [`MOST_OCTETS`].
pub(super) fn element(out: &mut Vec<u8>, tag: Tag, vr: &[u8; 2], value: &[u8]) {
    out.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
    out.extend_from_slice(&(tag as u16).to_le_bytes());
    out.extend_from_slice(vr);
    let padding = value.len() % 2;
    let length = value.len() + padding;
    if matches!(vr, b"OB" | b"SQ") {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    } else {
        out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX - 1).to_le_bytes());
    }
    out.extend_from_slice(value);
    let pad = if matches!(vr, b"UI" | b"OB") { 0 } else { b' ' };
    out.extend(std::iter::repeat_n(pad, padding));
}

/// A directory record, whose octets lie in a file.
#[derive(Debug)]
pub(super) struct Record {
    /// Where they begin there.
    pub(super) at: u64,
    /// How many there are.
    octets: u32,
    /// Places of the records below it.
    pub(super) children: Vec<u32>,
}

/// The object of a record.
pub(super) struct Referenced<'a> {
    pub(super) path: &'a str,
    pub(super) sop_class: &'a str,
    pub(super) instance: &'a str,
    pub(super) transfer_syntax: &'a str,
}

/// Item, next record, in use flag, lower level.
const FIXED: usize = 8 + 12 + 10 + 12;

/// A record of this type from the record type on, with its encoded keys, in ascending order of tags, and the object that it
/// refers to.
pub(super) fn encoded(kind: &str, keys: &[u8], object: Option<Referenced<'_>>) -> Vec<u8> {
    let mut octets = Vec::new();
    element(&mut octets, 0x0004_1430, b"CS", kind.as_bytes());
    if let Some(object) = object {
        element(&mut octets, 0x0004_1500, b"CS", object.path.replace('/', "\\").as_bytes());
        element(&mut octets, 0x0004_1510, b"UI", object.sop_class.as_bytes());
        element(&mut octets, 0x0004_1511, b"UI", object.instance.as_bytes());
        element(&mut octets, 0x0004_1512, b"UI", object.transfer_syntax.as_bytes());
    }
    octets.extend_from_slice(keys);
    octets
}

impl Record {
    /// One with so many octets at this place.
    pub(super) fn new(at: u64, octets: u32) -> Self {
        Self { at, octets, children: Vec::new() }
    }

    /// Octets of the whole item.
    pub(super) fn length(&self) -> usize {
        FIXED + self.octets as usize
    }

    /// Appends all that stands before its octets.
    pub(super) fn write_head(&self, out: &mut Vec<u8>, next: u32, lower: u32) {
        out.extend_from_slice(b"\xfe\xff\x00\xe0");
        out.extend_from_slice(&u32::try_from(self.length() - 8).unwrap_or(u32::MAX).to_le_bytes());
        element(out, 0x0004_1400, b"UL", &next.to_le_bytes());
        element(out, 0x0004_1410, b"US", &[0xFF, 0xFF]);
        element(out, 0x0004_1420, b"UL", &lower.to_le_bytes());
    }

    /// Where its octets end.
    pub(super) fn end(&self) -> u64 {
        self.at + u64::from(self.octets)
    }

    /// How many octets it has in the file.
    pub(super) fn octets(&self) -> u64 {
        self.octets.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sop_class_has_the_record_of_the_standard() {
        for (class, kind) in [
            ("1.2.840.10008.5.1.4.1.1.2", Some("IMAGE")),
            ("1.2.840.10008.5.1.4.1.1.6.1", Some("IMAGE")),
            ("1.2.840.10008.5.1.4.1.1.4.1", Some("IMAGE")),
            ("1.2.840.10008.5.1.4.1.1.4.2", Some("SPECTROSCOPY")),
            ("1.2.840.10008.5.1.4.1.1.66", Some("RAW DATA")),
            ("1.2.840.10008.5.1.4.1.1.66.4", Some("IMAGE")),
            ("1.2.840.10008.5.1.4.1.1.67", Some("VALUE MAP")),
            ("1.2.840.10008.5.1.4.1.1.88.59", Some("KEY OBJECT DOC")),
            ("1.2.840.10008.5.1.4.1.1.88.11", Some("SR DOCUMENT")),
            ("1.2.840.10008.5.1.4.1.1.104.1", Some("ENCAP DOC")),
            ("1.2.840.10008.5.1.4.1.1.11.1", Some("PRESENTATION")),
            ("1.2.840.10008.5.1.4.1.1.9.1.1", Some("WAVEFORM")),
            ("1.2.840.10008.5.1.4.1.1.481.1", Some("IMAGE")),
            ("1.2.840.10008.5.1.4.1.1.481.5", Some("RT PLAN")),
            ("1.2.840.10008.5.1.4.1.1.481.11", Some("RADIOTHERAPY")),
            ("1.2.840.10008.1.3.10", None),
            ("1.2.840.10008.5.1.4.1.2.1.1", None),
        ] {
            assert_eq!(kind_of(class), kind, "{class}");
        }
    }
}
