//! Chance that falls the same each time.
//!
//! Source: splitmix64 (Steele, Lea, Flood 2014).

/// A sequence of numbers that its seed decides.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `sides`.
    pub(super) fn below(&mut self, sides: u64) -> u64 {
        self.next() % sides.max(1)
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// An OID under 2.25, as unique as its seed allows.
    pub(super) fn oid(&mut self) -> String {
        format!("2.25.{}", (u128::from(self.next()) << 56) | u128::from(self.next() >> 8))
    }

    /// The text of an entryUUID, version 4.
    pub(super) fn entry_uuid(&mut self) -> String {
        let mut bytes = ((u128::from(self.next()) << 64) | u128::from(self.next())).to_be_bytes();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        crate::model::EntryUuid::from_bytes(bytes).to_string()
    }
}
