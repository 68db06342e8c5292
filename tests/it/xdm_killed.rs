//! kill -9 of an import and of an export: no half submission set, a second run completes, nothing temporary stays behind it.
//!
//! Kills are spread over what the command writes. `KNOOP_TEST_KILLS` asks for more of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use libtest_mimic::Trial;

use crate::{
    harness::{
        Query, TestServer, plain,
        sample::{self, Object, names::DE_UNIQUE_ID},
        scratch,
        servers::{Prepared, Store, until},
        trials,
    },
    xdm_import::{document, set_of, tree, zipped},
    xdm_pack::{package::here, provide},
};

pub fn trials() -> Vec<Trial> {
    let mut all = trials::own(module_path!(), "kill_9_of_an_import", import);
    all.extend(plain![kill_9_of_an_export_to_a_zip_file, kill_9_of_an_export_to_a_tree]);
    all
}

fn kills() -> u64 {
    std::env::var("KNOOP_TEST_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(3)
}

/// Octets that cannot be packed: what could would be taken for a bomb.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    (0..length / 4).flat_map(|_| next().to_le_bytes()).collect()
}

/// Octets that a process has written, or `None` when it is gone.
fn written(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("wchar: "))?.trim().parse().ok()
}

/// Runs a command and kills it when it has written so much; tells how much it had written when it was seen last.
fn killed_after(prepared: &Prepared, arguments: &[&str], octets: u64) -> u64 {
    let mut command = prepared.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let seen = std::cell::Cell::new(0);
    until(|| {
        let has = written(child.id()).filter(|_| child_runs(child.id()));
        seen.set(has.unwrap_or(seen.get()).max(seen.get()));
        has.is_none_or(|has| has >= octets)
    });
    let _ = child.kill();
    let _ = child.wait();
    seen.get()
}

/// Whether a process is neither gone nor waits to be taken away.
fn child_runs(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Sets of a package, and documents of each.
const SETS: usize = 3;
const DOCUMENTS: usize = 2;
const DOCUMENT_BYTES: usize = 1 << 20;

/// A package and the uniqueIds of each of its sets.
fn package(patient: &str, round: u64) -> (PathBuf, Vec<Vec<String>>) {
    let mut sets = Vec::new();
    for set in 0..SETS {
        let octets: Vec<Vec<u8>> =
            (0..DOCUMENTS).map(|n| noise(DOCUMENT_BYTES, round << 8 | (set * DOCUMENTS + n) as u64)).collect();
        let documents: Vec<Object> = octets
            .iter()
            .enumerate()
            .map(|(n, octets)| {
                document(patient, &format!("{n}.BIN"), octets).set("mimeType", "application/octet-stream")
            })
            .collect();
        let submission = set_of(patient, &documents.iter().collect::<Vec<_>>());
        sets.push((submission, documents, octets));
    }
    let files: Vec<Vec<(String, &[u8])>> = sets
        .iter()
        .map(|(_, _, octets)| octets.iter().enumerate().map(|(n, it)| (format!("{n}.BIN"), it.as_slice())).collect())
        .collect();
    let files: Vec<Vec<(&str, &[u8])>> =
        files.iter().map(|of_set| of_set.iter().map(|(name, octets)| (name.as_str(), *octets)).collect()).collect();
    let whole: Vec<_> =
        sets.iter().zip(&files).map(|((submission, ..), files)| (submission, files.as_slice())).collect();
    let top = tree(&whole);
    let zip = zipped(&top);
    let _ = fs::remove_dir_all(&top);
    (zip, sets.iter().map(|(_, documents, _)| documents.iter().map(Object::unique_id).collect()).collect())
}

/// The documents of a patient that are registered.
fn registered(prepared: &Prepared, patient: &str) -> Vec<String> {
    let server = prepared.clone().start().expect("it starts");
    let found = server.query(&Query::find_documents(patient)).objects();
    found.iter().filter_map(|entry| entry.identifier(DE_UNIQUE_ID).map(str::to_owned)).collect()
}

fn import(store: Store) {
    let prepared = TestServer::prepare(store).expect("a place for a server");
    let data = text(&prepared.data);
    let mut whole = (SETS * DOCUMENTS * DOCUMENT_BYTES) as u64 * 5 / 4;
    // The first run makes the database.
    let migrated = prepared.command(&["migrate", "--data", &data]).output().expect("it runs");
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    for round in 0..kills() {
        let patient = sample::patient();
        let (zip, sets) = package(&patient, round + 1);
        let name = text(&zip);
        let arguments = ["xdm", "import", &name, "--data", &data];
        let seen = killed_after(&prepared, &arguments, whole * (round + 1) / kills());
        whole = whole.max(seen);
        let there = registered(&prepared, &patient);
        for set in &sets {
            let count = set.iter().filter(|id| there.contains(id)).count();
            assert!(count == 0 || count == set.len(), "round {round}: {count} documents of a set of {}", set.len());
        }
        let again = prepared.command(&arguments).output().expect("it runs");
        assert!(again.status.success(), "round {round}: {}", String::from_utf8_lossy(&again.stdout));
        assert_eq!(registered(&prepared, &patient).len(), SETS * DOCUMENTS, "round {round}: all of it, once");
        if store == Store::Sqlite {
            let left = scratch::files_below(&prepared.data.join("documents/tmp"));
            assert!(left.is_empty(), "round {round}: {} files stay on their way", left.len());
        }
        let _ = fs::remove_file(&zip);
    }
    let deep = prepared.command(&["doctor", "--deep", "--data", &data]).output().expect("it runs");
    assert!(deep.status.success(), "{}", String::from_utf8_lossy(&deep.stdout));
}

fn kill_9_of_an_export_to_a_zip_file() {
    export(&[]);
}

fn kill_9_of_an_export_to_a_tree() {
    export(&["--tree"]);
}

fn export(more: &[&str]) {
    let server = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("a server");
    let patient = sample::patient();
    let octets = [noise(2 << 20, 1), noise(2 << 20, 2)];
    provide(&server, &patient, &octets.each_ref().map(|it| ("application/octet-stream", it.as_slice())));
    let (folder, data) = (here(), text(&server.prepared.data));
    let out = folder.join("OUT");
    let name = text(&out);
    let arguments = [&["xdm", "pack", &name, "--data", &data, "--patient", &patient], more].concat();
    let whole = (2 * octets[0].len()) as u64 * 21 / 20;
    for round in 0..kills() {
        killed_after(&server.prepared, &arguments, whole * (round + 1) / kills());
        let checked = || server.prepared.command(&["xdm", "check", &name]).output().expect("it runs");
        let is_there = if more.is_empty() { out.exists() } else { out.join("IHE_XDM").exists() };
        if is_there {
            let checked = checked();
            // Killed while a tree comes to its place: the next run takes it away.
            let is_moving = out.join(".knoop.part").exists();
            assert!(
                checked.status.success() || is_moving,
                "round {round}: {}",
                String::from_utf8_lossy(&checked.stdout)
            );
            if !is_moving {
                let _ = fs::remove_file(&out).or_else(|_| fs::remove_dir_all(&out));
            }
        }
        let again = server.prepared.command(&arguments).output().expect("it runs");
        assert!(again.status.success(), "round {round}: {}", String::from_utf8_lossy(&again.stderr));
        assert!(checked().status.success(), "round {round}");
        let mut left: Vec<String> = fs::read_dir(&folder)
            .expect("a folder")
            .chain(fs::read_dir(&out).into_iter().flatten())
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        left.retain(|name| !["OUT", "IHE_XDM", "INDEX.HTM", "README.TXT"].contains(&name.as_str()));
        assert!(left.is_empty(), "round {round}: {left:?} stay");
        let _ = fs::remove_file(&out).or_else(|_| fs::remove_dir_all(&out));
    }
}
