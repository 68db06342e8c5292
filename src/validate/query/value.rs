//! The grammar of parameter values: numbers, strings in single quotes, lists in parentheses.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.5 (R-18-05, R-18-06, R-18-09).

use std::{collections::BTreeSet, fmt};

use crate::validate::Tolerance;

/// How an item was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// Digits only.
    Number,
    /// In quotes.
    Quoted,
    /// Neither: a leniency.
    Bare,
}

/// One item of a value. `Debug` prints no text: it may name a patient.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) text: String,
    pub(super) notation: Notation,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Item({:?})", self.notation)
    }
}

/// One rim:Value, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) items: Vec<Item>,
    pub(super) in_parentheses: bool,
    pub(super) tolerated: BTreeSet<Tolerance>,
}

/// Why a text is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    /// Nothing there.
    #[error("the value is empty")]
    Empty,
    /// `()`, or nothing between two commas.
    #[error("an item is empty")]
    EmptyItem,
    /// A quote without its partner.
    #[error("a quote is not closed")]
    OpenQuote,
    /// A parenthesis without its partner.
    #[error("a parenthesis is not closed")]
    OpenParenthesis,
    /// No comma between items, or text behind the end.
    #[error("a comma is missing, or text follows the end of the value")]
    MissingComma,
    /// Neither digits nor quotes.
    #[error("text must stand in single quotes")]
    NotQuoted,
}

/// Reads one value. Never recursive, one pass.
pub(super) fn parse(text: &str) -> Result<Value, ValueError> {
    let text = text.trim();
    let mut value = Value::default();
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    let Some(mut rest) = text.strip_prefix('(') else {
        let item = match read_item(text, &mut value.tolerated) {
            Ok((item, tail)) if tail.trim().is_empty() => item,
            Ok((Item { notation: Notation::Quoted, .. }, _)) => return Err(ValueError::MissingComma),
            _ => bare(text, &mut value.tolerated)?,
        };
        value.items.push(item);
        return Ok(value);
    };
    value.in_parentheses = true;
    loop {
        let (item, tail) = read_item(rest.trim_start(), &mut value.tolerated)?;
        value.items.push(item);
        let tail = tail.trim_start();
        if let Some(next) = tail.strip_prefix(',') {
            rest = next;
        } else if let Some(end) = tail.strip_prefix(')') {
            return if end.is_empty() { Ok(value) } else { Err(ValueError::MissingComma) };
        } else {
            return Err(if tail.is_empty() { ValueError::OpenParenthesis } else { ValueError::MissingComma });
        }
    }
}

/// Text without quotes, commas and parentheses, alone in its value: old clients send it so.
fn bare(text: &str, tolerated: &mut BTreeSet<Tolerance>) -> Result<Item, ValueError> {
    if text.starts_with(['\'', '"']) {
        return Err(ValueError::OpenQuote);
    }
    if text.contains([',', '(', ')', '\'', '"']) {
        return Err(ValueError::NotQuoted);
    }
    tolerated.insert(Tolerance::UnquotedText);
    Ok(Item { text: text.to_owned(), notation: Notation::Bare })
}

/// Reads a number or a string from the front; gives what follows it.
fn read_item<'a>(text: &'a str, tolerated: &mut BTreeSet<Tolerance>) -> Result<(Item, &'a str), ValueError> {
    match text.chars().next() {
        None => Err(ValueError::OpenParenthesis),
        Some(')' | ',') => Err(ValueError::EmptyItem),
        Some(quote @ ('\'' | '"')) => {
            if quote == '"' {
                tolerated.insert(Tolerance::DoubleQuotes);
            }
            read_quoted(&text[1..], quote)
        }
        Some(first) if first.is_ascii_digit() => {
            let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
            let (digits, tail) = text.split_at(end);
            Ok((Item { text: digits.to_owned(), notation: Notation::Number }, tail))
        }
        Some(_) => Err(ValueError::NotQuoted),
    }
}

/// Reads up to the closing quote; a doubled one stands for itself.
fn read_quoted(text: &str, quote: char) -> Result<(Item, &str), ValueError> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let (plain, tail) = rest.split_once(quote).ok_or(ValueError::OpenQuote)?;
        out.push_str(plain);
        let Some(next) = tail.strip_prefix(quote) else {
            return Ok((Item { text: out, notation: Notation::Quoted }, tail));
        };
        out.push(quote);
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(value: &str) -> Result<Vec<String>, ValueError> {
        parse(value).map(|value| value.items.into_iter().map(|item| item.text).collect())
    }

    #[test]
    fn r_18_05_numbers_strings_and_lists() {
        for (value, items) in [
            ("20240301", vec!["20240301"]),
            ("'x'", vec!["x"]),
            ("''''", vec!["'"]),
            ("'O''Brien'", vec!["O'Brien"]),
            ("''", vec![""]),
            ("('a','b')", vec!["a", "b"]),
            (" ( 'a' , 'b' ) ", vec!["a", "b"]),
            ("('a, (b)',7)", vec!["a, (b)", "7"]),
            ("(' a ')", vec![" a "]),
            ("(1,2)", vec!["1", "2"]),
        ] {
            assert_eq!(texts(value), Ok(items.into_iter().map(str::to_owned).collect()), "{value}");
        }
    }

    #[test]
    fn r_18_09_what_cannot_be_read_is_refused() {
        for (value, error) in [
            ("", ValueError::Empty),
            ("  ", ValueError::Empty),
            ("()", ValueError::EmptyItem),
            ("('a',)", ValueError::EmptyItem),
            ("(,'a')", ValueError::EmptyItem),
            ("'a", ValueError::OpenQuote),
            ("('a)", ValueError::OpenQuote),
            ("('a'", ValueError::OpenParenthesis),
            ("('a',", ValueError::OpenParenthesis),
            ("('a' 'b')", ValueError::MissingComma),
            ("('a'),('b')", ValueError::MissingComma),
            ("'a','b'", ValueError::MissingComma),
            ("(a)", ValueError::NotQuoted),
            ("a,b", ValueError::NotQuoted),
            ("O'Brien", ValueError::NotQuoted),
            ("(('a'))", ValueError::NotQuoted),
        ] {
            assert_eq!(parse(value), Err(error), "{value}");
        }
    }

    #[test]
    fn r_18_09_harmless_habits_are_read_and_named() {
        for (value, text, habit) in [
            ("P100^^^&1.2.3&ISO", "P100^^^&1.2.3&ISO", Tolerance::UnquotedText),
            ("20240101000000+0100", "20240101000000+0100", Tolerance::UnquotedText),
            ("\"x\"", "x", Tolerance::DoubleQuotes),
            ("(\"x\")", "x", Tolerance::DoubleQuotes),
        ] {
            let read = parse(value).unwrap();
            assert_eq!(read.items[0].text, text);
            assert!(read.tolerated.contains(&habit), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_by_the_rules_is_read_back(items in prop::collection::vec(".{0,20}", 1..5)) {
            let list: Vec<String> = items.iter().map(|item| format!("'{}'", item.replace('\'', "''"))).collect();
            prop_assert_eq!(texts(&format!("({})", list.join(" , "))), Ok(items.clone()));
        }
    }
}
