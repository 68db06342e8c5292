//! How a received assertion is built, before anything in it is believed.

use crate::wire::guard::{Element, Event, Ns, XmlError, XmlReader};

use super::children;

/// More certificates than this in a KeyInfo are not looked at.
const CERTIFICATES: usize = 8;

/// The outside of an assertion: what the checks before the signature need. Nothing here is proven.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AssertionOutline {
    /// @Version.
    pub version: Box<str>,
    /// @ID.
    pub id: Box<str>,
    /// Text of the first child, if that is Issuer.
    pub issuer: Option<Box<str>>,
    /// The signature, if it is the child right after Issuer.
    pub signature: Option<SignatureOutline>,
    /// ds:Signature elements anywhere within.
    pub signatures: usize,
    /// Subject/NameID as claimed, for the record of a refusal.
    pub claimed_subject: Box<str>,
}

/// The parts of a ds:Signature that the allow-list speaks about. Source: S-SIG-03.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureOutline {
    /// CanonicalizationMethod/@Algorithm.
    pub canonicalization: Box<str>,
    /// SignatureMethod/@Algorithm.
    pub method: Box<str>,
    /// Reference elements of SignedInfo.
    pub references: Vec<ReferenceOutline>,
    /// X509Certificate values of KeyInfo as they stand there.
    pub certificates: Vec<Box<str>>,
    /// Elements that an assertion's signature does not need: Object, Manifest, HMACOutputLength, a second SignedInfo …
    pub foreign: bool,
}

/// A ds:Reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceOutline {
    /// @URI.
    pub uri: Option<Box<str>>,
    /// Transforms in order.
    pub transforms: Vec<TransformOutline>,
    /// DigestMethod/@Algorithm.
    pub digest: Box<str>,
}

/// A ds:Transform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformOutline {
    /// @Algorithm.
    pub algorithm: Box<str>,
    /// It has an InclusiveNamespaces child.
    pub inclusive_namespaces: bool,
}

impl std::fmt::Debug for AssertionOutline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AssertionOutline")
    }
}

impl AssertionOutline {
    /// Reads up to the end of the assertion whose start was read last.
    pub(super) fn read(reader: &mut XmlReader<'_>, start: &Element<'_>) -> Result<Self, XmlError> {
        let attribute = |name| start.attribute(name).unwrap_or_default().into();
        let mut outline = Self { version: attribute("Version"), id: attribute("ID"), ..Self::default() };
        let mut place = 0_usize;
        children(reader, |reader, child| {
            match (place, child.ns, child.local()) {
                (0, Ns::Saml2, "Issuer") => outline.issuer = plain_text(reader)?,
                (1, Ns::Ds, "Signature") if outline.issuer.is_some() => {
                    outline.signatures += 1;
                    let signature = outline.signature.insert(SignatureOutline::default());
                    outline.signatures += signature.read(reader)?;
                }
                (_, Ns::Ds, "Signature") => outline.signatures += 1 + skip(reader)?,
                (_, Ns::Saml2, "Subject") => children(reader, |reader, inner| {
                    if inner.is(Ns::Saml2, "NameID") {
                        outline.claimed_subject = joined_text(reader)?.into();
                        return Ok(());
                    }
                    outline.signatures += usize::from(inner.is(Ns::Ds, "Signature")) + skip(reader)?;
                    Ok(())
                })?,
                _ => outline.signatures += skip(reader)?,
            }
            place += 1;
            Ok(())
        })?;
        Ok(outline)
    }
}

impl SignatureOutline {
    /// Reads up to the end of the signature; how many other signatures were within it.
    fn read(&mut self, reader: &mut XmlReader<'_>) -> Result<usize, XmlError> {
        let (mut nested, mut place) = (0, 0_usize);
        children(reader, |reader, child| {
            match (place, child.ns, child.local()) {
                (0, Ns::Ds, "SignedInfo") => self.read_signed_info(reader, &mut nested)?,
                (1, Ns::Ds, "SignatureValue") => self.foreign |= plain_text(reader)?.is_none(),
                (2, Ns::Ds, "KeyInfo") => self.read_certificates(reader, &mut nested)?,
                _ => {
                    self.foreign = true;
                    nested += usize::from(child.is(Ns::Ds, "Signature")) + skip(reader)?;
                }
            }
            place += 1;
            Ok(())
        })?;
        self.foreign |= place < 2;
        Ok(nested)
    }

    fn read_signed_info(&mut self, reader: &mut XmlReader<'_>, nested: &mut usize) -> Result<(), XmlError> {
        let mut place = 0_usize;
        children(reader, |reader, child| {
            match (place, child.ns, child.local()) {
                (0, Ns::Ds, "CanonicalizationMethod") => {
                    self.canonicalization = algorithm(child);
                    self.foreign |= only_inclusive_namespaces(reader, nested)?.1;
                }
                (1, Ns::Ds, "SignatureMethod") => {
                    self.method = algorithm(child);
                    self.foreign |= !is_empty(reader, nested)?;
                }
                (2.., Ns::Ds, "Reference") => {
                    let (reference, foreign) = read_reference(reader, child, nested)?;
                    self.references.push(reference);
                    self.foreign |= foreign;
                }
                _ => {
                    self.foreign = true;
                    *nested += usize::from(child.is(Ns::Ds, "Signature")) + skip(reader)?;
                }
            }
            place += 1;
            Ok(())
        })
    }

    fn read_certificates(&mut self, reader: &mut XmlReader<'_>, nested: &mut usize) -> Result<(), XmlError> {
        let mut depth = 1_usize;
        while depth > 0 {
            match reader.next()? {
                Event::Start(element) if element.is(Ns::Ds, "X509Certificate") => {
                    if let Some(text) = plain_text(reader)?.filter(|_| self.certificates.len() < CERTIFICATES) {
                        self.certificates.push(text);
                    }
                }
                Event::Start(element) => {
                    *nested += usize::from(element.is(Ns::Ds, "Signature"));
                    depth += 1;
                }
                Event::End => depth -= 1,
                Event::Text(_) => {}
                Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
            }
        }
        Ok(())
    }
}

/// A reference, and whether it holds what does not belong there.
fn read_reference(
    reader: &mut XmlReader<'_>,
    start: &Element<'_>,
    nested: &mut usize,
) -> Result<(ReferenceOutline, bool), XmlError> {
    let mut reference = ReferenceOutline { uri: start.attribute("URI").map(Into::into), ..Default::default() };
    let (mut foreign, mut place) = (false, 0_usize);
    children(reader, |reader, child| {
        match (place, child.ns, child.local()) {
            (0, Ns::Ds, "Transforms") => children(reader, |reader, transform| {
                if !transform.is(Ns::Ds, "Transform") {
                    foreign = true;
                }
                let (inclusive_namespaces, other) = only_inclusive_namespaces(reader, nested)?;
                foreign |= other;
                reference.transforms.push(TransformOutline { algorithm: algorithm(transform), inclusive_namespaces });
                Ok(())
            })?,
            (1, Ns::Ds, "DigestMethod") => {
                reference.digest = algorithm(child);
                foreign |= !is_empty(reader, nested)?;
            }
            (2, Ns::Ds, "DigestValue") => foreign |= plain_text(reader)?.is_none(),
            _ => {
                foreign = true;
                *nested += usize::from(child.is(Ns::Ds, "Signature")) + skip(reader)?;
            }
        }
        place += 1;
        Ok(())
    })?;
    Ok((reference, foreign || place < 3))
}

fn algorithm(element: &Element<'_>) -> Box<str> {
    element.attribute("Algorithm").unwrap_or_default().into()
}

/// Whether there is an InclusiveNamespaces child, and whether there is anything else.
fn only_inclusive_namespaces(reader: &mut XmlReader<'_>, nested: &mut usize) -> Result<(bool, bool), XmlError> {
    let (mut inclusive, mut other) = (false, false);
    children(reader, |reader, child| {
        let wanted = child.is(Ns::ExcC14n, "InclusiveNamespaces") && !inclusive;
        inclusive |= wanted;
        other |= !wanted;
        *nested += usize::from(child.is(Ns::Ds, "Signature")) + skip(reader)?;
        Ok(())
    })?;
    Ok((inclusive, other))
}

fn is_empty(reader: &mut XmlReader<'_>, nested: &mut usize) -> Result<bool, XmlError> {
    let mut empty = true;
    children(reader, |reader, child| {
        empty = false;
        *nested += usize::from(child.is(Ns::Ds, "Signature")) + skip(reader)?;
        Ok(())
    })?;
    Ok(empty)
}

/// Passes over the rest of an element; how many signatures were within it.
pub(super) fn skip(reader: &mut XmlReader<'_>) -> Result<usize, XmlError> {
    let (mut depth, mut signatures) = (1_usize, 0);
    while depth > 0 {
        match reader.next()? {
            Event::Start(element) => {
                signatures += usize::from(element.is(Ns::Ds, "Signature"));
                depth += 1;
                reader.recycle(element);
            }
            Event::End => depth -= 1,
            Event::Text(_) => {}
            Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
        }
    }
    Ok(signatures)
}

/// The trimmed text up to the end of an element; none if there are elements within.
pub(super) fn plain_text(reader: &mut XmlReader<'_>) -> Result<Option<Box<str>>, XmlError> {
    let (mut text, mut plain) = (String::new(), true);
    loop {
        match reader.next()? {
            Event::Text(part) => text.push_str(&part),
            Event::End => return Ok(plain.then(|| text.trim().into())),
            Event::Start(_) => {
                plain = false;
                reader.skip_element()?;
            }
            Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
        }
    }
}

/// All text within an element, whatever else is there; for the record only.
fn joined_text(reader: &mut XmlReader<'_>) -> Result<String, XmlError> {
    let (mut depth, mut text) = (1_usize, String::new());
    while depth > 0 {
        match reader.next()? {
            Event::Start(_) => depth += 1,
            Event::End => depth -= 1,
            Event::Text(part) if text.len() < 1024 => text.push_str(part.trim()),
            Event::Text(_) => {}
            Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
        }
    }
    Ok(text)
}
