//! Packages that a node orders, and that leave by mail or as a reference. Source: R-32-24, R-32-31, R-32-60.

use std::fs;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{OnStore, Post, THEIRS, lmtp::clinic, receive};
use crate::{
    harness::{
        TestServer, scratch,
        servers::{Store, until},
        trail, trials,
    },
    iti41::provided,
    pickup::{json as out, knoop},
    xdm_import::entries,
    xdm_jobs::kit::{call, get, ordered, post, settled, told},
};

pub fn trials() -> Vec<Trial> {
    let own: [(&'static str, OnStore); 5] = [
        ("r_32_60_a_package_leaves_by_mail_and_its_state_tells_of_the_receipt", mailed),
        ("r_32_60_a_reference_has_a_code_that_its_node_asks_for", referred),
        ("r_32_60_a_package_that_is_taken_back_is_not_sent", taken_back),
        ("r_32_60_what_is_taken_back_as_its_job_ends_is_offered_to_nobody", crossed),
        ("r_32_60_what_cannot_be_sent_is_no_order", not_here),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)).collect()
}

fn order(patient: &str, delivery: &str) -> Value {
    json!({
        "patient": patient,
        "delivery": delivery,
        "recipient": { "organisation": "Kliniek Voorbeeld^^^^^^^^^2.999.5", "person": "^Fictief^Max", "address": THEIRS },
        "reason": "verwijzing",
    })
}

/// The mail of a package in this state, as its node sees it.
#[track_caller]
fn mail_is(server: &TestServer, at: &str, state: &str) -> Value {
    until(|| told(200, &get(server, at))["mail"]["state"] == state);
    told(200, &get(server, at))["mail"].clone()
}

fn mailed(store: Store) {
    let Some(channel) = Post::new("none", "take") else { return };
    let (server, theirs) = (channel.server(store), clinic(&channel, store).start().expect("a server"));
    let (patient, _) = provided(&server, b"to be mailed");
    let at = ordered(&server, &order(&patient, "mail"));
    let done = settled(&server, &at);
    assert_eq!((&done["state"], &done["delivery"]), (&json!("done"), &json!("mail")), "{done}");
    assert_eq!(done["mail"]["carries"], "package");
    let mail = channel.mail();
    assert!(mail_is(&server, &at, "sent")["sent"].is_string());
    // What left is what the node can fetch.
    let path = mail.display();
    channel.openssl(&format!("cms -decrypt -in {path} -recip theirs.pem -inkey theirs.key -out signed.eml"));
    channel.openssl("cms -verify -in signed.eml -CAfile ca.pem -out content.eml");
    let inside = channel.python(&channel.folder.join("content.eml"));
    let fetched = get(&server, &format!("{at}/package"));
    assert!(fs::read(channel.folder.join("python.zip")).ok() == Some(fetched.body), "the octets of the package");
    let text = inside["text"].as_str().expect("a notice");
    assert!(text.contains("Voor: Kliniek Voorbeeld, Max Fictief") && text.contains("Reden: verwijzing"), "{text}");
    let mails = out(&knoop(&server.prepared, &["mails", "--json"]));
    assert_eq!((mails.as_array().map(Vec::len), &mails[0]["id"]), (Some(1), &done["id"]), "one package, one notice");
    let exports = trail::events(&server, &[]);
    let by_mail = |event: &&Value| trail::kind(event).0 == "110106" && event.to_string().contains("110031");
    assert_eq!(exports.iter().filter(by_mail).count(), 1, "R-32-41");
    // At the other end, and back.
    channel.delivered(&theirs, (super::OURS, THEIRS), &mail);
    let receipt = channel.taken(2);
    assert_eq!(entries(&theirs, &patient).len(), 1);
    out(&receive(&server.prepared, &receipt));
    assert!(mail_is(&server, &at, "confirmed")["receipt"].is_string());
}

fn referred(store: Store) {
    let Some(channel) = Post::new("none", "take") else { return };
    let prepared = channel.settings(TestServer::prepare(store).expect("a store"));
    let server = prepared.setting("pickup.url", "https://pickup.example").start().expect("a server");
    let (patient, _) = provided(&server, b"to be fetched");
    let at = ordered(&server, &order(&patient, "reference"));
    let done = settled(&server, &at);
    assert_eq!((&done["delivery"], &done["mail"]["carries"]), (&json!("reference"), &json!("link")), "{done}");
    assert!(!done.to_string().contains("pickup.example"), "who sees the state learns no link");
    let mail = channel.mail().display().to_string();
    channel.openssl(&format!("cms -decrypt -in {mail} -recip theirs.pem -inkey theirs.key -out signed.eml"));
    channel.openssl("cms -verify -in signed.eml -CAfile ca.pem -out content.eml");
    let text = channel.python(&channel.folder.join("content.eml"))["text"].clone();
    let code = || told(200, &call(&server, "POST", &format!("{at}/code"), &[], b""));
    let (first, second) = (code(), code());
    assert_ne!(first["code"], second["code"], "the one before is good no more");
    assert!(text.as_str().is_some_and(|text| text.contains(first["link"].as_str().expect("a link"))), "{text}");
    let offers = || out(&knoop(&server.prepared, &["offers", "--json"]));
    assert_eq!(offers()[0]["state"], "waiting");
    mail_is(&server, &at, "sent");
    assert_eq!(call(&server, "DELETE", &at, &[], b"").status, 204);
    assert_eq!(offers(), json!([]), "also where the mail is out");
    let refused = call(&server, "POST", &format!("{at}/code"), &[], b"");
    assert_eq!(told(409, &refused)["code"], "XdmNoCode");
    assert!(scratch::files_below(&server.prepared.data.join("xdm/pickup")).is_empty());
}

fn taken_back(store: Store) {
    let Some(channel) = Post::new("none", "greet") else { return };
    let server = channel.server(store);
    let (patient, _) = provided(&server, b"to be kept");
    let at = ordered(&server, &order(&patient, "mail"));
    settled(&server, &at);
    until(|| told(200, &get(&server, &at))["mail"]["problem"].is_string());
    assert_eq!(call(&server, "DELETE", &at, &[], b"").status, 204);
    mail_is(&server, &at, "withdrawn");
    assert!(scratch::files_below(&server.prepared.data.join("xdm/mail")).is_empty(), "its copy is gone");
    // The operator takes it back as well.
    let at = ordered(&server, &order(&patient, "mail"));
    settled(&server, &at);
    until(|| told(200, &get(&server, &at))["mail"]["problem"].is_string());
    let id = at.rsplit('/').next().expect("an id");
    assert!(knoop(&server.prepared, &["jobs", "withdraw", id]).status.success());
    mail_is(&server, &at, "withdrawn");
    // While the relay is being talked to it is out of our hands; where the relay did not take it, it is not tried again.
    let at = ordered(&server, &order(&patient, "mail"));
    settled(&server, &at);
    until(|| told(200, &get(&server, &at))["mail"]["problem"].is_string());
    trail::tamper(&server.prepared, false, "UPDATE mail_sent SET state = 2 WHERE state = 1");
    assert_eq!(call(&server, "DELETE", &at, &[], b"").status, 204);
    assert_eq!(told(200, &get(&server, &at))["mail"]["state"], "sending");
    trail::tamper(&server.prepared, false, "UPDATE mail_sent SET state = 1 WHERE state = 2");
    trail::tamper(&server.prepared, false, "UPDATE job SET run_at_ms = 0 WHERE kind = 'send-mail'");
    mail_is(&server, &at, "withdrawn");
    assert!(scratch::files_below(&channel.folder.join("out")).is_empty());
}

fn crossed(store: Store) {
    let Some(channel) = Post::new("none", "greet") else { return };
    let prepared = channel.settings(TestServer::prepare(store).expect("a store"));
    let server = prepared.setting("pickup.url", "https://pickup.example").start().expect("a server");
    let (patient, _) = provided(&server, b"to be fetched by nobody");
    let at = ordered(&server, &order(&patient, "reference"));
    settled(&server, &at);
    until(|| told(200, &get(&server, &at))["mail"]["problem"].is_string());
    // As if it was taken back when its mail was not there yet.
    trail::tamper(&server.prepared, false, "UPDATE xdm_package SET state = 5");
    let refused = call(&server, "POST", &format!("{at}/code"), &[], b"");
    assert_eq!(told(409, &refused)["code"], "XdmNoCode");
    trail::tamper(&server.prepared, false, "UPDATE job SET run_at_ms = 0 WHERE kind = 'send-mail'");
    mail_is(&server, &at, "withdrawn");
    assert_eq!(out(&knoop(&server.prepared, &["offers", "--json"])), json!([]));
    assert!(scratch::files_below(&server.prepared.data.join("xdm/pickup")).is_empty());
}

fn not_here(store: Store) {
    let server = TestServer::prepare(store).and_then(|prepared| prepared.start()).expect("a server");
    let (patient, _) = provided(&server, b"to stay");
    for (delivery, code) in [("mail", "XdmDelivery"), ("reference", "XdmDelivery")] {
        assert_eq!(told(400, &post(&server, "/xdm/export", &order(&patient, delivery)))["code"], code);
    }
    let nowhere = json!({ "patient": patient, "delivery": "mail" });
    let refused = told(400, &post(&server, "/xdm/export", &nowhere));
    assert!(refused["text"].as_str().is_some_and(|text| text.starts_with("recipient.address")), "{refused}");
    drop(server);
    // Too large for a mail, and there is no page.
    let Some(channel) = Post::new("none", "take") else { return };
    let prepared = channel.settings(TestServer::prepare(store).expect("a store"));
    let server = prepared.setting("email.max_bytes", "64 KiB").start().expect("a server");
    let (patient, _) = provided(&server, b"to stay too");
    let at = ordered(&server, &order(&patient, "mail"));
    let failed = settled(&server, &at);
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&json!("failed"), &json!("XdmNoWay")), "{failed}");
    assert!(scratch::files_below(&server.prepared.data.join("xdm/outgoing")).is_empty());
    assert!(scratch::files_below(&channel.folder.join("out")).is_empty());
}
