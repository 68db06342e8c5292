//! From the octets of a SOAP part to a request in model terms.

use super::{
    HttpSettings,
    routes::{Request, Transaction},
};
use crate::{
    model::{Finding, Node},
    wire::{
        ebrim::DecodeError,
        guard::{Event, Ns, XmlReader, decode_charset},
        saml::Received,
        soap::{Address, Fault, Header, Rejected, read_body, read_end, read_header, shortened},
    },
};

/// What a message says, or why its content could not be read (a RegistryResponse, not a fault).
pub(super) struct Decoded {
    pub(super) header: Header,
    pub(super) transaction: &'static Transaction,
    pub(super) request: Result<Request, Finding>,
    /// The assertion that came along, as yet unproven.
    pub(super) security: Option<Received>,
}

/// What the HTTP layer knows beside the octets.
pub(super) struct Outside<'a> {
    /// charset of the Content-Type.
    pub(super) charset: Option<&'a str>,
    /// action of the Content-Type; looked at only where wsa:Action may be missing and is (R-SOAP-07).
    pub(super) action: Option<&'a str>,
    /// The message came as MTOM.
    pub(super) mtom: bool,
    /// Who sent it.
    pub(super) node: &'a Node,
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
        Ok((transaction, request)) => {
            let security = header.security.clone().zip(reader.take_watch()).map(|(header, watch)| Received {
                header,
                assertions: watch.elements(),
                id_uses: watch.uses(),
            });
            Ok(Decoded { header, transaction, request, security })
        }
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
    if !transaction.is_for(outside.node) {
        return Err(Fault::NotAllowed { transaction: transaction.number });
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::routes::TRANSACTIONS, model::NodeRole};

    /// What becomes of a message with the action of a transaction and the wrong body.
    fn fault_for(transaction: &Transaction, roles: &[NodeRole]) -> Fault {
        let text = format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:a='http://www.w3.org/2005/08/addressing'>\
             <s:Header><a:Action>{}</a:Action><a:MessageID>urn:uuid:1</a:MessageID></s:Header><s:Body><x/></s:Body>\
             </s:Envelope>",
            transaction.action
        );
        let taken: Vec<&'static Transaction> = TRANSACTIONS.iter().collect();
        let node = Node { roles: roles.to_vec(), ..Node::loopback() };
        let outside = Outside { charset: None, action: None, mtom: false, node: &node };
        match decode(text.as_bytes(), &outside, &taken, &HttpSettings::default()) {
            Err(refused) => refused.rejected.fault,
            Ok(_) => panic!("the body is wrong"),
        }
    }

    #[test]
    fn s_tls_17_a_node_calls_the_transactions_of_its_roles_only() {
        for (number, callers) in [
            ("ITI-18", &[NodeRole::Consumer, NodeRole::InitiatingGateway][..]),
            ("ITI-41", &[NodeRole::Source]),
            ("ITI-42", &[NodeRole::Repository]),
            ("ITI-43", &[NodeRole::Consumer, NodeRole::InitiatingGateway]),
        ] {
            let transaction = TRANSACTIONS.iter().find(|it| it.number == number).expect("it is served");
            for role in NodeRole::ALL {
                let fault = fault_for(transaction, &[role]);
                match callers.contains(&role) {
                    true => assert!(matches!(fault, Fault::BodyMismatch { .. }), "{number} {role}: {fault:?}"),
                    // Nothing of the body was looked at.
                    false => assert_eq!(fault, Fault::NotAllowed { transaction: number }, "{role}"),
                }
            }
            let all_others: Vec<NodeRole> = NodeRole::ALL.into_iter().filter(|role| !callers.contains(role)).collect();
            assert_eq!(fault_for(transaction, &all_others), Fault::NotAllowed { transaction: number });
        }
        assert_eq!(TRANSACTIONS.len(), 4, "every transaction stands above");
    }
}
