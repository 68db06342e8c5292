//! Languages of documents.

use std::{fmt, str::FromStr};

/// languageCode: the shape of an RFC 5646 tag. Source: ITI TF-3 §4.2.3.2.13 (R-META-24).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LanguageTag(Box<str>);

/// A text that is not shaped like a language tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a languageCode is an RFC 5646 tag such as nl-NL")]
pub struct LanguageTagError;

impl FromStr for LanguageTag {
    type Err = LanguageTagError;

    fn from_str(s: &str) -> Result<Self, LanguageTagError> {
        let mut subtags = s.split('-');
        let primary = subtags.next().unwrap_or_default();
        let fits = |t: &str| (1..=8).contains(&t.len());
        if fits(primary)
            && primary.bytes().all(|b| b.is_ascii_alphabetic())
            && subtags.all(|t| fits(t) && t.bytes().all(|b| b.is_ascii_alphanumeric()))
        {
            Ok(Self(s.into()))
        } else {
            Err(LanguageTagError)
        }
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_24_what_a_language_is() {
        for good in ["nl", "nl-NL", "de-AT", "zh-Hant-TW", "x-klingon", "de-CH-1901"] {
            assert_eq!(good.parse::<LanguageTag>().unwrap().to_string(), good);
        }
        for bad in ["", "nl_NL", "nl-", "-nl", "1nl", "abcdefghi", "nl-abcdefghi", "n\u{e9}"] {
            assert_eq!(bad.parse::<LanguageTag>(), Err(LanguageTagError), "{bad}");
        }
    }
}
