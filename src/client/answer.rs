//! What a peer answered.

use super::{ClientError, ReceivedPart};
use crate::wire::{
    ebrim::DecodeError,
    guard::{Element, XmlLimits, XmlReader, decode_charset},
    soap::read_reply,
};

/// A SOAP message and the documents beside it.
#[derive(Debug)]
pub struct Answer {
    /// The SOAP message.
    pub root: Vec<u8>,
    /// The charset that its headers named.
    pub charset: Option<String>,
    /// The documents, in order.
    pub parts: Vec<ReceivedPart>,
}

impl Answer {
    /// Reads the message: `read` is given the element in the body, whose name must be `expected`.
    ///
    /// # Errors
    /// A fault of the peer, or something that is no answer to what was asked.
    pub fn read<T>(
        &self,
        expected: &str,
        read: impl for<'a> FnOnce(&mut XmlReader<'a>, &Element<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, ClientError> {
        // A peer is trusted further than a stranger: its answers may be longer (S-IN-03, S-IN-12).
        let limits = XmlLimits { nodes: 4_000_000, text_bytes: 64 << 20, ..XmlLimits::default() };
        let text = decode_charset(&self.root, self.charset.as_deref())?;
        let mut reader = XmlReader::new(&text, &limits);
        let reply = read_reply(&mut reader)?;
        if reply.body.local() != expected {
            return Err(ClientError::Answer(format!("{expected} was expected in the body")));
        }
        Ok(read(&mut reader, &reply.body)?)
    }
}
