//! `knoop consent` beside a running server: help, exit status, JSON.

use std::{fs, path::PathBuf};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::harness::{TestServer, on_every_store, plain, sample, scratch};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = plain![the_policy_that_is_built_in_is_printed_and_changes_nothing].into();
    trials.extend(on_every_store![
        s_con_02_answers_are_recorded_listed_and_withdrawn,
        answers_are_imported_all_or_none,
        agreements_are_recorded_and_ended,
        s_con_22_emergencies_can_be_listed,
        s_con_09_a_dry_run_says_what_another_policy_changes,
        s_con_09_policies_that_decided_are_kept,
        s_con_09_in_production_a_policy_names_two_people,
    ]);
    trials
}

/// Exit status, standard output, standard error.
fn consent(server: &TestServer, arguments: &[&str]) -> (i32, String, String) {
    let data = server.prepared.data.display().to_string();
    let mut all = vec!["consent"];
    all.extend(arguments);
    if arguments.first() != Some(&"policy") || arguments.get(1) == Some(&"check") {
        all.extend(["--data", &data]);
    }
    let output = server.prepared.command(&all).output().expect("the program can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn json(server: &TestServer, arguments: &[&str]) -> Value {
    let (status, out, error) = consent(server, arguments);
    assert_eq!(status, 0, "{arguments:?}: {error}");
    serde_json::from_str(&out).expect("JSON")
}

fn folder() -> PathBuf {
    scratch::directory(&format!("consent-{}", sample::uuid().replace(':', "-")))
}

fn s_con_02_answers_are_recorded_listed_and_withdrawn(server: &TestServer) {
    let patient = sample::patient();
    let about = ["--source", "category:ziekenhuis", "--requester", "organisation:2.999.20", "--patient", &patient];
    let add = |more: &[&str]| consent(server, &[&["add"][..], &about, more].concat());
    let (status, out, _) = add(&["--for", "letters", "--answer", "permit", "--by", "desk", "--json"]);
    assert_eq!(status, 0);
    let recorded = serde_json::from_str::<Value>(&out).expect("JSON")["recorded"].as_i64().expect("a number");
    // A permit for everything is none.
    let (status, _, error) = add(&["--for", "*", "--answer", "permit"]);
    assert_eq!((status, error.contains("a permit names its category")), (2, true), "{error}");
    assert_eq!(add(&["--for", "letters", "--answer", "maybe"]).0, 2);
    assert_eq!(add(&["--for", "*", "--answer", "deny", "--until", "2099-01-01"]).0, 0);

    let listed = json(server, &["list", "--patient", &patient, "--json"]);
    let answers = listed["answers"].as_array().expect("a list");
    assert_eq!(answers.len(), 2);
    assert_eq!((&answers[0]["answer"], &answers[0]["by"]), (&Value::from("permit"), &Value::from("desk")));
    assert_eq!(answers[1]["until"], "2099-01-01T00:00:00Z");

    let number = recorded.to_string();
    assert_eq!(consent(server, &["withdraw", &number]).0, 0);
    assert_eq!(consent(server, &["withdraw", &number]).0, 1);
    let listed = json(server, &["list", "--patient", &patient, "--json"]);
    assert!(listed["answers"][0]["withdrawn"].is_string() && listed["answers"][1]["withdrawn"].is_null());
    let (_, table, _) = consent(server, &["list", "--patient", &patient]);
    assert!(table.starts_with("number") && table.contains("organisation:2.999.20"), "{table}");
}

fn answers_are_imported_all_or_none(server: &TestServer) {
    let (here, patient) = (folder(), sample::patient());
    let heading = "patient,source,for,requester,answer,from,until\n";
    let good = format!("{patient},category:ggz,letters,category:huisarts,permit,,2099-01-01\n");
    let (csv, bad, list) = (here.join("a.csv"), here.join("b.csv"), here.join("c.json"));
    fs::write(&csv, format!("{heading}{good}")).expect("written");
    fs::write(&bad, format!("{heading}{good}{patient},category:ggz,letters,huisarts,permit,,\n")).expect("written");
    let row = serde_json::json!([{
        "patient": patient, "source": "category:lab", "for": "*", "requester": "category:apotheek", "answer": "deny"
    }]);
    fs::write(&list, row.to_string()).expect("written");
    assert_eq!(json(server, &["import", &csv.display().to_string(), "--json"])["recorded"], 1);
    let (status, _, error) = consent(server, &["import", &bad.display().to_string()]);
    assert_eq!(status, 2);
    assert!(error.contains("answer 3: requester: a scope is") && !error.contains(&patient), "{error}");
    assert_eq!(json(server, &["import", &list.display().to_string(), "--json"])["recorded"], 1);
    let listed = json(server, &["list", "--patient", &patient, "--json"]);
    let origins: Vec<&Value> = listed["answers"].as_array().expect("a list").iter().map(|it| &it["origin"]).collect();
    assert_eq!(origins, ["import", "import"]);
}

fn agreements_are_recorded_and_ended(server: &TestServer) {
    let regions = [sample::oid(), sample::oid()].map(|oid| format!("urn:oid:{oid}"));
    let recorded = json(server, &["agreement", "add", &regions[0], &regions[1], "--json"])["recorded"].clone();
    let number = recorded.to_string();
    let entry = || {
        let listed = json(server, &["agreement", "list", "--json"]);
        let all = listed["agreements"].as_array().expect("a list").clone();
        all.into_iter().find(|it| it["number"] == recorded).expect("it is listed")
    };
    assert_eq!(entry()["regions"], serde_json::json!(regions));
    assert!(entry()["until"].is_null());
    assert_eq!(consent(server, &["agreement", "end", &number]).0, 0);
    assert!(entry()["until"].is_string());
    assert_eq!(consent(server, &["agreement", "end", &number]).0, 1);
    assert_eq!(consent(server, &["agreement", "add", &regions[0], &regions[0]]).0, 2);
    assert_eq!(consent(server, &["agreement", "add", "2.999", &regions[0]]).0, 2);
}

fn s_con_22_emergencies_can_be_listed(server: &TestServer) {
    assert!(json(server, &["emergencies", "--all", "--json"])["emergencies"].is_array());
    assert_eq!(consent(server, &["emergencies", "--close", "999999"]).0, 1);
}

fn the_policy_that_is_built_in_is_printed_and_changes_nothing() {
    let server = TestServer::prepare(crate::harness::servers::Store::Sqlite).and_then(|p| p.start()).expect("starts");
    let (status, out, _) = consent(&server, &["policy", "show"]);
    assert_eq!(status, 0);
    let file = folder().join("same.toml");
    fs::write(&file, &out).expect("written");
    let told = json(&server, &["policy", "check", &file.display().to_string(), "--json"]);
    assert_eq!((&told["rights"], &told["documents"]), (&serde_json::json!([]), &serde_json::json!([])));
    fs::write(&file, out.replace("roles = [\"patient\"]", "roles = [\"king\"]")).expect("written");
    let (status, _, error) = consent(&server, &["policy", "check", &file.display().to_string()]);
    assert_eq!((status, error.contains("there is no role king")), (3, true), "{error}");
}

fn s_con_09_policies_that_decided_are_kept(server: &TestServer) {
    let data = server.prepared.data.display().to_string();
    let kept = json(server, &["policy", "history", "--json", "--data", &data]);
    assert_eq!(kept[0]["policy"], "knoop-default/1", "{kept}");
    let (_, built_in, _) = consent(server, &["policy", "show"]);
    let (status, text, _) = consent(server, &["policy", "show", "--version", "knoop-default/1", "--data", &data]);
    assert!(status == 0 && text == built_in);
    let (status, _, error) = consent(server, &["policy", "show", "--version", "other/1", "--data", &data]);
    assert!(status != 0 && error.contains("no policy other/1 decided here"), "{status} {error}");
}

fn s_con_09_in_production_a_policy_names_two_people(server: &TestServer) {
    let (_, built_in, _) = consent(server, &["policy", "show"]);
    let file = folder().join("own.toml");
    let check = |text: &str| {
        fs::write(&file, text).expect("written");
        let path = file.display().to_string();
        let data = server.prepared.data.display().to_string();
        let mut command = server.prepared.command(&["consent", "policy", "check", &path, "--data", &data]);
        let output = command.env("KNOOP_PRODUCTION", "true").env("KNOOP_ACCESS__POLICY", &path).output();
        let output = output.expect("the program can be started");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (taken, error) = check(&built_in);
    assert!(!taken && error.contains("[change] is wanted with production = true"), "{error}");
    let change = |from: &str| {
        let people = "[change]\nproposed_by = \"A. Jansen\"\napproved_by = \"B. de Vries\"\n";
        built_in.replacen("\n[roles", &format!("\n{people}effective_from = \"{from}\"\n\n[roles"), 1)
    };
    let (taken, error) = check(&change("2026-01-01T00:00:00Z"));
    assert!(taken, "{error}");
    let (taken, error) = check(&change("2926-01-01T00:00:00Z"));
    assert!(!taken && error.contains("access.next_policy"), "{error}");
}

fn s_con_09_a_dry_run_says_what_another_policy_changes(server: &TestServer) {
    let (_, out, _) = consent(server, &["policy", "show"]);
    let file = folder().join("other.toml");
    let other =
        out.replace("\"pharmacist\", \"assistant\"]\nassurance = \"low\"", "\"pharmacist\"]\nassurance = \"low\"");
    assert_ne!(out, other);
    fs::write(&file, other.replace("version = \"1\"", "version = \"2\"")).expect("written");
    let told = json(server, &["policy", "check", &file.display().to_string(), "--json"]);
    assert_eq!(told["to"], "knoop-default/2");
    let rights = told["rights"].as_array().expect("a list");
    assert!(!rights.is_empty());
    assert!(rights.iter().all(|it| it["role"] == "assistant" && it["gains"] == false), "{rights:?}");
    let (_, table, _) = consent(server, &["policy", "check", &file.display().to_string()]);
    assert!(table.contains("loses") && table.contains("assistant"), "{table}");
}
