//! What the audit trail says of those whom TLS refuses, and of what is taken of certificates when that changes.

use std::{fs, path::Path};

use libtest_mimic::Trial;
use openssl::ssl::{SslVerifyMode, SslVersion};
use serde_json::Value;

use super::{Region, is_refused, now_s, only, prepared, run, started};
use crate::harness::{
    TestServer,
    certificates::{Issued, Wanted},
    http::Connection,
    plain,
    servers::until,
    tls::{Client, get_wsdl, https},
    trail,
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_22_refused_handshakes_are_audited_once_a_minute,
        s_tls_22_an_open_connection_that_is_refused_is_audited,
        s_tls_22_a_client_that_does_not_take_our_certificate_is_audited_as_that,
        s_tls_22_a_client_that_went_away_is_not_audited,
        s_tls_19_reloads_are_audited,
    ]
    .into()
}

/// EventTypeCode 110126 or another, the oldest first.
fn of_kind(server: &TestServer, code: &str) -> Vec<Value> {
    let all = trail::events(server, &["--event", code]);
    all.into_iter().filter(|event| trail::text(event, "/event_types/0/code") == code).collect()
}

/// Reason, outcome, and who it was.
fn failures(server: &TestServer) -> Vec<(String, String, String)> {
    let failures = of_kind(server, "110126");
    let told = failures.iter().map(|event| {
        assert_eq!(trail::text(event, "/event_id/code"), "110113");
        assert_eq!(trail::text(event, "/participants/0/roles/0/code"), "110150", "the one who tells: {event}");
        assert_eq!(trail::text(event, "/participants/1/network/Ip"), "127.0.0.1");
        let peer = trail::text(event, "/participants/1/user_id");
        assert_eq!(trail::text(event, "/objects/0/id"), peer);
        assert_eq!(trail::text(event, "/objects/0/details/0/1"), trail::text(event, "/reason"));
        (trail::text(event, "/reason").to_owned(), trail::text(event, "/outcome").to_owned(), peer.to_owned())
    });
    told.collect()
}

fn s_tls_22_refused_handshakes_are_audited_once_a_minute() {
    let region = Region::new();
    let server = started(region.trusted_by(prepared()));
    for _ in 0..5 {
        is_refused(&Client::anonymous(), &server, "no_certificate");
    }
    let old = |tls: &mut openssl::ssl::SslContextBuilder| {
        tls.set_security_level(0);
        tls.set_cipher_list("ALL:@SECLEVEL=0").expect("suites");
        tls.set_min_proto_version(Some(SslVersion::TLS1_1)).expect("a version");
        tls.set_max_proto_version(Some(SslVersion::TLS1_1)).expect("a version");
    };
    let client = Client::of_init(&server.prepared, "client");
    client.status_with(https(&server), old).expect_err("it is too old");
    let expired = Wanted { common_name: "late", valid_h: (-48, -1), ..Wanted::default() };
    is_refused(&region.client(&expired), &server, "expired");
    let stranger = Wanted { common_name: "stranger", ..Wanted::default() };
    is_refused(&Client::new(&Issued::self_signed(&stranger, now_s()), &[]), &server, "self_signed");
    let metric = "knoop_tls_handshakes_total{outcome=\"no_certificate\"}";
    assert_eq!(server.metric(metric), Some(5.0), "the counter has them all");
    let event = |reason: &str, outcome: &str, peer: &str| (reason.to_owned(), outcome.to_owned(), peer.to_owned());
    let expected = [
        event("knoop:TLS-NO-CERTIFICATE no certificate was shown", "Serious", "127.0.0.1"),
        event("knoop:TLS-PROTOCOL it speaks no TLS that is taken here", "Serious", "127.0.0.1"),
        event("knoop:TLS-EXPIRED the certificate has expired", "Minor", "CN=late,O=Invented"),
        event(
            "knoop:TLS-SELF-SIGNED the certificate signed itself and is not pinned",
            "Serious",
            "CN=stranger,O=Invented",
        ),
    ];
    assert_eq!(failures(&server), expected);
}

/// Puts the client of `knoop init` on the list of its authority.
fn revoke_client(server: &TestServer) {
    let file = server.prepared.pki_file("").parent().expect("a folder").join("knoop.toml");
    let certificate = server.prepared.pki_file("client.pem");
    let arguments = ["init", &file.display().to_string(), "--revoke", &certificate.display().to_string()];
    assert!(run(Path::new("/"), &arguments).status.success());
}

fn s_tls_22_an_open_connection_that_is_refused_is_audited() {
    let server = started(prepared());
    let client = Client::of_init(&server.prepared, "client");
    let mut open = Connection::over(client.connect(https(&server)).expect("connected"));
    assert_eq!(get_wsdl(&mut open).expect("answered").status, 200);
    revoke_client(&server);
    server.reload();
    assert_eq!(get_wsdl(&mut open).expect("answered").status, 403);
    let expected = (
        "knoop:TLS-REVOKED its connection was open, and the certificate was revoked".to_owned(),
        "Serious".to_owned(),
        "CN=knoop client,O=knoop development".to_owned(),
    );
    assert_eq!(failures(&server), [expected]);
}

fn s_tls_22_a_client_that_does_not_take_our_certificate_is_audited_as_that() {
    let server = started(prepared());
    let client = Client::of_init(&server.prepared, "client");
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        // It trusts nobody.
        let refused = client.connect_with(https(&server), |tls| {
            tls.set_verify(SslVerifyMode::PEER);
            only(tls, version);
        });
        assert!(refused.is_err(), "{version:?}");
    }
    until(|| server.metric("knoop_tls_handshakes_total{outcome=\"our_certificate\"}") == Some(2.0));
    let expected = (
        "knoop:TLS-OUR-CERTIFICATE it does not accept the certificate of this server".to_owned(),
        "Serious".to_owned(),
        "127.0.0.1".to_owned(),
    );
    assert_eq!(failures(&server), [expected]);
    assert!(server.log_text().contains("a client does not accept the certificate of this server"));
}

fn s_tls_22_a_client_that_went_away_is_not_audited() {
    let server = started(prepared());
    drop(std::net::TcpStream::connect(https(&server)).expect("connected"));
    until(|| server.metric("knoop_tls_handshakes_total{outcome=\"hung_up\"}").unwrap_or_default() > 0.0);
    assert_eq!(failures(&server), []);
}

/// What the reloads of a section say, the oldest first; the certificate of the client side is the server's own.
fn reloads(server: &TestServer, section: &str) -> Vec<String> {
    let object = format!("urn:knoop:configuration:{section}");
    let all = of_kind(server, "110129");
    let of_section = all.iter().filter(|event| trail::text(event, "/objects/0/id") == object);
    of_section.map(|event| trail::text(event, "/objects/0/details/0/1").to_owned()).collect()
}

fn s_tls_19_reloads_are_audited() {
    let server = started(prepared());
    server.reload();
    until(|| reloads(&server, "tls").len() == 1);
    assert_eq!(reloads(&server, "tls"), ["read again: nothing is different"]);
    revoke_client(&server);
    server.reload();
    until(|| reloads(&server, "tls").len() >= 2);
    let told = reloads(&server, "tls");
    assert!(told[1].starts_with("read again: revocation lists (") && told[1].ends_with(" now)"), "{told:?}");
    // Certificate and key of another: both are told, neither is shown.
    let read = |name: &str| fs::read(server.prepared.pki_file(name)).expect("init made it");
    for kind in ["pem", "key"] {
        let (beside, octets) = (server.prepared.pki_file("server.new"), read(&format!("sts.{kind}")));
        fs::copy(server.prepared.pki_file("server.key"), &beside).expect("the mode is kept");
        fs::write(&beside, octets).expect("written");
        fs::rename(beside, server.prepared.pki_file(&format!("server.{kind}"))).expect("renamed");
    }
    server.expect_error("everything stays as it was");
    server.reload();
    until(|| reloads(&server, "tls").iter().any(|told| told.contains("certificate of this side")));
    assert!(reloads(&server, "client").iter().any(|told| told.contains("certificate of this side")));
    assert!(!reloads(&server, "tls").iter().any(|told| told.contains("BEGIN")));
}
