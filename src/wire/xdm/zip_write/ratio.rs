//! How well a package may be packed before an importer takes it for a bomb.
//!
//! Counted with what deflate packs at best, so that nothing has to be known of octets that are still to come.
//!
//! Source: spec xdm §10 (Limits: 200:1 for an entry above 10 MiB, 100:1 in all), H-09.

/// Deflate packs no more octets than these into one.
const AT_BEST: u64 = 1032;
/// An entry above this is judged by itself.
const LARGE_FROM_BYTES: u64 = 10 << 20;
/// Octets of a large entry for each packed one, below what is taken: the end of what was tried packs a little better with
/// what comes after it.
const ENTRY_RATIO: u64 = 160;
/// The same of all entries.
const TOTAL_RATIO: u64 = 80;
/// So many more may there be in all: what a package of 10 MiB, from where on it is judged, makes up for.
const FREE_BYTES: u64 = 1 << 20;

/// Octets that these are deflated to, at least.
pub(super) fn packed_at_least(size_bytes: u64) -> u64 {
    size_bytes / AT_BEST
}

/// What is in a package so far.
#[derive(Default)]
pub(super) struct Ratio {
    size_bytes: u64,
    packed_bytes: u64,
}

impl Ratio {
    /// Whether an importer takes one more entry, packed to at least so many octets.
    pub(super) fn allows(&self, size_bytes: u64, packed_bytes: u64) -> bool {
        let is_no_bomb = size_bytes <= LARGE_FROM_BYTES || size_bytes / ENTRY_RATIO <= packed_bytes;
        let packed_bytes = self.packed_bytes.saturating_add(packed_bytes);
        let most = packed_bytes.saturating_mul(TOTAL_RATIO).saturating_add(FREE_BYTES);
        is_no_bomb && self.size_bytes.saturating_add(size_bytes) <= most
    }

    /// Counts an entry.
    pub(super) fn add(&mut self, size_bytes: u64, packed_bytes: u64) {
        self.size_bytes = self.size_bytes.saturating_add(size_bytes);
        self.packed_bytes = self.packed_bytes.saturating_add(packed_bytes);
    }
}
