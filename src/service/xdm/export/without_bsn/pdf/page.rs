//! The text that the operators of a page show.
//!
//! Source: ISO 32000-1 §9.4.3.

use super::tokens::{Bracket, Reader};

/// What a stream of operators shows, as it passes.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// All strings that are shown, without anything between: a number may be shown digit by digit.
    pub(super) joined: Vec<u8>,
    /// Each string that is shown by itself, on a line of its own.
    pub(super) apart: Vec<u8>,
    /// Text was shown.
    pub(super) has_text: bool,
    /// A picture stands among the operators.
    pub(super) has_picture: bool,
    is_text: bool,
    /// Dictionaries that are open: those of marked content, whose strings are not shown.
    dictionaries: usize,
}

impl Reader for Page {
    fn name(&mut self, _: &[u8]) {}

    fn word(&mut self, word: &[u8]) -> bool {
        match word {
            b"BT" => self.is_text = true,
            b"ET" => self.is_text = false,
            b"BI" => self.has_picture = true,
            _ => {}
        }
        if word.first().is_some_and(|letter| letter.is_ascii_alphabetic() || matches!(letter, b'\'' | b'"')) {
            self.apart.push(b'\n');
            // An operator stands in no dictionary, whatever was left open.
            if !matches!(word, b"true" | b"false" | b"null" | b"R") {
                self.dictionaries = 0;
            }
        }
        false
    }

    fn bracket(&mut self, bracket: Bracket) {
        match bracket {
            Bracket::Dictionary => self.dictionaries = self.dictionaries.saturating_add(1),
            Bracket::DictionaryEnd => self.dictionaries = self.dictionaries.saturating_sub(1),
            Bracket::Array | Bracket::ArrayEnd => {}
        }
    }

    fn letter(&mut self, letter: u8) {
        self.apart.push(letter);
        if self.dictionaries == 0 {
            self.has_text |= self.is_text;
            self.joined.push(letter);
        }
    }

    fn string_ends(&mut self) {
        if self.dictionaries > 0 {
            self.apart.push(b'\n');
        }
    }
}
