//! An import keeps the sets of a package in memory one at a time, however many there are.

use std::{fs, process::Stdio};

use libtest_mimic::Trial;

use crate::{
    harness::{
        TestServer, plain,
        sample::{self, Object, Submission},
        servers::Store,
    },
    xdm_import::{document, set_of, tree, zipped},
};

/// Documents of a set: their metadata take up a multiple of what is allowed below.
const DOCUMENTS: usize = 100;
const SETS: usize = 20;
/// What is known of each document after its set was taken is a line of the report.
const MORE_KIB: u64 = 8 << 10;

pub fn trials() -> Vec<Trial> {
    plain![r_32_35_the_sets_of_a_package_are_in_memory_one_at_a_time].into()
}

fn r_32_35_the_sets_of_a_package_are_in_memory_one_at_a_time() {
    let (one, many) = (peak_kib(1), peak_kib(SETS));
    assert!(many < one + MORE_KIB, "{one} KiB for one set, {many} KiB for {SETS}");
}

/// The most memory that the import of so many sets has of its own.
fn peak_kib(sets: usize) -> u64 {
    let patient = sample::patient();
    let names: Vec<String> = (0..DOCUMENTS).map(|number| format!("DOC{number:05}.TXT")).collect();
    let documents: Vec<Vec<Object>> =
        (0..sets).map(|_| names.iter().map(|name| document(&patient, name, name.as_bytes())).collect()).collect();
    let submissions: Vec<Submission> =
        documents.iter().map(|documents| set_of(&patient, &documents.iter().collect::<Vec<_>>())).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    let all: Vec<(&Submission, &[(&str, &[u8])])> = submissions.iter().map(|set| (set, files.as_slice())).collect();
    let (package, prepared) = (zipped(&tree(&all)), TestServer::prepare(Store::Sqlite).expect("a place"));
    let (package, data) = (package.display().to_string(), prepared.data.display().to_string());
    let mut import = prepared.command(&["xdm", "import", &package, "--data", &data]);
    let mut child = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut peak = 0;
    let status = loop {
        // Nothing to read is a process that has just ended.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = anonymous.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("it is ours") {
            break status;
        }
        std::thread::yield_now();
    };
    assert!(status.success(), "all of it is taken over");
    peak
}
