//! ITI-42, stages 4 to 6 and 9: uniqueness, patients, all or nothing.

use std::thread;

use libtest_mimic::Trial;

use crate::harness::{
    Query, TestServer, on_every_store, queries,
    sample::{self, Object, Submission, names::*},
    servers::Store,
    trials,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_42_20_a_unique_id_twice_in_a_message_is_refused,
        r_42_25_patients_of_a_submission_are_one,
        r_42_27_patients_compare_by_id_and_authority,
        r_42_30_a_unique_id_of_a_set_is_used_once,
        r_42_30_a_unique_id_of_a_folder_is_used_once,
        r_42_30_of_many_at_once_one_succeeds,
        r_42_31_the_same_document_again_is_a_second_entry,
        r_42_31_another_size_or_hash_is_refused,
        r_42_31_of_many_at_once_with_other_hashes_one_succeeds,
        r_42_32_a_document_may_not_take_the_unique_id_of_a_set,
        r_42_37_a_refused_submission_leaves_nothing,
        r_42_37_nothing_is_half_visible,
    ]
    .chain(trials::own(module_path!(), "r_42_26_an_unknown_patient_is_refused", r_42_26_an_unknown_patient_is_refused))
    .chain(trials::own(module_path!(), "r_42_06_extra_metadata_may_be_dropped", r_42_06_extra_metadata_may_be_dropped))
    .chain(trials::own(module_path!(), "r_42_18_codes_outside_a_value_set", r_42_18_codes_outside_a_value_set))
    .chain(trials::own(
        module_path!(),
        "r_42_18_every_coded_attribute_has_its_value_set",
        r_42_18_every_coded_attribute_has_its_value_set,
    ))
    .chain(trials::own(
        module_path!(),
        "registered_documents_survive_a_restart",
        registered_documents_survive_a_restart,
    ))
    .collect()
}

fn with_unique_id(document: Object, unique_id: &str) -> Object {
    document.identifier(DE_UNIQUE_ID, unique_id)
}

fn r_42_20_a_unique_id_twice_in_a_message_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::document(&patient);
    let id = first.unique_id();
    let code = "XDSRegistryDuplicateUniqueIdInMessage";
    let second = with_unique_id(sample::document(&patient), &id);
    server.register(&Submission::with(&patient, &[&first, &second])).expect_refused(code, &[&id]);
    let with_set = Submission::with(&patient, &[&first]).set(|s| s.identifier(SS_UNIQUE_ID, &id));
    server.register(&with_set).expect_refused(code, &[&id]);
    let folder = sample::folder(&patient).identifier(FD_UNIQUE_ID, &id);
    server.register(&Submission::with(&patient, &[&first]).folder(&folder)).expect_refused(code, &[&id]);
}

fn r_42_25_patients_of_a_submission_are_one(server: &TestServer) {
    let (patient, other) = (sample::patient(), sample::patient());
    let answer = server.register(&Submission::with(&patient, &[&sample::document(&other)]));
    answer.expect_refused("XDSPatientIdDoesNotMatch", &[&patient, &other]);
    let answer = server.register(&Submission::of(&patient).folder(&sample::folder(&other)));
    answer.expect_refused("XDSPatientIdDoesNotMatch", &[&patient, &other]);
    // sourcePatientId takes no part.
    let document = sample::document(&patient).slot("sourcePatientId", &[&other]);
    server.register(&Submission::with(&patient, &[&document])).expect_success();
}

fn r_42_27_patients_compare_by_id_and_authority(server: &TestServer) {
    let patient = sample::patient();
    let same = format!("{patient}^^^");
    let document = sample::document(&patient).identifier(DE_PATIENT_ID, &same);
    server.register(&Submission::with(&patient, &[&document])).expect_success();
    let elsewhere = patient.replace("2.999.7.1", "2.999.7.11");
    let answer = server.register(&Submission::with(&patient, &[&sample::document(&elsewhere)]));
    answer.expect_refused("XDSPatientIdDoesNotMatch", &[]);
}

fn r_42_26_an_unknown_patient_is_refused(store: Store) {
    let server =
        TestServer::prepare(store).and_then(|p| p.setting("registry.patients", "known").start()).expect("a server");
    let patient = sample::patient();
    let answer = server.register(&Submission::with(&patient, &[&sample::document(&patient)]));
    answer.expect_refused("XDSUnknownPatientId", &[&patient]);
    assert_eq!(answer.errors()[0].location, "R-42-26");
}

fn r_42_30_a_unique_id_of_a_set_is_used_once(server: &TestServer) {
    let patient = sample::patient();
    let first = Submission::with(&patient, &[&sample::document(&patient)]);
    server.register(&first).expect_success();
    let id = first.set.unique_id();
    let code = "XDSDuplicateUniqueIdInRegistry";
    // Pitfall 40: also when all of it is sent again.
    server.register(&first).expect_refused(code, &["SubmissionSet", &id]);
    let elsewhere = sample::patient();
    let again = Submission::with(&elsewhere, &[&sample::document(&elsewhere)]).set(|s| s.identifier(SS_UNIQUE_ID, &id));
    server.register(&again).expect_refused(code, &["SubmissionSet", &id]);
    let of_document = first.objects[0].unique_id();
    let again =
        Submission::with(&patient, &[&sample::document(&patient)]).set(|s| s.identifier(SS_UNIQUE_ID, &of_document));
    server.register(&again).expect_refused(code, &["SubmissionSet", &of_document]);
}

fn r_42_30_a_unique_id_of_a_folder_is_used_once(server: &TestServer) {
    let patient = sample::patient();
    let folder = sample::folder(&patient);
    server.register(&Submission::of(&patient).folder(&folder)).expect_success();
    let again = sample::folder(&patient).identifier(FD_UNIQUE_ID, &folder.unique_id());
    let answer = server.register(&Submission::of(&patient).folder(&again));
    answer.expect_refused("XDSDuplicateUniqueIdInRegistry", &["Folder", &folder.unique_id()]);
}

fn r_42_30_of_many_at_once_one_succeeds(server: &TestServer) {
    let id = sample::oid();
    let one = || {
        let patient = sample::patient();
        let set = Submission::with(&patient, &[&sample::document(&patient)]).set(|s| s.identifier(SS_UNIQUE_ID, &id));
        server.register(&set).status()
    };
    assert_eq!(successes(8, one), 1);
}

fn successes(threads: usize, work: impl Fn() -> String + Sync) -> usize {
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        handles.into_iter().filter_map(|h| h.join().ok()).filter(|status| status == "Success").count()
    })
}

fn r_42_31_the_same_document_again_is_a_second_entry(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::document(&patient);
    server.register(&Submission::with(&patient, &[&first])).expect_success();
    // Another patient, and the hash in upper case: still the same document.
    let other = sample::patient();
    let again = with_unique_id(sample::document(&other), &first.unique_id())
        .slot("hash", &[&first.value("hash").to_uppercase()])
        .slot("size", &["0043"]);
    server.register(&Submission::with(&other, &[&again])).expect_success();
    let both = Query::new(queries::GET_DOCUMENTS).list("$XDSDocumentEntryUniqueId", &[&first.unique_id()]).object_ref();
    assert_eq!(server.query(&both).expect_success().ids().len(), 2);
}

fn r_42_31_another_size_or_hash_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::document(&patient);
    let id = first.unique_id();
    server.register(&Submission::with(&patient, &[&first])).expect_success();
    let same = || with_unique_id(sample::document(&patient), &id).slot("hash", &[&first.value("hash")]);
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let send = |d: Object| server.register(&Submission::with(&patient, &[&d]));
    send(same().slot("size", &["44"])).expect_refused("XDSNonIdenticalSize", &[&id]);
    send(same().slot("hash", &[hash])).expect_refused("XDSNonIdenticalHash", &[&id]);
    send(same().slot("hash", &[hash]).slot("size", &["44"]))
        .expect_codes(&["XDSNonIdenticalHash", "XDSNonIdenticalSize"]);
}

fn r_42_31_of_many_at_once_with_other_hashes_one_succeeds(server: &TestServer) {
    let id = sample::oid();
    let one = || {
        let patient = sample::patient();
        let document = with_unique_id(sample::document(&patient), &id);
        server.register(&Submission::with(&patient, &[&document])).status()
    };
    assert_eq!(successes(8, one), 1);
}

fn r_42_32_a_document_may_not_take_the_unique_id_of_a_set(server: &TestServer) {
    let patient = sample::patient();
    let folder = sample::folder(&patient);
    let first = Submission::with(&patient, &[&sample::document(&patient)]).folder(&folder);
    server.register(&first).expect_success();
    for id in [first.set.unique_id(), folder.unique_id()] {
        let document = with_unique_id(sample::document(&patient), &id);
        let answer = server.register(&Submission::with(&patient, &[&document]));
        answer.expect_refused("XDSDuplicateUniqueIdInRegistry", &[&id]);
    }
}

fn r_42_37_a_refused_submission_leaves_nothing(server: &TestServer) {
    let patient = sample::patient();
    let taken = Submission::with(&patient, &[&sample::document(&patient)]);
    server.register(&taken).expect_success();
    let document = sample::document(&patient);
    let refused = Submission::with(&patient, &[&document]).set(|s| s.identifier(SS_UNIQUE_ID, &taken.set.unique_id()));
    server.register(&refused).expect_refused("XDSDuplicateUniqueIdInRegistry", &[]);
    assert_eq!(server.query(&Query::find_documents(&patient)).expect_success().objects().len(), 1);
    // Its uniqueId is free: another hash may take it.
    let other = with_unique_id(sample::document(&patient), &document.unique_id());
    server.register(&Submission::with(&patient, &[&other])).expect_success();
}

fn r_42_37_nothing_is_half_visible(server: &TestServer) {
    let patient = sample::patient();
    let sets = 12;
    let documents = 7;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..sets {
                let all: Vec<Object> = (0..documents).map(|_| sample::document(&patient)).collect();
                let all: Vec<&Object> = all.iter().collect();
                server.register(&Submission::with(&patient, &all)).expect_success();
            }
        });
        let query = Query::find_documents(&patient).object_ref();
        loop {
            let ended = writer.is_finished();
            let seen = server.query(&query).expect_success().ids().len();
            assert_eq!(seen % documents, 0, "R-18-54: part of a submission was visible");
            if ended {
                assert_eq!(seen, sets * documents);
                break;
            }
        }
    });
}

fn r_42_06_extra_metadata_may_be_dropped(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("registry.save_extra_metadata", "false");
    let server = prepared.start().expect("a server");
    let patient = sample::patient();
    let document = sample::document(&patient).slot("urn:example:ward", &["3"]);
    let answer = server.register(&Submission::with(&patient, &[&document]));
    assert_eq!(answer.status(), "Success");
    let warnings = answer.errors();
    assert_eq!((warnings.len(), warnings[0].severity.as_str()), (1, "Warning"));
    assert_eq!(warnings[0].code, "XDSExtraMetadataNotSaved");
    assert!(warnings[0].context.contains("urn:example:ward"), "{warnings:?}");
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!(found[0].slot("urn:example:ward"), None);
}

fn r_42_18_codes_outside_a_value_set(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store");
    let prepared = prepared.setting("registry.media_types", "text/plain");
    let server = prepared.start().expect("a server");
    let patient = sample::patient();
    server.register(&Submission::with(&patient, &[&sample::document(&patient)])).expect_success();
    let pdf = sample::document(&patient).set("mimeType", "application/pdf");
    let answer = server.register(&Submission::with(&patient, &[&pdf]));
    answer.expect_refused("XDSRegistryMetadataError", &["mimeType", "'application/pdf'", "'text/plain'"]);
}

/// Attribute, classificationScheme, and the code that the value set of the test allows.
const CODED: [(&str, &str, &str, &str); 10] = [
    ("classCode", CLASS_CODE, "18842-5", LOINC),
    ("typeCode", TYPE_CODE, "11490-0", LOINC),
    ("formatCode", FORMAT_CODE, "urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"),
    ("confidentialityCode", CONFIDENTIALITY_CODE, "N", "2.16.840.1.113883.5.25"),
    ("healthcareFacilityTypeCode", FACILITY_TYPE_CODE, "22232009", SNOMED),
    ("practiceSettingCode", PRACTICE_SETTING_CODE, "394579002", SNOMED),
    ("eventCodeList", EVENT_CODE_LIST, "E1", "2.999.30.9"),
    ("contentTypeCode", CONTENT_TYPE_CODE, "DISCH", "2.999.30.1"),
    ("codeList", CODE_LIST, "EPISODE", "2.999.30.2"),
    ("documentation", DOCUMENTATION, "CORR", "2.999.30.3"),
];

fn r_42_18_every_coded_attribute_has_its_value_set(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store");
    let path = prepared.data.join("codes.xml");
    let code_type = |(name, scheme, code, system): &(&str, &str, &str, &str)| {
        format!(
            "<CodeType name=\"{name}\" classScheme=\"{scheme}\"><Code code=\"{code}\" codingScheme=\"{system}\" \
             display=\"the official name\"/></CodeType>"
        )
    };
    let types: String = CODED.iter().map(code_type).collect();
    std::fs::write(&path, format!("<Codes>{types}</Codes>")).expect("written");
    let prepared = prepared.setting("registry.value_sets", &path.display().to_string());
    let server = prepared.start().expect("a server");
    let patient = sample::patient();
    let submission = |changed: &str, code: &str, system: &str| {
        let pick = |scheme: &str| {
            let allowed = CODED.iter().find(|(_, known, ..)| *known == scheme).expect("in the table");
            if scheme == changed {
                (code.to_owned(), system.to_owned())
            } else {
                (allowed.2.to_owned(), allowed.3.to_owned())
            }
        };
        let set = |object: Object, scheme: &str| {
            let (code, system) = pick(scheme);
            object.code(scheme, &code, &system)
        };
        let document = CODED[..7].iter().fold(sample::document(&patient), |d, (_, scheme, ..)| set(d, scheme));
        let (addendum, folder) = (sample::document(&patient), set(sample::folder(&patient), CODE_LIST));
        let relation = set(sample::association(APND, &addendum.id(), &document.id()), DOCUMENTATION);
        Submission::with(&patient, &[&document, &addendum])
            .folder(&folder)
            .object(relation)
            .set(|of| set(of, CONTENT_TYPE_CODE))
    };
    // Under display names that are not those of the value sets.
    server.register(&submission("", "", "")).expect_success();
    for (attribute, scheme, code, system) in CODED {
        let allowed = format!("'{code}^^{system}'");
        for (code, system) in [("other", system), (code, "2.999.30.99")] {
            let answer = server.register(&submission(scheme, code, system));
            let found = format!("{attribute} '{code}^^{system}'");
            answer.expect_refused("XDSRegistryMetadataError", &[&found, "value set", &allowed]);
        }
    }
}

fn registered_documents_survive_a_restart(store: Store) {
    let server = TestServer::prepare(store).and_then(|p| p.start()).expect("a server");
    let patient = sample::patient();
    let before = server.registered(&Submission::with(&patient, &[&sample::document(&patient)]));
    let object = server.entry(&before[0]).xml;
    let server = server.restart().expect("it starts again");
    let after = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!(after.len(), 1);
    // Ids of classifications and identifiers are kept; the whole object is the same.
    assert_eq!(after[0].xml, object);
}
