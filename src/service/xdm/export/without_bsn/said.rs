//! Numbers that are said to be BSNs where they stand: nine digits that pass the eleven-test, near the word.
//!
//! So a BSN is found that nothing but the text itself knows of. Dots, dashes or blanks may stand between the digits, the same
//! everywhere; the arcs of an OID are no numbers of their own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::model::bsn::check_bsn;

/// Words for the BSN, in lower case; each begins with the letter that is looked for first.
const WORDS: [&[u8]; 3] = [b"bsn", b"burgerservicenummer", b"burger service nummer"];
/// So many octets from the word a number may be: twice as many letters in ASCII as in UTF-16.
const NEAR: usize = 128;
/// Octets of the longest word in UTF-16.
const LONGEST: usize = 2 * 21;
/// The end of what has passed that the next octets may belong to: all that is near a word, on both sides.
const KEPT: usize = 2 * NEAR + LONGEST;
/// Digits of a BSN.
const DIGITS: usize = 9;
/// Words of one document near which a number is looked for, each time anew: no text that a person reads has so many.
const EXAMINED_WORDS: usize = 500_000;

/// A search that goes on from block to block. One that is cloned is of the same document.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// The last octets.
    tail: Vec<u8>,
    /// Whether more has passed than those.
    has_passed: bool,
    /// Words that may still be examined, by all that search in the document.
    left: Arc<AtomicUsize>,
}

impl Default for Said {
    fn default() -> Self {
        Self::with(EXAMINED_WORDS)
    }
}

impl Said {
    fn with(words: usize) -> Self {
        Self { tail: Vec::new(), has_passed: false, left: Arc::new(AtomicUsize::new(words)) }
    }

    /// Whether there were more words than are examined: what is near the rest nobody knows.
    pub(super) fn gave_up(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Begins a new file, or another part of it.
    pub(super) fn restart(&mut self) {
        self.tail.clear();
        self.has_passed = false;
    }

    /// Whether such a number is whole with these octets.
    pub(super) fn finds(&mut self, octets: &[u8]) -> bool {
        let begin = octets.get(..KEPT).unwrap_or(octets);
        let seam = [self.tail.as_slice(), begin].concat();
        let mut found = self.is_said_in(&seam, self.has_passed, true);
        if begin.len() < octets.len() {
            found |= self.is_said_in(octets, self.has_passed || !self.tail.is_empty(), true);
            self.tail.clear();
            self.tail.extend_from_slice(octets.get(octets.len() - KEPT..).unwrap_or(octets));
            self.has_passed = true;
        } else {
            let surplus = seam.len().saturating_sub(KEPT);
            self.has_passed |= surplus > 0;
            self.tail = seam;
            self.tail.drain(..surplus);
        }
        found
    }

    /// Whether one is whole because the file ends.
    pub(super) fn ends(&self) -> bool {
        self.is_said_in(&self.tail, self.has_passed, false)
    }

    /// Whether a word has a number near it. More may come before and after these octets.
    fn is_said_in(&self, octets: &[u8], more_before: bool, more_after: bool) -> bool {
        memchr::memchr2_iter(b'b', b'B', octets).any(|at| {
            let Some(end) = octets.get(at..).and_then(word_length).map(|length| at + length) else { return false };
            if !self.may_examine() {
                return false;
            }
            let (from, to) = (at.saturating_sub(NEAR), octets.len().min(end + NEAR));
            let near = octets.get(from..to).unwrap_or_default();
            is_number_in(near, from > 0 || more_before, to < octets.len() || more_after)
        })
    }

    /// Counts one more word.
    fn may_examine(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Octets of the word with which a text begins, in ASCII or UTF-16.
fn word_length(text: &[u8]) -> Option<usize> {
    WORDS.iter().find_map(|word| {
        let wide = || {
            let pairs = text.get(..2 * word.len() - 1)?;
            let is = pairs.iter().enumerate().all(|(n, octet)| match n % 2 {
                0 => word.get(n / 2).is_some_and(|letter| letter.eq_ignore_ascii_case(octet)),
                _ => *octet == 0,
            });
            is.then_some(pairs.len())
        };
        let is = text.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if is { Some(word.len()) } else { wide() }
    })
}

/// Digits that stand together.
struct Run {
    from: usize,
    to: usize,
}

/// Whether there is a number of nine digits that passes the eleven-test. One that may go on beyond an end is none.
fn is_number_in(near: &[u8], more_before: bool, more_after: bool) -> bool {
    let text: Vec<u8> = near.iter().copied().filter(|octet| *octet != 0).collect();
    let mut runs: Vec<Run> = Vec::new();
    for (at, octet) in text.iter().enumerate() {
        if !octet.is_ascii_digit() {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.to == at => run.to = at + 1,
            _ => runs.push(Run { from: at, to: at + 1 }),
        }
    }
    let is_dotted = |dot: Option<usize>, digit: Option<usize>| {
        let octet = |at: Option<usize>| at.and_then(|at| text.get(at));
        octet(dot) == Some(&b'.') && octet(digit).is_some_and(u8::is_ascii_digit)
    };
    let ends_here = |run: &Run| {
        let (is_cut, next) = (run.to == text.len() && more_after, Some(run.to));
        !is_cut && !is_dotted(next, next.map(|at| at + 1))
    };
    runs.iter().enumerate().any(|(first, run)| {
        let (is_cut, before) = (run.from == 0 && more_before, run.from.checked_sub(1));
        if is_cut || is_dotted(before, before.and_then(|at| at.checked_sub(1))) {
            return false;
        }
        let (mut number, mut last, mut between) = (String::new(), run, None);
        for next in runs.get(first..).unwrap_or_default() {
            if !number.is_empty() {
                let separator = text.get(last.to..next.from).unwrap_or_default();
                let ([b'.' | b'-' | b' '], true) = (separator, between.is_none_or(|it| it == separator)) else {
                    return false;
                };
                between = Some(separator);
            }
            number.extend(text.get(next.from..next.to).unwrap_or_default().iter().map(|digit| char::from(*digit)));
            last = next;
            if number.len() >= DIGITS {
                break;
            }
        }
        check_bsn(&number).is_ok() && ends_here(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &[u8], block: usize) -> bool {
        let mut said = Said::default();
        text.chunks(block).fold(false, |found, block| found | said.finds(block)) | said.ends()
    }

    #[test]
    fn k_32_nine_digits_that_are_said_to_be_a_bsn_are_found() {
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let long = format!("{}BSN 999900018{}", "x 1. ".repeat(200), " y".repeat(400));
        let said = [
            "BSN 999900018",
            "bsn: 9999.00.018.",
            "Burgerservicenummer (BSN) 9999 00 018 of 01-01-1980",
            "999900018 is the BSN",
            "<patient BSN=\"999900018\"/>",
            "<burgerServiceNummer>999900018</burgerServiceNummer>",
            "burger service nummer 099990003",
            "BSN999900018Geboren",
            &long,
        ];
        let not = [
            "999900018",
            "BSN 999900019",
            "BSN 1999900018",
            "BSN unknown, root 2.16.999900018.1",
            "BSN unknown, 999.9000-18",
            "BSN 9999000181",
            &format!("BSN{}999900018", " x".repeat(100)),
        ];
        for block in [1, 2, 7, 100, 1000, 100_000] {
            for text in said {
                assert!(finds(text.as_bytes(), block), "{text} in blocks of {block}");
                assert!(finds(&wide(text), block), "wide {text} in blocks of {block}");
            }
            for text in not {
                assert!(!finds(text.as_bytes(), block), "{text} in blocks of {block}");
            }
        }
    }

    #[test]
    fn k_32_what_was_said_of_another_file_does_not_count() {
        let mut said = Said::default();
        assert!(!said.finds(b"BSN: "));
        said.restart();
        assert!(!said.finds(b"999900018") && !said.ends());
    }

    #[test]
    fn k_32_beyond_so_many_words_the_search_says_nothing() {
        let mut said = Said::with(3);
        assert!(!said.finds(b"BSN, BSN") && !said.gave_up());
        let mut other = said.clone();
        other.restart();
        assert!(!other.finds(b"BSN, BSN"));
        assert!(!other.finds(b"999900018 "));
        assert!(said.gave_up() && other.gave_up(), "they are of one document");
        assert!(!Said::default().gave_up());
    }
}
