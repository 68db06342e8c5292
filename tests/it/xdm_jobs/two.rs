//! Two servers on one database, each with a data directory of its own: packages lie in one of them.

use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kit::{brought, call, get, ordered, post, settled, told};
use crate::{
    harness::{
        TestServer, sample, scratch,
        servers::{Prepared, Store},
        trials,
    },
    iti41::provided,
    xdm_import::{document, entries, set_of, tree, zipped},
};

/// Only PostgreSQL is shared.
pub fn trials() -> Vec<Trial> {
    let both = trials::own(module_path!(), "packages_are_worked_on_where_they_lie", where_they_lie);
    both.into_iter().filter(|trial| trial.name().ends_with(Store::Postgres.name())).collect()
}

fn packages_in(prepared: &Prepared, way: &str) -> usize {
    scratch::files_below(&prepared.data.join("xdm").join(way)).len()
}

fn path(direction: &str, package: &Value) -> String {
    format!("/xdm/{direction}/{}", package["id"].as_str().expect("an id"))
}

fn two(store: Store) -> [Prepared; 2] {
    let documents = scratch::directory(&format!("documents-{:x}", sample::number()));
    let shared =
        |prepared: Prepared, documents: &Path| prepared.setting("documents.path", &documents.display().to_string());
    let one = shared(TestServer::prepare(store).expect("a store"), &documents);
    let other = one.clone().on(scratch::directory(&format!("other-{:x}", sample::number())));
    [one, other]
}

fn where_they_lie(store: Store) {
    let [here, there] = two(store);
    let (one, other) = (here.clone().start().expect("it starts"), there.clone().start().expect("both do"));

    // Whoever was asked makes it, and has it; both know of it.
    let (patient, _) = provided(&one, b"one of two");
    let at = ordered(&one, &json!({ "patient": patient }));
    assert_eq!(settled(&other, &at)["state"], "done");
    let package = format!("{at}/package");
    assert_eq!(told(421, &get(&other, &package))["code"], "XdmElsewhere");
    assert_eq!((packages_in(&here, "outgoing"), packages_in(&there, "outgoing")), (1, 0));

    // A decision may be taken anywhere; it is carried out where the package lies.
    let brought_for = sample::patient();
    let document = document(&brought_for, "A.TXT", b"brought");
    let zip = zipped(&tree(&[(&set_of(&brought_for, &[&document]), &[("A.TXT", b"brought")])]));
    let inspected = told(200, &brought(&one, &std::fs::read(zip).expect("made")));
    let import = path("import", &inspected);
    told(202, &post(&other, &format!("{import}/commit"), &json!({})));
    assert_eq!(settled(&other, &import)["state"], "done");
    assert_eq!(entries(&other, &brought_for).len(), 1);

    // A start of the other server leaves packages and jobs of this one alone.
    let other = other.restart().expect("it starts again");
    assert_eq!(get(&one, &package).status, 200);
    assert_eq!((packages_in(&here, "outgoing"), packages_in(&here, "incoming")), (1, 1));

    // Taken back anywhere, it is gone; its file goes with the server that has it.
    assert_eq!(call(&other, "DELETE", &at, &[], b"").status, 204);
    assert_eq!(told(410, &get(&one, &package))["code"], "XdmGone");
    let one = one.restart().expect("it starts again");
    assert_eq!(packages_in(&here, "outgoing"), 0);
    assert_eq!(told(200, &get(&one, &at))["state"], "withdrawn");
}
