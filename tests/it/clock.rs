//! S-TLS-20: a clock that is off is told, by doctor and by the server.

use std::{
    net::UdpSocket,
    time::{SystemTime, UNIX_EPOCH},
};

use libtest_mimic::Trial;

use crate::{
    harness::{
        TestServer, http, plain,
        servers::{Prepared, Store, until},
        soap::Transaction,
        trail,
    },
    nodes_tls::{Region, query, registration},
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_20_doctor_measures_the_clock,
        s_tls_20_a_server_whose_clock_is_off_says_so,
        s_tls_20_who_must_bring_an_assertion_is_refused_while_the_clock_is_wrong,
        s_tls_20_a_clock_that_is_off_a_little_refuses_nobody,
    ]
    .into()
}

/// A time server that is ahead of this machine by so many seconds; its address.
fn time_server(ahead_s: u64) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let mut asked = [0; 48];
        while let Ok((_, from)) = socket.recv_from(&mut asked) {
            #[expect(clippy::disallowed_methods, reason = "the clock that is told to be wrong")]
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            let seconds = now.as_secs() + ahead_s + 2_208_988_800;
            let timestamp = ((seconds << 32) | ((u64::from(now.subsec_millis()) << 32) / 1000)).to_be_bytes();
            let mut answer = [0; 48];
            (answer[0], answer[1]) = (0b00_100_100, 1);
            answer[24..32].copy_from_slice(&asked[40..]);
            answer[32..40].copy_from_slice(&timestamp);
            answer[40..].copy_from_slice(&timestamp);
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}

fn asking(server: &str) -> Prepared {
    TestServer::prepare(Store::Sqlite).expect("SQLite is always there").setting("clock.servers", server)
}

/// The line about the clock, and whether something must be mended.
fn doctor(server: &str) -> (String, bool) {
    let prepared = asking(server);
    let data = prepared.data.display().to_string();
    let output = prepared.command(&["doctor", "--data", &data]).output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = told.lines().find(|line| line.contains("  clock ")).unwrap_or_else(|| panic!("{told}")).to_owned();
    (line, told.lines().any(|line| line.starts_with("BAD") && line.contains("clock")))
}

fn s_tls_20_doctor_measures_the_clock() {
    for (ahead_s, mark, words) in
        [(0, "good", " s "), (3, "note", "keep it right with NTP"), (9, "BAD", "set it and keep")]
    {
        let (line, is_bad) = doctor(&time_server(ahead_s));
        assert!(line.starts_with(mark) && line.contains(words), "{ahead_s}: {line}");
        assert_eq!(is_bad, mark == "BAD", "{line}");
    }
    // Nobody listens there.
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").to_string();
    let (line, is_bad) = doctor(&free);
    assert!(line.contains("gives no time") && !is_bad, "{line}");
}

fn s_tls_20_a_server_whose_clock_is_off_says_so() {
    let server = asking(&time_server(9)).start().expect("it starts");
    server.expect_error("the clock is off by more than 5 s");
    until(|| server.metric("knoop_clock_servers_answering") == Some(1.0));
    let offset = server.metric("knoop_clock_offset_milliseconds").expect("measured");
    assert!((8_000.0..10_000.0).contains(&offset), "{offset}");
    assert!(server.log_text().contains("the clock is off by more than 5 s"));
    let operations = server.operations.as_deref().expect("named");
    let ready = http::get(operations, "/health/ready").expect("an answer");
    let text = ready.text();
    assert!(ready.status == 200 && text.contains("clock: ") && text.contains(" s behind"), "{text}");
}

/// Whether an event says that its time cannot be trusted.
fn is_flagged(event: &serde_json::Value) -> bool {
    event["local"]["checks"].as_array().is_some_and(|checks| checks.iter().any(|check| check == "clock wrong"))
}

fn s_tls_20_who_must_bring_an_assertion_is_refused_while_the_clock_is_wrong() {
    let region = Region::new(&[("clock.servers", &time_server(9)), ("xua.iti18", "required")]);
    region.server.expect_error("the clock is off by more than 5 s");
    let node = region.node("ehr", &["--role", "consumer,repository"]);
    let reason = region.post(&node, Transaction::Iti18, &query()).expect_fault(500, "Receiver", "");
    assert!(reason.starts_with("internal error, incident "), "no word about why: {reason}");
    // The log says why, under the number that the partner was told.
    let incident = reason.rsplit(' ').next().expect("a number");
    let log = region.server.log_text();
    assert!(
        log.lines().any(|line| line.contains(incident) && line.contains("the clock of this machine is off")),
        "{log}"
    );
    // Where no person is asked for, care goes on.
    region.post(&node, Transaction::Iti42, &registration()).expect_success();
    let events = region.events();
    let of = |code: &str| {
        let with_code = |event: &&serde_json::Value| trail::text(event, "/event_types/0/code") == code;
        events.iter().rev().find(with_code).unwrap_or_else(|| panic!("no {code}"))
    };
    let refused = of("110122");
    assert_eq!(trail::text(refused, "/outcome"), "Major", "outcome 12: {refused}");
    assert_eq!(trail::text(refused, "/reason"), "knoop:XUA-CLOCK the clock of this machine is off by more than 5 s");
    for code in ["110122", "ITI-42", "110120"] {
        assert!(is_flagged(of(code)), "its time cannot be trusted: {}", of(code));
    }
}

fn s_tls_20_a_clock_that_is_off_a_little_refuses_nobody() {
    let region = Region::new(&[("clock.servers", &time_server(3)), ("xua.iti18", "required")]);
    let node = region.node("ehr", &["--role", "consumer,repository"]);
    region.post(&node, Transaction::Iti18, &query()).expect_fault(400, "Sender", "InvalidSecurity");
    region.post(&node, Transaction::Iti42, &registration()).expect_success();
    assert!(!region.events().iter().any(is_flagged));
}
