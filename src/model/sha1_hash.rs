//! The hash of a document.

use std::{fmt, str::FromStr};

/// SHA-1 of a document's octets, 40 hexadecimal digits, compared without regard to case.
///
/// Source: ITI TF-3 §4.2.3.2.10 (R-META-23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sha1Hash([u8; 20]);

/// Why a text is not a [`Sha1Hash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Sha1HashError {
    /// 64 hexadecimal digits.
    #[error("this looks like SHA-256; XDS wants SHA-1, 40 hexadecimal digits")]
    LooksLikeSha256,
    /// 28 characters of base64.
    #[error("this looks like base64; XDS wants 40 hexadecimal digits")]
    LooksLikeBase64,
    /// Anything else.
    #[error("a hash is 40 hexadecimal digits")]
    Syntax,
}

impl Sha1Hash {
    /// From the twenty octets.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The twenty octets.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for Sha1Hash {
    type Err = Sha1HashError;

    fn from_str(s: &str) -> Result<Self, Sha1HashError> {
        let hex = s.bytes().all(|b| b.is_ascii_hexdigit());
        match (s.len(), hex) {
            (40, true) => {
                let mut out = [0_u8; 20];
                for (byte, pair) in out.iter_mut().zip(s.as_bytes().chunks_exact(2)) {
                    *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
                }
                Ok(Self(out))
            }
            (64, true) => Err(Sha1HashError::LooksLikeSha256),
            (28, _) if s.ends_with('=') => Err(Sha1HashError::LooksLikeBase64),
            _ => Err(Sha1HashError::Syntax),
        }
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

impl fmt::Display for Sha1Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_23_a_hash_is_40_digits_in_any_case() {
        let lower = "6578a94d767f6d4fc1571bc34e0c37e20ee3e684";
        assert_eq!(lower.parse::<Sha1Hash>(), lower.to_uppercase().parse());
        assert_eq!(lower.parse::<Sha1Hash>().unwrap().to_string(), lower);
        for (bad, error) in [
            ("", Sha1HashError::Syntax),
            ("6578a94d767f6d4fc1571bc34e0c37e20ee3e68g", Sha1HashError::Syntax),
            ("ZXipTXZ/bU/BVxvDTgw34g7j5oQ=", Sha1HashError::LooksLikeBase64),
            (&*"0".repeat(64), Sha1HashError::LooksLikeSha256),
        ] {
            assert_eq!(bad.parse::<Sha1Hash>(), Err(error), "{bad}");
        }
    }
}
