//! All checksums of a document in one pass.

use openssl::sha::{Sha1, Sha256};

use crate::model::Sha1Hash;

/// SHA-1 (what XDS demands) and CRC-32 (what a zip package demands).
pub(super) struct Sha1AndCrc {
    sha1: Sha1,
    crc32: crc32fast::Hasher,
}

impl Sha1AndCrc {
    pub(super) fn new() -> Self {
        Self { sha1: Sha1::new(), crc32: crc32fast::Hasher::new() }
    }

    pub(super) fn update(&mut self, block: &[u8]) {
        self.sha1.update(block);
        self.crc32.update(block);
    }

    pub(super) fn finish(self) -> (Sha1Hash, u32) {
        (Sha1Hash::from_bytes(self.sha1.finish()), self.crc32.finalize())
    }
}

/// SHA-256, for our own checks of integrity; apart from the others so that it can run beside them.
pub(super) struct Sha256Only(Sha256);

impl Sha256Only {
    pub(super) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(super) fn update(&mut self, block: &[u8]) {
        self.0.update(block);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}
