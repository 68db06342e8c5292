//! ITI-43, Retrieve Document Set.
//!
//! Source: ITI TF-2 §3.43.4.1 (R-43-*).

use super::{Repository, audited::Asked};
use crate::{
    model::{Finding, RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode, rim::DocumentRequest},
    service::{Actor, ServiceError},
    store::{DocumentRow, documents::DocumentReader},
    validate::shown,
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

fn located(code: XdsErrorCode, text: String, request: &DocumentRequest) -> Finding {
    Finding { location: request.document_unique_id.to_string(), ..Finding::error(code, "", text) }
}

fn missing(request: &DocumentRequest) -> Finding {
    let asked = shown(&request.document_unique_id);
    located(
        XdsErrorCode::DocumentUniqueIdError,
        format!("DocumentUniqueId {asked} is not that of a document available here"),
        request,
    )
}

impl Repository {
    /// Finds the documents asked for and opens each. No database connection is held while their bytes flow. The audit is
    /// durable when this returns.
    pub async fn retrieve(&self, ctx: &mut RequestContext, requests: &[DocumentRequest]) -> Retrieval {
        let error = match self.try_retrieve(ctx, requests).await {
            Ok(retrieval) => return retrieval,
            Err(error) => error,
        };
        let mut response = error.into_response(Actor::Repository, &ctx.fresh_uuid().to_string());
        if let Some(finding) = response.findings.first()
            && let Err(error) = self.record_refused_retrieval(ctx, requests, finding).await
        {
            let incident = ctx.fresh_uuid().to_string();
            response = ServiceError::from(error).into_response(Actor::Repository, &incident);
        }
        Retrieval { response, documents: Vec::new() }
    }

    async fn try_retrieve(
        &self,
        ctx: &RequestContext,
        requests: &[DocumentRequest],
    ) -> Result<Retrieval, ServiceError> {
        self.refuse_malformed(requests)?;
        let unique_ids: Vec<&str> = requests.iter().map(|r| &*r.document_unique_id).collect();
        let rows = self.store.read().await?.find_documents(&unique_ids).await?;
        let (may, ruling) = self.access.documents(ctx, &rows).await?;
        // A refusal is told as an absence (S-CON-05).
        let permitted: Vec<Result<&DocumentRow, Finding>> = requests
            .iter()
            .zip(rows.iter().zip(&may))
            .map(|(request, (row, may))| {
                let row = row.as_ref().filter(|_| *may);
                self.served_here(request).and_then(|()| row.ok_or_else(|| missing(request)))
            })
            .collect();
        let blobs = permitted.iter().flatten().map(|row| (row.blob_id, row.size_bytes)).collect();
        let mut readers = self.documents.read_all(blobs).await.into_iter();
        let (mut documents, mut refused) = (Vec::with_capacity(requests.len()), Vec::with_capacity(requests.len()));
        for (request, row) in requests.iter().zip(permitted) {
            let opened = row.and_then(|row| match readers.next() {
                Some(Ok(reader)) => Ok((row, reader)),
                Some(Err(error)) => {
                    tracing::error!(error = %error, blob = %row.blob_id, "a kept document cannot be read");
                    Err(missing(request))
                }
                None => Err(missing(request)),
            });
            refused.push(opened.as_ref().err().cloned());
            documents.extend(opened.ok().map(|(row, reader)| RetrievedDocument {
                request: request.clone(),
                mime_type: row.mime_type.clone(),
                size_bytes: row.size_bytes,
                reader,
            }));
        }
        let asked = requests.iter().zip(rows.iter().zip(&may)).zip(&refused);
        let asked: Vec<Asked<'_>> = asked
            .map(|((request, (row, may)), refused)| Asked {
                request,
                row: row.as_ref(),
                refused: refused.as_ref(),
                denied: row.is_some() && !may,
            })
            .collect();
        self.record_retrieval(ctx, &asked, Some(&ruling)).await?;
        let findings: Vec<Finding> = refused.into_iter().flatten().collect();
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

    fn served_here(&self, request: &DocumentRequest) -> Result<(), Finding> {
        let home = self.settings.home_community_id.as_ref().map(ToString::to_string);
        if let (Some(asked), Some(home)) = (&request.home_community_id, home)
            && **asked != *home
        {
            let asked = shown(asked);
            let text = format!("HomeCommunityId {asked} is not that of this repository, which belongs to '{home}'");
            return Err(located(XdsErrorCode::UnknownCommunity, text, request));
        }
        let served = &self.settings.repository_unique_id;
        if *request.repository_unique_id != *served.as_str() {
            let asked = shown(&request.repository_unique_id);
            let text = format!("RepositoryUniqueId {asked} is not served here; this repository is '{served}'");
            return Err(located(XdsErrorCode::UnknownRepositoryId, text, request));
        }
        Ok(())
    }
}
