//! ITI-32: documents of several parts, in and out. Source: R-32-05, R-32-52, R-32-56.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use libtest_mimic::{Completion, Failed, Trial};
use openssl::sha::sha1;

use crate::{
    harness::{
        TestServer, on_every_store, plain,
        sample::{self, names::DE_UNIQUE_ID},
        servers::{Prepared, Store},
        trials,
    },
    xdm_import::{codes, document, entries, import, prepared, set_of, tree, zipped},
    xdm_pack::{
        dicom::dicom_of,
        package::{Opened, here, pack, pack_in},
        provide,
    },
};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = on_every_store![r_32_52_bodies_of_others_become_a_directory].collect();
    let name = "r_32_05_a_directory_comes_in_as_one_document_and_leaves_as_a_directory";
    all.extend(trials::own(module_path!(), name, there_and_back));
    all.extend(plain![
        r_32_52_what_cannot_be_taken_apart_ends_the_export,
        r_32_52_a_part_of_a_package_that_is_damaged_keeps_the_document_out,
        k_32_parts_are_searched_for_numbers_of_the_patient,
        k_32_a_dicom_object_among_parts_ends_the_export,
    ]);
    all.push(trials::fallible(module_path!(), "r_32_52_the_body_is_read_by_others", read_by_others));
    all
}

/// Name and octets of each part; the start part first.
const PARTS: [(&str, &[u8]); 4] = [
    ("LETTER.XML", b"<?xml version=\"1.0\"?><letter><img src=\"IMG.JPG\"/><img src=\"SUB/SIGN.PNG\"/></letter>\r\n"),
    ("IMG.JPG", b"\xff\xd8\xff\xe0 an image\r\n--knoop\r\n"),
    ("SUB/SIGN.PNG", b"\x89PNG\r\n\x1a\n\0"),
    ("EMPTY.TXT", b""),
];

fn hex(octets: &[u8]) -> String {
    sha1(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A package as a tree with a document of these parts beside a plain one.
fn medium(patient: &str, parts: &[(&str, &[u8])]) -> (PathBuf, sample::Object) {
    let note = document(patient, "NOTE.TXT", b"a note");
    let uri = format!("DOC00002/{}", parts[0].0);
    let several = document(patient, &uri, parts[0].1).set("mimeType", "multipart/related");
    let top = tree(&[(&set_of(patient, &[&note, &several]), &[("NOTE.TXT", b"a note")])]);
    let directory = top.join("IHE_XDM/SUBSET01/DOC00002");
    for (name, octets) in parts {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("room");
        fs::write(path, octets).expect("room");
    }
    (top, several)
}

/// The parts of a document of a package, by name, and what its metadata say of the start part.
fn parts_of(package: &Opened, unique_id: &str) -> BTreeMap<String, Vec<u8>> {
    let entry = package.set("SUBSET01").entry(unique_id);
    let uri = entry.value("URI").expect("a URI");
    let (directory, start) = uri.split_once('/').expect("in a directory");
    let below = format!("IHE_XDM/SUBSET01/{directory}/");
    let names = package.names().into_iter().filter_map(|name| name.strip_prefix(&below).map(str::to_owned));
    let parts: BTreeMap<String, Vec<u8>> =
        names.map(|name| (name.clone(), package.file(&format!("{below}{name}")))).collect();
    let octets = &parts[start];
    assert_eq!(entry.value("hash"), Some(hex(octets)), "R-32-52: of the start part");
    assert_eq!(entry.value("size"), Some(octets.len().to_string()));
    assert_eq!(entry.attribute("mimeType"), "multipart/related");
    parts
}

fn expected(parts: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    parts.iter().map(|(name, octets)| ((*name).to_owned(), octets.to_vec())).collect()
}

/// The octets that a repository has of a document.
fn body(server: &TestServer, patient: &str, unique_id: &str) -> Vec<u8> {
    let found = entries(server, patient);
    let entry = found.iter().find(|entry| entry.identifier(DE_UNIQUE_ID) == Some(unique_id)).expect("is there");
    assert_eq!(entry.get("mimeType"), Some("multipart/related"));
    let repository = entry.value("repositoryUniqueId").expect("set by the repository");
    let answer = server.retrieve(&[(None, repository, unique_id)]);
    let octets = answer.documents()[0].2.to_vec();
    assert_eq!(entry.value("hash"), Some(&*hex(&octets)), "of what is kept");
    assert_eq!(entry.value("size"), Some(&*octets.len().to_string()));
    octets
}

fn there_and_back(store: Store) {
    let here_first = prepared(store);
    let patient = sample::patient();
    let (top, several) = medium(&patient, &PARTS);
    let imported = import(0, &here_first, &zipped(&top), &[]);
    assert_eq!((codes(&imported), &imported["outcome"]), (vec!["XdmMultipartUnverified".to_owned()], &"all".into()));
    assert_eq!(imported["sets"][0]["documents"][1]["parts"], PARTS.len());
    let again = import(0, &here_first, &top, &[]);
    assert_eq!(again["outcome"], "already_present", "R-32-56, and a tree is as good as a zip file: {again}");
    let server = here_first.clone().start().expect("it starts");
    let first = body(&server, &patient, &several.unique_id());

    let (out, _) = pack(&server, &["--patient", &patient]);
    let package = Opened::zip(&out);
    assert_eq!(parts_of(&package, &several.unique_id()), expected(&PARTS), "what leaves is what came");
    let index = String::from_utf8(package.file("INDEX.HTM")).expect("UTF-8");
    assert!(index.contains("/LETTER.XML"), "the start page leads to the start part");

    drop(server);

    let elsewhere = prepared(Store::Sqlite);
    assert_eq!(import(0, &elsewhere, &out, &[])["outcome"], "all");
    assert_eq!(import(0, &here_first, &out, &[])["outcome"], "already_present", "it knows its own document");
    let other = elsewhere.clone().start().expect("it starts");
    assert_eq!(body(&other, &patient, &several.unique_id()), first);
    let tree = here().join("TREE");
    let arguments = ["xdm", "pack", &tree.display().to_string(), "--tree", "--patient", &patient, "--data"];
    let data = elsewhere.data.display().to_string();
    let made = elsewhere.command(&[&arguments[..], &[&data]].concat()).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(parts_of(&Opened::tree(&tree), &several.unique_id()), expected(&PARTS));
}

fn r_32_52_bodies_of_others_become_a_directory(server: &TestServer) {
    let patient = sample::patient();
    let of_html = b"--b\r\nContent-Type: text/html\r\nContent-ID: <start@x>\r\n\r\n<img src=\"cid:1@x\"/>\r\n--b\r\n\
        Content-Type: image/gif\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlh\r\n--b--\r\n";
    let with_start = b"--b\r\nContent-Type: image/png\r\nContent-Location: A.PNG\r\n\r\npng\r\n--b\r\n\
        Content-Type: application/pdf\r\nContent-ID: <s@x>\r\nContent-Location: ../../METADATA.XML\r\n\r\n%PDF-\r\n--b--";
    let kinds = ["multipart/related", "multipart/related; boundary=b; start=\"<s@x>\""];
    let objects = provide(server, &patient, &[(kinds[0], of_html), (kinds[1], with_start)]);
    let (out, told) = pack(server, &["--patient", &patient, "--json"]);
    let package = Opened::zip(&out);
    let html: [(&str, &[u8]); 2] = [("DOC00001.HTM", b"<img src=\"cid:1@x\"/>"), ("PART0001.BIN", b"GIF89a")];
    assert_eq!(parts_of(&package, &objects[0].unique_id()), expected(&html));
    let pdf: [(&str, &[u8]); 2] = [("A.PNG", b"png"), ("DOC00002.PDF", b"%PDF-")];
    assert_eq!(parts_of(&package, &objects[1].unique_id()), expected(&pdf), "no name leads out of its directory");
    let warnings = told["warnings"].as_array().expect("warnings");
    let renamed = warnings.iter().filter_map(|it| it.as_str()).filter(|it| it.contains("have a name of ours"));
    assert_eq!(
        renamed.collect::<Vec<_>>(),
        [format!(
            "document {}: 1 of its parts have a name of ours, what refers to them does not find them",
            objects[0].unique_id()
        )]
    );
    let imported = import(0, &prepared(Store::Sqlite), &out, &[]);
    assert_eq!((codes(&imported), &imported["outcome"]), (vec!["XdmMultipartUnverified".to_owned()], &"all".into()));
}

fn refused(server: &TestServer, arguments: &[&str]) -> Output {
    let folder = here();
    let refused = pack_in(server, &folder, arguments);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "nothing is left");
    refused
}

fn r_32_52_what_cannot_be_taken_apart_ends_the_export() {
    let server = prepared(Store::Sqlite).start().expect("it starts");
    for (octets, why) in [
        (&b"no parts at all"[..], "no boundary is told"),
        (b"--b\r\n\r\ncut off", "ends before its closing delimiter"),
        (b"--b\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--b--", "may not be multipart itself"),
    ] {
        let patient = sample::patient();
        provide(&server, &patient, &[("multipart/related", octets)]);
        let refused = refused(&server, &["--patient", &patient]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains("XdmMultipartUnsupported") && told.contains(why), "{told}");
        assert_eq!(refused.status.code(), Some(2));
    }
}

fn r_32_52_a_part_of_a_package_that_is_damaged_keeps_the_document_out() {
    let prepared = prepared(Store::Sqlite);
    let patient = sample::patient();
    let (top, _) = medium(&patient, &PARTS);
    fs::write(top.join("IHE_XDM/SUBSET01/DOC00002/LETTER.XML"), "another letter").expect("room");
    let failed = import(1, &prepared, &zipped(&top), &[]);
    assert!(codes(&failed).contains(&"XdmSizeMismatch".to_owned()), "{failed}");
    assert_eq!((crate::xdm_import::kept(&prepared), &failed["quarantined"]), (0, &true.into()));
    let allowed = prepared.setting("xdm.override", "true");
    assert_eq!(import(0, &allowed, &zipped(&top), &["--override", "1"])["outcome"], "all");
}

fn k_32_parts_are_searched_for_numbers_of_the_patient() {
    let server = prepared(Store::Sqlite).start().expect("it starts");
    let patient = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";
    let body = b"--b\r\nContent-Type: text/plain\r\n\r\nstart\r\n--b\r\n\r\nnumber 999900006\r\n--b--";
    let objects = provide(&server, patient, &[("multipart/related", body)]);
    let table = here().join("numbers.jsonl").display().to_string();
    let arguments = ["--document", &objects[0].unique_id(), "--without-bsn", &table, "--number", "A1^^^&2.999.1.1&ISO"];
    let refused = refused(&server, &arguments);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("XdmBsnLeft") && !told.contains("999900006"), "{told}");
}

fn k_32_a_dicom_object_among_parts_ends_the_export() {
    let server = prepared(Store::Sqlite).start().expect("it starts");
    let patient = sample::patient();
    let head = b"--b\r\nContent-Type: text/plain\r\n\r\nstart\r\n--b\r\nContent-Type: application/dicom\r\n\r\n";
    let body = [&head[..], &dicom_of("2.999.1.1.9", "999900006", &[]), b"\r\n--b--"].concat();
    let objects = provide(&server, &patient, &[("multipart/related", &body)]);
    let table = here().join("numbers.jsonl").display().to_string();
    let (id, number) = (objects[0].unique_id(), "A1^^^&2.999.1.1&ISO");
    let arguments = ["--document", &id, "--without-bsn", &table, "--number", number, "--confirmed", &id];
    let refused = refused(&server, &arguments);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("XdmBsnUnreadable") && told.contains("is a DICOM object"), "{told}");
    assert!(!told.contains("999900006"), "{told}");
}

/// Prints location, media type and octets of each part of a body, and which is the start part.
const PYTHON: &str = "
import email, sys
whole = email.message_from_binary_file(open(sys.argv[1], 'rb'))
assert not whole.defects, whole.defects
start = whole.get_param('start')
for part in whole.get_payload():
    assert not part.defects, part.defects
    print(part['Content-Location'], part.get_content_type(), part.get_payload(decode=True).hex(), part['Content-ID'] == start)
";

fn read_by_others() -> Result<Completion, Failed> {
    if Command::new("python3").arg("--version").output().is_err() {
        return Ok(Completion::ignored_with("python3 is not here"));
    }
    let prepared: Prepared = prepared(Store::Sqlite);
    let patient = sample::patient();
    let parts: [(&str, &[u8]); 3] = [("LETTER.XML", b"<letter/>"), ("A.JPG", b"\xff\xd8\xff"), ("B.TXT", b"text")];
    let (top, several) = medium(&patient, &parts);
    import(0, &prepared, &top, &[]);
    let server = prepared.start().map_err(|error| error.to_string())?;
    let file: &Path = &here().join("body");
    fs::write(file, body(&server, &patient, &several.unique_id())).map_err(|error| error.to_string())?;
    let read = Command::new("python3").args(["-c", PYTHON]).arg(file).output().map_err(|error| error.to_string())?;
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "LETTER.XML text/xml 3c6c65747465722f3e True",
            "A.JPG image/jpeg ffd8ff False",
            "B.TXT text/plain 74657874 False"
        ]
    );
    Ok(Completion::Completed)
}
