//! A consent service of others: a question as JSON, its answer as JSON.
//!
//! `POST` of `{"patient": …, "sourceOrganisation": …, …}`; the answer is `{"decision": "permit"}`, `deny` or
//! `indeterminate`. Whatever else comes back is indeterminate (S-CON-03).

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use super::{ClientError, DocumentSource, PeerSettings, body::body, connect::Pool};
use crate::security::access::RemoteAnswer;

/// Octets of an answer.
const ANSWER_BYTES: usize = 64 << 10;

/// A consent service at one address.
#[derive(Clone)]
pub struct ConsentService {
    pool: Pool,
    url: Uri,
}

#[derive(Deserialize)]
struct Said {
    decision: Decision,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Permit,
    Deny,
    Indeterminate,
}

impl ConsentService {
    /// The service at this address.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(url: Uri, settings: &PeerSettings) -> Result<Self, ClientError> {
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err(ClientError::Address);
        }
        Ok(Self { pool: Pool::new(settings), url })
    }

    /// Asks one question; how long to wait is for the caller to say.
    pub async fn ask(&self, question: Vec<u8>) -> RemoteAnswer {
        match self.try_ask(question).await {
            Some(Decision::Permit) => RemoteAnswer::Permit,
            Some(Decision::Deny) => RemoteAnswer::Deny,
            Some(Decision::Indeterminate) | None => RemoteAnswer::Indeterminate,
        }
    }

    async fn try_ask(&self, question: Vec<u8>) -> Option<Decision> {
        let (body, length) = body(vec![DocumentSource::Bytes(Bytes::from(question))], Arc::new(|_| ()));
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, length)
            .body(body)
            .ok()?;
        let response = self.pool.client().request(request).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let octets = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.ok()?.to_bytes();
        serde_json::from_slice::<Said>(&octets).ok().map(|said| said.decision)
    }
}
