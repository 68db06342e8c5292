//! What is seen in real systems (spec section 8), as far as no other test names it: metadata.
//!
//! 15 (assertions that are forwarded) waits for assertions.

use libtest_mimic::Trial;

use crate::harness::{
    Query, TestServer, on_every_store, plain, queries,
    sample::{self, Object, Submission, names::*},
    servers::Store,
    soap::{self, SOAP12, Transaction},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        pitfall_13_the_fault_names_the_header_that_is_not_understood,
        pitfall_16_urns_and_digits_in_any_case,
        pitfall_18_blanks_around_values_go,
        pitfall_19_ampersands_and_apostrophes,
        pitfall_20_patient_ids_are_refused_with_advice,
        pitfall_22_authors_and_classifications_without_ids,
        pitfall_24_one_mark_and_any_object_type_of_a_package,
        pitfall_25_a_submitted_status_and_an_empty_home_say_nothing,
        pitfall_26_symbolic_ids_of_any_shape,
        pitfall_27_ids_of_classifications_may_repeat,
        pitfall_28_a_media_type_keeps_its_parameters,
        pitfall_29_sizes_and_hashes_of_other_shapes_are_refused_with_advice,
        pitfall_40_a_submission_again_is_refused,
    ]
    .chain(plain![pitfall_41_a_repository_forwards_metadata_as_they_came])
    .collect()
}

const BAD: &str = "XDSRegistryMetadataError";

fn one(patient: &str, document: &Object) -> Submission {
    Submission::with(patient, &[document])
}

fn pitfall_13_the_fault_names_the_header_that_is_not_understood(server: &TestServer) {
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    for (namespace, name, must) in [(wsse, "Security", "1"), ("urn:example:vendor", "Route", "true")] {
        let body = Query::find_documents(&sample::patient()).xml();
        let header = format!("<v:{name} xmlns:v=\"{namespace}\" soap:mustUnderstand=\"{must}\"/></soap:Header>");
        let message = soap::envelope(Transaction::Iti18.action(), &sample::uuid(), &body);
        let message = message.replace("</soap:Header>", &header);
        let answer = server.send("/xds", &Transaction::Iti18.simple_content_type(), message.as_bytes());
        answer.expect_fault(500, "MustUnderstand", "");
        let document = answer.document();
        let block = document.descendants().find(|n| n.has_tag_name((SOAP12, "NotUnderstood"))).expect("a header block");
        let (prefix, local) = block.attribute("qname").and_then(|q| q.split_once(':')).expect("a name with prefix");
        assert_eq!((block.lookup_namespace_uri(Some(prefix)), local), (Some(namespace), name));
    }
}

fn pitfall_16_urns_and_digits_in_any_case(server: &TestServer) {
    let patient = sample::patient();
    let id = sample::uuid();
    let hex = id.strip_prefix("urn:uuid:").expect("a UUID").to_ascii_uppercase();
    let classification = "Urn:oasis:names:tc:ebXML-regrep:ObjectType:RegistryObject:Classification";
    let document = sample::document(&patient)
        .with_id(&format!("URN:UUID:{hex}"))
        .slot("hash", &["DA39a3ee5e6b4b0d3255bfef95601890AFD80709"])
        .slot("size", &["0"])
        .change_scheme(CLASS_CODE, |c| c.attributes.push(("objectType".to_owned(), classification.to_owned())));
    let mut submission = one(&patient, &document);
    // The membership spells it in a third way.
    let member = submission.objects.pop().expect("a membership");
    submission.objects.push(member.set("targetObject", &format!("urn:uuid:{hex}")));
    server.register(&submission).expect_success();
    let entry = server.entry(&id);
    assert_eq!(entry.id(), id, "R-META-32");
    assert_eq!(entry.value("hash"), Some("DA39a3ee5e6b4b0d3255bfef95601890AFD80709"), "R-META-23: as submitted");
}

fn pitfall_18_blanks_around_values_go(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient)
        .slot("languageCode", &["\n            nl-NL\n        "])
        .slot("urn:example:ward", &["\t3 North \n"]);
    let id = server.registered(&one(&patient, &document)).remove(0);
    let entry = server.entry(&id);
    assert_eq!((entry.value("languageCode"), entry.value("urn:example:ward")), (Some("nl-NL"), Some("3 North")));
}

fn pitfall_19_ampersands_and_apostrophes(server: &TestServer) {
    let patient = sample::patient();
    let twice = patient.replace('&', "&amp;");
    let document = sample::document(&patient).identifier(DE_PATIENT_ID, &twice);
    server.register(&one(&patient, &document)).expect_refused(BAD, &["patientId", "&amp;", "escaped twice"]);
    // A character reference is as good, and an apostrophe is doubled in queries only.
    let document = sample::document(&patient).author(DE_AUTHOR, &[("authorPerson", &["^O'Brien^Zoë"])]);
    let xml = one(&patient, &document).xml().replace("&amp;", "&#38;");
    server.simple(Transaction::Iti42, &xml).expect_success();
    let query = Query::find_documents(&patient).list("$XDSDocumentEntryAuthorPerson", &["^O'Brien^Zoë"]);
    let found = server.query(&query).expect_success().objects();
    assert_eq!((found.len(), found[0].identifier(DE_PATIENT_ID)), (1, Some(&*patient)));
}

fn pitfall_20_patient_ids_are_refused_with_advice(server: &TestServer) {
    for bad in ["x^^^HIS&2.999.7.1&ISO", "x^^^&2.999.7.1&ISO^PI", "x^^^&2.999.7.1", "x^^^2.999.7.1", "x"] {
        let patient = sample::patient();
        let document = sample::document(&patient).slot("sourcePatientId", &[bad]);
        let answer = server.register(&one(&patient, &document));
        answer.expect_refused(BAD, &[&document.id(), "sourcePatientId", bad, "write id^^^&oid&ISO"]);
    }
}

/// Without the ids of classifications.
fn anonymous(xml: &str) -> String {
    let mut parts = xml.split("<rim:Classification id=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + "<rim:Classification" + part.split_once('"').map_or(part, |(_, rest)| rest))
}

fn pitfall_22_authors_and_classifications_without_ids(server: &TestServer) {
    let patient = sample::patient();
    let two = sample::document(&patient).author(DE_AUTHOR, &[("authorPerson", &["^Vis^A", "^Berg^B"])]);
    server.register(&one(&patient, &two)).expect_refused(BAD, &["authorPerson", "several values", "one author"]);
    let bare = sample::document(&patient)
        .change_scheme(DE_AUTHOR, |c| c.attributes.retain(|(name, _)| name != "nodeRepresentation"));
    let xml = anonymous(&one(&patient, &bare).xml());
    assert!(!xml.contains("Classification id"));
    server.simple(Transaction::Iti42, &xml).expect_success();
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects().remove(0);
    assert!(found.classifications.iter().all(|c| c.id().starts_with("urn:uuid:")), "ids were made");
}

fn pitfall_24_one_mark_and_any_object_type_of_a_package(server: &TestServer) {
    let patient = sample::patient();
    let submission = one(&patient, &sample::document(&patient)).set(|set| set.set("objectType", SS_NODE));
    let beside = format!(
        "<rim:Classification id=\"beside\" classifiedObject=\"{}\" classificationNode=\"{SS_NODE}\"/>",
        submission.set.id()
    );
    server.register(&submission.raw(&beside)).expect_success();
    let query = Query::new(queries::FIND_SUBMISSION_SETS)
        .text("$XDSSubmissionSetPatientId", &patient)
        .list("$XDSSubmissionSetStatus", &[APPROVED]);
    let set = server.query(&query).expect_success().objects().remove(0);
    let marks = set.classifications.iter().filter(|c| c.get("classificationNode") == Some(SS_NODE)).count();
    assert_eq!(marks, 1);
    assert!(set.get("objectType").is_some_and(|kind| kind.ends_with(":RegistryPackage")), "{set:?}");
}

fn pitfall_25_a_submitted_status_and_an_empty_home_say_nothing(server: &TestServer) {
    let patient = sample::patient();
    let submitted = APPROVED.replace("Approved", "Submitted");
    let (first, second) = (
        sample::document(&patient).set("status", &submitted).set("home", ""),
        sample::document(&patient).set("status", DEPRECATED).set("home", ""),
    );
    for id in server.registered(&Submission::with(&patient, &[&first, &second])) {
        let entry = server.entry(&id);
        assert_eq!((entry.status(), entry.get("home")), ("Approved", None));
    }
}

fn pitfall_26_symbolic_ids_of_any_shape(server: &TestServer) {
    for id in ["urn:doc:1", "the document", "cid:one@source.invalid", "#Document01", "_1", "uuid:0f1e", "é"] {
        let patient = sample::patient();
        let document = sample::provided(&patient).with_id(id);
        server.provide(&one(&patient, &document), &[(id, b"content")]).expect_success();
        assert_eq!(crate::iti41::fetch(server, &patient, &document).1, b"content", "{id}");
    }
    // No URI resolution: only the same text is the same id.
    let patient = sample::patient();
    let document = sample::provided(&patient).with_id("Document01");
    let answer = server.provide(&one(&patient, &document), &[("#Document01", b"content")]);
    answer.expect_codes(&["XDSMissingDocument", "XDSMissingDocumentMetadata"]);
}

fn pitfall_27_ids_of_classifications_may_repeat(server: &TestServer) {
    let patient = sample::patient();
    let same = || sample::document(&patient).change_scheme(CLASS_CODE, |c| "cl-class".clone_into(&mut c.id));
    let (first, second) = (same(), same());
    server.register(&Submission::with(&patient, &[&first, &second])).expect_success();
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    let mut ids: Vec<&str> = found.iter().flat_map(|entry| &entry.classifications).map(|c| c.id()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "R-42-11: each has an id of its own");
}

fn pitfall_28_a_media_type_keeps_its_parameters(server: &TestServer) {
    for media in ["text/xml; charset=utf-8", "application/xml", "text/xml"] {
        let patient = sample::patient();
        let document = sample::provided(&patient).set("mimeType", media);
        server.provide(&one(&patient, &document), &[(&document.id(), b"<ClinicalDocument/>")]).expect_success();
        let entry = server.query(&Query::find_documents(&patient)).expect_success().objects().remove(0);
        assert_eq!(entry.get("mimeType"), Some(media));
        assert_eq!(crate::iti41::fetch(server, &patient, &document).0, media);
    }
}

fn pitfall_29_sizes_and_hashes_of_other_shapes_are_refused_with_advice(server: &TestServer) {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (slot, bad, advice) in [
        ("size", "43.0", "digits only"),
        ("size", "1,024", "digits only"),
        ("size", "-1", "digits only"),
        ("hash", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "base64"),
        ("hash", sha256, "SHA-256"),
        ("hash", "da39", "40 hexadecimal digits"),
    ] {
        let patient = sample::patient();
        let document = sample::document(&patient).slot(slot, &[bad]);
        server.register(&one(&patient, &document)).expect_refused(BAD, &[slot, bad, advice]);
    }
}

fn pitfall_40_a_submission_again_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let submission = one(&patient, &document);
    let documents: [(&str, &[u8]); 1] = [(&document.id(), b"once")];
    server.provide(&submission, &documents).expect_success();
    let again = server.provide(&submission, &documents);
    again.expect_refused("XDSDuplicateUniqueIdInRegistry", &["SubmissionSet", &submission.set.unique_id()]);
    assert_eq!(server.query(&Query::find_documents(&patient)).expect_success().objects().len(), 1);
    assert_eq!(crate::iti41::fetch(server, &patient, &document).1, b"once");
}

fn pitfall_41_a_repository_forwards_metadata_as_they_came() {
    let registry = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("it starts");
    let repository = TestServer::prepare(Store::Sqlite)
        .map(|prepared| prepared.setting("roles.registry", "false"))
        .map(|prepared| {
            prepared.setting("repository.registry_url", &format!("http://{}/xds/registry", registry.address))
        })
        .and_then(|prepared| prepared.start())
        .expect("it starts");
    let patient = sample::patient();
    let odd = ["a < b & \"c\" > 'd'", "é\u{10348}", "&lt;", "]]>"];
    let document = sample::provided(&patient)
        .slot("urn:example:odd", &odd)
        .slot("sourcePatientInfo", &["PID-5|B", "PID-5|A"])
        .another_code(EVENT_CODE_LIST, "Z", "2.999.30.9")
        .another_code(EVENT_CODE_LIST, "A", "2.999.30.9")
        .named(Some("Titel & «ondertitel»"));
    let submission = one(&patient, &document);
    repository.provide(&submission, &[(&document.id(), b"content")]).expect_success();
    let found = registry.query(&Query::find_documents(&patient)).expect_success().objects().remove(0);
    // R-41-07: the repository adds its own at the end, and changes nothing else.
    let own = ["repositoryUniqueId", "hash", "size"];
    let names: Vec<&str> = found.slots.iter().map(|(name, _)| name.as_str()).collect();
    let sent: Vec<&str> = document.slots.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..sent.len()], sent);
    assert!(names[sent.len()..].iter().all(|name| own.contains(name)), "{names:?}");
    for (name, values) in &document.slots {
        assert_eq!(found.slot(name), Some(values.as_slice()), "{name}");
    }
    assert_eq!(found.codes(EVENT_CODE_LIST), ["Z", "A"]);
    assert_eq!(found.name, document.name);
}
