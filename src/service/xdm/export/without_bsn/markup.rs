//! A text as a person reads it: what stands between tags is put together, since a word processor may part a number anywhere.

use super::Scanner;

/// Octets that are put together before they are searched.
const BLOCK_BYTES: usize = 8 << 10;
/// The longest reference to a character.
const REFERENCE_BYTES: usize = 8;
/// Before the digits of a reference to a character.
const RTF: &[u8] = b"{\\rtf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    Tag,
    Reference,
}

/// A text that is read in blocks.
pub(super) struct Text {
    /// What stands there.
    written: Scanner,
    /// What is read.
    read: Scanner,
    place: Place,
    reference: Vec<u8>,
    block: Vec<u8>,
    /// The first octets.
    head: Vec<u8>,
    /// There are octets that only UTF-16 has.
    has_nul: bool,
    /// There are octets that no text has.
    is_binary: bool,
    found: bool,
}

impl Text {
    pub(super) fn new(scanner: &Scanner) -> Self {
        Self {
            written: scanner.another(),
            read: scanner.another(),
            place: Place::Between,
            reference: Vec::new(),
            block: Vec::new(),
            head: Vec::new(),
            has_nul: false,
            is_binary: false,
            found: false,
        }
    }

    /// Whether a BSN was found so far.
    pub(super) fn finds(&mut self, octets: &[u8]) -> bool {
        self.found |= self.written.finds(octets);
        for octet in octets {
            if self.head.len() < RTF.len() {
                self.head.push(*octet);
            }
            self.has_nul |= *octet == 0;
            self.is_binary |= matches!(octet, 1..=7 | 14..=25 | 29..=31 | 127);
            self.octet(*octet);
        }
        self.found
    }

    /// Ends it: whether a BSN was found, and whether the search says anything. What is embedded is not searched, nor is RTF,
    /// which may write a number in many ways.
    pub(super) fn ends(mut self) -> (bool, bool) {
        let reference = std::mem::take(&mut self.reference);
        self.text(&reference);
        self.flush();
        let found = self.found | self.written.ends() | self.read.ends();
        let is_text = !self.is_binary && (!self.has_nul || self.is_wide());
        (found, is_text && !self.written.has_base64() && self.head != RTF)
    }

    /// UTF-16: it says so, or it is XML. Pictures begin with a zero as well.
    fn is_wide(&self) -> bool {
        matches!(self.head.as_slice(), [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<', ..] | [b'<', 0, ..])
    }

    fn octet(&mut self, octet: u8) {
        match (self.place, octet) {
            (Place::Tag, b'>') => self.place = Place::Between,
            (Place::Tag, _) => {}
            (_, 0) => self.text(&[octet]),
            (Place::Between, b'<') => self.place = Place::Tag,
            (Place::Between, b'&') => self.place = Place::Reference,
            (Place::Between, _) => self.text(&[octet]),
            (Place::Reference, b';') => {
                self.place = Place::Between;
                let reference = std::mem::take(&mut self.reference);
                match letter(&reference) {
                    Some(letter) => self.text(&[letter]),
                    None => self.text(b"&"),
                }
            }
            (Place::Reference, b'#' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
                if self.reference.len() < REFERENCE_BYTES =>
            {
                self.reference.push(octet);
            }
            // It was none.
            (Place::Reference, _) => {
                self.place = Place::Between;
                let reference = std::mem::take(&mut self.reference);
                self.text(b"&");
                self.text(&reference);
                self.octet(octet);
            }
        }
    }

    fn text(&mut self, octets: &[u8]) {
        self.block.extend_from_slice(octets);
        if self.block.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.found |= self.read.finds(&self.block);
        self.block.clear();
    }
}

/// The letter of a reference such as `#57`, `#x39` or `nbsp`.
fn letter(reference: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(reference).ok()?;
    let number = match text.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => digits.parse().ok()?,
        },
        None if text == "nbsp" => 0xA0,
        None => return None,
    };
    if number == 0xA0 { Some(b' ') } else { u8::try_from(number).ok().filter(u8::is_ascii) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], block: usize) -> (bool, bool) {
        let mut reading = Text::new(&Scanner::new(&["999900006".to_owned()].into()));
        let found = text.chunks(block).fold(false, |found, block| found | reading.finds(block));
        let (at_the_end, says) = reading.ends();
        (found | at_the_end, says)
    }

    #[test]
    fn k_32_a_number_that_markup_parts_is_found() {
        let wide: Vec<u8> = "\u{feff}<b>9999</b>00006".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let texts: [&[u8]; 7] = [
            b"<w:t>9999</w:t></w:r><w:r><w:t>00006</w:t>",
            b"9999&#48;&#x30;006",
            b"9999&nbsp;00&nbsp;006",
            b"BSN <b>9999</b>00018",
            b"a & b, 999900006",
            b"&999900006",
            &wide,
        ];
        for block in [1, 3, 1000] {
            for text in texts {
                assert_eq!(read(text, block), (true, true), "{} in blocks of {block}", String::from_utf8_lossy(text));
            }
            assert_eq!(read("een brief & 9 x 9 < 100".as_bytes(), block), (false, true));
        }
    }

    #[test]
    fn k_32_what_is_no_text_is_not_held_to_be_read() {
        let embedded = "QUJD".repeat(40);
        for text in [&b"\x89PNG\r\n\x1a\n\0\0"[..], b"{\\rtf1\\ansi 9999\\b 00006}", embedded.as_bytes()] {
            assert_eq!(read(text, 1000), (false, false), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(read(b"", 1), (false, true));
    }

    #[test]
    fn k_32_a_picture_is_no_text_though_it_begins_as_utf_16_may() {
        let pictures: [(&str, &[u8]); 6] = [
            ("EMF", b"\x01\0\0\0\x6c\0\0\0 EMF"),
            ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
            ("HEIC", b"\0\0\0 ftypheic\0\0\0\0"),
            ("ICO", b"\0\0\x01\0\x01\0  \0\0"),
            ("zeros", &[0; 20]),
            ("control octets behind a mark", b"\xff\xfea\0\x01\0"),
        ];
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        for block in [1, 3, 1000] {
            for (what, picture) in pictures {
                assert_eq!(read(picture, block), (false, false), "{what} in blocks of {block}");
            }
            for text in ["<a>Een brief</a>", "\u{feff}Een brief"] {
                assert_eq!(read(&wide(text), block), (false, true), "{text} in blocks of {block}");
            }
        }
    }

    #[test]
    fn k_32_a_text_of_zeros_needs_no_memory() {
        for begin in [&b""[..], b"<", b"&", b"\xff\xfe<\0"] {
            let mut reading = Text::new(&Scanner::new(&["999900006".to_owned()].into()));
            reading.finds(begin);
            for _ in 0..100 {
                assert!(!reading.finds(&[0; BLOCK_BYTES]));
                assert!(reading.block.capacity() <= 2 * BLOCK_BYTES, "after {}", String::from_utf8_lossy(begin));
            }
        }
    }

    #[test]
    fn k_32_a_reference_in_utf_16_is_read_wherever_a_block_ends() {
        for before in BLOCK_BYTES / 2 - 20..BLOCK_BYTES / 2 {
            let text = format!("\u{feff}{}9999&#48;0006", "x".repeat(before));
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(read(&wide, 1000).0, "behind {before} letters");
        }
    }
}
