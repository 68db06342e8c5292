//! The envelope: SOAP 1.2, WS-Addressing, MTOM, and when a message is answered by a fault.

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer, http, on_every_store, plain,
    sample::{self, Submission},
    servers::{self, Store},
    soap::{self, Part, SOAP12, Transaction, WSA, envelope, envelope_with},
    trials,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_soap_03_mtom_is_taken_everywhere,
        r_soap_04_an_include_stands_alone,
        r_soap_07_only_wsa_action_decides,
        r_soap_08_utf_16_is_read,
        r_soap_09_repeated_headers,
        r_soap_10_unknown_actions,
        r_soap_11_action_and_body_must_agree,
        r_soap_12_missing_headers,
        r_soap_13_headers_that_must_be_understood,
        r_soap_14_only_anonymous_replies,
        r_soap_17_fault_actions_and_relation,
        r_soap_17_faults_come_in_the_encoding_of_the_request,
        a_get_is_not_a_request,
        other_media_types_are_refused,
        soap_1_1_is_refused_with_upgrade,
        wrong_content_of_a_right_body_is_a_response,
        pitfall_01_expect_100_continue,
        pitfall_02_chunked_requests,
        pitfall_03_outer_content_types,
        pitfall_04_boundaries,
        pitfall_05_start,
        pitfall_06_headers_of_the_root_part,
        pitfall_08_prefixes_of_include,
        pitfall_09_byte_order_marks_and_blank_lines,
        pitfall_11_blanks_in_headers,
        pitfall_12_odd_message_ids_are_echoed,
        pitfall_14_comments_cdata_and_schema_locations,
        every_path_takes_what_it_should,
        connections_are_kept,
    ]
    .chain(plain![the_wsdl_names_the_address_and_the_schemas, health_and_metrics_answer])
    .chain(trials::own(module_path!(), "r_soap_06_strict_encoding", r_soap_06_strict_encoding))
    .chain(trials::own(module_path!(), "r_soap_12_lenient_addressing", r_soap_12_lenient_addressing))
    .collect()
}

const SIMPLE: &str = "application/soap+xml; charset=UTF-8";
const ADDRESSING_FAULT: &str = "http://www.w3.org/2005/08/addressing/fault";
const SOAP_FAULT: &str = "http://www.w3.org/2005/08/addressing/soap/fault";

fn query() -> String {
    Query::find_documents(&sample::patient()).xml()
}

fn post(server: &TestServer, envelope: &str) -> Answer {
    server.send("/xds/registry", SIMPLE, envelope.as_bytes())
}

/// The headers of a stored query, `more` after them.
fn with_headers(more: &str) -> String {
    let action = Transaction::Iti18.action();
    let headers = format!("<wsa:Action>{action}</wsa:Action><wsa:MessageID>urn:uuid:m1</wsa:MessageID>{more}");
    envelope_with(&headers, &query())
}

fn r_soap_03_mtom_is_taken_everywhere(server: &TestServer) {
    server.mtom(Transaction::Iti18, &query(), &[]).expect_success();
    let patient = sample::patient();
    let submission = Submission::with(&patient, &[&sample::document(&patient)]);
    server.mtom(Transaction::Iti42, &submission.xml(), &[]).expect_success();
}

fn r_soap_06_strict_encoding(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("soap.strict_encoding", "true");
    let server = prepared.start().expect("a server");
    server.simple(Transaction::Iti18, &query()).expect_success();
    server.mtom(Transaction::Iti18, &query(), &[]).expect_fault(400, "Sender", "");
    server.simple(Transaction::Iti43, &crate::harness::calls::retrieve_xml(&[])).expect_fault(400, "Sender", "");
}

fn r_soap_04_an_include_stands_alone(server: &TestServer) {
    let include = crate::harness::calls::include("cid:d@test.invalid");
    let part = Part::new("d@test.invalid", "text/plain", b"x");
    for content in [format!("{include}{include}"), format!("text{include}"), format!("{include}<a/>")] {
        let patient = sample::patient();
        let document = sample::provided(&patient);
        let submission = Submission::with(&patient, &[&document]);
        let body = crate::harness::calls::provide_xml(&submission, &[(&document.id(), content.clone())]);
        let answer = server.mtom(Transaction::Iti41, &body, std::slice::from_ref(&part));
        answer.expect_fault(400, "Sender", "");
    }
}

fn r_soap_07_only_wsa_action_decides(server: &TestServer) {
    let content_type = format!("{SIMPLE}; action=\"urn:something:else\"");
    let envelope = envelope(Transaction::Iti18.action(), &sample::uuid(), &query());
    let head = http::post_head(&server.address, "/xds/registry", &content_type, envelope.len());
    let head = head.replace("Connection:", "SOAPAction: \"urn:another\"\r\nConnection:");
    let answer = http::exchange(&server.address, &[head.as_bytes(), envelope.as_bytes()]).expect("an answer");
    Answer::read(answer).expect_success();
}

fn r_soap_08_utf_16_is_read(server: &TestServer) {
    let text = envelope(Transaction::Iti18.action(), &sample::uuid(), &query()).replace("UTF-8", "UTF-16");
    for big in [false, true] {
        let unit = |c: u16| if big { c.to_be_bytes() } else { c.to_le_bytes() };
        let bytes: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect();
        server.send("/xds/registry", "application/soap+xml; charset=UTF-16", &bytes).expect_success();
        server.send("/xds/registry", "application/soap+xml", &bytes).expect_success();
    }
}

fn r_soap_09_repeated_headers(server: &TestServer) {
    let action = format!("<wsa:Action>{}</wsa:Action>", Transaction::Iti18.action());
    let reply = format!("<wsa:ReplyTo><wsa:Address>{WSA}/anonymous</wsa:Address></wsa:ReplyTo>");
    for more in [
        action.clone(),
        "<wsa:MessageID>urn:uuid:m2</wsa:MessageID>".to_owned(),
        "<wsa:To>http://a.invalid/</wsa:To><wsa:To>http://a.invalid/</wsa:To>".to_owned(),
        format!("{reply}{reply}"),
    ] {
        let answer = post(server, &with_headers(&more));
        answer.expect_fault(400, "Sender", "InvalidAddressingHeader");
        assert!(answer.root.contains("InvalidCardinality"), "{}", answer.root);
    }
}

fn r_soap_10_unknown_actions(server: &TestServer) {
    for action in ["urn:example:unknown", "urn:ihe:iti:2009:MultiPatientStoredQuery"] {
        let answer = post(server, &envelope(action, "urn:uuid:m1", &query()));
        answer.expect_fault(400, "Sender", "ActionNotSupported");
        let tree = answer.document();
        let problem = tree.descendants().find(|n| n.has_tag_name((WSA, "ProblemAction"))).expect("the action");
        assert!(problem.descendants().any(|n| n.text() == Some(action)));
    }
}

fn r_soap_11_action_and_body_must_agree(server: &TestServer) {
    let answer = post(server, &envelope(Transaction::Iti42.action(), "urn:uuid:m1", &query()));
    let reason = answer.expect_fault(400, "Sender", "");
    assert!(reason.contains("AdhocQueryRequest"), "{reason}");
    post(server, &envelope(Transaction::Iti18.action(), "urn:uuid:m1", "")).expect_fault(400, "Sender", "");
}

fn r_soap_12_missing_headers(server: &TestServer) {
    let no_action = envelope_with("<wsa:MessageID>urn:uuid:m1</wsa:MessageID>", &query());
    let no_id = envelope_with(&format!("<wsa:Action>{}</wsa:Action>", Transaction::Iti18.action()), &query());
    for envelope in [no_action, no_id, envelope_with("", &query())] {
        post(server, &envelope).expect_fault(400, "Sender", "MessageAddressingHeaderRequired");
    }
}

fn r_soap_12_lenient_addressing(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("soap.lenient_addressing", "true");
    let server = prepared.start().expect("a server");
    let answer = post(&server, &envelope_with("", &query())).expect_success();
    assert_eq!(answer.header("RelatesTo"), None);
}

fn r_soap_13_headers_that_must_be_understood(server: &TestServer) {
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let block = |attributes: &str| format!("<x:Vendor xmlns:x=\"urn:x\" {attributes}/>");
    let security = format!("<o:Security xmlns:o=\"{wsse}\" soap:mustUnderstand=\"1\"/>");
    for (refused, local) in [
        (block("soap:mustUnderstand=\"1\""), "Vendor"),
        (block("soap:mustUnderstand=\"true\""), "Vendor"),
        (block(&format!("soap:mustUnderstand=\"1\" soap:role=\"{SOAP12}/role/next\"")), "Vendor"),
        (security, "Security"),
    ] {
        let answer = post(server, &with_headers(&refused));
        answer.expect_fault(500, "MustUnderstand", "");
        let tree = answer.document();
        let told = tree.descendants().find(|n| n.has_tag_name((SOAP12, "NotUnderstood"))).expect("NotUnderstood");
        assert!(told.attribute("qname").is_some_and(|q| q.ends_with(local)));
    }
    for passed in
        [block(""), block("soap:mustUnderstand=\"0\""), block("soap:mustUnderstand=\"1\" soap:role=\"urn:other\"")]
    {
        post(server, &with_headers(&passed)).expect_success();
    }
}

fn r_soap_14_only_anonymous_replies(server: &TestServer) {
    let reply = |address: &str| format!("<wsa:ReplyTo><wsa:Address>{address}</wsa:Address></wsa:ReplyTo>");
    // S-IN-21: never connected to.
    let answer = post(server, &with_headers(&reply("http://127.0.0.1:9/")));
    answer.expect_fault(400, "Sender", "InvalidAddressingHeader");
    assert!(answer.root.contains("OnlyAnonymousAddressSupported"), "{}", answer.root);
    // R-SOAP-15: blanks around the address; pitfall 12: an empty To.
    post(server, &with_headers(&reply(&format!("\n {WSA}/anonymous \n")))).expect_success();
    post(server, &with_headers("<wsa:To/>")).expect_success();
}

fn r_soap_17_fault_actions_and_relation(server: &TestServer) {
    let answer = post(server, &envelope("urn:example:unknown", "urn:uuid:mine", &query()));
    assert_eq!(answer.header("Action").as_deref(), Some(ADDRESSING_FAULT));
    assert_eq!(answer.header("RelatesTo").as_deref(), Some("urn:uuid:mine"));
    let answer = post(server, "<not-soap/>");
    answer.expect_fault(400, "Sender", "");
    assert_eq!(answer.header("Action").as_deref(), Some(SOAP_FAULT));
    assert_eq!(answer.header("RelatesTo"), None);
}

fn r_soap_17_faults_come_in_the_encoding_of_the_request(server: &TestServer) {
    let answer = server.mtom(Transaction::Iti18, "<x/>", &[]);
    assert!(answer.is_mtom);
    answer.expect_fault(400, "Sender", "");
    assert!(!post(server, "<x").is_mtom);
}

fn a_get_is_not_a_request(server: &TestServer) {
    for method in ["GET", "PUT", "DELETE"] {
        let request =
            format!("{method} /xds/registry HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let answer = http::exchange(&server.address, &[request.as_bytes()]).expect("an answer");
        assert_eq!(answer.status, 405, "{method}");
    }
    assert_eq!(http::get(&server.address, "/nowhere").expect("an answer").status, 404);
}

fn other_media_types_are_refused(server: &TestServer) {
    for content_type in ["text/xml", "application/json", "multipart/form-data; boundary=x", "nonsense"] {
        let answer = http::post(&server.address, "/xds/registry", content_type, query().as_bytes()).expect("an answer");
        assert_eq!(answer.status, 415, "{content_type}");
    }
}

fn soap_1_1_is_refused_with_upgrade(server: &TestServer) {
    let old = with_headers("").replace(SOAP12, "http://schemas.xmlsoap.org/soap/envelope/");
    let answer = post(server, &old);
    answer.expect_fault(500, "VersionMismatch", "");
    let tree = answer.document();
    assert!(tree.descendants().any(|n| n.has_tag_name((SOAP12, "Upgrade"))), "{}", answer.root);
}

fn wrong_content_of_a_right_body_is_a_response(server: &TestServer) {
    let ns = soap::NAMESPACES;
    let empty = server.simple(Transaction::Iti18, &format!("<query:AdhocQueryRequest {ns}/>"));
    assert_eq!(empty.status(), "Failure");
    let empty = server.simple(Transaction::Iti42, &format!("<lcm:SubmitObjectsRequest {ns}/>"));
    assert_eq!(empty.status(), "Failure");
    let empty = server.mtom(Transaction::Iti41, &format!("<xds:ProvideAndRegisterDocumentSetRequest {ns}/>"), &[]);
    assert!(empty.errors().iter().all(|e| e.code.starts_with("XDSRepository")), "{:?}", empty.errors());
    let wrong = format!("<xds:RetrieveDocumentSetRequest {ns}><xds:Other/></xds:RetrieveDocumentSetRequest>");
    server.mtom(Transaction::Iti43, &wrong, &[]).expect_refused("XDSRepositoryError", &[]);
}

fn pitfall_01_expect_100_continue(server: &TestServer) {
    let envelope = envelope(Transaction::Iti18.action(), &sample::uuid(), &query());
    let head = http::post_head(&server.address, "/xds/registry", SIMPLE, envelope.len());
    let head = head.replace("Connection:", "Expect: 100-continue\r\nConnection:");
    let answer = http::exchange(&server.address, &[head.as_bytes(), envelope.as_bytes()]).expect("an answer");
    Answer::read(answer).expect_success();
}

fn pitfall_02_chunked_requests(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let include = crate::harness::calls::include("cid:d@test.invalid");
    let body =
        crate::harness::calls::provide_xml(&Submission::with(&patient, &[&document]), &[(&document.id(), include)]);
    let parts = [
        Part::root(&envelope(Transaction::Iti41.action(), &sample::uuid(), &body)),
        Part::new("d@test.invalid", "text/plain", b"in chunks"),
    ];
    let package = soap::package(&parts);
    let mut request = http::post_head(&server.address, "/xds/repository", &soap::mtom_content_type("a"), 0)
        .replace("Content-Length: 0", "Transfer-Encoding: chunked")
        .into_bytes();
    for chunk in package.chunks(97) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    Answer::read(http::exchange(&server.address, &[&request]).expect("an answer")).expect_success();
    assert_eq!(crate::iti41::fetch(server, &patient, &document).1, b"in chunks");
}

/// An MTOM stored query with this outer content type and these bytes in front of the root part's XML.
fn package_with(server: &TestServer, content_type: &str, change: impl Fn(&mut Part)) -> Answer {
    let mut root = Part::root(&envelope(Transaction::Iti18.action(), &sample::uuid(), &query()));
    change(&mut root);
    server.send("/xds/registry", content_type, &soap::package(&[root]))
}

fn pitfall_03_outer_content_types(server: &TestServer) {
    let b = soap::BOUNDARY;
    for content_type in [
        format!(
            "Multipart/Related; boundary=\"{b}\"; TYPE=\"application/xop+xml\"; Start-Info=\"application/soap+xml\""
        ),
        format!("multipart/related;boundary={b};type=application/xop+xml;start-info=application/soap+xml;action="),
        format!(
            "multipart/related; type=\"application/xop+xml\"; start-info=\"application/soap+xml; action=\\\"urn:x\\\"\"; \
             boundary=\"{b}\""
        ),
        format!(
            "multipart/related; start-info=\"text/xml\"; type=\"application/xop+xml\"; boundary=\"{b}\"; action=\"\""
        ),
    ] {
        let answer = package_with(server, &content_type, |_| {});
        assert_eq!(answer.http.status, 200, "{content_type}: {}", answer.root);
        answer.expect_success();
    }
}

fn pitfall_04_boundaries(server: &TestServer) {
    let envelope = envelope(Transaction::Iti18.action(), &sample::uuid(), &query());
    let root = "Content-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"";
    for (parameter, boundary) in [
        ("\"a=b:c/d?e f\"", "a=b:c/d?e f"),
        ("uuid:1b2c-3d", "uuid:1b2c-3d"),
        ("\"----=_Part_1.2.3\"", "----=_Part_1.2.3"),
        ("x", "x"),
    ] {
        let content_type = format!(
            "multipart/related; boundary={parameter}; type=\"application/xop+xml\"; start-info=\"application/soap+xml\""
        );
        let plain = format!("--{boundary}\r\n{root}\r\n\r\n{envelope}\r\n--{boundary}--\r\n");
        let with_preamble = format!("preamble\r\n{plain}epilogue");
        let bare_line_ends = format!("--{boundary}\n{root}\n\n{envelope}\r\n--{boundary}--");
        for body in [plain, with_preamble, bare_line_ends] {
            let answer = server.send("/xds/registry", &content_type, body.as_bytes());
            assert_eq!(answer.http.status, 200, "{parameter}: {}", answer.root);
        }
    }
}

fn pitfall_05_start(server: &TestServer) {
    for start in ["root@test.invalid", "<root@test.invalid>", "<nowhere@test.invalid>", "nowhere"] {
        let b = soap::BOUNDARY;
        let content_type = format!(
            "multipart/related; boundary=\"{b}\"; type=\"application/xop+xml\"; start=\"{start}\"; \
             start-info=\"application/soap+xml\""
        );
        package_with(server, &content_type, |_| {}).expect_success();
    }
}

fn pitfall_06_headers_of_the_root_part(server: &TestServer) {
    let content_type = soap::mtom_content_type("a");
    package_with(server, &content_type, |p| p.headers.retain(|(n, _)| n == "content-type")).expect_success();
    package_with(server, &content_type, |p| p.headers[0].1 = "application/xop+xml;\r\n\tcharset=utf8".into())
        .expect_success();
    package_with(server, &content_type, |p| p.headers[2].0 = "CONTENT-Id".into()).expect_success();
}

fn pitfall_08_prefixes_of_include(server: &TestServer) {
    let patient = sample::patient();
    let ns = "http://www.w3.org/2004/08/xop/include";
    let part = Part::new("d@test.invalid", "text/plain", b"x");
    let send = |content: String| {
        let document = sample::provided(&patient);
        let submission = Submission::with(&patient, &[&document]);
        let body = crate::harness::calls::provide_xml(&submission, &[(&document.id(), content)]);
        server.mtom(Transaction::Iti41, &body, std::slice::from_ref(&part))
    };
    send(format!("\n  <Include xmlns=\"{ns}\" href=\"cid:d@test.invalid\"></Include>\n")).expect_success();
    send(format!("<a:Include xmlns:a=\"{ns}\" href=\"cid:d@test.invalid\"><!-- x --></a:Include>")).expect_success();
    let legacy = "http://www.w3.org/2003/12/xop/include";
    let answer = send(format!("<x:Include xmlns:x=\"{legacy}\" href=\"cid:d@test.invalid\"/>"));
    assert!(answer.http.status == 400 || answer.status() == "Failure", "{}", answer.root);
}

fn pitfall_09_byte_order_marks_and_blank_lines(server: &TestServer) {
    let envelope = envelope(Transaction::Iti18.action(), &sample::uuid(), &query());
    for before in ["\u{feff}", "\r\n\r\n", " \n"] {
        post(server, &format!("{before}{envelope}")).expect_success();
    }
    for charset in ["\"utf-8\"", "UTF8", "utf-8"] {
        server
            .send("/xds/registry", &format!("application/soap+xml; charset={charset}"), envelope.as_bytes())
            .expect_success();
    }
}

fn pitfall_11_blanks_in_headers(server: &TestServer) {
    let headers = format!(
        "<wsa:MessageID>\n urn:uuid:m1 \n</wsa:MessageID><wsa:Action soap:mustUnderstand=\"true\">\n  {}\n</wsa:Action>",
        Transaction::Iti18.action()
    );
    post(server, &envelope_with(&headers, &query())).expect_success();
}

fn pitfall_12_odd_message_ids_are_echoed(server: &TestServer) {
    for id in ["uuid:1", "urn:uuid:76A2C3D9", "http://x.invalid/?a=1&amp;b=2", "&lt;x&gt;"] {
        let answer = post(server, &envelope(Transaction::Iti18.action(), id, &query())).expect_success();
        let plain = id.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        assert_eq!(answer.header("RelatesTo"), Some(plain));
    }
}

fn pitfall_14_comments_cdata_and_schema_locations(server: &TestServer) {
    let patient = sample::patient();
    server.register(&Submission::with(&patient, &[&sample::document(&patient)])).expect_success();
    let body = Query::find_documents(&patient)
        .xml()
        .replace("<rim:Value>'", "<rim:Value><![CDATA[']]><!-- c --><?pi x?>")
        .replace("<query:AdhocQueryRequest ", "<query:AdhocQueryRequest xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"urn:x http://127.0.0.1:9/x.xsd\" ");
    assert_eq!(server.simple(Transaction::Iti18, &body).expect_success().objects().len(), 1);
}

fn every_path_takes_what_it_should(server: &TestServer) {
    let send = |path: &str, transaction: Transaction, body: &str| {
        let envelope = envelope(transaction.action(), &sample::uuid(), body);
        server.send(path, &transaction.simple_content_type(), envelope.as_bytes())
    };
    let retrieve = crate::harness::calls::retrieve_xml(&[(None, "2.999.77", "1.2.3")]);
    send("/xds", Transaction::Iti18, &query()).expect_success();
    send("/xds", Transaction::Iti43, &retrieve).expect_refused("XDSUnknownRepositoryId", &[]);
    send("/xds/repository", Transaction::Iti18, &query()).expect_fault(400, "Sender", "ActionNotSupported");
    send("/xds/registry", Transaction::Iti43, &retrieve).expect_fault(400, "Sender", "ActionNotSupported");
}

fn connections_are_kept(server: &TestServer) {
    let mut connection = http::Connection::open(&server.address).expect("a connection");
    for _ in 0..3 {
        let envelope = envelope(Transaction::Iti18.action(), &sample::uuid(), &query());
        let head = http::post_head(&server.address, "/xds/registry", SIMPLE, envelope.len());
        let head = head.replace("Connection: close\r\n", "");
        connection.send(&[head.as_bytes(), envelope.as_bytes()].concat()).expect("sent");
        Answer::read(connection.receive().expect("an answer")).expect_success();
    }
}

fn the_wsdl_names_the_address_and_the_schemas() {
    let server = servers::shared(Store::Sqlite).expect("a server");
    for (path, operations) in [("/xds/registry", 2), ("/xds/repository", 2), ("/xds", 4)] {
        let answer = http::get(&server.address, &format!("{path}?wsdl")).expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").is_some_and(|t| t.contains("xml")));
        let text = answer.text();
        let tree = roxmltree::Document::parse(&text).expect("XML");
        let address = format!("http://{}{path}", server.address);
        let locations: Vec<_> = tree.descendants().filter_map(|n| n.attribute("location")).collect();
        assert!(!locations.is_empty() && locations.iter().all(|l| *l == address), "{locations:?}");
        let port_types = tree.descendants().filter(|n| n.tag_name().name() == "portType");
        assert_eq!(port_types.flat_map(|p| p.children()).filter(|n| n.is_element()).count(), operations);
        for import in tree.descendants().filter_map(|n| n.attribute("schemaLocation")) {
            let schema = http::get(&server.address, &format!("{path}{import}")).expect("an answer");
            assert_eq!(schema.status, 200, "{path}{import}");
            let text = schema.text();
            let schema = roxmltree::Document::parse(&text).expect("XML");
            assert!(schema.descendants().filter_map(|n| n.attribute("schemaLocation")).all(|l| l.starts_with("?xsd=")));
        }
    }
    assert_eq!(http::get(&server.address, "/xds?xsd=unknown").expect("an answer").status, 404);
    assert_eq!(http::get(&server.address, "/xds?xsd=../rim").expect("an answer").status, 404);
}

fn health_and_metrics_answer() {
    let server = servers::shared(Store::Sqlite).expect("a server");
    let operations = server.operations.clone().expect("an address for operations in the ready line");
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(http::get(&operations, path).expect("an answer").status, 200, "{path}");
    }
    let metrics = http::get(&operations, "/metrics").expect("an answer").text();
    assert!(metrics.trim_end().ends_with("# EOF"), "OpenMetrics");
    // They are not on the listener of partners.
    assert_eq!(http::get(&server.address, "/metrics").expect("an answer").status, 404);
}
