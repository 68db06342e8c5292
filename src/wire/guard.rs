//! The one door through which XML from outside comes in: a pull reader with limits.
//!
//! Refuses what no honest partner sends: document type declarations, entities beyond the five predefined ones, characters
//! that XML does not know, undeclared prefixes, relative namespace names, and anything beyond the limits. Names are
//! compared as (namespace, local name); prefixes never matter. One pass, no recursion, text borrowed from the input
//! wherever it holds no reference. Knows no SOAP and no ebRIM beyond their namespaces.
//!
//! Source: spec security S-IN-07 to S-IN-14; XML 1.0 (5th edition); Namespaces in XML 1.0.

mod attributes;
mod charset;
mod element;
mod error;
mod namespaces;
mod reader;
mod text;
mod watch;

#[cfg(test)]
mod tests;

pub use charset::decode_charset;
pub use element::Element;
pub use error::XmlError;
pub use namespaces::Ns;
pub use reader::{Event, XmlReader};
pub use watch::Watch;

/// How much of everything is read. The defaults are those of S-IN-09 to S-IN-12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlLimits {
    /// Elements within elements.
    pub depth: usize,
    /// Elements, comments, CDATA sections and processing instructions together.
    pub nodes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Namespace declarations of one element.
    pub namespaces: usize,
    /// Octets of one attribute value.
    pub value_bytes: usize,
    /// Octets of one name.
    pub name_bytes: usize,
    /// Octets of text between two tags.
    pub text_bytes: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self {
            depth: 128,
            nodes: 200_000,
            attributes: 64,
            namespaces: 32,
            value_bytes: 16 * 1024,
            name_bytes: 1024,
            text_bytes: 8 * 1024 * 1024,
        }
    }
}
