//! Nodes as the operator manages them while the server runs, and what stays reachable when it is busy.

use std::{
    fs,
    path::PathBuf,
    process::Output,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    x509::{X509, X509Name, extension::SubjectAlternativeName},
};
use serde_json::Value;

use crate::harness::{
    Query, TestServer, http, on_every_store, plain, sample, scratch,
    servers::{self, Store},
    soap::{self, Transaction},
    trials,
};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = plain![
        every_command_of_nodes_explains_itself,
        what_is_wrong_with_a_node_is_told_in_words,
        a_node_can_be_added_before_the_server_starts,
        s_in_36_health_answers_under_flood,
    ]
    .into_iter()
    .collect();
    trials.extend(on_every_store![
        a_node_is_managed_while_the_server_runs,
        s_tls_16_a_certificate_file_of_another_node_is_refused,
        a_certificate_is_renewed_without_a_gap,
        an_organisation_is_suspended_with_its_nodes,
    ]);
    trials.extend(trials::own(module_path!(), "nodes_survive_a_restart", nodes_survive_a_restart));
    trials
}

/// A command about the data of a server.
fn run(server: &servers::Prepared, arguments: &[&str]) -> Output {
    let data = server.data.display().to_string();
    let mut arguments = arguments.to_vec();
    arguments.extend(["--data", &data]);
    server.command(&arguments).output().expect("the program can be started")
}

/// What it prints, when it ends with this status.
#[track_caller]
fn expect(status: i32, server: &servers::Prepared, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}\n{err}");
    if status == 0 { out.into_owned() } else { err.into_owned() }
}

fn json(server: &servers::Prepared, arguments: &[&str]) -> Value {
    serde_json::from_str(&expect(0, server, arguments)).expect("JSON")
}

/// A name that no other test of a shared server takes.
fn unique(what: &str) -> String {
    format!("{what}-{}", sample::uuid().rsplit('-').next().expect("a uuid"))
}

/// An organisation of its own.
fn organisation() -> String {
    sample::oid()
}

/// A self-signed certificate in a file.
fn certificate(host: &str) -> PathBuf {
    let mut name = X509Name::builder().expect("a name");
    name.append_entry_by_text("CN", host).expect("a part");
    let name = name.build();
    let key = PKey::generate_ed25519().expect("a key");
    let mut made = X509::builder().expect("a certificate");
    made.set_version(2).expect("set");
    made.set_subject_name(&name).expect("set");
    made.set_issuer_name(&name).expect("set");
    made.set_pubkey(&key).expect("set");
    made.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("set");
    made.set_not_after(&Asn1Time::days_from_now(2).expect("a time")).expect("set");
    let sans = SubjectAlternativeName::new().dns(host).build(&made.x509v3_context(None, None)).expect("an extension");
    made.append_extension(sans).expect("set");
    made.sign(&key, MessageDigest::null()).expect("signed");
    let file = scratch::directory("node-certificates").join(format!("{}.pem", unique("c")));
    fs::write(&file, made.build().to_pem().expect("PEM")).expect("written");
    file
}

fn path(file: &std::path::Path) -> &str {
    file.to_str().expect("UTF-8")
}

fn every_command_of_nodes_explains_itself() {
    let server = TestServer::prepare(Store::Sqlite).expect("a directory");
    let help = |arguments: &[&str]| {
        let output = server.command(arguments).output().expect("the program can be started");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let all = help(&["node", "--help"]);
    for command in ["add", "change", "list", "show", "suspend", "resume", "remove"] {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is not in {all}");
        assert!(help(&["node", command, "--help"]).contains(&format!("Usage: knoop node {command}")));
    }
    let all = help(&["organisation", "--help"]);
    for command in ["list", "set", "suspend", "resume"] {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is not in {all}");
        assert!(help(&["organisation", command, "--help"]).contains(&format!("Usage: knoop organisation {command}")));
    }
    assert!(help(&["node", "add", "--help"]).contains("knoop node add sfg-ehr"), "an example");
}

fn what_is_wrong_with_a_node_is_told_in_words() {
    let server = TestServer::prepare(Store::Sqlite).expect("a directory");
    let fingerprint = "00".repeat(32);
    let good: &[&str] = &[
        "node",
        "add",
        "ehr",
        "--organisation",
        "2.999.7",
        "--organisation-name",
        "Sint Fictief",
        "--category",
        "ziekenhuis",
        "--role",
        "source",
        "--fingerprint",
        &fingerprint,
    ];
    for (extra, word) in [
        (&["--role", "sauce"][..], "a role is one of"),
        (&["--fingerprint", "12"], "64 hexadecimal digits"),
        (&["--certificate", "no-such-file"], "no-such-file"),
        (&["--certificate", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "it holds no certificate"),
        (&["--serial", "1"], "--issuer"),
        (&["--issuer", "CN=CA"], "--serial or --san"),
        (&["--issuer", "Example CA", "--serial", "1"], "CN=Example CA"),
        (&["--home", "here"], "--home here"),
        (&["--address", "10.1.2.3/8"], "10.0.0.0/8 was perhaps meant"),
        (&["--xua", "yes"], "required, optional, off"),
        (&["--xua", "ITI-81=off"], "ITI-18"),
        (&["--rate", "0"], "from 1 to 10000"),
        (&["--in-flight", "ITI-18=5000"], "from 1 to 1000"),
        (&["--rate", "5", "--rate", "6"], "said twice"),
        (&["--issuer-of-assertions", "a b"], "entity id"),
    ] {
        let arguments = [good, extra].concat();
        let told = expect(2, &server, &arguments);
        assert!(told.contains(word), "{extra:?}: {told}");
    }
    for (arguments, word) in [
        (&["node", "add", "a b", "--organisation", "2.999.7"][..], "letters, digits"),
        (&["node", "add", "ehr", "--organisation", "seven"], "URA"),
        (&["node", "add", "ehr", "--organisation", "2.999.7"], "--certificate FILE"),
        (&["node", "add", "ehr", "--organisation", "2.999.7", "--fingerprint", &fingerprint], "--role source,consumer"),
        (
            &["node", "add", "ehr", "--organisation", "2.999.7", "--fingerprint", &fingerprint, "--role", "source"],
            "say its name and category",
        ),
        (&["node", "suspend", "ehr"], "there is no node ehr"),
        (&["node", "show", "ehr"], "there is no node ehr"),
        (&["node", "remove", "loopback"], "stays as it is"),
        (&["organisation", "suspend", "2.999.7"], "there is no organisation 2.999.7"),
        (&["organisation", "set", "2.999.7", "--category", "Ziekenhuis"], "small letters"),
    ] {
        let told = expect(2, &server, arguments);
        assert!(told.contains(word), "{arguments:?}: {told}");
    }
    expect(0, &server, good);
    assert!(expect(2, &server, good).contains("there is a node ehr already"));
}

fn a_node_can_be_added_before_the_server_starts() {
    let server = TestServer::prepare(Store::Sqlite).expect("a directory");
    add(&server, "early", &organisation(), &["--role", "source", "--certificate", path(&certificate("early.example"))]);
    let server = server.start().expect("started");
    assert_eq!(json(&server.prepared, &["node", "show", "early", "--json"])["standing"], "active");
}

fn add(server: &servers::Prepared, name: &str, organisation: &str, more: &[&str]) -> String {
    let arguments = ["node", "add", name, "--organisation", organisation, "--organisation-name", "Sint Fictief"];
    expect(0, server, &[&arguments[..], &["--category", "ziekenhuis"], more].concat())
}

/// Waits until the running server has read its nodes again.
fn wait_for_reload(server: &TestServer, before: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    while reloads(server) <= before {
        assert!(Instant::now() < end, "the server did not read its nodes again");
        std::thread::yield_now();
        server.query(&Query::find_documents(&sample::patient())).expect_success();
    }
}

fn reloads(server: &TestServer) -> usize {
    server.log_text().matches("read the nodes again").count()
}

fn a_node_is_managed_while_the_server_runs(server: &TestServer) {
    let (name, organisation, file) = (unique("ehr"), organisation(), certificate("ehr.example"));
    let before = reloads(server);
    let settings = ["--xua", "ITI-18=required", "--xua", "optional", "--rate", "50", "--in-flight", "ITI-43=4"];
    let details = [
        &["--role", "source,consumer", "--certificate", path(&file), "--home", "2.999.7.1", "--region", "2.999.7"][..],
        &["--issuer-of-assertions", "https://sts.example/", "--address", "192.0.2.0/24,2001:db8::1"],
        &settings,
    ];
    let told = add(&server.prepared, &name, &organisation, &details.concat());
    assert_eq!(told, format!("organisation {organisation} was added\nnode {name} was added\n"));
    wait_for_reload(server, before);

    let shown = json(&server.prepared, &["node", "show", &name, "--json"]);
    assert_eq!(shown["organisation"]["id"], organisation);
    assert_eq!(shown["organisation"]["region"], "urn:oid:2.999.7");
    assert_eq!(shown["roles"], serde_json::json!(["source", "consumer"]));
    assert_eq!(shown["homes"], serde_json::json!(["urn:oid:2.999.7.1"]));
    assert_eq!(shown["issuersOfAssertions"], serde_json::json!(["https://sts.example/"]));
    assert_eq!(shown["addresses"], serde_json::json!(["192.0.2.0/24", "2001:db8::1/128"]));
    let settings = serde_json::json!([
        { "transaction": null, "xua": "optional", "rate": 50, "burst": null, "inFlight": null },
        { "transaction": "ITI-18", "xua": "required", "rate": null, "burst": null, "inFlight": null },
        { "transaction": "ITI-43", "xua": null, "rate": null, "burst": null, "inFlight": 4 },
    ]);
    assert_eq!(shown["settings"], settings);
    let text = expect(0, &server.prepared, &["node", "show", &name]);
    assert!(text.contains("ITI-43: in-flight 4") && text.contains("Sint Fictief"), "{text}");

    let changed = ["node", "change", &name, "--role", "source", "--address", "none", "--xua", "none"];
    assert_eq!(expect(0, &server.prepared, &changed), format!("node {name} was changed\n"));
    let shown = json(&server.prepared, &["node", "show", &name, "--json"]);
    assert_eq!((&shown["roles"], &shown["addresses"]), (&serde_json::json!(["source"]), &serde_json::json!([])));
    assert_eq!(shown["settings"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["homes"], serde_json::json!(["urn:oid:2.999.7.1"]), "what is not named stays");

    let standing = || json(&server.prepared, &["node", "show", &name, "--json"])["standing"].clone();
    assert_eq!(expect(0, &server.prepared, &["node", "suspend", &name]), format!("node {name} is suspended\n"));
    assert_eq!(standing(), "suspended");
    assert_eq!(expect(0, &server.prepared, &["node", "suspend", &name]), "nothing had to be changed\n");
    expect(0, &server.prepared, &["node", "resume", &name]);
    assert_eq!(standing(), "active");
    assert!(expect(0, &server.prepared, &["node", "list"]).contains(&name));
    expect(0, &server.prepared, &["node", "remove", &name]);
    assert!(!expect(0, &server.prepared, &["node", "list"]).contains(&name));
    expect(2, &server.prepared, &["node", "show", &name]);
}

fn s_tls_16_a_certificate_file_of_another_node_is_refused(server: &TestServer) {
    let (first, second, organisation) = (unique("first"), unique("second"), organisation());
    let host = format!("{first}.example");
    let file = certificate(&host);
    let issuer = format!("CN={host}");
    add(&server.prepared, &first, &organisation, &["--role", "source", "--issuer", &issuer, "--san", &host]);
    let arguments = ["node", "add", &second, "--organisation", &organisation, "--role", "source"];
    // The same name of the same issuer, told only by the file.
    let told = expect(2, &server.prepared, &[&arguments[..], &["--certificate", path(&file)]].concat());
    assert!(told.contains(&format!("belongs to node {first} already")), "{told}");
    let told = expect(2, &server.prepared, &[&arguments[..], &["--issuer", &issuer, "--san", &host]].concat());
    assert!(told.contains(&format!("belongs to node {first} already")), "{told}");
    expect(0, &server.prepared, &["node", "remove", &first]);
    expect(0, &server.prepared, &[&arguments[..], &["--certificate", path(&file)]].concat());
}

fn a_certificate_is_renewed_without_a_gap(server: &TestServer) {
    let (name, old, new) = (unique("renewing"), certificate("old.example"), certificate("new.example"));
    add(&server.prepared, &name, &organisation(), &["--role", "source", "--certificate", path(&old)]);
    let certificates = || json(&server.prepared, &["node", "show", &name, "--json"])["certificates"].clone();
    let before = certificates()[0].clone();
    let both = ["node", "change", &name, "--keep-certificates", "--certificate", path(&new)];
    expect(0, &server.prepared, &both);
    let during = certificates();
    assert_eq!(during.as_array().map(Vec::len), Some(2), "{during}");
    assert!(during.as_array().is_some_and(|all| all.contains(&before)));
    expect(0, &server.prepared, &["node", "change", &name, "--certificate", path(&new)]);
    let after = certificates();
    assert_eq!(after.as_array().map(Vec::len), Some(1), "{after}");
    assert_ne!(after[0], before);
}

fn an_organisation_is_suspended_with_its_nodes(server: &TestServer) {
    let (name, organisation) = (unique("ehr"), organisation());
    let file = certificate("ehr.example");
    add(&server.prepared, &name, &organisation, &["--role", "source", "--certificate", path(&file)]);
    let standing = || json(&server.prepared, &["node", "show", &name, "--json"])["standing"].clone();
    expect(0, &server.prepared, &["organisation", "suspend", &organisation]);
    assert_eq!(standing(), "organisation suspended");
    expect(0, &server.prepared, &["organisation", "resume", &organisation]);
    assert_eq!(standing(), "active");
    let set = ["organisation", "set", &organisation, "--name", "Sint Anders", "--category", "ggz"];
    assert_eq!(expect(0, &server.prepared, &set), format!("organisation {organisation} was changed\n"));
    let all = json(&server.prepared, &["organisation", "list", "--json"]);
    let all = all["organisations"].as_array().expect("a list");
    let found = all.iter().find(|it| it["id"] == *organisation).expect("it is there");
    assert_eq!((&found["name"], &found["category"]), (&"Sint Anders".into(), &"ggz".into()));
}

fn nodes_survive_a_restart(store: Store) {
    let server = TestServer::prepare(store).expect("a database").start().expect("started");
    let (file, organisation) = (certificate("ehr.example"), organisation());
    add(&server.prepared, "ehr", &organisation, &["--role", "source", "--certificate", path(&file), "--rate", "7"]);
    expect(0, &server.prepared, &["node", "suspend", "ehr"]);
    let before = json(&server.prepared, &["node", "list", "--json"]);
    let server = server.restart().expect("started again");
    assert_eq!(json(&server.prepared, &["node", "list", "--json"]), before);
    assert_eq!(before["nodes"].as_array().map(Vec::len), Some(2), "the fixed node and this one");
}

/// More connections than threads that answer; they go on until health has answered.
const FLOOD: usize = 48;

fn s_in_36_health_answers_under_flood() {
    let server = TestServer::prepare(Store::Sqlite).expect("a directory").start().expect("started");
    let operations = server.operations.clone().expect("a listener for operations");
    let (enough, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let body =
        soap::envelope(Transaction::Iti18.action(), &sample::uuid(), &Query::find_documents(&sample::patient()).xml());
    std::thread::scope(|scope| {
        for _ in 0..FLOOD {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let media = "application/soap+xml";
                    let answer = http::post(&server.address, "/xds", media, body.as_bytes()).expect("an answer");
                    assert_eq!(answer.status, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let flooded = |more: usize| {
            let from = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) < from + more {
                std::thread::yield_now();
            }
        };
        let mut statuses = Vec::new();
        // Between every two questions the flood goes on.
        for path in ["/health/live", "/health/ready", "/metrics"].repeat(5) {
            flooded(FLOOD);
            statuses.push(http::get(&operations, path).map(|answer| answer.status).unwrap_or_default());
        }
        flooded(1);
        enough.store(true, Ordering::Relaxed);
        assert_eq!(statuses, [200; 15]);
    });
}
