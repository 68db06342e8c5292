//! Why XML is refused. No message repeats a piece of the request: it may be patient data.

/// Why XML is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well-formed.
    #[error("not well-formed XML at octet {offset}: {problem}")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
        /// Where, counted from the start of the decoded text.
        offset: usize,
    },
    /// A document type declaration.
    #[error("a document type declaration is not allowed")]
    Doctype,
    /// A reference to an entity that is not predefined, or to a character that XML does not know.
    #[error("a reference to an unknown entity or to a character that XML does not allow")]
    Entity,
    /// More than is read.
    #[error("more than {limit} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How much is read.
        limit: usize,
    },
    /// A prefix that no declaration in scope binds.
    #[error("a namespace prefix is not declared")]
    UndeclaredPrefix,
    /// A namespace name without a scheme.
    #[error("a namespace name is not an absolute URI")]
    RelativeNamespace,
    /// The octets are not what they are said to be, or not a charset that is read.
    #[error("charset: {problem}")]
    Charset {
        /// What is wrong.
        problem: &'static str,
    },
    /// Well-formed, but not what stands here.
    #[error("unexpected content: {what}")]
    Unexpected {
        /// What was found.
        what: &'static str,
    },
}
