//! Looks for BSNs in octets that pass, in whatever blocks they come.
//!
//! A BSN is found as text in ASCII and UTF-16, also with dots, dashes or blanks between its digits, and one that begins with
//! a zero also without it. The names under which a BSN is given are found as well: where they stand, one is not far.

use std::collections::BTreeSet;

/// The names of the authority of the BSN, in DICOM and elsewhere.
const AUTHORITIES: [&[u8]; 2] = [b"NLMINBIZA", b"2.16.840.1.113883.2.4.6.3"];
/// Digits of a BSN.
const DIGITS: usize = 9;

/// A search that goes on from block to block.
#[derive(Clone, Debug)]
pub(in crate::service::xdm::export) struct Scanner {
    bsns: Vec<Box<[u8]>>,
    /// The last digits that stood together.
    digits: [u8; DIGITS],
    count: usize,
    /// The end of the last block, for names that begin in it.
    tail: Vec<u8>,
}

impl Scanner {
    pub(super) fn new(bsns: &BTreeSet<String>) -> Self {
        let digits = |bsn: &String| -> Vec<u8> {
            let digits = bsn.bytes().filter(u8::is_ascii_digit);
            digits.skip_while(|digit| *digit == b'0').collect()
        };
        let bsns = bsns.iter().map(digits).filter(|bsn| (6..=DIGITS).contains(&bsn.len()));
        let bsns = bsns.map(Vec::into_boxed_slice).collect();
        Self { bsns, digits: [0; DIGITS], count: 0, tail: Vec::new() }
    }

    /// Begins a new file.
    pub(in crate::service::xdm::export) fn restart(&mut self) {
        self.count = 0;
        self.tail.clear();
    }

    /// Whether a BSN or the name of its authority ends in these octets.
    pub(in crate::service::xdm::export) fn finds(&mut self, octets: &[u8]) -> bool {
        self.finds_number(octets) | self.finds_authority(octets)
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
                b'.' | b'-' | b' ' | 0 => {}
                _ => self.count = 0,
            }
        }
        found
    }

    fn finds_authority(&mut self, octets: &[u8]) -> bool {
        let longest = AUTHORITIES.iter().map(|name| name.len()).max().unwrap_or_default();
        let begin = octets.get(..longest.min(octets.len())).unwrap_or_default();
        let seam = [self.tail.as_slice(), begin].concat();
        let has = |text: &[u8]| AUTHORITIES.iter().any(|name| memchr::memmem::find(text, name).is_some());
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
        let wide: Vec<u8> = "BSN 999900018!".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_a_bsn: [&[u8]; 8] = [
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
            for text in with_a_bsn.into_iter().chain([wide.as_slice()]) {
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
    fn k_32_files_do_not_run_into_one_another() {
        let mut scanner = Scanner::new(&["999900018".to_owned()].into());
        assert!(!scanner.finds(b"9999"));
        scanner.restart();
        assert!(!scanner.finds(b"00018"));
    }
}
