//! Names of entries: read strictly, judged, and brought to one form.
//!
//! Source: spec xdm H-04, H-05, H-16 to H-19; APPNOTE 4.4.17, appendix D.

use super::{Flaw, table::Flaws};
use crate::model::{
    nfc,
    xdm::{PackageFinding, PackageLimits, XdmCode},
};

/// What CP437 has for the octets from 128 on.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Longest part of a refused name that a finding repeats.
const SHOWN_CHARACTERS: usize = 120;

/// A name in one form: `/` between its parts, no empty part and no `.`, in NFC.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wire::xdm) struct ReadName {
    /// Empty for the root itself.
    pub path: String,
    /// Whether it ended with a separator.
    pub is_directory: bool,
    /// What is wrong with it.
    pub flaws: Flaws,
}

/// Reads a name; `utf_8` is what the archive says of it.
///
/// # Errors
/// For a name that leads out of the medium, or holds NUL: no such package is taken.
pub(in crate::wire::xdm) fn read_name(
    raw: &[u8],
    utf_8: bool,
    limits: &PackageLimits,
) -> Result<ReadName, PackageFinding> {
    let mut flaws = Flaws::default();
    let mut text = match std::str::from_utf8(raw) {
        Ok(text) if utf_8 || text.is_ascii() => text.to_owned(),
        Err(_) if utf_8 => {
            flaws.add(Flaw::Unreadable);
            String::from_utf8_lossy(raw).into_owned()
        }
        _ => cp437_text(raw),
    };
    let refused = |code, text: &str, problem| Err(PackageFinding::error(code, shown(text), problem));
    if text.contains('\0') {
        return refused(XdmCode::UnsafeName, &text, "the name holds NUL");
    }
    if text.contains('\\') {
        flaws.add(Flaw::Backslash);
        text = text.replace('\\', "/");
    }
    let mut start = text.chars();
    if text.starts_with('/') || (start.next().is_some_and(|c| c.is_ascii_alphabetic()) && start.next() == Some(':')) {
        return refused(XdmCode::AbsolutePath, &text, "the name begins with a root, a drive or a host");
    }
    let is_directory = text.ends_with('/');
    let parts = || text.split('/').filter(|part| !part.is_empty() && *part != ".");
    if parts().any(|part| part == "..") {
        return refused(XdmCode::PathTraversal, &text, "the name has a step upwards");
    }
    if text.chars().any(deceives) {
        flaws.add(Flaw::Deceiving);
    }
    if parts().any(is_odd) {
        flaws.add(Flaw::Odd);
    }
    let mut path = parts().collect::<Vec<_>>().join("/");
    if !path.is_ascii() {
        let normal = nfc(&path).to_string();
        if normal != path {
            flaws.add(Flaw::NotNfc);
            path = normal;
        }
    }
    if path.len() > limits.name_bytes || parts().count() > limits.depth {
        flaws.add(Flaw::TooLong);
        path.truncate(path.floor_char_boundary(limits.name_bytes));
    }
    Ok(ReadName { path, is_directory, flaws })
}

/// Octets as the text that CP437 has for them.
pub(in crate::wire::xdm) fn cp437_text(octets: &[u8]) -> String {
    octets.iter().map(|octet| cp437(*octet)).collect()
}

fn cp437(octet: u8) -> char {
    match octet.checked_sub(128) {
        None => char::from(octet),
        Some(index) => CP437.chars().nth(usize::from(index)).unwrap_or('\u{fffd}'),
    }
}

/// What of a name may be repeated.
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect()
}

/// Characters that are not seen, or that change how others are seen. Line ends are merely odd (H-19).
fn deceives(c: char) -> bool {
    match c {
        '\n' | '\r' => false,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2060}'..='\u{2069}' | '\u{feff}' => true,
        _ => c.is_control(),
    }
}

/// Parts of names that some systems cannot hold.
fn is_odd(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default();
    let numbered = |prefix: &str| {
        let rest = stem.get(..prefix.len()).filter(|it| it.eq_ignore_ascii_case(prefix)).map(|_| &stem[prefix.len()..]);
        rest.is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| matches!(b, b'1'..=b'9')))
    };
    part.ends_with(['.', ' '])
        || part.contains(['\n', '\r'])
        || ["CON", "PRN", "AUX", "NUL"].iter().any(|reserved| stem.eq_ignore_ascii_case(reserved))
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &[u8], utf_8: bool) -> Result<ReadName, &'static str> {
        read_name(raw, utf_8, &PackageLimits::default()).map_err(|finding| finding.code.as_str())
    }

    fn flaws(raw: &[u8], utf_8: bool) -> Vec<Flaw> {
        read(raw, utf_8).expect("not refused").flaws.iter().collect()
    }

    #[test]
    fn h_18_names_are_utf_8_where_they_say_so_else_ascii_or_cp437() {
        assert_eq!(CP437.chars().count(), 128);
        let path = |raw: &[u8], utf_8| read(raw, utf_8).map(|name| name.path);
        assert_eq!(path("é.TXT".as_bytes(), true), Ok("é.TXT".to_owned()));
        assert_eq!(path(b"\x82.TXT", false), Ok("é.TXT".to_owned()));
        assert_eq!(path("é.TXT".as_bytes(), false), Ok("├⌐.TXT".to_owned()));
        assert_eq!(flaws(b"\x82.TXT", true), [Flaw::Unreadable]);
    }

    #[test]
    fn h_04_h_05_h_19_names_that_refuse_the_package() {
        for (raw, code) in [
            (&b"../../etc/x"[..], "XdmPathTraversal"),
            (b"IHE_XDM/../../x", "XdmPathTraversal"),
            (b"IHE_XDM\\..\\..\\x", "XdmPathTraversal"),
            (b"/x", "XdmAbsolutePath"),
            (b"C:\\x", "XdmAbsolutePath"),
            (b"c:x", "XdmAbsolutePath"),
            (b"\\\\host\\x", "XdmAbsolutePath"),
            (b"//host/x", "XdmAbsolutePath"),
            (b"A\0B", "XdmUnsafeName"),
        ] {
            assert_eq!(read(raw, true), Err(code), "{raw:?}");
            assert_eq!(read(raw, false), Err(code), "{raw:?}");
        }
        assert!(read(b"..x/x..", true).is_ok());
    }

    #[test]
    fn h_16_h_17_h_19_what_is_wrong_with_names() {
        for (name, expected) in [
            ("IHE_XDM\\A.TXT", &[Flaw::Backslash][..]),
            ("A\u{202e}TXT.EXE", &[Flaw::Deceiving]),
            ("A\u{200b}.TXT", &[Flaw::Deceiving]),
            ("A\u{1}.TXT", &[Flaw::Deceiving]),
            ("A\u{85}.TXT", &[Flaw::Deceiving]),
            ("A\n.TXT", &[Flaw::Odd]),
            ("A.", &[Flaw::Odd]),
            ("A /B", &[Flaw::Odd]),
            ("con", &[Flaw::Odd]),
            ("X/NUL.TXT", &[Flaw::Odd]),
            ("LPT1.A", &[Flaw::Odd]),
            ("COM10", &[]),
            ("e\u{301}.TXT", &[Flaw::NotNfc]),
        ] {
            assert_eq!(flaws(name.as_bytes(), true), expected, "{name:?}");
        }
        assert_eq!(flaws("A".repeat(256).as_bytes(), true), [Flaw::TooLong]);
        assert_eq!(flaws("A/".repeat(17).as_bytes(), true), [Flaw::TooLong]);
        let name = read(b"./A//B/", true).expect("in order");
        assert_eq!((&*name.path, name.is_directory), ("A/B", true));
    }
}
