//! METADATA.XML, as it is in standard and in practice, to a submission as it was sent.
//!
//! The reader is that of ITI-42; what is of the medium alone is here: the root, the versions that are refused, and the
//! habits of section 13, each of which can be switched off and is told when it is used.
//!
//! Source: ITI TF-2 §3.32.4.1.2; spec xdm R-32-11, R-32-12, R-32-18, R-32-37, H-29, section 13.

mod tidy;

use crate::{
    model::{
        rim::SubmitObjectsRequest,
        xdm::{PackageFinding, PackageTolerances, XdmCode},
    },
    wire::{
        ebrim::DecodeError,
        guard::{Event, Ns, XmlLimits, XmlReader, decode_charset},
        xds::iti42,
    },
};

/// More than in a message: one file may tell of many documents.
const LIMITS: XmlLimits = XmlLimits {
    depth: 64,
    nodes: 4_000_000,
    attributes: 64,
    namespaces: 32,
    value_bytes: 16 << 10,
    name_bytes: 1 << 10,
    text_bytes: 1 << 20,
};

/// What a METADATA.XML says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFile {
    /// The metadata.
    pub submit: SubmitObjectsRequest,
    /// Habits that were taken, each told once.
    pub findings: Vec<PackageFinding>,
}

/// Reads a METADATA.XML; `file` is its name for findings.
///
/// # Errors
/// Why it cannot be read: the set fails.
pub fn read_metadata(
    octets: &[u8],
    file: &str,
    tolerances: &PackageTolerances,
) -> Result<MetadataFile, Box<PackageFinding>> {
    let malformed = |error: DecodeError| {
        let (place, text) = match error {
            DecodeError::Xml(error) => (String::new(), error.to_string()),
            DecodeError::Content { path, problem } => (path, problem),
        };
        Box::new(PackageFinding::error(XdmCode::MetadataMalformed, file, text).at(place))
    };
    let text = decode_charset(octets, None).map_err(|error| malformed(error.into()))?;
    let mut reader = XmlReader::new(&text, &LIMITS);
    let Event::Start(root) = reader.next().map_err(|error| malformed(error.into()))? else {
        return Err(malformed(DecodeError::content("there is no root element")));
    };
    if !root.is(Ns::Lcm, "SubmitObjectsRequest") {
        let old = root.namespace_uri().is_some_and(is_ebrim_2);
        let found = root.local();
        let finding = if old {
            PackageFinding::error(
                XdmCode::MetadataVersion,
                file,
                "this is ebRIM 2.1, as before 2006; ebRIM 3.0 is read",
            )
        } else {
            let text = "the root must be SubmitObjectsRequest of ebRIM 3.0, without an envelope";
            PackageFinding::error(XdmCode::MetadataMalformed, file, text)
        };
        return Err(Box::new(finding.at(found)));
    }
    reader.recycle(root);
    let mut submit = iti42::read_request(&mut reader).map_err(malformed)?;
    match reader.next().map_err(|error| malformed(error.into()))? {
        Event::Eof => {}
        _ => return Err(malformed(DecodeError::content("something follows the root element"))),
    }
    let uris = uri_attributes(&text);
    let findings = tidy::tidy(&mut submit, &uris, file, tolerances);
    Ok(MetadataFile { submit, findings })
}

fn is_ebrim_2(namespace: &str) -> bool {
    namespace.starts_with("urn:oasis:names:tc:ebxml-regrep:") && namespace.contains("xsd:2.")
}

/// The `uri` attribute of each ExtrinsicObject in order, a habit of some senders. A second pass, only where it can matter.
fn uri_attributes(text: &str) -> Vec<Option<Box<str>>> {
    if !["uri=", "uri ="].iter().any(|name| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some()) {
        return Vec::new();
    }
    let (mut reader, mut found) = (XmlReader::new(text, &LIMITS), Vec::new());
    while let Ok(event) = reader.next() {
        match event {
            Event::Start(element) => {
                if element.is(Ns::Rim, "ExtrinsicObject") {
                    found.push(element.attribute("uri").map(Box::from));
                }
                reader.recycle(element);
            }
            Event::Eof => break,
            Event::End | Event::Text(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
