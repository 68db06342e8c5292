//! What the two databases write differently.

use std::fmt::Write as _;

use crate::store::StoreError;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// 0 or 1.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Sqlite => 0,
            Self::Postgres => 1,
        }
    }

    /// Replaces the marks of a statement's text. `rows` is the number of rows for a `{rows n}`.
    ///
    /// Lists go to PostgreSQL as arrays, to SQLite as JSON: either way they are one value, however long.
    pub(super) fn expand(self, text: &str, rows: usize) -> String {
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some((before, mark_and_rest)) = rest.split_once('{') {
            let (mark, after) = mark_and_rest.split_once('}').expect("a mark in a statement is closed");
            let (word, operand) = mark.split_once(' ').expect("a mark in a statement has an operand");
            out.push_str(before);
            self.write_mark(&mut out, word, operand, rows);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn write_mark(self, out: &mut String, word: &str, operand: &str, rows: usize) {
        let written = match (word, self) {
            ("rows", _) => {
                self.write_rows(out, operand.parse().expect("a mark {rows n} holds a number"), rows);
                Ok(())
            }
            ("in_bytes", Self::Sqlite) => write!(out, "IN (SELECT unhex(value) FROM json_each({operand}))"),
            ("in_ints" | "in_texts", Self::Sqlite) => write!(out, "IN (SELECT value FROM json_each({operand}))"),
            ("in_ints" | "in_texts" | "in_bytes", Self::Postgres) => write!(out, "= ANY({operand})"),
            // A text of SQLite may hold any octets, its length is kept beside it.
            ("octets", Self::Sqlite) => write!(out, "{operand}"),
            ("octets", Self::Postgres) => write!(out, "convert_to({operand}, 'UTF8')"),
            ("all_of", Self::Sqlite) => write!(out, "CAST(group_concat({operand}, '') AS BLOB)"),
            ("all_of", Self::Postgres) => write!(out, "string_agg({operand}, ''::bytea)"),
            ("texts", Self::Sqlite) => write!(out, "json_each({operand}) AS list"),
            ("texts", Self::Postgres) => write!(out, "unnest({operand}::text[]) AS list (value)"),
            ("allow_removal", Self::Sqlite) => write!(out, "DROP TRIGGER IF EXISTS {operand}_not_removed"),
            ("allow_removal", Self::Postgres) => write!(out, "ALTER TABLE {operand} DISABLE TRIGGER {operand}_kept"),
            ("refuse_removal", Self::Sqlite) => write!(
                out,
                "CREATE TRIGGER IF NOT EXISTS {operand}_not_removed BEFORE DELETE ON {operand} BEGIN \
                 SELECT RAISE(ABORT, 'the audit trail is only added to'); END"
            ),
            ("refuse_removal", Self::Postgres) => write!(out, "ALTER TABLE {operand} ENABLE TRIGGER {operand}_kept"),
            ("json_texts", Self::Sqlite) => write!(out, "json_each({operand}) AS list"),
            ("json_texts", Self::Postgres) => write!(out, "json_array_elements_text({operand}::json) AS list (value)"),
            // SQLite has no partitions.
            ("make_month", Self::Sqlite) => write!(out, "{operand}"),
            ("make_month", Self::Postgres) => write!(out, "audit_make_month({operand})"),
            _ => unreachable!("a statement has a mark that does not exist: {word}"),
        };
        written.expect("a String takes any text");
    }

    /// The places of all values. SQLite finds a numbered place by walking through all before it, so it gets none.
    fn write_rows(self, out: &mut String, width: usize, rows: usize) {
        for row in 0..rows {
            for column in 1..=width {
                let before = match (row, column) {
                    (0, 1) => "(",
                    (_, 1) => ", (",
                    _ => ", ",
                };
                match self {
                    Self::Sqlite => write!(out, "{before}?"),
                    Self::Postgres => write!(out, "{before}${}", row * width + column),
                }
                .expect("a String takes any text");
            }
            out.push(')');
        }
    }

    /// Whether the text of an error code says what kind of trouble it is.
    pub(super) fn trouble(self, statement: &'static str, code: String) -> StoreError {
        match self {
            Self::Sqlite => sqlite_trouble(statement, code),
            Self::Postgres => postgres_trouble(statement, code),
        }
    }
}

/// Source: sqlite.org/rescode.html; the low octet of an extended code is the primary one.
fn sqlite_trouble(statement: &'static str, code: String) -> StoreError {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // 9 is a statement whose time was over.
        Ok(5 | 6 | 9) => StoreError::Busy { statement, code },
        Ok(7 | 13) => StoreError::OutOfResources { statement, code },
        Ok(8 | 10 | 11 | 14 | 26) => StoreError::Unavailable { statement, code },
        Ok(19) => StoreError::Constraint { statement, code },
        _ => StoreError::Other { statement, code },
    }
}

/// Source: PostgreSQL manual, appendix A, classes of SQLSTATE.
fn postgres_trouble(statement: &'static str, code: String) -> StoreError {
    match (code.get(..2).unwrap_or_default(), code.as_str()) {
        (_, "40001" | "40P01") => StoreError::Conflict { statement, code },
        // 57014 is a statement whose time was over.
        (_, "53300" | "55P03" | "57014") => StoreError::Busy { statement, code },
        ("53", _) => StoreError::OutOfResources { statement, code },
        ("08" | "57" | "58" | "25", _) => StoreError::Unavailable { statement, code },
        ("23", _) => StoreError::Constraint { statement, code },
        _ => StoreError::Other { statement, code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_lists_are_written_for_each_database() {
        assert_eq!(Dialect::Sqlite.expand("VALUES {rows 2};", 2), "VALUES (?, ?), (?, ?);");
        assert_eq!(Dialect::Postgres.expand("VALUES {rows 2};", 2), "VALUES ($1, $2), ($3, $4);");
        assert_eq!(Dialect::Postgres.expand("a {in_bytes $3} AND", 1), "a = ANY($3) AND");
        assert_eq!(Dialect::Sqlite.expand("a {in_ints $1}", 1), "a IN (SELECT value FROM json_each($1))");
    }

    #[test]
    fn a_full_disk_is_told_from_a_constraint() {
        assert!(matches!(Dialect::Sqlite.trouble("X", "13".into()), StoreError::OutOfResources { .. }));
        assert!(matches!(Dialect::Sqlite.trouble("X", "1555".into()), StoreError::Constraint { .. }));
        assert!(matches!(Dialect::Postgres.trouble("X", "53100".into()), StoreError::OutOfResources { .. }));
        assert!(matches!(Dialect::Postgres.trouble("X", "40P01".into()), StoreError::Conflict { .. }));
    }
}
