//! Values made harmless. Source: spec security section 5 (S-IN-23).

use std::fmt::{self, Write};

/// Longest value, in octets before escaping.
const VALUE_BYTES: usize = 1024;

/// Writes at most 1 KiB of what it is given, escaped so that it may stand between the quotes of a JSON text.
pub(super) struct Escaped<'a> {
    out: &'a mut dyn Write,
    left: usize,
    quotes: Quotes,
}

/// Whether quotes and backslashes are escaped as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Escape,
    Keep,
}

impl<'a> Escaped<'a> {
    pub(super) fn new(out: &'a mut dyn Write, quotes: Quotes) -> Self {
        Self { out, left: VALUE_BYTES, quotes }
    }
}

/// Characters that turn the direction of writing, end a line on some terminals, or are not shown.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let Some(left) = self.left.checked_sub(c.len_utf8()) else {
                if self.left > 0 {
                    self.out.write_char('…')?;
                }
                self.left = 0;
                return Ok(());
            };
            self.left = left;
            match c {
                '"' | '\\' if self.quotes == Quotes::Escape => write!(self.out, "\\{c}")?,
                '\n' => self.out.write_str("\\n")?,
                '\r' => self.out.write_str("\\r")?,
                '\t' => self.out.write_str("\\t")?,
                c if c.is_control() || is_hidden(c) => write!(self.out, "\\u{:04x}", u32::from(c))?,
                c => self.out.write_char(c)?,
            }
        }
        Ok(())
    }
}
