//! The end record: exactly one, at the very end.
//!
//! Source: APPNOTE 4.3.14 to 4.3.16; spec xdm H-01 to H-03, H-30.

use std::fs::File;

use super::{Fields, read_at, rejected};
use crate::{model::xdm::XdmCode, wire::xdm::medium::MediumError};

const END_BYTES: usize = 22;
const LONGEST_COMMENT: usize = 0xFFFF;
const LOCATOR_BYTES: u64 = 20;
const ZIP64_END_BYTES: usize = 56;

const END: &[u8] = b"PK\x05\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const ZIP64_END: &[u8] = b"PK\x06\x06";
const LOCAL: &[u8] = b"PK\x03\x04";

/// What the end record says, checked against the size of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub entries: u64,
    pub directory_offset: u64,
    pub directory_bytes: u64,
}

/// The fields of the record as they stand.
struct Record {
    disks: [u16; 2],
    entries: [u64; 2],
    directory_bytes: u64,
    directory_offset: u64,
}

pub(super) fn find(file: &File, size_bytes: u64) -> Result<End, MediumError> {
    let tail_bytes = size_bytes.min((END_BYTES + LONGEST_COMMENT) as u64);
    let tail_start = size_bytes - tail_bytes;
    let tail_length = usize::try_from(tail_bytes).unwrap_or_default();
    let tail = read_at(file, tail_start, tail_length)?.unwrap_or_default();
    let begins_as_zip = matches!(read_at(file, 0, 4)?.as_deref(), Some(LOCAL | END));

    let signatures: Vec<usize> = memchr::memmem::find_iter(&tail, END).collect();
    let reaches_the_end =
        |at: &&usize| comment_bytes(&tail, **at).is_some_and(|comment| **at + END_BYTES + comment == tail.len());
    let mut candidates = signatures.iter().filter(reaches_the_end);
    let at = match (candidates.next(), candidates.next()) {
        (Some(at), None) => *at,
        (Some(_), Some(_)) => {
            return Err(rejected(XdmCode::AmbiguousEnd, "the archive has several end records").into());
        }
        (None, _) if signatures.iter().any(|at| comment_bytes(&tail, *at).is_some()) && begins_as_zip => {
            let text = "no end record ends where the file ends: octets were added or lost";
            return Err(rejected(XdmCode::AmbiguousEnd, text).into());
        }
        (None, _) if begins_as_zip => {
            return Err(rejected(XdmCode::Truncated, "the archive has no end record: it was cut off").into());
        }
        (None, _) => return Err(rejected(XdmCode::NotAZip, "this is no zip archive").into()),
    };
    let record =
        tail.get(at..).and_then(read_end).ok_or_else(|| rejected(XdmCode::Truncated, "the end record is cut off"))?;
    let end_offset = tail_start + at as u64;
    let (record, end_of_directory) = with_zip64(file, record, end_offset)?;
    check(&record, end_of_directory, begins_as_zip)
}

/// The length of the comment that a record at this place says it has.
fn comment_bytes(tail: &[u8], at: usize) -> Option<usize> {
    let field = tail.get(at + END_BYTES - 2..at + END_BYTES)?;
    Some(usize::from(u16::from_le_bytes(field.try_into().ok()?)))
}

fn read_end(octets: &[u8]) -> Option<Record> {
    let mut fields = Fields(octets.get(4..)?);
    Some(Record {
        disks: [fields.u16()?, fields.u16()?],
        entries: [u64::from(fields.u16()?), u64::from(fields.u16()?)],
        directory_bytes: u64::from(fields.u32()?),
        directory_offset: u64::from(fields.u32()?),
    })
}

/// Puts the fields of the zip64 record in place of those that are full, and tells where the directory must end (H-30).
fn with_zip64(file: &File, record: Record, end_offset: u64) -> Result<(Record, u64), MediumError> {
    let invalid = |text: &str| MediumError::from(rejected(XdmCode::Zip64Invalid, text));
    let locator_at = end_offset.checked_sub(LOCATOR_BYTES);
    let locator = match locator_at {
        Some(at) => read_at(file, at, 20)?.filter(|octets| octets.starts_with(LOCATOR)),
        None => None,
    };
    let (Some(locator), Some(locator_at)) = (locator, locator_at) else { return Ok((record, end_offset)) };
    let mut fields = Fields(locator.get(4..).unwrap_or_default());
    let located = (fields.u32(), fields.u64(), fields.u32());
    let (Some(0), Some(zip64_at), Some(0 | 1)) = located else {
        return Err(invalid("the zip64 locator names another disk"));
    };
    let wide = match locator_at.checked_sub(ZIP64_END_BYTES as u64) {
        Some(latest) if zip64_at <= latest => read_at(file, zip64_at, ZIP64_END_BYTES)?,
        _ => None,
    };
    let wide = wide.filter(|octets| octets.starts_with(ZIP64_END));
    let wide = wide.ok_or_else(|| invalid("there is no zip64 end record where the locator points"))?;
    let mut fields = Fields(wide.get(4..).unwrap_or_default());
    let read = (|| {
        let length = fields.u64()?;
        let _versions = fields.u32()?;
        let disks = [fields.u32()?, fields.u32()?];
        Some((length, disks, [fields.u64()?, fields.u64()?], fields.u64()?, fields.u64()?))
    })();
    let (length, disks, entries, directory_bytes, directory_offset) =
        read.ok_or_else(|| invalid("the zip64 end record is cut off"))?;
    if zip64_at.checked_add(length).and_then(|end| end.checked_add(12)) != Some(locator_at) {
        return Err(invalid("the zip64 end record does not end where its locator begins"));
    }
    let agrees = |narrow: u64, full: u64, wide: u64| narrow == full || narrow == wide;
    let whole = u64::from(u32::MAX);
    if disks != [0, 0]
        || !agrees(record.entries[0], 0xFFFF, entries[0])
        || !agrees(record.entries[1], 0xFFFF, entries[1])
        || !agrees(record.directory_bytes, whole, directory_bytes)
        || !agrees(record.directory_offset, whole, directory_offset)
    {
        return Err(invalid("the end record and the zip64 end record contradict each other"));
    }
    let disks = record.disks.map(|disk| if disk == 0xFFFF { 0 } else { disk });
    Ok((Record { disks, entries, directory_bytes, directory_offset }, zip64_at))
}

fn check(record: &Record, end_of_directory: u64, begins_as_zip: bool) -> Result<End, MediumError> {
    let refuse = |code, text: &str| Err(MediumError::from(rejected(code, text)));
    if record.disks != [0, 0] {
        return refuse(XdmCode::Truncated, "this is one part of an archive of several");
    }
    let [here, entries] = record.entries;
    if here != entries {
        return refuse(XdmCode::Zip64Invalid, "the end record has two numbers of entries");
    }
    let Record { directory_offset, directory_bytes, .. } = *record;
    let Some(end) = directory_offset.checked_add(directory_bytes) else {
        return refuse(XdmCode::Zip64Invalid, "the directory lies outside all numbers");
    };
    // A self-extractor either keeps the offsets of the archive that was added to it, or moves them.
    if end < end_of_directory {
        return match begins_as_zip {
            true => refuse(XdmCode::PrefixData, "octets between the directory and its end belong to nothing"),
            false => refuse(XdmCode::PrefixData, "octets stand before the archive, as in a self-extractor"),
        };
    }
    if end > end_of_directory {
        return refuse(XdmCode::Truncated, "the directory does not fit into the file: something is missing");
    }
    if entries.checked_mul(46).is_none_or(|least| least > directory_bytes) {
        return refuse(XdmCode::Zip64Invalid, "the directory is too short for its number of entries");
    }
    if !begins_as_zip {
        return refuse(XdmCode::PrefixData, "octets stand before the first entry, as in a self-extractor");
    }
    Ok(End { entries, directory_offset, directory_bytes })
}
