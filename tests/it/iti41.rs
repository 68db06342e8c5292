//! ITI-41: documents come in, and out again by ITI-43.

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer,
    calls::{include, provide_xml},
    on_every_store,
    sample::{self, Object, Submission, names::*},
    servers::Store,
    soap::{self, Part, Transaction},
    trials,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_41_01_a_provided_document_is_found_and_retrieved,
        r_41_02_many_documents_in_one_request,
        r_41_02_documents_are_linked_by_id,
        r_41_03_metadata_without_document_are_refused,
        r_41_03_a_document_without_metadata_is_refused,
        r_41_03_two_documents_with_one_id_are_refused,
        r_41_03_a_submission_without_documents_is_legal,
        r_41_04_parts_that_nothing_refers_to_are_ignored,
        r_41_05_a_missing_part_is_a_missing_document,
        r_41_05_inline_base64,
        r_41_05_broken_base64_is_refused,
        r_41_05_an_empty_document,
        r_41_06_hash_and_size_are_filled_in,
        r_41_06_hash_and_size_that_are_wrong_are_refused,
        r_41_07_the_repository_names_itself_and_changes_nothing_else,
        r_41_08_what_the_repository_checks_itself,
        r_41_08_a_unique_id_twice_is_refused,
        r_41_09_the_same_document_again,
        r_41_09_other_content_under_a_known_unique_id_is_refused,
        r_41_10_octets_are_kept_as_they_are,
        r_41_12_errors_of_the_registry_come_through,
        r_41_13_a_refused_document_is_not_there,
        r_41_13_a_document_that_was_there_stays,
        r_41_18_the_answer_has_one_part,
        r_41_20_the_root_part_may_come_last,
        r_soap_05_content_ids_match_decoded_and_raw,
        pitfall_06_part_encodings_are_undone,
    ]
    .chain(trials::own(module_path!(), "r_41_01_a_document_survives_a_restart", r_41_01_a_document_survives_a_restart))
    .chain(trials::own(module_path!(), "r_41_19_limits", r_41_19_limits))
    .collect()
}

/// The repository's id, as retrieved metadata name it.
pub fn repository_of(server: &TestServer, patient: &str) -> String {
    let found = server.query(&Query::find_documents(patient)).expect_success().objects();
    found[0].value("repositoryUniqueId").expect("a repository").to_owned()
}

/// Fetches a document that must be there: media type and octets.
pub fn fetch(server: &TestServer, patient: &str, document: &Object) -> (String, Vec<u8>) {
    let repository = repository_of(server, patient);
    let answer = server.retrieve(&[(None, &repository, &document.unique_id())]).expect_success();
    let (unique_id, mime_type, bytes) = answer.documents().remove(0);
    assert_eq!(unique_id, document.unique_id());
    (mime_type, bytes)
}

/// Provides one document with these octets.
pub fn provided(server: &TestServer, bytes: &[u8]) -> (String, Object) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), bytes)]).expect_success();
    (patient, document)
}

fn r_41_01_a_provided_document_is_found_and_retrieved(server: &TestServer) {
    let (patient, document) = provided(server, b"%PDF-1.7 sample");
    assert_eq!(fetch(server, &patient, &document), ("text/plain".to_owned(), b"%PDF-1.7 sample".to_vec()));
}

fn r_41_01_a_document_survives_a_restart(store: Store) {
    let server = TestServer::prepare(store).and_then(|p| p.start()).expect("a server");
    let (patient, document) = provided(&server, b"kept");
    let server = server.restart().expect("it starts again");
    assert_eq!(fetch(&server, &patient, &document).1, b"kept");
}

fn r_41_02_many_documents_in_one_request(server: &TestServer) {
    let patient = sample::patient();
    let documents: Vec<Object> = (0..12).map(|_| sample::provided(&patient)).collect();
    let contents: Vec<Vec<u8>> = (0..12).map(|n| vec![n; usize::from(n) * 5000]).collect();
    let ids: Vec<String> = documents.iter().map(Object::id).collect();
    let given: Vec<(&str, &[u8])> = ids.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
    let submission = Submission::with(&patient, &documents.iter().collect::<Vec<_>>());
    server.provide(&submission, &given).expect_success();
    for (document, content) in documents.iter().zip(&contents) {
        assert_eq!(&fetch(server, &patient, document).1, content);
    }
}

fn r_41_02_documents_are_linked_by_id(server: &TestServer) {
    let patient = sample::patient();
    let id = sample::uuid();
    // Pitfall 26: an id with a colon is symbolic; upper-case UUIDs are the same as lower-case ones.
    let documents = [sample::provided(&patient).with_id("urn:doc:1"), sample::provided(&patient).with_id(&id)];
    let upper = format!("urn:uuid:{}", id["urn:uuid:".len()..].to_uppercase());
    let submission = Submission::with(&patient, &[&documents[0], &documents[1]]);
    server.provide(&submission, &[(&upper, b"second"), ("urn:doc:1", b"first")]).expect_success();
    assert_eq!(fetch(server, &patient, &documents[0]).1, b"first");
    assert_eq!(fetch(server, &patient, &documents[1]).1, b"second");
}

fn r_41_03_metadata_without_document_are_refused(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let answer = server.provide(&Submission::with(&patient, &[&document]), &[]);
    answer.expect_refused("XDSMissingDocument", &[&document.id()]);
}

fn r_41_03_a_document_without_metadata_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let submission = Submission::with(&patient, &[&document]);
    let answer = server.provide(&submission, &[(&document.id(), b"a"), ("Stray", b"b")]);
    answer.expect_refused("XDSMissingDocumentMetadata", &["Stray"]);
}

fn r_41_03_two_documents_with_one_id_are_refused(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let submission = Submission::with(&patient, &[&document]);
    let answer = server.provide(&submission, &[(&document.id(), b"a"), (&document.id(), b"b")]);
    answer.expect_refused("XDSRepositoryMetadataError", &[&document.id()]);
}

fn r_41_03_a_submission_without_documents_is_legal(server: &TestServer) {
    let patient = sample::patient();
    server.provide(&Submission::of(&patient).folder(&sample::folder(&patient)), &[]).expect_success();
}

/// One document whose element holds `content`, with these parts.
fn with_content(server: &TestServer, content: &str, parts: &[Part]) -> (String, Object, Answer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let body = provide_xml(&Submission::with(&patient, &[&document]), &[(&document.id(), content.to_owned())]);
    let answer = server.mtom(Transaction::Iti41, &body, parts);
    (patient, document, answer)
}

fn part(content_id: &str, bytes: &[u8]) -> Part {
    Part::new(content_id, "application/octet-stream", bytes)
}

fn r_41_04_parts_that_nothing_refers_to_are_ignored(server: &TestServer) {
    let parts = [part("stray@test.invalid", b"stray"), part("d@test.invalid", b"document")];
    let (patient, document, answer) = with_content(server, &include("cid:d@test.invalid"), &parts);
    answer.expect_success();
    assert_eq!(fetch(server, &patient, &document).1, b"document");
}

fn r_41_05_a_missing_part_is_a_missing_document(server: &TestServer) {
    let (_, _, answer) = with_content(server, &include("cid:nowhere@test.invalid"), &[]);
    answer.expect_refused("XDSMissingDocument", &[]);
    // Never fetched: S-IN-22.
    let (_, _, answer) = with_content(server, &include("http://127.0.0.1:9/x"), &[]);
    answer.expect_refused("XDSMissingDocument", &[]);
}

fn r_41_05_inline_base64(server: &TestServer) {
    let (patient, document, answer) = with_content(server, "\n aGVs\n bG8= \n", &[]);
    answer.expect_success();
    assert_eq!(fetch(server, &patient, &document).1, b"hello");
    // SIMPLE SOAP is mirrored (R-SOAP-06), on the way back as well.
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let body = provide_xml(&Submission::with(&patient, &[&document]), &[(&document.id(), "aGVsbG8=".to_owned())]);
    server.simple(Transaction::Iti41, &body).expect_success();
    let repository = repository_of(server, &patient);
    let request = crate::harness::calls::retrieve_xml(&[(None, &repository, &document.unique_id())]);
    let answer = server.simple(Transaction::Iti43, &request).expect_success();
    assert_eq!(answer.documents()[0].2, b"hello");
}

fn r_41_05_broken_base64_is_refused(server: &TestServer) {
    for broken in ["aGVsbG8", "aGV!bG8=", "=aGVsbG8"] {
        let (_, document, answer) = with_content(server, broken, &[]);
        assert_eq!(answer.status(), "Failure", "{broken} was taken");
        answer.expect_refused("XDSRepositoryMetadataError", &[&document.id()]);
    }
}

const EMPTY_HASH: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

fn r_41_05_an_empty_document(server: &TestServer) {
    let (patient, document, answer) = with_content(server, "", &[]);
    answer.expect_success();
    assert_eq!(fetch(server, &patient, &document).1, b"");
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!((found[0].value("size"), found[0].value("hash")), (Some("0"), Some(EMPTY_HASH)));
    let (patient, document) = provided(server, b"");
    assert_eq!(fetch(server, &patient, &document).1, b"");
}

const HELLO_HASH: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";

fn r_41_06_hash_and_size_are_filled_in(server: &TestServer) {
    let (patient, _) = provided(server, b"hello");
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!((found[0].value("size"), found[0].value("hash")), (Some("5"), Some(HELLO_HASH)));
    // R-41-07: they come at the end of the slots.
    let names: Vec<&str> = found[0].slots.iter().map(|(n, _)| n.as_str()).collect();
    assert!(names[names.len() - 3..].iter().all(|n| ["hash", "size", "repositoryUniqueId"].contains(n)), "{names:?}");
}

fn r_41_06_hash_and_size_that_are_wrong_are_refused(server: &TestServer) {
    let patient = sample::patient();
    let provide = |change: &dyn Fn(Object) -> Object| {
        let document = change(sample::provided(&patient));
        (document.id(), server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"hello")]))
    };
    provide(&|d| d.slot("hash", &[&HELLO_HASH.to_uppercase()]).slot("size", &["5"])).1.expect_success();
    let cases: [(&str, &[&str]); 5] =
        [("hash", &[EMPTY_HASH]), ("hash", &["x"]), ("size", &["6"]), ("size", &["5", "5"]), ("size", &["five"])];
    for (slot, values) in cases {
        let (id, answer) = provide(&|d| d.slot(slot, values));
        assert_eq!(answer.status(), "Failure", "{slot} {values:?} was taken");
        answer.expect_refused("XDSRepositoryMetadataError", &[&id, slot]);
    }
}

fn r_41_07_the_repository_names_itself_and_changes_nothing_else(server: &TestServer) {
    let patient = sample::patient();
    let document =
        sample::provided(&patient).slot("repositoryUniqueId", &["2.999.99"]).slot("urn:example:x", &["b", "a"]);
    server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"x")]).expect_success();
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_ne!(found[0].value("repositoryUniqueId"), Some("2.999.99"));
    assert_eq!(found[0].slot("urn:example:x").expect("kept"), ["b", "a"]);
    assert_eq!(found[0].get("mimeType"), Some("text/plain"));
}

fn r_41_08_what_the_repository_checks_itself(server: &TestServer) {
    let patient = sample::patient();
    let provide =
        |document: Object| server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"x")]);
    provide(sample::provided(&patient).unset("mimeType")).expect_refused("XDSRepositoryMetadataError", &["mimeType"]);
    let without = sample::provided(&patient).without_identifier(DE_UNIQUE_ID);
    provide(without).expect_refused("XDSRepositoryMetadataError", &["uniqueId"]);
    // Everything else is the registry's to say.
    provide(sample::provided(&patient).without_slot("creationTime"))
        .expect_refused("XDSRegistryMetadataError", &["creationTime"]);
}

fn r_41_08_a_unique_id_twice_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::provided(&patient);
    let second = sample::provided(&patient).identifier(DE_UNIQUE_ID, &first.unique_id());
    let submission = Submission::with(&patient, &[&first, &second]);
    let answer = server.provide(&submission, &[(&first.id(), b"x"), (&second.id(), b"x")]);
    answer.expect_refused("XDSRepositoryDuplicateUniqueIdInMessage", &[&first.unique_id()]);
}

fn again(server: &TestServer, patient: &str, unique_id: &str, mime_type: &str, bytes: &[u8]) -> Answer {
    let document = sample::provided(patient).identifier(DE_UNIQUE_ID, unique_id).set("mimeType", mime_type);
    server.provide(&Submission::with(patient, &[&document]), &[(&document.id(), bytes)])
}

fn r_41_09_the_same_document_again(server: &TestServer) {
    let (patient, document) = provided(server, b"same");
    again(server, &sample::patient(), &document.unique_id(), "text/html", b"same").expect_success();
    assert_eq!(
        fetch(server, &patient, &document),
        ("text/plain".to_owned(), b"same".to_vec()),
        "the first copy is kept"
    );
}

fn r_41_09_other_content_under_a_known_unique_id_is_refused(server: &TestServer) {
    let (patient, document) = provided(server, b"same");
    let id = document.unique_id();
    again(server, &patient, &id, "text/plain", b"SAME").expect_refused("XDSNonIdenticalHash", &[&id]);
    again(server, &patient, &id, "text/plain", b"longer").expect_codes(&["XDSNonIdenticalHash", "XDSNonIdenticalSize"]);
    assert_eq!(fetch(server, &patient, &document).1, b"same");
}

fn r_41_10_octets_are_kept_as_they_are(server: &TestServer) {
    let boundary_like = format!("x\r\n--{} not the end\r\n--{}\r", soap::BOUNDARY, &soap::BOUNDARY[..10]);
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    // Pitfalls 4 and 42.
    let contents: [&[u8]; 7] =
        [b"\r\n", b"\xef\xbb\xbftext\n", b"\r\n\r\n--", b"ends with CRLF\r\n", b"\0", boundary_like.as_bytes(), &every];
    for content in contents {
        let (patient, document) = provided(server, content);
        assert_eq!(fetch(server, &patient, &document).1, content);
    }
}

fn r_41_12_errors_of_the_registry_come_through(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient).without_scheme(TYPE_CODE).slot("languageCode", &["?"]);
    let answer = server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"x")]);
    answer.expect_codes(&["XDSRegistryMetadataError"; 2]);
    assert!(answer.errors().iter().any(|e| e.context.contains("typeCode") && e.context.contains(&document.id())));
    assert!(answer.errors().iter().all(|e| e.location.starts_with("R-")), "{:?}", answer.errors());
}

fn r_41_13_a_refused_document_is_not_there(server: &TestServer) {
    let (patient, known) = provided(server, b"known");
    let repository = repository_of(server, &patient);
    let document = sample::provided(&patient).without_scheme(TYPE_CODE);
    let answer = server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"refused")]);
    assert_eq!(answer.status(), "Failure");
    let answer = server.retrieve(&[(None, &repository, &document.unique_id())]);
    answer.expect_refused("XDSDocumentUniqueIdError", &[]);
    // Its uniqueId is free.
    again(server, &patient, &document.unique_id(), "text/plain", b"other").expect_success();
    assert_eq!(fetch(server, &patient, &known).1, b"known");
}

fn r_41_13_a_document_that_was_there_stays(server: &TestServer) {
    let (patient, document) = provided(server, b"stays");
    let copy = sample::provided(&patient).identifier(DE_UNIQUE_ID, &document.unique_id()).without_scheme(TYPE_CODE);
    let answer = server.provide(&Submission::with(&patient, &[&copy]), &[(&copy.id(), b"stays")]);
    assert_eq!(answer.status(), "Failure");
    assert_eq!(fetch(server, &patient, &document).1, b"stays");
}

fn r_41_18_the_answer_has_one_part(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let answer = server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"x")]).expect_success();
    assert_eq!(answer.parts.len(), 0);
}

/// Sends parts in this order, the root wherever it stands.
fn send_parts(server: &TestServer, parts: &[Part]) -> Answer {
    server.send("/xds/repository", &soap::mtom_content_type(Transaction::Iti41.action()), &soap::package(parts))
}

fn r_41_20_the_root_part_may_come_last(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let content = include("cid:d@test.invalid");
    let body = provide_xml(&Submission::with(&patient, &[&document]), &[(&document.id(), content)]);
    let root = Part::root(&soap::envelope(Transaction::Iti41.action(), &sample::uuid(), &body));
    send_parts(server, &[part("d@test.invalid", b"before the root"), root]).expect_success();
    assert_eq!(fetch(server, &patient, &document).1, b"before the root");
}

fn r_soap_05_content_ids_match_decoded_and_raw(server: &TestServer) {
    for (href, content_id) in [
        ("cid:a%40b.invalid", "a@b.invalid"),
        ("CID:a@b.invalid", "a@b.invalid"),
        ("cid:a%40b.invalid", "a%40b.invalid"),
        ("cid:a+b@c.invalid", "a+b@c.invalid"),
        ("cid:urn%3Auuid%3A1", "urn:uuid:1"),
    ] {
        let (patient, document, answer) = with_content(server, &include(href), &[part(content_id, b"found")]);
        assert_eq!(answer.status(), "Success", "{href} {content_id}: {:?}", answer.errors());
        assert_eq!(fetch(server, &patient, &document).1, b"found");
    }
    // Case counts.
    let (_, _, answer) = with_content(server, &include("cid:A@b.invalid"), &[part("a@b.invalid", b"x")]);
    answer.expect_refused("XDSMissingDocument", &[]);
}

fn pitfall_06_part_encodings_are_undone(server: &TestServer) {
    for (encoding, coded) in
        [("base64", "aGVs\r\nbG8="), ("BASE64", "aGVsbG8="), ("quoted-printable", "hel=\r\n=6Co"), ("8bit", "hello")]
    {
        let mut coded_part = part("d@test.invalid", coded.as_bytes());
        coded_part.headers[1].1 = encoding.to_owned();
        let (patient, document, answer) = with_content(server, &include("cid:d@test.invalid"), &[coded_part]);
        assert_eq!(answer.status(), "Success", "{encoding}: {:?}", answer.errors());
        assert_eq!(fetch(server, &patient, &document).1, b"hello", "{encoding}");
        let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
        assert_eq!(found[0].value("hash"), Some(HELLO_HASH), "hash over decoded octets");
    }
    let mut bare = part("d@test.invalid", b"hello");
    bare.headers.retain(|(n, _)| n == "content-id");
    with_content(server, &include("cid:d@test.invalid"), &[bare]).2.expect_success();
}

fn r_41_19_limits(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store");
    let prepared = prepared.setting("limits.document", "64 KiB").setting("limits.message", "256 KiB");
    let server = prepared.start().expect("a server");
    let patient = sample::patient();
    let provide = |size: usize| {
        let document = sample::provided(&patient);
        server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), &vec![b'x'; size])])
    };
    provide(64 * 1024).expect_success();
    provide(64 * 1024 + 1).expect_refused("XDSRepositoryOutOfResources", &[]);
    assert_eq!(provide(300 * 1024).http.status, 413);
    // The server is as good as before.
    provide(10).expect_success();
}
