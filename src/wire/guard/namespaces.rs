//! Namespaces that knoop knows, and the declarations in scope.
//!
//! Source: Namespaces in XML 1.0 §2–6; S-IN-11, S-IN-13; spec §1.2.

use std::borrow::Cow;

use super::{XmlError, text::malformed};

macro_rules! namespaces {
    ($($(#[$doc:meta])* $variant:ident = $uri:literal,)*) => {
        /// A namespace that knoop knows, or the fact that it is another one or none.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Ns {
            $($(#[$doc])* $variant,)*
            /// No namespace.
            None,
            /// Any other; see [`super::Element::namespace_uri`].
            Other,
        }

        impl Ns {
            /// The namespace with this name, compared octet by octet.
            pub(super) fn from_uri(uri: &str) -> Self {
                match uri { $($uri => Self::$variant,)* _ => Self::Other }
            }

            /// The name of a known namespace.
            pub const fn uri(self) -> Option<&'static str> {
                match self { $(Self::$variant => Some($uri),)* Self::None | Self::Other => None }
            }
        }
    };
}

namespaces! {
    /// SOAP 1.2.
    Soap12 = "http://www.w3.org/2003/05/soap-envelope",
    /// SOAP 1.1, to be refused.
    Soap11 = "http://schemas.xmlsoap.org/soap/envelope/",
    /// WS-Addressing 1.0.
    Wsa = "http://www.w3.org/2005/08/addressing",
    /// XDS.b messages.
    Xds = "urn:ihe:iti:xds-b:2007",
    /// ebRS LifeCycleManager.
    Lcm = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0",
    /// ebRIM.
    Rim = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0",
    /// ebRS.
    Rs = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0",
    /// ebRS QueryManager.
    Query = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0",
    /// XOP.
    Xop = "http://www.w3.org/2004/08/xop/include",
    /// A draft of XOP, to be refused.
    XopOld = "http://www.w3.org/2003/12/xop/include",
    /// The prefix `xml`.
    Xml = "http://www.w3.org/XML/1998/namespace",
    /// WS-Security.
    Wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    /// WS-Security utilities.
    Wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    /// SAML 2.0 assertions.
    Saml2 = "urn:oasis:names:tc:SAML:2.0:assertion",
    /// SAML 1.0 and 1.1 assertions, to be refused.
    Saml1 = "urn:oasis:names:tc:SAML:1.0:assertion",
    /// XML signatures.
    Ds = "http://www.w3.org/2000/09/xmldsig#",
    /// Exclusive canonicalisation.
    ExcC14n = "http://www.w3.org/2001/10/xml-exc-c14n#",
    /// HL7 v3.
    Hl7 = "urn:hl7-org:v3",
}

const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

struct Binding<'a> {
    prefix: &'a str,
    ns: Ns,
    uri: Cow<'a, str>,
    depth: usize,
}

/// The declarations in scope, innermost last.
#[derive(Default)]
pub(super) struct Bindings<'a>(Vec<Binding<'a>>);

impl<'a> Bindings<'a> {
    /// Takes a declaration of the element at `depth`; an empty prefix is the default namespace.
    pub(super) fn declare(&mut self, prefix: &'a str, uri: Cow<'a, str>, depth: usize) -> Result<(), XmlError> {
        let ns = match &*uri {
            "" if prefix.is_empty() => Ns::None,
            XMLNS_URI => return Err(malformed("a declaration of a reserved namespace")),
            uri if is_absolute(uri) => Ns::from_uri(uri),
            _ => return Err(XmlError::RelativeNamespace),
        };
        if prefix == "xmlns" || (prefix == "xml") != (ns == Ns::Xml) {
            return Err(malformed("a declaration of a reserved prefix"));
        }
        self.0.push(Binding { prefix, ns, uri, depth });
        Ok(())
    }

    /// Forgets the declarations of elements deeper than `depth`.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.0.last().is_some_and(|binding| binding.depth > depth) {
            self.0.pop();
        }
    }

    /// What a prefix stands for; the empty one for the default namespace.
    pub(super) fn resolve(&self, prefix: &str) -> Result<(Ns, Option<Cow<'a, str>>), XmlError> {
        if let Some(binding) = self.0.iter().rev().find(|binding| binding.prefix == prefix) {
            return Ok(match (binding.ns, binding.ns.uri()) {
                (Ns::None, _) => (Ns::None, None),
                (ns, Some(uri)) => (ns, Some(Cow::Borrowed(uri))),
                (ns, None) => (ns, Some(binding.uri.clone())),
            });
        }
        match prefix {
            "" => Ok((Ns::None, None)),
            "xml" => Ok((Ns::Xml, Ns::Xml.uri().map(Cow::Borrowed))),
            _ => Err(XmlError::UndeclaredPrefix),
        }
    }
}

/// Whether a namespace name begins with a scheme. Source: RFC 3986 §3.1.
fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}
