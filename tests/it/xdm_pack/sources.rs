//! Documents of a peer, and of a folder.

use std::{fs, path::Path, process::Output};

use libtest_mimic::Trial;
use serde_json::Value;

use super::{
    KINDS,
    between::between,
    list,
    package::{Opened, audited, here, pack_in},
    provide,
};
use crate::harness::{TestServer, http, on_every_store, plain, sample};

/// Passes the eleven-test.
const BSN: &str = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> =
        on_every_store![documents_of_a_peer, r_32_41_documents_of_others_are_in_the_audit_trail].collect();
    all.extend(plain![
        r_32_62_what_a_peer_answers_in_part_is_no_package,
        r_32_41_a_package_that_gets_no_name_is_told_as_failed,
        documents_of_a_folder,
        a_folder_that_is_wrong_is_told,
    ]);
    all
}

/// Packs documents of a peer, at this address, into `P.ZIP` of a folder.
fn pack_from(server: &TestServer, address: &str, folder: &Path, patient: &str) -> Output {
    pack_in(server, folder, &["--from", &format!("http://{address}/xds"), "--patient", patient])
}

/// Reasons of what the trail has of packages of a patient, the newest first; an empty one where all went well.
fn reasons(server: &TestServer, patient: &str) -> Vec<String> {
    let events = audited(server, patient).into_iter().filter(|event| event["event_types"][0]["code"] == "ITI-32");
    events.map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

fn r_32_62_what_a_peer_answers_in_part_is_no_package() {
    let server = super::fresh_server();
    for (number, request) in ["AdhocQueryRequest", "LeafClass", "RetrieveDocumentSetRequest"].into_iter().enumerate() {
        let patient = sample::patient();
        provide(&server, &patient, &KINDS[..2]);
        let address = between(&server, move |asked, answer| {
            if asked.contains(request) {
                let text = b"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success";
                let at = http::find(answer, text).expect("a status");
                let partial = *b"urn:ihe:iti:2007:ResponseStatusType:PartialSuccess";
                answer.splice(at..at + text.len(), partial);
                // The documents of a partial answer are not all that were asked for.
                if let Some(at) = http::find(answer, b"DocumentUniqueId>") {
                    let id = at + b"DocumentUniqueId>".len();
                    answer.splice(id..id, *b"9");
                }
            }
        });
        let folder = here();
        let made = pack_from(&server, &address, &folder, &patient);
        let told = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(!made.status.success(), "{request}: {told}");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "{request}: nothing is left");
        let reasons = reasons(&server, &patient);
        assert!(reasons.len() == 1 && reasons[0].starts_with("knoop:"), "{number} {request}: {reasons:?}");
    }
}

/// The name of the package is taken while it is made: what the trail has as done is told as failed after that.
fn r_32_41_a_package_that_gets_no_name_is_told_as_failed() {
    let server = super::fresh_server();
    let (patient, folder) = (sample::patient(), here());
    provide(&server, &patient, &KINDS[..1]);
    let taken = folder.join("P.ZIP");
    let address = between(&server, move |asked, _| {
        if asked.contains("RetrieveDocumentSetRequest") {
            fs::write(&taken, "somebody else's").expect("room");
        }
    });
    let made = pack_from(&server, &address, &folder, &patient);
    let told = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(!made.status.success() && told.contains("is there already"), "{told}");
    assert_eq!(fs::read(folder.join("P.ZIP")).expect("it is kept"), b"somebody else's");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "nothing else is left");
    let reasons = reasons(&server, &patient);
    assert_eq!(reasons, ["knoop:XdmOccupied", ""]);
}

fn documents_of_a_peer(server: &TestServer) {
    let patient = sample::patient();
    let objects = provide(server, &patient, &KINDS);
    let (folder, url) = (here(), format!("http://{}/xds", server.address));
    let out = folder.join("P.ZIP");
    let name = out.display().to_string();
    let data = server.prepared.data.display().to_string();
    let arguments = ["xdm", "pack", &name, "--from", &url, "--patient", &patient, "--data", &data];
    let made = server.prepared.command(&arguments).current_dir(&folder).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let package = Opened::zip(&out);
    let set = package.set("SUBSET01");
    for (object, (_, octets)) in objects.iter().zip(KINDS) {
        let entry = set.entry(&object.unique_id());
        let uri = entry.value("URI").expect("a URI");
        assert_eq!(package.file(&format!("IHE_XDM/SUBSET01/{uri}")), octets);
    }
    // Nothing stays where documents lay on their way.
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
}

/// Whoever's documents they are: who makes the package tells of it.
fn r_32_41_documents_of_others_are_in_the_audit_trail(server: &TestServer) {
    let patient = sample::patient();
    provide(server, &patient, &KINDS[..1]);
    let (folder, url) = (here(), format!("http://{}/xds", server.address));
    fs::create_dir(folder.join("scans")).and_then(|()| fs::write(folder.join("scans/a.txt"), "x")).expect("written");
    fs::write(folder.join("all.toml"), format!("[all]\npatient = \"{patient}\"\ntype = \"18748-4\"\n"))
        .expect("written");
    let data = server.prepared.data.display().to_string();
    for (out, arguments) in
        [("a.zip", ["--from", &url, "--patient", &patient]), ("b.zip", ["--files", "scans", "--metadata", "all.toml"])]
    {
        let arguments = [&["xdm", "pack", out, "--json", "--data", &data], &arguments[..]].concat();
        let made = server.prepared.command(&arguments).current_dir(&folder).output().expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let set = told["submissionSets"][0]["uniqueId"].as_str().expect("a set");
        let of_set = |event: &Value| list(&event["objects"]).iter().any(|object| object["id"] == set);
        let events = audited(server, &patient);
        let event = events.iter().find(|event| of_set(event)).expect("the export is told");
        assert_eq!((&event["event_id"]["code"], &event["outcome"]), (&"110106".into(), &"Success".into()));
    }
    let nowhere = knoop(&folder, &["xdm", "pack", "c.zip", "--files", "scans", "--metadata", "all.toml"]);
    let told = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(nowhere.status.success() && told.contains("in no audit trail"), "{told}");
}

/// Any program that takes no server.
pub fn knoop(folder: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_knoop"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program can be started")
}

fn documents_of_a_folder() {
    let folder = here();
    fs::create_dir(folder.join("scans")).expect("made");
    fs::write(folder.join("scans/letter.txt"), "Dear colleague").expect("written");
    fs::write(folder.join("scans/scan.pdf"), "%PDF-1.7\n").expect("written");
    fs::write(folder.join("scans/.hidden"), "no").expect("written");
    let all = format!("[all]\npatient = \"{BSN}\"\ntype = \"18748-4\"\npatient_info = [\"PID-5|Fictief^Ada\"]\n");
    fs::write(folder.join("all.toml"), &all).expect("written");
    let pack = ["xdm", "pack", "a.zip", "--files", "scans", "--metadata", "all.toml", "--json"];
    let made = knoop(&folder, &pack);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(told["documents"], 2);
    let package = Opened::zip(&folder.join("a.zip"));
    let set = package.set("SUBSET01");
    assert_eq!(set.entries().len(), 2);
    assert_eq!(package.file("IHE_XDM/SUBSET01/DOC00001.TXT"), b"Dear colleague");
    assert_eq!(package.file("IHE_XDM/SUBSET01/DOC00002.PDF"), b"%PDF-1.7\n");
    let index = String::from_utf8(package.file("INDEX.HTM")).expect("UTF-8");
    assert!(index.contains("Fictief, Ada") && index.contains("999900006 (BSN)"));
    // One of them, with a word of its own.
    let one = format!("{all}[[document]]\nfile = \"letter.txt\"\ntitle = \"Brief\"\ncreated = \"20260314\"\n");
    fs::write(folder.join("one.toml"), one).expect("written");
    let made = knoop(&folder, &["xdm", "pack", "b.zip", "--files", "scans", "--metadata", "one.toml"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let set = Opened::zip(&folder.join("b.zip")).set("SUBSET01");
    assert_eq!(set.entries()[0].value("creationTime").as_deref(), Some("20260314"));
}

fn a_folder_that_is_wrong_is_told() {
    let folder = here();
    fs::create_dir(folder.join("scans")).expect("made");
    fs::write(folder.join("scans/letter.txt"), "x").expect("written");
    for (toml, said) in [
        ("[all]\ntype = \"18748-4\"\n", "patient is missing"),
        ("[all]\npatient = \"999900007^^^&2.16.840.1.113883.2.4.6.3&ISO\"\ntype = \"18748-4\"\n", "eleven-test"),
        ("[all]\npatient = \"1^^^&2.999&ISO\"\ntype = \"nonsense\"\n", "nonsense is in no list"),
        ("[all]\npatience = \"1\"\n", "unknown field `patience`"),
        ("[[document]]\nfile = \"none.txt\"\npatient = \"1^^^&2.999&ISO\"\ntype = \"18748-4\"\n", "none.txt"),
    ] {
        fs::write(folder.join("m.toml"), toml).expect("written");
        let refused = knoop(&folder, &["xdm", "pack", "a.zip", "--files", "scans", "--metadata", "m.toml"]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains(said), "{told}");
    }
    assert!(!folder.join("a.zip").exists());
}
