//! What the real server sends to an audit repository, and what the operator sees of it.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    harness::{
        Query, TestServer,
        audit_receiver::AuditReceiver,
        calls::retrieve_xml,
        http,
        pki::Pki,
        plain,
        sample::{self, Submission},
        scratch,
        servers::{Prepared, Store, until},
        soap::Transaction,
        trail,
        trials::own,
    },
    iti41::provided,
};

/// Longer than any wait on a busy machine; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(180);

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = plain![
        s_aud_52_kill_9_between_sending_and_delivery_loses_nothing,
        s_aud_53_requests_are_refused_while_a_repository_is_too_far_behind,
        a_repository_without_trust_is_told_at_the_start,
        s_tls_13_soft_fail_of_a_repository_that_is_called_is_audited,
    ]
    .into();
    all.extend(own(module_path!(), "s_aud_18_line_ends_of_a_stranger_stay_in_one_frame", line_ends_of_a_stranger));
    all
}

fn prepared() -> Prepared {
    TestServer::prepare(Store::Sqlite).expect("SQLite is always there")
}

pub fn delivering(pki: &Pki, port: u16) -> Prepared {
    sending(prepared(), pki, port)
}

/// With an audit repository at this port.
fn sending(prepared: Prepared, pki: &Pki, port: u16) -> Prepared {
    prepared
        .setting("audit.destinations", &format!("tls://127.0.0.1:{port}"))
        .setting("audit.settle", "300 ms")
        .setting("audit.trace", "true")
        .setting("client.certificate_file", &pki.client.certificate.display().to_string())
        .setting("client.key_file", &pki.client.key.display().to_string())
        .setting("client.trust.arr.file", &pki.ca.display().to_string())
        .setting("client.trust.arr.revocation", "none")
}

/// The number of the entry that a message carries.
pub fn entry_of(message: &[u8]) -> i64 {
    let text = std::str::from_utf8(message).expect("UTF-8");
    let (_, value) = text.rsplit_once("type=\"knoop:entry\" value=\"").expect("a number");
    let number = STANDARD.decode(value.split('"').next().expect("a value")).expect("base64");
    String::from_utf8(number).expect("UTF-8").parse().expect("a number")
}

/// Numbers of the entries that messages carry.
fn entries(messages: &[Vec<u8>]) -> BTreeSet<String> {
    messages.iter().map(|message| entry_of(message).to_string()).collect()
}

/// Numbers of the entries about a patient, as ITI-81 gives them.
fn recorded(server: &TestServer, patient: &str) -> BTreeSet<String> {
    let (id, authority) = patient.split_once("^^^&").expect("a CX");
    let authority = authority.strip_suffix("&ISO").expect("a CX");
    let query = format!("date=ge2020&date=le2099&_count=500&patient.identifier=urn:oid:{authority}|{id}");
    let answer = http::get(&server.address, &format!("/fhir/AuditEvent?{query}")).expect("an answer");
    let bundle: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let entries = bundle["entry"].as_array().expect("entries");
    entries.iter().map(|entry| entry["resource"]["id"].as_str().expect("an id").to_owned()).collect()
}

fn s_aud_52_kill_9_between_sending_and_delivery_loses_nothing() {
    let pki = Pki::new(&scratch::directory("atna-kill"));
    let mut receiver = AuditReceiver::start(&pki, Some(81));
    let prepared = delivering(&pki, receiver.address.port());
    let mut patients = Vec::new();
    for round in 0..4 {
        let server = prepared.clone().start().expect("it starts after every kill");
        for _ in 0..10 {
            let (patient, _) = provided(&server, b"x");
            server.query(&Query::find_documents(&patient)).expect_success();
            patients.push(patient);
        }
        if round == 2 {
            receiver.kill();
            receiver.restart();
        }
        server.kill();
    }
    receiver.be_good();
    let server = prepared.start().expect("it starts");
    let wanted: BTreeSet<String> = patients.iter().flat_map(|patient| recorded(&server, patient)).collect();
    assert!(wanted.len() >= 4 * patients.len(), "a submission, its registration on both sides, and a query each");
    receiver.wait_until("all events arrive", PATIENCE, |messages| wanted.is_subset(&entries(messages)));
    let metrics = http::get(server.operations.as_deref().expect("named"), "/metrics").expect("an answer").text();
    let label = format!("{{destination=\"tls://{}\"}}", receiver.address);
    assert!(metrics.contains(&format!("knoop_audit_backlog_entries{label}")), "{metrics}");
    assert!(metrics.contains(&format!("knoop_audit_backlog_age_seconds{label}")), "{metrics}");
    assert!(server.stop().is_empty());
}

fn s_aud_53_requests_are_refused_while_a_repository_is_too_far_behind() {
    let pki = Pki::new(&scratch::directory("atna-behind"));
    // A port that was free a moment ago: nobody answers there.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let server = delivering(&pki, port).setting("audit.refuse_after", "1 s").start().expect("it starts");
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing was refused");
        let answer = server.query(&Query::find_documents(&sample::patient()));
        match answer.errors().first() {
            None => assert_eq!(answer.status(), "Success"),
            Some(error) => {
                assert_eq!((error.code.as_str(), error.location.as_str()), ("XDSRegistryOutOfResources", "S-AUD-53"));
                break;
            }
        }
    }
    // S-AUD-13: the refusal itself is recorded, though nobody can be sent it at present.
    let refused = trail::events(&server, &["--event", "ITI-18", "--outcome", "4"]);
    let reasons: Vec<&str> = refused.iter().map(|event| trail::text(event, "/reason")).collect();
    assert_eq!(reasons, ["knoop:XDSRegistryOutOfResources S-AUD-53"]);
    let ready = http::get(server.operations.as_deref().expect("named"), "/health/ready").expect("an answer");
    assert_eq!(ready.status, 200, "a backlog alone makes nothing less ready");
    assert!(server.log_text().contains("the audit trail cannot be delivered, it waits"));
}

fn s_tls_13_soft_fail_of_a_repository_that_is_called_is_audited() {
    let pki = Pki::new(&scratch::directory("atna-soft-fail"));
    let receiver = AuditReceiver::start(&pki, None);
    let no_list = scratch::directory("atna-soft-fail").join("no.crl");
    let server = delivering(&pki, receiver.address.port())
        .setting("client.trust.arr.revocation", "crl")
        .setting("client.trust.arr.crl_files", &no_list.display().to_string())
        .setting("client.trust.arr.crl_soft_fail", "true")
        .start()
        .expect("it starts");
    let told = || trail::events(&server, &["--event", "110126"]);
    until(|| !told().is_empty());
    let [event] = &told()[..] else { panic!("once a day: {:?}", told()) };
    let reason = "knoop:TLS-NO-CRL accepted, and whether its certificate was revoked is not known: no CRL of an authority in the \
                  chain is at hand";
    assert_eq!((trail::text(event, "/reason"), trail::text(event, "/outcome")), (reason, "Minor"));
    assert_eq!(trail::text(event, "/participants/1/network/Ip"), "127.0.0.1");
    receiver.wait_until("it is sent there all the same", PATIENCE, |messages| !messages.is_empty());
}

fn a_repository_without_trust_is_told_at_the_start() {
    let refused =
        prepared().setting("audit.destinations", "tls://arr.example").start().err().expect("it does not start");
    assert!(refused.contains("need a section [client.trust.NAME]"), "{refused}");
}

/// Spec security §2.10: what a stranger writes arrives as one frame of one line, with nothing in it that a syslog reader could
/// take for another message.
fn line_ends_of_a_stranger(store: Store) {
    let pki = Pki::new(&scratch::directory(&format!("atna-lines-{}", store.name())));
    let receiver = AuditReceiver::start(&pki, None);
    let prepared = TestServer::prepare(store).expect("the store is there");
    let server = sending(prepared, &pki, receiver.address.port()).start().expect("it starts");
    // Into the audit as it came: a document that nobody has, in a repository that nobody knows.
    let evil = "1.2.3LINES<110>1 2026-11-21T08:00:00Z evil - - - - forged";
    let with_lines = |xml: &str| xml.replace("LINES", "&#13;&#10;&#9;");
    let asked = retrieve_xml(&[(None, "2.999.77LINES<110>", evil)]);
    server.simple(Transaction::Iti43, &with_lines(&asked));
    // A title with the same is taken; one with NUL is no XML.
    let patient = sample::patient();
    let registration = |title: &str| {
        let document = sample::document(&patient).named(Some(title));
        Submission::with(&patient, &[&document]).xml()
    };
    server.simple(Transaction::Iti42, &with_lines(&registration("letterLINES<110>"))).expect_success();
    let refused = server.simple(Transaction::Iti42, &registration("letterNUL").replace("NUL", "&#0;"));
    assert_eq!(refused.http.status, 400);

    let text = |message: &[u8]| String::from_utf8(message.to_vec()).expect("UTF-8");
    let neutral = "ParticipantObjectID=\"1.2.3   &lt;110&gt;1 2026-11-21T08:00:00Z evil - - - - forged\"";
    receiver.wait_until("all three arrive", PATIENCE, |messages| {
        let of = |code: &str| messages.iter().filter(|message| text(message).contains(code)).count();
        of("csd-code=\"ITI-43\"") >= 1 && of("csd-code=\"ITI-42\"") >= 2
    });
    let messages = receiver.messages();
    assert!(messages.iter().any(|message| text(message).contains(neutral)), "it is there, as one value");
    for message in &messages {
        let message = text(message);
        assert!(message.starts_with("<85>1 ") || message.starts_with("<84>1 "), "{message}");
        assert!(message.ends_with("</AuditMessage>"), "{message}");
        assert!(!message.contains(|c: char| c.is_control()), "one line, no NUL: {message:?}");
        assert!(!message.contains("<110>"), "{message}");
    }
    let numbers = entries(&messages);
    assert_eq!(numbers.len(), messages.len(), "a frame for each event, an event for each frame");
}
