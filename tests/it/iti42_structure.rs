//! ITI-42, stages 1 and 2: structure and ids.

use libtest_mimic::Trial;

use crate::harness::{
    Query, TestServer, on_every_store,
    sample::{self, Object, Submission, names::*},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_meta_01_the_mark_may_stand_beside_the_package,
        r_meta_01_a_package_marked_inside_and_beside_is_one_set,
        r_meta_01_a_package_without_mark_is_refused,
        r_meta_01_a_package_with_both_marks_is_refused,
        r_meta_01_a_mark_that_marks_nothing_is_refused,
        r_42_01_other_kinds_of_objects_are_refused,
        r_42_01_object_refs_are_ignored,
        r_42_02_a_submission_without_set_is_refused,
        r_42_02_a_submission_with_two_sets_is_refused,
        r_42_03_on_demand_and_unknown_object_types_are_refused,
        r_42_04_an_empty_submission_is_refused,
        r_42_05_unknown_slots_are_refused_unless_they_are_extra_metadata,
        r_42_06_extra_metadata_come_back,
        r_42_07_unknown_schemes_and_nodes_are_refused,
        r_42_08_more_than_one_of_a_single_attribute_is_refused,
        r_42_08_a_classification_of_something_else_is_refused,
        r_42_10_symbolic_ids_become_uuids_everywhere,
        r_42_10_uuids_are_kept,
        r_42_11_an_id_used_twice_is_refused,
        r_42_11_ids_of_classifications_may_repeat,
        r_42_12_an_id_that_is_in_the_registry_is_refused,
        r_meta_32_a_broken_uuid_is_refused,
        r_meta_32_upper_case_uuids_are_lowered,
        r_meta_35_limited_metadata_are_refused,
        r_meta_36_a_lid_that_is_not_the_id_is_refused,
        all_faults_of_a_stage_are_told_together,
        pitfall_17_children_may_come_in_any_order,
        pitfall_23_an_association_without_id_is_given_one,
    ]
    .collect()
}

const BAD: &str = "XDSRegistryMetadataError";

fn one(server: &TestServer, change: impl FnOnce(Object) -> Object) -> crate::harness::Answer {
    let patient = sample::patient();
    let document = change(sample::document(&patient));
    server.register(&Submission::with(&patient, &[&document]))
}

fn mark_beside(set: &str, node: &str) -> String {
    format!("<rim:Classification id=\"mark-beside\" classifiedObject=\"{set}\" classificationNode=\"{node}\"/>")
}

fn r_meta_01_the_mark_may_stand_beside_the_package(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient);
    let submission = Submission::with(&patient, &[&document])
        .set(|s| s.without_scheme(SS_NODE))
        .raw(&mark_beside("SubmissionSet01", SS_NODE));
    server.register(&submission).expect_success();
    let sets = Query::new(crate::harness::queries::FIND_SUBMISSION_SETS)
        .text("$XDSSubmissionSetPatientId", &patient)
        .list("$XDSSubmissionSetStatus", &[APPROVED]);
    let found = server.query(&sets).expect_success().objects();
    assert_eq!(found.len(), 1);
    let marks = found[0].classifications.iter().filter(|c| c.get("classificationNode") == Some(SS_NODE)).count();
    assert_eq!(marks, 1, "the mark is written inside");
}

fn r_meta_01_a_package_marked_inside_and_beside_is_one_set(server: &TestServer) {
    let patient = sample::patient();
    let submission =
        Submission::with(&patient, &[&sample::document(&patient)]).raw(&mark_beside("SubmissionSet01", SS_NODE));
    server.register(&submission).expect_success();
}

fn r_meta_01_a_package_without_mark_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let unmarked = sample::folder(&patient).without_scheme(FD_NODE);
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).object(unmarked.clone());
    let answer = server.register(&submission);
    assert!(
        answer.errors().iter().any(|e| e.code == BAD && e.context.contains(&unmarked.id())),
        "{:?}",
        answer.errors()
    );
}

fn r_meta_01_a_package_with_both_marks_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let folder = sample::folder(&patient).classification(sample::mark(SS_NODE));
    let answer = server.register(&Submission::with(&patient, &[&sample::document(&patient)]).folder(&folder));
    assert!(answer.errors().iter().any(|e| e.code == BAD && e.context.contains(&folder.id())), "{:?}", answer.errors());
}

fn r_meta_01_a_mark_that_marks_nothing_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).raw(&mark_beside("Nobody", SS_NODE));
    server.register(&submission).expect_refused(BAD, &["Nobody"]);
}

fn r_42_01_other_kinds_of_objects_are_refused(server: &TestServer) {
    let patient = sample::patient();
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).raw("<rim:Organization id=\"o\"/>");
    server.register(&submission).expect_refused(BAD, &["Organization"]);
}

fn r_42_01_object_refs_are_ignored(server: &TestServer) {
    let patient = sample::patient();
    let reference = format!("<rim:ObjectRef id=\"{CLASS_CODE}\"/>");
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).raw(&reference);
    server.register(&submission).expect_success();
}

fn r_42_02_a_submission_without_set_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient);
    let submission = Submission { set: document, objects: Vec::new(), raw: String::new() };
    server.register(&submission).expect_refused(BAD, &["SubmissionSet"]);
}

fn r_42_02_a_submission_with_two_sets_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let second = sample::submission_set(&patient).with_id("SubmissionSet02");
    let answer = server.register(&Submission::with(&patient, &[&sample::document(&patient)]).object(second));
    assert!(
        answer.errors().iter().any(|e| e.code == BAD && e.context.contains("SubmissionSet")),
        "{:?}",
        answer.errors()
    );
}

fn r_42_03_on_demand_and_unknown_object_types_are_refused(server: &TestServer) {
    one(server, |d| d.set("objectType", ON_DEMAND)).expect_refused(BAD, &["objectType"]);
    one(server, |d| d.set("objectType", &sample::uuid())).expect_refused(BAD, &["objectType"]);
    one(server, |d| d.unset("objectType")).expect_refused(BAD, &["objectType"]);
}

fn r_42_04_an_empty_submission_is_refused(server: &TestServer) {
    let answer = server.register(&Submission::of(&sample::patient()));
    assert!(answer.errors().iter().all(|e| e.code == BAD), "{:?}", answer.errors());
    assert_eq!(answer.status(), "Failure");
}

fn r_42_05_unknown_slots_are_refused_unless_they_are_extra_metadata(server: &TestServer) {
    one(server, |d| d.slot("ward", &["3"])).expect_refused(BAD, &["ward"]);
    one(server, |d| d.slot("urn:ihe:iti:unknown", &["3"])).expect_refused(BAD, &["urn:ihe:iti:unknown"]);
    one(server, |d| d.slot("urn:example:ward", &["3"])).expect_success();
}

fn r_42_06_extra_metadata_come_back(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient).slot("urn:example:ward", &["3 North", "3 South"]);
    let ids = server.registered(&Submission::with(&patient, &[&document]));
    assert_eq!(server.entry(&ids[0]).slot("urn:example:ward").expect("kept"), ["3 North", "3 South"]);
}

fn r_42_07_unknown_schemes_and_nodes_are_refused(server: &TestServer) {
    let unknown = sample::uuid();
    one(server, |d| d.another_code(&unknown, "x", "1.2.3")).expect_refused(BAD, &[&unknown]);
    one(server, |d| d.another_code(SS_AUTHOR, "x", "1.2.3")).expect_refused(BAD, &[SS_AUTHOR]);
    one(server, |d| d.another_identifier(&unknown, "1.2.3")).expect_refused(BAD, &[&unknown]);
    one(server, |d| d.classification(sample::mark(&unknown))).expect_refused(BAD, &[&unknown]);
}

fn r_42_08_more_than_one_of_a_single_attribute_is_refused(server: &TestServer) {
    one(server, |d| d.another_code(CLASS_CODE, "x", "1.2.3")).expect_refused(BAD, &["classCode"]);
    one(server, |d| d.another_identifier(DE_UNIQUE_ID, "1.2.3")).expect_refused(BAD, &["uniqueId"]);
    one(server, |d| d.slot("size", &["1", "2"])).expect_refused(BAD, &["size"]);
    one(server, |d| d.another_slot("size", &["43"])).expect_refused(BAD, &["size"]);
}

fn r_42_08_a_classification_of_something_else_is_refused(server: &TestServer) {
    let answer = one(server, |d| {
        d.change_scheme(CLASS_CODE, |c| c.attributes.push(("classifiedObject".into(), "SubmissionSet01".into())))
    });
    answer.expect_refused(BAD, &["classifiedObject"]);
}

fn r_42_10_symbolic_ids_become_uuids_everywhere(server: &TestServer) {
    let patient = sample::patient();
    let (document, folder) = (sample::document(&patient), sample::folder(&patient));
    let submission = Submission::with(&patient, &[&document]).folder(&folder).member(&folder.id(), &document.id());
    let ids = server.registered(&submission);
    let all = Query::new(crate::harness::queries::GET_FOLDER_AND_CONTENTS).text("$XDSFolderEntryUUID", &ids[1]);
    let objects = server.query(&all).expect_success().objects();
    for object in &objects {
        let inner = object.classifications.iter().map(|c| c.get("classifiedObject"));
        let outer = object.identifiers.iter().map(|i| i.get("registryObject"));
        assert!(object.id().starts_with("urn:uuid:"), "{}", object.id());
        assert!(inner.chain(outer).all(|id| id == Some(object.id())), "{}", object.xml);
        assert!(object.classifications.iter().all(|c| c.id().starts_with("urn:uuid:")), "{}", object.xml);
    }
    let member = objects.iter().find(|o| o.element == "Association").expect("the membership");
    assert_eq!((member.get("sourceObject"), member.get("targetObject")), (Some(&*ids[1]), Some(&*ids[0])));
}

fn r_42_10_uuids_are_kept(server: &TestServer) {
    let patient = sample::patient();
    let id = sample::uuid();
    let ids = server.registered(&Submission::with(&patient, &[&sample::document(&patient).with_id(&id)]));
    assert_eq!(ids, [id]);
}

fn r_42_11_an_id_used_twice_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::document(&patient);
    let second = sample::document(&patient).with_id(&first.id());
    let answer = server.register(&Submission::with(&patient, &[&first]).object(second));
    assert!(answer.errors().iter().any(|e| e.code == BAD && e.context.contains(&first.id())), "{:?}", answer.errors());
}

fn r_42_11_ids_of_classifications_may_repeat(server: &TestServer) {
    one(server, |mut d| {
        d.classifications.iter_mut().for_each(|c| c.id = "same".to_owned());
        d
    })
    .expect_success();
}

fn r_42_12_an_id_that_is_in_the_registry_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let id = sample::uuid();
    server.register(&Submission::with(&patient, &[&sample::document(&patient).with_id(&id)])).expect_success();
    let again = Submission::with(&patient, &[&sample::document(&patient).with_id(&id)]);
    server.register(&again).expect_refused(BAD, &[&id]);
}

fn r_meta_32_a_broken_uuid_is_refused(server: &TestServer) {
    for id in ["urn:uuid:not-one", "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c", "urn:uuid:"] {
        let answer = one(server, |d| d.with_id(id));
        assert!(answer.errors().iter().any(|e| e.code == BAD && e.context.contains(id)), "{id}: {:?}", answer.errors());
    }
}

fn r_meta_32_upper_case_uuids_are_lowered(server: &TestServer) {
    let patient = sample::patient();
    let id = sample::uuid();
    let upper = format!("urn:uuid:{}", id["urn:uuid:".len()..].to_uppercase());
    let ids = server.registered(&Submission::with(&patient, &[&sample::document(&patient).with_id(&upper)]));
    assert_eq!(ids, [id]);
    assert_eq!(server.query(&Query::get_documents(&[&upper])).expect_success().objects().len(), 1);
}

fn r_meta_35_limited_metadata_are_refused(server: &TestServer) {
    let node = "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85";
    one(server, |d| d.classification(sample::mark(node))).expect_refused(BAD, &["limitedMetadata"]);
}

fn r_meta_36_a_lid_that_is_not_the_id_is_refused(server: &TestServer) {
    one(server, |d| d.set("lid", &sample::uuid())).expect_refused(BAD, &["lid"]);
    let answer = one(server, |d| {
        let id = d.id();
        d.set("lid", &id)
    });
    answer.expect_success();
}

fn all_faults_of_a_stage_are_told_together(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::document(&patient).without_slot("creationTime").slot("languageCode", &["n l"]);
    let second = sample::document(&patient).without_scheme(TYPE_CODE).slot("size", &["43.0"]);
    let answer = server.register(&Submission::with(&patient, &[&first, &second]));
    answer.expect_codes(&[BAD; 4]);
    let contexts: Vec<String> = answer.errors().into_iter().map(|e| e.context).collect();
    for (object, attribute) in
        [(&first, "creationTime"), (&first, "languageCode"), (&second, "typeCode"), (&second, "size")]
    {
        let told = contexts.iter().any(|c| c.contains(&object.id()) && c.contains(attribute));
        assert!(told, "{} {attribute}: {contexts:?}", object.id());
    }
}

fn pitfall_17_children_may_come_in_any_order(server: &TestServer) {
    let patient = sample::patient();
    let late =
        "<rim:Slot name=\"languageCode\"><rim:ValueList><rim:Value>\n  nl-NL\n</rim:Value></rim:ValueList></rim:Slot>";
    let document = sample::document(&patient).without_slot("languageCode").raw(late);
    let ids = server.registered(&Submission::with(&patient, &[&document]));
    // Values are kept without the blanks around them (pitfall 18).
    assert_eq!(server.entry(&ids[0]).value("languageCode"), Some("nl-NL"));
}

fn pitfall_23_an_association_without_id_is_given_one(server: &TestServer) {
    let patient = sample::patient();
    let mut submission = Submission::with(&patient, &[&sample::document(&patient)]);
    submission.objects[1] = submission.objects[1].clone().unset("id");
    server.register(&submission).expect_success();
}
