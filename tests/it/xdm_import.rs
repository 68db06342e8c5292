//! ITI-32, Portable Media Importer: packages of real programs, through the real command line, into the real store.

mod again;
mod large;
mod patients;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use libtest_mimic::{Completion, Failed, Trial};
use openssl::sha::sha1;
use serde_json::Value;

use crate::harness::{
    Found, Query, TestServer, plain, queries,
    sample::{
        self, Object, Submission,
        names::{APND, DE_UNIQUE_ID, RPLC, SS_UNIQUE_ID},
    },
    scratch,
    servers::{Prepared, Store},
    trials,
};

const BSN_AUTHORITY: &str = "2.16.840.1.113883.2.4.6.3";

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = plain![
        check_names_every_fault_and_keeps_nothing,
        unpack_uses_names_of_its_own,
        a_choice_of_sets_that_are_not_there_is_refused,
        r_32_06_each_set_has_a_time_of_its_own_in_the_trail,
    ]
    .into();
    for (name, maker) in MAKERS {
        all.push(trials::fallible(module_path!(), name, maker));
    }
    let own: [(&'static str, OnStore); 11] = [
        ("what_is_imported_is_found_and_retrieved", found_and_retrieved),
        ("r_32_56_imported_twice_is_already_present", twice),
        ("r_32_57_an_entry_uuid_in_use_gets_another", minted),
        ("r_32_57_a_set_that_failed_gives_no_id_away", not_minted),
        ("r_42_30_a_folder_that_is_here_gets_more_members", joined),
        ("r_32_58_a_member_that_is_nowhere_is_left_out", nowhere),
        ("r_32_35_a_faulty_set_leaves_nothing_and_others_go_ahead", partial),
        ("r_32_38_the_patient_is_known_here_or_named_by_hand", patients),
        ("r_32_58_a_replacement_needs_the_right_to_it", replacement),
        ("r_32_41_the_audit_tells_of_media", audited),
        ("a_dry_run_keeps_nothing", dry_run),
    ];
    all.extend(own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)));
    all.extend(again::trials().chain(large::trials()).chain(patients::trials()));
    all
}

/// A document with its metadata as they are on a medium.
pub fn document(patient: &str, uri: &str, octets: &[u8]) -> Object {
    let hash: String = sha1(octets).iter().map(|octet| format!("{octet:02x}")).collect();
    sample::provided(patient)
        .with_id(&sample::uuid())
        .slot("URI", &[uri])
        .slot("hash", &[&hash])
        .slot("size", &[&octets.len().to_string()])
}

pub fn set_of(patient: &str, documents: &[&Object]) -> Submission {
    let uuid = sample::uuid();
    let mut submission = Submission::of(patient).set(|set| set.with_id(&uuid));
    for document in documents {
        submission = submission.document(document);
    }
    submission
}

/// A test that has a store of its own.
type OnStore = fn(Store);
/// Name and octets.
pub type File<'a> = (&'a str, &'a [u8]);

/// Writes the tree of a package; sets in order, each with its files.
pub fn tree(sets: &[(&Submission, &[File])]) -> PathBuf {
    let top = scratch::directory(&format!("xdm-{}", sample::uuid().replace(':', "-")));
    fs::write(top.join("INDEX.HTM"), "<html/>").expect("room");
    fs::write(top.join("README.TXT"), "read me").expect("room");
    for (number, (submission, files)) in (1..).zip(sets) {
        let folder = top.join(format!("IHE_XDM/SUBSET{number:02}"));
        fs::create_dir_all(&folder).expect("room");
        fs::write(folder.join("METADATA.XML"), submission.xml()).expect("room");
        for (name, octets) in *files {
            fs::write(folder.join(name), octets).expect("room");
        }
    }
    top
}

fn python(script: &str, top: &Path, package: &Path) {
    let made = Command::new("python3").args(["-c", script]).arg(package).current_dir(top).status();
    assert!(made.expect("python3 can be started").success(), "python3 makes the package");
}

const ZIPFILE: &str = "import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as package:
    for folder, _, names in os.walk('.'):
        for name in sorted(names):
            package.write(os.path.join(folder, name))";

/// The zip file of a tree.
pub fn zipped(top: &Path) -> PathBuf {
    let package = top.with_extension("zip");
    python(ZIPFILE, top, &package);
    package
}

fn run(prepared: &Prepared, arguments: &[&str]) -> Output {
    prepared.command(&[&["xdm"], arguments].concat()).output().expect("the program can be started")
}

/// The report of a command that must end with this status.
#[track_caller]
fn report(status: i32, prepared: &Prepared, arguments: &[&str]) -> Value {
    let output = run(prepared, &[arguments, &["--json"]].concat());
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

#[track_caller]
pub fn import(status: i32, prepared: &Prepared, package: &Path, more: &[&str]) -> Value {
    let (package, data) = (package.display().to_string(), prepared.data.display().to_string());
    report(status, prepared, &[&["import", &package, "--data", &data], more].concat())
}

pub fn codes(report: &Value) -> Vec<String> {
    let of = |list: &Value| -> Vec<String> {
        let found = list.as_array().into_iter().flatten();
        found.map(|finding| finding["code"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let sets = report["sets"].as_array().into_iter().flatten();
    [of(&report["findings"]), sets.flat_map(|set| of(&set["findings"])).collect()].concat()
}

pub fn prepared(store: Store) -> Prepared {
    TestServer::prepare(store).expect("a place for a server")
}

pub fn entries(server: &TestServer, patient: &str) -> Vec<Found> {
    server.query(&Query::find_documents(patient)).objects()
}

/// Files of documents that are kept or on their way.
pub fn kept(prepared: &Prepared) -> usize {
    scratch::files_below(&prepared.data.join("documents")).len()
}

type Maker = fn() -> Result<Completion, Failed>;
const MAKERS: [(&str, Maker); 7] = [
    ("a_package_of_zip", || made_by("zip", &["-q", "-r", "PACKAGE", "."])),
    ("a_package_of_zip_without_compression", || made_by("zip", &["-q", "-0", "-r", "PACKAGE", "."])),
    ("a_package_of_zip_with_zip64_fields", || made_by("zip", &["-q", "-fz", "-r", "PACKAGE", "."])),
    ("a_package_of_bsdtar", || {
        made_by("bsdtar", &["--format", "zip", "-cf", "PACKAGE", "INDEX.HTM", "README.TXT", "IHE_XDM"])
    }),
    ("a_package_of_7z", || made_by("7z", &["a", "-tzip", "-bd", "PACKAGE", "."])),
    ("a_package_of_python", || made_by("python3", &["-c", ZIPFILE, "PACKAGE"])),
    ("a_package_of_python_with_descriptors", || made_by("python3", &["-c", STREAMED, "PACKAGE"])),
];

/// To something that cannot seek, so that every entry has a descriptor.
const STREAMED: &str = "import io, os, sys, zipfile
class Pipe(io.RawIOBase):
    def __init__(self, file): self.file = file
    def writable(self): return True
    def write(self, data): return self.file.write(data)
with open(sys.argv[1], 'wb') as file, zipfile.ZipFile(Pipe(file), 'w', zipfile.ZIP_DEFLATED) as package:
    for folder, _, names in os.walk('.'):
        for name in sorted(names):
            package.write(os.path.join(folder, name))";

fn made_by(program: &str, arguments: &[&str]) -> Result<Completion, Failed> {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return Ok(Completion::ignored_with(format!("{program} is not installed")));
    }
    let patient = sample::patient();
    let large: Vec<u8> = (0..300_000_u32).flat_map(|n| (n % 251).to_le_bytes()).collect();
    let documents = [document(&patient, "DOC00001.TXT", b"one"), document(&patient, "DOC00002.TXT", &large)];
    let submission = set_of(&patient, &[&documents[0], &documents[1]]);
    let top = tree(&[(&submission, &[("DOC00001.TXT", b"one"), ("DOC00002.TXT", &large)])]);
    let package = top.with_extension("zip");
    let name = package.display().to_string();
    let arguments = arguments.iter().map(|argument| if *argument == "PACKAGE" { &*name } else { argument });
    let made = Command::new(program).args(arguments).current_dir(&top).stdout(Stdio::null()).status();
    assert!(made.expect("it can be started").success(), "{program}");
    let prepared = prepared(Store::Sqlite);
    for source in [&package, &top] {
        let found = report(0, &prepared, &["check", &source.display().to_string()]);
        assert_eq!((codes(&found), found["outcome"].as_str()), (vec![], Some("all")), "{}", source.display());
        let verified = found["sets"][0]["documents"].as_array().expect("documents");
        assert!(verified.len() == 2 && verified.iter().all(|it| it["verified"] == true), "{found}");
    }
    let imported = import(0, &prepared, &package, &[]);
    assert_eq!(imported["sets"][0]["state"], "imported", "{imported}");
    Ok(Completion::Completed)
}

fn found_and_retrieved(store: Store) {
    let prepared = prepared(store);
    let (one, two) = (sample::patient(), sample::patient());
    let documents = [document(&one, "A.TXT", b"for one"), document(&two, "A.TXT", b"for two")];
    let sets = [set_of(&one, &[&documents[0]]), set_of(&two, &[&documents[1]])];
    let top = tree(&[(&sets[0], &[("A.TXT", b"for one")]), (&sets[1], &[("A.TXT", b"for two")])]);
    let imported = import(0, &prepared, &zipped(&top), &[]);
    assert_eq!(imported["outcome"], "all", "{imported}");
    let server = prepared.start().expect("it starts");
    for (patient, document, octets) in [(&one, &documents[0], &b"for one"[..]), (&two, &documents[1], b"for two")] {
        let found = entries(&server, patient);
        let [entry] = found.as_slice() else { panic!("one document of each patient, not {}", found.len()) };
        assert_eq!((entry.id(), entry.status()), (&*document.id(), "Approved"), "R-32-56: the entryUUID is kept");
        assert_eq!(entry.slot("URI"), None, "R-32-55");
        assert_eq!(entry.value("hash"), Some(&*document.value("hash")));
        let repository = entry.value("repositoryUniqueId").expect("set by the repository");
        let answer = server.retrieve(&[(None, repository, &document.unique_id())]);
        assert_eq!(answer.documents()[0].2, octets);
    }
}

fn twice(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let first = document(&patient, "A.TXT", b"the first");
    let submission = set_of(&patient, &[&first]);
    let package = zipped(&tree(&[(&submission, &[("A.TXT", b"the first")])]));
    assert_eq!(import(0, &prepared, &package, &[])["outcome"], "all");
    let files = kept(&prepared);
    let again = import(0, &prepared, &package, &[]);
    assert_eq!((&again["outcome"], &again["sets"][0]["state"]), (&"already_present".into(), &"already_present".into()));
    assert_eq!(kept(&prepared), files, "nothing was stored");

    let other = document(&patient, "A.TXT", b"another content").identifier(DE_UNIQUE_ID, &first.unique_id());
    let package = zipped(&tree(&[(&set_of(&patient, &[&other]), &[("A.TXT", b"another content")])]));
    let refused = import(1, &prepared, &package, &[]);
    let mut found = codes(&refused);
    found.sort_unstable();
    assert_eq!(found, ["XDSNonIdenticalHash", "XDSNonIdenticalSize"], "{refused}");
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &patient).len(), 1);
}

fn minted(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let first = document(&patient, "A.TXT", b"first");
    let package = zipped(&tree(&[(&set_of(&patient, &[&first]), &[("A.TXT", b"first")])]));
    import(0, &prepared, &package, &[]);
    let second = document(&patient, "A.TXT", b"second").with_id(&first.id());
    let package = zipped(&tree(&[(&set_of(&patient, &[&second]), &[("A.TXT", b"second")])]));
    assert_eq!(import(0, &prepared, &package, &[])["outcome"], "all");
    let server = prepared.start().expect("it starts");
    let mut ids: Vec<String> = entries(&server, &patient).iter().map(|entry| entry.id().to_owned()).collect();
    assert!(ids.contains(&first.id()));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2, "two entries with two ids");
}

fn not_minted(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let first = document(&patient, "A.TXT", b"first");
    import(0, &prepared, &zipped(&tree(&[(&set_of(&patient, &[&first]), &[("A.TXT", b"first")])])), &[]);
    let failing = document(&patient, "A.TXT", b"stated").with_id(&first.id());
    let appending = document(&patient, "B.TXT", b"appended");
    let second = set_of(&patient, &[&appending]).relate(APND, &appending.id(), &first.id());
    let sets = [(&set_of(&patient, &[&failing]), &[("A.TXT", &b"differ"[..])]), (&second, &[("B.TXT", b"appended")])];
    let some = import(1, &prepared, &zipped(&tree(&sets.each_ref().map(|(set, files)| (*set, &files[..])))), &[]);
    assert_eq!(
        (&some["sets"][0]["state"], &some["sets"][1]["state"]),
        (&"failed".into(), &"imported".into()),
        "{some}"
    );
    let server = prepared.start().expect("it starts");
    let found = server.query(&Query::new(queries::GET_ASSOCIATIONS).list("$uuid", &[&appending.id()])).objects();
    let target = first.id();
    assert!(found.iter().any(|it| it.get("targetObject") == Some(&target)), "it is appended to what is here");
}

fn joined(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let folder = sample::folder(&patient);
    for name in ["A.TXT", "B.TXT"] {
        let folder = folder.clone().with_id(&sample::uuid());
        let member = document(&patient, name, name.as_bytes());
        let set = set_of(&patient, &[&member]).folder(&folder).member(&folder.id(), &member.id());
        let found = import(0, &prepared, &zipped(&tree(&[(&set, &[(name, name.as_bytes())])])), &[]);
        assert_eq!((codes(&found), &found["outcome"]), (Vec::new(), &"all".into()));
    }
    let server = prepared.start().expect("it starts");
    let unique_id = folder.identified(sample::names::FD_UNIQUE_ID);
    let query = Query::new(queries::GET_FOLDER_AND_CONTENTS).text("$XDSFolderUniqueId", &unique_id);
    let found = server.query(&query).objects();
    let count = |element: &str| found.iter().filter(|it| it.element == element).count();
    assert_eq!((count("RegistryPackage"), count("ExtrinsicObject")), (1, 2), "one folder with both");
}

fn nowhere(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let folder = sample::folder(&patient).with_id(&sample::uuid());
    let set = set_of(&patient, &[&good]).folder(&folder).member(&folder.id(), &good.id());
    let set = set.member(&folder.id(), &sample::uuid());
    let package = zipped(&tree(&[(&set, &[("A.TXT", b"good")])]));
    let strict = prepared.clone().setting("xdm.unresolved", "strict");
    assert_eq!(codes(&import(1, &strict, &package, &[])), ["UnresolvedReferenceException"]);
    assert_eq!(codes(&import(0, &prepared, &package, &[])), ["PartialRelationshipContentNotProcessed"]);
}

fn partial(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let documents = [
        document(&patient, "A.TXT", b"good"),
        document(&patient, "A.TXT", b"stated"),
        document(&patient, "B.TXT", b"good too"),
    ];
    let sets = [set_of(&patient, &[&documents[0]]), set_of(&patient, &[&documents[2], &documents[1]])];
    let top = tree(&[(&sets[0], &[("A.TXT", b"good")]), (&sets[1], &[("A.TXT", b"differs"), ("B.TXT", b"good too")])]);
    let some = import(1, &prepared, &zipped(&top), &[]);
    assert_eq!(some["outcome"], "some", "{some}");
    assert_eq!((&some["sets"][0]["state"], &some["sets"][1]["state"]), (&"imported".into(), &"failed".into()));
    assert!(codes(&some).contains(&"XdmSizeMismatch".to_owned()), "{some}");
    assert_eq!(kept(&prepared), 1, "one document, and nothing of the set that failed");
    let same_size = document(&patient, "A.TXT", b"stated");
    let top =
        tree(&[(&set_of(&patient, &[&documents[2], &same_size]), &[("A.TXT", b"differ"), ("B.TXT", b"good too")])]);
    let none = import(1, &prepared, &zipped(&top), &[]);
    assert_eq!((codes(&none), &none["outcome"]), (vec!["XdmHashMismatch".to_owned()], &"none".into()));
    assert_eq!(kept(&prepared), 1, "what was read before the fault is gone");
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &patient).len(), 1);
}

fn patients(store: Store) {
    let prepared = prepared(store);
    let foreign = sample::patient();
    let bsn = format!("999900006^^^&{BSN_AUTHORITY}&ISO");
    let bring = document(&bsn, "A.TXT", b"makes the patient known");
    import(0, &prepared, &zipped(&tree(&[(&set_of(&bsn, &[&bring]), &[("A.TXT", b"makes the patient known")])])), &[]);

    let prepared = prepared.setting("registry.patients", "known").setting("xdm.patient_domains", BSN_AUTHORITY);
    let plain = document(&foreign, "A.TXT", b"nobody knows");
    let package = zipped(&tree(&[(&set_of(&foreign, &[&plain]), &[("A.TXT", b"nobody knows")])]));
    let held = import(1, &prepared, &package, &[]);
    assert_eq!((codes(&held), &held["sets"][0]["state"]), (vec!["DocumentQueued".to_owned()], &"held".into()));

    let wrong = format!("PID-3|999900007^^^&{BSN_AUTHORITY}&ISO");
    let unsure = document(&foreign, "A.TXT", b"a wrong number").slot("sourcePatientInfo", &[&wrong]);
    let held =
        import(1, &prepared, &zipped(&tree(&[(&set_of(&foreign, &[&unsure]), &[("A.TXT", b"a wrong number")])])), &[]);
    assert_eq!(held["sets"][0]["state"], "held", "a number that fails the eleven-test is none");

    let told = format!("PID-3|{foreign}~999900006^^^BSN&{BSN_AUTHORITY}&ISO^NNNLD");
    let known = document(&foreign, "A.TXT", b"has the BSN").slot("sourcePatientInfo", &[&told]);
    let by_bsn =
        import(0, &prepared, &zipped(&tree(&[(&set_of(&foreign, &[&known]), &[("A.TXT", b"has the BSN")])])), &[]);
    assert_eq!(by_bsn["sets"][0]["registered_patient_id"], bsn.as_str());

    let by_hand = import(0, &prepared, &package, &["--patient", &bsn]);
    assert_eq!(by_hand["sets"][0]["registered_patient_id"], bsn.as_str());
    let none = document("", "A.TXT", b"no patient at all").without_slot("sourcePatientId");
    let mut submission = set_of("", &[&none]);
    submission.set = submission.set.without_identifier(sample::names::SS_PATIENT_ID);
    let package = zipped(&tree(&[(&submission, &[("A.TXT", b"no patient at all")])]));
    let incomplete = import(1, &prepared, &package, &["--patient-of", &format!("1={bsn}")]);
    assert_eq!(codes(&incomplete), ["XdmIncompleteMetadata"], "sourcePatientId cannot be made up: {incomplete}");

    let server = prepared.start().expect("it starts");
    let found = entries(&server, &bsn);
    assert_eq!(found.len(), 3);
    let source = |unique_id: &str| {
        let entry = found.iter().find(|entry| entry.identifier(DE_UNIQUE_ID) == Some(unique_id)).expect("is there");
        entry.value("sourcePatientId").map(str::to_owned)
    };
    assert_eq!(source(&known.unique_id()), Some(foreign.clone()), "what the sender said stays");
    assert!(entries(&server, &foreign).is_empty());
}

fn replacement(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let first = document(&patient, "A.TXT", b"first");
    import(0, &prepared, &zipped(&tree(&[(&set_of(&patient, &[&first]), &[("A.TXT", b"first")])])), &[]);
    let second = document(&patient, "A.TXT", b"second");
    let set = set_of(&patient, &[&second]).relate(RPLC, &second.id(), &first.id());
    let third = document(&patient, "A.TXT", b"third");
    let other = set_of(&patient, &[&third]).relate(RPLC, &third.id(), &first.id());
    let without = import(0, &prepared, &zipped(&tree(&[(&set, &[("A.TXT", b"second")])])), &[]);
    assert_eq!(codes(&without), ["PartialRelationshipContentNotProcessed"]);
    let prepared = prepared.setting("xdm.replace", "true");
    assert_eq!(
        codes(&import(0, &prepared, &zipped(&tree(&[(&other, &[("A.TXT", b"third")])])), &[])),
        Vec::<String>::new()
    );
    let server = prepared.start().expect("it starts");
    let status = |id: String| server.entry(&id).status().to_owned();
    assert_eq!([status(first.id()), status(second.id()), status(third.id())], ["Deprecated", "Approved", "Approved"]);
}

fn audited(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let submission = set_of(&patient, &[&good]);
    import(0, &prepared, &zipped(&tree(&[(&submission, &[("A.TXT", b"good")])])), &[]);
    let bad = document(&patient, "A.TXT", b"stated");
    import(1, &prepared, &zipped(&tree(&[(&set_of(&patient, &[&bad]), &[("A.TXT", b"differs")])])), &[]);
    let no_zip = scratch::directory("xdm-none").join(format!("{}.zip", sample::number()));
    fs::write(&no_zip, "no zip").expect("room");
    let rejected = import(1, &prepared, &no_zip, &[]);
    assert_eq!((codes(&rejected), &rejected["outcome"]), (vec!["XdmNotAZip".to_owned()], &"rejected".into()));
    // Its object is named as no name of ours is (R-32-41): a refusal is told whatever the sender calls it.
    let lost = document(&patient, "LOST.TXT", b"lost").with_id("registration");
    import(1, &prepared, &zipped(&tree(&[(&set_of(&patient, &[&lost]), &[])])), &[]);
    let media = media_events(&prepared);
    let [imported, failed, refused, named] = media.as_slice() else { panic!("four events, not {}", media.len()) };
    assert_eq!(named["reason"], "knoop:XDSMissingDocument");
    for event in &media {
        assert_eq!((&event["event_id"]["code"], &event["action"]), (&"110107".into(), &"C".into()));
        let source =
            event["participants"].as_array().expect("a list").iter().find(|it| it["roles"][0]["code"] == "110153");
        assert_eq!(source.expect("a source")["media"]["code"], "110037", "MediaType is mandatory; a file");
    }
    assert_eq!((&imported["outcome"], &failed["outcome"]), (&"Success".into(), &"Minor".into()));
    assert_eq!(failed["reason"], "knoop:XdmSizeMismatch");
    assert_eq!((&refused["reason"], refused["objects"].as_array()), (&"knoop:XdmNotAZip".into(), None));
    let objects = imported["objects"].as_array().expect("objects");
    assert_eq!((&objects[0]["id"], objects.len()), (&patient.as_str().into(), 2), "{imported}");
    assert_eq!(objects[1]["id"], submission.set.identified(SS_UNIQUE_ID).as_str());
    assert_eq!(objects[1]["id_type"]["code"], "ITI-32");
    let data = prepared.data.display().to_string();
    let verified = prepared.command(&["audit", "verify", "--data", &data]).status().expect("it runs");
    assert!(verified.success(), "the trail is whole");
}

fn a_choice_of_sets_that_are_not_there_is_refused() {
    let prepared = prepared(Store::Sqlite).setting("xdm.override", "true");
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let package = zipped(&tree(&[(&set_of(&patient, &[&good]), &[("A.TXT", b"good")])])).display().to_string();
    let of_two = format!("2={patient}");
    for choice in [["--set", "2"], ["--set", "0"], ["--patient-of", &of_two], ["--override", "2"]] {
        let data = prepared.data.display().to_string();
        let output = run(&prepared, &[&["import", &package, "--data", &data], &choice[..]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{choice:?}: {told}");
        assert!(told.contains("the package has no set"), "{told}");
    }
    assert_eq!(kept(&prepared), 0);
}

fn r_32_06_each_set_has_a_time_of_its_own_in_the_trail() {
    let prepared = prepared(Store::Sqlite);
    let patient = sample::patient();
    let documents = ["A.TXT", "B.TXT"].map(|name| document(&patient, name, name.as_bytes()));
    let sets = documents.each_ref().map(|document| set_of(&patient, &[document]));
    let top = tree(&[(&sets[0], &[("A.TXT", b"A.TXT")]), (&sets[1], &[("B.TXT", b"B.TXT")])]);
    import(0, &prepared, &top, &[]);
    let events = media_events(&prepared);
    assert_eq!(events.len(), 2);
    assert_ne!(events[0]["occurred_ms"], events[1]["occurred_ms"]);
    for event in &events {
        let participants = event["participants"].as_array().expect("a list");
        assert!(participants.iter().any(|it| it["media"]["code"] == "110030"), "a tree is a stick");
    }
}

/// What the audit trail tells of media, the first first.
pub fn media_events(prepared: &Prepared) -> Vec<Value> {
    let data = prepared.data.display().to_string();
    let output = prepared.command(&["audit", "search", "--json", "--data", &data]).output().expect("it runs");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let events = found["events"].as_array().expect("a list").iter().rev().map(|event| event["event"].clone());
    events.filter(|event| event["event_types"][0]["code"] == "ITI-32").collect()
}

fn dry_run(store: Store) {
    let prepared = prepared(store);
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let package = zipped(&tree(&[(&set_of(&patient, &[&good]), &[("A.TXT", b"good")])]));
    let tried = import(0, &prepared, &package, &["--dry-run"]);
    assert_eq!((&tried["outcome"], &tried["sets"][0]["state"]), (&"all".into(), &"ready".into()));
    assert_eq!(tried["sets"][0]["documents"][0]["verified"], true);
    assert_eq!(kept(&prepared), 0);
    let bad = document(&patient, "A.TXT", b"stated");
    let package = zipped(&tree(&[(&set_of(&patient, &[&bad]), &[("A.TXT", b"differ")])]));
    assert_eq!(codes(&import(1, &prepared, &package, &["--dry-run"])), ["XdmHashMismatch"]);
    let server = prepared.start().expect("it starts");
    assert!(entries(&server, &patient).is_empty());
}

fn check_names_every_fault_and_keeps_nothing() {
    let prepared = prepared(Store::Sqlite);
    let patient = sample::patient();
    let octets: [&[u8]; 5] = [b"one", b"two", b"three", b"four", b"five"];
    let mut documents: Vec<Object> =
        (1..).zip(octets).map(|(n, octets)| document(&patient, &format!("DOC0000{n}.TXT"), octets)).collect();
    documents[0] = documents[0].clone().slot("hash", &[&"0".repeat(40)]);
    documents[1] = documents[1].clone().slot("size", &["99"]);
    documents[2] = documents[2].clone().slot("URI", &["MISSING.TXT"]);
    documents[3] = documents[3].clone().slot("URI", &["../../../etc/passwd"]);
    documents[4] = documents[4].clone().slot("URI", &["METADATA.XML"]);
    let all: Vec<&Object> = documents.iter().collect();
    let top = tree(&[(&set_of(&patient, &all), &[("DOC00001.TXT", b"one"), ("DOC00002.TXT", b"two")])]);
    let package = zipped(&top).display().to_string();
    let output = run(&prepared, &["check", &package]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for (code, file, document) in [
        ("XdmHashMismatch", "IHE_XDM/SUBSET01/DOC00001.TXT", documents[0].unique_id()),
        ("XdmSizeMismatch", "IHE_XDM/SUBSET01/DOC00002.TXT", documents[1].id()),
        ("XDSMissingDocument", "IHE_XDM/SUBSET01/MISSING.TXT", documents[2].id()),
        ("XdmUriEscapesRoot", "IHE_XDM/SUBSET01/METADATA.XML", documents[3].id()),
        ("XdmUriNotADocument", "IHE_XDM/SUBSET01/METADATA.XML", documents[4].id()),
    ] {
        assert!(text.contains(&format!("  error {code} {file} [{document}]: ")), "{code}\n{text}");
    }
    let found = report(1, &prepared, &["check", &package]);
    assert_eq!(codes(&found).len(), 5, "{found}");
}

fn unpack_uses_names_of_its_own() {
    let prepared = prepared(Store::Sqlite);
    let patient = sample::patient();
    let documents = [document(&patient, "A.TXT", b"good"), document(&patient, "B.TXT", b"stated")];
    let submission = set_of(&patient, &[&documents[0], &documents[1]]);
    let top = tree(&[(&submission, &[("A.TXT", b"good"), ("B.TXT", b"differ")])]);
    let to = top.with_extension("out");
    let (package, out) = (zipped(&top).display().to_string(), to.display().to_string());
    let found = report(1, &prepared, &["unpack", &package, &out]);
    assert_eq!(codes(&found), ["XdmHashMismatch"]);
    let mut names: Vec<PathBuf> = scratch::files_below(&to);
    names.sort_unstable();
    assert_eq!(names, [to.join("001/00001.txt"), to.join("report.json")], "only what is what it should be");
    assert_eq!(fs::read(to.join("001/00001.txt")).expect("a file"), b"good");
    for (path, mode) in [("001/00001.txt", 0o600), ("report.json", 0o600), ("001", 0o700), ("", 0o700)] {
        let found = fs::metadata(to.join(path)).expect("is there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}: nobody else reads what is unpacked");
    }
    assert_eq!(run(&prepared, &["unpack", &package, &out]).status.code(), Some(2), "never over something");
}
