//! Local headers: each must say what the directory says, and no two entries may share an octet.
//!
//! Source: APPNOTE 4.3.7; spec xdm H-10, H-13, H-30.

use std::{fs::File, hash::BuildHasher, hash::RandomState};

use super::{
    Extra, Fields,
    central::{Directory, Head},
    end::End,
    read_at,
};
use crate::{
    model::xdm::{PackageFinding, XdmCode},
    wire::xdm::medium::MediumError,
};

const HEADER: &[u8] = b"PK\x03\x04";
const HEADER_BYTES: usize = 30;

/// Encrypted, descriptor, strongly encrypted, UTF-8, masked.
const FLAGS_THAT_MATTER: u16 = 1 | 1 << 3 | 1 << 6 | 1 << 11 | 1 << 13;
const FLAG_DESCRIPTOR: u16 = 1 << 3;

/// Reads the local header of each entry, in the order in which they lie, and notes where their octets begin.
pub(super) fn hold_against(file: &File, end: &End, directory: &mut Directory) -> Result<(), MediumError> {
    let Directory { table, heads, tags } = directory;
    let mut free_from = 0;
    for head in heads.iter() {
        let refuse = |code, text: &str| MediumError::from(PackageFinding::error(code, table.path(head.id), text));
        if head.header_offset < free_from {
            return Err(refuse(XdmCode::Overlap, "the entry begins within another one"));
        }
        if free_from == 0 && head.header_offset > 0 {
            return Err(refuse(XdmCode::PrefixData, "octets stand before the first entry"));
        }
        let data_offset = read_one(file, head, tags)?.map_err(|text| refuse(XdmCode::HeaderMismatch, text))?;
        let data_end = data_offset.checked_add(head.packed_bytes);
        let data_end = data_end.ok_or_else(|| refuse(XdmCode::Zip64Invalid, "the entry lies outside all numbers"))?;
        if data_end > end.directory_offset {
            return Err(refuse(XdmCode::Overlap, "the entry reaches into the directory"));
        }
        free_from = data_end;
        table.set_offset(head.id, data_offset);
    }
    Ok(())
}

/// Where the octets of an entry begin, or in what its local header differs.
fn read_one(file: &File, head: &Head, tags: &RandomState) -> Result<Result<u64, &'static str>, MediumError> {
    let Some(raw) = read_at(file, head.header_offset, HEADER_BYTES)? else {
        return Ok(Err("there is no local header where the directory points"));
    };
    let Some(found) = read_header(&raw) else {
        return Ok(Err("there is no local header where the directory points"));
    };
    let texts_bytes = usize::from(found.name_bytes) + usize::from(found.extra_bytes);
    let data_offset = head.header_offset.checked_add((HEADER_BYTES + texts_bytes) as u64);
    let texts = read_at(file, head.header_offset + HEADER_BYTES as u64, texts_bytes)?;
    let (Some(texts), Some(data_offset)) = (texts, data_offset) else {
        return Ok(Err("the local header is cut off"));
    };
    let (name, extra) = texts.split_at(usize::from(found.name_bytes));
    Ok(compare(&found, name, extra, head, tags).map_or(Ok(data_offset), Err))
}

struct Local {
    flags: u16,
    method: u16,
    crc32: u32,
    packed_bytes: u64,
    size_bytes: u64,
    name_bytes: u16,
    extra_bytes: u16,
}

fn read_header(raw: &[u8]) -> Option<Local> {
    let mut fields = Fields(raw.strip_prefix(HEADER)?);
    let _needed = fields.u16()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time = fields.u32()?;
    let crc32 = fields.u32()?;
    let (packed_bytes, size_bytes) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let (name_bytes, extra_bytes) = (fields.u16()?, fields.u16()?);
    Some(Local { flags, method, crc32, packed_bytes, size_bytes, name_bytes, extra_bytes })
}

/// In what the two headers of an entry differ, if they do.
fn compare(local: &Local, name: &[u8], extra: &[u8], head: &Head, tags: &RandomState) -> Option<&'static str> {
    if head.masked {
        return None;
    }
    if local.name_bytes != head.name_bytes || tags.hash_one(name) != head.name_tag {
        return Some("its local header has another name than the directory");
    }
    if local.method != head.method {
        return Some("its local header has another method than the directory");
    }
    if (local.flags ^ head.flags) & FLAGS_THAT_MATTER != 0 {
        return Some("its local header has other flags than the directory");
    }
    let Some(extra) = Extra::read(extra) else {
        return Some("an extra field of its local header has a wrong length");
    };
    let Some((packed_bytes, size_bytes)) = widened(local, extra.zip64) else {
        return Some("the zip64 field of its local header has a wrong length");
    };
    // With a descriptor the local header may leave out what is not known yet, each by itself.
    let open = local.flags & FLAG_DESCRIPTOR != 0;
    let same = |local: u64, central: u64| local == central || (open && local == 0);
    if !same(u64::from(local.crc32), u64::from(head.crc32)) {
        return Some("its local header has another CRC than the directory");
    }
    if !same(packed_bytes, head.packed_bytes) || !same(size_bytes, head.size_bytes) {
        return Some("its local header has another size than the directory");
    }
    None
}

/// Sizes of a local header: a zip64 field there holds both.
fn widened(local: &Local, zip64: Option<&[u8]>) -> Option<(u64, u64)> {
    let full = u64::from(u32::MAX);
    let (mut packed_bytes, mut size_bytes) = (local.packed_bytes, local.size_bytes);
    let Some(zip64) = zip64 else {
        return (packed_bytes != full && size_bytes != full).then_some((packed_bytes, size_bytes));
    };
    let mut fields = Fields(zip64);
    let (wide_size, wide_packed) = (fields.u64()?, fields.u64()?);
    if size_bytes == full {
        size_bytes = wide_size;
    }
    if packed_bytes == full {
        packed_bytes = wide_packed;
    }
    Some((packed_bytes, size_bytes))
}
