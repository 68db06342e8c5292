//! User assertions (SAML 2.0) as they come in a WS-Security header.
//!
//! Two readers that must not be mixed up. [`SecurityHeader`] tells how the received header is built: nothing in it is
//! proven, it serves the checks before a signature is verified. [`Assertion`] is read from the octets that the signature
//! covers, and from nothing else. Uses `wire::guard` alone; verifies nothing and decides nothing.
//!
//! Source: SAML 2.0 core §2; WS-Security 1.1 §5–8 and its SAML token profile; ITI TF-2 §3.40; spec security §3.

mod assertion;
mod attributes;
mod header;
mod outline;
#[cfg(test)]
mod tests;
mod time;

pub use assertion::{Assertion, AuthnStatement, Confirmation, SamlError};
pub use attributes::{Attribute, Hl7Value};
pub use header::{Received, SecurityHeader, Timestamp, TokenReference};
pub use outline::{AssertionOutline, ReferenceOutline, SignatureOutline, TransformOutline};

use crate::wire::guard::{Element, Event, XmlError, XmlReader};

/// Hands every child of the element whose start was read last to `each`, which reads up to the child's end.
fn children<'a>(
    reader: &mut XmlReader<'a>,
    mut each: impl FnMut(&mut XmlReader<'a>, &Element<'a>) -> Result<(), XmlError>,
) -> Result<(), XmlError> {
    loop {
        match reader.next()? {
            Event::Start(child) => {
                each(reader, &child)?;
                reader.recycle(child);
            }
            Event::Text(_) => {}
            Event::End => return Ok(()),
            Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
        }
    }
}
