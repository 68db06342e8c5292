//! K-32: packages without the BSN.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::Value;

use super::{
    dicom::dicom_of,
    fresh_server,
    package::{Opened, here, pack_in},
};
use crate::harness::{
    plain,
    sample::{self, Submission, names},
};

const BSN: &str = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
const NUMBER: &str = "A0012345^^^&2.999.1.1&ISO";

pub fn trials() -> Vec<Trial> {
    plain![
        k_32_no_bsn_is_left_in_metadata_and_dicom_headers,
        k_32_a_bsn_in_a_text_holds_the_export_until_it_is_confirmed,
        k_32_a_bsn_elsewhere_in_a_header_ends_the_export,
        k_32_without_another_number_there_is_no_package,
    ]
    .into()
}

fn k_32_no_bsn_is_left_in_metadata_and_dicom_headers() {
    let server = fresh_server();
    let letter = sample::provided(BSN)
        .slot("sourcePatientId", &[NUMBER])
        .slot("sourcePatientInfo", &[&format!("PID-3|{BSN}~{NUMBER}"), "PID-5|Doe^Jan", "PID-19|999900018"]);
    let image = sample::provided(BSN).slot("sourcePatientId", &[NUMBER]).set("mimeType", "application/dicom");
    let folder = sample::folder(BSN);
    let submission = Submission::with(BSN, &[&letter, &image]).folder(&folder).member(&folder.id(), &image.id());
    let octets = dicom_of("2.999.1.1.9", "999900018", &[]);
    server.provide(&submission, &[(&letter.id(), b"a letter"), (&image.id(), &octets)]).expect_success();
    let here = here();
    let table = here.join("numbers.jsonl").display().to_string();
    let made = pack_in(&server, &here, &["--patient", BSN, "--without-bsn", &table, "--json"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let package = Opened::zip(&here.join("P.ZIP"));
    for name in package.names() {
        let octets = package.file(&name);
        for secret in [&b"999900018"[..], b"2.16.840.1.113883.2.4.6.3", b"NLMINBIZA"] {
            assert!(!octets.windows(secret.len()).any(|it| it == secret), "{name}");
        }
    }
    let set = package.set("SUBSET01");
    assert_eq!(set.submission_set().identifier(names::SS_PATIENT_ID).as_deref(), Some(NUMBER));
    assert_eq!(set.folders()[0].identifier(names::FD_PATIENT_ID).as_deref(), Some(NUMBER));
    for entry in set.entries() {
        assert_eq!(entry.identifier(names::DE_PATIENT_ID).as_deref(), Some(NUMBER));
        assert_eq!(entry.value("sourcePatientId").as_deref(), Some(NUMBER));
    }
    assert_eq!(set.entry(&letter.unique_id()).value("sourcePatientInfo").as_deref(), Some(&*format!("PID-3|{NUMBER}")));
    // The object is another one, and is what its metadata say.
    let expected = dicom_of("2.999.1.1.9", "A0012345", &[(0x10, 0x21, "2.999.1.1")]);
    let found =
        set.entries().into_iter().find(|it| it.attribute("mimeType") == "application/dicom").expect("an object");
    assert_eq!(package.file("DICOM/SET00001/IM000002"), expected);
    assert_eq!(found.value("size").as_deref(), Some(&*expected.len().to_string()));
    let sha1: String = openssl::sha::sha1(&expected).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(found.value("hash"), Some(sha1));
    let fresh = found.identifier(names::DE_UNIQUE_ID).expect("a uniqueId");
    assert_ne!(fresh, image.unique_id());
    // The table leads back.
    let line: Value = serde_json::from_slice(&fs::read(&table).expect("a table")).expect("one line of JSON");
    assert_eq!((&line["number"], &line["bsn"]), (&NUMBER.into(), &BSN.into()));
    assert_eq!(line["submissionSets"][0], told["submissionSets"][0]["uniqueId"]);
    assert_eq!(line["documents"][0]["uniqueId"], fresh.as_str());
    assert_eq!(line["documents"][0]["original"], image.unique_id().as_str());
    assert_eq!(fs::metadata(&table).expect("a table").permissions().mode() & 0o777, 0o600);
}

/// Packs files of a folder without BSN.
fn pack_files(folder: &Path, more: &[&str]) -> Output {
    let pack = ["xdm", "pack", "P.ZIP", "--files", "scans", "--metadata", "m.toml", "--without-bsn", "t.jsonl"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_knoop"));
    command.args(pack).args(more).current_dir(folder).output().expect("it runs")
}

fn files(content: &[u8], name: &str) -> std::path::PathBuf {
    let folder = here();
    fs::create_dir(folder.join("scans")).expect("made");
    fs::write(folder.join("scans").join(name), content).expect("written");
    fs::write(folder.join("m.toml"), format!("[all]\npatient = \"{BSN}\"\ntype = \"18748-4\"\n")).expect("written");
    folder
}

fn refused(folder: &Path, output: &Output, code: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains(code), "{told}");
    assert!(!told.contains("999900018"), "no number is told");
    assert!(!folder.join("P.ZIP").exists() && !folder.join("t.jsonl").exists());
    let left = fs::read_dir(folder).expect("a folder").count();
    assert_eq!(left, 2, "nothing is left");
}

fn k_32_a_bsn_in_a_text_holds_the_export_until_it_is_confirmed() {
    let server = fresh_server();
    let letter = sample::provided(BSN);
    server.provide(&Submission::with(BSN, &[&letter]), &[(&letter.id(), b"BSN 9999.00.018")]).expect_success();
    let here = here();
    let table = here.join("t.jsonl").display().to_string();
    let arguments = ["--patient", BSN, "--without-bsn", &table, "--number", NUMBER];
    let held = pack_in(&server, &here, &arguments);
    assert_eq!(held.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&held.stderr).contains("XdmBsnLeft"));
    assert!(!here.join("P.ZIP").exists());
    let made = pack_in(&server, &here, &[&arguments[..], &["--confirmed", &letter.unique_id()]].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn k_32_a_bsn_elsewhere_in_a_header_ends_the_export() {
    let folder = files(&dicom_of("2.999.1.1.9", "999900018", &[(0x10, 0x4000, "BSN 999900018")]), "a");
    refused(&folder, &pack_files(&folder, &["--number", NUMBER]), "XdmBsnLeft");
    let folder = files(b"no DICOM", "a");
    let toml = format!("[all]\npatient = \"{BSN}\"\ntype = \"18748-4\"\nmime_type = \"application/dicom\"\n");
    fs::write(folder.join("m.toml"), toml).expect("written");
    refused(&folder, &pack_files(&folder, &["--number", NUMBER]), "XdmBsnUnreadable");
}

fn k_32_without_another_number_there_is_no_package() {
    let folder = files(b"text", "a.txt");
    refused(&folder, &pack_files(&folder, &[]), "XdmNoOwnNumber");
    refused(&folder, &pack_files(&folder, &["--number", BSN]), "--number is a BSN");
    assert!(pack_files(&folder, &["--number", NUMBER]).status.success());
}
