//! What concerns more than one set of a package, kept small: a package may have hundreds of thousands of documents.
//!
//! Source: spec xdm R-32-06, H-27, H-28, section 10.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    num::NonZeroU64,
};

use openssl::sha::{Sha256, sha256};

use super::{
    documents::{StatedDocument, StatedHash},
    examine::{BLOCK_BYTES, next_block},
};
use crate::{
    model::{
        XdsErrorCode,
        xdm::{DocumentReport, PackageFinding, SetReport},
    },
    wire::xdm::{ContentError, EntryId, Medium, Table},
};

/// Sixteen octets that stand for a text; two texts never share them.
type Digest = [u8; 16];

fn digest(text: &[u8]) -> Digest {
    let [half, ..] = *sha256(text).as_chunks::<16>().0 else { return Digest::default() };
    half
}

/// Where a uniqueId was met first, and what it named.
struct Met {
    set: u32,
    entry: EntryId,
    /// Stands for the hash that the metadata have, absent where they have none. Two hashes that share it are told by CRC and size.
    hash: Option<NonZeroU64>,
}

/// What is gathered over all sets.
pub(super) struct Gathered {
    /// Absent where documents were compared already.
    by_unique_id: Option<HashMap<Digest, Met>>,
    /// For each entry of the table, whether a document is in it.
    used: Vec<bool>,
    submission_times: BTreeSet<String>,
    referenced_bytes: u64,
    entries: u64,
    /// Documents whose uniqueId has two contents (H-28), by set.
    contradicted: BTreeSet<(usize, EntryId)>,
    /// Documents with one uniqueId and size of which nothing else tells whether they are one, each with its set.
    doubtful: Vec<[(usize, EntryId); 2]>,
}

impl Gathered {
    /// Nothing of the medium with this table.
    pub(super) fn of(table: &Table) -> Self {
        Self {
            by_unique_id: Some(HashMap::new()),
            used: vec![false; table.len()],
            submission_times: BTreeSet::new(),
            referenced_bytes: 0,
            entries: 0,
            contradicted: BTreeSet::new(),
            doubtful: Vec::new(),
        }
    }

    /// The same for a second look, which does not compare documents with one another again.
    pub(super) fn once_more(table: &Table) -> Self {
        Self { by_unique_id: None, ..Self::of(table) }
    }

    /// Whether a document is in this entry, or a part of one.
    pub(super) fn is_document(&self, entry: EntryId) -> bool {
        self.used.get(entry.number()).copied().unwrap_or_default()
    }

    /// Octets of all documents, counted as often as they are named.
    pub(super) fn referenced_bytes(&self) -> u64 {
        self.referenced_bytes
    }

    /// Counts a DocumentEntry; how many there are with it.
    pub(super) fn count(&mut self) -> u64 {
        self.entries += 1;
        self.entries
    }

    /// Counts entries that were looked at for parts of a document, so that no package makes more work of them than it is large.
    pub(super) fn walked(&mut self, entries: u64) {
        self.entries = self.entries.saturating_add(entries);
    }

    /// Takes a submissionTime in; tells whether it is the first of its kind.
    pub(super) fn submission_time(&mut self, time: &str) -> bool {
        self.submission_times.insert(time.to_owned())
    }

    /// Takes a document of the set with this index in; tells whether another one is in the same file.
    pub(super) fn add(
        &mut self,
        table: &Table,
        set: usize,
        entry: EntryId,
        document: &StatedDocument,
        report: &DocumentReport,
    ) -> bool {
        let others = document.parts.as_deref().map(|parts| parts.others.as_slice()).unwrap_or_default();
        for id in [entry].iter().chain(others) {
            self.referenced_bytes = self.referenced_bytes.saturating_add(table.size_bytes(*id));
        }
        let mut shared = false;
        for id in [entry].iter().chain(others) {
            shared |= self.used.get_mut(id.number()).is_some_and(|used| std::mem::replace(used, true));
        }
        if !report.unique_id.is_empty() {
            self.meet(table, set, entry, document, &report.unique_id);
        }
        shared
    }

    fn meet(&mut self, table: &Table, set: usize, entry: EntryId, document: &StatedDocument, unique_id: &str) {
        let Some(by_unique_id) = &mut self.by_unique_id else { return };
        let hash = document.hash.as_ref().and_then(|hash| {
            let [a, b, c, d, e, f, g, h, ..] = match hash {
                StatedHash::Sha1(sha1) => digest(sha1.to_string().as_bytes()),
                StatedHash::Sha256(sha256) => digest(sha256.as_bytes()),
            };
            NonZeroU64::new(u64::from_ne_bytes([a, b, c, d, e, f, g, h]))
        });
        let number = u32::try_from(set).unwrap_or(u32::MAX);
        let met = match by_unique_id.entry(digest(unique_id.as_bytes())) {
            Entry::Vacant(vacant) => {
                vacant.insert(Met { set: number, entry, hash });
                return;
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if entry == met.entry {
            return;
        }
        let both = [(set, entry), (met.set as usize, met.entry)];
        let of_crc = table.crc32(entry).zip(table.crc32(met.entry)).map(|(one, other)| one == other);
        let of_hash = hash.zip(met.hash).map(|(one, other)| one == other);
        let of_size = Some(table.size_bytes(entry) == table.size_bytes(met.entry));
        if [of_size, of_crc, of_hash].contains(&Some(false)) {
            self.contradicted.extend(both);
        } else if of_crc.is_none() && of_hash.is_none() {
            self.doubtful.push(both);
        }
    }

    /// Reads the documents of which nothing tells whether they are one: those with one uniqueId and size of a directory tree,
    /// where no CRC is told, and without a hash in their metadata (H-28). Blocks.
    pub(super) fn compare_doubtful(&mut self, medium: &Medium) {
        let mut hashes: BTreeMap<EntryId, Option<[u8; 32]>> = BTreeMap::new();
        for both in std::mem::take(&mut self.doubtful) {
            // What cannot be read is told when it is verified.
            let [one, other] = both.map(|(_, entry)| *hashes.entry(entry).or_insert_with(|| hash(medium, entry).ok()));
            if one.zip(other).is_some_and(|(one, other)| one != other) {
                self.contradicted.extend(both);
            }
        }
    }

    /// Tells the set with this index of its documents whose uniqueId has another content elsewhere in the package (H-28).
    pub(super) fn contradict(&self, index: usize, set: &mut SetReport, documents: &[StatedDocument]) {
        let text = "another document of the package has the same uniqueId and other content";
        for (document, report) in documents.iter().zip(&set.documents) {
            if document.entry.is_some_and(|entry| self.contradicted.contains(&(index, entry))) {
                let code = XdsErrorCode::RepositoryDuplicateUniqueIdInMessage;
                set.findings.push(PackageFinding::error(code, &*report.file, text).at(&*report.unique_id));
            }
        }
    }
}

fn hash(medium: &Medium, entry: EntryId) -> Result<[u8; 32], ContentError> {
    let (mut content, mut block, mut hash) = (medium.open(entry)?, vec![0; BLOCK_BYTES], Sha256::new());
    while let Some(octets) = next_block(&mut content, &mut block)? {
        hash.update(octets);
    }
    Ok(hash.finish())
}
