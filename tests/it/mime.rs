//! MTOM packages as partners write them, well and badly.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;

use crate::harness::{
    Answer, TestServer,
    calls::{include, provide_xml},
    http, plain,
    sample::{self, Object, Submission},
    servers::{self, Store},
    soap::{self, BOUNDARY, Part, Transaction},
};

pub fn trials() -> Vec<Trial> {
    plain![
        r_41_20_the_root_part_may_come_last,
        pitfall_3_and_5_odd_parameters_of_the_outer_type,
        pitfall_4_odd_boundaries_preamble_and_epilogue,
        pitfall_4_lookalikes_of_the_boundary_are_content,
        pitfall_6_headers_of_parts_and_transfer_encodings,
        pitfall_7_references_are_decoded_once,
        pitfall_8_includes_in_every_shape,
        pitfall_9_charsets_and_blanks_of_the_root_part,
        pitfall_42_line_ends_at_the_edges_are_content,
        r_soap_03_inline_and_included_documents_in_one_message,
        r_soap_04_a_broken_include_is_a_fault,
        r_41_04_unreferenced_parts_are_ignored,
        r_41_05_missing_parts_and_broken_base64,
        s_in_17_too_many_parts_or_headers,
        s_in_18_broken_packages_are_faults,
        s_in_18_a_package_cut_anywhere_registers_nothing,
        s_in_19_content_ids_and_references_are_unique,
        s_in_20_the_root_part_is_found_as_the_standard_says,
    ]
    .into()
}

fn server() -> Arc<TestServer> {
    servers::shared(Store::Sqlite).expect("a server")
}

/// One document of a new patient.
struct Sample {
    document: Object,
    submission: Submission,
}

impl Sample {
    fn new() -> Self {
        let patient = sample::patient();
        let document = sample::provided(&patient);
        let submission = Submission::with(&patient, &[&document]);
        Self { document, submission }
    }

    fn root(&self, content: &str) -> Part {
        let body = provide_xml(&self.submission, &[(&self.document.id(), content.to_owned())]);
        Part::root(&soap::envelope(Transaction::Iti41.action(), &sample::uuid(), &body))
    }

    fn root_for(&self, href: &str) -> Part {
        self.root(&include(href))
    }

    /// That the document comes back with these octets.
    #[track_caller]
    fn expect_stored(&self, server: &TestServer, octets: &[u8]) {
        let unique_id = self.document.unique_id();
        let found = server.entry(&server.entry_uuid(&unique_id));
        let repository = found.value("repositoryUniqueId").expect("R-41-07").to_owned();
        let answer = server.retrieve(&[(None, &repository, &unique_id)]).expect_success();
        let documents = answer.documents();
        assert_eq!(documents.len(), 1);
        assert!(documents[0].2 == octets, "{:?}", String::from_utf8_lossy(&documents[0].2));
    }
}

fn outer() -> String {
    soap::mtom_content_type(Transaction::Iti41.action())
}

fn send(server: &TestServer, content_type: &str, body: &[u8]) -> Answer {
    server.send("/xds/repository", content_type, body)
}

fn document(id: &str, octets: &[u8]) -> Part {
    Part::new(id, "application/octet-stream", octets)
}

/// A message with one document, its package changed as text, is accepted and gives these octets back.
#[track_caller]
fn accepted(content_type: &str, octets: &[u8], package: impl FnOnce(&Sample) -> Vec<u8>) {
    let server = server();
    let sample = Sample::new();
    send(&server, content_type, &package(&sample)).expect_success();
    sample.expect_stored(&server, octets);
}

fn usual(sample: &Sample, octets: &[u8]) -> Vec<u8> {
    soap::package(&[sample.root_for("cid:d@x"), document("d@x", octets)])
}

fn changed(package: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(package).expect("UTF-8");
    assert!(text.contains(from), "{from}");
    text.replace(from, to).into_bytes()
}

fn r_41_20_the_root_part_may_come_last() {
    let large = vec![b'l'; 9 << 20];
    for octets in [b"small".to_vec(), large] {
        accepted(&outer(), &octets, |sample| {
            soap::package(&[document("other", b"x"), document("d@x", &octets), sample.root_for("cid:d@x")])
        });
        accepted(&outer(), &octets, |sample| {
            soap::package(&[document("d@x", &octets), document("other", b"x"), sample.root_for("cid:d@x")])
        });
    }
}

fn pitfall_3_and_5_odd_parameters_of_the_outer_type() {
    for content_type in [
        format!("Multipart/Related; Boundary=\"{BOUNDARY}\"; START=\"root@test.invalid\"; TYPE=application/xop+xml"),
        format!("multipart/related; start-info=\"application/soap+xml; action=\\\"urn:x\\\"\"; boundary={BOUNDARY}"),
        format!("multipart/related;start-info=\"text/xml\";boundary={BOUNDARY};type=\"application/xop+xml\""),
        format!("multipart/related; action=; boundary=\"{BOUNDARY}\"; start=\"<nowhere@x>\""),
    ] {
        accepted(&content_type, b"abc", |sample| usual(sample, b"abc"));
    }
}

fn pitfall_4_odd_boundaries_preamble_and_epilogue() {
    for boundary in ["uuid:6f3=a/b?c", "with blanks: (a)", "'", &"x".repeat(200)] {
        let content_type = outer().replace(BOUNDARY, boundary);
        accepted(&content_type, b"abc", |sample| changed(usual(sample, b"abc"), BOUNDARY, boundary));
    }
    let unquoted = "multipart/related; boundary=uuid:1-2; type=\"application/xop+xml\"";
    accepted(unquoted, b"abc", |sample| changed(usual(sample, b"abc"), BOUNDARY, "uuid:1-2"));
    accepted(&outer(), b"abc", |sample| [b"preamble\r\n", usual(sample, b"abc").as_slice(), b"epilogue"].concat());
    accepted(&outer(), b"abc", |sample| {
        let mut package = usual(sample, b"abc");
        package.truncate(package.len() - 2);
        package
    });
}

fn pitfall_4_lookalikes_of_the_boundary_are_content() {
    let octets = format!("\r\n--{BOUNDARY}x\r\n--{}\r\n --{BOUNDARY}\r\n\n--{BOUNDARY}\n", &BOUNDARY[..9]);
    accepted(&outer(), octets.as_bytes(), |sample| usual(sample, octets.as_bytes()));
}

fn pitfall_6_headers_of_parts_and_transfer_encodings() {
    for (from, to) in [
        ("content-id: <d@x>", "Content-Id: d@x"),
        ("content-id: <d@x>", "CONTENT-ID:\r\n < d@x >"),
        ("content-transfer-encoding: binary\r\n", ""),
        ("content-transfer-encoding: binary", "Content-Transfer-Encoding: 8Bit"),
    ] {
        accepted(&outer(), b"abc", |sample| changed(usual(sample, b"abc"), from, to));
    }
    accepted(&outer(), b"abc", |sample| {
        let text = String::from_utf8(usual(sample, b"abc")).expect("UTF-8");
        let at = text.rfind("content-type").expect("headers");
        let (head, tail) = text.split_at(at);
        let (headers, body) = tail.split_once("\r\n\r\n").expect("an empty line");
        format!("{head}{}\n\n{body}", headers.replace("\r\n", "\n")).into_bytes()
    });
    let octets: Vec<u8> = (0..=255).collect();
    let base64 = STANDARD.encode(&octets).as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]);
    let quoted: String = octets.iter().map(|b| format!("={b:02X}=\r\n")).collect();
    for (name, encoded) in [("base64", base64), ("Quoted-Printable", quoted.into_bytes())] {
        accepted(&outer(), &octets, |sample| {
            let mut part = document("d@x", &encoded);
            part.headers[1].1 = name.to_owned();
            soap::package(&[sample.root_for("cid:d@x"), part])
        });
    }
}

fn pitfall_7_references_are_decoded_once() {
    for (href, id) in [
        ("cid:d%40x", "d@x"),
        ("CID:d@x", "d@x"),
        ("cid:a%3Ab+c%2Fd", "a:b+c/d"),
        ("cid:d%2540x", "d%40x"),
        ("cid:raw%40x", "raw%40x"),
    ] {
        accepted(&outer(), b"abc", |sample| soap::package(&[sample.root_for(href), document(id, b"abc")]));
    }
    let server = server();
    let sample = Sample::new();
    let package = soap::package(&[sample.root_for("cid:D@X"), document("d@x", b"abc")]);
    send(&server, &outer(), &package).expect_codes(&["XDSMissingDocument"]);
}

fn pitfall_8_includes_in_every_shape() {
    let ns = "http://www.w3.org/2004/08/xop/include";
    for content in [
        format!("\n   <a:Include xmlns:a='{ns}' href='cid:d@x'></a:Include>\n  "),
        format!("<Include xmlns='{ns}' href='cid:d@x'/>"),
        format!("<!-- c --><xop:Include xmlns:xop='{ns}' href='cid:d@x'> <v:x xmlns:v='urn:v'/> </xop:Include>"),
    ] {
        accepted(&outer(), b"abc", |sample| soap::package(&[sample.root(&content), document("d@x", b"abc")]));
    }
}

fn pitfall_9_charsets_and_blanks_of_the_root_part() {
    for charset in ["\"utf-8\"", "utf-8", "UTF8"] {
        accepted(&outer(), b"abc", |sample| {
            changed(usual(sample, b"abc"), "charset=UTF-8", &format!("charset={charset}"))
        });
    }
    for before in ["\u{feff}", "\r\n\r\n  "] {
        accepted(&outer(), b"abc", |sample| changed(usual(sample, b"abc"), "<?xml", &format!("{before}<?xml")));
    }
}

fn pitfall_42_line_ends_at_the_edges_are_content() {
    for octets in ["\r\n", "\u{feff}x", "\r\n\r\nx\r\n", "\n", ""] {
        accepted(&outer(), octets.as_bytes(), |sample| usual(sample, octets.as_bytes()));
    }
}

fn r_soap_03_inline_and_included_documents_in_one_message() {
    let server = server();
    let patient = sample::patient();
    let (first, second) = (sample::provided(&patient), sample::provided(&patient));
    let submission = Submission::with(&patient, &[&first, &second]);
    let inline = STANDARD.encode(b"inline\0octets");
    let inline = format!("{}\r\n  {}", &inline[..5], &inline[5..]);
    let body = provide_xml(&submission, &[(&first.id(), inline), (&second.id(), include("cid:d@x"))]);
    server.mtom(Transaction::Iti41, &body, &[document("d@x", b"included")]).expect_success();
    for (document, octets) in [(first, &b"inline\0octets"[..]), (second, b"included")] {
        Sample { document, submission: Submission::of(&patient) }.expect_stored(&server, octets);
    }
    let sample = Sample::new();
    let body = provide_xml(&sample.submission, &[(&sample.document.id(), STANDARD.encode(b"plain SOAP"))]);
    server.simple(Transaction::Iti41, &body).expect_success();
    sample.expect_stored(&server, b"plain SOAP");
    let unique_id = sample.document.unique_id();
    let found = server.entry(&server.entry_uuid(&unique_id));
    let repository = found.value("repositoryUniqueId").expect("R-41-07").to_owned();
    let request = crate::harness::calls::retrieve_xml(&[(None, &repository, &unique_id)]);
    let answer = server.simple(Transaction::Iti43, &request).expect_success();
    assert_eq!(answer.documents()[0].2, b"plain SOAP", "R-SOAP-06: base64 in a plain answer");
    assert!(answer.http.header("content-length").is_some());
}

fn r_soap_04_a_broken_include_is_a_fault() {
    let server = server();
    let one = include("cid:d@x");
    for content in [one.repeat(2), format!("text{one}"), format!("{one}<x xmlns='urn:x'/>")] {
        let sample = Sample::new();
        let package = soap::package(&[sample.root(&content), document("d@x", b"abc")]);
        send(&server, &outer(), &package).expect_fault(400, "Sender", "");
    }
}

fn r_41_04_unreferenced_parts_are_ignored() {
    accepted(&outer(), b"abc", |sample| {
        let mut nameless = document("x", b"signature");
        nameless.headers.retain(|(name, _)| name != "content-id");
        soap::package(&[sample.root_for("cid:d@x"), document("other@x", b"y"), nameless, document("d@x", b"abc")])
    });
}

fn r_41_05_missing_parts_and_broken_base64() {
    let server = server();
    for href in ["cid:nowhere@x", "http://169.254.169.254/x", "file:///etc/passwd", ""] {
        let sample = Sample::new();
        let package = soap::package(&[sample.root_for(href), document("d@x", b"abc")]);
        send(&server, &outer(), &package).expect_refused("XDSMissingDocument", &[&sample.document.id()]);
    }
    let sample = Sample::new();
    let package = soap::package(&[sample.root("not base64!")]);
    send(&server, &outer(), &package).expect_refused("XDSRepositoryMetadataError", &[&sample.document.id()]);
    let sample = Sample::new();
    send(&server, &outer(), &soap::package(&[sample.root("")])).expect_success();
    sample.expect_stored(&server, b"");
}

fn s_in_17_too_many_parts_or_headers() {
    let server = server();
    let refused = |package: Vec<u8>| drop(send(&server, &outer(), &package).expect_fault(400, "Sender", ""));
    let sample = Sample::new();
    let parts = (0..1001).map(|n| document(&format!("p{n}"), b"")).collect::<Vec<_>>();
    refused(soap::package(&[vec![sample.root_for("cid:p1")], parts].concat()));
    refused(changed(
        usual(&sample, b"abc"),
        "content-id: <d@x>",
        &format!("{}content-id: <d@x>", "x: y\r\n".repeat(32)),
    ));
    refused(changed(
        usual(&sample, b"abc"),
        "content-id: <d@x>",
        &format!("x: {}\r\ncontent-id: <d@x>", "y".repeat(9000)),
    ));
}

fn s_in_18_broken_packages_are_faults() {
    let server = server();
    let sample = Sample::new();
    let package = usual(&sample, b"abc");
    let refused = |content_type: &str, package: &[u8]| {
        drop(send(&server, content_type, package).expect_fault(400, "Sender", ""));
    };
    for content_type in [
        "multipart/related".to_owned(),
        "multipart/related; boundary=\"\"".to_owned(),
        outer().replace(BOUNDARY, "other"),
        outer().replace(BOUNDARY, &"x".repeat(201)),
    ] {
        refused(&content_type, &package);
    }
    refused(&outer(), b"");
    refused(&outer(), &[package.as_slice(), &[b'e'; 2000]].concat());
    refused(&outer(), &[&[b'p'; 20_000], package.as_slice()].concat());
    refused(&outer(), &changed(package.clone(), "application/octet-stream", "multipart/mixed; boundary=z"));
    refused(
        &outer(),
        &changed(package.clone(), "content-transfer-encoding: binary", "content-transfer-encoding: gzip"),
    );
    let sample = Sample::new();
    let mut part = document("d@x", b"a*b");
    part.headers[1].1 = "base64".to_owned();
    refused(&outer(), &soap::package(&[sample.root_for("cid:d@x"), part]));
}

fn s_in_18_a_package_cut_anywhere_registers_nothing() {
    let server = server();
    let sample = Sample::new();
    let package = usual(&sample, b"abc");
    let closing = package.len() - 2;
    for cut in [0, 1, 50, closing / 3, closing - 80, closing - 20, closing - 2, closing - 1] {
        let answer = send(&server, &outer(), &package[..cut]);
        answer.expect_fault(400, "Sender", "");
    }
    // Cut by the connection instead: nothing to answer, nothing registered.
    let head = http::post_head(&server.address, "/xds/repository", &outer(), package.len());
    let mut connection = http::Connection::open(&server.address).expect("connected");
    connection.send(head.as_bytes()).expect("sent");
    connection.send(&package[..closing - 10]).expect("sent");
    drop(connection);
    send(&server, &outer(), &package).expect_success();
    sample.expect_stored(&server, b"abc");
}

fn s_in_19_content_ids_and_references_are_unique() {
    let server = server();
    let sample = Sample::new();
    let package = soap::package(&[sample.root_for("cid:d@x"), document("d@x", b"a"), document("d@x", b"b")]);
    send(&server, &outer(), &package).expect_fault(400, "Sender", "");
    let patient = sample::patient();
    let (first, second) = (sample::provided(&patient), sample::provided(&patient));
    let submission = Submission::with(&patient, &[&first, &second]);
    let body = provide_xml(&submission, &[(&first.id(), include("cid:d@x")), (&second.id(), include("cid:d%40x"))]);
    let answer = server.mtom(Transaction::Iti41, &body, &[document("d@x", b"abc")]);
    answer.expect_refused("XDSMissingDocument", &[&second.id(), "same part"]);
}

fn s_in_20_the_root_part_is_found_as_the_standard_says() {
    let server = server();
    let without_start = outer().replace("start=\"<root@test.invalid>\"; ", "");
    accepted(&without_start, b"abc", |sample| usual(sample, b"abc"));
    // Without start the first part is the root, whatever comes later.
    let sample = Sample::new();
    let package = soap::package(&[document("d@x", b"abc"), sample.root_for("cid:d@x")]);
    send(&server, &without_start, &package).expect_fault(400, "Sender", "");
    // start leads nowhere: the first part of the right type, else the first.
    let nowhere = outer().replace("root@test.invalid", "nowhere@x");
    accepted(&nowhere, b"abc", |sample| soap::package(&[document("d@x", b"abc"), sample.root_for("cid:d@x")]));
    accepted(&nowhere, b"abc", |sample| {
        changed(usual(sample, b"abc"), "application/xop+xml; charset", "application/soap+xml; charset")
    });
    // A root that is named is not replaced by another of the same type.
    accepted(&outer(), b"abc", |sample| {
        let decoy = Part::new("decoy@x", "application/xop+xml; type=\"application/soap+xml\"", b"<decoy/>");
        soap::package(&[decoy, document("d@x", b"abc"), sample.root_for("cid:d@x")])
    });
}
