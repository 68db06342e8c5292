//! Keys and their texts from file and environment, handed out one by one; what is left over is unknown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    time::Duration,
};

use secrecy::SecretString;
use toml::de::{DeTable, DeValue};

use super::units;

/// The beginning of every variable.
const PREFIX: &str = "KNOOP_";
/// Variables of the test suite, no concern of the server.
const TEST_PREFIX: &str = "KNOOP_TEST_";
/// Longest part of a wrong value that a message repeats.
const SHOWN_CHARACTERS: usize = 80;

/// Where a value stands.
#[derive(Clone, Debug)]
enum Origin {
    File { name: String, line: usize },
    Variable { name: String },
    Whole { name: String },
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug)]
pub struct Problem {
    origin: Origin,
    key: Option<String>,
    text: String,
}

impl Problem {
    pub(super) fn of_file(name: &str, text: String) -> Self {
        Self { origin: Origin::Whole { name: name.to_owned() }, key: None, text }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { name, line } => write!(f, "{name}:{line}: ")?,
            Origin::Variable { name } | Origin::Whole { name } => write!(f, "{name}: ")?,
        }
        match (&self.key, &self.origin) {
            (Some(key), Origin::File { .. } | Origin::Whole { .. }) => write!(f, "{key}: {}", self.text),
            _ => f.write_str(&self.text),
        }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    /// One line each.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Text {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Debug)]
struct Setting {
    text: Text,
    origin: Origin,
}

/// What file and environment say. Reading takes keys out; [`Settings::into_result`] refuses the rest.
#[derive(Default)]
pub(super) struct Settings {
    values: BTreeMap<String, Setting>,
    known: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Settings {
    pub(super) fn add_problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn add_toml(&mut self, name: &str, text: &str) {
        match DeTable::parse(text) {
            Ok(table) => self.add_table(name, text, "", table.get_ref()),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                let origin = Origin::File { name: name.to_owned(), line };
                let first_line = error.message().lines().next().unwrap_or("not TOML").to_owned();
                self.problems.push(Problem { origin, key: None, text: first_line });
            }
        }
    }

    fn add_table(&mut self, name: &str, source: &str, above: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
            let origin = Origin::File { name: name.to_owned(), line: line_of(source, key.span().start) };
            let text = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.add_table(name, source, &path, inner);
                    continue;
                }
                DeValue::Array(items) => {
                    items.iter().map(|item| scalar(item.get_ref())).collect::<Option<_>>().map(Text::Many)
                }
                other => scalar(other).map(Text::One),
            };
            match text {
                Some(text) => drop(self.values.insert(path, Setting { text, origin })),
                None => {
                    let text = "a text, a number, true, false or a list of these is wanted".to_owned();
                    self.problems.push(Problem { origin, key: Some(path), text });
                }
            }
        }
    }

    pub(super) fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !name.starts_with(TEST_PREFIX)) else { continue };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            self.values.insert(key, Setting { text: Text::One(value), origin: Origin::Variable { name } });
        }
    }

    fn take(&mut self, key: &str) -> Option<Setting> {
        self.known.insert(key.to_owned());
        self.values.remove(key)
    }

    fn refuse(&mut self, key: &str, origin: Origin, text: String) {
        self.problems.push(Problem { origin, key: Some(key.to_owned()), text });
    }

    /// The names that stand directly below a section, for sections that the operator names.
    pub(super) fn names(&self, section: &str) -> BTreeSet<String> {
        let below = |key: &String| {
            let rest = key.strip_prefix(section)?.strip_prefix('.')?;
            rest.split_once('.').map(|(name, _)| name.to_owned())
        };
        self.values.keys().filter_map(below).collect()
    }

    /// Adds a problem that only several keys together make.
    pub(super) fn contradiction(&mut self, key: &str, text: &str) {
        self.refuse(key, Origin::Whole { name: "configuration".to_owned() }, text.to_owned());
    }

    /// The value of a key read by `parse`, if it is there and in order.
    pub(super) fn with<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let setting = self.take(key)?;
        let text = match setting.text {
            Text::One(text) => text,
            Text::Many(_) => {
                self.refuse(key, setting.origin, "one value is wanted, not a list".to_owned());
                return None;
            }
        };
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.refuse(key, setting.origin, problem);
                None
            }
        }
    }

    pub(super) fn optional<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Option<T> {
        self.with(key, |text| text.parse().map_err(|error| format!("'{}': {error}", shown(text))))
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, default: usize, lowest: usize, ceiling: usize) -> usize {
        let read = |text: &str| match text.parse::<usize>() {
            Err(_) => Err(format!("'{}' is not a whole number", shown(text))),
            Ok(n) if n < lowest => Err(format!("at least {lowest}")),
            Ok(n) if n > ceiling => Err(format!("at most {ceiling}")),
            Ok(n) => Ok(n),
        };
        self.with(key, read).unwrap_or(default)
    }

    /// Octets, written `8 MiB`.
    pub(super) fn size(&mut self, key: &str, default: &str, ceiling: &str) -> u64 {
        let constant = |text| units::parse_size(text).expect("a size in the program text is well formed");
        let read = |text: &str| match units::parse_size(text) {
            None => Err(format!("'{}' is not a size such as 64 KiB, 8 MiB or 4 GiB", shown(text))),
            Some(0) => Err("must not be 0".to_owned()),
            Some(n) if n > constant(ceiling) => Err(format!("at most {ceiling}")),
            Some(n) => Ok(n),
        };
        self.with(key, read).unwrap_or_else(|| constant(default))
    }

    /// A span of time, written `30 s`, if there is one.
    pub(super) fn optional_duration(&mut self, key: &str) -> Option<Duration> {
        self.with(key, |text| {
            units::parse_duration(text)
                .ok_or_else(|| format!("'{}' is not a time such as 500 ms, 30 s, 5 min, 2 h or 30 d", shown(text)))
        })
    }

    /// A span of time, written `30 s`.
    pub(super) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        self.optional_duration(key).unwrap_or(default)
    }

    /// A span of time with a ceiling.
    pub(super) fn duration_within(&mut self, key: &str, default: Duration, ceiling: &str) -> Duration {
        let most = units::parse_duration(ceiling).expect("a time in the program text is well formed");
        let read = |text: &str| match units::parse_duration(text) {
            None => Err(format!("'{}' is not a time such as 500 ms, 30 s, 5 min, 2 h or 30 d", shown(text))),
            Some(time) if time > most => Err(format!("at most {ceiling}")),
            Some(time) => Ok(time),
        };
        self.with(key, read).unwrap_or(default)
    }

    /// A span of time that may not be longer than `ceiling`.
    pub(super) fn duration_up_to(&mut self, key: &'static str, default: Duration, ceiling: Duration) -> Duration {
        let read = |text: &str| match units::parse_duration(text) {
            None => Err(format!("'{}' is not a time such as 500 ms, 30 s, 5 min, 2 h or 30 d", shown(text))),
            Some(span) if span > ceiling => Err(format!("at most {} s", ceiling.as_secs())),
            Some(span) => Ok(span),
        };
        self.with(key, read).unwrap_or(default)
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&mut self, key: &str, words: &[(&'static str, T)], default: T) -> T {
        let read = |text: &str| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                let hint = nearest(text, words.iter().map(|(word, _)| *word))
                    .map_or_else(String::new, |word| format!("; did you mean {word}?"));
                format!("'{}' is none of {all}{hint}", shown(text))
            })
        };
        self.with(key, read).unwrap_or(default)
    }

    /// A list; a single text, as from a variable, is split at commas.
    pub(super) fn list(&mut self, key: &str) -> Vec<String> {
        self.list_with(key, |item| Ok(item.to_owned()))
    }

    /// A list whose items are read by `parse`; the first that is not in order is told.
    pub(super) fn list_with<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some(Setting { text, origin }) = self.take(key) else { return Vec::new() };
        let read: Result<Vec<T>, String> = match text {
            Text::Many(items) => items.iter().map(|item| parse(item)).collect(),
            Text::One(text) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(parse).collect(),
        };
        read.unwrap_or_else(|problem| {
            self.refuse(key, origin, problem);
            Vec::new()
        })
    }

    /// A secret, from the key itself or from the file that `file_key` names.
    pub(super) fn secret(&mut self, key: &str, file_key: &str) -> Option<SecretString> {
        let here = self.with(key, |text| Ok(SecretString::from(text)));
        let from_file = self.with(file_key, |path| {
            std::fs::read_to_string(path)
                .map(|text| SecretString::from(text.trim_end_matches(['\r', '\n'])))
                .map_err(|error| format!("'{}' cannot be read: {error}", shown(path)))
        });
        here.or(from_file)
    }

    /// Every key that was asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str)
    }

    pub(super) fn into_result(mut self) -> Result<(), ConfigError> {
        for (key, setting) in std::mem::take(&mut self.values) {
            let text = if self.known.iter().any(|known| known.strip_prefix(&key).is_some_and(|k| k.starts_with('.'))) {
                format!("this is a section; write [{key}] above its keys")
            } else {
                let hint = nearest(&key, self.known.iter().map(String::as_str));
                format!("unknown key{}", hint.map_or_else(String::new, |known| format!("; did you mean {known}?")))
            };
            self.refuse(&key, setting.origin, text);
        }
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn line_of(source: &str, offset: usize) -> usize {
    1 + source.bytes().take(offset).filter(|b| *b == b'\n').count()
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect()
}

/// The word most like `text`, if any is like it at all.
pub(super) fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words
        .map(|word| (strsim::jaro_winkler(text, word), word))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}
