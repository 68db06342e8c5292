//! Reference parameters of a reply endpoint, kept to be echoed.

use crate::wire::guard::{Element, Event, Ns, XmlError, XmlReader};

use super::escape;

/// More than this is not echoed.
const ECHO_MAX: usize = 4096;

/// Reads wsa:ReferenceParameters, whose start was read last, into header blocks ready to be written.
///
/// Elements keep their names, text and attributes without namespace, which is what the stacks that use them need.
/// Source: WS-Addressing 1.0 SOAP Binding §3.
pub(super) fn read(reader: &mut XmlReader<'_>) -> Result<Box<str>, XmlError> {
    let mut out = String::new();
    let mut open: Vec<&str> = Vec::new();
    loop {
        match reader.next()? {
            Event::Start(element) => {
                start(&mut out, &element, open.is_empty());
                open.push(element.local());
            }
            Event::Text(text) if !open.is_empty() => out += &escape(&text),
            Event::Text(_) => {}
            Event::End => match open.pop() {
                Some(local) => out += &format!("</r:{local}>"),
                None => return Ok(if out.len() > ECHO_MAX { "".into() } else { out.into() }),
            },
            Event::Eof => return Ok("".into()),
        }
    }
}

fn start(out: &mut String, element: &Element<'_>, outermost: bool) {
    // Without namespace there is no prefix to write; such parameters are not legal and get an empty echo of their name.
    let namespace = element.namespace_uri().unwrap_or("urn:none");
    *out += &format!("<r:{} xmlns:r=\"{}\"", element.local(), escape(namespace));
    if outermost {
        *out += " wsa:IsReferenceParameter=\"true\"";
    }
    for (ns, local, value) in element.attributes() {
        if ns == Ns::None {
            *out += &format!(" {local}=\"{}\"", escape(value));
        }
    }
    out.push('>');
}
