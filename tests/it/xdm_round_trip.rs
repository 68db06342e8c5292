//! What leaves by medium and is imported elsewhere is the same when it leaves again (acceptance 2; R-32-49, R-32-55, R-32-56).
//!
//! Selections are random; their seed is printed. `KNOOP_TEST_SEED` repeats one, `KNOOP_TEST_SELECTIONS` tries more.

mod metadata;
mod source;

use std::{collections::BTreeMap, fs, path::Path};

use libtest_mimic::Trial;

use crate::{
    harness::{TestServer, plain, sample, scratch, servers::Store},
    xdm_pack::package::Opened,
};
use source::{Dice, Source};

pub fn trials() -> Vec<Trial> {
    plain![what_leaves_is_the_same_when_it_leaves_again].into()
}

/// Selections in a run of the suite; acceptance wants 500, by hand.
const SELECTIONS: usize = 6;

/// A field that need not be the same, of which kind of object, and why.
const MAY_DIFFER: [(&str, &str, &str); 3] = [
    ("Association", "attribute id", "memberships of a submission set are written anew, with ids of their own"),
    ("ExtrinsicObject", "slot URI", "R-32-49: the name of the file is given by its place in the package"),
    ("RegistryPackage", "slot lastUpdateTime", "R-ASC-25: the registry that a folder is registered in sets it"),
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn what_leaves_is_the_same_when_it_leaves_again() {
    let seed = setting("KNOOP_TEST_SEED").unwrap_or_else(sample::number);
    let selections = setting("KNOOP_TEST_SELECTIONS").and_then(|count| count.try_into().ok()).unwrap_or(SELECTIONS);
    eprintln!("round trips: KNOOP_TEST_SEED={seed} KNOOP_TEST_SELECTIONS={selections}");
    let server = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("a server");
    let mut dice = Dice::new(seed);
    let source = Source::fill(&server, &mut dice);
    for number in 0..selections {
        let selection = source.select(&mut dice);
        let what = format!("seed {seed}, selection {number}: {selection:?}");
        let folder = scratch::directory("xdm-round-trips").join(sample::number().to_string());
        fs::create_dir(&folder).expect("a directory");
        let first = packed(&server, &server.prepared.data, &folder.join("FIRST"), &selection.arguments, &what);
        let elsewhere = TestServer::prepare(Store::Sqlite).expect("a place").data;
        let imported = knoop(&server, &["xdm", "import", &text(&folder.join("FIRST"))], &elsewhere);
        assert!(imported.status.success(), "{what}\n{}", String::from_utf8_lossy(&imported.stdout));
        let again = selection.again(&first);
        let second = packed(&server, &elsewhere, &folder.join("SECOND"), &again, &what);
        same(&first, &second, &what);
        let _ = fs::remove_dir_all(&folder).and_then(|()| fs::remove_dir_all(&elsewhere));
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn knoop(server: &TestServer, arguments: &[&str], data: &Path) -> std::process::Output {
    let data = text(data);
    server.prepared.command(&[arguments, &["--data", &data]].concat()).output().expect("it runs")
}

fn packed(server: &TestServer, data: &Path, out: &Path, arguments: &[String], what: &str) -> Opened {
    let name = text(out);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = knoop(server, &[&["xdm", "pack", &name], &arguments[..]].concat(), data);
    assert!(made.status.success(), "{what}\n{arguments:?}\n{}", String::from_utf8_lossy(&made.stderr));
    if out.is_dir() { Opened::tree(out) } else { Opened::zip(out) }
}

#[track_caller]
fn same(first: &Opened, second: &Opened, what: &str) {
    let (one, other) = (metadata::of(first), metadata::of(second));
    let keys = |objects: &metadata::Objects| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&one), keys(&other), "{what}\nthe same objects");
    for (key, fields) in &one {
        let kind = key.split(' ').next().unwrap_or_default();
        let kept = |fields: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let may = |field: &str| MAY_DIFFER.iter().any(|(of, name, _)| *of == kind && *name == field);
            fields.iter().filter(|(field, _)| !may(field)).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        assert_eq!(kept(fields), kept(&other[key]), "{what}\n{key}");
    }
    assert_eq!(metadata::documents(first), metadata::documents(second), "{what}\nthe same octets");
}
