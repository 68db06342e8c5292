//! The inside of a start tag: name, attributes, namespace declarations.
//!
//! Source: XML 1.0 §2.3, §3.1; Namespaces in XML 1.0 §4–6; S-IN-11.

use super::{
    Element, Ns, XmlError, XmlLimits,
    element::Attribute,
    namespaces::Bindings,
    text::{attribute_value, malformed},
};

/// Reads what stands between `<` and `>`; the reader adds to an error where it was. `attributes` is an empty list whose memory is used again.
pub(super) fn read_tag<'a>(
    tag: &'a str,
    mut attributes: Vec<Attribute<'a>>,
    bindings: &mut Bindings<'a>,
    depth: usize,
    limits: &XmlLimits,
) -> Result<Element<'a>, XmlError> {
    let (name, mut rest) = tag.split_at(tag.bytes().position(|b| b.is_ascii_whitespace()).unwrap_or(tag.len()));
    let (prefix, local) = split_name(name, limits)?;
    let mut declarations = Vec::new();
    loop {
        let trimmed = rest.trim_ascii_start();
        if trimmed.is_empty() {
            break;
        }
        if trimmed.len() == rest.len() {
            return Err(malformed("no white space between attributes"));
        }
        let (name, raw, after) = split_attribute(trimmed)?;
        rest = after;
        if raw.len() > limits.value_bytes {
            return Err(XmlError::Limit { what: "octets in an attribute value", limit: limits.value_bytes });
        }
        let (attribute_prefix, attribute_local) = split_name(name, limits)?;
        let value = attribute_value(raw)?;
        let declared = match (attribute_prefix, attribute_local) {
            ("xmlns", declared) => Some(declared),
            ("", "xmlns") => Some(""),
            _ => None,
        };
        if let Some(declared) = declared {
            if declarations.len() == limits.namespaces {
                return Err(XmlError::Limit { what: "namespace declarations", limit: limits.namespaces });
            }
            if declarations.contains(&declared) {
                return Err(malformed("an attribute given twice"));
            }
            declarations.push(declared);
            bindings.declare(declared, value, depth)?;
        } else {
            if attributes.len() == limits.attributes {
                return Err(XmlError::Limit { what: "attributes", limit: limits.attributes });
            }
            attributes.push(Attribute {
                ns: Ns::None,
                uri: None,
                prefix: attribute_prefix,
                local: attribute_local,
                value,
            });
        }
    }
    resolve(&mut attributes, bindings)?;
    let (ns, uri) = bindings.resolve(prefix)?;
    Ok(Element { ns, uri, local, attributes })
}

/// Gives prefixed attributes their namespace and refuses those given twice.
fn resolve<'a>(attributes: &mut [Attribute<'a>], bindings: &Bindings<'a>) -> Result<(), XmlError> {
    for index in 0..attributes.len() {
        let (earlier, later) = attributes.split_at_mut(index);
        let Some(attribute) = later.first_mut() else { break };
        if !attribute.prefix.is_empty() {
            (attribute.ns, attribute.uri) = bindings.resolve(attribute.prefix)?;
        }
        let same = |other: &&mut Attribute<'a>| other.local == attribute.local && other.uri == attribute.uri;
        if earlier.iter_mut().any(|other| same(&other)) {
            return Err(malformed("an attribute given twice"));
        }
    }
    Ok(())
}

/// Splits `name = "value" rest`.
fn split_attribute(text: &str) -> Result<(&str, &str, &str), XmlError> {
    let (name, after) = text.split_once('=').ok_or(malformed("an attribute without value"))?;
    let name = name.trim_ascii_end();
    let after = after.trim_ascii_start();
    let quote = match after.as_bytes().first() {
        Some(quote @ (b'"' | b'\'')) => *quote,
        _ => return Err(malformed("an attribute value without quotes")),
    };
    let quoted = after.get(1..).unwrap_or_default();
    let end = memchr::memchr(quote, quoted.as_bytes()).ok_or(malformed("an attribute value without end"))?;
    Ok((name, quoted.get(..end).unwrap_or_default(), quoted.get(end + 1..).unwrap_or_default()))
}

/// What an octet may be within a name; more than ASCII is not looked at.
const fn name_octet(b: u8) -> u8 {
    match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => STARTS,
        b'0'..=b'9' | b'-' | b'.' => CONTINUES,
        b':' => COLON,
        _ => NEVER,
    }
}

const STARTS: u8 = 1;
const CONTINUES: u8 = 2;
const COLON: u8 = 4;
const NEVER: u8 = 8;

const NAME_OCTETS: [u8; 256] = {
    let mut table = [NEVER; 256];
    let mut b: u8 = 0;
    while b < u8::MAX {
        table[b as usize] = name_octet(b);
        b += 1;
    }
    table
};

/// Splits a qualified name into prefix and local name.
fn split_name<'a>(name: &'a str, limits: &XmlLimits) -> Result<(&'a str, &'a str), XmlError> {
    if name.len() > limits.name_bytes {
        return Err(XmlError::Limit { what: "octets in a name", limit: limits.name_bytes });
    }
    let found = name.bytes().fold(0, |found, b| found | NAME_OCTETS[usize::from(b)]);
    if found & NEVER != 0 {
        return Err(malformed("a name with a character that names do not have"));
    }
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) if !prefix.is_empty() && !local.contains(':') => (prefix, local),
        Some(_) => return Err(malformed("a name with a colon that divides nothing")),
        None => ("", name),
    };
    let starts = |part: &str| part.bytes().next().is_some_and(|b| name_octet(b) == STARTS);
    if !starts(local) || !(prefix.is_empty() || starts(prefix)) {
        return Err(malformed("a name that does not begin as names do"));
    }
    Ok((prefix, local))
}
