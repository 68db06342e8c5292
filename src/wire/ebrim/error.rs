//! Why a body element could not be read.

use crate::wire::guard::XmlError;

/// Why a body element could not be read. The two kinds have different answers (spec §1.5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not the XML that is read at all: a SOAP fault.
    #[error(transparent)]
    Xml(XmlError),
    /// Good XML with something where the schema has no place for it: a response with Failure.
    #[error("{path}: {problem}")]
    Content {
        /// Path of the element, from the body element down.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl DecodeError {
    /// Wrong content of the element that is being read.
    pub(crate) fn content(problem: impl Into<String>) -> Self {
        Self::Content { path: String::new(), problem: problem.into() }
    }

    /// Puts the name of an element before the path.
    pub(crate) fn within(self, element: &str) -> Self {
        match self {
            Self::Xml(error) => Self::Xml(error),
            Self::Content { path, problem } if path.is_empty() => Self::Content { path: element.to_owned(), problem },
            Self::Content { path, problem } => Self::Content { path: format!("{element}/{path}"), problem },
        }
    }
}

impl From<XmlError> for DecodeError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Unexpected { what } => Self::content(what),
            error => Self::Xml(error),
        }
    }
}
