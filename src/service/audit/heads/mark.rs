//! Lines in the file of heads that name no seal: what came into it otherwise than one by one.

use std::fmt;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// Seals came from the database when knoop started: before that nothing outside told of them. So it is after a restore, and
    /// for a process that joins others on one database.
    Late,
    /// Seals that were in the file were gone while knoop ran, and came from the database again.
    Lost,
}

/// What the file says of some of its seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What happened.
    pub kind: MarkKind,
    /// Number of the first of these seals.
    pub first: i64,
    /// Number of the last.
    pub last: i64,
    /// When it was noticed, milliseconds since 1970.
    pub noticed_ms: i64,
}

const WORDS: [(&str, MarkKind); 2] = [("late", MarkKind::Late), ("lost", MarkKind::Lost)];

impl Mark {
    /// The mark of a line, if it is one.
    pub(super) fn of(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let word = words.next()?;
        let (_, kind) = *WORDS.iter().find(|(known, _)| *known == word)?;
        let [first, last, noticed_ms] = [words.next(), words.next(), words.next()].map(|word| word?.parse().ok());
        Some(Self { kind, first: first?, last: last?, noticed_ms: noticed_ms? })
    }

    /// Its line.
    pub(super) fn line(&self) -> String {
        let word = match self.kind {
            MarkKind::Late => "late",
            MarkKind::Lost => "lost",
        };
        format!("{word} {} {} {}", self.first, self.last, self.noticed_ms)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, first, last, noticed_ms } = self;
        let at = jiff::Timestamp::from_millisecond(*noticed_ms).unwrap_or_default();
        match kind {
            MarkKind::Late => write!(
                f,
                "seals {first} to {last} came into the file of heads from the database when knoop started at {at:.0}: \
                 nothing outside told of them before"
            ),
            MarkKind::Lost => {
                write!(
                    f,
                    "seals {first} to {last} were gone from the file of heads while knoop ran, noticed at {at:.0}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for kind in [MarkKind::Late, MarkKind::Lost] {
            let mark = Mark { kind, first: 3, last: 9, noticed_ms: 1_795_248_000_000 };
            assert_eq!(Mark::of(&mark.line()), Some(mark));
            assert!(mark.to_string().contains("seals 3 to 9"), "{mark}");
        }
        for other in ["", "late", "late 1 2", "lost a b c", "3 0303 3000"] {
            assert_eq!(Mark::of(other), None, "{other}");
        }
    }
}
