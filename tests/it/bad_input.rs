//! Input that means harm. Source: spec/security §5 (S-IN-…).

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer, http, on_every_store, plain,
    sample::{self, Submission},
    servers::Store,
    soap::{self, Part, Transaction, envelope},
    trials,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        s_in_03_oversize_is_refused_before_it_is_read,
        s_in_05_content_encodings_are_refused,
        s_in_06_smuggled_requests_are_refused,
        s_in_07_doctypes_are_refused,
        s_in_08_entities_are_refused,
        s_in_09_deep_nesting,
        s_in_10_many_elements,
        s_in_11_attributes_and_namespaces,
        s_in_13_namespaces,
        s_in_14_encodings,
        s_in_17_part_floods,
        s_in_18_broken_packages,
        s_in_19_content_ids_are_unique,
        s_in_25_names_never_become_paths,
        s_in_34_lies_about_content,
        s_in_35_faults_tell_nothing_of_the_inside,
        the_server_answers_after_nonsense,
    ]
    .chain(plain![s_in_23_nothing_of_a_request_breaks_a_log_line])
    .chain(trials::own(module_path!(), "s_in_02_slow_headers_time_out", s_in_02_slow_headers_time_out))
    .collect()
}

const SIMPLE: &str = "application/soap+xml; charset=UTF-8";

fn request() -> String {
    envelope(Transaction::Iti18.action(), &sample::uuid(), &Query::find_documents(&sample::patient()).xml())
}

fn post(server: &TestServer, body: &str) -> Answer {
    server.send("/xds/registry", SIMPLE, body.as_bytes())
}

#[track_caller]
fn refused(server: &TestServer, body: &str) {
    post(server, body).expect_fault(400, "Sender", "");
}

fn s_in_02_slow_headers_time_out(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("limits.headers_timeout", "1 s");
    let server = prepared.start().expect("a server");
    let mut connection = http::Connection::open(&server.address).expect("a connection");
    connection.send(b"POST /xds/registry HTTP/1.1\r\nHost: x\r\n").expect("sent");
    // The server ends it: with 408, or by closing.
    match connection.receive() {
        Ok(answer) => assert_eq!(answer.status, 408),
        Err(_) => assert!(connection.is_closed()),
    }
}

fn s_in_03_oversize_is_refused_before_it_is_read(server: &TestServer) {
    let head = http::post_head(&server.address, "/xds/registry", SIMPLE, 9 << 30);
    let answer = http::exchange(&server.address, &[head.as_bytes()]).expect("an answer without the body");
    assert_eq!(answer.status, 413);
    // The root part by itself: 8 MiB.
    let padded = request().replace("<soap:Body>", &format!("<!--{}--><soap:Body>", "x".repeat(9 << 20)));
    let answer = http::post(&server.address, "/xds/registry", SIMPLE, padded.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 413);
}

fn s_in_05_content_encodings_are_refused(server: &TestServer) {
    let body = request();
    for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
        let head = http::post_head(&server.address, "/xds/registry", SIMPLE, body.len());
        let head = head.replace("Connection:", &format!("Content-Encoding: {encoding}\r\nConnection:"));
        let answer = http::exchange(&server.address, &[head.as_bytes(), body.as_bytes()]).expect("an answer");
        assert_eq!(answer.status, 415, "{encoding}");
    }
}

fn s_in_06_smuggled_requests_are_refused(server: &TestServer) {
    let head =
        |lines: &str| format!("POST /xds/registry HTTP/1.1\r\nHost: x\r\nContent-Type: {SIMPLE}\r\n{lines}\r\n\r\n");
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nX-Folded: a\r\n b",
        "Content-Length: +5",
        "Transfer-Encoding: chunked, identity",
    ] {
        let mut connection = http::Connection::open(&server.address).expect("a connection");
        connection
            .send(format!("{}0\r\n\r\nGET /xds?wsdl HTTP/1.1\r\nHost: x\r\n\r\n", head(lines)).as_bytes())
            .expect("sent");
        if let Ok(answer) = connection.receive() {
            assert_eq!(answer.status, 400, "{lines:?}");
        }
        // What came after is not taken as a request of its own.
        assert!(connection.receive().is_err(), "{lines:?}");
    }
}

fn s_in_07_doctypes_are_refused(server: &TestServer) {
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    for doctype in [
        "<!DOCTYPE x>",
        "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\">",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
        "<!-- c -->\n<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/\"> %p;]>",
    ] {
        refused(server, &request().replace(declaration, &format!("{declaration}{doctype}")));
    }
    // In a package as well.
    let root = Part::root(&request().replace(declaration, &format!("{declaration}<!DOCTYPE x>")));
    let answer = server.send("/xds/repository", &soap::mtom_content_type("a"), &soap::package(&[root]));
    answer.expect_fault(400, "Sender", "");
    // XInclude is plain data.
    let include = "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/>";
    let answer = post(server, &request().replace("<soap:Body>", &format!("{include}<soap:Body>")));
    assert!(!answer.root.contains("root:"), "{}", answer.root);
}

fn s_in_08_entities_are_refused(server: &TestServer) {
    refused(server, &request().replace("<rim:Value>", "<rim:Value>&undeclared;"));
    refused(server, &request().replace("<rim:Value>", "<rim:Value>&#0;"));
    refused(server, &request().replace("<rim:Value>", "<rim:Value>&#xD800;"));
    let mut bomb = "<!DOCTYPE b [<!ENTITY a0 \"aaaaaaaaaa\">".to_owned();
    for n in 1..20 {
        bomb.push_str(&format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10)));
    }
    refused(server, &format!("{bomb}]><x>&a19;</x>"));
}

fn s_in_09_deep_nesting(server: &TestServer) {
    for depth in [200, 100_000] {
        let nest = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        refused(server, &request().replace("<rim:AdhocQuery ", &format!("{nest}<rim:AdhocQuery ")));
    }
}

fn s_in_10_many_elements(server: &TestServer) {
    let many = "<a/>".repeat(200_001);
    refused(server, &request().replace("<rim:AdhocQuery ", &format!("{many}<rim:AdhocQuery ")));
}

fn s_in_11_attributes_and_namespaces(server: &TestServer) {
    let attributes: String = (0..65).map(|n| format!(" a{n}=\"x\"")).collect();
    let namespaces: String = (0..33).map(|n| format!(" xmlns:n{n}=\"urn:n{n}\"")).collect();
    let long_value = format!(" a=\"{}\"", "x".repeat(17 * 1024));
    let long_name = format!(" {}=\"x\"", "a".repeat(1025));
    for added in [attributes, namespaces, long_value, long_name, " a=\"1\" a=\"2\"".to_owned()] {
        refused(server, &request().replace("<rim:AdhocQuery ", &format!("<rim:AdhocQuery{added} ")));
    }
}

fn s_in_13_namespaces(server: &TestServer) {
    refused(server, &request().replace("<soap:Body>", "<soap:Body x:a=\"1\">"));
    refused(server, &request().replace("<rim:AdhocQuery ", "<undeclared:x/><rim:AdhocQuery "));
    refused(server, &request().replace("<soap:Body>", "<soap:Body xmlns:r=\"relative\">"));
    refused(server, &request().replace("<soap:Body>", "<soap:Body xmlns:xml=\"urn:x\">"));
    // A look-alike namespace is another one.
    let close = request()
        .replace("urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0", "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0 ");
    refused(server, &close);
    // Rebinding a prefix is legal.
    let rebound = request()
        .replace("<rim:AdhocQuery ", "<soap:AdhocQuery xmlns:soap=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\" ");
    post(server, &rebound.replace("</rim:AdhocQuery>", "</soap:AdhocQuery>")).expect_success();
}

fn s_in_14_encodings(server: &TestServer) {
    let bytes = |value: &[u8]| {
        let text = request();
        let at = text.find("<rim:Value>").expect("a value") + "<rim:Value>".len();
        [&text.as_bytes()[..at], value, &text.as_bytes()[at..]].concat()
    };
    for broken in [b"\xff\xfe".as_slice(), b"\xc3", b"\xed\xa0\x80", b"\0", b"\x01", "\u{fffe}".as_bytes()] {
        server.send("/xds/registry", SIMPLE, &bytes(broken)).expect_fault(400, "Sender", "");
    }
    let other = request().replace("encoding=\"UTF-8\"", "encoding=\"UTF-7\"");
    server.send("/xds/registry", "application/soap+xml", other.as_bytes()).expect_fault(400, "Sender", "");
    // R-SOAP-08: the charset parameter wins over the declaration.
    post(server, &other).expect_success();
    let other = server.send("/xds/registry", "application/soap+xml; charset=EBCDIC", request().as_bytes());
    assert_ne!(other.http.status, 200);
}

fn s_in_17_part_floods(server: &TestServer) {
    let content_type = soap::mtom_content_type("a");
    let root = Part::root(&request());
    let mut parts = vec![root.clone()];
    parts.extend((0..1000).map(|n| Part::new(&format!("p{n}@test.invalid"), "text/plain", b"")));
    server.send("/xds/registry", &content_type, &soap::package(&parts)).expect_fault(400, "Sender", "");
    let mut many_headers = root.clone();
    many_headers.headers.extend((0..33).map(|n| (format!("x-{n}"), "x".to_owned())));
    let mut large_header = root;
    large_header.headers.push(("x".to_owned(), "x".repeat(9 * 1024)));
    for part in [many_headers, large_header] {
        server.send("/xds/registry", &content_type, &soap::package(&[part])).expect_fault(400, "Sender", "");
    }
}

fn s_in_18_broken_packages(server: &TestServer) {
    let content_type = soap::mtom_content_type("a");
    let whole = soap::package(&[Part::root(&request())]);
    let b = soap::BOUNDARY;
    let no_end = &whole[..whole.len() - b.len() - 8];
    let long_tail = [whole.as_slice(), &[b'x'; 2000]].concat();
    for broken in [no_end, b"", b"no boundary at all", b"--", &long_tail] {
        let answer = server.send("/xds/registry", &content_type, broken);
        assert!(answer.http.status >= 400, "{}", answer.root);
    }
    let long = "b".repeat(201);
    for parameter in [String::new(), "; boundary=\"\"".to_owned(), format!("; boundary=\"{long}\"")] {
        let content_type = format!("multipart/related; type=\"application/xop+xml\"{parameter}");
        let answer = http::post(&server.address, "/xds/registry", &content_type, &whole).expect("an answer");
        assert!(answer.status == 400 || answer.status == 415, "{parameter}: {}", answer.status);
    }
}

fn s_in_19_content_ids_are_unique(server: &TestServer) {
    let patient = sample::patient();
    let (first, second) = (sample::provided(&patient), sample::provided(&patient));
    let include = crate::harness::calls::include("cid:d@test.invalid");
    let submission = Submission::with(&patient, &[&first, &second]);
    let contents = [(first.id(), include.clone()), (second.id(), include)];
    let contents: Vec<(&str, String)> = contents.iter().map(|(id, c)| (id.as_str(), c.clone())).collect();
    let body = crate::harness::calls::provide_xml(&submission, &contents);
    let part = Part::new("d@test.invalid", "text/plain", b"x");
    // Two references to one part, and one reference to two parts.
    for parts in [vec![part.clone()], vec![part.clone(), part]] {
        let answer = server.mtom(Transaction::Iti41, &body, &parts);
        assert!(answer.http.status == 400 || answer.status() == "Failure", "{}", answer.root);
    }
}

fn s_in_25_names_never_become_paths(server: &TestServer) {
    for unique_id in ["../../../../tmp/knoop-escape", "/etc/knoop-escape", "..\\..\\x", "a/../../b", ".", "con"] {
        let unique_id = format!("{unique_id}{}", sample::oid());
        let patient = sample::patient();
        let document = sample::provided(&patient).identifier(sample::names::DE_UNIQUE_ID, &unique_id);
        server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"inside")]).expect_success();
        assert_eq!(crate::iti41::fetch(server, &patient, &document).1, b"inside");
    }
    let patient = sample::patient();
    let document = sample::provided(&patient).identifier(sample::names::DE_UNIQUE_ID, "a\u{85}b");
    let answer = server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"x")]);
    assert_eq!(answer.status(), "Failure", "control characters");
}

fn s_in_34_lies_about_content(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient).slot("size", &["999999"]).set("mimeType", "image/png");
    let answer = server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"<html>")]);
    answer.expect_refused("XDSRepositoryMetadataError", &["size"]);
}

fn s_in_35_faults_tell_nothing_of_the_inside(server: &TestServer) {
    let bodies = ["<x", "<a></b>", "", "\0", "<?xml version=\"9\"?><a/>"];
    for body in bodies {
        let text = post(server, body).root.to_lowercase();
        for word in ["panicked", "src/", "quick_xml", "sqlx", "select ", "/tmp", "backtrace", "knoop/"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

fn the_server_answers_after_nonsense(server: &TestServer) {
    let nonsense: [&[u8]; 5] =
        [b"\x16\x03\x01\x02\0\x01\0", b"GET\r\n\r\n", b"\r\n\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\xff\xff\xff"];
    for bytes in nonsense {
        let mut connection = http::Connection::open(&server.address).expect("a connection");
        connection.send(bytes).expect("sent");
    }
    post(server, &request()).expect_success();
}

fn s_in_23_nothing_of_a_request_breaks_a_log_line() {
    let server = TestServer::prepare(Store::Sqlite).and_then(|p| p.start()).expect("a server");
    let forged = "urn:x\r\n2026-01-01T00:00:00Z ERROR forged line\u{1b}[31m\u{202e}";
    let escaped = soap::escape(forged).replace('\r', "&#13;").replace('\u{1b}', "");
    post(&server, &envelope(&escaped, &escaped, "<x/>"));
    post(&server, &envelope(Transaction::Iti18.action(), &escaped, &Query::new(&escaped).xml()));
    let head = "GET /xds?%0d%0aERROR%20forged HTTP/1.1\r\nHost: x\r\nUser-Agent: a\tb\r\nConnection: close\r\n\r\n";
    let _ = http::exchange(&server.address, &[head.as_bytes()]);
    let log = server.log_text();
    assert!(!log.lines().any(|l| l.starts_with("2026-01-01T00:00:00Z")), "{log}");
    assert!(!log.contains('\u{202e}'));
    // The escape sequences of a terminal may colour a log, but a request adds none.
    assert!(!log.contains("\u{1b}[31mforged"));
    let forged_only = log.lines().all(|l| !l.contains("ERROR") || l.contains("urn:x"));
    assert!(forged_only, "{log}");
    server.expect_error("forged");
}
