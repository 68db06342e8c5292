//! ITI-43 of documents whose bytes are lost: an error, or an answer that ends short of its length, but never other bytes.

use std::{
    fs::{self, File},
    io::Write,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;

use crate::{
    harness::{
        TestServer,
        calls::{DocumentRequest, retrieve_xml},
        http::{Connection, Response, find, post_head},
        plain,
        sample::{self, Object},
        servers::Store,
        soap::{self, Part, Transaction},
    },
    iti41::{provided, repository_of},
};

pub fn trials() -> Vec<Trial> {
    plain![
        r_43_15_bytes_lost_before_a_request_are_an_error,
        r_43_15_bytes_lost_while_they_are_sent_cut_the_answer_short,
        r_43_15_bytes_lost_while_they_are_sent_as_base64_cut_the_answer_short,
        r_43_15_a_document_lost_after_its_answer_began_cuts_it_short,
    ]
    .into()
}

/// What happens to the file of a document.
type Loss = fn(&mut File);

fn server() -> TestServer {
    TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("it starts")
}

/// More than sockets hold between a server and a client that does not read.
fn large() -> Vec<u8> {
    let seed = sample::number() as u32;
    (0_u32..24 << 20).map(|n| (n.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

fn r_43_15_bytes_lost_before_a_request_are_an_error() {
    let server = server();
    server.expect_error("a kept document cannot be read");
    let (patient, whole) = provided(&server, b"whole");
    let repository = repository_of(&server, &patient);
    let lose: [(&[u8], Loss); 3] = [
        (b"shortened", |file| file.set_len(4).expect("shortened")),
        (b"lengthened", |file| file.write_all(b"lengthened and more").expect("written")),
        (b"emptied", |file| file.set_len(0).expect("emptied")),
    ];
    let mut lost: Vec<Object> = Vec::new();
    for (bytes, lose) in lose {
        lost.push(provided(&server, bytes).1);
        let path = server.prepared.document_file(bytes);
        lose(&mut File::options().write(true).open(path).expect("opened"));
    }
    lost.push(provided(&server, b"removed").1);
    fs::remove_file(server.prepared.document_file(b"removed")).expect("removed");
    for document in &lost {
        let id = document.unique_id();
        let (here, gone) = ((None, &*repository, &*whole.unique_id()), (None, &*repository, &*id));
        let answer = server.retrieve(&[gone]);
        answer.expect_codes(&["XDSDocumentUniqueIdError"]);
        assert_eq!(answer.errors()[0].location, id, "R-43-05");
        assert!(answer.documents().is_empty());
        // R-43-04: as if it had never been here.
        let never = sample::oid();
        let unknown = server.retrieve(&[(None, &*repository, &*never)]).errors().remove(0);
        assert_eq!(answer.errors()[0].context, unknown.context.replace(&never, &id));
        let answer = server.retrieve(&[gone, here]);
        assert_eq!((answer.status().as_str(), answer.documents().len()), ("PartialSuccess", 1));
        assert_eq!(answer.documents()[0].2, b"whole");
    }
}

/// Begins to receive an answer, has something happen, and receives the rest.
fn interrupted(server: &TestServer, content_type: &str, message: &[u8], then: impl FnOnce()) -> Response {
    let mut connection = Connection::open(&server.address).expect("connected");
    let head = post_head(&server.address, Transaction::Iti43.path(), content_type, message.len());
    connection.send(&[head.as_bytes(), message].concat()).expect("sent");
    let head = connection.interim().expect("an answer begins");
    assert_eq!(head.status, 200);
    then();
    let answer = connection.body(head).expect("something of a body");
    let announced = answer.header("content-length").and_then(|length| length.parse().ok());
    assert!(announced.is_some_and(|length: usize| answer.body.len() < length), "the whole length came");
    assert!(answer.cut_short);
    answer
}

fn mtom(requests: &[DocumentRequest<'_>]) -> (String, Vec<u8>) {
    let action = Transaction::Iti43.action();
    let root = Part::root(&soap::envelope(action, &sample::uuid(), &retrieve_xml(requests)));
    (soap::mtom_content_type(action), soap::package(&[root]))
}

/// What came of the part after the envelope.
fn part_of(answer: &Response) -> &[u8] {
    let envelope = find(&answer.body, b"Envelope>\r\n--").expect("the envelope came whole");
    let rest = &answer.body[envelope..];
    &rest[find(rest, b"\r\n\r\n").expect("the part began") + 4..]
}

fn r_43_15_bytes_lost_while_they_are_sent_cut_the_answer_short() {
    let server = server();
    server.expect_error("a document could not be read while it was sent");
    let bytes = large();
    let (patient, document) = provided(&server, &bytes);
    let (content_type, message) = mtom(&[(None, &repository_of(&server, &patient), &document.unique_id())]);
    let path = server.prepared.document_file(&bytes);
    let answer = interrupted(&server, &content_type, &message, || {
        File::options().write(true).open(path).and_then(|file| file.set_len(1 << 20)).expect("shortened");
    });
    let came = part_of(&answer);
    assert!(came.len() > 100_000 && bytes.starts_with(came), "{} octets", came.len());
}

fn r_43_15_bytes_lost_while_they_are_sent_as_base64_cut_the_answer_short() {
    let server = server();
    server.expect_error("a document could not be read while it was sent");
    let bytes = large();
    let (patient, document) = provided(&server, &bytes);
    let body = retrieve_xml(&[(None, &repository_of(&server, &patient), &document.unique_id())]);
    let message = soap::envelope(Transaction::Iti43.action(), &sample::uuid(), &body);
    let path = server.prepared.document_file(&bytes);
    let content_type = Transaction::Iti43.simple_content_type();
    let answer = interrupted(&server, &content_type, message.as_bytes(), || {
        File::options().write(true).open(path).and_then(|file| file.set_len(1 << 20)).expect("shortened");
    });
    let start = find(&answer.body, b"Document>").expect("the document began") + "Document>".len();
    let came = &answer.body[start..];
    let whole = STANDARD.decode(&came[..came.len() / 4 * 4]).expect("base64 to its end");
    assert!(whole.len() > 100_000 && bytes.starts_with(&whole), "{} octets", whole.len());
}

fn r_43_15_a_document_lost_after_its_answer_began_cuts_it_short() {
    let server = server();
    server.expect_error("a document could not be read while it was sent");
    let bytes = large();
    let (patient, first) = provided(&server, &bytes);
    let (_, second) = provided(&server, b"the second");
    let repository = repository_of(&server, &patient);
    let ids = [first.unique_id(), second.unique_id()];
    let (content_type, message) = mtom(&ids.each_ref().map(|id| (None, repository.as_str(), id.as_str())));
    // The second is opened when the first was sent.
    let answer = interrupted(&server, &content_type, &message, || {
        fs::remove_file(server.prepared.document_file(b"the second")).expect("removed");
    });
    let came = part_of(&answer);
    assert!(came.starts_with(&bytes));
    let after = String::from_utf8_lossy(&came[bytes.len()..]).into_owned();
    assert!(!after.contains("the second") && !after.trim_end().ends_with("--"), "{after:?}");
}
