//! What can go wrong in the store.

/// Why the store did not do what was asked. Cloned to everybody whose write shared a failed commit.
///
/// Holds the name of a statement and the database's code, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much to do at the moment; asking again later is worth while.
    #[error("the database is busy ({statement}, code {code})")]
    Busy {
        /// Name of the statement.
        statement: &'static str,
        /// The database's own code.
        code: String,
    },
    /// Disk or memory is full.
    #[error("the database is out of disk or memory ({statement}, code {code})")]
    OutOfResources {
        /// Name of the statement.
        statement: &'static str,
        /// The database's own code.
        code: String,
    },
    /// Not reachable, closed, or its file cannot be read or written.
    #[error("the database is not available ({statement}, code {code})")]
    Unavailable {
        /// Name of the statement.
        statement: &'static str,
        /// The database's own code.
        code: String,
    },
    /// A row with these values exists already, or one that is pointed to does not.
    #[error("a constraint of the database refused the row ({statement}, code {code})")]
    Constraint {
        /// Name of the statement.
        statement: &'static str,
        /// The database's own code.
        code: String,
    },
    /// Lost against another transaction. The store tries again by itself; callers see it when it gave up.
    #[error("another transaction was in the way ({statement}, code {code})")]
    Conflict {
        /// Name of the statement.
        statement: &'static str,
        /// The database's own code.
        code: String,
    },
    /// The database holds what it should not.
    #[error("the database holds a value that cannot be read: {what}")]
    Corrupt {
        /// Table or column.
        what: &'static str,
    },
    /// A programming error was caught; the transaction is undone.
    #[error("a write stopped with a panic and was undone")]
    Panicked,
    /// Files of migrations and database do not fit together.
    #[error("the database could not be brought to this version: {0}")]
    Migration(String),
    /// Anything else: a statement that the database does not understand.
    #[error("a statement failed ({statement}, code {code})")]
    Other {
        /// Name of the statement.
        statement: &'static str,
        /// The database's own code.
        code: String,
    },
}

impl StoreError {
    /// Whether the database may have committed, and its answer be lost.
    pub(crate) fn may_be_of_a_lost_answer(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Other { .. })
    }

    /// Whether nothing that shares the transaction can be committed any more.
    pub(crate) fn ends_the_batch(&self) -> bool {
        matches!(self, Self::OutOfResources { .. } | Self::Unavailable { .. })
    }
}
