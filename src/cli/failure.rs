//! Why a command failed, and the exit status that says so.

use std::fmt;

/// A failure, told to a person.
#[derive(Debug)]
pub enum Failure {
    /// The peer answered with a refusal.
    Refused(String),
    /// The command line or the configuration is wrong.
    WrongUse(String),
    /// Anything on our side.
    Fault(anyhow::Error),
}

impl Failure {
    /// Exit status of wrong use.
    pub const WRONG_USE: u8 = 2;

    /// The exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::WrongUse(_) => Self::WRONG_USE,
            Self::Fault(_) => 3,
        }
    }

    /// Wrong use, in words.
    pub fn wrong_use(text: impl Into<String>) -> Self {
        Self::WrongUse(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) | Self::WrongUse(text) => f.write_str(text),
            Self::Fault(error) => write!(f, "{error:#}"),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}
