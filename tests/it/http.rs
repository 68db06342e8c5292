//! HTTP below SOAP: methods, media types, limits, framing, connections, and the operator's listener.

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer,
    http::{self, Connection, Response},
    plain, sample,
    servers::{self, Store},
    soap::{self, Part, Transaction},
};

pub fn trials() -> Vec<Trial> {
    plain![
        get_answers_wsdl_and_schemas,
        other_methods_are_not_allowed,
        r_soap_other_media_types_are_415,
        s_in_05_compressed_requests_are_415,
        s_in_02_a_head_that_does_not_end_is_closed,
        s_in_02_too_many_header_octets_are_refused,
        s_in_03_a_message_that_is_too_large_is_413,
        s_in_03_a_document_that_is_too_large_is_out_of_resources,
        s_in_06_ambiguous_framing_is_400_and_closed,
        pitfall_1_expect_100_continue_is_answered,
        pitfall_2_chunked_requests_and_old_clients,
        pitfall_10_no_octet_of_a_refused_body_is_the_next_request,
        a_connection_carries_many_requests,
        health_and_metrics_tell_what_happened,
        a_server_without_its_documents_is_not_ready,
        a_server_stops_with_a_request_in_flight,
    ]
    .into()
}

fn server() -> Arc<TestServer> {
    servers::shared(Store::Sqlite).expect("a server")
}

fn with(settings: &[(&str, &str)]) -> TestServer {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory");
    settings.iter().fold(prepared, |prepared, (key, value)| prepared.setting(key, value)).start().expect("started")
}

fn query() -> Vec<u8> {
    let xml = Query::find_documents(&sample::patient()).xml();
    soap::envelope(Transaction::Iti18.action(), &sample::uuid(), &xml).into_bytes()
}

fn get(server: &TestServer, path: &str) -> Response {
    http::get(&server.address, path).expect("an answer")
}

fn raw(server: &TestServer, head: &str, body: &[u8]) -> Response {
    http::exchange(&server.address, &[head.as_bytes(), body]).expect("an answer")
}

fn get_answers_wsdl_and_schemas() {
    let server = server();
    for path in ["/xds/registry", "/xds/repository", "/xds"] {
        let answer = get(&server, &format!("{path}?wsdl"));
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").is_some_and(|t| t.starts_with("text/xml")));
        assert!(answer.text().contains(&format!("http://{}{path}\"", server.address)), "{}", answer.text());
        roxmltree::Document::parse(&answer.text()).expect("well-formed");
        for name in ["rim", "rs", "lcm", "query", "xds-b", "xml"] {
            let answer = get(&server, &format!("{path}?xsd={name}"));
            assert_eq!(answer.status, 200);
            roxmltree::Document::parse(&answer.text()).expect("well-formed");
        }
    }
    assert_eq!(get(&server, "/xds?xsd=../../Cargo").status, 404);
}

fn other_methods_are_not_allowed() {
    let server = server();
    for (method, path) in [("GET", "/xds"), ("PUT", "/xds"), ("DELETE", "/xds/registry?wsdl"), ("TRACE", "/xds")] {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = raw(&server, &head, b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, GET")), "{method} {path}");
    }
    assert_eq!(get(&server, "/nothing/here").status, 404);
}

fn r_soap_other_media_types_are_415() {
    let server = server();
    for media in ["text/xml; charset=utf-8", "application/xml", "multipart/form-data; boundary=b", "nonsense", ""] {
        let answer = http::post(&server.address, "/xds/registry", media, &query()).expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (415, 0), "{media}");
    }
    let body = query();
    let head = format!("POST /xds HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(raw(&server, &head, &body).status, 415);
    let media = "Application/SOAP+xml;charset=\"utf-8\"";
    assert_eq!(http::post(&server.address, "/xds", media, &query()).expect("an answer").status, 200);
}

fn s_in_05_compressed_requests_are_415() {
    let server = server();
    for (coding, status) in [("gzip", 415), ("identity, gzip", 415), ("Identity", 200)] {
        let body = query();
        let head = http::post_head(&server.address, "/xds", "application/soap+xml", body.len());
        let head = head.replace("\r\n\r\n", &format!("\r\nContent-Encoding: {coding}\r\n\r\n"));
        assert_eq!(raw(&server, &head, &body).status, status, "{coding}");
    }
}

fn s_in_02_a_head_that_does_not_end_is_closed() {
    let server = with(&[("limits.headers_timeout", "1 s")]);
    let mut connection = Connection::open(&server.address).expect("connected");
    connection.send(b"POST /xds HTTP/1.1\r\nHost: x\r\nX-Slow: ").expect("sent");
    assert_eq!(connection.receive().expect("an answer").status, 408);
    assert!(connection.is_closed());
    // The second request of a connection is not waited for longer than the first.
    let mut connection = Connection::open(&server.address).expect("connected");
    connection.send(b"GET /xds?wsdl HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(connection.receive().expect("an answer").status, 200);
    connection.send(b"GET /xds?wsdl HTTP/1.1\r\nHost").expect("sent");
    assert!(connection.is_closed());
}

fn s_in_02_too_many_header_octets_are_refused() {
    let server = server();
    let body = query();
    for extra in [format!("X-Long: {}\r\n", "x".repeat(17_000)), "X: y\r\n".repeat(120)] {
        let head = http::post_head(&server.address, "/xds", "application/soap+xml", body.len());
        let head = head.replace("\r\n\r\n", &format!("\r\n{extra}\r\n"));
        let answer = raw(&server, &head, &body);
        assert!(matches!(answer.status, 400 | 431), "{}", answer.status);
    }
}

fn s_in_03_a_message_that_is_too_large_is_413() {
    let server = with(&[("limits.message", "256 KiB"), ("limits.root_part", "64 KiB")]);
    let padded = |octets: usize| {
        let text = String::from_utf8(query()).expect("UTF-8");
        text.replace("</soap:Envelope>", &format!("<!--{}--></soap:Envelope>", "x".repeat(octets))).into_bytes()
    };
    let send = |body: &[u8]| {
        Answer::read(http::post(&server.address, "/xds", "application/soap+xml", body).expect("an answer"))
    };
    assert_eq!(send(&padded(10_000)).http.status, 200);
    let reason = send(&padded(70_000)).expect_fault(413, "Sender", "");
    assert!(reason.contains("65536"), "{reason}");
    // The announced length alone is enough.
    let head = http::post_head(&server.address, "/xds", "application/soap+xml", 1 << 40);
    Answer::read(raw(&server, &head, b"")).expect_fault(413, "Sender", "");
    // So is what arrives without announcement.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let head =
        "POST /xds HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    Answer::read(raw(&server, head, chunk.repeat(3).as_bytes())).expect_fault(413, "Sender", "");
    let root = Part::root(&String::from_utf8(padded(70_000)).expect("UTF-8"));
    let many: Vec<Part> = (0..9).map(|n| Part::new(&format!("p{n}"), "text/plain", &[b'x'; 32 << 10])).collect();
    for parts in [vec![root], many] {
        let answer = server.send("/xds", &soap::mtom_content_type("urn:x"), &soap::package(&parts));
        assert!(answer.is_mtom, "R-SOAP-17");
        answer.expect_fault(413, "Sender", "");
    }
}

fn s_in_03_a_document_that_is_too_large_is_out_of_resources() {
    let server = with(&[("limits.document", "64 KiB")]);
    let patient = sample::patient();
    let (small, large) = (sample::provided(&patient), sample::provided(&patient));
    let submission = sample::Submission::with(&patient, &[&small, &large]);
    let documents: [(&str, &[u8]); 2] = [(&small.id(), &[b'a'; 64 << 10]), (&large.id(), &[b'b'; (64 << 10) + 1])];
    server.provide(&submission, &documents).expect_refused("XDSRepositoryOutOfResources", &[&large.id(), "65536"]);
    let submission = sample::Submission::with(&patient, &[&small]);
    server.provide(&submission, &documents[..1]).expect_success();
}

fn s_in_06_ambiguous_framing_is_400_and_closed() {
    let server = server();
    let post = "POST /xds HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml\r\n";
    let smuggled = "GET /xds?wsdl HTTP/1.1\r\nHost: x\r\n\r\n";
    for request in [
        format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{post}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{smuggled}"),
        format!("{post}Content-Length: 0\r\n\tX: y\r\n\r\n{smuggled}"),
        format!("{post}Content-Length: 0\nX: y\r\n\r\n{smuggled}"),
        format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n{smuggled}"),
        format!("POST /xds HTTP/1.1\nHost: x\r\nContent-Length: 0\r\n\r\n{smuggled}"),
    ] {
        let mut connection = Connection::open(&server.address).expect("connected");
        connection.send(request.as_bytes()).expect("sent");
        assert_eq!(connection.receive().unwrap_or_else(|e| panic!("{e}: {request}")).status, 400, "{request}");
        assert!(connection.is_closed(), "{request}");
    }
}

fn pitfall_1_expect_100_continue_is_answered() {
    let server = server();
    let body = query();
    let head = http::post_head(&server.address, "/xds", "application/soap+xml", body.len());
    let mut connection = Connection::open(&server.address).expect("connected");
    connection.send(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n").as_bytes()).expect("sent");
    assert_eq!(connection.interim().expect("an answer").status, 100);
    connection.send(&body).expect("sent");
    assert_eq!(connection.receive().expect("an answer").status, 200);
}

fn pitfall_2_chunked_requests_and_old_clients() {
    let server = server();
    let mut chunked = Vec::new();
    for chunk in query().chunks(7) {
        chunked.extend_from_slice(format!("{:x};x=y\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let head =
        "POST /xds HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    Answer::read(raw(&server, head, &chunked)).expect_success();
    let body = query();
    let head =
        format!("POST /xds HTTP/1.0\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = raw(&server, &head, &body);
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(answer.header("content-length").is_some());
    Answer::read(answer).expect_success();
}

fn pitfall_10_no_octet_of_a_refused_body_is_the_next_request() {
    let server = server();
    let smuggled = "GET /xds?wsdl HTTP/1.1\r\nHost: x\r\n\r\n";
    for length in [smuggled.len(), smuggled.len() + 3_000_000] {
        let head =
            format!("POST /xds HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n");
        let mut connection = Connection::open(&server.address).expect("connected");
        connection.send(head.as_bytes()).expect("sent");
        connection.send(smuggled.as_bytes()).expect("sent");
        assert_eq!(connection.receive().expect("an answer").status, 415);
        if length > smuggled.len() {
            assert!(connection.is_closed());
        } else {
            connection.send(smuggled.as_bytes()).expect("sent");
            assert_eq!(connection.receive().expect("one answer to one request").status, 200);
        }
    }
}

fn a_connection_carries_many_requests() {
    let server = server();
    let mut connection = Connection::open(&server.address).expect("connected");
    for good in [true, false, true, true] {
        let body = if good { query() } else { b"<broken".to_vec() };
        let head = http::post_head(&server.address, "/xds", "application/soap+xml", body.len());
        connection.send(head.replace("Connection: close\r\n", "").as_bytes()).expect("sent");
        connection.send(&body).expect("sent");
        assert_eq!(connection.receive().expect("an answer").status, if good { 200 } else { 400 });
    }
}

fn health_and_metrics_tell_what_happened() {
    let server = with(&[]);
    let operations = server.operations.clone().expect("a listener for operations");
    let get = |path: &str| http::get(&operations, path).expect("an answer");
    assert_eq!(get("/health/live").status, 200);
    assert_eq!((get("/health/ready").status, get("/health/ready").text().as_str()), (200, "ready\n"));
    server.query(&Query::find_documents(&sample::patient())).expect_success();
    server.query(&Query::new("urn:uuid:00000000-0000-4000-8000-000000000000")).expect_codes(&["XDSUnknownStoredQuery"]);
    http::post(&server.address, "/xds", "text/xml", b"").expect("an answer");
    let metrics = get("/metrics");
    assert!(metrics.header("content-type").is_some_and(|t| t.starts_with("application/openmetrics-text")));
    let text = metrics.text();
    for line in [
        "knoop_requests_total{transaction=\"ITI-18\",outcome=\"success\"} 1",
        "knoop_requests_total{transaction=\"ITI-18\",outcome=\"failure\"} 1",
        "knoop_requests_total{transaction=\"none\",outcome=\"refused\"} 1",
        "knoop_refusals_total{code=\"XDSUnknownStoredQuery\"} 1",
        "knoop_refusals_total{code=\"HTTP 415\"} 1",
        "knoop_requests_in_flight 0",
        "# TYPE knoop_database_wal_bytes gauge",
        "# TYPE knoop_database_connections gauge",
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert_eq!(http::get(&server.address, "/metrics").expect("an answer").status, 404, "not on the SOAP listener");
}

fn a_server_without_its_documents_is_not_ready() {
    let server = with(&[]);
    let operations = server.operations.clone().expect("a listener for operations");
    let ready = || http::get(&operations, "/health/ready").expect("an answer");
    // The first sweep may run while the folder is away.
    server.expect_error("the sweep of documents failed");
    let (here, gone) = (server.prepared.data.join("documents"), server.prepared.data.join("gone"));
    std::fs::rename(&here, &gone).expect("renamed");
    let answer = ready();
    assert_eq!(answer.status, 503);
    assert!(answer.text().starts_with("documents: "), "{}", answer.text());
    assert!(!answer.text().contains('/'), "no path: {}", answer.text());
    std::fs::rename(&gone, &here).expect("renamed");
    assert_eq!(ready().status, 200);
}

fn a_server_stops_with_a_request_in_flight() {
    let server = with(&[]);
    // The HTTP library's word for a connection that comes while it stops.
    server.expect_error("No workers");
    let body = query();
    let head = http::post_head(&server.address, "/xds", "application/soap+xml", body.len());
    let mut connection = Connection::open(&server.address).expect("connected");
    connection.send(head.as_bytes()).expect("sent");
    let (first, rest) = body.split_at(100);
    connection.send(first).expect("sent");
    let stopping = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.stop());
        connection.send(rest).expect("sent");
        // Whether the answer or the stop came first, there is no half answer.
        if let Ok(answer) = connection.receive() {
            assert!(!answer.cut_short);
        }
        stopping.join().expect("stopped")
    });
    assert_eq!(stopping, Vec::<String>::new());
}
