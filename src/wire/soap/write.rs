//! Envelopes that knoop writes. UTF-8, no white space between elements.

use std::borrow::Cow;

use super::{Fault, SOAP12, WSA, WSSE, fault::Subcode};

/// Header of an answer (spec §1.4).
#[derive(Clone, Copy, Debug)]
pub struct ReplyHeader<'a> {
    /// wsa:Action.
    pub action: &'a str,
    /// wsa:MessageID, fresh.
    pub message_id: &'a str,
    /// wsa:MessageID of the request, if it could be read.
    pub relates_to: Option<&'a str>,
    /// Reference parameters of the reply endpoint as XML, ready to be echoed; mostly empty.
    pub reference_parameters: &'a str,
}

/// Header of a request that knoop sends.
#[derive(Clone, Copy, Debug)]
pub struct RequestHeader<'a> {
    /// wsa:Action.
    pub action: &'a str,
    /// wsa:MessageID, fresh.
    pub message_id: &'a str,
    /// wsa:To: the endpoint's address.
    pub to: &'a str,
    /// A user assertion, put into wsse:Security as it is (S-XUA-05).
    pub assertion: Option<&'a str>,
}

/// Text and attribute values as XML wants them.
pub fn escape(text: &str) -> Cow<'_, str> {
    quick_xml::escape::escape(text)
}

/// Writes the envelope of an answer around what `body` writes; gives back what `body` gives.
pub fn write_envelope<T>(out: &mut Vec<u8>, header: &ReplyHeader<'_>, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    open(out);
    reply_header(out, header, "");
    let result = body(out);
    close(out);
    result
}

/// Writes the envelope of a request around what `body` writes.
pub fn write_request_envelope(out: &mut Vec<u8>, header: &RequestHeader<'_>, body: impl FnOnce(&mut Vec<u8>)) {
    open(out);
    add(out, &["<wsa:Action soap12:mustUnderstand=\"1\">", &escape(header.action), "</wsa:Action>"]);
    add(out, &["<wsa:MessageID>", &escape(header.message_id), "</wsa:MessageID>"]);
    add(out, &["<wsa:ReplyTo><wsa:Address>", WSA, "/anonymous</wsa:Address></wsa:ReplyTo>"]);
    add(out, &["<wsa:To soap12:mustUnderstand=\"1\">", &escape(header.to), "</wsa:To>"]);
    if let Some(assertion) = header.assertion {
        add(out, &["<wsse:Security xmlns:wsse=\"", WSSE, "\" soap12:mustUnderstand=\"1\">", assertion]);
        add(out, &["</wsse:Security>"]);
    }
    add(out, &["</soap12:Header><soap12:Body>"]);
    body(out);
    close(out);
}

/// Writes the envelope of a fault; `header.action` is that of the fault.
pub fn write_fault(out: &mut Vec<u8>, fault: &Fault, header: &ReplyHeader<'_>) {
    let action = fault.action();
    open(out);
    reply_header(out, &ReplyHeader { action, ..*header }, &extra_headers(fault));
    add(out, &["<soap12:Fault><soap12:Code><soap12:Value>soap12:", fault.code(), "</soap12:Value>"]);
    match fault.subcode() {
        Some(Subcode::Addressing(subcode, subsubcode)) => {
            add(out, &["<soap12:Subcode><soap12:Value>wsa:", subcode, "</soap12:Value>"]);
            if let Some(subsubcode) = subsubcode {
                add(out, &["<soap12:Subcode><soap12:Value>wsa:", subsubcode, "</soap12:Value></soap12:Subcode>"]);
            }
            add(out, &["</soap12:Subcode>"]);
        }
        Some(Subcode::Security(fault)) => {
            let ((prefix, namespace), name) = (fault.namespace(), fault.name());
            add(out, &["<soap12:Subcode><soap12:Value xmlns:", prefix, "=\"", namespace, "\">", prefix, ":", name]);
            add(out, &["</soap12:Value></soap12:Subcode>"]);
        }
        None => {}
    }
    add(out, &["</soap12:Code><soap12:Reason><soap12:Text xml:lang=\"en\">", &escape(&fault.to_string())]);
    add(out, &["</soap12:Text></soap12:Reason>"]);
    match fault {
        Fault::HeaderRequired(name) | Fault::InvalidCardinality(name) | Fault::OnlyAnonymousAddressSupported(name) => {
            add(out, &["<soap12:Detail><wsa:ProblemHeaderQName>wsa:", name]);
            add(out, &["</wsa:ProblemHeaderQName></soap12:Detail>"]);
        }
        Fault::ActionNotSupported { action, .. } => {
            add(out, &["<soap12:Detail><wsa:ProblemAction><wsa:Action>", &escape(action)]);
            add(out, &["</wsa:Action></wsa:ProblemAction></soap12:Detail>"]);
        }
        _ => {}
    }
    add(out, &["</soap12:Fault>"]);
    close(out);
}

/// Upgrade and NotUnderstood (SOAP 1.2 part 1 §5.4.7 and §5.4.8).
fn extra_headers(fault: &Fault) -> String {
    match fault {
        Fault::VersionMismatch => {
            "<soap12:Upgrade><soap12:SupportedEnvelope qname=\"soap12:Envelope\"/></soap12:Upgrade>".to_owned()
        }
        Fault::MustUnderstand(names) => names.iter().fold(String::new(), |mut headers, name| {
            let (namespace, local) = (escape(&name.namespace), escape(&name.local));
            headers += &match namespace.as_ref() {
                "" => format!("<soap12:NotUnderstood qname=\"{local}\"/>"),
                namespace => format!("<soap12:NotUnderstood qname=\"n:{local}\" xmlns:n=\"{namespace}\"/>"),
            };
            headers
        }),
        _ => String::new(),
    }
}

fn reply_header(out: &mut Vec<u8>, header: &ReplyHeader<'_>, extra: &str) {
    add(out, &["<wsa:Action soap12:mustUnderstand=\"1\">", &escape(header.action), "</wsa:Action>"]);
    add(out, &["<wsa:MessageID>", &escape(header.message_id), "</wsa:MessageID>"]);
    if let Some(relates_to) = header.relates_to {
        add(out, &["<wsa:RelatesTo>", &escape(relates_to), "</wsa:RelatesTo>"]);
    }
    add(out, &[header.reference_parameters, extra, "</soap12:Header><soap12:Body>"]);
}

fn open(out: &mut Vec<u8>) {
    add(out, &["<?xml version=\"1.0\" encoding=\"UTF-8\"?>"]);
    add(out, &["<soap12:Envelope xmlns:soap12=\"", SOAP12, "\" xmlns:wsa=\"", WSA, "\"><soap12:Header>"]);
}

fn close(out: &mut Vec<u8>) {
    add(out, &["</soap12:Body></soap12:Envelope>"]);
}

fn add(out: &mut Vec<u8>, texts: &[&str]) {
    texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
}
