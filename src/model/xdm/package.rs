//! A package that a running server makes or takes over: what it is known by, and where it stands.

use std::{fmt, str::FromStr};

/// What a package is known by: 128 random bits, as 32 hexadecimal digits. Who knows it learns that there is a package, not
/// whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackageId(u128);

/// Why a text is no [`PackageId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a package is named by 32 hexadecimal digits in lower case")]
pub struct PackageIdError;

impl PackageId {
    /// The one with these bits, which must be random.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl FromStr for PackageId {
    type Err = PackageIdError;

    fn from_str(text: &str) -> Result<Self, PackageIdError> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(PackageIdError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| PackageIdError)
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Defines an enumeration that is a number in the store and a word for people.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $number:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// The number in the store.
            pub const fn to_store(self) -> i64 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// From the number in the store.
            pub const fn from_store(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The word for people and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// From that word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// Which way a package goes.
    Direction {
        /// Made here.
        Export = 1, "export";
        /// Came from elsewhere.
        Import = 2, "import";
    }
}

words! {
    /// Where a package stands. Source: design section 6 (job states).
    PackageState {
        /// Its job was not begun, or is to be tried again.
        Waiting = 1, "waiting";
        /// Somebody works on it.
        Running = 2, "running";
        /// Given up; the reason is kept.
        Failed = 3, "failed";
        /// It was made, or taken over.
        Done = 4, "done";
        /// Whoever ordered it took it back.
        Withdrawn = 5, "withdrawn";
        /// It came, was looked into, and nothing hinders its import.
        Inspected = 6, "inspected";
        /// A person must decide before it is, or all of it is, taken over.
        Held = 7, "held";
    }
}

impl PackageState {
    /// Whether a job is still to work on it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

words! {
    /// How a package leaves, or how it came.
    Delivery {
        /// The node fetches it, or brought it, over HTTP.
        Package = 1, "package";
        /// By mail.
        Mail = 2, "mail";
        /// A reference is sent, from which it is fetched.
        Reference = 3, "reference";
        /// It lay in the watched folder.
        Folder = 4, "folder";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is_one() {
        for bits in [0, 1, u128::MAX] {
            let id = PackageId::from_bits(bits);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().len(), 32);
        }
        for text in ["", "1", &"A".repeat(32), &"g".repeat(32), "../../../../../../../etc/passwd0", &"+".repeat(32)] {
            assert_eq!(text.parse::<PackageId>(), Err(PackageIdError), "{text}");
        }
    }
}
