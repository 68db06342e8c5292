//! The code lists from which `submit` and the demo fill metadata: a TOML file, one of which is built in.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Code, CodeError, CodeValue};

/// Built in.
const DEFAULT: &str = include_str!("codes.toml");

/// One code of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: String,
    scheme: String,
    name: String,
    /// classCode that goes with a typeCode.
    class: Option<String>,
}

/// A code that cannot be found or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum CodesError {
    #[error("the code lists cannot be read: {0}")]
    Syntax(String),
    #[error("the code lists have no list {0}")]
    NoList(String),
    #[error("{list} {code} is in no list; write CODE^^SCHEME, or one of {known}")]
    Unknown { list: String, code: String, known: String },
    #[error("{list}: {error}")]
    Code { list: String, error: CodeError },
}

/// Lists by the name of their attribute: class, type, format, facility, practice, confidentiality, content, event.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cli) struct CodeLists {
    /// formatCode by media type.
    format_of: BTreeMap<String, String>,
    #[serde(flatten)]
    lists: BTreeMap<String, Vec<Row>>,
}

impl CodeLists {
    /// The lists that are built in.
    pub(in crate::cli) fn built_in() -> Self {
        Self::parse(DEFAULT).expect("the built-in code lists are well formed")
    }

    /// The lists of a file.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, CodesError> {
        toml::from_str(text).map_err(|error| CodesError::Syntax(error.to_string()))
    }

    fn rows(&self, list: &str) -> Result<&[Row], CodesError> {
        self.lists
            .get(list)
            .map(Vec::as_slice)
            .filter(|rows| !rows.is_empty())
            .ok_or_else(|| CodesError::NoList(list.into()))
    }

    fn code(list: &str, row: &Row) -> Result<Code, CodesError> {
        let value = CodeValue::new(&row.code, &row.scheme);
        let value = value.map_err(|error| CodesError::Code { list: list.into(), error })?;
        Ok(Code { value, display_name: row.name.as_str().into() })
    }

    /// Every code of a list.
    pub(in crate::cli) fn all(&self, list: &str) -> Result<Vec<Code>, CodesError> {
        self.rows(list)?.iter().map(|row| Self::code(list, row)).collect()
    }

    /// The code that a person wrote: `CODE` from the list, or `CODE^^SCHEME`, whose name is taken from the list if it has it.
    pub(in crate::cli) fn find(&self, list: &str, written: &str) -> Result<Code, CodesError> {
        let rows = self.rows(list)?;
        if let Ok(value) = written.parse::<CodeValue>() {
            let known = rows.iter().find(|row| row.code == value.code() && row.scheme == value.coding_scheme());
            let display_name = known.map_or_else(|| value.code().into(), |row| row.name.as_str().into());
            return Ok(Code { value, display_name });
        }
        let row =
            rows.iter().find(|row| row.code.eq_ignore_ascii_case(written)).ok_or_else(|| CodesError::Unknown {
                list: list.into(),
                code: written.into(),
                known: rows.iter().map(|row| row.code.as_str()).collect::<Vec<_>>().join(", "),
            })?;
        Self::code(list, row)
    }

    /// The first code of a list, its default.
    pub(in crate::cli) fn first(&self, list: &str) -> Result<Code, CodesError> {
        let row = self.rows(list)?.first().ok_or_else(|| CodesError::NoList(list.into()))?;
        Self::code(list, row)
    }

    /// The classCode that goes with a typeCode, else the first.
    pub(in crate::cli) fn class_of(&self, type_code: &Code) -> Result<Code, CodesError> {
        let row = self.rows("type")?.iter().find(|row| row.code == type_code.value.code());
        match row.and_then(|row| row.class.as_deref()) {
            Some(class) => self.find("class", class),
            None => self.first("class"),
        }
    }

    /// The formatCode that goes with a media type, else the first.
    pub(in crate::cli) fn format_of(&self, media_type: &str) -> Result<Code, CodesError> {
        match self.format_of.get(media_type) {
            Some(format) => self.find("format", format),
            None => self.first("format"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_itself_and_by_code_and_scheme() {
        let lists = CodeLists::built_in();
        let short = lists.find("type", "34133-9").unwrap();
        let full = lists.find("type", "34133-9^^2.16.840.1.113883.6.1").unwrap();
        assert_eq!(short, full);
        assert_eq!(&*full.display_name, "Summary of episode note");
        let other = lists.find("type", "X^^1.2.3").unwrap();
        assert_eq!(other.value.to_string(), "X^^1.2.3");
    }

    #[test]
    fn an_unknown_code_names_those_that_are_known() {
        let error = CodeLists::built_in().find("confidentiality", "Z").expect_err("not in the list").to_string();
        assert_eq!(error, "confidentiality Z is in no list; write CODE^^SCHEME, or one of N, R, V");
    }

    #[test]
    fn every_default_of_the_built_in_lists_resolves() {
        let lists = CodeLists::built_in();
        for list in ["class", "type", "format", "facility", "practice", "confidentiality", "content", "event"] {
            assert!(lists.first(list).is_ok(), "{list}");
        }
        for media_type in lists.format_of.keys() {
            assert!(lists.format_of(media_type).is_ok(), "{media_type}");
        }
        for code in lists.all("type").unwrap() {
            assert!(lists.class_of(&code).is_ok(), "{}", code.value);
        }
    }
}
