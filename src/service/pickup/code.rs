//! The code: made, shown once, kept as a hash.

use std::fmt;

use openssl::{memcmp, pkcs5::scrypt};

use super::PickupError;

/// Letters and digits that nobody mistakes for one another, aloud or on paper.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// Ten of them are 49 bits.
const LENGTH: usize = 10;

/// scrypt with 16 MiB: tens of milliseconds for us, and for whoever got the database as many for each of 2^49 guesses.
/// Source: RFC 7914.
const COST: (u64, u64, u64) = (1 << 14, 8, 1);
const MEMORY: u64 = 32 << 20;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// A code as it is shown to the sender: `ABCDE-FGHJK`.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        write!(f, "{first}-{second}")
    }
}

impl Code {
    /// A fresh one.
    pub(super) fn fresh() -> Result<Self, PickupError> {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let mut octets = [0_u8; 32];
            getrandom::fill(&mut octets).map_err(|_| PickupError::Code)?;
            // Only whole rounds of the alphabet, so that every letter is as likely.
            let even = octets.iter().filter(|octet| usize::from(**octet) < 256 / ALPHABET.len() * ALPHABET.len());
            let letters = even.map(|octet| char::from(ALPHABET[usize::from(*octet) % ALPHABET.len()]));
            code.extend(letters.take(LENGTH - code.len()));
        }
        Ok(Self(code))
    }

    /// What somebody typed: any case, with or without the dash and blanks. Nothing that cannot be a code is hashed.
    pub fn typed(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let code = code.to_ascii_uppercase();
        (code.len() == LENGTH && code.bytes().all(|b| ALPHABET.contains(&b))).then_some(Self(code))
    }

    /// A salt and the hash with it.
    pub(super) fn hashed(&self) -> Result<(Vec<u8>, Vec<u8>), PickupError> {
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| PickupError::Code)?;
        let hash = self.hash(&salt)?;
        Ok((salt, hash))
    }

    /// Whether this is the code that was hashed, in a time that does not tell how near it is.
    pub(super) fn is(&self, salt: &[u8], hash: &[u8]) -> Result<bool, PickupError> {
        let ours = self.hash(salt)?;
        Ok(ours.len() == hash.len() && memcmp::eq(&ours, hash))
    }

    fn hash(&self, salt: &[u8]) -> Result<Vec<u8>, PickupError> {
        let mut hash = vec![0; HASH_BYTES];
        let (n, r, p) = COST;
        scrypt(self.0.as_bytes(), salt, n, r, p, MEMORY, &mut hash).map_err(|_| PickupError::Code)?;
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_again_however_it_is_typed() {
        let code = Code::fresh().unwrap();
        let (salt, hash) = code.hashed().unwrap();
        for typed in
            [code.to_string(), code.to_string().to_lowercase(), format!(" {} ", code.to_string().replace('-', " "))]
        {
            assert!(Code::typed(&typed).expect("a code").is(&salt, &hash).unwrap(), "{typed}");
        }
        assert!(!Code::fresh().unwrap().is(&salt, &hash).unwrap());
        assert_ne!(code.hashed().unwrap().1, hash, "each has a salt of its own");
        assert!(!format!("{code:?}").contains(&code.0));
    }

    #[test]
    fn what_cannot_be_a_code_is_not_hashed() {
        for text in ["", "ABCDE", "ABCDE-FGHJ0", "ABCDE-FGHJKM", "ÄBCDE-FGHJ", &"A".repeat(1000)] {
            assert!(Code::typed(text).is_none(), "{text}");
        }
    }

    #[test]
    fn all_letters_occur() {
        let many: String = (0..300).map(|_| Code::fresh().unwrap().0).collect();
        assert!(ALPHABET.iter().all(|letter| many.contains(char::from(*letter))));
    }
}
