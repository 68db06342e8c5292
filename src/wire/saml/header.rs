//! The wsse:Security header block.

use crate::wire::guard::{Ns, Watch, XmlError, XmlReader};

use super::{
    AssertionOutline, children,
    outline::{plain_text, skip},
    time::instant,
};

/// KeyIdentifier/@ValueType of a reference to a SAML 2.0 assertion. Source: WSS SAML token profile 1.1 §3.4.
const SAML_ID: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";

/// How the block that is meant for us is built, and the octets that its assertion stands in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecurityHeader {
    /// The start tags of Envelope, Header and Security as received, the assertion as received, an empty Body: what the
    /// verifier is given instead of the message (S-SIG-02). Empty if there is no assertion.
    pub reduced_envelope: Box<str>,
    /// The one assertion that is a child of Security.
    pub assertion: Option<AssertionOutline>,
    /// Blocks meant for us.
    pub blocks: usize,
    /// A token of another kind stands there: SAML 1.1, EncryptedAssertion, a user name.
    pub other_token: bool,
    /// wsu:Timestamp.
    pub timestamp: Option<Timestamp>,
    /// References to tokens.
    pub references: Vec<TokenReference>,
}

/// wsu:Timestamp. An instant that is there and cannot be read is `Err`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamp {
    /// wsu:Created.
    pub created: Option<Result<jiff::Timestamp, ()>>,
    /// wsu:Expires.
    pub expires: Option<Result<jiff::Timestamp, ()>>,
}

/// A wsse:SecurityTokenReference (S-XUA-02).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReference {
    /// It stands in a signature over the message.
    pub in_message_signature: bool,
    /// The assertion that it names, if it names one.
    pub assertion_id: Option<Box<str>>,
    /// It points out of the message.
    pub external: bool,
}

/// The header of a message, and what the whole message holds beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The block.
    pub header: std::sync::Arc<SecurityHeader>,
    /// saml2:Assertion elements in the whole envelope.
    pub assertions: usize,
    /// Attributes in the whole envelope that give the assertion's ID.
    pub id_uses: usize,
}

impl std::fmt::Debug for SecurityHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecurityHeader")
    }
}

impl SecurityHeader {
    /// The watch that a message needs from its first header on.
    pub fn watch() -> Watch {
        Watch::new(Ns::Saml2, "Assertion")
    }

    /// Reads a block meant for us, whose start was read last; `outer` are the start tags of Envelope and Header. What a
    /// second block holds does not matter.
    ///
    /// # Errors
    /// When the XML is refused.
    pub fn read<'a>(&mut self, reader: &mut XmlReader<'a>, outer: [&'a str; 2]) -> Result<(), XmlError> {
        self.blocks += 1;
        if self.blocks > 1 {
            return reader.skip_element();
        }
        let security = reader.slice(reader.tag());
        children(reader, |reader, child| {
            match (child.ns, child.local()) {
                (Ns::Saml2, "Assertion") if self.assertion.is_none() => {
                    let start = reader.tag().start;
                    if let (Some(id), Some(watch)) = (child.attribute("ID"), reader.watch()) {
                        watch.seek(id.trim());
                    }
                    self.assertion = Some(AssertionOutline::read(reader, child)?);
                    let assertion = reader.slice(start..reader.position());
                    self.reduced_envelope = reduced(outer, security, assertion).into();
                }
                (Ns::Wsu, "Timestamp") => self.read_timestamp(reader)?,
                (Ns::Ds, "Signature") => self.read_message_signature(reader)?,
                (Ns::Wsse, "SecurityTokenReference") => {
                    let reference = read_reference(reader, false)?;
                    self.references.push(reference);
                }
                (Ns::Saml2, "EncryptedAssertion") | (Ns::Saml1, "Assertion") | (Ns::Wsse, "UsernameToken") => {
                    self.other_token = true;
                    skip(reader)?;
                }
                _ => drop(skip(reader)?),
            }
            Ok(())
        })
    }

    fn read_timestamp(&mut self, reader: &mut XmlReader<'_>) -> Result<(), XmlError> {
        let mut timestamp = Timestamp::default();
        let mut twice = self.timestamp.is_some();
        children(reader, |reader, child| {
            let slot = match (child.ns, child.local()) {
                (Ns::Wsu, "Created") => &mut timestamp.created,
                (Ns::Wsu, "Expires") => &mut timestamp.expires,
                _ => return reader.skip_element(),
            };
            twice |= slot.is_some();
            *slot = Some(plain_text(reader)?.and_then(|text| instant(&text)).ok_or(()));
            Ok(())
        })?;
        if twice {
            // Which of the two holds nobody can say.
            timestamp.expires = Some(Err(()));
        }
        self.timestamp = Some(timestamp);
        Ok(())
    }

    fn read_message_signature(&mut self, reader: &mut XmlReader<'_>) -> Result<(), XmlError> {
        children(reader, |reader, child| {
            if !child.is(Ns::Ds, "KeyInfo") {
                return skip(reader).map(drop);
            }
            children(reader, |reader, token| {
                if !token.is(Ns::Wsse, "SecurityTokenReference") {
                    return skip(reader).map(drop);
                }
                let reference = read_reference(reader, true)?;
                self.references.push(reference);
                Ok(())
            })
        })
    }
}

fn read_reference(reader: &mut XmlReader<'_>, in_message_signature: bool) -> Result<TokenReference, XmlError> {
    let mut reference = TokenReference { in_message_signature, assertion_id: None, external: false };
    children(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Wsse, "KeyIdentifier") if child.attribute("ValueType") == Some(SAML_ID) => {
                reference.assertion_id = Some(plain_text(reader)?.unwrap_or_default());
            }
            (Ns::Wsse, "Reference") => {
                reference.external |= !child.attribute("URI").is_some_and(|uri| uri.starts_with('#'));
                skip(reader)?;
            }
            _ => drop(skip(reader)?),
        }
        Ok(())
    })?;
    Ok(reference)
}

/// The name in a start tag, with its prefix.
fn name_of(tag: &str) -> &str {
    let inner = tag.trim_start_matches('<');
    inner.split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default()
}

fn reduced(outer: [&str; 2], security: &str, assertion: &str) -> String {
    let [envelope, header] = outer;
    let [envelope_name, header_name, security_name] = [envelope, header, security].map(name_of);
    let body = match envelope_name.split_once(':') {
        Some((prefix, _)) => format!("{prefix}:Body"),
        None => "Body".to_owned(),
    };
    let mut out = String::with_capacity(assertion.len() + envelope.len() + header.len() + security.len() + 128);
    for part in [envelope, header, security, assertion] {
        out.push_str(part);
    }
    out.push_str(&format!("</{security_name}></{header_name}><{body}/></{envelope_name}>"));
    out
}
