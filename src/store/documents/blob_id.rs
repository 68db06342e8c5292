//! Names of stored bytes.

use std::{fmt, str::FromStr};

/// The random name of one document's bytes: sixteen octets, written as 32 hexadecimal digits.
///
/// The first two octets are the shard. A store draws a new shard after some hundred documents, so that the documents of
/// one request mostly share a folder and one fsync of it serves them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; 16]);

/// A text that is not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a blob id is 32 lower-case hexadecimal digits")]
pub struct BlobIdError;

impl BlobId {
    /// From its octets.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The folder that holds it, as two numbers.
    pub(super) const fn shard(&self) -> [u8; 2] {
        [self.0[0], self.0[1]]
    }
}

impl FromStr for BlobId {
    type Err = BlobIdError;

    fn from_str(s: &str) -> Result<Self, BlobIdError> {
        let digits = s.as_bytes();
        if digits.len() != 32 {
            return Err(BlobIdError);
        }
        let mut out = [0_u8; 16];
        for (octet, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(out))
    }
}

const fn nibble(digit: u8) -> Result<u8, BlobIdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BlobIdError),
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_blob_id_reads_back_what_it_wrote(bytes: [u8; 16]) {
            let id = BlobId::from_bytes(bytes);
            proptest::prop_assert_eq!(id.to_string().parse::<BlobId>(), Ok(id));
        }
    }

    #[test]
    fn names_that_are_no_blob_ids_are_refused() {
        for name in ["", "lost+found", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcde"] {
            assert_eq!(name.parse::<BlobId>(), Err(BlobIdError), "{name}");
        }
    }
}
