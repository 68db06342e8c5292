//! The table of entries: every name of the medium in one form, with what is wrong with it.
//!
//! Kept small, since a package may have hundreds of thousands of entries: names lie in one text, entries in one list.

use std::{cmp::Ordering, ops::Range};

/// Something wrong with an entry that matters when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Backslashes as separators (H-17).
    Backslash,
    /// Its name is no valid text (H-18).
    Unreadable,
    /// Its name has characters that deceive the eye (H-16).
    Deceiving,
    /// Its name was not in NFC.
    NotNfc,
    /// Its name equals that of another entry after normalisation (H-16).
    SameInNfc,
    /// Its name is one that some systems cannot hold (H-19).
    Odd,
    /// Its name is longer or deeper than is read.
    TooLong,
    /// The same name is there twice (H-14).
    Duplicate,
    /// Encrypted (H-20).
    Encrypted,
    /// Neither Stored nor Deflate (H-21).
    Method,
}

impl Flaw {
    const ALL: [Self; 10] = [
        Self::Backslash,
        Self::Unreadable,
        Self::Deceiving,
        Self::NotNfc,
        Self::SameInNfc,
        Self::Odd,
        Self::TooLong,
        Self::Duplicate,
        Self::Encrypted,
        Self::Method,
    ];
}

/// Several flaws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::wire::xdm) struct Flaws(u16);

impl Flaws {
    pub(in crate::wire::xdm) fn add(&mut self, flaw: Flaw) {
        self.0 |= 1 << flaw as u16;
    }

    pub(in crate::wire::xdm) fn has(self, flaw: Flaw) -> bool {
        self.0 & (1 << flaw as u16) != 0
    }

    pub(in crate::wire::xdm) fn iter(self) -> impl Iterator<Item = Flaw> {
        Flaw::ALL.into_iter().filter(move |flaw| self.has(*flaw))
    }
}

/// An entry of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(u32);

impl EntryId {
    /// Its place in the medium, below [`Table::len`].
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// Where an entry lies in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire::xdm) struct Place {
    /// Where its octets begin.
    pub offset: u64,
    /// How many there are in the archive.
    pub packed_bytes: u64,
    /// Deflated, else stored.
    pub deflated: bool,
}

/// An entry to be.
#[derive(Debug)]
pub(in crate::wire::xdm) struct NewEntry<'a> {
    pub path: &'a str,
    pub is_directory: bool,
    pub flaws: Flaws,
    pub size_bytes: u64,
    pub crc32: Option<u32>,
    pub place: Option<Place>,
}

#[derive(Debug)]
struct Entry {
    name: Range<u32>,
    is_directory: bool,
    flaws: Flaws,
    crc32: Option<u32>,
    size_bytes: u64,
    place: Option<Place>,
}

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// An entry of exactly this name.
    Exact(EntryId),
    /// The one entry whose name differs in case only.
    Folded(EntryId),
    /// Several entries whose names differ in case only (H-15).
    Several,
}

/// Every entry of a medium.
#[derive(Debug, Default)]
pub struct Table {
    names: String,
    entries: Vec<Entry>,
    /// By name without regard to ASCII case, then by name.
    order: Vec<EntryId>,
}

/// Takes entries in.
#[derive(Debug, Default)]
pub(in crate::wire::xdm) struct TableBuilder(Table);

impl TableBuilder {
    /// With room for so many entries, and octets of names.
    pub(in crate::wire::xdm) fn with_room(entries: usize, names: usize) -> Self {
        Self(Table { names: String::with_capacity(names), entries: Vec::with_capacity(entries), order: Vec::new() })
    }

    /// Adds an entry; `None` when there are more, or their names are longer, than a table can hold.
    pub(in crate::wire::xdm) fn push(&mut self, entry: &NewEntry<'_>) -> Option<EntryId> {
        let table = &mut self.0;
        let id = EntryId(u32::try_from(table.entries.len()).ok()?);
        let start = u32::try_from(table.names.len()).ok()?;
        table.names.push_str(entry.path);
        table.entries.push(Entry {
            name: start..u32::try_from(table.names.len()).ok()?,
            is_directory: entry.is_directory,
            flaws: entry.flaws,
            crc32: entry.crc32,
            size_bytes: entry.size_bytes,
            place: entry.place,
        });
        Some(id)
    }

    /// Says where the octets of an entry begin, once that is known.
    pub(in crate::wire::xdm) fn set_offset(&mut self, id: EntryId, offset: u64) {
        if let Some(place) = self.0.entries.get_mut(id.0 as usize).and_then(|entry| entry.place.as_mut()) {
            place.offset = offset;
        }
    }

    /// The name of an entry.
    pub(in crate::wire::xdm) fn path(&self, id: EntryId) -> &str {
        self.0.path(id)
    }

    /// Sorts the entries and marks those whose names are there twice.
    pub(in crate::wire::xdm) fn finish(self) -> Table {
        let mut table = self.0;
        let mut order: Vec<EntryId> =
            (0..table.entries.len()).filter_map(|n| u32::try_from(n).ok().map(EntryId)).collect();
        order.sort_unstable_by(|a, b| {
            let (a, b) = (table.path(*a), table.path(*b));
            folded_order(a, b).then_with(|| a.cmp(b))
        });
        let mut marks = Vec::new();
        for group in order.chunk_by(|a, b| table.path(*a) == table.path(*b)).filter(|group| group.len() > 1) {
            // Names that were cut are the same for that alone.
            let whole: Vec<EntryId> = group.iter().copied().filter(|id| !table.has(*id, Flaw::TooLong)).collect();
            if whole.len() > 1 {
                let is_nfc = !whole.iter().any(|id| table.has(*id, Flaw::NotNfc));
                let flaw = if is_nfc { Flaw::Duplicate } else { Flaw::SameInNfc };
                marks.extend(whole.into_iter().map(|id| (id, flaw)));
            }
        }
        for (id, flaw) in marks {
            if let Some(entry) = table.entries.get_mut(id.0 as usize) {
                entry.flaws.add(flaw);
            }
        }
        table.order = order;
        table
    }
}

impl Table {
    /// How many entries there are, directories too.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many of them are files.
    pub fn files(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.is_directory).count()
    }

    /// The entries in the order of their names.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.order.iter().copied()
    }

    fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)
    }

    /// The name, with `/` between its parts and none at its ends.
    pub fn path(&self, id: EntryId) -> &str {
        let name = self.entry(id).map(|entry| entry.name.start as usize..entry.name.end as usize);
        name.and_then(|name| self.names.get(name)).unwrap_or_default()
    }

    /// Whether it is a directory.
    pub fn is_directory(&self, id: EntryId) -> bool {
        self.entry(id).is_some_and(|entry| entry.is_directory)
    }

    /// How many octets the medium says it has.
    pub fn size_bytes(&self, id: EntryId) -> u64 {
        self.entry(id).map_or(0, |entry| entry.size_bytes)
    }

    /// CRC-32 of its octets, where the medium tells it.
    pub fn crc32(&self, id: EntryId) -> Option<u32> {
        self.entry(id).and_then(|entry| entry.crc32)
    }

    /// Whether it has this flaw.
    pub fn has(&self, id: EntryId, flaw: Flaw) -> bool {
        self.entry(id).is_some_and(|entry| entry.flaws.has(flaw))
    }

    /// What is wrong with it.
    pub fn flaws(&self, id: EntryId) -> impl Iterator<Item = Flaw> {
        self.entry(id).map(|entry| entry.flaws).unwrap_or_default().iter()
    }

    pub(in crate::wire::xdm) fn place(&self, id: EntryId) -> Option<Place> {
        self.entry(id).and_then(|entry| entry.place)
    }

    /// The entries below a directory, in the order of their names.
    pub fn below(&self, directory: &str) -> impl Iterator<Item = EntryId> {
        let prefix = format!("{directory}/");
        let from = |id: &EntryId| folded(self.path(*id)).take(prefix.len()).cmp(folded(&prefix));
        let start = self.order.partition_point(|id| from(id) == Ordering::Less);
        let end = self.order.partition_point(|id| from(id) != Ordering::Greater);
        let found = self.order.get(start..end).unwrap_or_default().iter().copied();
        found.filter(move |id| self.path(*id).starts_with(&prefix))
    }

    /// Looks a name up. The exact one wins over those that differ in case (H-15).
    pub fn find(&self, path: &str) -> Found {
        let from = |id: &EntryId| folded_order(self.path(*id), path);
        let start = self.order.partition_point(|id| from(id) == Ordering::Less);
        let end = self.order.partition_point(|id| from(id) != Ordering::Greater);
        let same = self.order.get(start..end).unwrap_or_default();
        let exact = same.partition_point(|id| self.path(*id) < path);
        match (same.get(exact), same.first(), same.last()) {
            (Some(id), _, _) if self.path(*id) == path => Found::Exact(*id),
            (_, Some(first), Some(last)) if self.path(*first) == self.path(*last) => Found::Folded(*first),
            (_, None, _) => Found::Nothing,
            _ => Found::Several,
        }
    }
}

/// By name without regard to ASCII case.
fn folded_order(a: &str, b: &str) -> Ordering {
    folded(a).cmp(folded(b))
}

fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|b| b.to_ascii_lowercase())
}
