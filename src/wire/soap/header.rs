//! The way from the start of a message to the element in its body.

use std::sync::Arc;

use crate::wire::{
    guard::{Element, Event, Ns, XmlReader},
    saml::SecurityHeader,
};

use super::{Address, Fault, QualifiedName, fault::shortened, reference_parameters};

/// What the endpoint has switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// A missing Action or MessageID is tolerated (R-SOAP-07, R-SOAP-12).
    pub lenient_addressing: bool,
    /// wsse:Security is processed, so it counts as understood (R-SOAP-13).
    pub security_understood: bool,
}

/// What the headers say. Values are trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// wsa:Action, always there unless addressing is lenient.
    pub action: Option<Box<str>>,
    /// wsa:MessageID, always there unless addressing is lenient.
    pub message_id: Option<Box<str>>,
    /// wsa:To, not compared with anything.
    pub to: Option<Box<str>>,
    /// wsa:ReplyTo; absent is anonymous.
    pub reply_to: Address,
    /// wsa:FaultTo.
    pub fault_to: Option<Address>,
    /// wsa:RelatesTo, of replies.
    pub relates_to: Option<Box<str>>,
    /// wsa:ReferenceParameters of ReplyTo as XML to echo, mostly empty.
    pub reference_parameters: Box<str>,
    /// wsse:Security meant for us, where it is processed. The reader goes on counting what concerns it.
    pub security: Option<Arc<SecurityHeader>>,
}

/// A fault, with what is known of the message that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What is wrong.
    pub fault: Fault,
    /// wsa:MessageID, if it could be read.
    pub relates_to: Option<Box<str>>,
    /// wsa:Action, if it could be read.
    pub action: Option<Box<str>>,
}

/// Reads up to the start of the body. The header must be whole before anything is judged, so that the fault can name the
/// message.
/// # Errors
/// Everything that R-SOAP-09, R-SOAP-12 to R-SOAP-14 and S-IN-15 refuse.
pub fn read_header(reader: &mut XmlReader<'_>, rules: HeaderRules) -> Result<Header, Rejected> {
    let mut blocks = Blocks::default();
    if rules.security_understood {
        reader.watch_with(SecurityHeader::watch());
    }
    match blocks.read(reader, rules).and_then(|()| blocks.judge(rules)) {
        Ok(()) => {
            if blocks.security.is_none() {
                // Nothing to protect: the body is read as fast as ever.
                reader.take_watch();
            }
            Ok(blocks.into_header())
        }
        Err(fault) => Err(Rejected {
            fault,
            relates_to: blocks.message_id.filter(|id| !id.is_empty()),
            action: blocks.action.map(|action| shortened(&action)),
        }),
    }
}

/// The element in the body; its start is read when this returns.
/// # Errors
/// An empty body, text in it, refused XML.
pub fn read_body<'a>(reader: &mut XmlReader<'a>) -> Result<Element<'a>, Fault> {
    match reader.next()? {
        Event::Start(element) => Ok(element),
        Event::End | Event::Eof => Err(Fault::Envelope("the body is empty")),
        Event::Text(_) => Err(Fault::Envelope("the body holds text")),
    }
}

/// Reads from the end of the element in the body to the end of the message.
/// # Errors
/// A second element in the body, anything after it, refused XML.
pub fn read_end(reader: &mut XmlReader<'_>) -> Result<(), Fault> {
    for _ in ["Body", "Envelope"] {
        match reader.next()? {
            Event::End => {}
            _ => return Err(Fault::Envelope("the body holds more than one element")),
        }
    }
    match reader.next()? {
        Event::Eof => Ok(()),
        _ => Err(Fault::Envelope("there is something after the envelope")),
    }
}

#[derive(Default)]
struct Blocks {
    action: Option<Box<str>>,
    message_id: Option<Box<str>>,
    to: Option<Box<str>>,
    relates_to: Option<Box<str>>,
    reply_to: Option<Address>,
    fault_to: Option<Address>,
    reference_parameters: Box<str>,
    repeated: Option<&'static str>,
    not_understood: Vec<QualifiedName>,
    security: Option<SecurityHeader>,
}

impl Blocks {
    fn read(&mut self, reader: &mut XmlReader<'_>, rules: HeaderRules) -> Result<(), Fault> {
        match reader.next()? {
            Event::Start(root) if root.is(Ns::Soap12, "Envelope") => {}
            Event::Start(root) if root.local() == "Envelope" => return Err(Fault::VersionMismatch),
            _ => return Err(Fault::Envelope("the message is not a SOAP envelope")),
        }
        let envelope = reader.slice(reader.tag());
        match reader.next()? {
            Event::Start(element) if element.is(Ns::Soap12, "Body") => return Ok(()),
            Event::Start(element) if element.is(Ns::Soap12, "Header") => {}
            _ => return Err(Fault::Envelope("the envelope does not begin with Header or Body")),
        }
        let outer = [envelope, reader.slice(reader.tag())];
        loop {
            match reader.next()? {
                Event::Start(block) => self.block(&block, reader, outer, rules)?,
                Event::End => break,
                _ => return Err(Fault::Envelope("the header holds text")),
            }
        }
        match reader.next()? {
            Event::Start(element) if element.is(Ns::Soap12, "Body") => Ok(()),
            _ => Err(Fault::Envelope("the header is not followed by a body")),
        }
    }

    fn block<'a>(
        &mut self,
        block: &Element<'_>,
        reader: &mut XmlReader<'a>,
        outer: [&'a str; 2],
        rules: HeaderRules,
    ) -> Result<(), Fault> {
        if !is_for_us(block) {
            return Ok(reader.skip_element()?);
        }
        let (slot, name) = match (block.ns, block.local()) {
            (Ns::Wsa, "Action") => (&mut self.action, "Action"),
            (Ns::Wsa, "MessageID") => (&mut self.message_id, "MessageID"),
            (Ns::Wsa, "To") => (&mut self.to, "To"),
            (Ns::Wsa, "RelatesTo") => {
                // May be repeated; only the first matters to knoop.
                let text = reader.text()?;
                self.relates_to.get_or_insert_with(|| (*text).into());
                return Ok(());
            }
            (Ns::Wsa, "ReplyTo") => {
                let (address, parameters) = endpoint(reader)?;
                if self.reply_to.replace(address).is_some() {
                    self.repeated = Some("ReplyTo");
                }
                self.reference_parameters = parameters;
                return Ok(());
            }
            (Ns::Wsa, "FaultTo") => {
                if self.fault_to.replace(endpoint(reader)?.0).is_some() {
                    self.repeated = Some("FaultTo");
                }
                return Ok(());
            }
            (Ns::Wsa, "From") => return Ok(reader.skip_element()?),
            (Ns::Wsse, "Security") if rules.security_understood => {
                return Ok(self.security.get_or_insert_default().read(reader, outer)?);
            }
            _ => {
                if must_understand(block) {
                    let namespace = block.namespace_uri().unwrap_or_default();
                    // Whole, or the sender could not tell which of its headers it is.
                    let name = QualifiedName { namespace: namespace.into(), local: block.local().into() };
                    if !self.not_understood.contains(&name) {
                        self.not_understood.push(name);
                    }
                }
                return Ok(reader.skip_element()?);
            }
        };
        if slot.replace((*reader.text()?).into()).is_some() {
            self.repeated = Some(name);
        }
        Ok(())
    }

    fn judge(&mut self, rules: HeaderRules) -> Result<(), Fault> {
        if !self.not_understood.is_empty() {
            return Err(Fault::MustUnderstand(std::mem::take(&mut self.not_understood)));
        }
        if let Some(name) = self.repeated {
            return Err(Fault::InvalidCardinality(name));
        }
        for (value, name) in [(&mut self.action, "Action"), (&mut self.message_id, "MessageID")] {
            *value = value.take().filter(|text| !text.is_empty());
            if value.is_none() && !rules.lenient_addressing {
                return Err(Fault::HeaderRequired(name));
            }
        }
        for (address, name) in [(&self.reply_to, "ReplyTo"), (&self.fault_to, "FaultTo")] {
            // Until replies are jobs, only the back-channel is served (R-SOAP-14, S-IN-21).
            if let Some(Address::Other(_)) = address {
                return Err(Fault::OnlyAnonymousAddressSupported(name));
            }
        }
        Ok(())
    }

    fn into_header(self) -> Header {
        Header {
            action: self.action,
            message_id: self.message_id,
            to: self.to,
            reply_to: self.reply_to.unwrap_or(Address::Anonymous),
            fault_to: self.fault_to,
            relates_to: self.relates_to,
            reference_parameters: self.reference_parameters,
            security: self.security.map(Arc::new),
        }
    }
}

/// Targeted at the ultimate receiver (R-SOAP-13).
fn is_for_us(block: &Element<'_>) -> bool {
    match block.attribute_ns(Ns::Soap12, "role").map(str::trim) {
        None | Some("") => true,
        Some(role) => matches!(
            role.strip_prefix("http://www.w3.org/2003/05/soap-envelope/role/"),
            Some("next" | "ultimateReceiver")
        ),
    }
}

fn must_understand(block: &Element<'_>) -> bool {
    block.attribute_ns(Ns::Soap12, "mustUnderstand").is_some_and(|value| matches!(value.trim(), "1" | "true"))
}

/// Address and reference parameters of an endpoint reference whose start was read last.
fn endpoint(reader: &mut XmlReader<'_>) -> Result<(Address, Box<str>), Fault> {
    let (mut address, mut parameters) = (None, Box::default());
    loop {
        match reader.next()? {
            Event::Start(element) if element.is(Ns::Wsa, "Address") => {
                let text = reader.text()?;
                if address.replace(Address::from_wire(&text)).is_some() {
                    return Err(Fault::InvalidCardinality("Address"));
                }
            }
            Event::Start(element) if element.is(Ns::Wsa, "ReferenceParameters") => {
                parameters = reference_parameters::read(reader)?;
            }
            Event::Start(_) => reader.skip_element()?,
            Event::End => return Ok((address.unwrap_or(Address::Anonymous), parameters)),
            Event::Text(_) | Event::Eof => return Err(Fault::Envelope("an endpoint reference holds text")),
        }
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
