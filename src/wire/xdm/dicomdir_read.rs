//! A DICOMDIR of somebody else: its records, and where their Referenced File IDs may lead.
//!
//! The records are read in the order of the file, so that a loop of their offsets is no trouble; the offsets are followed
//! once, each record at most once, to tell which of them nobody can reach. The file is bounded by whoever reads it.
//!
//! Source: DICOM PS3.3 §F.3.2, PS3.10 §8; spec xdm R-32-42, R-32-46.

mod file_id;

pub use file_id::{FileIdError, ReferencedFile, referenced_file};

use super::dicom_header::{Element, Elements, Header, HeaderError, Tag, text, trimmed};

const SOP_CLASS: &str = "1.2.840.10008.1.3.10";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

const FIRST_ROOT: Tag = 0x0004_1200;
const RECORDS: Tag = 0x0004_1220;
const NEXT: Tag = 0x0004_1400;
const IN_USE: Tag = 0x0004_1410;
const LOWER: Tag = 0x0004_1420;
const KIND: Tag = 0x0004_1430;
const FILE_ID: Tag = 0x0004_1500;
const CLASS: Tag = 0x0004_1510;
const INSTANCE: Tag = 0x0004_1511;
const TRANSFER_SYNTAX: Tag = 0x0004_1512;

/// Lies outside of the tree: others lead to it by another offset. Retired, and still on old media.
const MULTI_REFERENCED: &str = "MRDR";

/// Why a DICOMDIR cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DicomdirError {
    /// Its header, or what is in its records.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It is something else.
    #[error("it is another DICOM object, not a media storage directory")]
    SopClass,
    /// It has no sequence of records.
    #[error("the directory record sequence is missing")]
    NoRecords,
    /// More records than are read.
    #[error("it has more records than are read")]
    TooMany,
}

/// A record that is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryRecord<'a> {
    /// Its place among all records, counted from 1.
    pub number: usize,
    /// Where it begins in the file.
    pub offset: usize,
    /// Directory Record Type.
    pub kind: &'a str,
    /// Referenced File ID as it stands there; empty where it leads to no file.
    pub file_id: &'a [u8],
    /// Referenced SOP Class UID in File, empty where it is not told.
    pub sop_class: &'a str,
    /// Referenced SOP Instance UID in File, empty where it is not told.
    pub sop_instance: &'a str,
    /// Referenced Transfer Syntax UID in File, empty where it is not told.
    pub transfer_syntax: &'a str,
    next: u32,
    lower: u32,
}

/// What a DICOMDIR says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dicomdir<'a> {
    /// The records that are in use, in the order of the file.
    pub records: Vec<DirectoryRecord<'a>>,
    /// Whether it is written as the standard has it, in Explicit VR Little Endian.
    pub is_explicit_little: bool,
    /// Records to which no offset leads.
    pub unreached: usize,
    /// Offsets that lead to no record, or once more to one.
    pub broken_links: usize,
}

/// Reads a DICOMDIR.
///
/// # Errors
/// When it is none, is broken, or has more records than these.
pub fn read_dicomdir(octets: &[u8], most_records: usize) -> Result<Dicomdir<'_>, DicomdirError> {
    let header = Header::read(octets)?;
    if header.sop_class != SOP_CLASS {
        return Err(DicomdirError::SopClass);
    }
    let (mut first_root, mut sequence) = (0, None);
    for element in header.elements() {
        let element = element?;
        match element.tag {
            FIRST_ROOT => first_root = header.number32(&element),
            RECORDS => {
                sequence = Some(element);
                break;
            }
            _ => {}
        }
    }
    let sequence = sequence.ok_or(DicomdirError::NoRecords)?;
    let begin = header.data_set_at() + sequence.value_at;
    let (mut records, mut count) = (Vec::new(), 0);
    for item in header.items(sequence.value) {
        let (at, elements) = item?;
        count += 1;
        if count > most_records {
            return Err(DicomdirError::TooMany);
        }
        records.extend(record(&header, elements, count, begin + at)?);
    }
    let is_explicit_little = header.transfer_syntax == EXPLICIT_LITTLE;
    let mut dicomdir = Dicomdir { records, is_explicit_little, unreached: 0, broken_links: 0 };
    dicomdir.follow(first_root);
    Ok(dicomdir)
}

/// The record of an item; none where it is not in use.
fn record<'a>(
    header: &Header<'a>,
    elements: Elements<'a>,
    number: usize,
    offset: usize,
) -> Result<Option<DirectoryRecord<'a>>, HeaderError> {
    let mut record = DirectoryRecord { number, offset, ..DirectoryRecord::default() };
    let mut in_use = true;
    for element in elements {
        let element: Element<'a> = element?;
        match element.tag {
            NEXT => record.next = header.number32(&element),
            IN_USE => in_use = element.value != [0, 0],
            LOWER => record.lower = header.number32(&element),
            KIND => record.kind = text(element.value),
            FILE_ID => record.file_id = trimmed(element.value),
            CLASS => record.sop_class = text(element.value),
            INSTANCE => record.sop_instance = text(element.value),
            TRANSFER_SYNTAX => record.transfer_syntax = text(element.value),
            // Keys of the record.
            tag if tag > TRANSFER_SYNTAX => break,
            _ => {}
        }
    }
    Ok(in_use.then_some(record))
}

impl<'a> Dicomdir<'a> {
    /// The records that lead to a file.
    pub fn references(&self) -> impl Iterator<Item = &DirectoryRecord<'a>> {
        self.records.iter().filter(|record| !record.file_id.is_empty())
    }

    /// Follows the offsets from the first record at the root.
    fn follow(&mut self, first_root: u32) {
        let mut reached = vec![false; self.records.len()];
        let mut open = vec![first_root];
        while let Some(offset) = open.pop() {
            if offset == 0 {
                continue;
            }
            let place = usize::try_from(offset).unwrap_or(usize::MAX);
            let found = self.records.binary_search_by_key(&place, |record| record.offset).ok();
            match found.and_then(|index| Some((self.records.get(index)?, reached.get_mut(index)?))) {
                Some((record, reached)) if !*reached => {
                    *reached = true;
                    open.extend([record.next, record.lower]);
                }
                _ => self.broken_links += 1,
            }
        }
        let is_alone =
            |(record, reached): &(&DirectoryRecord<'_>, &bool)| !**reached && record.kind != MULTI_REFERENCED;
        self.unreached = self.records.iter().zip(&reached).filter(is_alone).count();
    }
}

#[cfg(test)]
mod tests;
