//! The four transactions, as a consumer and a source speak them.

use std::collections::HashMap;

use openssl::sha::sha1;
use tempfile::NamedTempFile;

use super::{ClientError, Outgoing, OutgoingDocument, PartsTo, Peer, ReceivedPart};
use crate::{
    model::{
        Sha1Hash,
        rim::{AdhocQueryRequest, DocumentRequest, SubmitObjectsRequest},
    },
    wire::{
        mtom,
        xds::{
            DocumentContent,
            iti18::{self, QueryResponse},
            iti41, iti42, iti43,
            registry_response::{self, PeerResponse},
        },
    },
};

/// wsa:Action of requests. Source: ITI TF-2 (spec §1.1).
pub mod action {
    /// ITI-18.
    pub const REGISTRY_STORED_QUERY: &str = "urn:ihe:iti:2007:RegistryStoredQuery";
    /// ITI-41.
    pub const PROVIDE_AND_REGISTER: &str = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";
    /// ITI-42.
    pub const REGISTER: &str = "urn:ihe:iti:2007:RegisterDocumentSet-b";
    /// ITI-43.
    pub const RETRIEVE: &str = "urn:ihe:iti:2007:RetrieveDocumentSet";
}

/// The octets of a document that was retrieved.
#[derive(Debug)]
pub enum RetrievedContent {
    /// In a temporary file.
    File(NamedTempFile),
    /// Here.
    Inline(Vec<u8>),
    /// Not kept.
    Nowhere,
}

/// A document that was retrieved.
#[derive(Debug)]
pub struct RetrievedFile {
    /// What it is.
    pub request: DocumentRequest,
    /// mimeType as the peer gave it.
    pub mime_type: Box<str>,
    /// Octets received.
    pub size_bytes: u64,
    /// Their hash, absent when they went nowhere.
    pub hash: Option<Sha1Hash>,
    /// The octets.
    pub content: RetrievedContent,
}

/// The answer to ITI-43.
#[derive(Debug)]
pub struct RetrieveAnswer {
    /// Status and errors.
    pub response: PeerResponse,
    /// Documents in order.
    pub documents: Vec<RetrievedFile>,
}

impl Peer {
    /// ITI-42.
    ///
    /// # Errors
    /// When the peer did not answer with a RegistryResponse.
    pub async fn register(&self, message_id: &str, submit: &SubmitObjectsRequest) -> Result<PeerResponse, ClientError> {
        let outgoing =
            Outgoing::simple(self.addressed(), action::REGISTER, message_id, |out| iti42::write_request(out, submit));
        let answer = self.exchange(outgoing, &PartsTo::Nowhere).await?;
        answer.read("RegistryResponse", registry_response::read)
    }

    /// ITI-41; `documents` in any order, each under the id of its entry.
    ///
    /// # Errors
    /// When the peer did not answer with a RegistryResponse.
    pub async fn provide_and_register(
        &self,
        message_id: &str,
        submit: &SubmitObjectsRequest,
        documents: &[OutgoingDocument],
    ) -> Result<PeerResponse, ClientError> {
        let outgoing = Outgoing::package(
            self.addressed(),
            action::PROVIDE_AND_REGISTER,
            message_id,
            documents,
            |out, content_ids| {
                let pairs: Vec<(&str, &str)> =
                    documents.iter().zip(content_ids).map(|(d, id)| (d.id.as_str(), id.as_str())).collect();
                iti41::write_request(out, submit, &pairs);
            },
        );
        let answer = self.exchange(outgoing, &PartsTo::Nowhere).await?;
        answer.read("RegistryResponse", registry_response::read)
    }

    /// ITI-18.
    ///
    /// # Errors
    /// When the peer did not answer with an AdhocQueryResponse.
    pub async fn stored_query(
        &self,
        message_id: &str,
        query: &AdhocQueryRequest,
    ) -> Result<QueryResponse, ClientError> {
        let outgoing = Outgoing::simple(self.addressed(), action::REGISTRY_STORED_QUERY, message_id, |out| {
            iti18::write_request(out, query);
        });
        let answer = self.exchange(outgoing, &PartsTo::Nowhere).await?;
        answer.read("AdhocQueryResponse", iti18::read_response)
    }

    /// ITI-43.
    ///
    /// # Errors
    /// When the peer did not answer with a RetrieveDocumentSetResponse, or a document it announced is not there.
    pub async fn retrieve(
        &self,
        message_id: &str,
        requests: &[DocumentRequest],
        parts_to: &PartsTo,
    ) -> Result<RetrieveAnswer, ClientError> {
        let outgoing = Outgoing::package(self.addressed(), action::RETRIEVE, message_id, &[], |out, _| {
            iti43::write_request(out, requests);
        });
        let mut answer = self.exchange(outgoing, parts_to).await?;
        let parsed = answer.read("RetrieveDocumentSetResponse", |reader, _| iti43::read_response(reader))?;
        let mut parts: HashMap<Box<str>, ReceivedPart> =
            answer.parts.drain(..).filter_map(|part| Some((part.content_id.clone()?, part))).collect();
        let mut documents = Vec::with_capacity(parsed.documents.len());
        for document in parsed.documents {
            let (size_bytes, hash, content) = match document.content {
                Some(DocumentContent::Include(href)) => {
                    let found = mtom::content_ids(&href).and_then(|ids| ids.iter().find_map(|id| parts.remove(id)));
                    let part = found.ok_or_else(|| ClientError::Answer("a document's part is missing".to_owned()))?;
                    (part.size_bytes, part.hash, part.file.map_or(RetrievedContent::Nowhere, RetrievedContent::File))
                }
                Some(DocumentContent::Inline(bytes)) => {
                    let hash = Sha1Hash::from_bytes(sha1(&bytes));
                    (bytes.len() as u64, Some(hash), RetrievedContent::Inline(bytes))
                }
                Some(DocumentContent::BadBase64 | DocumentContent::BadInclude(_)) | None => {
                    return Err(ClientError::Answer("a document has no readable content".to_owned()));
                }
            };
            let (request, mime_type) = (document.request, document.mime_type);
            documents.push(RetrievedFile { request, mime_type, size_bytes, hash, content });
        }
        Ok(RetrieveAnswer { response: parsed.response, documents })
    }
}
