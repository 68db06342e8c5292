//! Packages that are brought, looked into and taken over. Source: R-32-33 to R-32-38, R-32-61.

use std::{fs, path::Path};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kit::{FULL, brought, call, get, post, settled, told};
use crate::{
    harness::{
        TestServer, on_every_store, plain,
        sample::{
            self,
            names::{DE_UNIQUE_ID, RPLC},
        },
        scratch,
        servers::{Store, until},
        trail,
    },
    xdm_import::{File, codes, document, entries, set_of, tree, zipped},
};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = on_every_store![
        r_32_34_inspect_keeps_nothing_and_commit_takes_it_over,
        r_32_61_a_package_comes_as_a_form_too,
        r_32_61_broken_archives_are_400,
        r_32_61_metadata_that_no_registry_takes_are_422,
        r_32_35_some_sets_are_taken_and_the_report_says_which,
        r_32_56_a_package_that_comes_again_is_already_present,
        r_32_61_a_key_stands_for_one_package,
        r_32_33_sets_are_chosen,
        r_32_33_sets_that_somebody_looked_at_are_named,
        r_32_38_one_patient_for_sets_of_several_is_409,
        r_32_58_sets_taken_one_by_one_replace_as_sets_taken_at_once,
        r_32_58_what_was_here_when_a_package_came_is_not_replaced,
        r_32_61_a_decision_that_was_taken_is_carried_out,
        r_32_61_a_withdrawn_import_stops_and_tells_what_it_took,
        r_32_41_a_refused_package_is_in_the_trail_once,
    ]
    .collect();
    all.extend(plain![
        r_32_36_a_wrong_hash_is_taken_where_the_house_allows_it,
        r_32_38_nobody_is_guessed_and_that_is_409,
        r_32_61_beyond_the_limits_is_413,
        r_32_61_a_package_that_came_before_is_known_where_there_is_no_room
    ]);
    all
}

/// The octets of a package with these sets.
fn package(sets: &[(&sample::Submission, &[File])]) -> Vec<u8> {
    fs::read(zipped(&tree(sets))).expect("made")
}

/// A package with one document of a patient.
fn of_one(patient: &str, octets: &[u8]) -> Vec<u8> {
    let document = document(patient, "A.TXT", octets);
    package(&[(&set_of(patient, &[&document]), &[("A.TXT", octets)])])
}

fn location(package: &Value) -> String {
    format!("/xdm/import/{}", package["id"].as_str().expect("an id"))
}

/// Takes over; the package when that has ended.
#[track_caller]
fn committed(server: &TestServer, package: &Value, decision: &Value) -> Value {
    let at = location(package);
    let response = post(server, &format!("{at}/commit"), decision);
    told(202, &response);
    assert_eq!(response.header("location"), Some(&*at));
    settled(server, &at)
}

fn r_32_34_inspect_keeps_nothing_and_commit_takes_it_over(server: &TestServer) {
    let patient = sample::patient();
    let inspected = told(200, &brought(server, &of_one(&patient, b"brought")));
    assert_eq!(
        (&inspected["state"], &inspected["report"]["outcome"]),
        (&"inspected".into(), &"all".into()),
        "{inspected}"
    );
    assert_eq!(inspected["report"]["sets"][0]["documents"][0]["verified"], true);
    assert!(entries(server, &patient).is_empty(), "R-32-34: no side effect");
    let done = committed(server, &inspected, &json!({}));
    assert_eq!((&done["state"], &done["report"]["sets"][0]["state"]), (&"done".into(), &"imported".into()), "{done}");
    assert_eq!(entries(server, &patient).len(), 1);
    let listed = told(200, &get(server, "/xdm/import"));
    assert!(listed["packages"].as_array().expect("a list").iter().any(|it| it["id"] == done["id"]));
    assert_eq!(call(server, "DELETE", &location(&done), &[], b"").status, 204);
    let gone = post(server, &format!("{}/commit", location(&done)), &json!({}));
    assert_eq!(told(409, &gone)["code"], "XdmStanding");
    assert_eq!(entries(server, &patient).len(), 1, "what was taken over stays");
}

fn r_32_61_a_package_comes_as_a_form_too(server: &TestServer) {
    let patient = sample::patient();
    let zip = of_one(&patient, b"in a form");
    let form = |kind: &str| {
        let mut body = b"--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--b\r\n\
            Content-Disposition: form-data; name=\"package\"; filename=\"XDM.ZIP\"\r\nContent-Type: "
            .to_vec();
        body.extend(kind.as_bytes());
        body.extend(b"\r\n\r\n");
        body.extend(&zip);
        body.extend(b"\r\n--b--\r\n");
        call(server, "POST", "/xdm/import/inspect", &[("Content-Type", "multipart/form-data; boundary=b")], &body)
    };
    let inspected = told(200, &form("application/zip"));
    assert_eq!(inspected["octets"].as_u64(), Some(zip.len() as u64));
    assert_eq!(inspected["report"]["outcome"], "all");
    assert_eq!(told(400, &form("text/plain"))["code"], "XdmForm");
    let other = call(server, "POST", "/xdm/import/inspect", &[("Content-Type", "text/plain")], &zip);
    assert_eq!(told(415, &other)["code"], "XdmMediaType");
}

fn r_32_61_broken_archives_are_400(server: &TestServer) {
    let zip = of_one(&sample::patient(), b"whole");
    for (octets, code) in [
        (&b"no zip"[..], "XdmNotAZip"),
        (b"", "XdmNotAZip"),
        (&zip[..zip.len() / 2], "XdmTruncated"),
        (&[b"prefix", &zip[..]].concat(), "XdmPrefixData"),
    ] {
        let refused = told(400, &brought(server, octets));
        assert_eq!((&refused["state"], &refused["report"]["outcome"]), (&"failed".into(), &"rejected".into()));
        assert!(codes(&refused["report"]).contains(&code.to_owned()), "{refused}");
        assert_eq!(refused["code"], code);
    }
}

fn r_32_61_metadata_that_no_registry_takes_are_422(server: &TestServer) {
    let patient = sample::patient();
    let bad = document(&patient, "A.TXT", b"stated");
    let refused = told(422, &brought(server, &package(&[(&set_of(&patient, &[&bad]), &[("A.TXT", b"differ")])])));
    assert_eq!(
        (&refused["code"], codes(&refused["report"])),
        (&"XdmMetadata".into(), vec!["XdmHashMismatch".to_owned()])
    );
}

fn r_32_35_some_sets_are_taken_and_the_report_says_which(server: &TestServer) {
    let patient = sample::patient();
    let documents = [document(&patient, "A.TXT", b"good"), document(&patient, "A.TXT", b"stated")];
    let sets = [set_of(&patient, &[&documents[0]]), set_of(&patient, &[&documents[1]])];
    let zip = package(&[(&sets[0], &[("A.TXT", b"good")]), (&sets[1], &[("A.TXT", b"differ")])]);
    let inspected = told(200, &brought(server, &zip));
    assert_eq!(inspected["report"]["outcome"], "some");
    let done = committed(server, &inspected, &json!({}));
    let states: Vec<&str> =
        done["report"]["sets"].as_array().expect("sets").iter().filter_map(|set| set["state"].as_str()).collect();
    assert_eq!((&done["state"], states), (&"done".into(), vec!["imported", "failed"]), "{done}");
    assert_eq!(entries(server, &patient).len(), 1);
}

fn r_32_56_a_package_that_comes_again_is_already_present(server: &TestServer) {
    let patient = sample::patient();
    let zip = of_one(&patient, b"twice");
    committed(server, &told(200, &brought(server, &zip)), &json!({}));
    let again = told(200, &brought(server, &zip));
    assert_eq!(again["report"]["outcome"], "already_present");
    let done = committed(server, &again, &json!({}));
    assert_eq!((&done["state"], &done["report"]["outcome"]), (&"done".into(), &"already_present".into()));
    assert_eq!(entries(server, &patient).len(), 1);
}

fn r_32_61_a_key_stands_for_one_package(server: &TestServer) {
    let patient = sample::patient();
    let key = format!("package-{}", sample::number());
    let headers = [("Content-Type", "application/zip"), ("Idempotency-Key", key.as_str())];
    let bring = |octets: &[u8]| call(server, "POST", "/xdm/import/inspect", &headers, octets);
    let zip = of_one(&patient, b"one");
    let first = told(200, &bring(&zip));
    let done = committed(server, &first, &json!({ "lookedAt": true }));
    assert_eq!(told(200, &bring(&zip))["id"], done["id"], "the same octets, whatever was decided about them");
    let refused = told(422, &bring(&of_one(&patient, b"another")));
    assert_eq!(refused["code"], "XdmKeyUsed", "a package that is not kept is not taken for one that is");
}

fn r_32_33_sets_are_chosen(server: &TestServer) {
    let (one, two) = (sample::patient(), sample::patient());
    let documents = [document(&one, "A.TXT", b"of one"), document(&two, "A.TXT", b"of two")];
    let sets = [set_of(&one, &[&documents[0]]), set_of(&two, &[&documents[1]])];
    let zip = package(&[(&sets[0], &[("A.TXT", b"of one")]), (&sets[1], &[("A.TXT", b"of two")])]);
    let inspected = told(200, &brought(server, &zip));
    let at = format!("{}/commit", location(&inspected));
    let refused = told(400, &post(server, &at, &json!({ "sets": [3] })));
    assert_eq!(refused["code"], "XdmOrder");
    assert_eq!(told(400, &post(server, &at, &json!({ "patient": "Zq7Pat" })))["code"], "XdmOrder");
    let done = committed(server, &inspected, &json!({ "sets": [2] }));
    assert_eq!(done["report"]["sets"][0]["state"], "skipped");
    assert_eq!((entries(server, &one).len(), entries(server, &two).len()), (0, 1));
    committed(server, &done, &json!({ "sets": [1] }));
    assert_eq!(entries(server, &one).len(), 1);
}

fn r_32_33_sets_that_somebody_looked_at_are_named(server: &TestServer) {
    let patients = [sample::patient(), sample::patient()];
    let documents = patients.each_ref().map(|patient| document(patient, "A.TXT", b""));
    let sets = [set_of(&patients[0], &[&documents[0]]), set_of(&patients[1], &[&documents[1]])];
    let zip = package(&[(&sets[0], &[("A.TXT", b"")]), (&sets[1], &[("A.TXT", b"")])]);
    let inspected = told(200, &brought(server, &zip));
    let at = format!("{}/commit", location(&inspected));
    assert_eq!(told(400, &post(server, &at, &json!({ "lookedAt": [3] })))["code"], "XdmOrder");
    let some = committed(server, &inspected, &json!({ "lookedAt": [2] }));
    let states = |package: &Value| [0, 1].map(|set| package["report"]["sets"][set]["state"].clone());
    assert_eq!(states(&some), ["held", "imported"].map(Value::from), "{some}");
    assert_eq!((entries(server, &patients[0]).len(), entries(server, &patients[1]).len()), (0, 1));
    let done = committed(server, &some, &json!({ "lookedAt": true }));
    assert_eq!(states(&done), ["imported", "already_present"].map(Value::from), "one word for all is read still");
}

fn r_32_38_one_patient_for_sets_of_several_is_409(server: &TestServer) {
    let [one, two, three, unknown] = [(); 4].map(|()| sample::patient());
    let limited =
        |patient: &str, uri: &str| document(patient, uri, b"limited").without_identifier(sample::names::DE_PATIENT_ID);
    let unclear = [limited(&two, "A.TXT"), limited(&unknown, "B.TXT")];
    let documents = [document(&one, "A.TXT", b"limited"), document(&three, "A.TXT", b"limited")];
    let of_two =
        set_of("", &[&unclear[0], &unclear[1]]).set(|set| set.without_identifier(sample::names::SS_PATIENT_ID));
    let sets = [set_of(&one, &[&documents[0]]), of_two, set_of(&three, &[&documents[1]])];
    let files: [File; 2] = [("A.TXT", b"limited"), ("B.TXT", b"limited")];
    let inspected = told(200, &brought(server, &package(&sets.each_ref().map(|set| (set, &files[..])))));
    let states = |package: &Value| [0, 1, 2].map(|set| package["report"]["sets"][set]["state"].clone());
    assert_eq!(states(&inspected), ["ready", "held", "ready"].map(Value::from), "{inspected}");
    let at = format!("{}/commit", location(&inspected));
    let refused = told(409, &post(server, &at, &json!({ "patient": two })));
    assert_eq!(refused["code"], "XdmIdentity");
    assert!(refused["text"].as_str().is_some_and(|text| text.contains("1, 3")), "{refused}");
    assert_eq!([&one, &two, &three].map(|patient| entries(server, patient).len()), [0, 0, 0]);
    let first = committed(server, &inspected, &json!({ "sets": [2], "patient": two }));
    assert_eq!(states(&first), ["skipped", "imported", "skipped"].map(Value::from), "{first}");
    let done = committed(server, &first, &json!({}));
    assert_eq!([&one, &three, &unknown].map(|patient| entries(server, patient).len()), [1, 1, 0], "{done}");
    assert_eq!(entries(server, &two).len(), 2);
}

/// R-32-58: a relationship was left out.
const LEFT_OUT: &str = "PartialRelationshipContentNotProcessed";

/// uniqueIds of the documents of a patient that are in force.
fn in_force(server: &TestServer, patient: &str) -> Vec<String> {
    let found = entries(server, patient);
    let mut ids: Vec<String> = found.iter().filter_map(|it| it.identifier(DE_UNIQUE_ID)).map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}

fn unique_ids(documents: &[&sample::Object]) -> Vec<String> {
    let mut ids: Vec<String> = documents.iter().map(|it| it.unique_id()).collect();
    ids.sort_unstable();
    ids
}

fn r_32_58_sets_taken_one_by_one_replace_as_sets_taken_at_once(server: &TestServer) {
    for decisions in [[json!({ "sets": [1] }), json!({ "sets": [2] })], [json!({ "sets": [1] }), json!({})]] {
        let patient = sample::patient();
        let other = document(&patient, "A.TXT", b"other");
        let zip = package(&[(&set_of(&patient, &[&other]), &[("A.TXT", b"other")])]);
        committed(server, &told(200, &brought(server, &zip)), &json!({}));
        // Its entryUUID is in use, so that it gets another (R-32-57).
        let old = document(&patient, "A.TXT", b"old").with_id(&other.id());
        let new = document(&patient, "A.TXT", b"new");
        let replacing = set_of(&patient, &[&new]).relate(RPLC, &new.id(), &old.id());
        let sets = [set_of(&patient, &[&old]), replacing];
        let zip = package(&[(&sets[0], &[("A.TXT", b"old")]), (&sets[1], &[("A.TXT", b"new")])]);
        let inspected = told(200, &brought(server, &zip));
        let first = committed(server, &inspected, &decisions[0]);
        assert_eq!(in_force(server, &patient), unique_ids(&[&other, &old]), "{first}");
        let done = committed(server, &first, &decisions[1]);
        assert_eq!(done["report"]["sets"][1]["state"], "imported", "{done}");
        assert!(!codes(&done["report"]).contains(&LEFT_OUT.to_owned()), "{done}");
        assert_eq!(in_force(server, &patient), unique_ids(&[&other, &new]), "what was replaced is not in force");
    }
}

fn r_32_58_what_was_here_when_a_package_came_is_not_replaced(server: &TestServer) {
    let patient = sample::patient();
    let (old, new) = (document(&patient, "A.TXT", b"old"), document(&patient, "A.TXT", b"new"));
    let former = set_of(&patient, &[&old]);
    let zip = package(&[(&former, &[("A.TXT", b"old")])]);
    committed(server, &told(200, &brought(server, &zip)), &json!({}));
    let latter = set_of(&patient, &[&new]).relate(RPLC, &new.id(), &old.id());
    let zip = package(&[(&former, &[("A.TXT", b"old")]), (&latter, &[("A.TXT", b"new")])]);
    let done = committed(server, &told(200, &brought(server, &zip)), &json!({}));
    assert!(codes(&done["report"]).contains(&LEFT_OUT.to_owned()), "{done}");
    assert_eq!(in_force(server, &patient), unique_ids(&[&old, &new]));
}

fn r_32_36_a_wrong_hash_is_taken_where_the_house_allows_it() {
    let patient = sample::patient();
    let documents = [document(&patient, "A.TXT", b"good"), document(&patient, "A.TXT", b"stated")];
    let sets = [set_of(&patient, &[&documents[0]]), set_of(&patient, &[&documents[1]])];
    let zip = package(&[(&sets[0], &[("A.TXT", b"good")]), (&sets[1], &[("A.TXT", b"differ")])]);
    let strict = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("a server");
    let inspected = told(200, &brought(&strict, &zip));
    assert_eq!(inspected["report"]["quarantined"], true, "{inspected}");
    let data = strict.prepared.data.display().to_string();
    let show = ["xdm", "jobs", "show", inspected["id"].as_str().expect("an id"), "--data", &data];
    let shown = strict.prepared.command(&show).output().expect("it runs");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("quarantined: "), "the operator sees it too");
    let at = format!("{}/commit", location(&inspected));
    let refused = told(403, &post(&strict, &at, &json!({ "override": [2] })));
    assert_eq!(refused["code"], "XdmOverride");
    let told_of = |event: &&Value| event.to_string().contains("XdmOverride");
    assert_eq!(trail::events(&strict, &[]).iter().filter(told_of).count(), 1, "the refusal is in the trail");

    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.override", "true");
    let server = prepared.start().expect("a server");
    let inspected = told(200, &brought(&server, &zip));
    let at = format!("{}/commit", location(&inspected));
    assert_eq!(told(400, &post(&server, &at, &json!({ "override": [3] })))["code"], "XdmOrder");
    let some = committed(&server, &inspected, &json!({ "override": [1] }));
    assert_eq!(some["report"]["sets"][1]["state"], "failed", "another set was named: {some}");
    assert_eq!(entries(&server, &patient).len(), 1, "R-32-35: the others go ahead");
    let done = committed(&server, &inspected, &json!({ "override": [2] }));
    assert_eq!((&done["report"]["outcome"], &done["report"]["sets"][1]["state"]), (&"all".into(), &"imported".into()));
    assert_eq!(done["report"]["quarantined"], Value::Null);
    assert_eq!(entries(&server, &patient).len(), 2);
    let overridden = |event: &&Value| event.to_string().contains("in spite of a wrong hash");
    assert_eq!(trail::events(&server, &[]).iter().filter(overridden).count(), 1);
}

fn r_32_38_nobody_is_guessed_and_that_is_409() {
    let domain = "2.999.10.1";
    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.patient_domains", domain);
    let server = prepared.start().expect("a server");
    let held = told(200, &brought(&server, &of_one(&sample::patient(), b"whose?")));
    assert_eq!((&held["state"], codes(&held["report"])), (&"held".into(), vec!["DocumentQueued".to_owned()]), "{held}");
    let refused = post(&server, &format!("{}/commit", location(&held)), &json!({}));
    assert_eq!(told(409, &refused)["code"], "XdmIdentity");
    let ours = format!("Zq7Pat-{}^^^&{domain}&ISO", sample::number());
    let done = committed(&server, &held, &json!({ "patients": { "1": ours } }));
    assert_eq!(
        (&done["state"], &done["report"]["sets"][0]["registered_patient_id"]),
        (&"done".into(), &ours.as_str().into())
    );
    assert_eq!(entries(&server, &ours).len(), 1);
}

fn r_32_61_beyond_the_limits_is_413() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.package", "64 KiB");
    let server = prepared.setting("xdm.node", "1 MiB").start().expect("a server");
    let large = vec![b'x'; 70 << 10];
    assert_eq!(told(413, &brought(&server, &large))["code"], "XdmTooLarge", "counted");
    let announced = vec![b'x'; 2 << 20];
    assert_eq!(brought(&server, &announced).status, 413, "announced");
    let incoming = server.prepared.data.join("xdm/incoming");
    assert!(scratch::files_below(Path::new(&incoming)).is_empty());
    let mut statuses: Vec<u16> = (0..20).map(|_| brought(&server, &large[..60 << 10]).status).collect();
    statuses.dedup();
    assert_eq!(statuses, [400, 507], "R-32-61: a node may not fill the disk");
}

fn r_32_61_a_package_that_came_before_is_known_where_there_is_no_room() {
    let server = TestServer::prepare(Store::Sqlite).expect("a place").start().expect("a server");
    let [zip, other] = [of_one(&sample::patient(), b"once"), of_one(&sample::patient(), b"another")];
    let bring = |key: &str, zip: &[u8]| {
        let headers = [("Content-Type", "application/zip"), ("Idempotency-Key", key)];
        call(&server, "POST", "/xdm/import/inspect", &headers, zip)
    };
    let first = told(200, &bring("first", &zip));
    trail::tamper(&server.prepared, false, FULL);
    assert_eq!(told(200, &bring("first", &zip))["id"], first["id"]);
    assert_eq!(told(422, &bring("first", &other))["code"], "XdmKeyUsed");
    assert_eq!(told(507, &bring("second", &other))["code"], "XdmFull");
}

fn r_32_61_a_decision_that_was_taken_is_carried_out(server: &TestServer) {
    for _ in 0..5 {
        let patients = [sample::patient(), sample::patient()];
        let documents = patients.each_ref().map(|patient| document(patient, "A.TXT", b"either"));
        let sets = [set_of(&patients[0], &[&documents[0]]), set_of(&patients[1], &[&documents[1]])];
        let zip = package(&[(&sets[0], &[("A.TXT", b"either")]), (&sets[1], &[("A.TXT", b"either")])]);
        let inspected = told(200, &brought(server, &zip));
        let at = location(&inspected);
        let decide = |set: usize| post(server, &format!("{at}/commit"), &json!({ "sets": [set] })).status;
        let statuses = std::thread::scope(|scope| {
            let both = [1, 2].map(|set| scope.spawn(move || decide(set)));
            both.map(|it| it.join().expect("an answer"))
        });
        assert!(statuses.iter().all(|status| [202, 409].contains(status)), "{statuses:?}");
        let ended = settled(server, &at);
        assert_eq!(ended["state"], "done", "{ended}");
        for (status, patient) in statuses.iter().zip(&patients) {
            assert_eq!(entries(server, patient).len(), usize::from(*status == 202), "{statuses:?}");
        }
    }
}

fn r_32_61_a_withdrawn_import_stops_and_tells_what_it_took(server: &TestServer) {
    const SETS: usize = 60;
    let patient = sample::patient();
    // What could be packed well would be taken for a bomb.
    let octets: Vec<u8> = (0..2_000).flat_map(|_| sample::number().to_le_bytes()).collect();
    let documents: Vec<sample::Object> = (0..SETS).map(|_| document(&patient, "A.TXT", &octets)).collect();
    let sets: Vec<sample::Submission> = documents.iter().map(|document| set_of(&patient, &[document])).collect();
    let files: [File; 1] = [("A.TXT", &octets)];
    let all: Vec<(&sample::Submission, &[File])> = sets.iter().map(|set| (set, &files[..])).collect();
    let inspected = told(200, &brought(server, &package(&all)));
    let at = location(&inspected);
    told(202, &post(server, &format!("{at}/commit"), &json!({})));
    until(|| !entries(server, &patient).is_empty());
    assert_eq!(call(server, "DELETE", &at, &[], b"").status, 204);
    let here = entries(server, &patient).len();
    let imported = || {
        let package = told(200, &get(server, &at));
        assert_eq!(package["state"], "withdrawn");
        let sets = package["report"]["sets"].as_array().cloned().unwrap_or_default();
        let of = |state: &str| sets.iter().filter(|set| set["state"] == state).count();
        (of("imported"), of("skipped"))
    };
    until(|| imported().0 > 0);
    let (taken, skipped) = imported();
    assert_eq!(
        (taken + skipped, taken),
        (SETS, here),
        "nothing is taken after it was withdrawn, and the report says what was"
    );
    assert_eq!(entries(server, &patient).len(), here);
}

fn r_32_41_a_refused_package_is_in_the_trail_once(server: &TestServer) {
    let top = scratch::directory(&format!("xdm-{:x}", sample::number()));
    fs::write(top.join("README.TXT"), "no package").expect("room");
    let refused = told(400, &brought(server, &fs::read(zipped(&top)).expect("made")));
    let name = format!("urn:knoop:xdm-package:{}", refused["id"].as_str().expect("an id"));
    let told_of = || trail::events(server, &[]).iter().filter(|event| event.to_string().contains(&name)).count();
    assert_eq!(told_of(), 1, "looked into");
    let at = location(&refused);
    told(202, &post(server, &format!("{at}/commit"), &json!({})));
    assert_eq!(settled(server, &at)["state"], "failed");
    assert_eq!(told_of(), 2, "and once more when it was to be taken over");
}
