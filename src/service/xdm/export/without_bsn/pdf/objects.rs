//! What dictionaries of a PDF tell: how a stream is packed and what it holds, whether the text of a font can be read, and what
//! the document has that cannot.
//!
//! Source: ISO 32000-1 §7.3.8, §7.5.7, §9.6, §9.7.

use super::tokens::{Bracket, Reader};

/// Dictionaries within one another that are looked into.
const DEPTH: usize = 64;

/// How the octets of a stream are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Packed {
    #[default]
    Not,
    /// Flate.
    Flate,
    /// In a way that is not known here.
    Otherwise,
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Holds {
    /// Operators, or something else without objects.
    #[default]
    Content,
    Objects,
    /// A picture, or a file: no program reads a number there.
    Closed,
    /// Nothing that a person reads: where objects are, or the shapes of letters.
    NoText,
}

/// A dictionary.
#[derive(Clone, Debug, Default)]
pub(super) struct Dictionary {
    key: Vec<u8>,
    /// The next thing is the value of the key.
    is_value: bool,
    arrays: usize,
    pub(super) packed: Packed,
    pub(super) holds: Holds,
    /// A predictor changes what is unpacked.
    pub(super) is_predicted: bool,
    font: Font,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    None,
    /// Its codes are letters where its encoding says so.
    Simple,
    /// Its codes are numbers of shapes.
    Composite,
}

#[derive(Clone, Copy, Debug, Default)]
struct Font {
    kind: Kind,
    /// The codes of its digits and letters are those of ASCII.
    is_encoded: bool,
    /// It is one of those that every viewer has.
    is_standard: bool,
    has_encoding: bool,
}

/// Encodings in which digits and letters have the codes of ASCII.
const ENCODINGS: [&[u8]; 4] = [b"WinAnsiEncoding", b"MacRomanEncoding", b"StandardEncoding", b"PDFDocEncoding"];
/// The beginnings of the names of standard fonts: where they have digits, those have the codes of ASCII.
const STANDARD: [&[u8]; 5] = [b"Helvetica", b"Times-", b"Courier", b"Symbol", b"ZapfDingbats"];

impl Dictionary {
    fn name(&mut self, name: &[u8]) {
        if !self.is_value && self.arrays == 0 {
            self.key = name.to_vec();
            self.is_value = true;
            if matches!(name, b"Length1" | b"Length2" | b"Length3") {
                self.holds = Holds::NoText;
            }
            return;
        }
        match (self.key.as_slice(), name) {
            (b"Filter", b"FlateDecode") if self.packed == Packed::Not => self.packed = Packed::Flate,
            (b"Filter", _) => self.packed = Packed::Otherwise,
            (b"Type", b"ObjStm") => self.holds = Holds::Objects,
            (b"Type", b"XRef") => self.holds = Holds::NoText,
            (b"Type", b"EmbeddedFile") | (b"Subtype", b"Image") => self.holds = Holds::Closed,
            (b"Subtype", b"Type1C" | b"CIDFontType0C" | b"OpenType") => self.holds = Holds::NoText,
            (b"Subtype", b"Type1" | b"MMType1" | b"TrueType") => self.font.kind = Kind::Simple,
            (b"Subtype", b"Type0" | b"Type3" | b"CIDFontType0" | b"CIDFontType2") => self.font.kind = Kind::Composite,
            (b"Encoding", _) => self.font.is_encoded = ENCODINGS.contains(&name),
            (b"BaseFont", _) => self.font.is_standard = STANDARD.iter().any(|it| name.starts_with(it)),
            _ => {}
        }
        self.value();
    }

    /// Something that is no name stands where a value does.
    fn other(&mut self) {
        match self.key.as_slice() {
            // A reference to something that was not looked up.
            b"Filter" => self.packed = Packed::Otherwise,
            b"Encoding" => (self.font.is_encoded, self.font.has_encoding) = (false, true),
            _ => {}
        }
        self.value();
    }

    fn value(&mut self) {
        if self.key == b"Encoding" {
            self.font.has_encoding = true;
        }
        self.is_value &= self.arrays > 0;
    }

    /// Whether text in a font that this describes cannot be read.
    fn is_unread_font(&self) -> bool {
        let Font { kind, is_encoded, is_standard, has_encoding } = self.font;
        match kind {
            Kind::None => false,
            Kind::Composite => true,
            Kind::Simple => !is_encoded && (has_encoding || !is_standard),
        }
    }
}

/// Objects as they pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    open: Vec<Dictionary>,
    /// The last one that ended and is in no other: that of a stream, if one follows.
    pub(super) last: Option<Dictionary>,
    /// Something was found that no program reads.
    pub(super) is_unread: bool,
    /// The text of the strings.
    pub(super) text: Vec<u8>,
}

impl Objects {
    /// Whether every dictionary that began has ended.
    pub(super) fn is_whole(&self) -> bool {
        self.open.is_empty()
    }
}

impl Reader for Objects {
    fn name(&mut self, name: &[u8]) {
        let Some(dictionary) = self.open.last_mut() else { return };
        dictionary.name(name);
        // Encrypted, or with a form or files of its own.
        self.is_unread |= dictionary.is_value && matches!(name, b"Encrypt" | b"XFA" | b"EF");
    }

    fn word(&mut self, word: &[u8]) -> bool {
        if let Some(dictionary) = self.open.last_mut() {
            let is_large = word.len() > 1 || word.first().is_some_and(|digit| *digit > b'1');
            dictionary.is_predicted |= dictionary.is_value
                && match dictionary.key.as_slice() {
                    b"Predictor" => is_large,
                    // A reference to something that was not looked up.
                    b"DecodeParms" => word != b"null",
                    _ => false,
                };
            dictionary.other();
        } else if word == b"stream" {
            return true;
        } else {
            self.last = None;
        }
        false
    }

    fn bracket(&mut self, bracket: Bracket) {
        match bracket {
            Bracket::Dictionary if self.open.len() < DEPTH => self.open.push(Dictionary::default()),
            Bracket::Dictionary => self.is_unread = true,
            Bracket::DictionaryEnd => {
                let Some(dictionary) = self.open.pop() else { return };
                self.is_unread |= dictionary.is_unread_font();
                match self.open.last_mut() {
                    Some(above) => {
                        above.is_predicted |= dictionary.is_predicted && above.key == b"DecodeParms";
                        above.other();
                    }
                    None => self.last = Some(dictionary),
                }
            }
            Bracket::Array => {
                if let Some(dictionary) = self.open.last_mut() {
                    dictionary.arrays += 1;
                }
            }
            Bracket::ArrayEnd => {
                if let Some(dictionary) = self.open.last_mut() {
                    dictionary.arrays = dictionary.arrays.saturating_sub(1);
                    dictionary.value();
                }
            }
        }
    }

    fn letter(&mut self, letter: u8) {
        self.text.push(letter);
    }

    fn string_ends(&mut self) {
        self.text.push(b'\n');
        if let Some(dictionary) = self.open.last_mut() {
            dictionary.other();
        }
    }
}
