//! kill -9 while packages are made, looked into and taken over: no half submission set, jobs end, nothing is left over.
//!
//! The long form is `scripts/xdm-torture`, which sets KNOOP_TEST_XDM_KILLS.

use std::{fs, sync::mpsc, thread, time::Duration};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kit::{head, ordered, settled, told};
use crate::{
    harness::{
        TestServer, http,
        http::Response,
        sample::{self, Object, Submission},
        scratch,
        servers::{Prepared, Store},
        trials,
    },
    xdm_import::{document, entries, set_of, tree, zipped},
    xdm_pack::package::{Opened, here},
};

pub fn trials() -> Vec<Trial> {
    trials::own(module_path!(), "kill_9_leaves_no_half_set_and_jobs_end", kill_9)
}

fn kills() -> usize {
    std::env::var("KNOOP_TEST_XDM_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(5)
}

/// Documents of a set, and of the patient whose documents are exported.
const DOCUMENTS: usize = 3;
const DOCUMENT_BYTES: usize = 1 << 20;
/// So many kills of one job at most, before it is let come to its end: fewer than it has attempts.
const ROUNDS_OF_ONE: usize = 3;

/// Octets that cannot be packed: what could would be taken for a bomb.
fn octets() -> Vec<u8> {
    let mut state = sample::number();
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..DOCUMENT_BYTES).map(|_| next()).collect()
}

/// A package with two sets, each of a patient of its own.
struct Brought {
    patients: [String; 2],
    zip: Vec<u8>,
}

impl Brought {
    fn new() -> Self {
        let patients = [sample::patient(), sample::patient()];
        let names: Vec<String> = (0..DOCUMENTS).map(|n| format!("DOC{n:05}.BIN")).collect();
        let made = patients.each_ref().map(|patient| {
            let contents: Vec<Vec<u8>> = names.iter().map(|_| octets()).collect();
            let kind = "application/octet-stream";
            let of = |(name, octets): (&String, &Vec<u8>)| document(patient, name, octets).set("mimeType", kind);
            let documents: Vec<Object> = names.iter().zip(&contents).map(of).collect();
            (set_of(patient, &documents.iter().collect::<Vec<_>>()), contents)
        });
        let files = made.each_ref().map(|(_, contents)| {
            names.iter().zip(contents).map(|(name, octets)| (name.as_str(), octets.as_slice())).collect::<Vec<_>>()
        });
        let sets = [(&made[0].0, files[0].as_slice()), (&made[1].0, files[1].as_slice())];
        let zip = fs::read(zipped(&tree(&sets))).expect("made");
        Self { patients, zip }
    }

    /// That each set is here whole or not at all; whether both are.
    fn is_whole(&self, server: &TestServer) -> bool {
        let counts = self.patients.each_ref().map(|patient| entries(server, patient).len());
        assert!(counts.iter().all(|count| [0, DOCUMENTS].contains(count)), "half of a submission set: {counts:?}");
        counts == [DOCUMENTS; 2]
    }
}

/// What the server has acknowledged.
#[derive(Default)]
struct Acknowledged {
    exports: Vec<String>,
    imports: Vec<(String, Brought)>,
    /// Packages of which nobody knows how far they came.
    unknown: Vec<Brought>,
}

impl Acknowledged {
    /// Whatever came, each set of it is here whole or not at all.
    fn nothing_is_half(&self, server: &TestServer) {
        for brought in self.imports.iter().map(|(_, brought)| brought).chain(&self.unknown) {
            brought.is_whole(server);
        }
    }
}

fn kill_9(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("documents.sweep_grace", "3 s");
    let server = prepared.clone().start().expect("it starts");
    let patient = stocked(&server);
    drop(server);
    let mut acknowledged = Acknowledged::default();
    for round in 0..kills() {
        let server = prepared.clone().start().expect("it starts after every kill");
        acknowledged.nothing_is_half(&server);
        if round % ROUNDS_OF_ONE == ROUNDS_OF_ONE - 1 {
            let exports = acknowledged.exports.iter();
            exports
                .chain(acknowledged.imports.iter().map(|(path, _)| path))
                .for_each(|path| drop(settled(&server, path)));
        }
        work_until_killed(&server, &patient, &mut acknowledged, Duration::from_millis(sample::number() % 600 + 5));
    }
    let server = prepared.clone().start().expect("it starts after the last kill");
    judge(&server, &acknowledged);
    println!(
        "{}: {} kills, {} exports and {} imports acknowledged, {} unknown",
        store.name(),
        kills(),
        acknowledged.exports.len(),
        acknowledged.imports.len(),
        acknowledged.unknown.len()
    );
    drop(server);
    nothing_is_left_over(&prepared);
}

/// A patient with documents.
fn stocked(server: &TestServer) -> String {
    let patient = sample::patient();
    let kind = "application/octet-stream";
    let documents: Vec<Object> = (0..DOCUMENTS).map(|_| sample::provided(&patient).set("mimeType", kind)).collect();
    let contents: Vec<Vec<u8>> = documents.iter().map(|_| octets()).collect();
    let ids: Vec<String> = documents.iter().map(Object::id).collect();
    let given: Vec<(&str, &[u8])> = ids.iter().zip(&contents).map(|(id, it)| (id.as_str(), it.as_slice())).collect();
    let submission = Submission::with(&patient, &documents.iter().collect::<Vec<_>>());
    server.provide(&submission, &given).expect_success();
    patient
}

/// Orders a package, brings one, and commits it, until the server is killed.
fn work_until_killed(server: &TestServer, patient: &str, acknowledged: &mut Acknowledged, after: Duration) {
    let brought = Brought::new();
    let (begun, began) = mpsc::channel();
    let committed = thread::scope(|scope| {
        let zip = &brought.zip;
        let worker = scope.spawn(move || {
            let export = ordered(server, &json!({ "patient": patient }));
            let _ = begun.send(export);
            bring_and_commit(server, zip)
        });
        acknowledged.exports.push(began.recv().expect("an order is taken before any kill"));
        // Nothing is sent: this waits as long as it says.
        let (_quiet, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(after);
        server.kill();
        worker.join().expect("no answer was wrong")
    });
    match committed {
        Some(path) => acknowledged.imports.push((path, brought)),
        None => acknowledged.unknown.push(brought),
    }
}

/// Where the package is, if the server took the order to take it over.
fn bring_and_commit(server: &TestServer, zip: &[u8]) -> Option<String> {
    let inspected = try_call(server, "/xdm/import/inspect", &[("Content-Type", "application/zip")], zip)?;
    let path = format!("/xdm/import/{}", told(200, &inspected)["id"].as_str().unwrap_or_default());
    let json = [("Content-Type", "application/json")];
    told(202, &try_call(server, &format!("{path}/commit"), &json, b"{}")?);
    Some(path)
}

/// An answer, if it came whole.
fn try_call(server: &TestServer, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Response> {
    let head = head("POST", path, headers, body.len());
    http::exchange(&server.address, &[head.as_bytes(), body]).ok().filter(|response| !response.cut_short)
}

/// Every job has ended, and what was acknowledged was done.
fn judge(server: &TestServer, acknowledged: &Acknowledged) {
    for path in ["/xdm/export", "/xdm/import"] {
        let listed = told(200, &super::kit::get(server, path));
        for package in listed["packages"].as_array().expect("a list") {
            let ended = settled(server, &format!("{path}/{}", package["id"].as_str().expect("an id")));
            let state = ended["state"].as_str().unwrap_or_default();
            assert!(["done", "inspected"].contains(&state), "{ended}");
            if path == "/xdm/export" {
                opens(server, &ended);
            }
        }
    }
    for export in &acknowledged.exports {
        assert_eq!(settled(server, export)["state"], "done");
    }
    for (path, brought) in &acknowledged.imports {
        assert_eq!(settled(server, path)["state"], "done");
        assert!(brought.is_whole(server), "an acknowledged import was not done");
    }
    acknowledged.nothing_is_half(server);
}

fn opens(server: &TestServer, package: &Value) {
    let file = here().join("K.ZIP");
    let path = package["package"].as_str().expect("where it is");
    fs::write(&file, super::kit::get(server, path).body).expect("room");
    assert_eq!(Opened::zip(&file).set("SUBSET01").entries().len(), DOCUMENTS);
}

/// Only packages with a name of their own, and no document on its way.
fn nothing_is_left_over(prepared: &Prepared) {
    let ways = ["incoming", "outgoing"].map(|way| prepared.data.join("xdm").join(way));
    for file in ways.iter().flat_map(|way| scratch::files_below(way)) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(name.len() == 36 && name.ends_with(".zip"), "{name} is left over");
    }
    // The sweep runs at every start, once leases are over.
    let documents = prepared.data.join("documents/tmp");
    crate::harness::servers::until(|| {
        let server = prepared.clone().start().expect("it starts");
        drop(server);
        scratch::files_below(&documents).is_empty()
    });
}
