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
