//! The table of a zip archive, read from its directory alone and held against its local headers.
//!
//! Strict where readers differ: what two programs could understand differently is refused. Nothing is unpacked here.
//!
//! Source: PKWARE APPNOTE 6.3; spec xdm §10 and §11, the rows marked *static*.

mod central;
mod end;
mod local;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, BufReader},
    sync::Arc,
};

use super::medium::{MediumError, Section, Table};
use crate::model::xdm::{PackageFinding, PackageLimits, XdmCode};

/// Octets that are read at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// Reads the table of an archive.
///
/// # Errors
/// [`MediumError::Rejected`] for everything of section 11 that the table tells and that rejects the package.
pub(super) fn read_table(file: &Arc<File>, limits: &PackageLimits) -> Result<Table, MediumError> {
    let size_bytes = file.metadata()?.len();
    if size_bytes > limits.package_bytes {
        let text = format!("the package has {size_bytes} octets, at most {} are taken", limits.package_bytes);
        return Err(rejected(XdmCode::TooLarge, text).into());
    }
    let end = end::find(file, size_bytes)?;
    if end.entries > limits.entries {
        let text = format!("the package has {} entries, at most {} are taken", end.entries, limits.entries);
        return Err(rejected(XdmCode::TooManyEntries, text).into());
    }
    let section = Section::new(Arc::clone(file), end.directory_offset, end.directory_bytes);
    let mut directory = central::read(BufReader::with_capacity(BLOCK_BYTES, section), &end, limits)?;
    judge_ratio(&directory, limits)?;
    directory.heads.sort_unstable_by_key(|head| head.header_offset);
    local::hold_against(file, &end, &mut directory)?;
    Ok(directory.table.finish())
}

/// Many small entries may be a bomb together (H-09).
fn judge_ratio(directory: &central::Directory, limits: &PackageLimits) -> Result<(), PackageFinding> {
    let sum = |octets: fn(&central::Head) -> u64| {
        directory.heads.iter().fold(0_u64, |sum, head| sum.saturating_add(octets(head)))
    };
    let (declared, packed) = (sum(|head| head.size_bytes), sum(|head| head.packed_bytes));
    if declared > limits.ratio_from_bytes && declared / limits.total_ratio.max(1) > packed {
        let text = format!("{packed} packed octets declare {declared}, more than {} for each", limits.total_ratio);
        return Err(rejected(XdmCode::Bomb, text));
    }
    Ok(())
}

fn rejected(code: XdmCode, text: impl Into<String>) -> PackageFinding {
    PackageFinding::error(code, "", text)
}

/// Fields of a record, read in order. What the archive says ends where its octets end.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

/// The extra fields of a header that matter.
#[derive(Debug, Default)]
struct Extra<'a> {
    zip64: Option<&'a [u8]>,
    aes: bool,
}

impl<'a> Extra<'a> {
    /// `None` when a field is longer than what is left, or one that matters is there twice (H-30).
    fn read(octets: &'a [u8]) -> Option<Self> {
        let (mut fields, mut extra) = (Fields(octets), Self::default());
        while !fields.0.is_empty() {
            let (kind, length) = (fields.u16()?, fields.u16()?);
            let value = fields.take(usize::from(length))?;
            match kind {
                0x0001 if extra.zip64.is_some() => return None,
                0x0001 => extra.zip64 = Some(value),
                0x9901 => extra.aes = true,
                _ => {}
            }
        }
        Some(extra)
    }
}

/// Reads exactly this many octets at an offset; `None` when the file ends before.
fn read_at(file: &File, offset: u64, octets: usize) -> io::Result<Option<Vec<u8>>> {
    use std::os::unix::fs::FileExt;
    // No file reaches further, and the system would take it for a fault of ours.
    if i64::try_from(offset).is_err() {
        return Ok(None);
    }
    let mut block = vec![0; octets];
    match file.read_exact_at(&mut block, offset) {
        Ok(()) => Ok(Some(block)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
