//! The command line: help, exit status, and the client commands against a server.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::harness::{TestServer, on_every_store, plain, sample, scratch, servers::Store};

/// Passes the eleven-test.
const BSN: &str = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";
const TYPE: &str = "34133-9^^2.16.840.1.113883.6.1";

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = plain![
        every_command_explains_itself,
        wrong_use_has_status_2,
        init_writes_a_configuration_that_doctor_accepts,
        an_unknown_key_is_named_with_the_nearest_known_one,
        a_peer_that_cannot_be_reached_has_status_3,
        a_wrong_bsn_is_refused_before_anything_is_sent,
        doctor_tells_what_is_missing_and_finds_nothing_bad,
        doctor_deep_finds_a_damaged_document,
        bench_registers_and_asks,
        s_xua_05_an_assertion_is_sent_as_it_is,
        r_soap_13_security_is_understood_where_issuers_are_configured,
        doctor_tells_of_the_keys_of_issuers,
    ]
    .into_iter()
    .collect();
    trials.extend(on_every_store![
        what_is_submitted_is_found_and_fetched_with_the_same_bytes,
        a_replaced_document_is_deprecated,
        a_refusal_has_status_1_and_stands_in_the_list,
    ]);
    trials
}

fn knoop(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_knoop"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a command that must end with this status.
fn expect(status: i32, directory: &Path, arguments: &[&str]) -> String {
    let output = knoop(directory, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}\n{err}");
    out
}

fn json(directory: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&expect(0, directory, arguments)).expect("JSON")
}

fn fresh() -> PathBuf {
    scratch::directory(&format!("cli-{}", sample::uuid().replace(':', "-")))
}

fn url(server: &TestServer) -> String {
    format!("http://{}/xds", server.address)
}

fn every_command_explains_itself() {
    let here = fresh();
    let all = expect(0, &here, &["--help"]);
    for command in [
        "serve",
        "demo",
        "init",
        "doctor",
        "migrate",
        "node",
        "organisation",
        "submit",
        "find",
        "fetch",
        "bench",
        "refusals",
        "consent",
        "xdm",
    ] {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is not in the help");
        let help = expect(0, &here, &[command, "--help"]);
        assert!(help.contains("Usage: knoop") && help.len() > 200, "{help}");
    }
    assert!(expect(0, &here, &["--version"]).starts_with("knoop "));
}

fn wrong_use_has_status_2() {
    let here = fresh();
    for arguments in [
        &[][..],
        &["nonsense"],
        &["find"],
        &["find", "--from", "http://127.0.0.1:1/", "--patient", "123"],
        &["find", "--from", "nowhere", "--patient", BSN],
        &["submit", "no-such-file", "--to", "http://127.0.0.1:1/", "--patient", BSN, "--type", TYPE],
        &["submit", ".", "--to", "http://127.0.0.1:1/", "--patient", BSN, "--type", TYPE],
        &["fetch", "--from", "http://127.0.0.1:1/", "--out", "x"],
        &["serve", "--listen", "everything"],
        &["serve", "--config", "no-such-file"],
        &["refusals", "--data", "no-such-directory"],
    ] {
        expect(2, &here, arguments);
    }
}

fn init_writes_a_configuration_that_doctor_accepts() {
    let here = fresh();
    expect(0, &here, &["init"]);
    assert!(fs::read_to_string(here.join("knoop.toml")).expect("it was written").contains("[registry]"));
    expect(2, &here, &["init"]);
    expect(0, &here, &["init", "--force"]);
    expect(0, &here, &["doctor"]);
}

fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let here = fresh();
    fs::write(here.join("knoop.toml"), "[registry]\npatiens = \"any\"\n").expect("written");
    let output = knoop(&here, &["serve", "--listen", "none", "--insecure-loopback", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("knoop.toml:2: registry.patiens: unknown key; did you mean registry.patients?"),
        "{message}"
    );
}

fn a_peer_that_cannot_be_reached_has_status_3() {
    let here = fresh();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let url = format!("http://{free}/xds");
    expect(3, &here, &["find", "--from", &url, "--patient", BSN]);
    expect(3, &here, &["fetch", "--from", &url, "--repository", "1.2.3", "--document", "1", "--out", "x"]);
}

fn a_wrong_bsn_is_refused_before_anything_is_sent() {
    let here = fresh();
    fs::write(here.join("a.txt"), "x").expect("written");
    let wrong = BSN.replace("999900006", "999900060");
    let output = knoop(&here, &["submit", "a.txt", "--to", "http://127.0.0.1:1/", "--patient", &wrong, "--type", TYPE]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("eleven-test"), "{}", text(&output.stderr));
}

fn what_is_submitted_is_found_and_fetched_with_the_same_bytes(server: &TestServer) {
    let (here, patient, url) = (fresh(), sample::patient(), url(server));
    let large: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut dicom = vec![0; 128];
    dicom.extend_from_slice(b"DICM\x02\x00\x02\x00UI\x1e\x001.2.840.10008.5.1.4.1.1.88.59\0");
    let files: [(&str, &[u8], &str); 5] = [
        ("letter.txt", b"Geachte collega", "text/plain"),
        ("report.pdf", b"%PDF-1.7\r\n\r\n--x", "application/pdf"),
        ("summary.xml", b"\xef\xbb\xbf<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>", "text/xml"),
        ("object.dcm", &dicom, "application/dicom"),
        ("large.bin", &large, "application/octet-stream"),
    ];
    for (name, bytes, _) in files {
        fs::write(here.join(name), bytes).expect("written");
    }
    let mut arguments: Vec<&str> = vec!["submit"];
    arguments.extend(files.iter().map(|(name, ..)| *name));
    arguments.extend(["--to", &url, "--patient", &patient, "--type", TYPE, "--title", "Zq7Titel", "--json"]);
    let submitted = json(&here, &arguments);
    assert!(submitted["status"].as_str().is_some_and(|s| s.ends_with(":Success")));

    let found = json(&here, &["find", "--from", &url, "--patient", &patient, "--json"]);
    let found = found["documents"].as_array().expect("a list");
    assert_eq!(found.len(), files.len());
    for (document, (_, bytes, mime_type)) in submitted["documents"].as_array().expect("a list").iter().zip(files) {
        let entry = found.iter().find(|entry| entry["uniqueId"] == document["uniqueId"]).expect("found");
        assert_eq!(entry["mimeType"], mime_type);
        assert_eq!(entry["size"], bytes.len());
        assert_eq!(entry["hash"], document["hash"]);
        assert_eq!(entry["typeCode"]["displayName"], "Summary of episode note");
    }
    let dicom = found.iter().find(|entry| entry["mimeType"] == "application/dicom").expect("found");
    assert_eq!(dicom["formatCode"]["code"], "1.2.840.10008.5.1.4.1.1.88.59");

    let table = expect(0, &here, &["find", "--from", &url, "--patient", &patient]);
    assert_eq!(table.lines().count(), files.len() + 1, "{table}");

    let fetched = json(&here, &["fetch", "--from", &url, "--patient", &patient, "--out", "all", "--json"]);
    let fetched = fetched["documents"].as_array().expect("a list");
    assert_eq!(fetched.len(), files.len());
    for (document, (_, bytes, _)) in submitted["documents"].as_array().expect("a list").iter().zip(files) {
        let saved = fetched.iter().find(|saved| saved["uniqueId"] == document["uniqueId"]).expect("fetched");
        assert_eq!(saved["check"], "same");
        assert!(fs::read(here.join(saved["file"].as_str().expect("a path"))).expect("saved") == bytes);
    }

    // One by one, without a registry: saved, not checked; a name that is taken is not written over.
    let repository = found[0]["repositoryUniqueId"].as_str().expect("a text");
    let unique_id = submitted["documents"][0]["uniqueId"].as_str().expect("a text");
    let one = ["fetch", "--from", &url, "--repository", repository, "--document", unique_id, "--out", "all", "--json"];
    let again = json(&here, &one);
    assert_eq!(again["documents"][0]["check"], "unchecked");
    assert!(again["documents"][0]["file"].as_str().is_some_and(|file| file.ends_with("-2.txt")));
    assert_eq!(fs::read_dir(here.join("all")).expect("made").count(), files.len() + 1);
}

fn a_replaced_document_is_deprecated(server: &TestServer) {
    let (here, patient, url) = (fresh(), sample::patient(), url(server));
    fs::write(here.join("a.txt"), "first").expect("written");
    let submit = ["submit", "a.txt", "--to", &url, "--patient", &patient, "--type", TYPE];
    expect(0, &here, &submit);
    let find = |status: &str| {
        let found = json(&here, &["find", "--from", &url, "--patient", &patient, "--status", status, "--json"]);
        found["documents"].as_array().expect("a list").clone()
    };
    let first = find("approved")[0]["entryUuid"].as_str().expect("a text").to_owned();
    fs::write(here.join("a.txt"), "second").expect("written");
    expect(0, &here, &[&submit[..], &["--replace", &first]].concat());
    assert_eq!(find("approved").len(), 1);
    assert_eq!(find("all").len(), 2);
    assert_eq!(find("deprecated")[0]["entryUuid"], first.as_str());
}

fn a_refusal_has_status_1_and_stands_in_the_list(server: &TestServer) {
    let (here, url) = (fresh(), url(server));
    let unknown = sample::oid();
    let fetch = ["fetch", "--from", &url, "--repository", "2.999.77", "--document", &unknown, "--out", "x"];
    let output = knoop(&here, &fetch);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("XDSUnknownRepositoryId"), "{}", text(&output.stderr));
    let data = server.prepared.data.display().to_string();
    let listed = json(&here, &["refusals", "--data", &data, "--json"]);
    let listed = listed["refusals"].as_array().expect("a list");
    assert!(listed.iter().any(|r| r["code"] == "XDSUnknownRepositoryId" && r["transaction"] == "ITI-43"));
}

fn doctor_tells_what_is_missing_and_finds_nothing_bad() {
    let here = fresh();
    let told = json(&here, &["doctor", "--data", "new", "--json"]);
    assert_eq!(told["bad"], 0);
    expect(0, &here, &["migrate", "--data", "new"]);
    let told = json(&here, &["doctor", "--data", "new", "--deep", "--json"]);
    assert_eq!(told["bad"], 0, "{told}");
    // Of another version.
    fs::write(here.join("other.sqlite"), b"").expect("written");
    fs::write(here.join("knoop.toml"), "data = \".\"\n[database]\nurl = \"sqlite:other.sqlite\"\n").expect("written");
    assert!(expect(3, &here, &["doctor"]).contains("run knoop migrate"));
}

fn doctor_deep_finds_a_damaged_document() {
    let here = fresh();
    let server = TestServer::prepare(Store::Sqlite).and_then(|p| p.start()).expect("it starts");
    fs::write(here.join("a.txt"), "to be damaged").expect("written");
    let patient = sample::patient();
    expect(0, &here, &["submit", "a.txt", "--to", &url(&server), "--patient", &patient, "--type", TYPE]);
    let data = server.prepared.data.display().to_string();
    // Beside the running server.
    let good = json(&here, &["doctor", "--data", &data, "--deep", "--json"]);
    assert_eq!(good["bad"], 0, "{good}");
    assert!(server.stop().is_empty());
    let blob = server.prepared.document_file(b"to be damaged");
    fs::remove_file(&blob).and_then(|()| fs::write(&blob, "to be damageD")).expect("damaged");
    let told = expect(3, &here, &["doctor", "--data", &data, "--deep"]);
    assert!(told.contains("has not the octets that were received"), "{told}");
    expect(0, &here, &["doctor", "--data", &data]);
}

fn bench_registers_and_asks() {
    let here = fresh();
    let server = TestServer::prepare(Store::Sqlite).and_then(|p| p.start()).expect("it starts");
    let url = url(&server);
    let bench = |transaction: &str, more: &[&str]| {
        let arguments = ["bench", transaction, "--to", &url, "--patients", "4", "--docs", "3", "--json"];
        json(&here, &[&arguments[..], more].concat())
    };
    let registered = bench("iti42", &["--requests", "12"]);
    assert_eq!((&registered["requests"], &registered["failed"]), (&12.into(), &0.into()));
    assert_eq!(bench("iti41", &["--requests", "4", "--bytes", "5000"])["failed"], 0);
    for (transaction, more) in [
        ("iti18", &["--requests", "8"][..]),
        ("iti18", &["--requests", "8", "--object-ref"]),
        ("iti43", &["--requests", "8"]),
    ] {
        let asked = bench(transaction, more);
        assert_eq!(asked["failed"], 0, "{asked}");
        assert!(asked["octets_in"].as_u64().is_some_and(|octets| octets > 8_000), "{asked}");
    }
}

/// An assertion whose octets are unusual, so that a change would show. Nobody verifies it on the loopback listener.
const ASSERTION: &str = "<a:Assertion  xmlns:a='urn:oasis:names:tc:SAML:2.0:assertion' Version=\"2.0\"\n ID='_1'><a:Issuer>x&#x79;</a:Issuer>\
    <!-- c --></a:Assertion>";

fn s_xua_05_an_assertion_is_sent_as_it_is() {
    let here = fresh();
    fs::write(here.join("assertion.xml"), format!("\u{feff}<?xml version=\"1.0\"?>\n{ASSERTION}\n")).expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("http://{}/xds", listener.local_addr().expect("an address"));
    let peer = std::thread::spawn(move || {
        use std::io::Read;
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut request = Vec::new();
        let mut octets = [0; 4096];
        while !text(&request).contains("Envelope>") {
            let count = socket.read(&mut octets).expect("octets");
            assert_ne!(count, 0, "the request ends early");
            request.extend_from_slice(&octets[..count]);
        }
        text(&request)
    });
    knoop(&here, &["find", "--from", &to, "--patient", BSN, "--assertion", "assertion.xml"]);
    let request = peer.join().expect("the request came");
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let header = format!(
        "<wsse:Security xmlns:wsse=\"{wsse}\" soap12:mustUnderstand=\"1\">{ASSERTION}</wsse:Security></soap12:Header>"
    );
    assert!(request.contains(&header), "{request}");
    fs::write(here.join("other.xml"), "<Assertion/>").expect("written");
    expect(2, &here, &["find", "--from", &to, "--patient", BSN, "--assertion", "other.xml"]);
}

/// A file of issuers with a certificate that ends in thirty days.
fn issuers(here: &Path) -> PathBuf {
    use openssl::{asn1::Asn1Time, hash::MessageDigest, pkey::PKey, rsa::Rsa, x509::X509};
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let mut certificate = X509::builder().expect("a certificate");
    certificate.set_pubkey(&key).expect("its key");
    certificate.set_not_before(&Asn1Time::days_from_now(0).expect("today")).expect("its begin");
    certificate.set_not_after(&Asn1Time::days_from_now(30).expect("a day")).expect("its end");
    certificate.sign(&key, MessageDigest::sha256()).expect("its signature");
    fs::write(here.join("sts.pem"), certificate.build().to_pem().expect("PEM")).expect("written");
    let file = here.join("issuers.toml");
    fs::write(&file, "[[issuer]]\nentity_id = \"https://sts.example.org\"\nkeys = [\"sts.pem\"]\n").expect("written");
    file
}

fn r_soap_13_security_is_understood_where_issuers_are_configured() {
    let here = fresh();
    fs::write(here.join("assertion.xml"), ASSERTION).expect("written");
    let find = |server: &TestServer| {
        knoop(&here, &["find", "--from", &url(server), "--patient", BSN, "--assertion", "assertion.xml"])
    };
    let without = TestServer::prepare(Store::Sqlite).and_then(|s| s.start()).expect("a server");
    let refused = find(&without);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("MustUnderstand"), "{}", text(&refused.stderr));
    let path = issuers(&here).display().to_string();
    let with = TestServer::prepare(Store::Sqlite).map(|s| s.setting("xua.issuers", &path)).and_then(|s| s.start());
    // The loopback node has no XUA (design section 9): the header is understood, and nothing is asked of it.
    let found = find(&with.expect("a server"));
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
}

fn doctor_tells_of_the_keys_of_issuers() {
    let here = fresh();
    let issuers = issuers(&here).display().to_string();
    let configured = format!("[xua]\nissuers = \"{issuers}\"\naudiences = [\"https://xds.example.org\"]\n");
    fs::write(here.join("knoop.toml"), &configured).expect("written");
    let told = text(&knoop(&here, &["doctor"]).stdout);
    assert!(told.contains("https://sts.example.org: a certificate ends on "), "{told}");
    fs::write(here.join("knoop.toml"), configured.replace("audiences", "# audiences")).expect("written");
    let told = text(&knoop(&here, &["doctor"]).stdout);
    assert!(told.contains("set xua.audiences"), "{told}");
    fs::remove_file(here.join("sts.pem")).expect("removed");
    let told = text(&knoop(&here, &["doctor"]).stdout);
    assert!(told.contains("look at xua.issuers"), "{told}");
}
