//! What no package may hold, and what is left out of it.

use std::fs::{self, File};

use libtest_mimic::Trial;

use super::{
    KINDS, fresh_server,
    package::{Opened, here, pack},
    provide,
    sources::knoop,
};
use crate::harness::{plain, sample};

pub fn trials() -> Vec<Trial> {
    plain![
        r_32_03_nothing_starts_by_itself,
        r_32_05_a_simple_document_is_one_file,
        r_32_08_a_tree_holds_no_document_of_4_gib,
    ]
    .into()
}

const ALL: &str = "[all]\npatient = \"999900006^^^&2.16.840.1.113883.2.4.6.3&ISO\"\ntype = \"18748-4\"\n";

/// A folder with a directory of these files, and what is said of all of them.
fn files(names: &[&str], more: &str) -> std::path::PathBuf {
    let folder = here();
    fs::create_dir(folder.join("files")).expect("made");
    for name in names {
        fs::write(folder.join("files").join(name), *name).expect("written");
    }
    fs::write(folder.join("m.toml"), format!("{ALL}{more}")).expect("written");
    folder
}

fn r_32_03_nothing_starts_by_itself() {
    let folder = files(&["AUTORUN.INF", "autorun.inf", "SETUP.EXE", "letter.html", "run.cmd"], "");
    let made = knoop(&folder, &["xdm", "pack", "STICK", "--tree", "--files", "files", "--metadata", "m.toml"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut roots: Vec<String> = fs::read_dir(folder.join("STICK"))
        .expect("a tree")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    roots.sort();
    assert_eq!(roots, ["IHE_XDM", "INDEX.HTM", "README.TXT"], "and no AUTORUN.INF");
    let known = ["HTM", "TXT", "XML", "BIN"];
    for name in Opened::tree(&folder.join("STICK")).names() {
        let extension = name.rsplit('.').next().unwrap_or_default();
        assert!(known.contains(&extension), "no system starts a file of this name: {name}");
    }
}

fn r_32_05_a_simple_document_is_one_file() {
    let server = fresh_server();
    let patient = sample::patient();
    provide(&server, &patient, &KINDS);
    let (out, _) = pack(&server, &["--patient", &patient]);
    let package = Opened::zip(&out);
    let documents = package.names().into_iter().filter(|name| name.contains("/DOC"));
    let mut of_entries: Vec<String> =
        package.set("SUBSET01").entries().iter().filter_map(|entry| entry.value("URI")).collect();
    of_entries.sort();
    let of_files: Vec<String> = documents.map(|name| name.replace("IHE_XDM/SUBSET01/", "")).collect();
    assert_eq!(of_files, of_entries, "one file for each entry, none in a directory of its own");
}

fn r_32_08_a_tree_holds_no_document_of_4_gib() {
    let folder = files(&[], "");
    let large = File::create(folder.join("files/large.bin")).expect("made");
    large.set_len(4 << 30).expect("a hole needs no room");
    let refused = knoop(&folder, &["xdm", "pack", "STICK", "--tree", "--files", "files", "--metadata", "m.toml"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("XdmDocumentTooLargeForMedium"), "{told}");
    assert!(!folder.join("STICK").exists(), "nothing was begun");
}
