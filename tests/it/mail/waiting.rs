//! Mails that the relay does not take yet: they wait, are taken back, or are settled.

use std::fs;

use libtest_mimic::Trial;
use serde_json::Value;

use super::{OnStore, Post, THEIRS, becomes, send, state};
use crate::{
    harness::{
        TestServer, scratch,
        servers::{Store, until},
        trail, trials,
    },
    pickup::{json, knoop, package, package_of},
};

pub fn trials() -> Vec<Trial> {
    let own: [(&'static str, OnStore); 9] = [
        ("r_32_26_what_was_ordered_encrypted_goes_out_in_no_other_way", sealed),
        ("a_relay_that_does_not_talk_is_tried_until_the_last_attempt", last),
        ("a_mail_whose_job_has_ended_is_settled", stranded),
        ("r_32_41_a_receipt_before_the_answer_loses_no_event", early),
        ("a_mail_that_waits_is_taken_back", withdrawn),
        ("a_relay_that_takes_a_mail_later_gets_it_later", later),
        ("a_mail_that_broke_off_before_its_end_is_sent_again", cut),
        ("a_relay_that_thinks_before_each_answer_gets_the_mail", slow),
        ("r_32_26_where_partners_cannot_be_read_nothing_goes_out_in_the_clear", unreadable),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)).collect()
}

/// A mail whose relay gives no greeting: it waits, and was tried once.
fn waits(post: &Post, server: &TestServer, more: &[&str]) -> Value {
    let sent = send(server, &package(), more);
    until(|| state(server)["problem"].as_str().is_some_and(|problem| problem.contains("it answered 554")));
    assert_eq!(state(server)["state"], "waiting");
    assert!(scratch::files_below(&post.folder.join("out")).is_empty());
    sent
}

/// Lets the jobs of mails run now.
fn now(server: &TestServer) {
    trail::tamper(&server.prepared, false, "UPDATE job SET run_at_ms = 0 WHERE kind = 'send-mail'");
}

/// Outcomes of what the audit tells of packages that go out by mail.
fn told(server: &TestServer) -> Vec<String> {
    let all = trail::events(server, &[]);
    let of_mail = all.iter().filter(|event| trail::kind(event).0 == "110106" && event.to_string().contains("110031"));
    of_mail.map(|event| trail::kind(event).3.to_owned()).collect()
}

/// The pause before the second attempt is a minute, less a fifth at most.
fn later(store: Store) {
    let Some(post) = Post::new("none", "busy") else { return };
    let server = post.settings(TestServer::prepare(store).expect("a store")).setting("email.allow_unsigned", "true");
    let server = server.start().expect("a server");
    send(&server, &package(), &[]);
    until(|| state(&server)["problem"].as_str().is_some_and(|problem| problem.contains("451")));
    assert_eq!(state(&server)["state"], "waiting");
    assert!(told(&server).is_empty() && scratch::files_below(&post.folder.join("out")).is_empty());
    let due = "UPDATE job SET run_at_ms = 0 WHERE kind = 'send-mail' AND state = 1 AND run_at_ms - created_ms >= 48000";
    until(|| {
        trail::tamper(&server.prepared, false, due);
        state(&server)["state"] == "sent"
    });
    assert_eq!(told(&server), ["Success"]);
    assert_eq!(scratch::files_below(&post.folder.join("out")).len(), 1, "sent once");
}

fn cut(store: Store) {
    let Some(post) = Post::new("none", "cut") else { return };
    let server = post.server(store);
    // More than the system takes from us ahead of the relay.
    send(&server, &package_of(700_000), &[]);
    until(|| state(&server)["problem"].as_str().is_some_and(|problem| problem.contains("before the whole mail")));
    assert_eq!(state(&server)["state"], "waiting");
    assert!(told(&server).is_empty(), "nothing left");
    now(&server);
    becomes(&server, "sent");
    assert_eq!(told(&server), ["Success"]);
    assert_eq!(scratch::files_below(&post.folder.join("out")).len(), 1, "sent once");
}

/// All its answers together take longer than a connection may.
fn slow(store: Store) {
    let Some(post) = Post::new("none", "slow") else { return };
    let prepared = post.settings(TestServer::prepare(store).expect("a store"));
    let server = prepared.setting("client.connect_timeout", "1 s").start().expect("a server");
    send(&server, &package(), &[]);
    becomes(&server, "sent");
}

fn unreadable(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let prepared = TestServer::prepare(store).expect("a store");
    let lenient = post.settings(prepared).setting("email.send_unencrypted", "true");
    let misspelt = lenient.setting("email.partners", &post.file("partnerz"));
    let server = misspelt.setting("email.allow_unsigned", "true").start().expect("a server");
    let path = package().display().to_string();
    let refused = knoop(&server.prepared, &["mail", &path, "--to", THEIRS]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("partnerz cannot be read"), "{said}");
    assert_eq!(json(&knoop(&server.prepared, &["mails", "--json"])), serde_json::json!([]));
    // It is there again.
    fs::rename(post.folder.join("partners"), post.folder.join("partnerz")).expect("renamed");
    send(&server, &package(), &[]);
    becomes(&server, "sent");
    assert!(fs::read_to_string(post.mail()).expect("seven bits").contains("pkcs7-mime"), "encrypted");
}

fn sealed(store: Store) {
    let Some(post) = Post::new("none", "greet") else { return };
    let prepared = TestServer::prepare(store).expect("a store");
    let lenient = post.settings(prepared).setting("email.send_unencrypted", "true");
    let server = lenient.setting("email.allow_unsigned", "true").start().expect("a server");
    waits(&post, &server, &[]);
    fs::remove_file(post.folder.join(format!("partners/{THEIRS}.pem"))).expect("removed");
    now(&server);
    until(|| state(&server)["problem"].as_str().is_some_and(|problem| problem.contains("no certificate of the addr")));
    assert_eq!(state(&server)["state"], "waiting", "it may be there another time");
}

fn last(store: Store) {
    let Some(post) = Post::new("none", "greet") else { return };
    let server = post.server(store);
    waits(&post, &server, &[]);
    assert_eq!(scratch::files_below(&server.prepared.data.join("xdm")).len(), 1, "the package is kept");
    let many = "UPDATE job SET attempts = 43, run_at_ms = 0 WHERE kind = 'send-mail'";
    trail::tamper(&server.prepared, false, many);
    becomes(&server, "failed");
    assert_eq!(told(&server), ["Minor"]);
    until(|| scratch::files_below(&server.prepared.data.join("xdm")).is_empty());
}

fn stranded(store: Store) {
    let Some(post) = Post::new("none", "greet") else { return };
    let server = post.server(store);
    waits(&post, &server, &[]);
    trail::tamper(&server.prepared, false, "UPDATE job SET state = 5, ended_ms = 1 WHERE kind = 'send-mail'");
    let server = server.restart().expect("a server");
    assert_eq!(becomes(&server, "failed")["problem"], "its job has ended");
    assert_eq!(told(&server), ["Minor"]);
}

fn early(store: Store) {
    let Some(post) = Post::new("none", "greet") else { return };
    let server = post.server(store);
    waits(&post, &server, &[]);
    // As if the process had died after a receipt, and before it wrote down what the relay had answered.
    trail::tamper(&server.prepared, false, "UPDATE mail_sent SET state = 6, receipt_ms = 1, problem = NULL");
    now(&server);
    until(|| state(&server)["sent"].is_string());
    assert_eq!((state(&server)["state"].as_str(), told(&server)), (Some("confirmed"), vec!["Success".to_owned()]));
}

fn withdrawn(store: Store) {
    let Some(post) = Post::new("none", "greet") else { return };
    let prepared = post.settings(TestServer::prepare(store).expect("a store"));
    let server = prepared.setting("pickup.url", "https://pickup.example").start().expect("a server");
    let sent = waits(&post, &server, &[]);
    let id = sent["mail"].as_str().expect("an id");
    assert!(knoop(&server.prepared, &["mails", "--withdraw", id]).status.success());
    assert_eq!(state(&server)["state"], "withdrawn");
    assert!(scratch::files_below(&server.prepared.data.join("xdm")).is_empty(), "the package is gone");
    assert!(!knoop(&server.prepared, &["mails", "--withdraw", id]).status.success(), "once");
    // A link to what was taken back is not sent.
    let sent = send(&server, &package(), &["--link"]);
    let all = || json(&knoop(&server.prepared, &["mails", "--json"]));
    let last = || all().as_array().and_then(|all| all.last().cloned()).expect("a mail");
    until(|| last()["problem"].is_string());
    let pickup = sent["pickup"]["id"].as_str().expect("an id");
    assert!(knoop(&server.prepared, &["offers", "--withdraw", pickup]).status.success());
    now(&server);
    until(|| last()["state"] == "failed");
    assert!(last()["problem"].as_str().is_some_and(|problem| problem.contains("was withdrawn")), "{}", last());
}
