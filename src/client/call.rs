//! One exchange with a peer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Uri, header};

use super::{
    Answer, ClientError, DocumentSource, OutgoingDocument, PartsTo, PeerSettings, Progress, body::body, connect::Pool,
    receive,
};
use crate::wire::{
    mtom::Package,
    soap::{RequestHeader, SOAP_MEDIA_TYPE, write_request_envelope},
};

/// A registry or repository of somebody, at one address.
#[derive(Clone)]
pub struct Peer {
    pool: Pool,
    url: Uri,
    connect_timeout: Duration,
    answer_timeout: Duration,
    idle_timeout: Duration,
    progress: Progress,
    assertion: Option<Arc<str>>,
}

/// Where a request goes, and the user assertion that it brings.
#[derive(Clone, Copy, Debug)]
pub struct Addressed<'a> {
    url: &'a Uri,
    assertion: Option<&'a str>,
}

impl<'a> From<&'a Uri> for Addressed<'a> {
    fn from(url: &'a Uri) -> Self {
        Self { url, assertion: None }
    }
}

/// A request: its action, and its message as SIMPLE SOAP or as a package.
#[derive(Debug)]
pub struct Outgoing {
    action: &'static str,
    content_type: String,
    pieces: Vec<DocumentSource>,
}

impl Outgoing {
    /// SIMPLE SOAP around the body element that `write` writes.
    pub fn simple<'a>(
        to: impl Into<Addressed<'a>>,
        action: &'static str,
        message_id: &str,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let content_type = format!("{SOAP_MEDIA_TYPE}; charset=UTF-8; action=\"{action}\"");
        let envelope = envelope(to.into(), action, message_id, write);
        Self { action, content_type, pieces: vec![DocumentSource::Bytes(envelope.into())] }
    }

    /// A package: `write` is given the Content-ID of each document (R-SOAP-02).
    pub fn package<'a>(
        to: impl Into<Addressed<'a>>,
        action: &'static str,
        message_id: &str,
        documents: &[OutgoingDocument],
        write: impl FnOnce(&mut Vec<u8>, &[String]),
    ) -> Self {
        let package = Package::new(message_id.rsplit(':').next().unwrap_or(message_id));
        let content_ids: Vec<String> = (0..documents.len()).map(|index| package.document_id(index)).collect();
        let mut head = package.head().into_bytes();
        head.extend(envelope(to.into(), action, message_id, |out| write(out, &content_ids)));
        let mut pieces = vec![DocumentSource::Bytes(head.into())];
        for (index, document) in documents.iter().enumerate() {
            let head = package.document_head(index, &document.mime_type);
            pieces.push(DocumentSource::Bytes(head.into()));
            pieces.push(document.source.clone());
        }
        pieces.push(DocumentSource::Bytes(package.tail().into()));
        Self { action, content_type: package.content_type(action), pieces }
    }
}

fn envelope(to: Addressed<'_>, action: &str, message_id: &str, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    let Addressed { url, assertion } = to;
    write_request_envelope(&mut out, &RequestHeader { action, message_id, to: &url.to_string(), assertion }, write);
    out
}

impl Peer {
    /// The peer at this address.
    ///
    /// # Errors
    /// When the address cannot be used, or is one of TLS without anything to trust.
    pub fn new(url: Uri, settings: &PeerSettings) -> Result<Self, ClientError> {
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err(ClientError::Address);
        }
        if url.scheme_str() == Some("https") && settings.tls.is_none() {
            return Err(ClientError::NoTrust);
        }
        Ok(Self {
            pool: Pool::new(settings),
            url,
            connect_timeout: settings.connect_timeout,
            answer_timeout: settings.answer_timeout,
            idle_timeout: settings.idle_timeout,
            progress: Arc::new(|_| ()),
            assertion: None,
        })
    }

    /// The same peer, with somebody who watches the octets.
    #[must_use]
    pub fn watched_by(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// The same peer; every request brings this user assertion, as it is (S-XUA-05).
    #[must_use]
    pub fn asserting(mut self, assertion: Arc<str>) -> Self {
        self.assertion = Some(assertion);
        self
    }

    /// Where requests go and what they bring.
    pub fn addressed(&self) -> Addressed<'_> {
        Addressed { url: &self.url, assertion: self.assertion.as_deref() }
    }

    /// Its address.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// How long a call may take whose message and answer fit into the sockets.
    pub fn patience(&self) -> Duration {
        // Two waits for the answer, for octets may have left in the first; a pause within the answer.
        self.connect_timeout + 2 * self.answer_timeout + self.idle_timeout
    }

    /// Sends a request and takes the answer: its root part into memory, its other parts to where `parts_to` says.
    ///
    /// # Errors
    /// When no SOAP message came back. A fault is found by [`Answer::read`].
    pub async fn exchange(&self, outgoing: Outgoing, parts_to: &PartsTo) -> Result<Answer, ClientError> {
        let sent = Arc::new(AtomicU64::new(0));
        let progress: Progress = {
            let (sent, progress) = (Arc::clone(&sent), Arc::clone(&self.progress));
            Arc::new(move |octets| {
                sent.fetch_add(octets, Ordering::Relaxed);
                progress(octets);
            })
        };
        let (body, length) = body(outgoing.pieces, progress);
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(header::CONTENT_TYPE, &outgoing.content_type)
            .header(header::CONTENT_LENGTH, length)
            .header(header::USER_AGENT, concat!("knoop/", env!("CARGO_PKG_VERSION")))
            .body(body)
            .map_err(|_| ClientError::Address)?;
        tracing::debug!(action = outgoing.action, octets = length, "calling a peer");
        let response = {
            let response = self.pool.client().request(request);
            tokio::pin!(response);
            let mut seen = 0;
            loop {
                tokio::select! {
                    response = &mut response => break response.map_err(failed)?,
                    () = tokio::time::sleep(self.answer_timeout) => {
                        // As long as octets leave, the peer is listening.
                        let now = sent.load(Ordering::Relaxed);
                        if now == seen {
                            return Err(ClientError::Timeout);
                        }
                        seen = now;
                    }
                }
            }
        };
        receive::answer(response, parts_to, self.idle_timeout, &self.progress).await
    }
}

fn failed(error: hyper_util::client::legacy::Error) -> ClientError {
    let text = innermost(&error);
    if error.is_connect() { ClientError::NotReached(text) } else { ClientError::Broken(text) }
}

/// The text of the first cause, which says most.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Octets for messages that are written here.
impl From<Vec<u8>> for DocumentSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Bytes::from(bytes))
    }
}
