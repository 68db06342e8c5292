//! Document elements joined with the bytes that belong to them.

use std::collections::{HashMap, HashSet};

use super::parts::Content;
use crate::{
    model::{Finding, XdsErrorCode},
    service::repository::{DocumentError, Received, Repository, SubmittedDocument},
    wire::{
        mtom::content_ids,
        soap::Fault,
        xds::{DocumentContent, iti41::DocumentElement},
    },
};

/// Takes for each Document the part that it includes, or writes what it holds inline.
///
/// Source: R-SOAP-03 to R-SOAP-05, R-41-05, R-41-19, S-IN-19.
/// # Errors
/// An Include that is no reference at all (R-SOAP-04).
pub(super) async fn join(
    elements: Vec<DocumentElement>,
    mut parts: HashMap<Box<str>, Content>,
    repository: &Repository,
    document_bytes: u64,
    incident: &str,
) -> Result<Vec<SubmittedDocument>, Fault> {
    let mut used = HashSet::new();
    let mut documents = Vec::with_capacity(elements.len());
    for element in elements {
        let id = element.id.unwrap_or_default();
        let content = match element.content {
            DocumentContent::BadInclude(problem) => return Err(Fault::Include(problem)),
            DocumentContent::BadBase64 => {
                let code = XdsErrorCode::RepositoryMetadataError;
                Err(Finding::error(code, "R-41-05", format!("Document {id}: the content is not base64")))
            }
            DocumentContent::Inline(octets) if octets.len() as u64 > document_bytes => {
                Err(too_large(&id, document_bytes))
            }
            DocumentContent::Inline(octets) => {
                keep(repository, octets).await.map_err(|error| failed(&id, &error, incident))
            }
            DocumentContent::Include(href) => match find(&href, &mut parts, &mut used) {
                Found::Content(Content::Stored(received)) => Ok(received),
                Found::Content(Content::TooLarge) => Err(too_large(&id, document_bytes)),
                Found::Content(Content::Failed(error)) => Err(failed(&id, &error, incident)),
                Found::Nothing(problem) => {
                    let context = format!("Document {id}: {problem}");
                    Err(Finding::error(XdsErrorCode::MissingDocument, "R-41-05", context))
                }
            },
        };
        documents.push(SubmittedDocument { id, content });
    }
    Ok(documents)
}

enum Found {
    Content(Content),
    Nothing(&'static str),
}

fn find(href: &str, parts: &mut HashMap<Box<str>, Content>, used: &mut HashSet<Box<str>>) -> Found {
    let Some(ids) = content_ids(href) else { return Found::Nothing("its reference is not a cid: URI") };
    for id in ids {
        if let Some(content) = parts.remove(&id) {
            used.insert(id);
            return Found::Content(content);
        }
        if used.contains(&id) {
            return Found::Nothing("another Document refers to the same part");
        }
    }
    Found::Nothing("the package has no part with that Content-ID")
}

async fn keep(repository: &Repository, octets: Vec<u8>) -> Result<Received, DocumentError> {
    let mut incoming = repository.receive()?;
    incoming.write(octets.into()).await?;
    incoming.finish().await
}

fn too_large(id: &str, limit: u64) -> Finding {
    let context = format!("Document {id}: larger than {limit} octets, which is the most that one document may have");
    Finding::error(XdsErrorCode::RepositoryOutOfResources, "R-41-19", context)
}

fn failed(id: &str, error: &DocumentError, incident: &str) -> Finding {
    match error {
        DocumentError::OutOfResources => {
            let context = format!("Document {id}: storage is full");
            Finding::error(XdsErrorCode::RepositoryOutOfResources, "R-41-19", context)
        }
        error => {
            tracing::error!(incident, %error, "a document could not be stored");
            let context = format!("Document {id}: internal error (incident {incident})");
            Finding::error(XdsErrorCode::RepositoryError, "R-SOAP-16", context)
        }
    }
}
