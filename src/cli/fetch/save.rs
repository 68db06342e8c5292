//! Documents become files whose names cannot lead out of their directory.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use crate::{
    cli::{Failure, found::FoundDocument},
    client::{RetrievedContent, RetrievedFile},
};

/// Longest name without its ending.
const NAME_CHARACTERS: usize = 120;
/// Names that are tried when one is taken.
const NAMES: usize = 1000;

/// Whether a document is what the registry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Check {
    /// Same hash and size.
    Same,
    /// Another hash or size.
    Differs,
    /// Nothing to compare with.
    Unchecked,
}

impl Check {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "hash as registered",
            Self::Differs => "HASH OR SIZE DIFFERS",
            Self::Unchecked => "hash not checked",
        }
    }
}

/// A document in its file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved {
    pub(super) unique_id: String,
    pub(super) file: PathBuf,
    pub(super) mime_type: String,
    pub(super) size: u64,
    pub(super) hash: String,
    pub(super) check: Check,
}

/// Gives a document its name in the directory; never writes over a file that is there.
pub(super) fn save(document: RetrievedFile, entry: Option<&FoundDocument>, out: &Path) -> Result<Saved, Failure> {
    let unique_id = document.request.document_unique_id.to_string();
    let mut file = match document.content {
        RetrievedContent::File(file) => file,
        RetrievedContent::Inline(bytes) => {
            let mut file =
                tempfile::Builder::new().prefix(".knoop-").tempfile_in(out).context("a file cannot be made")?;
            std::io::Write::write_all(&mut file, &bytes).context("a document cannot be written")?;
            file
        }
        RetrievedContent::Nowhere => return Err(anyhow::anyhow!("a document was not kept").into()),
    };
    let hash = document.hash.map(|hash| hash.to_string()).unwrap_or_default();
    let check = match entry {
        Some(entry) if entry.hash.is_empty() => Check::Unchecked,
        Some(entry) if entry.hash.eq_ignore_ascii_case(&hash) && entry.size == Some(document.size_bytes) => Check::Same,
        Some(_) => Check::Differs,
        None => Check::Unchecked,
    };
    let (stem, ending) = (stem(&unique_id), ending(&document.mime_type));
    for number in 1..=NAMES {
        let name = if number == 1 { format!("{stem}.{ending}") } else { format!("{stem}-{number}.{ending}") };
        let path = out.join(name);
        match file.persist_noclobber(&path) {
            Ok(_) => {
                let (mime_type, size) = (document.mime_type.to_string(), document.size_bytes);
                return Ok(Saved { unique_id, file: path, mime_type, size, hash, check });
            }
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(anyhow::Error::from(error.error).context("a document cannot be written").into()),
        }
    }
    Err(anyhow::anyhow!("{stem}.{ending} and {NAMES} names like it are taken").into())
}

/// The uniqueId with letters, digits, dots and hyphens only, never beginning with a dot.
fn stem(unique_id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let name: String = unique_id.chars().take(NAME_CHARACTERS).map(safe).collect();
    if name.is_empty() || name.starts_with(['.', '-']) { format!("document{name}") } else { name }
}

fn ending(mime_type: &str) -> &'static str {
    match mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/pdf" => "pdf",
        "application/dicom" => "dcm",
        "text/plain" => "txt",
        "text/xml" | "application/xml" | "application/hl7-v3+xml" => "xml",
        "text/html" => "html",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/tiff" => "tif",
        "application/zip" => "zip",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-IN-25
    #[test]
    fn a_unique_id_cannot_lead_out_of_the_directory() {
        for evil in ["../../etc/passwd", "..", "/etc/passwd", "a\\..\\b", "\u{202e}x", "", ".bashrc", "-rf"] {
            let name = stem(evil);
            assert!(!name.starts_with(['.', '-']) && !name.contains(['/', '\\']), "{name}");
            assert!(name.is_ascii() && !name.is_empty());
        }
        assert_eq!(stem("2.25.1234"), "2.25.1234");
        assert!(stem(&"9".repeat(256)).len() <= NAME_CHARACTERS);
    }
}
