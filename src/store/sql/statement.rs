//! Statements: named, written once for both databases, all of them known to the test that prepares them.

use std::sync::OnceLock;

use super::dialect::Dialect;

/// Numbers of rows for which a multi-row INSERT has a text of its own; any other number is put together from these, so
/// that connections keep few prepared statements.
const ROW_SHAPES: [usize; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32];

/// One SQL text. Marks in braces stand for what the databases write differently, see [`Dialect::expand`]:
/// `{in_ints $1}`, `{in_texts $1}`, `{in_bytes $1}` (a condition on the column before), `{texts $1}` (a table with the
/// column `list.value`), `{rows 3}` (as many rows of three values as are inserted at once), `{octets …}` (a text as octets,
/// to be joined with octets by `||`) and `{all_of …}` (such octets of all rows, one after the other).
pub(crate) struct Statement {
    name: &'static str,
    text: &'static str,
    expanded: [OnceLock<Box<str>>; 2 * ROW_SHAPES.len()],
}

impl Statement {
    /// For `statements!` only.
    pub(crate) const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, expanded: [const { OnceLock::new() }; 2 * ROW_SHAPES.len()] }
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The text for a database.
    pub(crate) fn sql(&'static self, dialect: Dialect) -> &'static str {
        self.sql_of_shape(dialect, 0)
    }

    /// The text of an INSERT of at most `wanted` rows, and how many rows it takes.
    pub(crate) fn sql_of_rows(&'static self, dialect: Dialect, wanted: usize) -> (&'static str, usize) {
        let shape = ROW_SHAPES.iter().rposition(|rows| *rows <= wanted).unwrap_or_default();
        (self.sql_of_shape(dialect, shape), ROW_SHAPES[shape])
    }

    /// Whether so many rows go in one statement.
    pub(crate) fn takes_at_once(&self, rows: usize) -> bool {
        ROW_SHAPES.contains(&rows)
    }

    /// The texts that can be asked of a database: one, or one for each number of rows.
    pub(super) fn texts(&'static self, dialect: Dialect) -> impl Iterator<Item = &'static str> {
        let shapes = if self.text.contains("{rows ") { ROW_SHAPES.len() } else { 1 };
        (0..shapes).map(move |shape| self.sql_of_shape(dialect, shape))
    }

    fn sql_of_shape(&'static self, dialect: Dialect, shape: usize) -> &'static str {
        self.expanded[shape * 2 + dialect.index()]
            .get_or_init(|| dialect.expand(self.text, ROW_SHAPES[shape]).into_boxed_str())
    }
}

/// Makes statements and the list `ALL` of them. The file's `ALL` is named in [`all`].
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* static $name: $crate::store::sql::Statement =
            $crate::store::sql::Statement::new(stringify!($name), $text);)+
        /// All statements of this file.
        pub(in crate::store::sql) static ALL: &[&$crate::store::sql::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements;

/// Every statement of the store.
pub(super) fn all() -> impl Iterator<Item = &'static Statement> {
    [
        super::assertions::ALL,
        super::claims::ALL,
        super::consent::ALL,
        super::consent::EVIDENCE,
        super::doctor::ALL,
        super::documents::ALL,
        super::jobs::ALL,
        super::mail::ALL,
        super::mail_received::ALL,
        super::nodes::ALL,
        super::patients::ALL,
        super::pickup::ALL,
        super::registry::ALL,
        super::registry::INSERTS,
        super::row_ids::ALL,
        super::stored_query::ALL,
        super::writer::ALL,
        super::xdm::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
    .chain(super::audit::all())
}
