//! ITI-42, stages 7 and 8: associations and what a replacement does.

use std::thread;

use libtest_mimic::Trial;

use crate::harness::{
    Answer, Found, Query, TestServer, on_every_store, queries,
    sample::{self, Object, Submission, names::*},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_asc_01_unknown_and_short_types_are_refused,
        r_asc_02_the_submission_set_status,
        r_asc_03_everything_belongs_to_the_set,
        r_asc_04_only_this_set_is_a_source,
        r_asc_05_folders_do_not_nest,
        r_asc_06_references_resolve,
        r_asc_07_the_source_of_a_relationship_is_submitted,
        r_asc_08_the_target_of_a_replacement_is_in_the_registry,
        r_asc_09_a_deprecated_target_is_refused,
        r_asc_10_a_relationship_stays_with_one_patient,
        r_asc_11_a_snapshot_is_of_an_on_demand_entry,
        r_asc_12_a_transformation_is_not_appended,
        r_asc_13_folder_and_document_share_the_patient,
        r_asc_13_a_deprecated_document_enters_no_folder,
        r_asc_14_a_reference_to_a_deprecated_document_is_refused,
        r_asc_14_a_reference_may_be_to_another_patient,
        r_asc_15_documentation_of_a_relationship_comes_back,
        r_asc_15_documentation_of_a_membership_is_refused,
        r_asc_16_the_same_association_twice_is_refused,
        r_asc_16_a_membership_again_is_taken,
        r_asc_17_nothing_relates_to_itself,
        r_asc_20_a_replaced_document_is_deprecated,
        r_asc_21_what_hangs_on_it_is_deprecated_too,
        r_asc_22_the_replacement_enters_the_folders,
        r_asc_22_a_folder_of_another_patient_refuses,
        r_asc_23_one_replacement_at_a_time,
        r_asc_24_the_replacement_may_keep_the_unique_id,
        r_asc_25_last_update_time,
        a_folder_takes_documents_of_the_registry,
    ]
    .collect()
}

const BAD: &str = "XDSRegistryMetadataError";
const UNRESOLVED: &str = "UnresolvedReferenceException";
const DEPRECATED_DOCUMENT: &str = "XDSRegistryDeprecatedDocumentError";

/// Registers one document; its entryUUID.
fn registered(server: &TestServer, patient: &str) -> String {
    server.registered(&Submission::with(patient, &[&sample::document(patient)])).remove(0)
}

/// A new document that has this relationship to a registered one.
fn relating(server: &TestServer, patient: &str, kind: &str, target: &str) -> Answer {
    let document = sample::document(patient);
    server.register(&Submission::with(patient, &[&document]).relate(kind, &document.id(), target))
}

/// As [`relating`], and it must succeed; the new entryUUID.
fn related(server: &TestServer, patient: &str, kind: &str, target: &str) -> String {
    let document = sample::document(patient);
    server.registered(&Submission::with(patient, &[&document]).relate(kind, &document.id(), target)).remove(0)
}

fn folder_contents(server: &TestServer, folder: &str) -> Vec<Found> {
    let query = Query::new(queries::GET_FOLDER_AND_CONTENTS).text("$XDSFolderEntryUUID", folder);
    server.query(&query).expect_success().objects()
}

fn associations(server: &TestServer, id: &str) -> Vec<Found> {
    server.query(&Query::new(queries::GET_ASSOCIATIONS).list("$uuid", &[id])).expect_success().objects()
}

fn r_asc_01_unknown_and_short_types_are_refused(server: &TestServer) {
    let patient = sample::patient();
    let target = registered(server, &patient);
    let update = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus";
    for kind in ["RPLC", "HasMember", "urn:ihe:iti:2007:AssociationType:Signs", update] {
        let answer = relating(server, &patient, kind, &target);
        assert!(
            answer.errors().iter().any(|e| e.code == BAD && e.context.contains(kind)),
            "{kind}: {:?}",
            answer.errors()
        );
    }
}

fn r_asc_02_the_submission_set_status(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    let with_member = |status: Option<&str>, target: &str| {
        let document = sample::document(&patient);
        let mut submission = Submission::with(&patient, &[&document]);
        let target = if target.is_empty() { document.id() } else { target.to_owned() };
        let member = sample::association(HAS_MEMBER, "SubmissionSet01", &target);
        let member = status.map_or(member.clone(), |s| member.slot("SubmissionSetStatus", &[s]));
        if target == document.id() {
            submission.objects.pop();
        }
        server.register(&submission.object(member))
    };
    with_member(None, "").expect_refused(BAD, &["SubmissionSetStatus"]);
    with_member(Some("original"), "").expect_refused(BAD, &["SubmissionSetStatus", "original"]);
    with_member(Some("Reference"), "").expect_refused(BAD, &["SubmissionSetStatus"]);
    with_member(Some("Original"), &old).expect_refused(BAD, &["SubmissionSetStatus"]);
    with_member(Some("Original"), &sample::uuid()).expect_refused(UNRESOLVED, &[]);
    with_member(Some("Reference"), &old).expect_success();
}

fn r_asc_03_everything_belongs_to_the_set(server: &TestServer) {
    let patient = sample::patient();
    let (document, folder) = (sample::document(&patient), sample::folder(&patient));
    let base = Submission::with(&patient, &[&sample::document(&patient)]);
    server.register(&base.clone().object(document.clone())).expect_refused(BAD, &[&document.id()]);
    server.register(&base.clone().object(folder.clone())).expect_refused(BAD, &[&folder.id()]);
    let member = sample::association(HAS_MEMBER, &folder.id(), &base.objects[0].id());
    server.register(&base.clone().folder(&folder).object(member.clone())).expect_refused(BAD, &[&member.id()]);
    let twice = base.clone().reference("Original", &base.objects[0].id());
    assert!(server.register(&twice).errors().iter().all(|e| e.code == BAD));
}

fn r_asc_04_only_this_set_is_a_source(server: &TestServer) {
    let patient = sample::patient();
    let set = sample::uuid();
    let document = sample::document(&patient);
    let first =
        Submission { set: sample::submission_set(&patient).with_id(&set), objects: Vec::new(), raw: String::new() };
    server.register(&first.document(&document)).expect_success();
    let other = sample::document(&patient);
    let member = sample::association(HAS_MEMBER, &set, &other.id()).slot("SubmissionSetStatus", &["Original"]);
    let answer = server.register(&Submission::with(&patient, &[&other]).object(member));
    assert!(answer.errors().iter().any(|e| e.code == BAD), "{:?}", answer.errors());
    let to_old_set = sample::document(&patient);
    let member = sample::association(HAS_MEMBER, "SubmissionSet01", &set).slot("SubmissionSetStatus", &["Reference"]);
    let answer = server.register(&Submission::with(&patient, &[&to_old_set]).object(member));
    assert!(answer.errors().iter().any(|e| e.code == BAD), "{:?}", answer.errors());
}

fn r_asc_05_folders_do_not_nest(server: &TestServer) {
    let patient = sample::patient();
    let (outer, inner) = (sample::folder(&patient), sample::folder(&patient));
    let submission = Submission::of(&patient).folder(&outer).folder(&inner);
    let nested = submission.object(sample::association(HAS_MEMBER, &outer.id(), &inner.id()));
    let answer = server.register(&nested);
    assert!(answer.errors().iter().any(|e| e.code == BAD), "{:?}", answer.errors());
    let (a, b) = (sample::document(&patient), sample::document(&patient));
    let of_document = Submission::with(&patient, &[&a, &b]).object(sample::association(HAS_MEMBER, &a.id(), &b.id()));
    let answer = server.register(&of_document);
    assert!(answer.errors().iter().any(|e| e.code == BAD), "{:?}", answer.errors());
}

fn r_asc_06_references_resolve(server: &TestServer) {
    let patient = sample::patient();
    relating(server, &patient, APND, "Nowhere").expect_refused(UNRESOLVED, &["Nowhere"]);
    let unknown = sample::uuid();
    relating(server, &patient, APND, &unknown).expect_refused(UNRESOLVED, &[&unknown]);
    relating(server, &patient, RPLC, &unknown).expect_refused(UNRESOLVED, &[&unknown]);
}

fn r_asc_07_the_source_of_a_relationship_is_submitted(server: &TestServer) {
    let patient = sample::patient();
    let (old, older) = (registered(server, &patient), registered(server, &patient));
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).relate(APND, &old, &older);
    server.register(&submission).expect_refused(UNRESOLVED, &[&old]);
}

fn r_asc_08_the_target_of_a_replacement_is_in_the_registry(server: &TestServer) {
    let patient = sample::patient();
    let (a, b) = (sample::document(&patient), sample::document(&patient));
    let both = Submission::with(&patient, &[&a, &b]);
    server.register(&both.clone().relate(RPLC, &a.id(), &b.id())).expect_refused(UNRESOLVED, &[&b.id()]);
    server.register(&both.relate(APND, &a.id(), &b.id())).expect_success();
    let folder = server.registered(&Submission::of(&patient).folder(&sample::folder(&patient))).remove(0);
    relating(server, &patient, RPLC, &folder).expect_refused(UNRESOLVED, &[&folder]);
    relating(server, &patient, SIGNS, &folder).expect_refused(UNRESOLVED, &[&folder]);
}

fn r_asc_09_a_deprecated_target_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    related(server, &patient, RPLC, &old);
    for kind in [RPLC, APND, XFRM, XFRM_RPLC, SIGNS] {
        relating(server, &patient, kind, &old).expect_refused(DEPRECATED_DOCUMENT, &[&old]);
    }
}

fn r_asc_10_a_relationship_stays_with_one_patient(server: &TestServer) {
    let (patient, other) = (sample::patient(), sample::patient());
    let target = registered(server, &other);
    for kind in [RPLC, APND, XFRM, SIGNS] {
        let answer = relating(server, &patient, kind, &target);
        answer.expect_refused("XDSPatientIdDoesNotMatch", &[]);
        // The other patient is not the sender's to know.
        assert!(
            !answer.root.contains(other.split('^').next().expect("an id")),
            "codeContext tells a value of the registry"
        );
    }
}

fn r_asc_11_a_snapshot_is_of_an_on_demand_entry(server: &TestServer) {
    let patient = sample::patient();
    let stable = registered(server, &patient);
    relating(server, &patient, SNAPSHOT, &stable).expect_refused(BAD, &[&stable]);
}

fn r_asc_12_a_transformation_is_not_appended(server: &TestServer) {
    let patient = sample::patient();
    let original = registered(server, &patient);
    let transformed = related(server, &patient, XFRM, &original);
    relating(server, &patient, APND, &transformed).expect_refused(BAD, &[&transformed]);
    related(server, &patient, RPLC, &transformed);
}

fn r_asc_13_folder_and_document_share_the_patient(server: &TestServer) {
    let (patient, other) = (sample::patient(), sample::patient());
    let foreign = registered(server, &other);
    let folder = sample::folder(&patient);
    let submission = Submission::of(&patient).folder(&folder).member(&folder.id(), &foreign);
    server.register(&submission).expect_refused("XDSPatientIdDoesNotMatch", &[]);
}

fn r_asc_13_a_deprecated_document_enters_no_folder(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    related(server, &patient, RPLC, &old);
    let folder = sample::folder(&patient);
    let submission = Submission::of(&patient).folder(&folder).member(&folder.id(), &old);
    server.register(&submission).expect_refused(DEPRECATED_DOCUMENT, &[&old]);
}

fn r_asc_14_a_reference_to_a_deprecated_document_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    related(server, &patient, RPLC, &old);
    let submission = Submission::with(&patient, &[&sample::document(&patient)]).reference("Reference", &old);
    server.register(&submission).expect_refused(DEPRECATED_DOCUMENT, &[&old]);
}

fn r_asc_14_a_reference_may_be_to_another_patient(server: &TestServer) {
    let (mother, child) = (sample::patient(), sample::patient());
    let of_mother = registered(server, &mother);
    let submission = Submission::with(&child, &[&sample::document(&child)]).reference("Reference", &of_mother);
    server.register(&submission).expect_success();
}

fn documented(association: Object) -> Object {
    association.code(DOCUMENTATION, "CORR", "2.999.30.3")
}

fn r_asc_15_documentation_of_a_relationship_comes_back(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    let document = sample::document(&patient);
    let relation = documented(sample::association(RPLC, &document.id(), &old));
    server.register(&Submission::with(&patient, &[&document]).object(relation)).expect_success();
    let found = associations(server, &old);
    let relation = found.iter().find(|a| a.get("associationType") == Some(RPLC)).expect("the replacement");
    assert_eq!(relation.codes(DOCUMENTATION), ["CORR"]);
    assert_eq!(relation.status(), "Approved", "R-ASC-18");
}

fn r_asc_15_documentation_of_a_membership_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient);
    let mut submission = Submission::with(&patient, &[&document]);
    submission.objects[1] = documented(submission.objects[1].clone());
    server.register(&submission).expect_refused(BAD, &[]);
}

fn r_asc_16_the_same_association_twice_is_refused(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    let document = sample::document(&patient);
    let one = Submission::with(&patient, &[&document]).relate(APND, &document.id(), &old);
    server.register(&one.relate(APND, &document.id(), &old)).expect_refused(BAD, &[]);
}

fn r_asc_16_a_membership_again_is_taken(server: &TestServer) {
    let patient = sample::patient();
    let (document, folder) = (sample::document(&patient), sample::folder(&patient));
    let first = Submission::with(&patient, &[&document]).folder(&folder).member(&folder.id(), &document.id());
    let ids = server.registered(&first);
    server.register(&Submission::of(&patient).member(&ids[1], &ids[0])).expect_success();
    let contents = folder_contents(server, &ids[1]);
    let count = |element: &str| contents.iter().filter(|o| o.element == element).count();
    assert_eq!((count("ExtrinsicObject"), count("Association")), (1, 2), "R-18-41");
}

fn r_asc_17_nothing_relates_to_itself(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient);
    let submission = Submission::with(&patient, &[&document]).relate(APND, &document.id(), &document.id());
    server.register(&submission).expect_refused(BAD, &[]);
}

fn r_asc_20_a_replaced_document_is_deprecated(server: &TestServer) {
    let patient = sample::patient();
    for kind in [RPLC, XFRM_RPLC] {
        let old = registered(server, &patient);
        let new = related(server, &patient, kind, &old);
        assert_eq!((server.entry(&old).status(), server.entry(&new).status()), ("Deprecated", "Approved"));
    }
    for kind in [APND, XFRM, SIGNS] {
        let old = registered(server, &patient);
        related(server, &patient, kind, &old);
        assert_eq!(server.entry(&old).status(), "Approved", "{kind}");
    }
}

fn r_asc_21_what_hangs_on_it_is_deprecated_too(server: &TestServer) {
    let patient = sample::patient();
    let root = registered(server, &patient);
    let addendum = related(server, &patient, APND, &root);
    let translated = related(server, &patient, XFRM, &root);
    let of_addendum = related(server, &patient, XFRM, &addendum);
    let signature = related(server, &patient, SIGNS, &root);
    let new = related(server, &patient, RPLC, &root);
    for id in [&root, &addendum, &translated, &of_addendum] {
        assert_eq!(server.entry(id).status(), "Deprecated");
    }
    for id in [&signature, &new] {
        assert_eq!(server.entry(id).status(), "Approved");
    }
}

fn r_asc_22_the_replacement_enters_the_folders(server: &TestServer) {
    let patient = sample::patient();
    let (document, folder) = (sample::document(&patient), sample::folder(&patient));
    let first = Submission::with(&patient, &[&document]).folder(&folder).member(&folder.id(), &document.id());
    let ids = server.registered(&first);
    let new = related(server, &patient, RPLC, &ids[0]);
    let contents = folder_contents(server, &ids[1]);
    let members: Vec<&Found> = contents.iter().filter(|o| o.element == "Association").collect();
    let mut targets: Vec<&str> = members.iter().filter_map(|m| m.get("targetObject")).collect();
    targets.sort_unstable();
    let mut expected = [ids[0].as_str(), new.as_str()];
    expected.sort_unstable();
    assert_eq!(targets, expected, "the old membership stays");
    // The set of the replacement holds the new membership.
    let generated = members.iter().find(|m| m.get("targetObject") == Some(&new)).expect("the new membership");
    let of_set = associations(server, generated.id());
    assert_eq!(of_set.len(), 1);
    assert_eq!(of_set[0].get("targetObject"), Some(generated.id()));
    // A submission that puts the replacement there itself gets no second membership.
    let again = sample::document(&patient);
    let submission = Submission::with(&patient, &[&again]).relate(RPLC, &again.id(), &new).member(&ids[1], &again.id());
    let again = server.registered(&submission).remove(0);
    let contents = folder_contents(server, &ids[1]);
    assert_eq!(contents.iter().filter(|m| m.get("targetObject") == Some(&again)).count(), 1);
}

fn r_asc_22_a_folder_of_another_patient_refuses(server: &TestServer) {
    // Nothing can put a document into a folder of another patient: R-ASC-13 and R-42-25 stand before it.
    let (patient, other) = (sample::patient(), sample::patient());
    let (document, folder) = (sample::document(&patient), sample::folder(&other));
    let submission = Submission::with(&patient, &[&document]).folder(&folder).member(&folder.id(), &document.id());
    server.register(&submission).expect_refused("XDSPatientIdDoesNotMatch", &[]);
}

fn r_asc_23_one_replacement_at_a_time(server: &TestServer) {
    let patient = sample::patient();
    let old = registered(server, &patient);
    let (a, b) = (sample::document(&patient), sample::document(&patient));
    let both = Submission::with(&patient, &[&a, &b]).relate(RPLC, &a.id(), &old).relate(RPLC, &b.id(), &old);
    let answer = server.register(&both);
    assert!(answer.errors().iter().all(|e| e.code == DEPRECATED_DOCUMENT), "{:?}", answer.errors());
    assert_eq!(server.entry(&old).status(), "Approved", "R-42-37");
    let statuses: Vec<(String, Vec<String>)> = thread::scope(|scope| {
        let one = || {
            let answer = relating(server, &patient, RPLC, &old);
            (answer.status(), answer.errors().into_iter().map(|e| e.code).collect())
        };
        let handles: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
        handles.into_iter().map(|h| h.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|(s, _)| s == "Success").count(), 1);
    let losers = statuses.iter().filter(|(s, _)| s != "Success");
    losers.for_each(|(_, codes)| assert_eq!(codes, &[DEPRECATED_DOCUMENT]));
}

fn r_asc_24_the_replacement_may_keep_the_unique_id(server: &TestServer) {
    let patient = sample::patient();
    let first = sample::document(&patient);
    let old = server.registered(&Submission::with(&patient, &[&first])).remove(0);
    let corrected = Object { name: Some("corrected".into()), ..first.clone() }.with_id("Corrected");
    let submission = Submission::with(&patient, &[&corrected]).relate(RPLC, &corrected.id(), &old);
    server.register(&submission).expect_success();
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name.as_deref(), Some("corrected"));
}

fn folder_time(server: &TestServer, folder: &str) -> String {
    let query = Query::new(queries::GET_FOLDERS).list("$XDSFolderEntryUUID", &[folder]);
    let found = server.query(&query).expect_success().objects();
    found[0].value("lastUpdateTime").expect("lastUpdateTime is always there").to_owned()
}

fn r_asc_25_last_update_time(server: &TestServer) {
    let patient = sample::patient();
    let submitted = "19990101000000";
    let folder = sample::folder(&patient).slot("lastUpdateTime", &[submitted]);
    let folder = server.registered(&Submission::of(&patient).folder(&folder)).remove(0);
    let created = folder_time(server, &folder);
    assert_eq!(created.len(), 14);
    assert!(created.as_str() > submitted, "what was submitted is ignored");
    // A later second, then a new member.
    while folder_time_now(server) == created {}
    let document = sample::document(&patient);
    server.register(&Submission::with(&patient, &[&document]).member(&folder, &document.id())).expect_success();
    let updated = folder_time(server, &folder);
    assert!(updated > created, "{updated} {created}");
}

/// lastUpdateTime of a folder registered now: the server's clock as a partner sees it.
fn folder_time_now(server: &TestServer) -> String {
    let patient = sample::patient();
    let folder = server.registered(&Submission::of(&patient).folder(&sample::folder(&patient))).remove(0);
    folder_time(server, &folder)
}

fn a_folder_takes_documents_of_the_registry(server: &TestServer) {
    let patient = sample::patient();
    let document = registered(server, &patient);
    let folder = server.registered(&Submission::of(&patient).folder(&sample::folder(&patient))).remove(0);
    server.register(&Submission::of(&patient).member(&folder, &document)).expect_success();
    let documents = folder_contents(server, &folder).into_iter().filter(|o| o.element == "ExtrinsicObject");
    assert_eq!(documents.map(|d| d.id().to_owned()).collect::<Vec<_>>(), [document]);
}
