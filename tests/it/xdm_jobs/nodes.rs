//! Who may have packages made, and bring them. Source: S-TLS-17, R-32-50.

use std::fs;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kit::{call_over, is_open, told};
use crate::{
    harness::{http::Response, plain, sample, scratch, servers::until, tls::Client, trail},
    iti41::provided,
    nodes_tls::Region,
    xdm_import::{document, entries, set_of, tree, zipped},
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_17_a_node_has_the_role_and_sees_the_packages_of_its_organisation,
        s_xua_03_who_must_bring_an_assertion_uses_soap,
        s_tls_17_who_takes_a_package_over_is_who_said_so,
        s_tls_17_a_job_asks_again_whether_its_node_may,
        s_tls_17_a_job_asks_again_how_its_node_stands,
        r_32_36_a_node_without_the_role_admin_overrides_nothing
    ]
    .into()
}

fn call(region: &Region, client: &Client, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    call_over(&mut region.connect(client), method, path, &[("Content-Type", "application/json")], &body)
}

fn settled(region: &Region, client: &Client, path: &str) -> Value {
    let get = || told(200, &call(region, client, "GET", path, &Value::Null));
    until(|| !is_open(&get()));
    get()
}

fn s_tls_17_a_node_has_the_role_and_sees_the_packages_of_its_organisation() {
    let region = Region::new(&[]);
    let consumer = region.node("consumer", &["--role", "consumer"]);
    let colleague = region.node("colleague", &["--role", "consumer"]);
    let source = region.node("source", &["--role", "source"]);
    let stranger = region.node_of("stranger", "2.999.8", &["--role", "consumer"]);
    let (patient, _) = provided(&region.server, b"of the house");
    let order = json!({ "patient": patient });

    let refused = told(403, &call(&region, &source, "POST", "/xdm/export", &order));
    assert_eq!(refused["code"], "XdmRole");
    let refused = told(403, &call(&region, &consumer, "POST", "/xdm/import/inspect", &Value::Null));
    assert_eq!(refused["code"], "XdmRole");
    let denied =
        region.events().iter().filter(|it| it["reason"].as_str().is_some_and(|it| it.contains("CON-NODE"))).count();
    assert_eq!(denied, 2, "both are in the trail");

    // Documents of the loopback node's organisation: nobody gave these organisations consent (R-32-50).
    let accepted = told(202, &call(&region, &consumer, "POST", "/xdm/export", &order));
    let at = format!("/xdm/export/{}", accepted["id"].as_str().expect("an id"));
    let failed = settled(&region, &consumer, &at);
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &"XdmNothing".into()), "{failed}");

    assert_eq!(call(&region, &colleague, "GET", &at, &Value::Null).status, 200, "of the same organisation");
    for (method, path) in [("GET", at.clone()), ("DELETE", at.clone()), ("GET", format!("{at}/package"))] {
        let unknown = told(404, &call(&region, &stranger, method, &path, &Value::Null));
        assert_eq!(unknown["code"], "XdmUnknown", "{method} {path}");
    }
    let listed = told(200, &call(&region, &stranger, "GET", "/xdm/export", &Value::Null));
    assert_eq!(listed["packages"].as_array().map(Vec::len), Some(0));
}

fn s_xua_03_who_must_bring_an_assertion_uses_soap() {
    let region = Region::new(&[("xua.iti43", "required")]);
    let consumer = region.node("consumer", &["--role", "consumer"]);
    let refused = told(403, &call(&region, &consumer, "POST", "/xdm/export", &json!({ "patient": "x" })));
    assert_eq!(refused["code"], "XdmAssertion");
    let told_of = |event: &Value| event["reason"].as_str().is_some_and(|it| it.contains("XdmAssertion"));
    assert!(region.events().iter().any(told_of), "it is in the trail");
}

/// A package with one document.
fn of_one(patient: &str) -> Vec<u8> {
    let document = document(patient, "A.TXT", b"brought");
    fs::read(zipped(&tree(&[(&set_of(patient, &[&document]), &[("A.TXT", b"brought")])]))).expect("made")
}

fn r_32_36_a_node_without_the_role_admin_overrides_nothing() {
    let region = Region::new(&[("xdm.override", "true")]);
    let source = region.node("brings", &["--role", "source"]);
    let admin = region.node("decides", &["--role", "source", "--role", "admin"]);
    let patient = sample::patient();
    let bad = document(&patient, "A.TXT", b"stated");
    let zip = fs::read(zipped(&tree(&[(&set_of(&patient, &[&bad]), &[("A.TXT", b"differ")])]))).expect("made");
    let headers = [("Content-Type", "application/zip")];
    let response = call_over(&mut region.connect(&source), "POST", "/xdm/import/inspect", &headers, &zip);
    let at = format!("/xdm/import/{}", told(422, &response)["id"].as_str().expect("an id"));
    let commit = |client: &Client| call(&region, client, "POST", &format!("{at}/commit"), &json!({ "override": [1] }));
    assert_eq!(told(403, &commit(&source))["code"], "XdmOverride");
    told(202, &commit(&admin));
    assert_eq!(settled(&region, &admin, &at)["state"], "done");
}

fn s_tls_17_who_takes_a_package_over_is_who_said_so() {
    let region = Region::new(&[]);
    let first = region.node("brings", &["--role", "source"]);
    let second = region.node("decides", &["--role", "source"]);
    let patient = sample::patient();
    let zip = of_one(&patient);
    let headers = [("Content-Type", "application/zip")];
    let response = call_over(&mut region.connect(&first), "POST", "/xdm/import/inspect", &headers, &zip);
    let at = format!("/xdm/import/{}", told(200, &response)["id"].as_str().expect("an id"));
    told(202, &call(&region, &second, "POST", &format!("{at}/commit"), &json!({})));
    assert_eq!(settled(&region, &second, &at)["state"], "done");
    let events = region.events();
    let import = events.iter().find(|it| it["event_id"]["code"] == "110107" && it["outcome"] == "Success");
    let import = import.expect("it is in the trail").to_string();
    assert!(import.contains("decides") && !import.contains("brings"), "{import}");
}

fn s_tls_17_a_job_asks_again_whether_its_node_may() {
    let folder = scratch::directory(&format!("watched-{:x}", sample::number()));
    let watched = folder.display().to_string();
    let settings = [("xdm.watch.folder", &*watched), ("xdm.watch.quiet", "100 ms"), ("xdm.watch.node", "reader")];
    let region = Region::new(&[&settings[..], &[("xdm.watch.auto_commit", "true")]].concat());
    region.node("reader", &["--role", "consumer"]);
    let patient = sample::patient();
    fs::write(folder.join("a.part"), of_one(&patient)).expect("room");
    fs::rename(folder.join("a.part"), folder.join("a.zip")).expect("renamed");
    let report = folder.join("failed/a.json");
    until(|| report.exists());
    let failed: Value = serde_json::from_slice(&fs::read(&report).expect("a report")).expect("JSON");
    assert_eq!(failed["problem"]["code"], "XdmRole", "{failed}");
    assert!(entries(&region.server, &patient).is_empty());
}

/// An order that waits when its node is suspended, must bring a user assertion from now on, or has another role.
fn s_tls_17_a_job_asks_again_how_its_node_stands() {
    let region = Region::new(&[]);
    let consumer = region.node("consumer", &["--role", "consumer"]);
    let colleague = region.node("colleague", &["--role", "consumer", "--rate", "10000"]);
    let accepted =
        told(202, &call(&region, &consumer, "POST", "/xdm/export", &json!({ "patient": sample::patient() })));
    let at = format!("/xdm/export/{}", accepted["id"].as_str().expect("an id"));
    assert_eq!(settled(&region, &colleague, &at)["problem"]["code"], "XdmNothing", "it may order");
    let set = |arguments: &[&str]| region.knoop(&[&["node"], arguments].concat());
    for (changed, code, back) in [
        (&["suspend", "consumer"][..], "XdmNode", &["resume", "consumer"][..]),
        (&["change", "consumer", "--xua", "ITI-43=required"], "XdmAssertion", &["change", "consumer", "--xua", "none"]),
        (&["change", "consumer", "--role", "source"], "XdmRole", &["change", "consumer", "--role", "consumer"]),
    ] {
        set(changed);
        waits_again(&region, &accepted["id"]);
        let failed = settled(&region, &colleague, &at);
        assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &code.into()), "{failed}");
        set(back);
    }
    waits_again(&region, &accepted["id"]);
    assert_eq!(settled(&region, &colleague, &at)["problem"]["code"], "XdmNothing", "and may again");
}

/// Lets the job of a package wait as if nobody had taken it yet.
fn waits_again(region: &Region, id: &Value) {
    let id = id.as_str().expect("an id");
    for statement in [
        format!("UPDATE xdm_package SET state = 1, problem = NULL WHERE package_id = '{id}'"),
        format!(
            "UPDATE job SET state = 1, attempts = 0, problem = NULL, ended_ms = NULL WHERE job_id = \
             (SELECT job_id FROM xdm_package WHERE package_id = '{id}')"
        ),
    ] {
        trail::tamper(&region.server.prepared, false, &statement);
    }
}
