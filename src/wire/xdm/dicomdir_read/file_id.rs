//! From a Referenced File ID to names of the medium, as text alone.
//!
//! Source: DICOM PS3.10 §8.5; spec xdm R-32-42, R-32-46.

use crate::{
    model::nfc,
    wire::xdm::{medium::cp437_text, names},
};

/// Longest File ID that is looked at, in octets: eight steps of eight are 71.
const LONGEST: usize = 1024;

/// Where a File ID may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencedFile {
    /// Names in the medium, the one that was written first.
    pub paths: Vec<String>,
    /// Whether it is written as the standard has it.
    pub is_regular: bool,
}

/// Why a File ID leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileIdError {
    /// It leads out of the medium.
    #[error("the Referenced File ID leads out of the medium")]
    Escape,
    /// It names the medium itself.
    #[error("the Referenced File ID names no file")]
    Empty,
    /// It is longer than any name.
    #[error("the Referenced File ID is too long, or holds NUL")]
    Unreadable,
}

/// Resolves a Referenced File ID below the root of a medium: `root` is empty, or a directory. Where its characters could
/// be of more than one kind, each is tried.
///
/// # Errors
/// Why it leads nowhere.
pub fn referenced_file(root: &str, file_id: &[u8]) -> Result<ReferencedFile, FileIdError> {
    if file_id.len() > LONGEST || file_id.contains(&0) {
        return Err(FileIdError::Unreadable);
    }
    let texts = match std::str::from_utf8(file_id) {
        Ok(text) => vec![text.to_owned()],
        // As Latin 1, and as an archive without a mark of UTF-8 is read.
        Err(_) => vec![file_id.iter().map(|octet| char::from(*octet)).collect(), cp437_text(file_id)],
    };
    let mut paths = Vec::new();
    for text in texts {
        let below = below_root(&text)?;
        let path = if root.is_empty() { below } else { format!("{root}/{below}") };
        paths.push(nfc(&path).to_string());
    }
    paths.dedup();
    Ok(ReferencedFile { paths, is_regular: is_regular(file_id) })
}

fn below_root(text: &str) -> Result<String, FileIdError> {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split(['\\', '/']).map(|part| part.trim_matches(' ')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or(FileIdError::Escape)?),
            part if part.contains(':') => return Err(FileIdError::Escape),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { Err(FileIdError::Empty) } else { Ok(parts.join("/")) }
}

/// One to eight steps of one to eight characters, and no extension (R-32-09).
fn is_regular(file_id: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(file_id) else { return false };
    let path = text.split('\\').map(str::trim_end).collect::<Vec<_>>().join("/");
    !text.contains('/') && !path.contains('.') && names::check_iso_9660(&path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(file_id: &[u8]) -> Result<String, FileIdError> {
        referenced_file("", file_id).map(|file| file.paths[0].clone())
    }

    #[test]
    fn r_32_46_a_file_id_is_resolved_inside_the_medium_only() {
        for (file_id, expected) in [
            (&b"DICOM\\PAT00001\\IM000001"[..], Ok("DICOM/PAT00001/IM000001")),
            (b"IM1", Ok("IM1")),
            (b"\\DICOM\\IM1", Ok("DICOM/IM1")),
            (b".\\DICOM \\IM1 ", Ok("DICOM/IM1")),
            (b"dicom/im1.dcm", Ok("dicom/im1.dcm")),
            (b"DICOM\\..\\IM1", Ok("IM1")),
            (b"..\\IM1", Err(FileIdError::Escape)),
            (b"DICOM\\..\\..\\etc\\passwd", Err(FileIdError::Escape)),
            (b"C:\\DICOM\\IM1", Err(FileIdError::Escape)),
            (b"\\\\", Err(FileIdError::Empty)),
            (b"A\0B", Err(FileIdError::Unreadable)),
        ] {
            assert_eq!(path(file_id), expected.map(str::to_owned), "{}", file_id.escape_ascii());
        }
        assert_eq!(path(&[b'A'; LONGEST + 1]), Err(FileIdError::Unreadable));
        let wrapped = referenced_file("My Export", b"DICOM\\IM1").unwrap();
        assert_eq!(wrapped.paths, ["My Export/DICOM/IM1"]);
        assert_eq!(referenced_file("My Export", b"..\\IM1"), Err(FileIdError::Escape));
    }

    #[test]
    fn section_13_accents_are_read_in_every_way_in_which_they_may_be_written() {
        assert_eq!(referenced_file("", "ÉCHO\\IM1".as_bytes()).unwrap().paths, ["ÉCHO/IM1"]);
        assert_eq!(referenced_file("", b"\xc9CHO\\IM1").unwrap().paths, ["ÉCHO/IM1", "╔CHO/IM1"]);
        let decomposed = referenced_file("", "E\u{301}CHO".as_bytes()).unwrap();
        assert_eq!((decomposed.paths, decomposed.is_regular), (vec!["ÉCHO".to_owned()], false));
    }

    #[test]
    fn r_32_09_what_a_file_id_may_be() {
        for (file_id, regular) in [
            (&b"DICOM\\PAT00001\\IM000001"[..], true),
            (b"1\\2\\3\\4\\5\\6\\7\\8", true),
            (b"1\\2\\3\\4\\5\\6\\7\\8\\9", false),
            (b"DICOM\\IM1.DCM", false),
            (b"dicom\\IM1", false),
            (b"DICOM/IM1", false),
            (b"DICOM\\IM0000001", false),
        ] {
            assert_eq!(referenced_file("", file_id).unwrap().is_regular, regular, "{}", file_id.escape_ascii());
        }
    }
}
