//! What configuration changes in SOAP, reply addresses, hostile XML in headers, and the list of refusals.

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer,
    calls::retrieve_xml,
    plain, sample,
    servers::{self, Store},
    soap::{self, Transaction, WSA},
};

pub fn trials() -> Vec<Trial> {
    plain![
        r_soap_06_the_encoding_of_the_request_is_mirrored,
        r_soap_06_strict_encoding_refuses_the_other_one,
        r_soap_07_and_12_lenient_addressing_goes_by_the_body,
        r_soap_08_utf_16_and_byte_order_marks_are_read,
        r_soap_09_and_s_in_15_headers_given_twice_are_refused,
        r_soap_14_and_s_in_21_no_call_to_other_addresses,
        r_soap_15_none_is_processed_and_answered_202,
        r_soap_18_schema_faults_are_registry_errors,
        s_in_09_to_14_hostile_xml_is_a_sender_fault,
        s_in_35_faults_disclose_nothing,
        every_path_takes_its_own_transactions,
        refusals_are_kept_for_the_operator,
        r_18_53_answers_are_bounded_one_by_one_and_together,
    ]
    .into()
}

const SIMPLE: &str = "application/soap+xml; charset=UTF-8";
const ACTION: &str = "urn:ihe:iti:2007:RegistryStoredQuery";

fn server() -> Arc<TestServer> {
    servers::shared(Store::Sqlite).expect("a server")
}

fn with(settings: &[(&str, &str)]) -> TestServer {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory");
    settings.iter().fold(prepared, |prepared, (key, value)| prepared.setting(key, value)).start().expect("started")
}

fn query() -> String {
    Query::find_documents(&sample::patient()).xml()
}

fn good() -> String {
    format!("<wsa:Action>{ACTION}</wsa:Action><wsa:MessageID>urn:uuid:1-2</wsa:MessageID>")
}

fn send(server: &TestServer, headers: &str, body: &str) -> Answer {
    server.send("/xds", SIMPLE, soap::envelope_with(headers, body).as_bytes())
}

fn r_soap_06_the_encoding_of_the_request_is_mirrored() {
    // The harness asserts the encoding of each answer.
    let server = server();
    server.query(&Query::find_documents(&sample::patient())).expect_success();
    server.mtom(Transaction::Iti18, &query(), &[]).expect_success();
    let request = retrieve_xml(&[(None, "2.999.404", "2.999.405")]);
    server.simple(Transaction::Iti43, &request).expect_codes(&["XDSUnknownRepositoryId"]);
    let answer = server.mtom(Transaction::Iti43, &request, &[]);
    answer.expect_codes(&["XDSUnknownRepositoryId"]);
    assert_eq!(answer.parts.len(), 0, "R-SOAP-02: MTOM with the root part alone");
}

fn r_soap_06_strict_encoding_refuses_the_other_one() {
    let server = with(&[("soap.strict_encoding", "true")]);
    server.mtom(Transaction::Iti18, &query(), &[]).expect_fault(400, "Sender", "");
    let request = retrieve_xml(&[(None, "2.999.404", "2.999.405")]);
    server.simple(Transaction::Iti43, &request).expect_fault(400, "Sender", "");
    server.simple(Transaction::Iti18, &query()).expect_success();
    server.mtom(Transaction::Iti43, &request, &[]).expect_codes(&["XDSUnknownRepositoryId"]);
}

fn r_soap_07_and_12_lenient_addressing_goes_by_the_body() {
    let server = with(&[("soap.lenient_addressing", "true")]);
    let answer = send(&server, "", &query()).expect_success();
    assert_eq!(answer.header("RelatesTo"), None);
    assert_eq!(answer.header("Action"), Some(format!("{ACTION}Response")));
    send(&server, "", &retrieve_xml(&[(None, "2.999.404", "1")])).expect_codes(&["XDSUnknownRepositoryId"]);
    send(&server, "", "<q xmlns='urn:q'/>").expect_fault(400, "Sender", "MessageAddressingHeaderRequired");
}

fn r_soap_08_utf_16_and_byte_order_marks_are_read() {
    let server = server();
    let envelope = soap::envelope(ACTION, &sample::uuid(), &query());
    let utf16 = envelope.replace("UTF-8", "UTF-16");
    let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(utf16.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    server.send("/xds", "application/soap+xml", &little).expect_success();
    server.send("/xds", "application/soap+xml; charset=utf-16", &big).expect_success();
    server.send("/xds", SIMPLE, format!("\u{feff}{envelope}").as_bytes()).expect_success();
    server.send("/xds", "application/soap+xml; charset=UTF8", format!("\r\n {envelope}").as_bytes()).expect_success();
    server.send("/xds", SIMPLE, &little).expect_fault(400, "Sender", "");
    server.send("/xds", SIMPLE, &[envelope.as_bytes(), b"<!--\xff-->"].concat()).expect_fault(400, "Sender", "");
}

fn r_soap_09_and_s_in_15_headers_given_twice_are_refused() {
    let server = server();
    let endpoint = |name: &str| format!("<wsa:{name}><wsa:Address>{WSA}/anonymous</wsa:Address></wsa:{name}>");
    for twice in [
        format!("<wsa:Action>{ACTION}</wsa:Action>"),
        "<wsa:MessageID>urn:uuid:3</wsa:MessageID>".to_owned(),
        "<wsa:To>a</wsa:To><wsa:To>b</wsa:To>".to_owned(),
        endpoint("ReplyTo").repeat(2),
        endpoint("FaultTo").repeat(2),
    ] {
        let answer = send(&server, &(good() + &twice), &query());
        answer.expect_fault(400, "Sender", "InvalidAddressingHeader");
        assert!(answer.root.contains("InvalidCardinality"), "{}", answer.root);
    }
}

fn r_soap_14_and_s_in_21_no_call_to_other_addresses() {
    let server = server();
    let trap = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    trap.set_nonblocking(true).expect("set");
    let address = trap.local_addr().expect("bound");
    for name in ["ReplyTo", "FaultTo"] {
        let header = format!("<wsa:{name}><wsa:Address>http://{address}/reply</wsa:Address></wsa:{name}>");
        let answer = send(&server, &(good() + &header), &query());
        answer.expect_fault(400, "Sender", "InvalidAddressingHeader");
        assert!(answer.root.contains("OnlyAnonymousAddressSupported"), "{}", answer.root);
    }
    assert!(trap.accept().is_err(), "nobody called");
}

fn r_soap_15_none_is_processed_and_answered_202() {
    let server = server();
    let patient = sample::patient();
    let document = sample::document(&patient);
    let submission = sample::Submission::with(&patient, &[&document]);
    let headers = format!(
        "<wsa:Action>{}</wsa:Action><wsa:MessageID>urn:uuid:5</wsa:MessageID>\
         <wsa:ReplyTo><wsa:Address> {WSA}/none </wsa:Address></wsa:ReplyTo>",
        Transaction::Iti42.action()
    );
    let body = soap::envelope_with(&headers, &submission.xml());
    let answer = crate::harness::http::post(&server.address, "/xds", SIMPLE, body.as_bytes()).expect("an answer");
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    server.query(&Query::find_documents(&patient)).expect_success().objects().first().expect("it was registered");
}

fn r_soap_18_schema_faults_are_registry_errors() {
    let server = server();
    let odd = query().replace("<rim:AdhocQuery ", "<rim:AdhocQuery xmlns:v=\"urn:v\" v:own=\"1\" ");
    send(&server, &good(), &odd).expect_success();
    let located = query().replace(
        "<query:AdhocQueryRequest ",
        "<query:AdhocQueryRequest xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"urn:x http://x/y.xsd\" ",
    );
    send(&server, &good(), &located).expect_success();
    let nothing = "<query:AdhocQueryRequest xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\"/>";
    let answer = send(&server, &good(), nothing);
    assert_eq!((answer.http.status, answer.status().as_str()), (200, "Failure"));
    // What is not well-formed is a fault, even after something that is not valid.
    let broken = format!("{nothing}<unclosed>");
    send(&server, &good(), &broken).expect_fault(400, "Sender", "");
}

fn s_in_09_to_14_hostile_xml_is_a_sender_fault() {
    let server = server();
    let nested = format!("{}{}", "<x>".repeat(100_000), "</x>".repeat(100_000));
    let many = "<x/>".repeat(210_000);
    let attributes: String = (0..70).map(|n| format!(" a{n}='1'")).collect();
    let namespaces: String = (0..40).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    for extra in [
        nested,
        many,
        format!("<x{attributes}/>"),
        format!("<x{namespaces}/>"),
        format!("<x a='{}'/>", "y".repeat(17 << 10)),
        format!("<{}/>", "n".repeat(1100)),
        "<p:undeclared/>".to_owned(),
        "<x xmlns='relative'/>".to_owned(),
        "<x a='1' a='2'/>".to_owned(),
        "<x>\u{1}</x>".to_owned(),
        "<x>&#0;</x>".to_owned(),
    ] {
        let header = format!("<v:Own xmlns:v='urn:v'>{extra}</v:Own>");
        send(&server, &(good() + &header), &query()).expect_fault(400, "Sender", "");
    }
}

fn s_in_35_faults_disclose_nothing() {
    let server = server();
    let mark = "Geheim-4711";
    for (headers, body) in [
        (good(), format!("<q xmlns='urn:q'>{mark}</q>")),
        (good(), format!("<query:AdhocQueryRequest {}>{mark}<unclosed></query:AdhocQueryRequest>", soap::NAMESPACES)),
        (format!("{}<{mark}>", good()), query()),
        (good() + mark, query()),
    ] {
        let answer = send(&server, &headers, &body);
        assert_eq!(answer.http.status, 400, "{}", answer.root);
        for secret in [mark, "src/", ".rs", "knoop-data", "SELECT", "quick"] {
            assert!(!answer.root.contains(secret), "{secret}: {}", answer.root);
        }
    }
}

fn every_path_takes_its_own_transactions() {
    let server = server();
    let envelope = |transaction: Transaction, body: &str| soap::envelope(transaction.action(), &sample::uuid(), body);
    let query = envelope(Transaction::Iti18, &query());
    let retrieve = envelope(Transaction::Iti43, &retrieve_xml(&[(None, "2.999.404", "1")]));
    for (path, status) in [("/xds", 200), ("/xds/registry", 200), ("/xds/repository", 400)] {
        assert_eq!(server.send(path, SIMPLE, query.as_bytes()).http.status, status, "{path}");
    }
    for (path, status) in [("/xds", 200), ("/xds/registry", 400), ("/xds/repository", 200)] {
        assert_eq!(server.send(path, SIMPLE, retrieve.as_bytes()).http.status, status, "{path}");
    }
    let only = with(&[("roles.repository", "false")]);
    only.send("/xds", SIMPLE, query.as_bytes()).expect_success();
    only.send("/xds", SIMPLE, retrieve.as_bytes()).expect_fault(400, "Sender", "ActionNotSupported");
}

fn refusals_are_kept_for_the_operator() {
    let server = with(&[]);
    let patient = sample::patient();
    server.query(&Query::find_documents(&patient).without("$XDSDocumentEntryStatus"));
    send(&server, &good().replace(ACTION, "urn:odd:action"), &query());
    let text = std::fs::read_to_string(server.prepared.data.join("refusals.jsonl")).expect("kept");
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let codes: Vec<_> = lines.iter().filter_map(|l| l["code"].as_str()).collect();
    assert_eq!(codes, ["XDSStoredQueryMissingParam", "ActionNotSupported"]);
    assert_eq!(lines[0]["transaction"], "ITI-18");
    assert_eq!(lines[0]["node"], "loopback");
    assert_eq!(lines[1]["message_id"], "urn:uuid:1-2");
    assert!(!text.contains(&patient[..12]), "no patient in the list of refusals");
}

fn r_18_53_answers_are_bounded_one_by_one_and_together() {
    let ask = |settings: &[(&str, &str)], code: &str| {
        let server = with(settings);
        let patient = sample::patient();
        let document = sample::document(&patient);
        server.register(&sample::Submission::with(&patient, &[&document])).expect_success();
        let query = Query::find_documents(&patient);
        server.query(&query).expect_codes(&[code]);
        server.query(&query.object_ref()).expect_success();
    };
    ask(&[("limits.answer", "3 KiB")], "XDSTooManyResults");
    ask(&[("limits.answers", "3 KiB")], "XDSRegistryBusy");
}
