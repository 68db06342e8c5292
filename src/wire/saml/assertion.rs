//! The content of an assertion, read from the octets that its signature covers.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;

use crate::wire::guard::{Element, Event, Ns, XmlError, XmlLimits, XmlReader};

use super::{Attribute, attributes::read_statement, children, outline::plain_text, time::instant};

/// Much more than any assertion needs.
const LIMITS: XmlLimits = XmlLimits {
    depth: 64,
    nodes: 10_000,
    attributes: 32,
    namespaces: 32,
    value_bytes: 16 << 10,
    name_bytes: 256,
    text_bytes: 64 << 10,
};

/// Why signed octets are no assertion that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamlError {
    /// XML that is refused.
    #[error("the assertion is not readable: {0}")]
    Xml(#[from] XmlError),
    /// Not the shape of an assertion.
    #[error("the assertion is not valid: {0}")]
    Shape(&'static str),
}

/// What an assertion says. Every text is the concatenation of all text nodes, trimmed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Assertion {
    /// @ID.
    pub id: Box<str>,
    /// Issuer.
    pub issuer: Box<str>,
    /// @IssueInstant.
    pub issue_instant: Option<Timestamp>,
    /// Subject/NameID.
    pub name_id: Box<str>,
    /// Subject/NameID/@SPProvidedID.
    pub alias: Box<str>,
    /// Subject/SubjectConfirmation.
    pub confirmations: Vec<Confirmation>,
    /// Conditions/@NotBefore.
    pub not_before: Option<Timestamp>,
    /// Conditions/@NotOnOrAfter.
    pub not_on_or_after: Option<Timestamp>,
    /// The audiences of each AudienceRestriction.
    pub audiences: Vec<Vec<Box<str>>>,
    /// Conditions/OneTimeUse.
    pub one_time_use: bool,
    /// AuthnStatement.
    pub authentications: Vec<AuthnStatement>,
    /// Attributes of all statements, in order.
    pub attributes: Vec<Attribute>,
}

/// A saml2:SubjectConfirmation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// @Method.
    pub method: Box<str>,
    /// SubjectConfirmationData/@NotBefore.
    pub not_before: Option<Timestamp>,
    /// SubjectConfirmationData/@NotOnOrAfter.
    pub not_on_or_after: Option<Timestamp>,
    /// SubjectConfirmationData/@Recipient.
    pub recipient: Option<Box<str>>,
    /// SubjectConfirmationData/@Address.
    pub address: Option<Box<str>>,
    /// Certificates of its KeyInfo, DER.
    pub certificates: Vec<Vec<u8>>,
}

/// A saml2:AuthnStatement.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthnStatement {
    /// @AuthnInstant.
    pub instant: Option<Timestamp>,
    /// @SessionNotOnOrAfter.
    pub session_end: Option<Timestamp>,
    /// AuthnContextClassRef, then AuthnContextDeclRef.
    pub contexts: Vec<Box<str>>,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Assertion")
    }
}

impl Assertion {
    /// Reads the octets that a signature was found to cover.
    ///
    /// # Errors
    /// When their root is not an assertion of version 2.0, or a time or a text in it cannot be read.
    pub fn from_signed(octets: &[u8]) -> Result<Self, SamlError> {
        let text = std::str::from_utf8(octets).map_err(|_| SamlError::Shape("not UTF-8"))?;
        let mut reader = XmlReader::new(text, &LIMITS);
        let root = match reader.next()? {
            Event::Start(root) if root.is(Ns::Saml2, "Assertion") => root,
            _ => return Err(SamlError::Shape("the root is not saml2:Assertion")),
        };
        if root.attribute("Version") != Some("2.0") {
            return Err(SamlError::Shape("the version is not 2.0"));
        }
        let mut assertion = Self { id: root.attribute("ID").unwrap_or_default().into(), ..Self::default() };
        let mut fault = None;
        assertion.issue_instant = time(&root, "IssueInstant", &mut fault);
        children(&mut reader, |reader, child| assertion.read_child(reader, child, &mut fault))?;
        match (fault, reader.next()?) {
            (Some(fault), _) => Err(SamlError::Shape(fault)),
            (None, Event::Eof) => Ok(assertion),
            (None, _) => Err(SamlError::Shape("something follows the assertion")),
        }
    }

    fn read_child<'a>(
        &mut self,
        reader: &mut XmlReader<'a>,
        child: &Element<'a>,
        fault: &mut Option<&'static str>,
    ) -> Result<(), XmlError> {
        match (child.ns, child.local()) {
            (Ns::Saml2, "Issuer") => {
                match plain_text(reader)? {
                    Some(issuer) if self.issuer.is_empty() => self.issuer = issuer,
                    _ => *fault = Some("Issuer"),
                }
                Ok(())
            }
            (Ns::Saml2, "Subject") => self.read_subject(reader, fault),
            (Ns::Saml2, "Conditions") => self.read_conditions(reader, child, fault),
            (Ns::Saml2, "AuthnStatement") => {
                let mut statement = AuthnStatement {
                    instant: time(child, "AuthnInstant", fault),
                    session_end: time(child, "SessionNotOnOrAfter", fault),
                    contexts: Vec::new(),
                };
                children(reader, |reader, inner| {
                    if !inner.is(Ns::Saml2, "AuthnContext") {
                        return reader.skip_element();
                    }
                    children(reader, |reader, context| match (context.ns, context.local()) {
                        (Ns::Saml2, "AuthnContextClassRef" | "AuthnContextDeclRef") => {
                            match plain_text(reader)? {
                                Some(text) => statement.contexts.push(text),
                                None => *fault = Some("AuthnContext"),
                            }
                            Ok(())
                        }
                        _ => reader.skip_element(),
                    })
                })?;
                self.authentications.push(statement);
                Ok(())
            }
            (Ns::Saml2, "AttributeStatement") => read_statement(reader, &mut self.attributes, fault),
            _ => reader.skip_element(),
        }
    }

    fn read_subject(&mut self, reader: &mut XmlReader<'_>, fault: &mut Option<&'static str>) -> Result<(), XmlError> {
        children(reader, |reader, child| match (child.ns, child.local()) {
            (Ns::Saml2, "NameID") => {
                self.alias = child.attribute("SPProvidedID").unwrap_or_default().into();
                match plain_text(reader)? {
                    Some(name) if self.name_id.is_empty() => self.name_id = name,
                    _ => *fault = Some("NameID"),
                }
                Ok(())
            }
            (Ns::Saml2, "SubjectConfirmation") => {
                let method = child.attribute("Method").unwrap_or_default().trim().into();
                let mut confirmation = Confirmation { method, ..Confirmation::default() };
                children(reader, |reader, data| {
                    if !data.is(Ns::Saml2, "SubjectConfirmationData") {
                        return reader.skip_element();
                    }
                    confirmation.not_before = time(data, "NotBefore", fault);
                    confirmation.not_on_or_after = time(data, "NotOnOrAfter", fault);
                    confirmation.recipient = data.attribute("Recipient").map(|text| text.trim().into());
                    confirmation.address = data.attribute("Address").map(|text| text.trim().into());
                    read_certificates(reader, &mut confirmation.certificates)
                })?;
                self.confirmations.push(confirmation);
                Ok(())
            }
            _ => reader.skip_element(),
        })
    }

    fn read_conditions(
        &mut self,
        reader: &mut XmlReader<'_>,
        start: &Element<'_>,
        fault: &mut Option<&'static str>,
    ) -> Result<(), XmlError> {
        if self.not_on_or_after.is_some() || self.not_before.is_some() {
            *fault = Some("Conditions");
        }
        self.not_before = time(start, "NotBefore", fault);
        self.not_on_or_after = time(start, "NotOnOrAfter", fault);
        children(reader, |reader, child| match (child.ns, child.local()) {
            (Ns::Saml2, "AudienceRestriction") => {
                let mut audiences = Vec::new();
                children(reader, |reader, audience| {
                    if !audience.is(Ns::Saml2, "Audience") {
                        return reader.skip_element();
                    }
                    audiences.extend(plain_text(reader)?);
                    Ok(())
                })?;
                self.audiences.push(audiences);
                Ok(())
            }
            (Ns::Saml2, "OneTimeUse") => {
                self.one_time_use = true;
                reader.skip_element()
            }
            (Ns::Saml2, "ProxyRestriction") => reader.skip_element(),
            _ => {
                // A condition that is not understood makes the validity indeterminate. Source: SAML 2.0 core §2.5.1.1.
                *fault = Some("Conditions");
                reader.skip_element()
            }
        })
    }
}

/// A time that is absent, or there and readable; otherwise the assertion is at fault.
fn time(element: &Element<'_>, name: &'static str, fault: &mut Option<&'static str>) -> Option<Timestamp> {
    let text = element.attribute(name)?;
    let read = instant(text);
    if read.is_none() {
        *fault = Some(name);
    }
    read
}

/// Every X509Certificate within; one that is no base64 is none.
fn read_certificates(reader: &mut XmlReader<'_>, certificates: &mut Vec<Vec<u8>>) -> Result<(), XmlError> {
    let mut depth = 1_usize;
    while depth > 0 {
        match reader.next()? {
            Event::Start(element) if element.is(Ns::Ds, "X509Certificate") => {
                let text = plain_text(reader)?.unwrap_or_default();
                let packed: String = text.split_ascii_whitespace().collect();
                certificates.extend(BASE64_STANDARD.decode(packed));
            }
            Event::Start(_) => depth += 1,
            Event::End => depth -= 1,
            Event::Text(_) => {}
            Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
        }
    }
    Ok(())
}
