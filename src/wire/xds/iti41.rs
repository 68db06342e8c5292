//! ITI-41 Provide and Register Document Set-b: xds:ProvideAndRegisterDocumentSetRequest.
//!
//! Source: ITI TF-2 §3.41.4.1.

use super::{
    document::{DocumentContent, read_content, write_include},
    iti42,
};
use crate::{
    model::rim::SubmitObjectsRequest,
    wire::{
        ebrim::{DecodeError, escape::write_attribute, for_each_child, misplaced},
        guard::{Ns, XmlReader},
    },
};

/// xds:ProvideAndRegisterDocumentSetRequest as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvideAndRegister {
    /// The metadata.
    pub submit: SubmitObjectsRequest,
    /// The documents in order.
    pub documents: Vec<DocumentElement>,
}

/// One xds:Document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentElement {
    /// @id, the id of its ExtrinsicObject.
    pub id: Option<Box<str>>,
    /// Where its octets are.
    pub content: DocumentContent,
}

/// Reads xds:ProvideAndRegisterDocumentSetRequest after its start, up to its end.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read_request(reader: &mut XmlReader<'_>) -> Result<ProvideAndRegister, DecodeError> {
    let mut submit = None;
    let mut documents = Vec::new();
    for_each_child(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Lcm, "SubmitObjectsRequest") if submit.is_none() => submit = Some(iti42::read_request(reader)?),
            (Ns::Xds, "Document") => {
                let id = child.attribute("id").map(|id| Box::from(id.trim_ascii()));
                reader.recycle(child);
                documents.push(DocumentElement { id, content: read_content(reader)? });
            }
            _ => return Err(misplaced(&child)),
        }
        Ok(())
    })
    .map_err(within)?;
    let submit = submit.ok_or_else(|| within(DecodeError::content("element SubmitObjectsRequest is missing")))?;
    Ok(ProvideAndRegister { submit, documents })
}

fn within(error: DecodeError) -> DecodeError {
    error.within("ProvideAndRegisterDocumentSetRequest")
}

/// Writes xds:ProvideAndRegisterDocumentSetRequest; each document is its id and the Content-ID of its part, without angle
/// brackets.
pub fn write_request(out: &mut Vec<u8>, submit: &SubmitObjectsRequest, documents: &[(&str, &str)]) {
    out.extend_from_slice(b"<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds=\"urn:ihe:iti:xds-b:2007\">");
    iti42::write_request(out, submit);
    for (id, content_id) in documents {
        out.extend_from_slice(b"<xds:Document");
        write_attribute(out, "id", id);
        out.push(b'>');
        write_include(out, content_id);
        out.extend_from_slice(b"</xds:Document>");
    }
    out.extend_from_slice(b"</xds:ProvideAndRegisterDocumentSetRequest>");
}
