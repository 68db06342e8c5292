//! What is seen in real systems (spec section 8), as far as no other test names it: queries and retrieval.

use libtest_mimic::Trial;

use crate::harness::{
    Query, TestServer,
    calls::queries::*,
    on_every_store, plain,
    sample::{self, Submission, names::*},
    servers::Store,
    soap::Transaction,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        pitfall_30_slips_in_lists_are_read_and_broken_lists_refused,
        pitfall_31_a_bare_status_is_not_understood,
        pitfall_33_brackets_in_a_pattern_are_letters,
        pitfall_34_names_of_parameters_are_exact,
        pitfall_35_home_and_bare_query_ids_are_taken,
        pitfall_37_there_is_always_a_list,
        pitfall_39_headers_of_a_retrieved_document,
    ]
    .chain(plain![pitfall_31_a_bare_status_can_be_taken, pitfall_36_versions_can_be_left_out])
    .collect()
}

fn with_document(server: &TestServer) -> (String, String) {
    let patient = sample::patient();
    let id = server.registered(&Submission::with(&patient, &[&sample::document(&patient)])).remove(0);
    (patient, id)
}

#[track_caller]
fn found(server: &TestServer, query: &Query) -> usize {
    server.query(query).expect_success().ids().len()
}

fn pitfall_30_slips_in_lists_are_read_and_broken_lists_refused(server: &TestServer) {
    let (_, id) = with_document(server);
    let other = sample::uuid();
    let name = "$XDSDocumentEntryEntryUUID";
    let ask = |values: &[String]| {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        server.query(&Query::new(GET_DOCUMENTS).slot(name, &values))
    };
    for values in [
        vec![format!("'{id}'")],
        vec![format!("\"{id}\"")],
        vec![format!("( '{id}' , '{other}' )")],
        vec![format!("('{id}')"), format!("('{other}')")],
        vec![format!("('{other}','{id}')")],
    ] {
        assert_eq!(ask(&values).expect_success().ids(), std::slice::from_ref(&id), "{values:?}");
    }
    for value in
        [format!("('{id}',)"), format!("('{id}'"), format!("'{id}"), format!("('{id}' '{other}')"), "()".to_owned()]
    {
        let shown: String = value.chars().take(80).collect();
        ask(&[value]).expect_refused("XDSRegistryError", &[name, &shown]);
    }
    // Doubled quotes mean one quote, which no UUID has.
    assert_eq!(ask(&[format!("('''{id}''')")]).expect_success().ids(), [""; 0]);
}

fn bare_status(patient: &str) -> Query {
    Query::find_documents(patient).without("$XDSDocumentEntryStatus").list("$XDSDocumentEntryStatus", &["Approved"])
}

fn pitfall_31_a_bare_status_is_not_understood(server: &TestServer) {
    let (patient, _) = with_document(server);
    let answer = server.query(&bare_status(&patient));
    answer.expect_refused("XDSStoredQueryMissingParam", &["$XDSDocumentEntryStatus"]);
}

fn pitfall_31_a_bare_status_can_be_taken() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory").setting("registry.lenient_status", "true");
    let server = prepared.start().expect("it starts");
    let (patient, _) = with_document(&server);
    assert_eq!(found(&server, &bare_status(&patient)), 1);
}

fn pitfall_33_brackets_in_a_pattern_are_letters(server: &TestServer) {
    let patient = sample::patient();
    let of = |person: &str| {
        sample::document(&patient).without_scheme(DE_AUTHOR).author(DE_AUTHOR, &[("authorPerson", &[person])])
    };
    let documents = [of("4711^Hofer^Anna"), of("^[ab]x^Bert"), of("^c\\d^Cees"), of("^Hofers^Dora")];
    server.register(&Submission::with(&patient, &documents.each_ref())).expect_success();
    for (pattern, count) in
        [("%^Hofer^%", 1), ("%Hofer%", 2), ("%[ab]x%", 1), ("%[a]%", 0), ("%[^z]%", 0), ("%c\\d%", 1), ("%c\\\\d%", 0)]
    {
        let query = Query::find_documents(&patient).list("$XDSDocumentEntryAuthorPerson", &[pattern]);
        assert_eq!(found(server, &query), count, "{pattern}");
    }
}

fn pitfall_34_names_of_parameters_are_exact(server: &TestServer) {
    let (patient, id) = with_document(server);
    let sets = Query::new(FIND_SUBMISSION_SETS)
        .text("$XDSSubmissionSetPatientId", &patient)
        .list("$XDSSubmissionSetStatus", &[APPROVED]);
    let other = ["other^^2.999.30.1"];
    assert_eq!(found(server, &sets.clone().list("$XDSSubmissionSetContentType", &other)), 0);
    assert_eq!(found(server, &sets.list("$XDSSubmissionSetContentTypeCode", &other)), 1, "ignored as unknown");
    assert!(found(server, &Query::new(GET_ASSOCIATIONS).list("$uuid", &[&id])) > 0);
    let upper = server.query(&Query::new(GET_ASSOCIATIONS).list("$UUID", &[&id]));
    upper.expect_refused("XDSStoredQueryMissingParam", &["$uuid"]);
    let documents = Query::find_documents(&patient);
    assert_eq!(found(server, &documents.clone().list("$XDSDocumentEntryTypeCode", &[&format!("11490-0^^{LOINC}")])), 1);
    assert_eq!(found(server, &documents.clone().list("$XDSDocumentEntryType", &[STABLE])), 1);
    assert_eq!(found(server, &documents.list("$XDSDocumentEntryType", &[ON_DEMAND])), 0);
}

fn pitfall_35_home_and_bare_query_ids_are_taken(server: &TestServer) {
    let (patient, _) = with_document(server);
    let xml = Query::find_documents(&patient).xml();
    for (from, to) in [
        ("<rim:AdhocQuery id=", "<rim:AdhocQuery home=\"urn:oid:2.999.4\" id="),
        ("id=\"urn:uuid:14d4", "id=\"14d4"),
        ("id=\"urn:uuid:14d4", "id=\"14D4"),
    ] {
        assert!(xml.contains(from));
        let answer = server.simple(Transaction::Iti18, &xml.replace(from, to));
        assert_eq!(answer.expect_success().objects().len(), 1, "{to}");
    }
}

fn pitfall_36_versions_can_be_left_out() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory");
    let server = prepared.setting("registry.write_versions", "false").start().expect("it starts");
    let (patient, _) = with_document(&server);
    let objects = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!(objects.len(), 1, "R-18-50: no ObjectRef beside it");
    assert_eq!((objects[0].get("lid"), &objects[0].version), (None, &None));
}

fn pitfall_37_there_is_always_a_list(server: &TestServer) {
    let empty = server.query(&Query::find_documents(&sample::patient())).expect_success();
    assert!(empty.objects().is_empty());
    let refused = server.query(&Query::find_documents(&sample::patient()).without("$XDSDocumentEntryStatus"));
    refused.expect_codes(&["XDSStoredQueryMissingParam"]);
    assert!(refused.objects().is_empty());
}

fn pitfall_39_headers_of_a_retrieved_document(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient).set("mimeType", "application/dicom");
    let submission = Submission::with(&patient, &[&document]);
    server.provide(&submission, &[(&document.id(), b"content")]).expect_success();
    let repository = crate::iti41::repository_of(server, &patient);
    let answer = server.retrieve(&[(None, &repository, &document.unique_id())]).expect_success();
    assert_eq!(answer.parts[0].header("content-type"), Some("application/dicom"));
    assert_eq!(answer.documents()[0].1, "application/dicom");
    assert_eq!(answer.http.header("content-length"), Some(answer.http.body.len().to_string().as_str()));
    assert!(answer.http.body.trim_ascii_end().ends_with(b"--"), "the closing boundary");
}
