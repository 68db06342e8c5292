//! The form in which texts are compared.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Normalisation form C: identifiers, codes and names compare by code points in it.
///
/// Source: ITI TF-2 Appendix F (R-META-33).
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_33_texts_compare_after_nfc() {
        assert_eq!(nfc("e\u{301}"), "é");
        assert!(matches!(nfc("é"), Cow::Borrowed(_)));
        assert!(matches!(nfc("e"), Cow::Borrowed(_)));
    }
}
