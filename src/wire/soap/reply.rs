//! The client's side: what a peer answered.

use crate::wire::guard::{Element, Event, Ns, XmlError, XmlReader};

/// Header of an answer that holds no fault.
#[derive(Debug)]
pub struct Reply<'a> {
    /// wsa:Action, empty if there was none.
    pub action: Box<str>,
    /// wsa:RelatesTo.
    pub relates_to: Option<Box<str>>,
    /// The element in the body; its start is read.
    pub body: Element<'a>,
}

/// Why an answer holds no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The peer sent a fault.
    #[error("the peer answered with a SOAP fault {code}: {reason}")]
    Fault {
        /// The most specific code, without prefix.
        code: Box<str>,
        /// The first reason.
        reason: Box<str>,
    },
    /// XML that is refused.
    #[error("the answer is not readable: {0}")]
    Xml(#[from] XmlError),
    /// Not the structure of an envelope.
    #[error("the answer is not a SOAP 1.2 message with a body")]
    Envelope,
}

/// Reads the answer of a peer up to the start of the element in its body.
/// # Errors
/// A fault of the peer, or something that is no answer.
pub fn read_reply<'a>(reader: &mut XmlReader<'a>) -> Result<Reply<'a>, ReplyError> {
    let (mut action, mut relates_to) = (Box::default(), None);
    start(reader, "Envelope")?;
    let mut in_header = false;
    loop {
        match reader.next()? {
            Event::Start(element) if element.is(Ns::Soap12, "Header") && !in_header => in_header = true,
            Event::End if in_header => in_header = false,
            Event::Start(element) if in_header => match (element.ns, element.local()) {
                (Ns::Wsa, "Action") => action = (*reader.text()?).into(),
                (Ns::Wsa, "RelatesTo") => relates_to = Some((*reader.text()?).into()),
                _ => reader.skip_element()?,
            },
            Event::Start(element) if element.is(Ns::Soap12, "Body") => break,
            _ => return Err(ReplyError::Envelope),
        }
    }
    match reader.next()? {
        Event::Start(body) if body.is(Ns::Soap12, "Fault") => Err(fault(reader)?),
        Event::Start(body) => Ok(Reply { action, relates_to, body }),
        _ => Err(ReplyError::Envelope),
    }
}

fn start(reader: &mut XmlReader<'_>, local: &str) -> Result<(), ReplyError> {
    match reader.next()? {
        Event::Start(element) if element.is(Ns::Soap12, local) => Ok(()),
        _ => Err(ReplyError::Envelope),
    }
}

fn fault(reader: &mut XmlReader<'_>) -> Result<ReplyError, ReplyError> {
    let (mut code, mut reason): (Box<str>, Option<Box<str>>) = (Box::default(), None);
    let mut depth = 1_usize;
    while depth > 0 {
        match reader.next()? {
            Event::Start(element) if element.is(Ns::Soap12, "Detail") => reader.skip_element()?,
            Event::Start(element) if element.is(Ns::Soap12, "Value") => {
                let value = reader.text()?;
                code = value.rsplit(':').next().unwrap_or_default().into();
            }
            Event::Start(element) if element.is(Ns::Soap12, "Text") => {
                let text = reader.text()?;
                reason.get_or_insert_with(|| (*text).into());
            }
            Event::Start(_) => depth += 1,
            Event::End => depth -= 1,
            Event::Text(_) => {}
            Event::Eof => return Err(ReplyError::Envelope),
        }
    }
    Ok(ReplyError::Fault { code, reason: reason.unwrap_or_default() })
}
