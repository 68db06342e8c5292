//! ITI-43: documents come out.

use libtest_mimic::Trial;

use crate::{
    harness::{
        Query, TestServer, on_every_store,
        sample::{self, Submission, names::*},
        soap::Transaction,
    },
    iti41::{provided, repository_of},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_43_01_a_request_for_nothing_is_refused,
        r_43_02_each_document_by_itself,
        r_43_03_an_unknown_repository,
        r_43_04_an_unknown_document,
        r_43_05_errors_name_the_document_in_location,
        r_43_06_the_status_tells_how_much_came,
        r_43_07_the_answer_echoes_the_request,
        r_43_09_part_headers,
        r_43_10_the_same_document_twice_in_order,
        r_43_11_deprecated_documents_stay,
        values_are_trimmed,
        the_length_is_known_before_the_first_octet,
        s_in_28_too_many_requests_are_refused,
        a_large_document_comes_back,
    ]
    .collect()
}

fn r_43_01_a_request_for_nothing_is_refused(server: &TestServer) {
    server.retrieve(&[]).expect_refused("XDSRepositoryError", &[]);
    let (patient, document) = provided(server, b"x");
    let repository = repository_of(server, &patient);
    server.retrieve(&[(None, "", &document.unique_id())]).expect_codes(&["XDSRepositoryError"]);
    server.retrieve(&[(None, &repository, "")]).expect_codes(&["XDSRepositoryError"]);
}

fn r_43_02_each_document_by_itself(server: &TestServer) {
    let (patient, document) = provided(server, b"here");
    let repository = repository_of(server, &patient);
    let missing = sample::oid();
    let answer = server.retrieve(&[(None, &repository, &missing), (None, &repository, &document.unique_id())]);
    assert_eq!(answer.status(), "PartialSuccess");
    let documents = answer.documents();
    assert_eq!((documents.len(), documents[0].2.as_slice()), (1, b"here".as_slice()));
    assert_eq!(answer.errors().len(), 1);
}

fn r_43_03_an_unknown_repository(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let answer = server.retrieve(&[(None, "2.999.77", &document.unique_id())]);
    let served = repository_of(server, &patient);
    answer.expect_refused("XDSUnknownRepositoryId", &["RepositoryUniqueId", "'2.999.77'", &served]);
}

fn r_43_04_an_unknown_document(server: &TestServer) {
    let (patient, _) = provided(server, b"x");
    let repository = repository_of(server, &patient);
    for id in [sample::oid().as_str(), "../../etc/passwd", "%", "x'; --"] {
        let answer = server.retrieve(&[(None, &repository, id)]);
        answer.expect_refused("XDSDocumentUniqueIdError", &["DocumentUniqueId", &format!("'{id}'"), "available"]);
        assert_eq!(answer.errors()[0].location, id);
    }
}

fn r_43_05_errors_name_the_document_in_location(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let repository = repository_of(server, &patient);
    let missing = sample::oid();
    let answer = server.retrieve(&[(None, &repository, &missing), (None, "2.999.77", &document.unique_id())]);
    let locations: Vec<String> = answer.errors().into_iter().map(|e| e.location).collect();
    assert_eq!(locations, [missing, document.unique_id()]);
}

fn r_43_06_the_status_tells_how_much_came(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let repository = repository_of(server, &patient);
    let (id, missing) = (document.unique_id(), sample::oid());
    let here = (None, repository.as_str(), id.as_str());
    let not_here = (None, repository.as_str(), missing.as_str());
    for (requests, status) in
        [(vec![here], "Success"), (vec![here, not_here], "PartialSuccess"), (vec![not_here, not_here], "Failure")]
    {
        assert_eq!(server.retrieve(&requests).status(), status);
    }
    let partial = server.retrieve(&[here, not_here]);
    assert!(partial.root.contains("\"urn:ihe:iti:2007:ResponseStatusType:PartialSuccess\""));
}

fn r_43_07_the_answer_echoes_the_request(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let repository = repository_of(server, &patient);
    let id = document.unique_id();
    let with_home = server.retrieve(&[(Some("urn:oid:2.999.5"), &repository, &id)]).expect_success();
    let tree = with_home.document();
    let text = |name: &str| tree.descendants().find(|n| n.tag_name().name() == name).and_then(|n| n.text());
    assert_eq!(text("HomeCommunityId"), Some("urn:oid:2.999.5"));
    assert_eq!((text("RepositoryUniqueId"), text("DocumentUniqueId")), (Some(&*repository), Some(&*id)));
    assert!(!server.retrieve(&[(None, &repository, &id)]).expect_success().root.contains("HomeCommunityId"));
}

fn r_43_09_part_headers(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::provided(&patient).set("mimeType", "application/pdf");
    let second = sample::provided(&patient).set("mimeType", "text/xml; charset=utf-8");
    let submission = Submission::with(&patient, &[&first, &second]);
    server.provide(&submission, &[(&first.id(), b"one"), (&second.id(), b"two")]).expect_success();
    let repository = repository_of(server, &patient);
    let requests =
        [(None, repository.as_str(), &*first.unique_id()), (None, repository.as_str(), &*second.unique_id())];
    let answer = server.retrieve(&requests).expect_success();
    let types: Vec<_> = answer.parts.iter().map(|p| p.header("content-type")).collect();
    assert_eq!(types, [Some("application/pdf"), Some("text/xml; charset=utf-8")]);
    assert!(answer.parts.iter().all(|p| p.header("content-transfer-encoding") == Some("binary")));
    assert_ne!(answer.parts[0].content_id(), answer.parts[1].content_id());
    let in_metadata: Vec<String> = answer.documents().into_iter().map(|(_, mime_type, _)| mime_type).collect();
    assert_eq!(in_metadata, ["application/pdf", "text/xml; charset=utf-8"]);
}

fn r_43_10_the_same_document_twice_in_order(server: &TestServer) {
    let (patient, first) = provided(server, b"first");
    let (_, second) = provided(server, b"second");
    let repository = repository_of(server, &patient);
    let ids = [second.unique_id(), first.unique_id(), second.unique_id()];
    let requests: Vec<_> = ids.iter().map(|id| (None, repository.as_str(), id.as_str())).collect();
    let documents = server.retrieve(&requests).expect_success().documents();
    let contents: Vec<&[u8]> = documents.iter().map(|(_, _, bytes)| bytes.as_slice()).collect();
    assert_eq!(contents, [b"second".as_slice(), b"first", b"second"]);
}

fn r_43_11_deprecated_documents_stay(server: &TestServer) {
    let (patient, old) = provided(server, b"old");
    let repository = repository_of(server, &patient);
    let old_id = server.entry_uuid(&old.unique_id());
    let new = sample::provided(&patient);
    let submission = Submission::with(&patient, &[&new]).relate(RPLC, &new.id(), &old_id);
    server.provide(&submission, &[(&new.id(), b"new")]).expect_success();
    assert_eq!(server.entry(&old_id).status(), "Deprecated");
    let answer = server.retrieve(&[(None, &repository, &old.unique_id())]).expect_success();
    assert_eq!(answer.documents()[0].2, b"old");
}

fn values_are_trimmed(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let repository = format!("\n  {}\n", repository_of(server, &patient));
    let id = format!("\t{} ", document.unique_id());
    server.retrieve(&[(None, &repository, &id)]).expect_success();
}

fn the_length_is_known_before_the_first_octet(server: &TestServer) {
    let (patient, document) = provided(server, &vec![b'x'; 300_000]);
    let repository = repository_of(server, &patient);
    let answer = server.retrieve(&[(None, &repository, &document.unique_id())]).expect_success();
    let length = answer.http.header("content-length").and_then(|l| l.parse::<usize>().ok());
    assert_eq!(length, Some(answer.http.body.len()));
    let body = crate::harness::calls::retrieve_xml(&[(None, &repository, &document.unique_id())]);
    let answer = server.simple(Transaction::Iti43, &body).expect_success();
    assert_eq!(answer.http.header("content-length"), Some(answer.http.body.len().to_string().as_str()));
}

fn s_in_28_too_many_requests_are_refused(server: &TestServer) {
    let (patient, _) = provided(server, b"x");
    let repository = repository_of(server, &patient);
    let ids: Vec<String> = (0..101).map(|n| format!("1.2.3.{n}")).collect();
    let requests: Vec<_> = ids.iter().map(|id| (None, repository.as_str(), id.as_str())).collect();
    let answer = server.retrieve(&requests);
    assert!(answer.http.status != 200 || answer.errors().len() == 1, "{:?}", answer.errors().len());
    assert_eq!(server.retrieve(&requests[..100]).errors().len(), 100);
}

fn a_large_document_comes_back(server: &TestServer) {
    let bytes: Vec<u8> = (0_u32..9_000_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (patient, document) = provided(server, &bytes);
    assert!(crate::iti41::fetch(server, &patient, &document).1 == bytes, "the octets differ");
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!(found[0].value("size"), Some("9000000"));
}
