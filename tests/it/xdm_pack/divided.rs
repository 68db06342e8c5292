//! Sets whose metadata are more than one METADATA.XML may hold: each part is read again, and the parts belong together.
//!
//! The limit is that of the configuration (`xdm.metadata`), small here; the importer that reads the parts has the same.

use std::{collections::BTreeSet, fs, path::Path};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    list,
    package::{Opened, Set, audited, here, pack},
};
use crate::{
    harness::{
        TestServer, plain,
        sample::{self, Object, Submission, names},
        servers::{Prepared, Store},
        trials,
    },
    xdm_import::{entries, import},
    xdm_jobs::kit::{ordered, settled},
};

/// Octets of one METADATA.XML: a handful of documents.
const METADATA_BYTES: usize = 64 << 10;
const DOCUMENTS: usize = 20;

pub fn trials() -> Vec<Trial> {
    let mut all = trials::own(module_path!(), "r_32_48_a_set_that_is_too_large_is_divided", divided);
    all.extend(plain![files_that_are_too_many_for_one_set_are_several, a_set_of_too_many_documents_is_divided]);
    all
}

fn prepared(store: Store) -> Prepared {
    TestServer::prepare(store).expect("a place").setting("xdm.metadata", "64 KiB")
}

/// A patient with one submission set, its folder of all documents, and a document that is appended to a later one.
fn submitted(server: &TestServer) -> (String, Submission, Vec<Object>) {
    let patient = sample::patient();
    let documents: Vec<Object> = (0..DOCUMENTS).map(|_| sample::provided(&patient)).collect();
    let folder = sample::folder(&patient);
    let mut submission = documents.iter().fold(Submission::of(&patient).folder(&folder), Submission::document);
    for document in &documents {
        submission = submission.member(&folder.id(), &document.id());
    }
    submission = submission
        .relate(names::APND, &documents[0].id(), &documents[DOCUMENTS - 1].id())
        .set(|set| set.described("All slices."));
    let ids: Vec<String> = documents.iter().map(Object::id).collect();
    let given: Vec<(&str, &[u8])> = ids.iter().map(|id| (id.as_str(), id.as_bytes())).collect();
    server.provide(&submission, &given).expect_success();
    (patient, submission, documents)
}

/// The sets of a package, in order, each of which an importer with the same limit reads.
fn sets(package: &Opened) -> Vec<Set> {
    let names = package.names().into_iter().filter(|name| name.ends_with("/METADATA.XML"));
    let directories: Vec<String> = names.map(|name| name.split('/').nth(1).expect("a directory").to_owned()).collect();
    for directory in &directories {
        let octets = package.file(&format!("IHE_XDM/{directory}/METADATA.XML")).len();
        assert!(octets <= METADATA_BYTES, "{directory}: {octets} octets");
    }
    directories.iter().map(|directory| package.set(directory)).collect()
}

fn unique_ids(sets: &[Set]) -> Vec<String> {
    sets.iter().filter_map(|set| set.submission_set().identifier(names::SS_UNIQUE_ID)).collect()
}

fn divided(store: Store) {
    let server = prepared(store).start().expect("a server");
    let (patient, submission, documents) = submitted(&server);
    let unique_id = submission.set.unique_id();
    let select = ["--submission-set", &unique_id, "--as-submitted", "--json"];
    let (out, told) = pack(&server, &select);
    let package = Opened::zip(&out);
    let sets = sets(&package);
    let parts = sets.len();
    assert!(parts > 2, "{parts} parts");

    // All documents, each in one part; the first part is the set itself.
    let of_parts = sets.iter().flat_map(Set::entries).filter_map(|entry| entry.identifier(names::DE_UNIQUE_ID));
    let mut of_parts: Vec<String> = of_parts.collect();
    of_parts.sort();
    let mut submitted: Vec<String> = documents.iter().map(Object::unique_id).collect();
    submitted.sort();
    assert_eq!(of_parts, submitted);
    let ids = unique_ids(&sets);
    assert_eq!(ids[0], unique_id, "R-32-56: the uniqueId of the registry is kept");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), parts, "each has a uniqueId of its own");
    let times: BTreeSet<String> = sets.iter().filter_map(|set| set.submission_set().value("submissionTime")).collect();
    assert_eq!(times.len(), parts, "R-32-06");

    // A reader sees that they belong together.
    let index = String::from_utf8(package.file("INDEX.HTM")).expect("UTF-8");
    for (number, set) in (1..).zip(&sets) {
        let comment = format!("All slices. Part {number} of {parts}; the first part is submission set {unique_id}.");
        assert_eq!(set.submission_set().description, Some(comment));
        assert!(index.contains(&format!("<dt>Deel</dt><dd>{number} / {parts}</dd>")), "{index}");
        let told = &told["submissionSets"][number - 1];
        assert_eq!((&told["part"], &told["parts"]), (&number.into(), &parts.into()), "{told}");
    }
    let warnings = list(&told["warnings"]);
    assert!(warnings.len() == 1 && warnings[0].as_str().is_some_and(|it| it.contains("divided")), "{told}");

    // Folder and relations are not lost.
    assert_eq!(sets.iter().map(|set| set.folders().len()).sum::<usize>(), 1);
    let folder = sets[0].folders()[0].attribute("id").to_owned();
    let members = sets.iter().flat_map(|set| set.associations(names::HAS_MEMBER));
    assert_eq!(members.filter(|it| it.attribute("sourceObject") == folder).count(), DOCUMENTS);
    assert_eq!(sets.iter().map(|set| set.associations(names::APND).len()).sum::<usize>(), 1);

    // The trail has each part, and the same order has the same parts each time.
    let events = audited(&server, &patient);
    for id in &ids {
        assert!(
            events.iter().any(|event| event["event_id"]["code"] == "110106" && event.to_string().contains(id)),
            "{id}"
        );
    }
    let by_job = settled(&server, &ordered(&server, &json!({ "submissionSet": unique_id, "asSubmitted": true })));
    let of_job = list(&by_job["report"]["submissionSets"]);
    assert_eq!(of_job.iter().map(|set| set["uniqueId"].as_str().unwrap_or_default()).collect::<Vec<_>>(), ids);
    assert!(of_job.iter().all(|set| set["parts"] == parts), "{by_job}");

    elsewhere(store, &patient, &out, &ids);
}

/// The parts are taken where the limit is the same; once.
fn elsewhere(store: Store, patient: &str, out: &Path, ids: &[String]) {
    let other = prepared(store);
    for state in ["imported", "already_present"] {
        let report = import(0, &other, out, &[]);
        let states: Vec<&str> = list(&report["sets"]).iter().filter_map(|set| set["state"].as_str()).collect();
        assert_eq!(states, vec![state; ids.len()], "R-32-56: {report}");
    }
    let server = other.start().expect("it starts on what was imported");
    assert_eq!(entries(&server, patient).len(), DOCUMENTS);
    let (again, told) = pack(&server, &["--patient", patient, "--as-submitted", "--json"]);
    let again = sets(&Opened::zip(&again));
    assert_eq!(unique_ids(&again), ids);
    assert!(list(&told["warnings"]).is_empty(), "what was divided need not be again: {told}");
    assert_eq!(again.iter().map(|set| set.associations(names::APND).len()).sum::<usize>(), 1);
}

/// Packs files, so many of them, with this program.
fn packed_files(prepared: &Prepared) -> (Opened, Value) {
    let folder = here();
    fs::create_dir(folder.join("scans")).expect("made");
    for number in 0..DOCUMENTS {
        fs::write(folder.join(format!("scans/{number:03}.txt")), format!("slice {number}")).expect("written");
    }
    let patient = sample::patient();
    let sheet = format!("[all]\npatient = \"{patient}\"\ntype = \"18748-4\"\n");
    fs::write(folder.join("all.toml"), sheet).expect("written");
    let arguments = ["xdm", "pack", "P.ZIP", "--files", "scans", "--metadata", "all.toml", "--json"];
    let made = prepared.command(&arguments).current_dir(&folder).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (Opened::zip(&folder.join("P.ZIP")), serde_json::from_slice(&made.stdout).expect("JSON"))
}

fn files_that_are_too_many_for_one_set_are_several() {
    let (package, told) = packed_files(&prepared(Store::Sqlite));
    let sets = sets(&package);
    assert!(sets.len() > 1, "{told}");
    assert_eq!(sets.iter().map(|set| set.entries().len()).sum::<usize>(), DOCUMENTS);
    let first = unique_ids(&sets)[0].clone();
    let times: BTreeSet<String> = sets.iter().filter_map(|set| set.submission_set().value("submissionTime")).collect();
    assert_eq!(times.len(), sets.len(), "R-32-06");
    for set in &sets {
        assert!(set.submission_set().description.is_some_and(|text| text.contains(&first)));
    }
}

fn a_set_of_too_many_documents_is_divided() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.documents_per_set", "7");
    let (package, told) = packed_files(&prepared);
    let of_sets = ["SUBSET01", "SUBSET02", "SUBSET03"].map(|directory| package.set(directory).entries().len());
    assert_eq!((of_sets, list(&told["submissionSets"]).len()), ([7, 7, 6], 3));
}
