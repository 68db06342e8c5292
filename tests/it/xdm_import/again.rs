//! Sets of which some documents are here already, and relationships of what nobody brings. Source: R-32-56 to R-32-58.

use libtest_mimic::Trial;
use serde_json::Value;

use super::{File, OnStore, codes, document, entries, import, prepared, set_of, tree, zipped};
use crate::harness::{
    Found, Query, TestServer, queries,
    sample::{
        self, Object, Submission,
        names::{APND, DE_UNIQUE_ID, HAS_MEMBER, RPLC},
    },
    servers::{Prepared, Store},
    trials,
};

pub fn trials() -> impl Iterator<Item = Trial> {
    let own: [(&'static str, OnStore); 5] = [
        ("r_32_56_of_an_export_that_comes_every_week_the_new_document_is_taken", every_week),
        ("r_32_56_documents_with_fresh_ids_are_the_same_documents", fresh_ids),
        ("r_32_56_what_was_replaced_here_is_not_in_force_again", replaced),
        ("r_32_56_other_octets_of_a_known_document_are_refused", other_octets),
        ("r_32_58_a_relationship_of_a_document_that_is_nowhere_is_left_out", of_nobody),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test))
}

const LEFT_OUT: &str = "PartialRelationshipContentNotProcessed";

const FILES: [File; 4] = [("A.TXT", b"A.TXT"), ("B.TXT", b"B.TXT"), ("C.TXT", b"C.TXT"), ("D.TXT", b"D.TXT")];

fn named(patient: &str, uri: &str) -> Object {
    document(patient, uri, uri.as_bytes())
}

#[track_caller]
fn taken(prepared: &Prepared, set: &Submission) -> Value {
    import(0, prepared, &zipped(&tree(&[(set, &FILES)])), &[])
}

/// For each document of a report whether it was here.
fn already_present(report: &Value) -> Vec<bool> {
    let documents = report["sets"][0]["documents"].as_array().expect("documents");
    documents.iter().map(|it| it["already_present"] == true).collect()
}

fn status(found: &[Found], document: &Object) -> Vec<String> {
    let is_it = |it: &&Found| it.identifier(DE_UNIQUE_ID) == Some(&document.unique_id());
    found.iter().filter(is_it).map(|it| it.status().to_owned()).collect()
}

/// Entries of a patient, in force or not.
fn all_entries(server: &TestServer, documents: &[&Object]) -> Vec<Found> {
    let ids: Vec<String> = documents.iter().map(|it| it.unique_id()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let query = Query::new(queries::GET_DOCUMENTS).list("$XDSDocumentEntryUniqueId", &ids);
    server.query(&query).objects().into_iter().filter(|it| it.element == "ExtrinsicObject").collect()
}

fn associations(server: &TestServer, id: &str) -> Vec<Found> {
    server.query(&Query::new(queries::GET_ASSOCIATIONS).list("$uuid", &[id])).objects()
}

fn every_week(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let folder = sample::folder(&patient).with_id(&sample::uuid());
    let [a, b, c, d] = ["A.TXT", "B.TXT", "C.TXT", "D.TXT"].map(|name| named(&patient, name));
    let week = |documents: &[&Object]| {
        // Every week under another entryUUID.
        let folder = folder.clone().with_id(&sample::uuid());
        let set = set_of(&patient, documents).folder(&folder);
        documents.iter().fold(set, |set, document| set.member(&folder.id(), &document.id()))
    };
    let first = taken(&prepared, &week(&[&a, &b]));
    assert_eq!(already_present(&first), [false, false]);
    let second = taken(&prepared, &week(&[&a, &b, &c]).relate(APND, &c.id(), &a.id()));
    assert_eq!((already_present(&second), codes(&second)), (vec![true, true, false], Vec::new()), "{second}");
    assert_eq!(second["sets"][0]["state"], "imported");
    // The addition was registered when its source was.
    let third = taken(&prepared, &week(&[&a, &b, &c, &d]).relate(APND, &c.id(), &a.id()));
    assert_eq!((already_present(&third), codes(&third)), (vec![true, true, true, false], Vec::new()), "{third}");
    let server = prepared.start().expect("it starts");
    let found = entries(&server, &patient);
    let mut ids: Vec<&str> = found.iter().map(Found::id).collect();
    let mut expected = [&a, &b, &c, &d].map(|it| it.id());
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected, "each once, and under its own entryUUID");
    let of_a = associations(&server, &a.id());
    let statuses = of_a.iter().filter_map(|it| it.value("SubmissionSetStatus"));
    let mut statuses: Vec<&str> = statuses.collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["Original", "Reference", "Reference"], "the later sets refer to it");
    let of_kind = |kind: &str| of_a.iter().filter(|it| it.get("associationType") == Some(kind)).count();
    assert_eq!((of_kind(APND), of_kind(HAS_MEMBER)), (1, 4), "of three sets and one folder, once");
}

fn fresh_ids(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let (old, new) = (named(&patient, "A.TXT"), named(&patient, "B.TXT"));
    taken(&prepared, &set_of(&patient, &[&old]));
    let again = old.clone().with_id(&sample::uuid());
    let set = set_of(&patient, &[&again, &new]).relate(APND, &new.id(), &again.id());
    let tried = import(0, &prepared, &zipped(&tree(&[(&set, &FILES)])), &["--dry-run"]);
    assert_eq!((already_present(&tried), &tried["sets"][0]["state"]), (vec![true, false], &"ready".into()), "{tried}");
    let imported = taken(&prepared, &set);
    assert_eq!((already_present(&imported), codes(&imported)), (vec![true, false], Vec::new()), "{imported}");
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &patient).len(), 2);
    let appended = associations(&server, &new.id());
    let target = old.id();
    assert!(appended.iter().any(|it| it.get("targetObject") == Some(&target)), "it is appended to what is here");
}

fn replaced(store: Store) {
    let prepared = prepared(store).setting("xdm.replace", "true");
    let patient = sample::patient();
    let [old, newer, other] = ["A.TXT", "B.TXT", "C.TXT"].map(|name| named(&patient, name));
    taken(&prepared, &set_of(&patient, &[&old]));
    taken(&prepared, &set_of(&patient, &[&newer]).relate(RPLC, &newer.id(), &old.id()));
    let again = taken(&prepared, &set_of(&patient, &[&old, &other]));
    assert_eq!((already_present(&again), codes(&again)), (vec![true, false], Vec::new()), "{again}");
    let linked = named(&patient, "D.TXT");
    let set = set_of(&patient, &[&old, &linked]).relate(APND, &linked.id(), &old.id());
    assert_eq!(codes(&taken(&prepared, &set)), [LEFT_OUT], "nothing is added to what is not in force");
    let server = prepared.start().expect("it starts");
    let found = all_entries(&server, &[&old, &newer, &other]);
    let statuses = [&old, &newer, &other].map(|it| status(&found, it));
    assert_eq!(statuses, [["Deprecated"], ["Approved"], ["Approved"]].map(|it| it.map(str::to_owned).to_vec()));
}

fn other_octets(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let (a, b) = (named(&patient, "A.TXT"), named(&patient, "B.TXT"));
    taken(&prepared, &set_of(&patient, &[&a, &b]));
    let changed = document(&patient, "C.TXT", b"C.TXT").identifier(DE_UNIQUE_ID, &b.unique_id());
    let refused = import(1, &prepared, &zipped(&tree(&[(&set_of(&patient, &[&a, &changed]), &FILES)])), &[]);
    assert_eq!(
        (already_present(&refused), codes(&refused)),
        (vec![true, false], vec!["XDSNonIdenticalHash".to_owned()])
    );
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &patient).len(), 2);
}

fn of_nobody(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let good = named(&patient, "A.TXT");
    let folder = sample::uuid();
    for set in [
        set_of(&patient, &[&good]).relate(APND, &sample::uuid(), &good.id()),
        set_of(&patient, &[&good]).relate(RPLC, &sample::uuid(), &sample::uuid()),
        set_of(&patient, &[&good]).member(&folder, &good.id()),
    ] {
        let package = zipped(&tree(&[(&set, &FILES)]));
        let strict = prepared.clone().setting("xdm.unresolved", "strict");
        assert_eq!(codes(&import(1, &strict, &package, &["--dry-run"])), ["UnresolvedReferenceException"]);
        let tried = import(0, &prepared, &package, &["--dry-run"]);
        assert_eq!((codes(&tried), &tried["outcome"]), (vec![LEFT_OUT.to_owned()], &"all".into()), "{tried}");
    }
    let set = set_of(&patient, &[&good]).relate(APND, &sample::uuid(), &good.id());
    assert_eq!(codes(&taken(&prepared, &set)), [LEFT_OUT]);
    // A document that is here can be no source of what comes later.
    let (second, third) = (named(&patient, "B.TXT"), named(&patient, "C.TXT"));
    taken(&prepared, &set_of(&patient, &[&second]));
    let set = set_of(&patient, &[&third]).relate(APND, &second.id(), &third.id());
    assert_eq!(codes(&taken(&prepared, &set)), [LEFT_OUT]);
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &patient).len(), 3);
}
