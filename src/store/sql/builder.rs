//! Puts together the statements of stored queries, whose conditions differ from request to request.
//!
//! Only texts of the program go into the SQL; values go in as numbered parameters. The one place with `AssertSqlSafe`.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::{Args, Value, dialect::Dialect};
use crate::store::StoreError;

/// More conditions than this are nobody's question; databases have limits of depth not far above.
const MOST_CONDITIONS: usize = 256;

/// A statement in the making. Texts may hold the marks of [`Dialect::expand`].
pub(super) struct SqlBuilder {
    name: &'static str,
    text: String,
    args: Args,
    conditions: usize,
}

/// A statement that is ready.
pub(super) struct Built {
    /// What errors call it.
    pub name: &'static str,
    /// Its text.
    pub sql: SqlStr,
    /// Its values.
    pub args: Args,
}

impl SqlBuilder {
    pub(super) fn new(name: &'static str, text: &str) -> Self {
        let mut builder = Self { name, text: String::with_capacity(1024), args: Args::default(), conditions: 0 };
        builder.sql(text);
        builder
    }

    /// Adds a piece of SQL.
    pub(super) fn sql(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds ` AND ` and a piece of SQL.
    pub(super) fn and(&mut self, text: &str) -> &mut Self {
        self.conditions += 1;
        self.sql(" AND ").sql(text)
    }

    /// Adds a value.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> &mut Self {
        self.args.push(value);
        write!(self.text, "${}", self.args.len()).expect("a String takes any text");
        self
    }

    /// Keeps a value for later pieces, which may name it more than once; its number.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> usize {
        self.args.push(value);
        self.args.len()
    }

    /// Adds what makes a condition of the column before: that it is one of these texts.
    pub(super) fn one_of_texts(&mut self, mut values: Vec<String>) -> &mut Self {
        match values.len() {
            1 => self.sql(" = ").value(values.swap_remove(0)),
            _ => self.mark("in_texts", values),
        }
    }

    /// Adds what makes a condition of the column before: that it is one of these numbers.
    pub(super) fn one_of_ints(&mut self, values: Vec<i64>) -> &mut Self {
        match values.as_slice() {
            [value] => self.sql(" = ").value(*value),
            _ => self.mark("in_ints", values),
        }
    }

    /// Adds what makes a condition of the column before: that it is one of these octet strings.
    pub(super) fn one_of_bytes(&mut self, values: impl Into<Value>) -> &mut Self {
        self.mark("in_bytes", values)
    }

    /// Adds the list as a table with the column `list.value`.
    pub(super) fn table_of_texts(&mut self, values: Vec<String>) -> &mut Self {
        self.mark("texts", values)
    }

    fn mark(&mut self, word: &str, value: impl Into<Value>) -> &mut Self {
        write!(self.text, " {{{word} ").expect("a String takes any text");
        self.value(value).sql("}")
    }

    /// The statement for a database.
    pub(super) fn build(self, dialect: Dialect) -> Result<Built, StoreError> {
        if self.conditions > MOST_CONDITIONS {
            return Err(StoreError::Other { statement: self.name, code: "too many conditions".to_owned() });
        }
        let sql = AssertSqlSafe(dialect.expand(&self.text, 1)).into_sql_str();
        Ok(Built { name: self.name, sql, args: self.args })
    }
}
