//! ITI-18: the request itself, coding of values, limits.

use libtest_mimic::Trial;

use crate::harness::{
    Query, TestServer, on_every_store,
    queries::*,
    sample::{self, Submission, names::*},
    servers::Store,
    trials,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_18_01_an_unknown_query_is_refused,
        r_18_01_hex_digits_compare_without_case,
        r_18_02_return_types,
        r_18_03_unknown_parameters_are_ignored,
        r_18_04_home_is_accepted,
        r_18_05_white_space_around_items,
        r_18_09_harmless_slips_are_read,
        r_18_09_malformed_values_are_refused,
        r_18_10_codes_need_a_scheme,
        r_18_14_long_values_are_accepted,
        r_18_15_a_malformed_patient_id_is_refused,
        r_18_17_status_values,
        r_18_20_all_missing_parameters_are_told,
        r_18_60_metadata_level,
        r_18_61_logical_ids,
        pitfall_32_times_with_a_zone_are_refused,
        pitfall_38_long_lists_work,
        s_in_26_sql_is_data,
        s_in_27_too_many_slots_and_values,
    ]
    .chain(trials::own(module_path!(), "r_18_53_too_many_results", r_18_53_too_many_results))
    .chain(trials::own(module_path!(), "r_18_09_slips_are_refused_when_strict", r_18_09_slips_are_refused_when_strict))
    .collect()
}

fn patient_with_document(server: &TestServer) -> (String, String) {
    let patient = sample::patient();
    let id = server.registered(&Submission::with(&patient, &[&sample::document(&patient)])).remove(0);
    (patient, id)
}

#[track_caller]
fn found(server: &TestServer, query: &Query) -> usize {
    server.query(query).expect_success().ids().len()
}

fn r_18_01_an_unknown_query_is_refused(server: &TestServer) {
    for id in [sample::uuid().as_str(), "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f", "FindDocuments"] {
        server.query(&Query::new(id)).expect_refused("XDSUnknownStoredQuery", &[id]);
    }
}

fn r_18_01_hex_digits_compare_without_case(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    let parameters = |id: &str| {
        Query::new(id).text("$XDSDocumentEntryPatientId", &patient).list("$XDSDocumentEntryStatus", &[APPROVED])
    };
    let upper = format!("urn:uuid:{}", FIND_DOCUMENTS["urn:uuid:".len()..].to_uppercase());
    // Pitfall 35: a bare UUID.
    for id in [upper, format!(" {FIND_DOCUMENTS}\n"), FIND_DOCUMENTS["urn:uuid:".len()..].to_owned()] {
        assert_eq!(found(server, &parameters(&id)), 1, "{id}");
    }
}

fn r_18_02_return_types(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    for other in [Some("LeafClassWithRepositoryItem"), Some("RegistryObject"), Some("leafclass"), Some("")] {
        let answer = server.query(&Query::find_documents(&patient).returning(other));
        answer.expect_refused("XDSRegistryError", &["returnType"]);
    }
}

fn r_18_03_unknown_parameters_are_ignored(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    let query = Query::find_documents(&patient).list("$Unknown", &["x"]).text("$xdsDocumentEntryClassCode", "x");
    assert_eq!(found(server, &query), 1);
}

fn r_18_04_home_is_accepted(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    let query =
        Query::find_documents(&patient).xml().replace("<rim:AdhocQuery ", "<rim:AdhocQuery home=\"urn:oid:1.2.3\" ");
    let answer = server.simple(crate::harness::soap::Transaction::Iti18, &query).expect_success();
    assert_eq!(answer.objects().len(), 1);
}

fn r_18_05_white_space_around_items(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    let base = Query::find_documents(&patient).without("$XDSDocumentEntryStatus");
    let spaced = format!(" ( '{APPROVED}' ,\n '{DEPRECATED}' ) ");
    assert_eq!(found(server, &base.clone().slot("$XDSDocumentEntryStatus", &[&spaced])), 1);
    // Inside quotes it counts.
    let inside = format!("(' {APPROVED}')");
    server.query(&base.slot("$XDSDocumentEntryStatus", &[&inside])).expect_refused("XDSStoredQueryMissingParam", &[]);
}

fn r_18_09_harmless_slips_are_read(server: &TestServer) {
    let (patient, id) = patient_with_document(server);
    let status = "$XDSDocumentEntryStatus";
    let base = Query::find_documents(&patient);
    let bare = format!("'{APPROVED}'");
    assert_eq!(found(server, &base.clone().without(status).slot(status, &[&bare])), 1, "no parentheses");
    let patients = base.clone().without("$XDSDocumentEntryPatientId");
    let listed = patients.clone().list("$XDSDocumentEntryPatientId", &[&patient]);
    assert_eq!(found(server, &listed), 1, "a list of one for a single value");
    let unquoted = patients.slot("$XDSDocumentEntryPatientId", &[&patient]);
    assert_eq!(found(server, &unquoted), 1, "no quotes");
    let quoted = base.clone().text("$XDSDocumentEntryCreationTimeFrom", "2024");
    assert_eq!(found(server, &quoted), 1, "a time in quotes");
    let double = Query::new(GET_DOCUMENTS).slot("$XDSDocumentEntryEntryUUID", &[&format!("(\"{id}\")")]);
    assert_eq!(found(server, &double), 1, "double quotes");
}

fn r_18_09_slips_are_refused_when_strict(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("registry.lenient_queries", "false");
    let server = prepared.start().expect("a server");
    let patient = sample::patient();
    assert_eq!(found(&server, &Query::find_documents(&patient)), 0);
    let query = Query::find_documents(&patient).without("$XDSDocumentEntryPatientId");
    let unquoted = query.slot("$XDSDocumentEntryPatientId", &[&patient]);
    server.query(&unquoted).expect_refused("XDSRegistryError", &["$XDSDocumentEntryPatientId"]);
}

fn r_18_09_malformed_values_are_refused(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    let name = "$XDSDocumentEntryClassCode";
    for bad in ["()", "('a^^1.2", "('a^^1.2''", "('a^^1.2' 'b^^1.2')", "('a^^1.2',)", "('a^^1.2'))", "('a'b^^1.2')", ""]
    {
        let answer = server.query(&Query::find_documents(&patient).slot(name, &[bad]));
        assert_eq!(answer.status(), "Failure", "{bad:?} was taken");
        answer.expect_refused("XDSRegistryError", &[name, bad]);
    }
    server.query(&Query::find_documents(&patient).slot(name, &[])).expect_refused("XDSRegistryError", &[name]);
}

fn r_18_10_codes_need_a_scheme(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    for bad in ["code", "code^^", "^^1.2.3", "code^x^1.2.3", "code^1.2.3"] {
        let query = Query::find_documents(&patient).list("$XDSDocumentEntryClassCode", &[bad]);
        let answer = server.query(&query);
        assert_eq!(answer.status(), "Failure", "{bad} was taken");
        answer.expect_refused("XDSRegistryError", &["$XDSDocumentEntryClassCode", bad]);
    }
}

fn r_18_14_long_values_are_accepted(server: &TestServer) {
    let (patient, id) = patient_with_document(server);
    let mut ids: Vec<String> = (0..20).map(|_| sample::uuid()).collect();
    ids.push(id);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(found(server, &Query::get_documents(&ids)), 1);
    assert_eq!(found(server, &Query::find_documents(&patient)), 1);
}

fn r_18_15_a_malformed_patient_id_is_refused(server: &TestServer) {
    for bad in ["x", "x^^^1.2.3", "x^^^&1.2.3", "^^^&1.2.3&ISO"] {
        let answer = server.query(&Query::find_documents(bad));
        assert_eq!(answer.status(), "Failure", "{bad} was taken");
        answer.expect_refused("XDSRegistryError", &["$XDSDocumentEntryPatientId"]);
    }
}

fn r_18_17_status_values(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    let name = "$XDSDocumentEntryStatus";
    let with = |values: &[&str]| Query::find_documents(&patient).without(name).list(name, values);
    assert_eq!(found(server, &with(&["urn:x:unknown", APPROVED])), 1);
    let misprint = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Approved";
    for none in [misprint, "urn:x:unknown", "Approved"] {
        server.query(&with(&[none])).expect_refused("XDSStoredQueryMissingParam", &[name]);
    }
}

fn r_18_20_all_missing_parameters_are_told(server: &TestServer) {
    let answer = server.query(&Query::new(GET_ALL));
    answer.expect_codes(&["XDSStoredQueryMissingParam"; 4]);
    for name in ["$patientId", "$XDSDocumentEntryStatus", "$XDSSubmissionSetStatus", "$XDSFolderStatus"] {
        assert!(answer.errors().iter().any(|e| e.context.contains(name)), "{name}");
    }
    assert_eq!(answer.objects().len(), 0);
}

fn r_18_60_metadata_level(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    for level in ["1", "2"] {
        assert_eq!(found(server, &Query::find_documents(&patient).number("$MetadataLevel", level)), 1);
    }
    for level in ["0", "3", "'x'"] {
        let answer = server.query(&Query::find_documents(&patient).number("$MetadataLevel", level));
        answer.expect_refused("XDSRegistryError", &["$MetadataLevel"]);
    }
}

fn r_18_61_logical_ids(server: &TestServer) {
    let (_, id) = patient_with_document(server);
    let query = Query::new(GET_DOCUMENTS).list("$XDSDocumentEntryLogicalID", &[&id]);
    assert_eq!(server.query(&query.clone().number("$MetadataLevel", "2")).expect_success().ids(), [id]);
    let name = "$XDSDocumentEntryLogicalID";
    for (query, found) in [(query.clone(), "there is none"), (query.number("$MetadataLevel", "1"), "it is 1")] {
        server.query(&query).expect_refused("XDSRegistryError", &[name, "$MetadataLevel 2", found]);
    }
}

fn pitfall_32_times_with_a_zone_are_refused(server: &TestServer) {
    for bad in ["20240101000000+0100", "2024-01-01", "20241301", "'yesterday'"] {
        let query = Query::find_documents(&sample::patient()).number("$XDSDocumentEntryCreationTimeFrom", bad);
        server.query(&query).expect_refused("XDSRegistryError", &["$XDSDocumentEntryCreationTimeFrom"]);
    }
}

fn pitfall_38_long_lists_work(server: &TestServer) {
    let (_, id) = patient_with_document(server);
    let lists: Vec<String> = (0..30)
        .map(|n| {
            let ids: Vec<String> =
                (0..20).map(|m| if (n, m) == (29, 19) { id.clone() } else { sample::uuid() }).collect();
            format!("('{}')", ids.join("','"))
        })
        .collect();
    let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
    let query = Query::new(GET_DOCUMENTS).slot("$XDSDocumentEntryEntryUUID", &lists);
    assert_eq!(server.query(&query).expect_success().ids(), [id]);
}

fn s_in_26_sql_is_data(server: &TestServer) {
    let (patient, _) = patient_with_document(server);
    for text in ["x' OR '1'='1", "x'; DROP TABLE document_entry; --", "$1", "?1", "x\\", "%"] {
        let code = format!("{text}^^1.2.3");
        assert_eq!(found(server, &Query::find_documents(&patient).list("$XDSDocumentEntryClassCode", &[&code])), 0);
        let unique_id = Query::new(GET_DOCUMENTS).list("$XDSDocumentEntryUniqueId", &[text]);
        assert_eq!(found(server, &unique_id), 0);
    }
    assert_eq!(found(server, &Query::find_documents(&patient)), 1);
}

fn s_in_27_too_many_slots_and_values(server: &TestServer) {
    let patient = sample::patient();
    let many: Vec<String> = (0..1001).map(|n| format!("x{n}^^1.2.3")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let name = "$XDSDocumentEntryClassCode";
    assert_eq!(found(server, &Query::find_documents(&patient).list(name, &many[..1000])), 0);
    let answer = server.query(&Query::find_documents(&patient).list(name, &many));
    assert_eq!(answer.status(), "Failure");
    assert!(answer.errors().iter().all(|e| e.context.contains(name)), "{:?}", answer.errors());
    let slots = (0..101).fold(Query::find_documents(&patient), |q, n| q.text(&format!("$Unknown{n}"), "x"));
    assert_eq!(server.query(&slots).status(), "Failure");
}

fn r_18_53_too_many_results(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store");
    let prepared = prepared.setting("registry.leaf_class_limit", "3").setting("registry.object_ref_limit", "4");
    let server = prepared.start().expect("a server");
    let patient = sample::patient();
    for n in 1..=5 {
        server.register(&Submission::with(&patient, &[&sample::document(&patient)])).expect_success();
        let leaves = server.query(&Query::find_documents(&patient));
        let references = server.query(&Query::find_documents(&patient).object_ref());
        for (answer, limit) in [(leaves, 3), (references, 4)] {
            if n <= limit {
                assert_eq!(answer.expect_success().objects().len(), n);
            } else {
                answer.expect_refused("XDSTooManyResults", &[]);
                assert_eq!(answer.objects().len(), 0);
            }
        }
    }
}
