//! K-32: packages without the BSN.

use std::{
    fs,
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use flate2::{Compression, write::ZlibEncoder};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    dicom::dicom_of,
    fresh_server,
    package::{Opened, audited, here, pack_in},
};
use crate::{
    harness::{
        TestServer, plain,
        sample::{self, Submission, names},
        trail,
    },
    xdm_jobs::kit::{ordered, settled},
};

const BSN: &str = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
const NUMBER: &str = "A0012345^^^&2.999.1.1&ISO";

pub fn trials() -> Vec<Trial> {
    plain![
        k_32_no_bsn_is_left_in_metadata_and_dicom_headers,
        k_32_a_bsn_in_a_text_holds_the_export_until_it_is_confirmed,
        k_32_a_bsn_elsewhere_in_a_header_ends_the_export,
        k_32_a_number_that_is_taken_away_is_looked_for_everywhere,
        k_32_a_number_that_is_taken_out_of_a_header_is_looked_for_everywhere,
        k_32_a_number_of_the_hospital_may_look_like_a_bsn,
        k_32_without_another_number_there_is_no_package,
        k_32_one_number_never_stands_for_two_patients,
        k_32_one_patient_has_one_number_in_a_package,
        k_32_a_table_that_others_may_read_is_refused,
        k_32_what_is_confirmed_must_be_there,
        k_32_a_bsn_in_a_pdf_or_office_file_holds_the_export,
        k_32_what_no_program_can_search_is_named_and_held_until_it_is_confirmed,
        k_32_an_order_over_http_names_what_a_person_must_look_at,
        k_32_a_number_that_is_only_said_to_be_a_bsn_holds_the_export,
        k_32_a_bsn_that_only_another_document_of_the_patient_names_holds_the_export,
        k_32_a_bsn_of_a_merged_identity_holds_the_export,
        r_32_41_an_export_that_fails_last_is_told_as_failed,
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
    assert_eq!(
        told["unsearched"],
        json!([image.unique_id()]),
        "what a picture shows is not searched, and that is told"
    );
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

/// Packs the documents of the hospital's own number.
fn pack_own(server: &TestServer, number: &str) -> (std::path::PathBuf, Output) {
    let here = here();
    let table = here.join("t.jsonl").display().to_string();
    let made = pack_in(server, &here, &["--patient", number, "--without-bsn", &table]);
    (here, made)
}

fn held(server: &TestServer, number: &str, why: &str) {
    let (here, held) = pack_own(server, number);
    let told = String::from_utf8_lossy(&held.stderr).into_owned();
    assert_eq!(held.status.code(), Some(1), "{why}: {told}");
    assert!(told.contains("XdmBsnLeft") && !told.contains("99990"), "{why}: {told}");
    assert!(!here.join("P.ZIP").exists(), "{why}");
}

fn k_32_a_number_that_is_taken_away_is_looked_for_everywhere() {
    let server = fresh_server();
    for (info, body) in [
        ("PID-19|999900018", "BSN 999900018"),
        ("PID-19|9999.00.018", "BSN 999900018"),
        ("PID-18|099990003", "BSN 99990003"),
        ("PID-2|99990003", "BSN 099990003"),
        ("PID-3|999900018^^^NLMINBIZA^NNNLD~7^^^&2.999.1.1&ISO", "BSN 999900018"),
        ("PID-3|999900018^^^&2.16.840.1.113883.2.4.6.3&ISO^NNNLD", "BSN 999900018"),
    ] {
        let number = sample::patient();
        let letter = sample::provided(&number).slot("sourcePatientId", &[&number]).slot("sourcePatientInfo", &[info]);
        server.provide(&Submission::with(&number, &[&letter]), &[(&letter.id(), body.as_bytes())]).expect_success();
        held(&server, &number, info);
    }
}

fn k_32_a_number_that_is_taken_out_of_a_header_is_looked_for_everywhere() {
    let server = fresh_server();
    for (id, more) in [
        ("999900018", &[(0x10, 0x21, "NLMINBIZA")][..]),
        ("9999.00.018", &[]),
        ("7", &[(0x10, 0x1000, "8\\999900018")]),
    ] {
        let number = sample::patient();
        let image = sample::provided(&number).slot("sourcePatientId", &[&number]).set("mimeType", "application/dicom");
        let letter = sample::provided(&number).slot("sourcePatientId", &[&number]);
        let octets = dicom_of("2.999.1.1.9", id, more);
        let documents = [(&image.id(), &octets[..]), (&letter.id(), b"BSN 999900018")];
        let documents = documents.map(|(id, octets)| (id.as_str(), octets));
        server.provide(&Submission::with(&number, &[&image, &letter]), &documents).expect_success();
        held(&server, &number, id);
    }
}

fn k_32_a_number_of_the_hospital_may_look_like_a_bsn() {
    let server = fresh_server();
    let number = "999900006^^^&2.999.1.1&ISO";
    let info = [&format!("PID-3|{number}"), "PID-2|999900006"];
    let image = sample::provided(number)
        .slot("sourcePatientId", &[number])
        .slot("sourcePatientInfo", &info)
        .set("mimeType", "application/dicom");
    let octets = dicom_of("2.999.1.1.9", "999900006", &[(0x10, 0x21, "2.999.1.1")]);
    server.provide(&Submission::with(number, &[&image]), &[(&image.id(), &octets)]).expect_success();
    let (here, made) = pack_own(&server, number);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(here.join("P.ZIP").exists());
}

fn k_32_without_another_number_there_is_no_package() {
    let folder = files(b"text", "a.txt");
    refused(&folder, &pack_files(&folder, &[]), "XdmNoOwnNumber");
    refused(&folder, &pack_files(&folder, &["--number", BSN]), "--number is a BSN");
    assert!(pack_files(&folder, &["--number", NUMBER]).status.success());
}

fn k_32_one_number_never_stands_for_two_patients() {
    let server = fresh_server();
    let patients = [BSN, "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO"];
    let documents = patients.map(|patient| (patient, sample::provided(patient)));
    for (patient, document) in &documents {
        server.provide(&Submission::with(patient, &[document]), &[(&document.id(), b"x")]).expect_success();
    }
    let here = here();
    let table = here.join("t.jsonl").display().to_string();
    let [one, other] = documents.map(|(_, document)| document.unique_id());
    let both = ["--document", &one, "--document", &other, "--without-bsn", &table, "--number", NUMBER];
    let refused = pack_in(&server, &here, &both);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("XdmNumberOfTwo") && !told.contains("9999000"), "{told}");
    assert_eq!(fs::read_dir(&here).expect("a folder").count(), 0, "nothing is left");
}

fn k_32_one_patient_has_one_number_in_a_package() {
    let server = fresh_server();
    let other = "B-77^^^&2.999.1.2&ISO";
    let documents = [NUMBER, other].map(|number| sample::provided(BSN).slot("sourcePatientId", &[number]));
    let submission = Submission::with(BSN, &documents.each_ref());
    server.provide(&submission, &[(&documents[0].id(), b"one"), (&documents[1].id(), b"two")]).expect_success();
    let here = here();
    let table = here.join("t.jsonl").display().to_string();
    let made = pack_in(&server, &here, &["--patient", BSN, "--without-bsn", &table]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let set = Opened::zip(&here.join("P.ZIP")).set("SUBSET01");
    let of_set = set.submission_set().identifier(names::SS_PATIENT_ID);
    assert_eq!(set.entries().len(), 2);
    for entry in set.entries() {
        assert_eq!(entry.identifier(names::DE_PATIENT_ID), of_set, "R-32-19");
    }
    assert_eq!(fs::read_to_string(&table).expect("a table").lines().count(), 1);
}

fn k_32_a_table_that_others_may_read_is_refused() {
    let folder = files(b"text", "a.txt");
    let table = folder.join("t.jsonl");
    fs::write(&table, "").and_then(|()| fs::set_permissions(&table, fs::Permissions::from_mode(0o640))).expect("made");
    let output = pack_files(&folder, &["--number", NUMBER]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("others may read it"), "{told}");
    assert!(!folder.join("P.ZIP").exists());
    assert_eq!(fs::read(&table).expect("a table"), b"");
}

fn k_32_what_is_confirmed_must_be_there() {
    let folder = files(b"text", "a.txt");
    refused(&folder, &pack_files(&folder, &["--number", NUMBER, "--confirmed", "2.999.404"]), "2.999.404");
}

/// A PDF whose one page shows this.
fn pdf(shown: &str) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(format!("BT /F1 12 Tf {shown} ET").as_bytes()).expect("memory");
    let packed = packed.finish().expect("memory");
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>";
    let head =
        format!("%PDF-1.4\n1 0 obj {font} endobj\n2 0 obj <</Filter/FlateDecode/Length {}>> stream\n", packed.len());
    [head.as_bytes(), &packed, b"\nendstream endobj\ntrailer <</Root 3 0 R>>\n%%EOF\n"].concat()
}

fn docx(text: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in [("[Content_Types].xml", "<Types/>"), ("word/document.xml", text)] {
        zip.start_file(name, SimpleFileOptions::default()).expect("memory");
        zip.write_all(octets.as_bytes()).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

fn k_32_a_bsn_in_a_pdf_or_office_file_holds_the_export() {
    let server = fresh_server();
    for (kind, with, without) in [
        ("application/pdf", pdf("[(9999)-250(00)12(018)] TJ"), pdf("(Een brief over niets) Tj")),
        (DOCX, docx("<w:t>9999</w:t><w:t>00018</w:t>"), docx("<w:t>Een brief over niets</w:t>")),
    ] {
        let number = sample::patient();
        let letter = |info: &str| {
            let entry = sample::provided(&number).set("mimeType", kind).slot("sourcePatientId", &[&number]);
            entry.slot("sourcePatientInfo", &[info])
        };
        let harmless = letter("PID-19|999900018");
        server.provide(&Submission::with(&number, &[&harmless]), &[(&harmless.id(), &without)]).expect_success();
        let (_, made) = pack_own(&server, &number);
        assert!(made.status.success(), "{kind}: {}", String::from_utf8_lossy(&made.stderr));
        let letter = letter("PID-19|999900018");
        server.provide(&Submission::with(&number, &[&letter]), &[(&letter.id(), &with)]).expect_success();
        held(&server, &number, kind);
    }
}

/// Documents that no program can search, and one that it can: the ids of the first, and all.
fn unsearched(server: &TestServer, patient: &str) -> (Vec<String>, Vec<String>) {
    let embedded =
        format!("<ClinicalDocument><text representation=\"B64\">{}</text></ClinicalDocument>", "QUJD".repeat(60));
    let kinds: [(&str, &[u8]); 4] = [
        ("application/pdf", b"%PDF-1.4\n1 0 obj <</Subtype/Image>> stream\nx\nendstream endobj\n%%EOF"),
        ("text/xml", embedded.as_bytes()),
        ("image/jpeg", b"\xFF\xD8\xFF\xE0"),
        ("text/plain", b"een brief"),
    ];
    let entries = kinds.map(|(kind, _)| sample::provided(patient).set("mimeType", kind));
    let ids = entries.each_ref().map(|entry| entry.id());
    let octets: Vec<(&str, &[u8])> = ids.iter().zip(kinds).map(|(id, (_, octets))| (id.as_str(), octets)).collect();
    server.provide(&Submission::with(patient, &entries.each_ref()), &octets).expect_success();
    let all: Vec<String> = entries.iter().map(|entry| entry.unique_id()).collect();
    (all[..3].to_vec(), all)
}

fn k_32_what_no_program_can_search_is_named_and_held_until_it_is_confirmed() {
    let server = fresh_server();
    let (unsearched, all) = unsearched(&server, BSN);
    let here = here();
    let table = here.join("t.jsonl").display().to_string();
    let mut arguments = vec!["--patient", BSN, "--without-bsn", &table, "--number", NUMBER];
    let mut open = unsearched.clone();
    while let Some(confirmed) = unsearched.get(unsearched.len() - open.len()) {
        let held = pack_in(&server, &here, &arguments);
        let told = String::from_utf8_lossy(&held.stderr).into_owned();
        assert_eq!(held.status.code(), Some(1), "{told}");
        assert!(told.contains("XdmBsnUnsearched"), "{told}");
        for id in &all {
            assert_eq!(told.contains(id.as_str()), open.contains(id), "{id} in {told}");
        }
        assert_eq!(fs::read_dir(&here).expect("a folder").count(), 0, "nothing is left");
        arguments.extend(["--confirmed", confirmed]);
        open.remove(0);
    }
    let made = pack_in(&server, &here, &arguments);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn k_32_an_order_over_http_names_what_a_person_must_look_at() {
    let server = fresh_server();
    let (unsearched, all) = unsearched(&server, BSN);
    let order = |confirmed: &[String]| {
        let without = json!({ "number": NUMBER, "confirmed": confirmed });
        settled(&server, &ordered(&server, &json!({ "patient": BSN, "withoutBsn": without })))
    };
    let failed = order(&[]);
    assert_eq!(
        (&failed["state"], &failed["problem"]["code"]),
        (&"failed".into(), &"XdmBsnUnsearched".into()),
        "{failed}"
    );
    let text = failed["problem"]["text"].as_str().expect("a text");
    assert!(unsearched.iter().all(|id| text.contains(id.as_str())) && !text.contains(&all[3]), "{text}");
    assert_eq!(order(&unsearched)["state"], "done");
}

/// A letter of a patient whom nothing but a number of the hospital is known of.
fn letter_of(server: &TestServer, number: &str, body: &[u8]) {
    let letter = sample::provided(number).slot("sourcePatientId", &[number]);
    server.provide(&Submission::with(number, &[&letter]), &[(&letter.id(), body)]).expect_success();
}

fn k_32_a_number_that_is_only_said_to_be_a_bsn_holds_the_export() {
    let server = fresh_server();
    for body in ["Geachte collega, BSN 999900018", "<burgerservicenummer>9999.00.018</burgerservicenummer>"] {
        let number = sample::patient();
        letter_of(&server, &number, body.as_bytes());
        held(&server, &number, body);
    }
    let number = sample::patient();
    letter_of(&server, &number, b"BSN niet bekend, telefoon 0201234567, rekening 123456788");
    let (_, made) = pack_own(&server, &number);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn k_32_a_bsn_that_only_another_document_of_the_patient_names_holds_the_export() {
    let server = fresh_server();
    let number = sample::patient();
    let other = sample::provided(&number).slot("sourcePatientId", &[&number]);
    let other = other.slot("sourcePatientInfo", &[&format!("PID-3|{BSN}~{number}")]);
    server.provide(&Submission::with(&number, &[&other]), &[(&other.id(), b"een andere brief")]).expect_success();
    let letter = sample::provided(&number).slot("sourcePatientId", &[&number]);
    server.provide(&Submission::with(&number, &[&letter]), &[(&letter.id(), b"nr. 999900018")]).expect_success();
    let here = here();
    let table = here.join("t.jsonl").display().to_string();
    let held = pack_in(&server, &here, &["--document", &letter.unique_id(), "--without-bsn", &table]);
    let told = String::from_utf8_lossy(&held.stderr).into_owned();
    assert_eq!(held.status.code(), Some(1), "{told}");
    assert!(told.contains("XdmBsnLeft") && !told.contains("99990"), "{told}");
}

fn k_32_a_bsn_of_a_merged_identity_holds_the_export() {
    let server = fresh_server();
    letter_of(&server, NUMBER, b"nr. 999900018");
    let (_, made) = pack_own(&server, NUMBER);
    assert!(made.status.success(), "nobody knows this number yet: {}", String::from_utf8_lossy(&made.stderr));
    let known = sample::provided(BSN).slot("sourcePatientId", &[NUMBER]);
    server.provide(&Submission::with(BSN, &[&known]), &[(&known.id(), b"een brief")]).expect_success();
    let merge = "UPDATE patient SET survivor_key = (SELECT patient_key FROM patient WHERE id = 'A0012345') WHERE id = '999900018'";
    trail::tamper(&server.prepared, false, merge);
    held(&server, NUMBER, "merged");
}

fn r_32_41_an_export_that_fails_last_is_told_as_failed() {
    let server = fresh_server();
    let patient = sample::patient();
    let document = sample::provided(&patient);
    server.provide(&Submission::with(&patient, &[&document]), &[(&document.id(), b"x")]).expect_success();
    let here = here();
    // A table that cannot be opened ends an export that went well so far; one without documents ends before it begins.
    let table = here.join("none/t.jsonl").display().to_string();
    let failed = pack_in(&server, &here, &["--patient", &patient, "--without-bsn", &table]);
    assert!(!failed.status.success() && !here.join("P.ZIP").exists());
    let nobody = sample::patient();
    assert_eq!(pack_in(&server, &here, &["--patient", &nobody]).status.code(), Some(1));
    let told = |patient: &str| -> Vec<Value> {
        let events = audited(&server, patient).into_iter().filter(|event| event["event_types"][0]["code"] == "ITI-32");
        events.map(|event| event["reason"].clone()).collect()
    };
    assert_eq!(told(&patient), ["knoop:XdmIo"]);
    let [reason] = told(&nobody).try_into().expect("one event");
    assert!(reason.as_str().is_some_and(|reason| reason.starts_with("knoop:")), "{reason}");
}
