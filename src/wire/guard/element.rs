//! A start tag whose names are resolved.

use std::borrow::Cow;

use super::Ns;

/// A start tag: name and attributes, no declarations.
pub struct Element<'a> {
    /// The namespace of the element.
    pub ns: Ns,
    pub(super) uri: Option<Cow<'a, str>>,
    pub(super) local: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
}

pub(super) struct Attribute<'a> {
    pub(super) ns: Ns,
    pub(super) uri: Option<Cow<'a, str>>,
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
}

impl<'a> Element<'a> {
    /// The name without prefix.
    pub fn local(&self) -> &'a str {
        self.local
    }

    /// The name of the namespace, if the element has one.
    pub fn namespace_uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// Whether this is the element with that name.
    pub fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local == local
    }

    /// The value of an attribute without namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.attribute_ns(Ns::None, local)
    }

    /// The value of an attribute in a known namespace.
    pub fn attribute_ns(&self, ns: Ns, local: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.ns == ns && a.local == local).map(|a| &*a.value)
    }

    /// All attributes in order: namespace, local name, value.
    pub fn attributes(&self) -> impl Iterator<Item = (Ns, &'a str, &str)> {
        self.attributes.iter().map(|a| (a.ns, a.local, &*a.value))
    }
}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Element({:?}, {} attributes)", self.ns, self.attributes.len())
    }
}
