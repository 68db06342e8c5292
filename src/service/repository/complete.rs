//! From metadata and bytes as sent to metadata that a registry takes: each document with its entry, hash, size and
//! repositoryUniqueId.
//!
//! Source: ITI TF-2 §3.41.4.1.3 (R-41-02 to R-41-09).

use std::collections::HashMap;

use crate::{
    model::{
        DocumentUniqueId, Finding, MediaType, ObjectId, Oid, Sha1Hash, XdsErrorCode,
        rim::{RegistryObject, RimKind, Slot, SubmitObjectsRequest},
        vocabulary as v,
    },
    store::documents::Received,
};

/// A Document element with its bytes, or why they could not be had.
#[derive(Debug)]
pub struct SubmittedDocument {
    /// Document/@id.
    pub id: Box<str>,
    /// The bytes, kept under a temporary name.
    pub content: Result<Received, Finding>,
}

/// A document that belongs to an entry.
pub(super) struct Matched {
    pub unique_id: DocumentUniqueId,
    pub mime_type: MediaType,
    pub received: Received,
}

fn error(code: XdsErrorCode, rule: &str, context: String) -> Finding {
    Finding::error(code, rule, context)
}

/// Ids are compared after a UUID became lower case (R-META-32).
fn normal(id: &str) -> Box<str> {
    id.parse::<ObjectId>().map_or_else(|_| id.into(), |id| id.to_string().into())
}

/// Joins documents and entries, and completes the entries. Finds everything that is wrong before it gives up.
pub(super) fn complete(
    submit: &mut SubmitObjectsRequest,
    documents: Vec<SubmittedDocument>,
    repository_unique_id: &Oid,
) -> Result<Vec<Matched>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut by_id: HashMap<Box<str>, Result<Received, Finding>> = HashMap::new();
    for document in documents {
        if by_id.insert(normal(&document.id), document.content).is_some() {
            let context = format!("{}: two Document elements have this id", document.id);
            findings.push(error(XdsErrorCode::RepositoryMetadataError, "R-41-03", context));
        }
    }
    let mut matched = Vec::new();
    let entries = submit.objects.iter_mut().filter(|o| matches!(o.kind, RimKind::ExtrinsicObject { .. }));
    for entry in entries {
        let id = normal(entry.id.as_deref().unwrap_or_default());
        match by_id.remove(&id) {
            None => {
                let context = format!("{id}: no Document with this id");
                findings.push(error(XdsErrorCode::MissingDocument, "R-41-03", context));
            }
            Some(Err(finding)) => findings.push(finding),
            Some(Ok(received)) => match complete_entry(entry, &id, received, repository_unique_id) {
                Ok(document) => matched.push(document),
                Err(found) => findings.extend(found),
            },
        }
    }
    findings.extend(by_id.into_keys().map(|id| {
        let context = format!("{id}: no DocumentEntry with this id");
        error(XdsErrorCode::MissingDocumentMetadata, "R-41-03", context)
    }));
    if findings.is_empty() { Ok(matched) } else { Err(findings) }
}

fn complete_entry(
    entry: &mut RegistryObject,
    id: &str,
    received: Received,
    repository_unique_id: &Oid,
) -> Result<Matched, Vec<Finding>> {
    let mut findings = Vec::new();
    let size = received.size_bytes.to_string();
    let hash = received.sha1.to_string();
    let same_hash = |sent: &str| sent.parse::<Sha1Hash>().is_ok_and(|sent| sent == received.sha1);
    let same_size = |sent: &str| sent.bytes().all(|b| b.is_ascii_digit()) && sent.parse() == Ok(received.size_bytes);
    findings.extend(hold_against(entry, id, v::SLOT_HASH, &hash, same_hash));
    findings.extend(hold_against(entry, id, v::SLOT_SIZE, &size, same_size));
    entry.slots.retain(|slot| &*slot.name != v::SLOT_REPOSITORY_UNIQUE_ID);
    entry.slots.push(slot(v::SLOT_REPOSITORY_UNIQUE_ID, repository_unique_id.as_str()));
    // What is wrong with these two, `validate::repository` has told.
    let unique_id = entry.external_identifier(v::DE_UNIQUE_ID).and_then(|id| id.parse().ok());
    let mime_type = match &entry.kind {
        RimKind::ExtrinsicObject { mime_type } => mime_type.as_deref().and_then(|mime_type| mime_type.parse().ok()),
        _ => None,
    };
    match (unique_id, mime_type) {
        (Some(unique_id), Some(mime_type)) if findings.is_empty() => Ok(Matched { unique_id, mime_type, received }),
        _ => Err(findings),
    }
}

fn slot(name: &str, value: &str) -> Slot {
    Slot { name: name.into(), values: vec![value.into()] }
}

/// A submitted hash or size must be that of the bytes; an absent one is added at the end of the slots (R-41-06).
fn hold_against(
    entry: &mut RegistryObject,
    id: &str,
    name: &str,
    actual: &str,
    same: impl Fn(&str) -> bool,
) -> Option<Finding> {
    let sent: Vec<&Slot> = entry.slots.iter().filter(|slot| &*slot.name == name).collect();
    match sent.as_slice() {
        [] => {
            entry.slots.push(slot(name, actual));
            None
        }
        [one] if matches!(one.values.as_slice(), [value] if same(value)) => None,
        [one] if one.values.iter().all(|value| value.is_empty()) => {
            entry.slots.retain(|slot| &*slot.name != name);
            entry.slots.push(slot(name, actual));
            None
        }
        _ => {
            let found: String = sent.iter().flat_map(|s| &s.values).map(|v| &**v).collect::<Vec<_>>().join(", ");
            let found: String = found.chars().take(80).collect();
            let context = format!("{id}: {name} '{found}' is not that of the document received, {actual}");
            Some(error(XdsErrorCode::RepositoryMetadataError, "R-41-06", context))
        }
    }
}
