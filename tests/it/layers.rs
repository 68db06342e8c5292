//! Imports point down only. The table is the one of docs/ARCHITECTURE.md.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use libtest_mimic::Trial;

use crate::harness::plain;

pub fn trials() -> Vec<Trial> {
    plain![each_room_uses_only_what_it_may, the_reader_of_paths_sees_every_form].into()
}

/// Room, and what it may use: `wire` allows all below it, `wire::xdm` only that.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("validate", &["model"]),
    ("wire", &["model"]),
    ("store", &["model"]),
    ("security", &["model", "wire::saml"]),
    ("client", &["model", "wire", "security"]),
    (
        "service",
        &[
            "model",
            "validate",
            "store",
            "security",
            "client",
            "config",
            "wire::xdm",
            "wire::mail",
            "wire::dicom",
            "wire::atna",
            "wire::cda",
            "wire::hl7v2",
        ],
    ),
    ("telemetry", &["model", "config"]),
    ("config", &["model"]),
    ("http", &["model", "wire", "security", "service", "config", "telemetry"]),
    ("lmtp", &["service"]),
    (
        "cli",
        &["model", "validate", "wire", "store", "security", "client", "service", "http", "lmtp", "config", "telemetry"],
    ),
];

fn each_room_uses_only_what_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    for file in rust_files(&src) {
        let relative = file.strip_prefix(&src).expect("a file of src");
        let first = relative.iter().next().and_then(|c| c.to_str()).unwrap_or("").trim_end_matches(".rs");
        if matches!(first, "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = TABLE.iter().find(|(room, _)| *room == first) else {
            faults.push(format!("{}: room {first} is not in the table", relative.display()));
            continue;
        };
        let text = fs::read_to_string(&file).expect("source can be read");
        for used in crate_paths(&text) {
            let fits = |rule: &str| used == rule || used.starts_with(&format!("{rule}::"));
            if !fits(first) && !allowed.iter().any(|rule| fits(rule)) {
                faults.push(format!("{}: {first} may not use {used}", relative.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn the_reader_of_paths_sees_every_form() {
    let text = "use crate::model::Oid;\nuse crate::{store::Tx, wire::{soap, xdm::Pack}};\nlet x = crate::http::f();";
    let expected = ["http::f", "model::Oid", "store::Tx", "wire::soap", "wire::xdm::Pack"];
    assert_eq!(crate_paths(text), expected.map(str::to_owned).into());
    assert_eq!(crate_paths("// crate::http is a room\n//! [`crate::cli`]"), BTreeSet::new());
}

/// The files of a directory of source, and of those below it.
pub fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("src can be read").flatten().map(|e| e.path());
    entries
        .flat_map(|path| match path.extension().and_then(|e| e.to_str()) {
            _ if path.is_dir() => rust_files(&path),
            Some("rs") => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// Every path that begins at the crate, with the groups of `use` taken apart. Comments do not count.
fn crate_paths(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, marker) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$') {
            expand("", &code[at + marker.len()..], &mut found);
        }
    }
    found
}

/// Reads one path, or a group of them in braces; what is left after it.
fn expand<'a>(prefix: &str, text: &'a str, found: &mut BTreeSet<String>) -> &'a str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let after = expand(prefix, rest, found);
            if after.len() == rest.len() {
                return rest;
            }
            rest = after;
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    match text[end..].strip_prefix("::") {
        Some(rest) => expand(&format!("{path}::"), rest, found),
        None => {
            found.insert(path);
            &text[end..]
        }
    }
}
