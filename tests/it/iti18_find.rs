//! ITI-18, the Find queries: every parameter with a hit and a miss.

use libtest_mimic::Trial;

use crate::harness::{
    Query, TestServer, on_every_store,
    queries::{FIND_DOCUMENTS, FIND_DOCUMENTS_BY_REFERENCE_ID, FIND_FOLDERS, FIND_SUBMISSION_SETS},
    sample::{self, Object, Submission, names::*},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        find_documents_by_patient,
        find_documents_by_status,
        find_documents_by_codes,
        find_documents_by_event_code,
        find_documents_by_confidentiality_code,
        find_documents_by_creation_time,
        find_documents_by_service_times,
        r_18_12_an_absent_service_time_matches,
        find_documents_by_author_person,
        r_18_13_patterns_of_author_person,
        find_documents_by_type_of_entry,
        find_documents_by_availability,
        find_documents_by_reference_id,
        find_submission_sets_by_every_parameter,
        find_folders_by_every_parameter,
        r_18_50_object_ref_answers_hold_references_only,
        r_18_15_an_unknown_patient_has_nothing,
        r_18_07_slots_are_and_values_are_or,
    ]
    .collect()
}

/// A patient with one document that `change` made.
fn with_one(server: &TestServer, change: impl FnOnce(Object) -> Object) -> (String, String) {
    let patient = sample::patient();
    let ids = server.registered(&Submission::with(&patient, &[&change(sample::document(&patient))]));
    (patient, ids[0].clone())
}

#[track_caller]
fn hits(server: &TestServer, query: &Query, id: &str) {
    let answer = server.query(query).expect_success();
    assert_eq!(answer.ids(), [id], "{}", query.xml());
}

#[track_caller]
fn misses(server: &TestServer, query: &Query) {
    assert_eq!(server.query(query).expect_success().ids(), [""; 0], "{}", query.xml());
}

fn find_documents_by_patient(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d);
    with_one(server, |d| d);
    hits(server, &Query::find_documents(&patient), &id);
    misses(server, &Query::find_documents(&patient.replace("2.999.7.1", "2.999.7.2")));
}

fn find_documents_by_status(server: &TestServer) {
    let (patient, old) = with_one(server, |d| d);
    let replacement = sample::document(&patient);
    let submission = Submission::with(&patient, &[&replacement]).relate(RPLC, &replacement.id(), &old);
    let new = server.registered(&submission).remove(0);
    let of = |status: &[&str]| {
        Query::find_documents(&patient).without("$XDSDocumentEntryStatus").list("$XDSDocumentEntryStatus", status)
    };
    hits(server, &of(&[APPROVED]), &new);
    hits(server, &of(&[DEPRECATED]), &old);
    assert_eq!(server.query(&of(&[APPROVED, DEPRECATED])).expect_success().objects().len(), 2);
}

fn find_documents_by_codes(server: &TestServer) {
    for (parameter, scheme) in [
        ("$XDSDocumentEntryClassCode", CLASS_CODE),
        ("$XDSDocumentEntryTypeCode", TYPE_CODE),
        ("$XDSDocumentEntryPracticeSettingCode", PRACTICE_SETTING_CODE),
        ("$XDSDocumentEntryHealthcareFacilityTypeCode", FACILITY_TYPE_CODE),
        ("$XDSDocumentEntryFormatCode", FORMAT_CODE),
    ] {
        let (patient, id) = with_one(server, |d| d.code(scheme, "a^b'c", "1.2.3"));
        let query = Query::find_documents(&patient);
        hits(server, &query.clone().list(parameter, &["a^b'c^^1.2.3"]), &id);
        hits(server, &query.clone().list(parameter, &["x^^1.2.3", "a^b'c^^1.2.3"]), &id);
        for other in ["a^b'c^^1.2.4", "A^b'c^^1.2.3", "a^b'c^^1.2.3.", "a%^^1.2.3"] {
            misses(server, &query.clone().list(parameter, &[other]));
        }
    }
}

fn find_documents_by_event_code(server: &TestServer) {
    let (patient, id) = with_one(server, |d| {
        d.another_code(EVENT_CODE_LIST, "CT", "1.2.3").another_code(EVENT_CODE_LIST, "HEAD", "1.2.4")
    });
    let name = "$XDSDocumentEntryEventCodeList";
    let query = Query::find_documents(&patient);
    hits(server, &query.clone().list(name, &["HEAD^^1.2.4"]), &id);
    misses(server, &query.clone().list(name, &["MR^^1.2.3"]));
    // R-18-07: (CT or MR) and HEAD.
    hits(server, &query.clone().list(name, &["CT^^1.2.3", "MR^^1.2.3"]).list(name, &["HEAD^^1.2.4"]), &id);
    misses(server, &query.clone().list(name, &["CT^^1.2.3"]).list(name, &["FOOT^^1.2.4"]));
}

fn find_documents_by_confidentiality_code(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d.another_code(CONFIDENTIALITY_CODE, "R", "2.16.840.1.113883.5.25"));
    let name = "$XDSDocumentEntryConfidentialityCode";
    let query = Query::find_documents(&patient);
    let (normal, restricted) = ("N^^2.16.840.1.113883.5.25", "R^^2.16.840.1.113883.5.25");
    hits(server, &query.clone().list(name, &[restricted]), &id);
    hits(server, &query.clone().list(name, &[restricted]).list(name, &[normal]), &id);
    misses(server, &query.clone().list(name, &["V^^2.16.840.1.113883.5.25"]));
    misses(server, &query.clone().list(name, &[normal]).list(name, &["V^^2.16.840.1.113883.5.25"]));
}

/// A time parameter against a stored value: from is inclusive, to is exclusive, both padded to their earliest moment.
fn time_range(server: &TestServer, query: &Query, name: &str, stored: &str, before: &str, after: &str, id: &str) {
    let (from, to) = (format!("{name}From"), format!("{name}To"));
    hits(server, &query.clone().number(&from, stored), id);
    hits(server, &query.clone().number(&from, before).number(&to, after), id);
    misses(server, &query.clone().number(&from, after));
    // R-18-11: the upper bound is exclusive.
    misses(server, &query.clone().number(&to, stored));
    hits(server, &query.clone().number(&to, after), id);
    misses(server, &query.clone().number(&to, before));
    misses(server, &query.clone().number(&from, after).number(&to, before));
}

fn find_documents_by_creation_time(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d.slot("creationTime", &["20240229235959"]));
    let query = Query::find_documents(&patient);
    let name = "$XDSDocumentEntryCreationTime";
    time_range(server, &query, name, "20240229235959", "20240229", "202403", &id);
    // A year is its first moment.
    let (patient, id) = with_one(server, |d| d.slot("creationTime", &["2024"]));
    let query = Query::find_documents(&patient);
    time_range(server, &query, name, "20240101000000", "2023", "20240101000001", &id);
}

fn find_documents_by_service_times(server: &TestServer) {
    let (patient, id) =
        with_one(server, |d| d.slot("serviceStartTime", &["202403010800"]).slot("serviceStopTime", &["20240305"]));
    let query = Query::find_documents(&patient);
    let start = "$XDSDocumentEntryServiceStartTime";
    time_range(server, &query, start, "202403010800", "20240301", "20240301080001", &id);
    let stop = "$XDSDocumentEntryServiceStopTime";
    time_range(server, &query, stop, "20240305", "20240304235959", "2024030501", &id);
}

fn r_18_12_an_absent_service_time_matches(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d.without_slot("serviceStartTime").without_slot("serviceStopTime"));
    let query = Query::find_documents(&patient);
    for name in ["ServiceStartTimeFrom", "ServiceStartTimeTo", "ServiceStopTimeFrom", "ServiceStopTimeTo"] {
        hits(server, &query.clone().number(&format!("$XDSDocumentEntry{name}"), "2000"), &id);
    }
}

const AUTHOR: &str = "$XDSDocumentEntryAuthorPerson";

fn find_documents_by_author_person(server: &TestServer) {
    let (patient, id) = with_one(server, |d| {
        d.without_scheme(DE_AUTHOR)
            .author(DE_AUTHOR, &[("authorPerson", &["1^Hofer^Anna"])])
            .author(DE_AUTHOR, &[("authorPerson", &["2^Berger^Max"])])
            .author(DE_AUTHOR, &[("authorInstitution", &["Clinic"])])
    });
    let query = Query::find_documents(&patient);
    hits(server, &query.clone().list(AUTHOR, &["2^Berger^Max"]), &id);
    hits(server, &query.clone().list(AUTHOR, &["nobody", "%Hofer%"]), &id);
    misses(server, &query.clone().list(AUTHOR, &["Hofer"]));
    misses(server, &query.clone().list(AUTHOR, &["%hofer%"]));
    // Without author there is no match.
    let (patient, _) = with_one(server, |d| d.without_scheme(DE_AUTHOR));
    misses(server, &Query::find_documents(&patient).list(AUTHOR, &["%"]));
}

fn r_18_13_patterns_of_author_person(server: &TestServer) {
    let (patient, id) = with_one(server, |d| {
        d.without_scheme(DE_AUTHOR).author(DE_AUTHOR, &[("authorPerson", &["[1]\\50*^O'Neil^Zoë"])])
    });
    let query = Query::find_documents(&patient);
    for pattern in ["%", "[1]%", "%O'Neil%", "%Zo_", "[1]\\50*^O'Neil^Zoë", "_1_\\50*^%", "%\\50*%"] {
        hits(server, &query.clone().list(AUTHOR, &[pattern]), &id);
    }
    // `[`, `\` and `*` are themselves; case counts; `_` is one character; NFC before comparing.
    for pattern in ["1%", "[0-9]%", "%o'neil%", "%Zo", "%Zo__", "\\[1]%", "*"] {
        misses(server, &query.clone().list(AUTHOR, &[pattern]));
    }
    hits(server, &query.clone().list(AUTHOR, &["%^Zoe\u{308}"]), &id);
}

fn find_documents_by_type_of_entry(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d);
    let query = Query::find_documents(&patient);
    let name = "$XDSDocumentEntryType";
    hits(server, &query.clone().list(name, &[STABLE]), &id);
    hits(server, &query.clone().list(name, &[STABLE, ON_DEMAND]), &id);
    misses(server, &query.clone().list(name, &[ON_DEMAND]));
    // R-18-18: what is not understood is ignored.
    hits(server, &query.clone().list(name, &["urn:uuid:00000000-0000-4000-8000-000000000000"]), &id);
}

fn find_documents_by_availability(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d);
    let query = Query::find_documents(&patient);
    let name = "$XDSDocumentEntryDocumentAvailability";
    hits(server, &query.clone().list(name, &["urn:ihe:iti:2010:DocumentAvailability:Online"]), &id);
    misses(server, &query.clone().list(name, &["urn:ihe:iti:2010:DocumentAvailability:Offline"]));
}

fn find_documents_by_reference_id(server: &TestServer) {
    let accession = "A-17^^^&2.999.7.9&ISO^urn:ihe:iti:xds:2013:accession";
    let study = "1.2.3.4^^^^urn:ihe:iti:xds:2016:studyInstanceUID";
    let (patient, id) = with_one(server, |d| d.slot(REFERENCE_IDS, &[accession, study]));
    let name = "$XDSDocumentEntryReferenceIdList";
    let query = Query::new(FIND_DOCUMENTS_BY_REFERENCE_ID)
        .text("$XDSDocumentEntryPatientId", &patient)
        .list("$XDSDocumentEntryStatus", &[APPROVED]);
    hits(server, &query.clone().list(name, &[accession]), &id);
    hits(server, &query.clone().list(name, &["other", study]), &id);
    hits(server, &query.clone().list(name, &["A-17^%"]), &id);
    hits(server, &query.clone().list(name, &[accession]).list(name, &[study]), &id);
    misses(server, &query.clone().list(name, &["A-17"]));
    misses(server, &query.clone().list(name, &[accession]).list(name, &["other"]));
    hits(
        server,
        &query.clone().list(name, &[study]).list("$XDSDocumentEntryClassCode", &[&format!("18842-5^^{LOINC}")]),
        &id,
    );
    misses(server, &query.clone().list(name, &[study]).list("$XDSDocumentEntryClassCode", &["x^^1.2.3"]));
    // The parameter is required here, and no parameter of FindDocuments.
    server.query(&query).expect_refused("XDSStoredQueryMissingParam", &[name]);
    hits(server, &Query::find_documents(&patient).list(name, &["other"]), &id);
}

fn find_submission_sets_by_every_parameter(server: &TestServer) {
    let patient = sample::patient();
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).set(|s| {
        s.identifier(SS_SOURCE_ID, "2.999.41.7")
            .slot("submissionTime", &["20240305142001"])
            .author(SS_AUTHOR, &[("authorPerson", &["^Second^Author"])])
    });
    server.register(&submission).expect_success();
    let query = Query::new(FIND_SUBMISSION_SETS)
        .text("$XDSSubmissionSetPatientId", &patient)
        .list("$XDSSubmissionSetStatus", &[APPROVED]);
    let found = server.query(&query).expect_success().objects();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].identifier(SS_UNIQUE_ID), Some(submission.set.unique_id().as_str()));
    let id = found[0].id();
    let name = |what: &str| format!("$XDSSubmissionSet{what}");
    hits(server, &query.clone().list(&name("SourceId"), &["2.999.1", "2.999.41.7"]), id);
    misses(server, &query.clone().list(&name("SourceId"), &["2.999.41"]));
    let time = name("SubmissionTime");
    time_range(server, &query, &time, "20240305142001", "2024030514", "20240305142002", id);
    hits(server, &query.clone().text(&name("AuthorPerson"), "%Second%"), id);
    misses(server, &query.clone().text(&name("AuthorPerson"), "Second"));
    let two = query.clone().list(&name("AuthorPerson"), &["%a", "%b"]);
    server.query(&two).expect_refused("XDSStoredQueryParamNumber", &["$XDSSubmissionSetAuthorPerson"]);
    hits(server, &query.clone().list(&name("ContentType"), &["DISCH^^2.999.30.1"]), id);
    misses(server, &query.clone().list(&name("ContentType"), &["DISCH^^2.999.30.2"]));
    let deprecated = query.clone().without("$XDSSubmissionSetStatus").list("$XDSSubmissionSetStatus", &[DEPRECATED]);
    misses(server, &deprecated);
    let other =
        query.clone().without("$XDSSubmissionSetPatientId").text("$XDSSubmissionSetPatientId", &sample::patient());
    misses(server, &other);
    // Pitfall 34: a name that is almost right is no parameter.
    hits(server, &query.clone().list(&name("ContentTypeCode"), &["x^^1.2"]), id);
}

fn find_folders_by_every_parameter(server: &TestServer) {
    let patient = sample::patient();
    let folder = sample::folder(&patient).another_code(CODE_LIST, "HEART", "2.999.30.2");
    let id = server.registered(&Submission::of(&patient).folder(&folder)).remove(0);
    let query = Query::new(FIND_FOLDERS).text("$XDSFolderPatientId", &patient).list("$XDSFolderStatus", &[APPROVED]);
    let updated =
        server.query(&query).expect_success().objects()[0].value("lastUpdateTime").expect("a time").to_owned();
    hits(server, &query, &id);
    time_range(server, &query, "$XDSFolderLastUpdateTime", &updated, "2000", "2999", &id);
    let codes = "$XDSFolderCodeList";
    hits(server, &query.clone().list(codes, &["HEART^^2.999.30.2"]), &id);
    hits(server, &query.clone().list(codes, &["HEART^^2.999.30.2"]).list(codes, &["EPISODE^^2.999.30.2"]), &id);
    misses(server, &query.clone().list(codes, &["LUNG^^2.999.30.2"]));
    misses(server, &query.clone().list(codes, &["HEART^^2.999.30.2"]).list(codes, &["LUNG^^2.999.30.2"]));
    misses(server, &query.clone().without("$XDSFolderStatus").list("$XDSFolderStatus", &[DEPRECATED]));
    misses(server, &query.clone().without("$XDSFolderPatientId").text("$XDSFolderPatientId", &sample::patient()));
}

fn r_18_50_object_ref_answers_hold_references_only(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d);
    let found = server.query(&Query::find_documents(&patient).object_ref()).expect_success().objects();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].element.as_str(), found[0].id()), ("ObjectRef", id.as_str()));
}

fn r_18_15_an_unknown_patient_has_nothing(server: &TestServer) {
    // Pitfall 37: the list is there, though empty.
    misses(server, &Query::find_documents(&sample::patient()));
}

fn r_18_07_slots_are_and_values_are_or(server: &TestServer) {
    let (patient, id) = with_one(server, |d| d);
    let query = Query::find_documents(&patient);
    // R-18-06: several values in one slot make one list.
    let class = format!("('18842-5^^{LOINC}')");
    hits(server, &query.clone().slot("$XDSDocumentEntryClassCode", &["('x^^1.2')", &class]), &id);
    // R-18-07: other parameters do not repeat.
    let twice = query.list("$XDSDocumentEntryClassCode", &["x^^1.2"]).slot("$XDSDocumentEntryClassCode", &[&class]);
    server.query(&twice).expect_refused("XDSStoredQueryParamNumber", &["$XDSDocumentEntryClassCode"]);
    let patients = Query::new(FIND_DOCUMENTS)
        .list("$XDSDocumentEntryPatientId", &[&patient, &patient])
        .list("$XDSDocumentEntryStatus", &[APPROVED]);
    server.query(&patients).expect_refused("XDSStoredQueryParamNumber", &["$XDSDocumentEntryPatientId"]);
}
