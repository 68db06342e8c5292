//! The central directory: one header for each entry.
//!
//! Source: APPNOTE 4.3.12, 4.4; spec xdm H-04, H-05, H-08, H-09, H-16 to H-21, H-30.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, Read},
};

use super::{Extra, Fields, end::End, rejected};
use crate::{
    model::xdm::{PackageFinding, PackageLimits, XdmCode},
    wire::xdm::medium::{EntryId, Flaw, MediumError, NewEntry, Place, ReadName, TableBuilder, read_name},
};

const HEADER: &[u8] = b"PK\x01\x02";
const HEADER_BYTES: usize = 46;

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_STRONG: u16 = 1 << 6;
const FLAG_UTF_8: u16 = 1 << 11;
const FLAG_MASKED: u16 = 1 << 13;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const METHOD_AES: u16 = 99;

const TYPE_BITS: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const DOS_DIRECTORY: u32 = 0x10;

/// What is held against the local header.
#[derive(Debug)]
pub(super) struct Head {
    pub id: EntryId,
    pub header_offset: u64,
    pub packed_bytes: u64,
    pub size_bytes: u64,
    pub crc32: u32,
    pub flags: u16,
    pub method: u16,
    pub name_bytes: u16,
    /// Of the name as it stands, keyed at random: cheaper to keep than the name.
    pub name_tag: u64,
    /// Whether the local header is hidden.
    pub masked: bool,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Directory {
    pub table: TableBuilder,
    pub heads: Vec<Head>,
    pub tags: RandomState,
}

/// A header as it stands, without its texts.
struct Header {
    made_by: u16,
    flags: u16,
    method: u16,
    crc32: u32,
    packed_bytes: u64,
    size_bytes: u64,
    name_bytes: u16,
    extra_bytes: u16,
    comment_bytes: u16,
    disk: u16,
    attributes: u32,
    header_offset: u64,
    encrypted: bool,
}

pub(super) fn read(mut source: impl Read, end: &End, limits: &PackageLimits) -> Result<Directory, MediumError> {
    // No more than its octets can hold, whatever the end record says.
    let entries = end.entries.min(end.directory_bytes / HEADER_BYTES as u64);
    let names = end.directory_bytes - entries * HEADER_BYTES as u64;
    let (entries, names) = (usize::try_from(entries).unwrap_or_default(), usize::try_from(names).unwrap_or_default());
    let table = TableBuilder::with_room(entries, names.min(entries.saturating_mul(limits.name_bytes)));
    let mut directory = Directory { table, heads: Vec::with_capacity(entries), tags: RandomState::new() };
    let mut left = end.directory_bytes;
    let (mut raw, mut texts) = ([0; HEADER_BYTES], Vec::new());
    for number in 1..=end.entries {
        let short = || counted(number, "the directory ends before its last entry");
        source.read_exact(&mut raw).map_err(or(short))?;
        let mut header = header(&raw).ok_or_else(|| counted(number, "no header stands where one must be"))?;
        let texts_bytes =
            usize::from(header.name_bytes) + usize::from(header.extra_bytes) + usize::from(header.comment_bytes);
        left = left.checked_sub((HEADER_BYTES + texts_bytes) as u64).ok_or_else(short)?;
        texts.resize(texts_bytes, 0);
        source.read_exact(&mut texts).map_err(or(short))?;
        let (name, rest) = texts.split_at(usize::from(header.name_bytes));
        let extra = rest.get(..usize::from(header.extra_bytes)).and_then(Extra::read);
        let extra = extra.ok_or_else(|| counted(number, "an extra field has a wrong length"))?;
        widen(&mut header, extra.zip64).ok_or_else(|| counted(number, "the zip64 field has a wrong length"))?;
        header.encrypted |= extra.aes;
        add(&mut directory, &header, name, limits)?;
    }
    if left != 0 {
        return Err(rejected(XdmCode::Zip64Invalid, "the directory has more than its number of entries").into());
    }
    Ok(directory)
}

fn counted(number: u64, text: &str) -> PackageFinding {
    rejected(XdmCode::Zip64Invalid, text).at(format!("entry {number} of the directory"))
}

/// The end of the file is the archive's fault, all else is ours.
fn or(short: impl Fn() -> PackageFinding) -> impl FnOnce(io::Error) -> MediumError {
    move |error| match error.kind() {
        io::ErrorKind::UnexpectedEof => short().into(),
        _ => error.into(),
    }
}

fn header(raw: &[u8]) -> Option<Header> {
    let mut fields = Fields(raw.strip_prefix(HEADER)?);
    let made_by = fields.u16()?;
    let _needed = fields.u16()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time = fields.u32()?;
    let crc32 = fields.u32()?;
    let (packed_bytes, size_bytes) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let (name_bytes, extra_bytes, comment_bytes) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let disk = fields.u16()?;
    let _internal = fields.u16()?;
    let attributes = fields.u32()?;
    let header_offset = u64::from(fields.u32()?);
    Some(Header {
        made_by,
        flags,
        method,
        crc32,
        packed_bytes,
        size_bytes,
        name_bytes,
        extra_bytes,
        comment_bytes,
        disk,
        attributes,
        header_offset,
        encrypted: flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED) != 0 || method == METHOD_AES,
    })
}

/// Puts the values of the zip64 field in place of those that are full: these and no others (H-30).
fn widen(header: &mut Header, zip64: Option<&[u8]>) -> Option<()> {
    let full = u64::from(u32::MAX);
    let wanting = [header.size_bytes == full, header.packed_bytes == full, header.header_offset == full];
    let Some(zip64) = zip64 else { return (wanting == [false; 3] && header.disk != 0xFFFF).then_some(()) };
    let mut fields = Fields(zip64);
    for (value, wanting) in
        [&mut header.size_bytes, &mut header.packed_bytes, &mut header.header_offset].into_iter().zip(wanting)
    {
        if wanting {
            *value = fields.u64()?;
        }
    }
    if header.disk == 0xFFFF {
        header.disk = u16::try_from(fields.u32()?).ok()?;
    }
    fields.0.is_empty().then_some(())
}

fn add(
    directory: &mut Directory,
    header: &Header,
    raw_name: &[u8],
    limits: &PackageLimits,
) -> Result<(), PackageFinding> {
    let ReadName { path, is_directory, mut flaws } = read_name(raw_name, header.flags & FLAG_UTF_8 != 0, limits)?;
    if header.disk != 0 {
        return Err(PackageFinding::error(XdmCode::Truncated, path, "the entry lies on another disk"));
    }
    let mode = header.attributes >> 16;
    let is_directory = is_directory || mode & TYPE_BITS == DIRECTORY || is_dos_directory(header);
    if !matches!(mode & TYPE_BITS, 0 | REGULAR | DIRECTORY) {
        let text = "the entry is a symbolic link, a device or a pipe";
        return Err(PackageFinding::error(XdmCode::SpecialFile, path, text));
    }
    let Header { size_bytes, packed_bytes, method, .. } = *header;
    if size_bytes > limits.ratio_from_bytes && size_bytes / limits.entry_ratio.max(1) > packed_bytes {
        let text =
            format!("{packed_bytes} packed octets declare {size_bytes}, more than {} for each", limits.entry_ratio);
        return Err(PackageFinding::error(XdmCode::Bomb, path, text));
    }
    if header.encrypted {
        flaws.add(Flaw::Encrypted);
    } else if method == STORED && size_bytes != packed_bytes {
        let text = "the entry is stored, and its two sizes differ";
        return Err(PackageFinding::error(XdmCode::HeaderMismatch, path, text));
    }
    if !matches!(method, STORED | DEFLATED) {
        flaws.add(Flaw::Method);
    }
    let place = Place { offset: header.header_offset, packed_bytes, deflated: method == DEFLATED };
    let entry =
        NewEntry { path: &path, is_directory, flaws, size_bytes, crc32: Some(header.crc32), place: Some(place) };
    let id = directory.table.push(&entry);
    let id = id.ok_or_else(|| rejected(XdmCode::TooManyEntries, "the names of the entries are too long in all"))?;
    directory.heads.push(Head {
        id,
        header_offset: header.header_offset,
        packed_bytes,
        size_bytes,
        crc32: header.crc32,
        flags: header.flags,
        method,
        name_bytes: header.name_bytes,
        name_tag: directory.tags.hash_one(raw_name),
        masked: header.flags & FLAG_MASKED != 0,
    });
    Ok(())
}

/// The attribute of DOS, where the entry was made by a system that has it.
fn is_dos_directory(header: &Header) -> bool {
    matches!(header.made_by >> 8, 0 | 10 | 14) && header.attributes & DOS_DIRECTORY != 0
}
