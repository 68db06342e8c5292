//! Text of strangers made harmless before it stands in a message.

use std::borrow::Cow;

/// Characters of an attribute value. Source: S-AUD-18.
pub(super) const VALUE_CHARACTERS: usize = 1024;

/// One line of at most [`VALUE_CHARACTERS`] characters that XML 1.0 allows: CR, LF and TAB become spaces, what XML forbids
/// becomes U+FFFD. Source: S-AUD-18.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !matches!(c, '\t' | '\n' | '\r') && is_xml(c);
    // Octets are never fewer than characters.
    if text.len() <= VALUE_CHARACTERS && text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let neutral = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        c if is_xml(c) => c,
        _ => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().take(VALUE_CHARACTERS).map(neutral).collect())
}

/// Source: XML 1.0 §2.2, Char.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// The beginning of a text, of at most so many octets, that ends at a character.
pub(super) fn beginning(text: &str, octets: usize) -> &str {
    text.get(..text.floor_char_boundary(octets)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_aud_18_forbidden_characters_are_replaced_and_lines_joined() {
        assert_eq!(line("a\0b\u{1}c\u{FFFE}d\r\n\te"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}d   e");
        assert_eq!(line("ongewijzigd é 𝄞"), "ongewijzigd é 𝄞");
    }

    #[test]
    fn s_aud_18_a_value_has_at_most_1024_characters() {
        assert_eq!(line(&"é".repeat(1025)).chars().count(), 1024);
        assert_eq!(line(&"é".repeat(1024)), "é".repeat(1024));
    }

    #[test]
    fn a_beginning_ends_at_a_character() {
        assert_eq!(beginning("aé", 2), "a");
        assert_eq!(beginning("aé", 3), "aé");
        assert_eq!(beginning("aé", 9), "aé");
    }
}
