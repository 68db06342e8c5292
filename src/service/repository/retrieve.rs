//! ITI-43, Retrieve Document Set.
//!
//! Source: ITI TF-2 §3.43.4.1 (R-43-*).

use super::Repository;
use crate::{
    model::{Finding, RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode, rim::DocumentRequest},
    service::{Actor, ServiceError},
    store::documents::DocumentReader,
};

/// One document of an answer, its bytes still to be read.
pub struct RetrievedDocument {
    /// What was asked for; its fields are echoed.
    pub request: DocumentRequest,
    /// mimeType as kept.
    pub mime_type: Box<str>,
    /// Octets.
    pub size_bytes: u64,
    /// The bytes.
    pub reader: DocumentReader,
}

/// An answer to ITI-43: what was found, in the order asked, and what was not.
pub struct Retrieval {
    /// Status and findings.
    pub response: RegistryResponse,
    /// The documents.
    pub documents: Vec<RetrievedDocument>,
}

fn located(code: XdsErrorCode, text: &str, request: &DocumentRequest) -> Finding {
    Finding { location: request.document_unique_id.to_string(), ..Finding::error(code, "", text) }
}

fn missing(request: &DocumentRequest) -> Finding {
    located(XdsErrorCode::DocumentUniqueIdError, "the document is not available here", request)
}

impl Repository {
    /// Finds the documents asked for and opens each. No database connection is held while their bytes flow.
    pub async fn retrieve(&self, ctx: &mut RequestContext, requests: &[DocumentRequest]) -> Retrieval {
        match self.try_retrieve(requests).await {
            Ok(retrieval) => retrieval,
            Err(error) => Retrieval {
                response: error.into_response(Actor::Repository, &ctx.fresh_uuid().to_string()),
                documents: Vec::new(),
            },
        }
    }

    async fn try_retrieve(&self, requests: &[DocumentRequest]) -> Result<Retrieval, ServiceError> {
        self.refuse_malformed(requests)?;
        let unique_ids: Vec<&str> = requests.iter().map(|r| &*r.document_unique_id).collect();
        let rows = self.store.read().await?.find_documents(&unique_ids).await?;
        let (mut wanted, mut findings) = (Vec::new(), Vec::new());
        for (request, row) in requests.iter().zip(&rows) {
            match self.permitted(request).and_then(|()| row.as_ref().ok_or_else(|| missing(request))) {
                Ok(row) => wanted.push((request, row)),
                Err(finding) => findings.push(finding),
            }
        }
        let blobs = wanted.iter().map(|(_, row)| (row.blob_id, row.size_bytes)).collect();
        let readers = self.documents.read_all(blobs).await;
        let mut documents = Vec::with_capacity(wanted.len());
        for ((request, row), reader) in wanted.into_iter().zip(readers) {
            match reader {
                Ok(reader) => documents.push(RetrievedDocument {
                    request: request.clone(),
                    mime_type: row.mime_type.clone(),
                    size_bytes: row.size_bytes,
                    reader,
                }),
                Err(error) => {
                    tracing::error!(error = %error, blob = %row.blob_id, "a kept document cannot be read");
                    findings.push(missing(request));
                }
            }
        }
        let status = match (documents.is_empty(), findings.is_empty()) {
            (_, true) => ResponseStatus::Success,
            (false, false) => ResponseStatus::PartialSuccess,
            (true, false) => ResponseStatus::Failure,
        };
        Ok(Retrieval { response: RegistryResponse { status, findings }, documents })
    }

    fn refuse_malformed(&self, requests: &[DocumentRequest]) -> Result<(), ServiceError> {
        let refuse = |rule: &str, text: String| {
            Err(ServiceError::Refused(vec![Finding::error(XdsErrorCode::RepositoryError, rule, text)]))
        };
        let limit = self.settings.document_request_limit;
        if requests.is_empty() {
            return refuse("R-43-01", "the request has no DocumentRequest".into());
        }
        if requests.len() > limit {
            return refuse("S-IN-28", format!("{} DocumentRequests, at most {limit} are taken", requests.len()));
        }
        if requests.iter().any(|r| r.repository_unique_id.is_empty() || r.document_unique_id.is_empty()) {
            let text = "a DocumentRequest has an empty RepositoryUniqueId or DocumentUniqueId";
            return refuse("R-43-01", text.into());
        }
        Ok(())
    }

    fn permitted(&self, request: &DocumentRequest) -> Result<(), Finding> {
        let home = self.settings.home_community_id.as_ref().map(ToString::to_string);
        if let (Some(asked), Some(home)) = (&request.home_community_id, home)
            && **asked != *home
        {
            let text = "this repository does not belong to that community";
            return Err(located(XdsErrorCode::UnknownCommunity, text, request));
        }
        if *request.repository_unique_id != *self.settings.repository_unique_id.as_str() {
            let text = "repositoryUniqueId is not served here";
            return Err(located(XdsErrorCode::UnknownRepositoryId, text, request));
        }
        Ok(())
    }
}
