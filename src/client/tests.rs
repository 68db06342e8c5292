//! Calls to a peer of canned answers over a real socket.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use http::Uri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::{
    model::{
        Caller, Ids, RequestContext, ResponseStatus, Severity, XdsErrorCode,
        rim::{DocumentRequest, SubmitObjectsRequest},
    },
    security::access::RemoteAnswer,
    wire::{
        mime::{ContentType, MimeLimits, Part, Scanner},
        mtom::Package,
        soap::{ReplyHeader, write_envelope},
    },
};

/// What the peer got: head and body.
type Got = (String, Vec<u8>);

/// A peer that takes one request and sends these octets back; without octets it hangs up.
async fn peer_answering(answer: Option<Vec<u8>>) -> (Uri, JoinHandle<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/xds", listener.local_addr().unwrap()).parse().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        let head_end = loop {
            let mut block = [0; 4096];
            let count = stream.read(&mut block).await.unwrap();
            got.extend_from_slice(&block[..count]);
            if let Some(end) = memchr::memmem::find(&got, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(got[..head_end].to_vec()).unwrap();
        let length: usize = header(&head, "content-length").parse().unwrap();
        let mut body = got.split_off(head_end);
        let have = body.len();
        body.resize(length, 0);
        stream.read_exact(&mut body[have..]).await.unwrap();
        if let Some(answer) = answer {
            stream.write_all(&answer).await.unwrap();
        }
        (head, body)
    });
    (url, server)
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:"))).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}

fn http(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn envelope(body: &str) -> Vec<u8> {
    let header = ReplyHeader { action: "urn:x", message_id: "urn:uuid:1", relates_to: None, reference_parameters: "" };
    let mut out = Vec::new();
    write_envelope(&mut out, &header, |out| out.extend_from_slice(body.as_bytes()));
    out
}

fn soap(body: &str) -> Vec<u8> {
    http("200 OK", "application/soap+xml; charset=UTF-8", &envelope(body))
}

fn settings() -> PeerSettings {
    PeerSettings { answer_timeout: Duration::from_millis(100), ..PeerSettings::default() }
}

fn context() -> RequestContext {
    RequestContext::new(Caller::loopback(), jiff::Timestamp::UNIX_EPOCH, "".into(), Ids::Counted(0))
}

async fn register(url: Uri) -> RegisterOutcome {
    let registry = RemoteRegistry::new(Peer::new(url, &settings()).unwrap());
    registry.register(&mut context(), &SubmitObjectsRequest::default()).await
}

const RESPONSE: &str = r#"<rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success">"#;

/// R-41-11
#[tokio::test]
async fn r_41_11_metadata_are_forwarded_as_simple_soap_with_a_new_message_id() {
    let (url, server) = peer_answering(Some(soap(&format!("{RESPONSE}</rs:RegistryResponse>")))).await;
    assert!(matches!(register(url).await, RegisterOutcome::Answered(r) if r.status == ResponseStatus::Success));
    let (head, body) = server.await.unwrap();
    assert!(header(&head, "content-type").starts_with("application/soap+xml"));
    let body = String::from_utf8(body).unwrap();
    let tree = roxmltree::Document::parse(&body).unwrap();
    let text = |name: &str| tree.descendants().find(|n| n.tag_name().name() == name).unwrap().text().unwrap();
    assert_eq!(text("Action"), "urn:ihe:iti:2007:RegisterDocumentSet-b");
    assert!(text("MessageID").starts_with("urn:uuid:"));
    assert!(tree.descendants().any(|n| n.tag_name().name() == "SubmitObjectsRequest"));
}

/// R-41-12
#[tokio::test]
async fn r_41_12_errors_and_warnings_of_the_registry_come_back_unchanged() {
    let body = RESPONSE.replace("Success", "Failure")
        + r#"<rs:RegistryErrorList><rs:RegistryError errorCode="XDSUnknownPatientId" codeContext="who?" location="here" severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"/><rs:RegistryError errorCode="XDSExtraMetadataNotSaved" codeContext="x" severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"/></rs:RegistryErrorList></rs:RegistryResponse>"#;
    let (url, _server) = peer_answering(Some(soap(&body))).await;
    let RegisterOutcome::Answered(response) = register(url).await else { panic!("no answer") };
    assert_eq!(response.status, ResponseStatus::Failure);
    let first = &response.findings[0];
    assert_eq!(
        (first.code, first.context.as_str(), first.location.as_str()),
        (XdsErrorCode::UnknownPatientId, "who?", "here")
    );
    assert_eq!(response.findings[1].severity, Severity::Warning);
}

/// R-41-11, R-41-13
#[tokio::test]
async fn r_41_13_a_registry_that_cannot_have_acted_is_told_from_one_that_may_have() {
    let nobody: Uri = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/xds", listener.local_addr().unwrap()).parse().unwrap()
    };
    assert_eq!(register(nobody).await, RegisterOutcome::NotReached);

    let fault = "<s:Fault xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">no</s:Text></s:Reason></s:Fault>";
    let (url, _server) = peer_answering(Some(http("400 Bad Request", "application/soap+xml", &envelope(fault)))).await;
    assert_eq!(register(url).await, RegisterOutcome::NotReached);

    for answer in [
        None,
        Some(http("504 Gateway Timeout", "text/html", b"<html/>")),
        Some(http("200 OK", "text/plain", b"hello")),
        Some(soap("<other/>")),
        Some(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 500\r\n\r\n<cut".to_vec()),
    ] {
        let (url, _server) = peer_answering(answer).await;
        assert_eq!(register(url).await, RegisterOutcome::Unknown);
    }
}

/// R-41-13
#[tokio::test]
async fn r_41_13_silence_is_an_unknown_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/xds", listener.local_addr().unwrap()).parse().unwrap();
    // Connections wait in the queue of the listener; nobody ever reads.
    assert_eq!(register(url).await, RegisterOutcome::Unknown);
}

/// R-SOAP-02
#[tokio::test]
async fn a_document_streams_from_its_file_into_a_package_of_known_length() {
    let octets: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&octets).unwrap();
    let document = OutgoingDocument {
        id: "Document1".to_owned(),
        mime_type: "application/dicom".to_owned(),
        source: DocumentSource::File { path: file.path().to_owned(), size_bytes: octets.len() as u64 },
    };
    let (url, server) = peer_answering(Some(soap(&format!("{RESPONSE}</rs:RegistryResponse>")))).await;
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = std::sync::Arc::clone(&seen);
    let watcher: Progress = std::sync::Arc::new(move |octets| {
        counter.fetch_add(octets, std::sync::atomic::Ordering::Relaxed);
    });
    let peer = Peer::new(url, &PeerSettings::default()).unwrap().watched_by(watcher);
    let request = SubmitObjectsRequest::default();
    peer.provide_and_register("urn:uuid:5", &request, &[document]).await.expect("the peer said Success");
    let (head, body) = server.await.unwrap();
    assert!(seen.load(std::sync::atomic::Ordering::Relaxed) >= body.len() as u64);
    let content_type = ContentType::parse(&header(&head, "content-type")).unwrap();
    let mut scanner = Scanner::new(content_type.parameter("boundary").unwrap(), MimeLimits::default()).unwrap();
    scanner.push(&body);
    scanner.finish();
    let mut parts: Vec<Vec<u8>> = Vec::new();
    loop {
        match scanner.next().unwrap() {
            Part::Headers(_) => parts.push(Vec::new()),
            Part::Data(data) => parts.last_mut().unwrap().extend_from_slice(&data),
            Part::Done => break,
            _ => {}
        }
    }
    assert_eq!(parts.len(), 2);
    assert!(parts[1] == octets);
}

/// R-SOAP-03, R-SOAP-05
#[tokio::test]
async fn documents_are_retrieved_from_parts_and_from_base64() {
    let package = Package::new("answer");
    let one = |unique_id: &str, content: &str| {
        format!(
            "<x:DocumentResponse><x:RepositoryUniqueId>1.2</x:RepositoryUniqueId><x:DocumentUniqueId>{unique_id}\
             </x:DocumentUniqueId><x:mimeType>text/plain</x:mimeType><x:Document>{content}</x:Document></x:DocumentResponse>"
        )
    };
    let href = package.document_id(0).replace('@', "%40");
    let include = format!("<i:Include xmlns:i=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:{href}\"/>");
    let body = format!(
        "<x:RetrieveDocumentSetResponse xmlns:x=\"urn:ihe:iti:xds-b:2007\">{RESPONSE}</rs:RegistryResponse>{}{}\
         </x:RetrieveDocumentSetResponse>",
        one("1.1", &include),
        one("1.2", "aW5saW5l")
    );
    let octets = [
        package.head().as_bytes(),
        &envelope(&body),
        package.document_head(0, "text/plain").as_bytes(),
        b"in a part",
        package.tail().as_bytes(),
    ]
    .concat();
    let (url, _server) = peer_answering(Some(http("200 OK", &package.content_type("urn:x"), &octets))).await;
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::new(url, &settings()).unwrap();
    let request =
        DocumentRequest { repository_unique_id: "1.2".into(), document_unique_id: "1.1".into(), ..Default::default() };
    let to = PartsTo::Directory(directory.path().to_owned());
    let answer = peer.retrieve("urn:uuid:6", &[request], &to).await.expect("the peer answered");
    let contents: Vec<Bytes> = answer
        .documents
        .iter()
        .map(|document| match &document.content {
            RetrievedContent::File(file) => std::fs::read(file.path()).unwrap().into(),
            RetrievedContent::Inline(bytes) => bytes.clone().into(),
            RetrievedContent::Nowhere => panic!("it was to be kept"),
        })
        .collect();
    assert_eq!(contents, [Bytes::from_static(b"in a part"), Bytes::from_static(b"inline")]);
    let hash = answer.documents[0].hash.expect("hashed on the way").to_string();
    assert_eq!(hash, openssl::sha::sha1(b"in a part").iter().map(|b| format!("{b:02x}")).collect::<String>());
    drop(answer);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "temporary files go away");
}

#[test]
fn what_is_no_address_is_refused() {
    for text in ["ftp://example.org/x", "/xds", "example.org"] {
        assert!(matches!(Peer::new(text.parse().unwrap(), &settings()), Err(ClientError::Address)), "{text}");
    }
}

/// S-CON-03: only a clear yes is a yes, only a clear no a no.
#[tokio::test]
async fn s_con_03_a_consent_service_says_yes_no_or_nothing() {
    let table = [
        (Some(http("200 OK", "application/json", br#"{"decision":"permit"}"#)), RemoteAnswer::Permit),
        (Some(http("200 OK", "application/json", br#"{"decision":"deny"}"#)), RemoteAnswer::Deny),
        (Some(http("200 OK", "application/json", br#"{"decision":"indeterminate"}"#)), RemoteAnswer::Indeterminate),
        (Some(http("200 OK", "application/json", br#"{"decision":"PERMIT"}"#)), RemoteAnswer::Indeterminate),
        (Some(http("200 OK", "application/json", &[b' '; 70_000])), RemoteAnswer::Indeterminate),
        (Some(http("500 Oops", "application/json", br#"{"decision":"permit"}"#)), RemoteAnswer::Indeterminate),
        (None, RemoteAnswer::Indeterminate),
    ];
    for (answer, expected) in table {
        let (url, server) = peer_answering(answer).await;
        let service = ConsentService::new(url, &settings()).unwrap();
        assert_eq!(service.ask(br#"{"patient":"x"}"#.to_vec()).await, expected);
        let (head, body) = server.await.unwrap();
        assert_eq!(header(&head, "content-type"), "application/json");
        assert_eq!(body, br#"{"patient":"x"}"#);
    }
}
