//! Looks for BSNs in octets that pass, in whatever blocks they come.
//!
//! A BSN is found as text in ASCII and UTF-16, also with dots, dashes or blanks between its digits, and one that begins with
//! a zero also without it. The names under which a BSN is given are found as well: where they stand, one is not far; and so
//! is a number that is said to be one. What is embedded as base64 is not searched; it is told that there is some.

use std::{collections::BTreeSet, sync::Arc};

use super::said::Said;
use crate::model::bsn::BSN_AUTHORITY;

/// The names of the authority of the BSN: in DICOM, in HL7, in FHIR, and that one as JSON may write it.
const AUTHORITIES: [&str; 4] =
    ["NLMINBIZA", BSN_AUTHORITY, "fhir.nl/fhir/NamingSystem/bsn", r"fhir.nl\/fhir\/NamingSystem\/bsn"];
/// Digits of a BSN.
const DIGITS: usize = 9;
/// So many letters of base64 without a blank are no words.
const BASE64: usize = 100;

/// Whether a text names the authority of the BSN.
pub(super) fn is_authority_in(text: &[u8]) -> bool {
    AUTHORITIES.iter().any(|name| memchr::memmem::find(text, name.as_bytes()).is_some())
}

/// A search that goes on from block to block.
#[derive(Clone, Debug)]
pub(in crate::service::xdm::export) struct Scanner {
    bsns: Arc<[Box<[u8]>]>,
    /// Names of authorities as octets: ASCII, and UTF-16 of either order without the octets at both ends.
    authorities: Arc<[Box<[u8]>]>,
    said: Said,
    /// The last digits that stood together.
    digits: [u8; DIGITS],
    count: usize,
    /// The end of the last block, for names that begin in it.
    tail: Vec<u8>,
    /// Letters of base64 that stand together; line ends and indentation do not part them.
    letters: usize,
    is_indentation: bool,
    has_base64: bool,
}

impl Scanner {
    pub(super) fn new(bsns: &BTreeSet<String>) -> Self {
        let digits = |bsn: &String| -> Vec<u8> {
            let digits = bsn.bytes().filter(u8::is_ascii_digit);
            digits.skip_while(|digit| *digit == b'0').collect()
        };
        let bsns = bsns.iter().map(digits).filter(|bsn| (6..=DIGITS).contains(&bsn.len()));
        let bsns = bsns.map(Vec::into_boxed_slice).collect();
        let wide = |name: &str| -> Vec<u8> { name.bytes().flat_map(|octet| [0, octet]).skip(1).collect() };
        let authorities = AUTHORITIES.iter().flat_map(|name| [name.as_bytes().to_vec(), wide(name)]);
        Self {
            bsns,
            authorities: authorities.map(Vec::into_boxed_slice).collect(),
            said: Said::default(),
            digits: [0; DIGITS],
            count: 0,
            tail: Vec::new(),
            letters: 0,
            is_indentation: false,
            has_base64: false,
        }
    }

    /// One that searches for the same, in another document.
    pub(in crate::service::xdm::export) fn afresh(&self) -> Self {
        Self { said: Said::default(), ..self.another() }
    }

    /// One that searches for the same, in something else of the document.
    pub(super) fn another(&self) -> Self {
        let mut other = self.clone();
        other.restart();
        other
    }

    /// Begins another part of the document.
    pub(in crate::service::xdm::export) fn restart(&mut self) {
        self.count = 0;
        self.tail.clear();
        self.said.restart();
        (self.letters, self.is_indentation, self.has_base64) = (0, false, false);
    }

    /// Whether there was base64 in the file so far, which may hold anything.
    pub(in crate::service::xdm::export) fn has_base64(&self) -> bool {
        self.has_base64
    }

    /// Whether more is said in the document than is searched: what it says no program can tell then.
    pub(in crate::service::xdm::export) fn gave_up(&self) -> bool {
        self.said.gave_up()
    }

    /// Whether a BSN or the name of its authority ends in these octets.
    pub(in crate::service::xdm::export) fn finds(&mut self, octets: &[u8]) -> bool {
        self.look_for_base64(octets);
        self.finds_number(octets) | self.finds_authority(octets) | self.said.finds(octets)
    }

    /// Whether a BSN is whole because the file ends.
    pub(in crate::service::xdm::export) fn ends(&self) -> bool {
        self.said.ends()
    }

    fn look_for_base64(&mut self, octets: &[u8]) {
        for octet in octets {
            if self.has_base64 {
                return;
            }
            match octet {
                b'\r' | b'\n' => self.is_indentation = true,
                b' ' | b'\t' if self.is_indentation => {}
                // UTF-16.
                0 => {}
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                    (self.letters, self.is_indentation) = (self.letters + 1, false);
                    self.has_base64 = self.letters >= BASE64;
                }
                _ => (self.letters, self.is_indentation) = (0, false),
            }
        }
    }

    fn finds_number(&mut self, octets: &[u8]) -> bool {
        let mut found = false;
        for octet in octets {
            match octet {
                b'0'..=b'9' => {
                    self.digits.rotate_left(1);
                    self.digits[DIGITS - 1] = *octet;
                    self.count += 1;
                    let known = self.digits.get(DIGITS - self.count.min(DIGITS)..).unwrap_or_default();
                    found |= self.bsns.iter().any(|bsn| known.ends_with(bsn));
                }
                // The last two are a blank that breaks no line.
                b'.' | b'-' | b' ' | 0 | 0xC2 | 0xA0 => {}
                _ => self.count = 0,
            }
        }
        found
    }

    fn finds_authority(&mut self, octets: &[u8]) -> bool {
        let longest = self.authorities.iter().map(|name| name.len()).max().unwrap_or_default();
        let begin = octets.get(..longest.min(octets.len())).unwrap_or_default();
        let seam = [self.tail.as_slice(), begin].concat();
        let has = |text: &[u8]| self.authorities.iter().any(|name| memchr::memmem::find(text, name).is_some());
        let found = has(&seam) || has(octets);
        self.tail.extend_from_slice(octets.get(octets.len().saturating_sub(longest)..).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(longest);
        self.tail.drain(..surplus);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &[u8], block: usize) -> bool {
        let mut scanner = Scanner::new(&["999900018".to_owned(), "099990003".to_owned()].into());
        text.chunks(block).fold(false, |found, block| found | scanner.finds(block))
    }

    #[test]
    fn k_32_a_bsn_is_found_in_every_spelling_and_across_blocks() {
        let little = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let big = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let system = "<system value=\"http://fhir.nl/fhir/NamingSystem/bsn\"/>";
        let wide = [little("BSN 999900018!"), little(BSN_AUTHORITY), big("NLMINBIZA"), little(system), big(system)];
        let with_a_bsn: [&[u8]; 10] = [
            system.as_bytes(),
            br#""system":"http:\/\/fhir.nl\/fhir\/NamingSystem\/bsn""#,
            b"BSN 999900018.",
            b"9999.00.018",
            b"9999 000 18",
            b"x099990003",
            b"x99990003x",
            b"1999900018",
            b"root=\"2.16.840.1.113883.2.4.6.3\"",
            b"NLMINBIZA",
        ];
        for block in [1, 2, 3, 7, 1000] {
            for text in with_a_bsn.into_iter().chain(wide.iter().map(Vec::as_slice)) {
                assert!(finds(text, block), "{} in blocks of {block}", String::from_utf8_lossy(text));
            }
            for text in
                [&b"999900019"[..], b"99990x0018", b"9999\n00018", b"", b"2.16.840.1.113883.2.4.6", b"NLMIN BIZA"]
            {
                assert!(!finds(text, block), "{} in blocks of {block}", String::from_utf8_lossy(text));
            }
        }
    }

    #[test]
    fn k_32_embedded_base64_is_told() {
        let has = |text: &str| {
            let mut scanner = Scanner::new(&BTreeSet::new());
            text.as_bytes().chunks(7).for_each(|block| assert!(!scanner.finds(block)));
            scanner.has_base64()
        };
        let line = "QUJD".repeat(19);
        assert!(has(&format!("<text representation=\"B64\">{line}{line}</text>")));
        assert!(has(&format!("<data>\r\n  {line}\r\n\t  {line}\r\n</data>")));
        assert!(!has(&format!("{line} {line}")) && !has(&"a long text of words, as people write. ".repeat(20)));
    }

    #[test]
    fn k_32_files_do_not_run_into_one_another() {
        let mut scanner = Scanner::new(&["999900018".to_owned()].into());
        assert!(!scanner.finds(b"9999"));
        scanner.restart();
        assert!(!scanner.finds(b"00018"));
    }
}
