//! Documents of several parts: one multipart/related body in a repository, one directory of files on a medium.
//!
//! A body of ours begins with the header fields of an entity, so that it says its boundary by itself; to whoever knows that
//! already they are a preamble. The same files make the same octets, from a zip file as from a tree, so that a package that
//! comes twice is known (R-32-56).
//!
//! Source: RFC 2387, RFC 2046 §5.1; ITI TF-2 §3.32.4.1.2.1; spec xdm R-32-05, R-32-52.

mod part_names;
mod splitter;

pub use crate::wire::mtom::RootPart;
pub use part_names::{NamedParts, PartToName, name_parts};
pub use splitter::{MultipartError, PartHead, Piece, Splitter};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::names::{bare_media_type, is_counted};
use crate::wire::mime::MimeLimits;

/// The media type of documents of several parts.
pub const MULTIPART_RELATED: &str = "multipart/related";

/// What stands in a relative URI as it is.
const LOCATION: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// Whether documents of this media type have several parts.
pub fn is_multipart(media_type: &str) -> bool {
    bare_media_type(media_type) == MULTIPART_RELATED
}

/// Parts that a document may have: more are not taken apart again.
pub fn most_parts() -> usize {
    MimeLimits::default().parts
}

/// What joins files to one body.
#[derive(Clone, Debug)]
pub struct Joint {
    boundary: String,
}

impl Joint {
    /// For the document with this uniqueId, made of files with these names and sizes; the first one is its start part.
    pub fn new<'a>(unique_id: &str, files: impl Iterator<Item = (&'a str, u64)>) -> Self {
        let mut hasher = openssl::sha::Sha256::new();
        hasher.update(unique_id.as_bytes());
        for (index, (name, size_bytes)) in files.enumerate() {
            let name = location(index, name).unwrap_or_default();
            hasher.update(format!("\n{name} {size_bytes}").as_bytes());
        }
        let digits = hasher.finish().into_iter().take(16).map(|octet| format!("{octet:02x}"));
        Self { boundary: format!("knoop-{}", digits.collect::<String>()) }
    }

    /// All up to the first octet of the start part.
    pub fn head(&self, name: &str, media_type: &str) -> String {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"{media_type}\"; start=\"<{}>\"; \
             boundary=\"{}\"\r\n\r\n{}",
            self.content_id(0),
            self.boundary,
            self.part_head(0, name, media_type)
        )
    }

    /// All between two parts: ends the one before and begins the one with this number, the start part having 0.
    pub fn between(&self, index: usize, name: &str, media_type: &str) -> String {
        format!("\r\n{}", self.part_head(index, name, media_type))
    }

    /// All after the last part.
    pub fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    fn part_head(&self, index: usize, name: &str, media_type: &str) -> String {
        let location = location(index, name).map(|it| format!("Content-Location: {it}\r\n")).unwrap_or_default();
        format!(
            "--{}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n{location}\r\n",
            self.boundary,
            self.content_id(index)
        )
    }

    fn content_id(&self, index: usize) -> String {
        format!("part.{index}.{}@xdm", self.boundary)
    }
}

/// Where a part says that it lies. A start part whose name merely counts documents has none: in the next package it has
/// another number.
fn location(index: usize, name: &str) -> Option<String> {
    let stem = name.split('.').next().unwrap_or_default();
    let says_nothing = index == 0 && is_counted(stem);
    (!says_nothing).then(|| utf8_percent_encode(name, &LOCATION).to_string())
}

#[cfg(test)]
mod tests;
