//! From the octets of a SOAP part to a request in model terms.

use super::{
    HttpSettings,
    routes::{Request, Transaction},
};
use crate::{
    model::Finding,
    wire::{
        ebrim::DecodeError,
        guard::{Event, Ns, XmlReader, decode_charset},
        soap::{Address, Fault, Header, Rejected, read_body, read_end, read_header, shortened},
    },
};

/// What a message says, or why its content could not be read (a RegistryResponse, not a fault).
pub(super) struct Decoded {
    pub(super) header: Header,
    pub(super) transaction: &'static Transaction,
    pub(super) request: Result<Request, Finding>,
}

/// What the HTTP layer knows beside the octets.
pub(super) struct Outside<'a> {
    /// charset of the Content-Type.
    pub(super) charset: Option<&'a str>,
    /// action of the Content-Type; looked at only where wsa:Action may be missing and is (R-SOAP-07).
    pub(super) action: Option<&'a str>,
    /// The message came as MTOM.
    pub(super) mtom: bool,
}

/// A message that is answered with a fault.
pub(super) struct Refused {
    pub(super) rejected: Rejected,
    /// FaultTo or ReplyTo is the none address: nothing is sent.
    pub(super) silent: bool,
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        Self { rejected, silent: false }
    }
}

/// Reads the message once, from its first octet to its last (S-IN-16).
pub(super) fn decode(
    octets: &[u8],
    outside: &Outside<'_>,
    taken: &[&'static Transaction],
    settings: &HttpSettings,
) -> Result<Decoded, Refused> {
    let unread = |fault| Rejected { fault, relates_to: None, action: None };
    let text = decode_charset(octets, outside.charset).map_err(|error| unread(error.into()))?;
    let mut reader = XmlReader::new(&text, &settings.xml);
    let header = read_header(&mut reader, settings.headers)?;
    match decode_body(&mut reader, &header, outside, taken, settings) {
        Ok((transaction, request)) => Ok(Decoded { header, transaction, request }),
        Err(fault) => Err(Refused {
            silent: *header.fault_to.as_ref().unwrap_or(&header.reply_to) == Address::None,
            rejected: Rejected {
                fault,
                relates_to: header.message_id,
                action: header.action.map(|action| shortened(&action)),
            },
        }),
    }
}

fn decode_body(
    reader: &mut XmlReader<'_>,
    header: &Header,
    outside: &Outside<'_>,
    taken: &[&'static Transaction],
    settings: &HttpSettings,
) -> Result<(&'static Transaction, Result<Request, Finding>), Fault> {
    let by_action = header.action.as_deref().map(|action| transaction_of(action, taken)).transpose()?;
    let element = read_body(reader)?;
    let transaction = match by_action {
        Some(transaction) => transaction,
        None => by_body(element.ns, element.local(), outside.action, taken)?,
    };
    let (ns, local) = transaction.body;
    if !element.is(ns, local) {
        let (action, found) = (transaction.action, shortened(element.local()));
        return Err(Fault::BodyMismatch { action, expected: local, found });
    }
    if settings.strict_encoding && transaction.mtom != outside.mtom {
        return Err(Fault::Encoding(if transaction.mtom { "MTOM" } else { "plain SOAP, not MTOM" }));
    }
    match (transaction.read)(reader) {
        Ok(request) => {
            read_end(reader)?;
            Ok((transaction, Ok(request)))
        }
        Err(DecodeError::Xml(error)) => Err(error.into()),
        Err(error @ DecodeError::Content { .. }) => {
            // What is not well-formed is a fault, however far the reader came.
            while !matches!(reader.next()?, Event::Eof) {}
            Ok((transaction, Err(Finding::error(transaction.schema_error, "R-SOAP-18", error.to_string()))))
        }
    }
}

fn transaction_of(action: &str, taken: &[&'static Transaction]) -> Result<&'static Transaction, Fault> {
    taken.iter().copied().find(|transaction| transaction.action == action).ok_or_else(|| Fault::ActionNotSupported {
        action: shortened(action),
        taken: taken.iter().map(|transaction| transaction.action).collect::<Vec<_>>().join(", "),
    })
}

/// Without wsa:Action: by the body, where the action of the media type tells apart what has the same body (R-SOAP-07).
fn by_body(
    ns: Ns,
    local: &str,
    action: Option<&str>,
    taken: &[&'static Transaction],
) -> Result<&'static Transaction, Fault> {
    let candidates = || taken.iter().copied().filter(|transaction| transaction.body == (ns, local));
    let named = action.and_then(|action| candidates().find(|transaction| transaction.action == action));
    named.or_else(|| candidates().next()).ok_or(Fault::HeaderRequired("Action"))
}
