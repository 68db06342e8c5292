//! The watched folder, and what the operator sees of packages. Source: R-32-34.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use libtest_mimic::Trial;
use serde_json::Value;

use super::kit::{FULL, brought, call, ordered, settled, told};
use crate::{
    harness::{
        TestServer,
        sample::{self, Submission, names::SS_UNIQUE_ID},
        scratch,
        servers::{Prepared, Store, until},
        trail, trials,
    },
    iti41::provided,
    xdm_import::{codes, document, entries, set_of, tree, zipped},
};

type OnStore = fn(Store);

pub fn trials() -> Vec<Trial> {
    let own: [(&'static str, OnStore); 10] = [
        ("r_32_34_what_is_green_is_taken_over_and_all_else_is_put_aside", sorted),
        ("r_32_34_a_program_that_is_declared_as_a_pdf_waits_for_a_person", program),
        ("r_32_35_a_package_of_which_some_sets_were_taken_is_held_and_tried_again", some),
        ("a_writer_that_is_still_writing_is_waited_for", waited_for),
        ("a_file_of_the_same_name_replaces_none_that_is_worked_on", overwritten),
        ("r_32_61_what_is_too_large_is_put_aside", too_large),
        ("r_32_61_what_finds_no_room_waits", waits_for_room),
        ("r_32_61_what_was_taken_before_needs_no_room", known_without_room),
        ("packages_are_listed_shown_and_withdrawn", listed),
        ("r_32_34_the_operator_decides_about_a_package_that_was_held", decided),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)).collect()
}

fn folder() -> PathBuf {
    scratch::directory(&format!("watched-{:x}", sample::number()))
}

fn watching(store: Store, folder: &Path, auto_commit: bool) -> Prepared {
    let prepared = TestServer::prepare(store).expect("a store");
    let prepared = prepared.setting("xdm.watch.folder", &folder.display().to_string());
    prepared.setting("xdm.watch.quiet", "100 ms").setting("xdm.watch.auto_commit", &auto_commit.to_string())
}

/// A package whose document is what it says, or is not.
fn package(patient: &str, stated: &[u8], octets: &[u8]) -> PathBuf {
    let document = document(patient, "A.TXT", stated);
    zipped(&tree(&[(&set_of(patient, &[&document]), &[("A.TXT", octets)])]))
}

/// Copies under another name and renames, as a careful writer does.
fn drop_into(folder: &Path, package: &Path, name: &str) {
    let part = folder.join(format!("{name}.part"));
    fs::copy(package, &part).expect("room");
    fs::rename(part, folder.join(name)).expect("renamed");
}

fn report(path: &Path) -> Value {
    until(|| path.exists());
    serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON")
}

fn sorted(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let prepared = watching(store, &folder, true);
    let server = prepared.start().expect("it starts");
    let green = package(&patient, b"green", b"green");
    drop_into(&folder, &green, "green.zip");
    drop_into(&folder, &package(&patient, b"stated", b"differ"), "RED.ZIP");
    fs::write(folder.join("none.zip"), "no zip").expect("room");
    fs::write(folder.join("note.txt"), "not for us").expect("room");
    let done = report(&folder.join("done/green.json"));
    assert_eq!(
        (&done["state"], &done["delivery"], &done["report"]["sets"][0]["state"]),
        (&"done".into(), &"folder".into(), &"imported".into())
    );
    assert_eq!(report(&folder.join("quarantine/RED.json"))["state"], "failed", "R-32-36: kept apart");
    assert_eq!(report(&folder.join("failed/none.json"))["problem"]["code"], "XdmNotAZip");
    until(|| !folder.join("none.zip").exists() && !folder.join("RED.ZIP").exists());
    assert!(folder.join("done/green.zip").exists() && folder.join("note.txt").exists());
    assert_eq!(entries(&server, &patient).len(), 1);
    // The same octets once more: nothing is imported twice.
    drop_into(&folder, &green, "green.zip");
    until(|| scratch::files_below(&folder.join("done")).len() == 4 && !folder.join("green.zip").exists());
    let packages = scratch::files_below(&folder.join("done"));
    assert_eq!(packages.len(), 4, "both files, each with a report: {packages:?}");
    assert_eq!(entries(&server, &patient).len(), 1);
    let twice = packages.iter().filter(|path| path.extension().is_some_and(|it| it == "json"));
    let ids: Vec<Value> = twice.map(|path| report(path)["id"].clone()).collect();
    assert_eq!(ids[0], ids[1]);
}

fn known_without_room(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let server = watching(store, &folder, true).start().expect("it starts");
    let [zip, other] = [package(&patient, b"green", b"green"), package(&patient, b"other", b"other")];
    drop_into(&folder, &zip, "first.zip");
    let first = report(&folder.join("done/first.json"));
    trail::tamper(&server.prepared, false, FULL);
    drop_into(&folder, &other, "a-new-one.zip");
    drop_into(&folder, &zip, "once-more.zip");
    assert_eq!(report(&folder.join("done/once-more.json"))["id"], first["id"]);
    until(|| !folder.join(".taking/once-more.zip").exists());
    assert!(folder.join(".taking/a-new-one.zip").exists(), "what is new waits");
    assert_eq!(entries(&server, &patient).len(), 1);
}

fn program(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let server = watching(store, &folder, true).start().expect("it starts");
    let octets = b"MZ\x90\0 a program";
    let declared = document(&patient, "A.PDF", octets).set("mimeType", "application/pdf");
    drop_into(&folder, &zipped(&tree(&[(&set_of(&patient, &[&declared]), &[("A.PDF", octets)])])), "pdf.zip");
    let held = report(&folder.join("held/pdf.json"));
    assert_eq!((&held["state"], &held["report"]["sets"][0]["state"]), (&"held".into(), &"ready".into()), "{held}");
    assert_eq!(codes(&held["report"]), ["XdmMimeMismatch"]);
    assert!(entries(&server, &patient).is_empty());
    let (status, text) = knoop(&server, &["commit", held["id"].as_str().expect("an id")]);
    assert_eq!(status, 0, "{text}");
    until(|| entries(&server, &patient).len() == 1);
}

/// A set whose uniqueId another one has is refused by the registry, and by nothing before.
fn some(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let server = watching(store, &folder, true).start().expect("it starts");
    let documents = [document(&patient, "A.TXT", b"former"), document(&patient, "A.TXT", b"latter")];
    let sets = documents.each_ref().map(|document| set_of(&patient, &[document]));
    let here = sample::provided(&patient);
    let unique_id = sets[1].set.identified(SS_UNIQUE_ID);
    let other = Submission::with(&patient, &[&here]).set(|set| set.identifier(SS_UNIQUE_ID, &unique_id));
    server.provide(&other, &[(&here.id(), b"here")]).expect_success();
    let files: [&[(&str, &[u8])]; 2] = [&[("A.TXT", b"former")], &[("A.TXT", b"latter")]];
    let package = zipped(&tree(&[(&sets[0], files[0]), (&sets[1], files[1])]));
    let states = |report: &Value| [0, 1].map(|set| report["report"]["sets"][set]["state"].clone());
    drop_into(&folder, &package, "some.zip");
    let first = report(&folder.join("held/some.json"));
    assert_eq!((states(&first), &first["state"]), (["imported".into(), "failed".into()], &"done".into()), "{first}");
    drop_into(&folder, &package, "again.zip");
    let again = report(&folder.join("held/again.json"));
    assert_eq!(states(&again), ["already_present", "failed"].map(Value::from), "{again}");
    assert_eq!(entries(&server, &patient).len(), 2, "nothing is taken twice");
}

/// Nobody takes it over but a person, unless the operator says so.
fn waited_for(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let prepared = watching(store, &folder, false).setting("xdm.watch.quiet", "1 s");
    let octets = fs::read(package(&patient, b"slowly", b"slowly")).expect("made");
    let (first, rest) = octets.split_at(octets.len() / 2);
    let mut file = File::create(folder.join("slow.zip")).expect("room");
    file.write_all(first).expect("room");
    let server = prepared.start().expect("it starts");
    // A package that is put there later and whole goes first.
    let other = package(&patient, b"quick", b"quick");
    drop_into(&folder, &other, "quick.zip");
    assert_eq!(report(&folder.join("held/quick.json"))["state"], "inspected");
    file.write_all(rest).expect("room");
    drop(file);
    let held = report(&folder.join("held/slow.json"));
    assert_eq!((&held["state"], &held["report"]["outcome"]), (&"inspected".into(), &"all".into()), "{held}");
    assert!(entries(&server, &patient).is_empty());
}

fn overwritten(store: Store) {
    let (folder, patients) = (folder(), [sample::patient(), sample::patient(), sample::patient()]);
    let prepared = watching(store, &folder, true);
    // What a process before this one had claimed.
    fs::create_dir_all(folder.join(".taking")).expect("room");
    fs::copy(package(&patients[0], b"claimed", b"claimed"), folder.join(".taking/same.zip")).expect("room");
    drop_into(&folder, &package(&patients[1], b"second", b"second"), "same.zip");
    let server = prepared.start().expect("it starts");
    until(|| !folder.join("same.zip").exists());
    drop_into(&folder, &package(&patients[2], b"third", b"third"), "same.zip");
    let done = folder.join("done");
    until(|| scratch::files_below(&done).iter().filter(|it| it.extension().is_some_and(|it| it == "zip")).count() == 3);
    for patient in &patients {
        assert_eq!(entries(&server, patient).len(), 1, "each is taken over");
    }
    assert!(scratch::files_below(&folder.join(".taking")).is_empty());
}

fn too_large(store: Store) {
    let folder = folder();
    let server = watching(store, &folder, true).setting("xdm.package", "64 KiB").start().expect("it starts");
    let octets = [&vec![b'x'; 70 << 10][..], b"PK\x05\x06"].concat();
    fs::write(folder.join("large.part"), octets).expect("room");
    fs::rename(folder.join("large.part"), folder.join("large.zip")).expect("renamed");
    assert_eq!(report(&folder.join("failed/large.json"))["problem"]["code"], "XdmTooLarge");
    until(|| folder.join("failed/large.zip").exists());
    assert!(scratch::files_below(&server.prepared.data.join("xdm/incoming")).is_empty());
}

fn waits_for_room(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let server = watching(store, &folder, true).setting("xdm.node", "64 KiB").start().expect("it starts");
    let large = told(400, &brought(&server, &vec![b'x'; 63 << 10]));
    drop_into(&folder, &package(&patient, b"later", b"later"), "later.zip");
    until(|| folder.join(".taking/later.zip").exists());
    assert!(entries(&server, &patient).is_empty());
    let at = format!("/xdm/import/{}", large["id"].as_str().expect("an id"));
    assert_eq!(call(&server, "DELETE", &at, &[], b"").status, 204);
    assert_eq!(report(&folder.join("done/later.json"))["state"], "done");
    assert_eq!(entries(&server, &patient).len(), 1);
}

fn knoop(server: &TestServer, arguments: &[&str]) -> (i32, String) {
    let data = server.prepared.data.display().to_string();
    let all = [&["xdm", "jobs"], arguments, &["--data", &data]].concat();
    let output = server.prepared.command(&all).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

fn listed(store: Store) {
    let server = TestServer::prepare(store).and_then(|prepared| prepared.start()).expect("a server");
    let (patient, _) = provided(&server, b"to be listed");
    let at = ordered(&server, &serde_json::json!({ "patient": patient }));
    settled(&server, &at);
    let id = at.rsplit('/').next().expect("an id");
    let (status, text) = knoop(&server, &["list"]);
    assert!(status == 0 && text.contains(id) && text.contains("done") && !text.contains("Zq7"), "{text}");
    let (_, text) = knoop(&server, &["list", "--json", "--direction", "import"]);
    assert_eq!(text.trim(), "{\"packages\":[]}");
    let (status, text) = knoop(&server, &["show", id]);
    assert!(status == 0 && text.contains("xdm/outgoing/") && !text.contains("Zq7"), "{text}");
    let (_, text) = knoop(&server, &["show", id, "--json"]);
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(shown["report"]["submissionSets"][0]["patientId"], patient.as_str());
    assert_eq!(knoop(&server, &["withdraw", id]).0, 0);
    assert_eq!(settled(&server, &at)["state"], "withdrawn");
    assert_eq!(knoop(&server, &["withdraw", id]).0, 1);
    assert_eq!(knoop(&server, &["show", &"0".repeat(32)]).0, 2);
    assert!(scratch::files_below(&server.prepared.data.join("xdm/outgoing")).is_empty());
}

/// An empty document is held; who looked at it takes it over at the command line, and the trail says who.
fn decided(store: Store) {
    let (folder, patient) = (folder(), sample::patient());
    let server = watching(store, &folder, true).start().expect("it starts");
    drop_into(&folder, &package(&patient, b"", b""), "empty.zip");
    let held = report(&folder.join("held/empty.json"));
    assert_eq!(held["state"], "held", "{held}");
    let id = held["id"].as_str().expect("an id");
    let data = server.prepared.data.display().to_string();
    let knoop = |arguments: &[&str]| {
        let arguments = [&["xdm", "jobs"], arguments, &["--data", &data]].concat();
        server.prepared.command(&arguments).output().expect("it runs")
    };
    assert_eq!(knoop(&["commit", id, "--set", "2"]).status.code(), Some(2), "there is no such set");
    let committed = knoop(&["commit", id, "--looked-at", "--json"]);
    assert!(committed.status.success(), "{}", String::from_utf8_lossy(&committed.stderr));
    let done = settled(&server, &format!("/xdm/import/{id}"));
    assert_eq!((&done["state"], &done["delivery"]), (&"done".into(), &"folder".into()), "{done}");
    assert_eq!(entries(&server, &patient).len(), 1);
    assert_eq!(knoop(&["withdraw", id]).status.code(), Some(0));
    assert_eq!(knoop(&["commit", id, "--looked-at"]).status.code(), Some(1), "it was taken back");
    let events = trail::events(&server, &[]);
    let import = events.iter().find(|event| trail::kind(event).0 == "110107").expect("the import is in the trail");
    let participants = import["participants"].as_array().expect("participants");
    assert!(participants.iter().any(|it| it["media"]["code"] == "110037"), "a file at a place: {import}");
    let persons = |it: &&Value| it["requestor"] == true && it.get("media").is_none();
    assert!(participants.iter().any(|it| persons(&it)), "the operator: {import}");
}
