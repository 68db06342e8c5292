//! `knoop xdm pack`: what it makes is opened by everybody, and is what it says it is.

mod between;
mod bombs;
pub mod dicom;
mod divided;
mod foreign;
pub mod package;
mod refused;
mod sources;

use std::{fs, path::PathBuf, process::Command};

use libtest_mimic::{Completion, Failed, Trial};
use serde_json::Value;

use crate::{
    harness::{
        TestServer, on_every_store, plain,
        privacy::{NAME_MARK, TITLE_MARK},
        sample::{self, Object, Submission, names},
        schemas, scratch,
        servers::Store,
        trials,
    },
    iti41::provided,
};
use package::{Opened, audited, here, pack, pack_in};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = on_every_store![
        r_32_13_15_the_documents_of_a_patient_with_hash_size_and_uri,
        r_32_06_48_three_patients_are_three_sets_with_their_own_times,
        r_32_49_folders_and_relations_stay_when_both_ends_are_there,
        r_32_49_what_has_no_meaning_off_line_is_left_out,
        r_32_48_sets_as_they_were_submitted,
        r_32_50_deprecated_documents_on_request_only,
        r_32_41_each_set_is_in_the_audit_trail,
    ]
    .collect();
    all.extend(plain![
        r_32_50_who_may_not_see_a_document_gets_no_package_of_it,
        r_32_62_a_document_that_was_asked_for_is_never_left_out,
        r_32_22_a_sensitive_document_shows_its_code_only,
        r_32_51_a_document_that_is_not_what_it_was_ends_the_export,
        r_32_01_20_21_the_root_has_its_three,
        a_sending_is_addressed,
        a_tree_holds_the_same,
        nothing_is_written_over,
        limited_metadata_say_less,
    ]);
    all.extend(bombs::trials());
    all.extend(dicom::trials());
    all.extend(divided::trials());
    all.extend(foreign::trials());
    all.extend(refused::trials());
    all.extend(sources::trials());
    all.push(trials::fallible(module_path!(), "packages_are_opened_by_everybody", opened_by_everybody));
    all.push(trials::fallible(module_path!(), "r_32_12_metadata_are_valid", valid));
    all.push(trials::fallible(module_path!(), "r_32_21_the_start_page_is_valid_xhtml_basic", valid_page));
    all
}

/// Provides documents of these media types with these octets, each submission with one of them.
pub fn provide(server: &TestServer, patient: &str, documents: &[(&str, &[u8])]) -> Vec<Object> {
    let objects: Vec<Object> =
        documents.iter().map(|(kind, _)| sample::provided(patient).set("mimeType", kind)).collect();
    let ids: Vec<String> = objects.iter().map(Object::id).collect();
    let given: Vec<(&str, &[u8])> = ids.iter().zip(documents).map(|(id, (_, octets))| (id.as_str(), *octets)).collect();
    let submission = Submission::with(patient, &objects.iter().collect::<Vec<_>>());
    server.provide(&submission, &given).expect_success();
    objects
}

fn fresh_server() -> TestServer {
    TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("a server")
}

const KINDS: [(&str, &[u8]); 5] = [
    ("text/plain", b"Discharge note for a made-up patient.\n"),
    ("text/xml", b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>"),
    ("application/pdf", b"%PDF-1.7 sample"),
    ("application/x-unknown", b"\x00\x01\x02\x03"),
    ("text/plain", b""),
];

fn r_32_13_15_the_documents_of_a_patient_with_hash_size_and_uri(server: &TestServer) {
    let patient = sample::patient();
    let objects = provide(server, &patient, &KINDS);
    let (out, told) = pack(server, &["--patient", &patient, "--json"]);
    let package = Opened::zip(&out);
    assert_eq!(told["documents"], KINDS.len());
    let set = package.set("SUBSET01");
    assert_eq!(set.entries().len(), KINDS.len());
    for (object, (kind, octets)) in objects.iter().zip(KINDS) {
        let entry = set.entry(&object.unique_id());
        let uri = entry.value("URI").expect("a URI");
        assert!(!uri.contains('/') && uri.starts_with("DOC0000"), "{uri}");
        assert_eq!(package.file(&format!("IHE_XDM/SUBSET01/{uri}")), octets);
        assert_eq!(entry.value("size").as_deref(), Some(octets.len().to_string().as_str()));
        let sha1: String = openssl::sha::sha1(octets).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(entry.value("hash"), Some(sha1));
        assert_eq!(entry.attribute("mimeType"), kind);
    }
    let extensions: Vec<String> =
        set.entries().iter().filter_map(|entry| entry.value("URI")).map(|uri| uri[9..].to_owned()).collect();
    assert_eq!(extensions, ["TXT", "XML", "PDF", "BIN", "TXT"]);
}

fn r_32_06_48_three_patients_are_three_sets_with_their_own_times(server: &TestServer) {
    let patients = [sample::patient(), sample::patient(), sample::patient()];
    let mut arguments = Vec::new();
    let ids: Vec<String> = patients
        .iter()
        .flat_map(|patient| provide(server, patient, &KINDS[..2]).into_iter().map(|object| object.unique_id()))
        .collect();
    for id in &ids {
        arguments.extend(["--document", id]);
    }
    let (out, _) = pack(server, &arguments);
    let package = Opened::zip(&out);
    let sets = ["SUBSET01", "SUBSET02", "SUBSET03"].map(|directory| package.set(directory));
    let of_sets: std::collections::BTreeSet<String> =
        sets.iter().filter_map(|set| set.submission_set().identifier(names::SS_PATIENT_ID)).collect();
    assert_eq!(of_sets, patients.iter().cloned().collect());
    let times: std::collections::BTreeSet<String> =
        sets.iter().filter_map(|set| set.submission_set().value("submissionTime")).collect();
    assert_eq!(times.len(), 3, "R-32-06");
    for set in &sets {
        let patient = set.submission_set().identifier(names::SS_PATIENT_ID);
        assert_eq!(set.entries().len(), 2);
        for entry in set.entries() {
            assert_eq!(entry.identifier(names::DE_PATIENT_ID), patient, "R-32-19");
        }
    }
}

fn r_32_49_folders_and_relations_stay_when_both_ends_are_there(server: &TestServer) {
    let patient = sample::patient();
    let documents = [sample::provided(&patient), sample::provided(&patient), sample::provided(&patient)];
    let folder = sample::folder(&patient);
    let submission = documents.iter().fold(Submission::of(&patient).folder(&folder), Submission::document);
    let submission = submission
        .member(&folder.id(), &documents[0].id())
        .member(&folder.id(), &documents[1].id())
        .relate(names::XFRM, &documents[1].id(), &documents[0].id());
    let ids = [0, 1, 2].map(|n: usize| documents[n].id());
    let given: Vec<(&str, &[u8])> = ids.iter().map(|id| (id.as_str(), &b"x"[..])).collect();
    server.provide(&submission, &given).expect_success();
    // All of it.
    let (out, _) = pack(server, &["--patient", &patient]);
    let set = Opened::zip(&out).set("SUBSET01");
    assert_eq!(set.folders().len(), 1);
    assert_eq!(set.folders()[0].identifier(names::FD_UNIQUE_ID), Some(folder.identified(names::FD_UNIQUE_ID)));
    assert_eq!(set.associations(names::XFRM).len(), 1);
    let in_folder = set.associations(names::HAS_MEMBER).into_iter();
    let in_folder = in_folder.filter(|it| it.attribute("sourceObject") == set.folders()[0].attribute("id"));
    assert_eq!(in_folder.count(), 2);
    // Set and folder; each document, the folder, and each membership of the folder.
    let submission_set = set.submission_set();
    let set_id = submission_set.attribute("id");
    let of_set = set.associations(names::HAS_MEMBER).into_iter();
    assert_eq!(of_set.filter(|it| it.attribute("sourceObject") == set_id).count(), 3 + 1 + 2);
    // The folder.
    let (out, told) = pack(server, &["--folder", &folder.identified(names::FD_UNIQUE_ID), "--json"]);
    let set = Opened::zip(&out).set("SUBSET01");
    assert_eq!((set.entries().len(), set.folders().len()), (2, 1));
    assert_eq!(told["warnings"].as_array().map(Vec::len), Some(0));
    // One end.
    let (out, told) = pack(server, &["--document", &documents[0].unique_id(), "--json"]);
    let set = Opened::zip(&out).set("SUBSET01");
    assert_eq!((set.entries().len(), set.folders().len(), set.associations(names::XFRM).len()), (1, 0, 0));
    assert!(told["warnings"][0].as_str().is_some_and(|text| text.starts_with("1 relations ")), "{told}");
}

fn r_32_49_what_has_no_meaning_off_line_is_left_out(server: &TestServer) {
    let (patient, document) = provided(server, b"off line");
    let (out, _) = pack(server, &["--patient", &patient]);
    let set = Opened::zip(&out).set("SUBSET01");
    let entry = set.entry(&document.unique_id());
    for slot in ["repositoryUniqueId", "documentAvailability"] {
        assert_eq!(entry.value(slot), None, "R-32-16");
    }
    for attribute in ["home", "lid"] {
        assert_eq!(entry.attribute(attribute), "");
    }
    assert_eq!(entry.attribute("objectType"), names::STABLE, "R-32-17");
    assert_eq!(entry.attribute("id"), server.entry_uuid(&document.unique_id()), "R-32-18: the entryUUID is kept");
    let kept = server.entry(&server.entry_uuid(&document.unique_id()));
    for (scheme, what) in [
        (names::CLASS_CODE, "classCode"),
        (names::TYPE_CODE, "typeCode"),
        (names::FORMAT_CODE, "formatCode"),
        (names::CONFIDENTIALITY_CODE, "confidentialityCode"),
        (names::DE_AUTHOR, "author"),
    ] {
        assert_eq!(entry.representations(scheme).len(), kept_representations(&kept, scheme), "{what}");
    }
}

fn kept_representations(found: &crate::harness::Found, scheme: &str) -> usize {
    found.classifications.iter().filter(|it| it.get("classificationScheme") == Some(scheme)).count()
}

fn r_32_48_sets_as_they_were_submitted(server: &TestServer) {
    let patient = sample::patient();
    let (one, other) = (sample::provided(&patient), sample::provided(&patient));
    let submissions = [Submission::with(&patient, &[&one]), Submission::with(&patient, &[&other])];
    for (submission, document) in submissions.iter().zip([&one, &other]) {
        server.provide(submission, &[(&document.id(), b"x")]).expect_success();
    }
    let (out, _) = pack(server, &["--patient", &patient, "--as-submitted"]);
    let package = Opened::zip(&out);
    let sets = [package.set("SUBSET01"), package.set("SUBSET02")];
    for (submission, document) in submissions.iter().zip([&one, &other]) {
        let unique_id = submission.set.identified(names::SS_UNIQUE_ID);
        let set =
            sets.iter().find(|set| set.submission_set().identifier(names::SS_UNIQUE_ID) == Some(unique_id.clone()));
        assert_eq!(set.expect("the set is there").entry(&document.unique_id()).value("size").as_deref(), Some("1"));
    }
    let times = sets.iter().filter_map(|set| set.submission_set().value("submissionTime"));
    assert_eq!(times.collect::<Vec<_>>(), ["20240305142001", "20240305142002"], "R-32-06");
    // One of them.
    let unique_id = submissions[1].set.identified(names::SS_UNIQUE_ID);
    let (out, _) = pack(server, &["--submission-set", &unique_id]);
    assert_eq!(Opened::zip(&out).set("SUBSET01").entries().len(), 1);
}

fn r_32_50_deprecated_documents_on_request_only(server: &TestServer) {
    let (patient, first) = provided(server, b"first");
    let second = sample::provided(&patient);
    let old = server.entry_uuid(&first.unique_id());
    let replacing = Submission::with(&patient, &[&second]).relate(names::RPLC, &second.id(), &old);
    server.provide(&replacing, &[(&second.id(), b"second")]).expect_success();
    let (out, _) = pack(server, &["--patient", &patient]);
    let set = Opened::zip(&out).set("SUBSET01");
    assert_eq!(set.entries().len(), 1);
    assert_eq!(set.associations(names::RPLC).len(), 0);
    // A submission cannot replace what it brings along: what was replaced is in a set before.
    for more in [&[][..], &["--as-submitted"]] {
        let (out, told) = pack(server, &[&["--patient", &patient, "--deprecated", "--json"], more].concat());
        let package = Opened::zip(&out);
        let [former, latter] = ["SUBSET01", "SUBSET02"].map(|directory| package.set(directory));
        former.entry(&first.unique_id());
        latter.entry(&second.unique_id());
        let replacements = [former.associations(names::RPLC), latter.associations(names::RPLC)];
        assert_eq!((replacements[0].len(), replacements[1].len()), (0, 1));
        assert_eq!(replacements[1][0].attribute("targetObject"), old);
        assert_eq!(list(&told["warnings"]).len(), 0, "{told}");
    }
}

fn r_32_41_each_set_is_in_the_audit_trail(server: &TestServer) {
    let (patient, _) = provided(server, b"audited");
    let (_, told) = pack(server, &["--patient", &patient, "--json"]);
    let events = audited(server, &patient);
    let kinds: Vec<&str> =
        events.iter().map(|event| event["event_types"][0]["code"].as_str().unwrap_or_default()).collect();
    assert!(kinds.contains(&"ITI-18") && kinds.contains(&"ITI-43") && kinds.contains(&"ITI-32"), "{kinds:?}");
    let event = events.iter().find(|event| event["event_types"][0]["code"] == "ITI-32").expect("the export");
    assert_eq!(event["event_id"]["code"], "110106");
    assert_eq!(event["participants"][1]["media"]["code"], "110037");
    assert_eq!(event["participants"][1]["roles"][0]["code"], "110152");
    let set = told["submissionSets"][0]["uniqueId"].as_str().expect("a set");
    let objects = event["objects"].as_array().expect("objects");
    assert!(objects.iter().any(|object| object["id"] == set && object["role"] == 20));
}

/// Another organisation asks without consent: as with a query, there is nothing (D12).
fn r_32_50_who_may_not_see_a_document_gets_no_package_of_it() {
    let server = fresh_server();
    let (patient, _) = provided(&server, b"not for everybody");
    let data = server.prepared.data.display().to_string();
    let add = ["node", "add", "stranger", "--organisation", "2.999.78", "--organisation-name", "Elders"];
    let more = ["--category", "ziekenhuis", "--role", "consumer", "--issuer", "CN=CA", "--san", "x.example"];
    let added = server.prepared.command(&[&add[..], &more, &["--data", &data]].concat()).output().expect("it runs");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let folder = here();
    let refused = pack_in(&server, &folder, &["--patient", &patient, "--node", "stranger"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no document is there to export"));
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
}

fn r_32_62_a_document_that_was_asked_for_is_never_left_out() {
    let server = fresh_server();
    let (_, document) = provided(&server, b"is there");
    let (known, lost, uuid) = (document.unique_id(), "2.999.404.1", sample::uuid());
    let folder = here();
    for more in [&[][..], &["--deprecated"]] {
        let asked = ["--document", &known, "--document", lost, "--document", &uuid];
        let refused = pack_in(&server, &folder, &[&asked[..], more].concat());
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{told}");
        assert!(told.contains(lost) && told.contains(&uuid) && !told.contains(&known), "{told}");
    }
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "nothing is left");
    let uuid = server.entry_uuid(&known);
    assert!(pack_in(&server, &folder, &["--document", &known, "--document", &uuid]).status.success());
}

fn r_32_22_a_sensitive_document_shows_its_code_only() {
    let server = fresh_server();
    let patient = sample::patient();
    let untitled = sample::provided(&patient)
        .named(None)
        .code(names::CONFIDENTIALITY_CODE, "V", "2.16.840.1.113883.5.25")
        .change_scheme(names::TYPE_CODE, |code| code.name = Some("Very telling type".to_owned()));
    server.provide(&Submission::with(&patient, &[&untitled]), &[(&untitled.id(), b"x")]).expect_success();
    let (out, _) = pack(&server, &["--patient", &patient]);
    let index = String::from_utf8(Opened::zip(&out).file("INDEX.HTM")).expect("UTF-8");
    assert!(index.contains("DOC00001.TXT") && !index.contains("Very telling type"), "{index}");
}

fn r_32_51_a_document_that_is_not_what_it_was_ends_the_export() {
    let server = fresh_server();
    let (patient, _) = provided(&server, b"to be damaged");
    let blob = server.prepared.document_file(b"to be damaged");
    fs::remove_file(&blob).and_then(|()| fs::write(&blob, "to be damageD")).expect("damaged");
    let folder = here();
    let failed = pack_in(&server, &folder, &["--patient", &patient]);
    assert_eq!(failed.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("XdmSourceCorrupt"));
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "nothing is left");
    let event = audited(&server, &patient).into_iter().find(|event| event["event_types"][0]["code"] == "ITI-32");
    assert_eq!(event.expect("it is in the trail")["reason"], "knoop:XdmSourceCorrupt");
}

fn r_32_01_20_21_the_root_has_its_three() {
    let server = fresh_server();
    let patient = sample::patient();
    let hostile = sample::provided(&patient).named(Some("<script>alert(1)</script> ]]> \" '"));
    server.provide(&Submission::with(&patient, &[&hostile]), &[(&hostile.id(), b"x")]).expect_success();
    let arguments = ["--institution", "Sint Fictief", "--contact", "+31 00 000 00 00", "--language", "en"];
    let (out, _) = pack(&server, &[&["--patient", patient.as_str()], &arguments[..]].concat());
    let package = Opened::zip(&out);
    assert_eq!(package.roots(), ["README.TXT", "INDEX.HTM", "IHE_XDM"]);
    let readme = String::from_utf8(package.file("README.TXT")).expect("ASCII");
    for said in ["Sint Fictief", "+31 00 000 00 00", "knoop ", "IHE_XDM"] {
        assert!(readme.contains(said), "R-32-20: {said}");
    }
    let index = String::from_utf8(package.file("INDEX.HTM")).expect("UTF-8");
    let html = index.split_once("<html").map(|(_, rest)| format!("<html{rest}")).expect("a page");
    let page = roxmltree::Document::parse(&html).unwrap_or_else(|error| panic!("R-32-21: {error}"));
    assert!(page.descendants().all(|node| node.tag_name().name() != "script"));
    let links: Vec<&str> = page.descendants().filter_map(|node| node.attribute("href")).collect();
    assert_eq!(links, ["README.TXT", "#importable", "IHE_XDM/SUBSET01/DOC00001.TXT"]);
    assert!(index.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && index.contains("Sint Fictief"));
}

fn a_sending_is_addressed() {
    let server = fresh_server();
    let (patient, _) = provided(&server, b"for somebody");
    let to = "Example Hospital^^^^^^^^^2.999.30";
    let addressed = ["--to", to, "--to-department", "Cardiology", "--to-person", "^Roe^Max"];
    let why =
        ["--comment", "Please look at the second one", "--reason", "Referral", "--priority", "high", "--urgency", "2"];
    let (out, _) = pack(&server, &[&["--patient", patient.as_str()], &addressed[..], &why].concat());
    let package = Opened::zip(&out);
    let set = package.set("SUBSET01").submission_set();
    let expected = "Example Hospital, Cardiology^^^^^^^^^2.999.30|^Roe^Max";
    assert_eq!(set.value("intendedRecipient").as_deref(), Some(expected));
    assert_eq!(set.description.as_deref(), Some("Please look at the second one"));
    let index = String::from_utf8(package.file("INDEX.HTM")).expect("UTF-8");
    for said in ["Roe, Max, Example Hospital, Cardiology", "Please look at the second one", "Referral", "high"] {
        assert!(index.contains(said), "{said}");
    }
}

fn a_tree_holds_the_same() {
    let server = fresh_server();
    let patient = sample::patient();
    provide(&server, &patient, &KINDS);
    let folder = here();
    let zipped = folder.join("P.ZIP");
    assert!(pack_in(&server, &folder, &["--patient", &patient, "--as-submitted"]).status.success());
    let tree = folder.join("STICK");
    let (tree_name, data) = (tree.display().to_string(), server.prepared.data.display().to_string());
    let arguments = ["xdm", "pack", &tree_name, "--tree", "--data", &data, "--patient", &patient, "--as-submitted"];
    let made = server.prepared.command(&arguments).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (zip, tree_package) = (Opened::zip(&zipped), Opened::tree(&tree));
    assert_eq!(zip.names(), tree_package.names());
    for name in zip.names() {
        // Identifiers of memberships, and the time, are fresh.
        if !name.ends_with("METADATA.XML") && !name.ends_with("INDEX.HTM") {
            assert_eq!(zip.file(&name), tree_package.file(&name), "{name}");
        }
    }
    // A medium holds one package.
    let again = server.prepared.command(&arguments).output().expect("it runs");
    assert_eq!(again.status.code(), Some(2), "{}", String::from_utf8_lossy(&again.stderr));
}

fn nothing_is_written_over() {
    let server = fresh_server();
    let (patient, _) = provided(&server, b"x");
    let folder = here();
    fs::write(folder.join("P.ZIP"), "mine").expect("written");
    let refused = pack_in(&server, &folder, &["--patient", &patient]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read(folder.join("P.ZIP")).expect("read"), b"mine");
}

fn limited_metadata_say_less() {
    let server = fresh_server();
    let (patient, document) = provided(&server, b"limited");
    let (out, _) = pack(&server, &["--patient", &patient, "--limited"]);
    let set = Opened::zip(&out).set("SUBSET01");
    let entry = set.entry(&document.unique_id());
    assert!(entry.has_node("urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85"));
    assert!(set.submission_set().has_node("urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707"));
    assert!(entry.representations(names::DE_AUTHOR).is_empty() && entry.representations(names::CLASS_CODE).is_empty());
    assert_eq!(entry.representations(names::TYPE_CODE), ["11490-0"]);
    for slot in ["hash", "size", "URI", "creationTime", "sourcePatientId"] {
        assert!(entry.value(slot).is_some(), "{slot}");
    }
    let text = String::from_utf8(Opened::zip(&out).file("IHE_XDM/SUBSET01/METADATA.XML")).expect("UTF-8");
    assert!(!text.contains(NAME_MARK) && text.contains(TITLE_MARK));
}

/// Programs that open zip files, and how they are asked to test one.
const OPENERS: [(&str, &[&str]); 4] = [
    ("unzip", &["-tqq"]),
    ("bsdtar", &["-xOf"]),
    ("7z", &["t"]),
    (
        "python3",
        &[
            "-c",
            "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); sys.exit(z.testzip() is not None or not z.namelist())",
        ],
    ),
];

fn opened_by_everybody() -> Result<Completion, Failed> {
    let server = fresh_server();
    let patient = sample::patient();
    provide(&server, &patient, &KINDS);
    let (out, _) = pack(&server, &["--patient", &patient]);
    let mut missing = Vec::new();
    for (program, arguments) in OPENERS {
        let Ok(opened) = Command::new(program).args(arguments).arg(&out).output() else {
            missing.push(program);
            continue;
        };
        let said = [opened.stdout, opened.stderr].concat();
        assert!(opened.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
    }
    Ok(match missing[..] {
        [] => Completion::Completed,
        _ => Completion::ignored_with(format!("{} not here; the others open it", missing.join(", "))),
    })
}

fn valid() -> Result<Completion, Failed> {
    let server = fresh_server();
    let patient = sample::patient();
    let documents = [sample::provided(&patient), sample::provided(&patient)];
    let folder = sample::folder(&patient);
    let submission = documents.iter().fold(Submission::of(&patient).folder(&folder), Submission::document);
    let submission =
        submission.member(&folder.id(), &documents[0].id()).relate(names::APND, &documents[1].id(), &documents[0].id());
    let ids = [documents[0].id(), documents[1].id()];
    server.provide(&submission, &[(&ids[0], b"one"), (&ids[1], b"two")]).expect_success();
    let addressed = ["--to", "Example Hospital", "--comment", "a <line> & more", "--institution", "Sint Fictief"];
    let mut files = Vec::new();
    for more in [&addressed[..], &["--limited"], &["--as-submitted"]] {
        let (out, _) = pack(&server, &[&["--patient", patient.as_str()], more].concat());
        let file = scratch::directory("xdm-metadata").join(format!("{}.xml", files.len()));
        fs::write(&file, Opened::zip(&out).file("IHE_XDM/SUBSET01/METADATA.XML")).map_err(|e| e.to_string())?;
        files.push(file);
    }
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas/xsd/lcm.xsd");
    let published = schemas::published("ebRS30/lcm.xsd");
    let is_complete = published.is_some();
    for schema in [Some(ours), published].into_iter().flatten() {
        match schemas::xmllint(&schema, &files) {
            Ok(faults) if faults.is_empty() => {}
            Ok(faults) => return Err(faults.join("\n").into()),
            Err(reason) => return Ok(Completion::ignored_with(reason)),
        }
    }
    Ok(match is_complete {
        true => Completion::Completed,
        false => Completion::ignored_with("../shared/standards is not here; valid by our schema"),
    })
}

/// Where Debian keeps the DTDs of W3C.
const DTDS: &str = "/usr/share/xml/w3c-sgml-lib/schema/dtd/catalog.xml";

fn valid_page() -> Result<Completion, Failed> {
    if !PathBuf::from(DTDS).exists() {
        return Ok(Completion::ignored_with("the DTDs of W3C are not here (Debian: w3c-sgml-lib)"));
    }
    let server = fresh_server();
    let patient = sample::patient();
    let hostile = sample::provided(&patient).named(Some("<script>alert(1)</script> ]]> \" ' &amp; <b"));
    server.provide(&Submission::with(&patient, &[&hostile]), &[(&hostile.id(), b"x")]).expect_success();
    let mut files = Vec::new();
    for more in [&[][..], &["--language", "en", "--institution", "A & B", "--comment", "<p>", "--limited"]] {
        let (out, _) = pack(&server, &[&["--patient", patient.as_str()], more].concat());
        let file = scratch::directory("xdm-index").join(format!("{}.htm", files.len()));
        fs::write(&file, Opened::zip(&out).file("INDEX.HTM")).map_err(|e| e.to_string())?;
        files.push(file);
    }
    let mut command = Command::new("xmllint");
    let judged = command.args(["--valid", "--noout", "--nonet"]).args(&files).env("XML_CATALOG_FILES", DTDS).output();
    let Ok(judged) = judged else { return Ok(Completion::ignored_with("xmllint is not here (Debian: libxml2-utils)")) };
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    Ok(Completion::Completed)
}

/// A list of JSON, or none.
fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
