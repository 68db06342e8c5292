//! MIME types of documents.

use std::{fmt, str::FromStr};

/// mimeType: `type/subtype`, parameters tolerated, kept as sent. Source: ITI TF-3 §4.2.3.2.15 (R-META-25).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaType(Box<str>);

/// A text that is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mimeType is type/subtype such as application/pdf")]
pub struct MediaTypeError;

impl MediaType {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `type/subtype` in lower case, without parameters: what is compared.
    pub fn essence(&self) -> String {
        self.0.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

fn is_token(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-%'*`|~".contains(&b))
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(s: &str) -> Result<Self, MediaTypeError> {
        let essence = s.split(';').next().unwrap_or_default().trim();
        let (kind, subtype) = essence.split_once('/').ok_or(MediaTypeError)?;
        if is_token(kind) && is_token(subtype) && s.chars().count() <= 256 && !s.chars().any(char::is_control) {
            Ok(Self(s.into()))
        } else {
            Err(MediaTypeError)
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_25_what_a_media_type_is() {
        for (good, essence) in [
            ("application/pdf", "application/pdf"),
            ("Text/XML; charset=utf-8", "text/xml"),
            ("application/dicom;x=\"a/b\"", "application/dicom"),
            ("application/vnd.x+json", "application/vnd.x+json"),
        ] {
            let read = good.parse::<MediaType>().unwrap();
            assert_eq!((read.as_str(), &*read.essence()), (good, essence));
        }
        let too_long = format!("text/{}", "x".repeat(252));
        for bad in ["", "pdf", "/pdf", "application/", "a b/c", "text/x\r\nX: y", "text/plain;\u{0}", &too_long] {
            assert_eq!(bad.parse::<MediaType>(), Err(MediaTypeError), "{bad}");
        }
    }
}
