//! ITI-18, the Get queries: what each returns, by entryUUID and by uniqueId, and what it leaves out.

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer, on_every_store,
    queries::*,
    sample::{self, Object, Submission, names::*},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        get_all,
        get_all_by_every_parameter,
        get_documents,
        get_folders,
        get_associations,
        get_documents_and_associations,
        get_submission_sets,
        get_submission_set_and_contents,
        get_submission_set_and_contents_filters,
        get_folder_and_contents,
        get_folders_for_document,
        get_related_documents,
        get_related_documents_by_type,
        r_18_21_exactly_one_of_a_pair,
        r_18_22_one_patient_in_an_answer,
        r_18_23_unknown_ids_are_not_an_error,
        r_18_62_associations_by_status,
        r_18_50_the_order_of_an_answer,
    ]
    .collect()
}

/// Two documents in a folder of one set, and a later replacement of the first.
struct World {
    patient: String,
    first: Object,
    second: Object,
    folder: Object,
    set: Object,
    first_id: String,
    second_id: String,
    folder_id: String,
    set_id: String,
    new_id: String,
}

fn world(server: &TestServer) -> World {
    let patient = sample::patient();
    let first = sample::document(&patient);
    let second = sample::document(&patient)
        .code(FORMAT_CODE, "special", "1.2.3")
        .code(CONFIDENTIALITY_CODE, "R", "1.2.4")
        .another_code(CONFIDENTIALITY_CODE, "V", "1.2.4");
    let folder = sample::folder(&patient);
    let set_id = sample::uuid();
    let submission =
        Submission { set: sample::submission_set(&patient).with_id(&set_id), objects: Vec::new(), raw: String::new() };
    let submission = submission
        .document(&first)
        .document(&second)
        .folder(&folder)
        .member(&folder.id(), &first.id())
        .member(&folder.id(), &second.id());
    let ids = server.registered(&submission);
    let replacement = sample::document(&patient);
    let later = Submission::with(&patient, &[&replacement]).relate(RPLC, &replacement.id(), &ids[0]);
    let new_id = server.registered(&later).remove(0);
    let [first_id, second_id, folder_id] = <[String; 3]>::try_from(ids).expect("three objects");
    World { patient, first, second, folder, set: submission.set, first_id, second_id, folder_id, set_id, new_id }
}

fn kinds(answer: &Answer) -> [usize; 4] {
    let mut counts = [0; 4];
    for object in answer.objects() {
        let is_set = object.classifications.iter().any(|c| c.get("classificationNode") == Some(SS_NODE));
        let kind = match object.element.as_str() {
            "RegistryPackage" if is_set => 0,
            "ExtrinsicObject" => 1,
            "RegistryPackage" => 2,
            "Association" => 3,
            other => panic!("{other} in an answer"),
        };
        counts[kind] += 1;
    }
    counts
}

/// Runs a query in both return types; they hold the same objects.
#[track_caller]
fn both(server: &TestServer, query: &Query) -> Answer {
    let leaves = server.query(query).expect_success();
    let references = server.query(&query.clone().object_ref()).expect_success();
    assert_eq!(leaves.ids(), references.ids(), "R-18-50");
    let mut unique = leaves.ids();
    unique.dedup();
    assert_eq!(unique, leaves.ids(), "R-18-50: no duplicates");
    leaves
}

fn all_of(patient: &str) -> Query {
    Query::new(GET_ALL)
        .text("$patientId", patient)
        .list("$XDSDocumentEntryStatus", &[APPROVED])
        .list("$XDSSubmissionSetStatus", &[APPROVED])
        .list("$XDSFolderStatus", &[APPROVED])
}

fn get_all(server: &TestServer) {
    let w = world(server);
    let answer = both(server, &all_of(&w.patient));
    let ids = answer.ids();
    assert!(!ids.contains(&w.first_id), "the replaced document is Deprecated");
    assert!([&w.second_id, &w.new_id, &w.folder_id, &w.set_id].iter().all(|id| ids.contains(id)));
    // 2 sets; second and replacement; folder; of the first submission SS-DE x 2, SS-FD, FD-DE x 2, SS-HM x 2; of the second
    // SS-DE, RPLC, FD-DE, SS-HM.
    assert_eq!(kinds(&answer), [2, 2, 1, 11]);
}

fn get_all_by_every_parameter(server: &TestServer) {
    let w = world(server);
    let query = all_of(&w.patient);
    let entries = |query: &Query| kinds(&both(server, query))[1];
    let deprecated = query.clone().without("$XDSDocumentEntryStatus").list("$XDSDocumentEntryStatus", &[DEPRECATED]);
    assert!(both(server, &deprecated).ids().contains(&w.first_id));
    assert_eq!(entries(&query.clone().list("$XDSDocumentEntryFormatCode", &["special^^1.2.3"])), 1);
    assert_eq!(entries(&query.clone().list("$XDSDocumentEntryFormatCode", &["other^^1.2.3"])), 0);
    let confidentiality = "$XDSDocumentEntryConfidentialityCode";
    assert_eq!(entries(&query.clone().list(confidentiality, &["R^^1.2.4"]).list(confidentiality, &["V^^1.2.4"])), 1);
    assert_eq!(entries(&query.clone().list(confidentiality, &["R^^1.2.4"]).list(confidentiality, &["N^^1.2.4"])), 0);
    assert_eq!(entries(&query.clone().list("$XDSDocumentEntryType", &[STABLE])), 2);
    assert_eq!(entries(&query.clone().list("$XDSDocumentEntryType", &[ON_DEMAND])), 0);
    for (name, kind) in [("$XDSSubmissionSetStatus", 0), ("$XDSFolderStatus", 2)] {
        let without = query.clone().without(name).list(name, &[DEPRECATED]);
        assert_eq!(kinds(&both(server, &without))[kind], 0, "{name}");
    }
    misses(server, &query.clone().without("$patientId").text("$patientId", &sample::patient()));
    for name in ["$patientId", "$XDSDocumentEntryStatus", "$XDSSubmissionSetStatus", "$XDSFolderStatus"] {
        server.query(&query.clone().without(name)).expect_refused("XDSStoredQueryMissingParam", &[name]);
    }
}

#[track_caller]
fn misses(server: &TestServer, query: &Query) {
    assert_eq!(both(server, query).ids(), [""; 0]);
}

fn get_documents(server: &TestServer) {
    let w = world(server);
    let unknown = sample::uuid();
    // R-18-24: whatever the status.
    let by_id = Query::get_documents(&[&w.first_id, &unknown, &w.new_id]);
    both(server, &by_id).expect_ids(&[&w.first_id, &w.new_id]);
    let by_unique_id = |ids: &[&str]| Query::new(GET_DOCUMENTS).list("$XDSDocumentEntryUniqueId", ids);
    let unique = by_unique_id(&[&w.first.unique_id(), &w.second.unique_id(), "1.2.3"]);
    both(server, &unique).expect_ids(&[&w.first_id, &w.second_id]);
    misses(server, &by_unique_id(&["1.2.3"]));
    misses(server, &Query::get_documents(&[&unknown]));
    // A folder is no document.
    misses(server, &Query::get_documents(&[&w.folder_id]));
}

fn get_folders(server: &TestServer) {
    let w = world(server);
    both(server, &Query::new(GET_FOLDERS).list("$XDSFolderEntryUUID", &[&w.folder_id])).expect_ids(&[&w.folder_id]);
    let by_unique_id = Query::new(GET_FOLDERS).list("$XDSFolderUniqueId", &[&w.folder.unique_id(), "1.2.3"]);
    both(server, &by_unique_id).expect_ids(&[&w.folder_id]);
    misses(server, &Query::new(GET_FOLDERS).list("$XDSFolderEntryUUID", &[&w.first_id, &w.set_id]));
    misses(server, &Query::new(GET_FOLDERS).list("$XDSFolderUniqueId", &[&w.set.unique_id()]));
}

fn get_associations(server: &TestServer) {
    let w = world(server);
    let of = |ids: &[&str]| Query::new(GET_ASSOCIATIONS).list("$uuid", ids);
    // SS-DE, FD-DE, RPLC.
    let answer = both(server, &of(&[&w.first_id]));
    assert_eq!(kinds(&answer), [0, 0, 0, 3]);
    // Of the folder: SS-FD and three FD-DE; those of the document are among them once.
    let answer = both(server, &of(&[&w.first_id, &w.folder_id]));
    assert_eq!(kinds(&answer), [0, 0, 0, 6]);
    misses(server, &of(&[&sample::uuid()]));
    server.query(&Query::new(GET_ASSOCIATIONS)).expect_refused("XDSStoredQueryMissingParam", &["$uuid"]);
}

fn get_documents_and_associations(server: &TestServer) {
    let w = world(server);
    let query = Query::new(GET_DOCUMENTS_AND_ASSOCIATIONS);
    let answer = both(server, &query.clone().list("$XDSDocumentEntryEntryUUID", &[&w.first_id]));
    assert_eq!(kinds(&answer), [0, 1, 0, 3]);
    let answer = both(server, &query.clone().list("$XDSDocumentEntryUniqueId", &[&w.second.unique_id()]));
    assert_eq!(kinds(&answer), [0, 1, 0, 2]);
    misses(server, &query.list("$XDSDocumentEntryUniqueId", &["1.2.3"]));
}

fn get_submission_sets(server: &TestServer) {
    let w = world(server);
    let of = |ids: &[&str]| Query::new(GET_SUBMISSION_SETS).list("$uuid", ids);
    let answer = both(server, &of(&[&w.first_id, &w.folder_id]));
    assert_eq!(kinds(&answer), [1, 0, 0, 2]);
    assert!(answer.ids().contains(&w.set_id));
    // A reference counts as well.
    let referring = Submission::with(&w.patient, &[&sample::document(&w.patient)]).reference("Reference", &w.second_id);
    server.register(&referring).expect_success();
    assert_eq!(kinds(&both(server, &of(&[&w.second_id]))), [2, 0, 0, 2]);
    misses(server, &of(&[&sample::uuid()]));
    server.query(&Query::new(GET_SUBMISSION_SETS)).expect_refused("XDSStoredQueryMissingParam", &["$uuid"]);
}

fn contents_of_set(set: &str) -> Query {
    Query::new(GET_SUBMISSION_SET_AND_CONTENTS).text("$XDSSubmissionSetEntryUUID", set)
}

fn get_submission_set_and_contents(server: &TestServer) {
    let w = world(server);
    let answer = both(server, &contents_of_set(&w.set_id));
    // SS; two documents; folder; SS-DE x 2, SS-FD, FD-DE x 2, SS-HM x 2.
    assert_eq!(kinds(&answer), [1, 2, 1, 7]);
    let by_unique_id =
        Query::new(GET_SUBMISSION_SET_AND_CONTENTS).text("$XDSSubmissionSetUniqueId", &w.set.unique_id());
    assert_eq!(both(server, &by_unique_id).ids(), answer.ids());
    misses(server, &contents_of_set(&sample::uuid()));
    misses(server, &Query::new(GET_SUBMISSION_SET_AND_CONTENTS).text("$XDSSubmissionSetUniqueId", "1.2.3"));
    // The later set: its document; the generated membership only with the folder, which is not in it; no RPLC.
    let sets = both(server, &Query::new(GET_SUBMISSION_SETS).list("$uuid", &[&w.new_id])).objects();
    let later = sets.iter().find(|o| o.element == "RegistryPackage").expect("the later set").id().to_owned();
    assert_eq!(kinds(&both(server, &contents_of_set(&later))), [1, 1, 0, 1]);
}

/// The three filters of the contents of a set or a folder; `with` and `without` count what is left.
fn filters(server: &TestServer, query: &Query, all: [usize; 4], one: [usize; 4], none: [usize; 4]) {
    let format = "$XDSDocumentEntryFormatCode";
    let confidentiality = "$XDSDocumentEntryConfidentialityCode";
    let count = |query: Query| kinds(&both(server, &query));
    assert_eq!(count(query.clone().list(format, &["special^^1.2.3"])), one);
    assert_eq!(count(query.clone().list(format, &["other^^1.2.3"])), none);
    assert_eq!(count(query.clone().list(confidentiality, &["R^^1.2.4"]).list(confidentiality, &["V^^1.2.4"])), one);
    assert_eq!(count(query.clone().list(confidentiality, &["X^^1.2.4"])), none);
    assert_eq!(count(query.clone().list("$XDSDocumentEntryType", &[STABLE])), all);
    assert_eq!(count(query.clone().list("$XDSDocumentEntryType", &[ON_DEMAND])), none);
}

fn get_submission_set_and_contents_filters(server: &TestServer) {
    let w = world(server);
    filters(server, &contents_of_set(&w.set_id), [1, 2, 1, 7], [1, 1, 1, 4], [1, 0, 1, 1]);
}

fn get_folder_and_contents(server: &TestServer) {
    let w = world(server);
    let query = Query::new(GET_FOLDER_AND_CONTENTS).text("$XDSFolderEntryUUID", &w.folder_id);
    // With the replacement, which entered the folder.
    let answer = both(server, &query);
    assert_eq!(kinds(&answer), [0, 3, 1, 3]);
    let by_unique_id = Query::new(GET_FOLDER_AND_CONTENTS).text("$XDSFolderUniqueId", &w.folder.unique_id());
    assert_eq!(both(server, &by_unique_id).ids(), answer.ids());
    filters(server, &query, [0, 3, 1, 3], [0, 1, 1, 1], [0, 0, 1, 0]);
    misses(server, &Query::new(GET_FOLDER_AND_CONTENTS).text("$XDSFolderEntryUUID", &w.set_id));
    misses(server, &Query::new(GET_FOLDER_AND_CONTENTS).text("$XDSFolderUniqueId", "1.2.3"));
}

fn get_folders_for_document(server: &TestServer) {
    let w = world(server);
    let query = Query::new(GET_FOLDERS_FOR_DOCUMENT);
    both(server, &query.clone().text("$XDSDocumentEntryEntryUUID", &w.new_id)).expect_ids(&[&w.folder_id]);
    both(server, &query.clone().text("$XDSDocumentEntryUniqueId", &w.second.unique_id())).expect_ids(&[&w.folder_id]);
    let alone = server.registered(&Submission::with(&w.patient, &[&sample::document(&w.patient)])).remove(0);
    misses(server, &query.clone().text("$XDSDocumentEntryEntryUUID", &alone));
    misses(server, &query.text("$XDSDocumentEntryUniqueId", "1.2.3"));
}

fn get_related_documents(server: &TestServer) {
    let w = world(server);
    let query = |id: &str, types: &[&str]| {
        Query::new(GET_RELATED_DOCUMENTS).text("$XDSDocumentEntryEntryUUID", id).list("$AssociationTypes", types)
    };
    let answer = both(server, &query(&w.first_id, &[RPLC, APND]));
    assert_eq!(kinds(&answer), [0, 2, 0, 1]);
    assert_eq!(both(server, &query(&w.new_id, &[RPLC])).ids(), answer.ids(), "from either end");
    let by_unique_id = Query::new(GET_RELATED_DOCUMENTS)
        .text("$XDSDocumentEntryUniqueId", &w.first.unique_id())
        .list("$AssociationTypes", &[RPLC]);
    assert_eq!(both(server, &by_unique_id).ids(), answer.ids());
    misses(server, &query(&w.first_id, &[APND]));
    // Memberships are not between documents.
    misses(server, &query(&w.first_id, &[HAS_MEMBER]));
    misses(server, &query(&w.second_id, &[RPLC]));
    let required = Query::new(GET_RELATED_DOCUMENTS).text("$XDSDocumentEntryEntryUUID", &w.first_id);
    server.query(&required).expect_refused("XDSStoredQueryMissingParam", &["$AssociationTypes"]);
}

fn get_related_documents_by_type(server: &TestServer) {
    let w = world(server);
    let query = Query::new(GET_RELATED_DOCUMENTS)
        .text("$XDSDocumentEntryEntryUUID", &w.first_id)
        .list("$AssociationTypes", &[RPLC]);
    assert_eq!(kinds(&both(server, &query.clone().list("$XDSDocumentEntryType", &[STABLE]))), [0, 2, 0, 1]);
    misses(server, &query.list("$XDSDocumentEntryType", &[ON_DEMAND]));
}

fn r_18_21_exactly_one_of_a_pair(server: &TestServer) {
    let pairs = [
        (GET_DOCUMENTS, "$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"),
        (GET_FOLDERS, "$XDSFolderEntryUUID", "$XDSFolderUniqueId"),
        (GET_DOCUMENTS_AND_ASSOCIATIONS, "$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"),
        (GET_SUBMISSION_SET_AND_CONTENTS, "$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId"),
        (GET_FOLDER_AND_CONTENTS, "$XDSFolderEntryUUID", "$XDSFolderUniqueId"),
        (GET_FOLDERS_FOR_DOCUMENT, "$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"),
        (GET_RELATED_DOCUMENTS, "$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"),
    ];
    for (id, uuid, unique_id) in pairs {
        let query = Query::new(id).list("$AssociationTypes", &[RPLC]);
        server.query(&query).expect_refused("XDSStoredQueryMissingParam", &[uuid, unique_id]);
        let both = query.text(uuid, &sample::uuid()).text(unique_id, "1.2.3");
        server.query(&both).expect_refused("XDSStoredQueryParamNumber", &[uuid, unique_id]);
    }
}

fn r_18_22_one_patient_in_an_answer(server: &TestServer) {
    let (mother, child) = (sample::patient(), sample::patient());
    let of_mother = server.registered(&Submission::with(&mother, &[&sample::document(&mother)])).remove(0);
    let set_id = sample::uuid();
    let set = sample::submission_set(&child).with_id(&set_id);
    let submission = Submission { set, objects: Vec::new(), raw: String::new() };
    let of_child = sample::document(&child);
    let submission = submission.document(&of_child).reference("Reference", &of_mother);
    let of_child = server.registered(&submission).remove(0);
    let folders: Vec<String> =
        [&mother, &child].map(|p| server.registered(&Submission::of(p).folder(&sample::folder(p))).remove(0)).into();
    let queries = [
        Query::get_documents(&[&of_mother, &of_child]),
        Query::new(GET_FOLDERS).list("$XDSFolderEntryUUID", &[&folders[0], &folders[1]]),
        Query::new(GET_DOCUMENTS_AND_ASSOCIATIONS).list("$XDSDocumentEntryEntryUUID", &[&of_mother, &of_child]),
        Query::new(GET_SUBMISSION_SETS).list("$uuid", &[&of_mother, &of_child]),
        contents_of_set(&set_id),
    ];
    for query in queries {
        let answer = server.query(&query);
        answer.expect_refused("XDSResultNotSinglePatient", &[]);
        assert_eq!(answer.objects().len(), 0, "no metadata at all");
        assert!(server.query(&query.object_ref()).expect_success().ids().len() > 1, "references are not checked");
    }
    // Not marked as single-patient: associations.
    let associations = Query::new(GET_ASSOCIATIONS).list("$uuid", &[&of_mother, &of_child]);
    server.query(&associations).expect_success();
}

fn r_18_23_unknown_ids_are_not_an_error(server: &TestServer) {
    for id in ["Symbolic", "urn:uuid:broken", "'; DROP TABLE x; --"] {
        misses(server, &Query::get_documents(&[id]));
        misses(server, &Query::new(GET_ASSOCIATIONS).list("$uuid", &[id]));
        misses(server, &Query::new(GET_FOLDER_AND_CONTENTS).text("$XDSFolderEntryUUID", id));
    }
}

fn r_18_62_associations_by_status(server: &TestServer) {
    let w = world(server);
    for query in [
        Query::new(GET_ASSOCIATIONS).list("$uuid", &[&w.first_id]),
        Query::new(GET_DOCUMENTS_AND_ASSOCIATIONS).list("$XDSDocumentEntryEntryUUID", &[&w.first_id]),
    ] {
        let with = |status: &str| kinds(&both(server, &query.clone().list("$XDSAssociationStatus", &[status])))[3];
        assert_eq!((with(APPROVED), with(DEPRECATED)), (3, 0));
    }
}

fn r_18_50_the_order_of_an_answer(server: &TestServer) {
    let w = world(server);
    let order: Vec<String> =
        server.query(&all_of(&w.patient)).expect_success().objects().into_iter().map(|o| o.element).collect();
    let expected =
        [vec!["RegistryPackage"; 2], vec!["ExtrinsicObject"; 2], vec!["RegistryPackage"], vec!["Association"; 11]];
    assert_eq!(order, expected.concat());
}
