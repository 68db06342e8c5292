//! ITI-43 Retrieve Document Set: xds:RetrieveDocumentSetRequest and its response.
//!
//! Source: ITI TF-2 §3.43.4 (R-43-01 to R-43-10).

use super::{
    document::{DocumentContent, read_content, write_include},
    registry_response::{self, PeerResponse},
};
use crate::{
    model::{RegistryResponse, rim::DocumentRequest},
    wire::{
        ebrim::{DecodeError, escape::write_escaped, for_each_child, misplaced},
        guard::{Ns, XmlReader},
    },
};

/// A document to be returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentResponse {
    /// What was asked for; echoed.
    pub request: DocumentRequest,
    /// mimeType as stored.
    pub mime_type: Box<str>,
    /// How the octets follow.
    pub content: ResponseContent,
}

/// How the octets of a returned document follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseContent {
    /// As a part with this Content-ID, without angle brackets.
    Cid(String),
    /// As base64 in this place, put in by the caller.
    Base64Hole,
}

/// A document that a peer returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrievedDocument {
    /// What it is.
    pub request: DocumentRequest,
    /// mimeType as sent.
    pub mime_type: Box<str>,
    /// Where its octets are; absent when the element Document is.
    pub content: Option<DocumentContent>,
}

/// xds:RetrieveDocumentSetResponse of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrieveResponse {
    /// Status and errors.
    pub response: PeerResponse,
    /// Documents in order.
    pub documents: Vec<RetrievedDocument>,
}

/// Reads xds:RetrieveDocumentSetRequest after its start, up to its end. Missing values are empty.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read_request(reader: &mut XmlReader<'_>) -> Result<Vec<DocumentRequest>, DecodeError> {
    let mut requests = Vec::new();
    for_each_child(reader, |reader, child| {
        if !child.is(Ns::Xds, "DocumentRequest") {
            return Err(misplaced(&child));
        }
        let mut request = DocumentRequest::default();
        for_each_child(reader, |reader, field| match (field.ns, field.local()) {
            (Ns::Xds, local) => match read_field(reader, local, &mut request) {
                Some(read) => read,
                None => Err(misplaced(&field)),
            },
            _ => Err(misplaced(&field)),
        })
        .map_err(|e| e.within(&format!("DocumentRequest[{}]", requests.len() + 1)))?;
        requests.push(request);
        Ok(())
    })
    .map_err(|e| e.within("RetrieveDocumentSetRequest"))?;
    Ok(requests)
}

/// Reads one of the three values that name a document; `None` when the element is another.
fn read_field(
    reader: &mut XmlReader<'_>,
    local: &str,
    request: &mut DocumentRequest,
) -> Option<Result<(), DecodeError>> {
    let mut text = || Ok::<Box<str>, DecodeError>(Box::from(&*reader.text()?));
    let read = match local {
        "HomeCommunityId" => {
            text().map(|value| request.home_community_id = Some(value).filter(|value| !value.is_empty()))
        }
        "RepositoryUniqueId" => text().map(|value| request.repository_unique_id = value),
        "DocumentUniqueId" => text().map(|value| request.document_unique_id = value),
        _ => return None,
    };
    Some(read.map_err(|e| e.within(local)))
}

/// Writes xds:RetrieveDocumentSetRequest.
pub fn write_request(out: &mut Vec<u8>, requests: &[DocumentRequest]) {
    out.extend_from_slice(b"<xds:RetrieveDocumentSetRequest xmlns:xds=\"urn:ihe:iti:xds-b:2007\">");
    for request in requests {
        out.extend_from_slice(b"<xds:DocumentRequest>");
        write_fields(out, request);
        out.extend_from_slice(b"</xds:DocumentRequest>");
    }
    out.extend_from_slice(b"</xds:RetrieveDocumentSetRequest>");
}

fn write_fields(out: &mut Vec<u8>, request: &DocumentRequest) {
    if let Some(home) = &request.home_community_id {
        write_element(out, "xds:HomeCommunityId", home);
    }
    write_element(out, "xds:RepositoryUniqueId", &request.repository_unique_id);
    write_element(out, "xds:DocumentUniqueId", &request.document_unique_id);
}

fn write_element(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    write_escaped(out, text);
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// Writes xds:RetrieveDocumentSetResponse. Returns, for each [`ResponseContent::Base64Hole`] in order, the offset in `out`
/// where its base64 goes.
pub fn write_response(out: &mut Vec<u8>, response: &RegistryResponse, documents: &[DocumentResponse]) -> Vec<usize> {
    let mut holes = Vec::new();
    out.extend_from_slice(b"<xds:RetrieveDocumentSetResponse xmlns:xds=\"urn:ihe:iti:xds-b:2007\">");
    registry_response::write(out, response);
    for document in documents {
        out.extend_from_slice(b"<xds:DocumentResponse>");
        write_fields(out, &document.request);
        write_element(out, "xds:mimeType", &document.mime_type);
        out.extend_from_slice(b"<xds:Document>");
        match &document.content {
            ResponseContent::Cid(content_id) => write_include(out, content_id),
            ResponseContent::Base64Hole => holes.push(out.len()),
        }
        out.extend_from_slice(b"</xds:Document></xds:DocumentResponse>");
    }
    out.extend_from_slice(b"</xds:RetrieveDocumentSetResponse>");
    holes
}

/// Reads xds:RetrieveDocumentSetResponse after its start, up to its end.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read_response(reader: &mut XmlReader<'_>) -> Result<RetrieveResponse, DecodeError> {
    let mut answer = RetrieveResponse::default();
    for_each_child(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Rs, "RegistryResponse") => {
                answer.response = registry_response::read(reader, &child).map_err(|e| e.within("RegistryResponse"))?;
            }
            (Ns::Xds, "DocumentResponse") => {
                let document = read_document(reader);
                answer.documents.push(document.map_err(|e| e.within("DocumentResponse"))?);
            }
            _ => return Err(misplaced(&child)),
        }
        Ok(())
    })
    .map_err(|e| e.within("RetrieveDocumentSetResponse"))?;
    Ok(answer)
}

fn read_document(reader: &mut XmlReader<'_>) -> Result<RetrievedDocument, DecodeError> {
    let mut document =
        RetrievedDocument { request: DocumentRequest::default(), mime_type: Box::default(), content: None };
    for_each_child(reader, |reader, field| {
        match (field.ns, field.local()) {
            (Ns::Xds, "mimeType") => document.mime_type = Box::from(&*reader.text()?),
            (Ns::Xds, "Document") => document.content = Some(read_content(reader)?),
            (Ns::Xds, "NewRepositoryUniqueId" | "NewDocumentUniqueId") => reader.skip_element()?,
            (Ns::Xds, local) => {
                return read_field(reader, local, &mut document.request).unwrap_or_else(|| Err(misplaced(&field)));
            }
            _ => return Err(misplaced(&field)),
        }
        Ok(())
    })?;
    Ok(document)
}
