//! Whose certificates are taken from those who call, and how many may call.

use std::{io::Read, net::TcpStream, time::Duration};

use libtest_mimic::Trial;
use openssl::{nid::Nid, ssl::SslVersion};

use super::{LET_IN, Region, is_refused, now_s, only, prepared, started};
use crate::harness::{
    certificates::{Issued, Key, Rights, Wanted},
    http::{self, Connection},
    plain,
    servers::until,
    tls::{Client, get_wsdl, https, write},
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_07_without_a_certificate_the_handshake_fails,
        s_tls_08_pinned_and_issued_certificates_may_be_mixed,
        s_tls_09_unknown_extensions_and_names_do_no_harm,
        s_tls_11_keys_and_constraints,
        s_tls_11_long_chains_are_refused,
        s_in_01_slow_and_many_handshakes
    ]
    .into()
}

fn s_tls_07_without_a_certificate_the_handshake_fails() {
    let server = started(prepared());
    is_refused(&Client::anonymous(), &server, "no_certificate");
    let error = Client::anonymous()
        .status_with(https(&server), |tls| only(tls, SslVersion::TLS1_2))
        .expect_err("it has no certificate");
    assert!(error.contains("handshake failure"), "{error}");
    // S-TLS-22
    until(|| server.log_text().contains("no certificate was shown"));
}

fn s_tls_08_pinned_and_issued_certificates_may_be_mixed() {
    let region = Region::new();
    let own = Issued::self_signed(&Wanted::default(), now_s());
    let (certificate, _) = write(&region.folder, "own", &own);
    let server = started(region.trusted_by(prepared()).setting("tls.pinned_files", &certificate));
    assert_eq!(Client::new(&own, &[]).status(&server), LET_IN, "self-signed and pinned");
    assert_eq!(region.client(&Wanted::default()).status(&server), LET_IN, "of an authority");
    assert_eq!(Client::of_init(&server.prepared, "client").status(&server), Ok(200), "of another authority");
    let stranger = Client::new(&Issued::self_signed(&Wanted::default(), now_s()), &[]);
    is_refused(&stranger, &server, "self_signed");
    let other = Issued::root("another", now_s());
    is_refused(&Client::new(&other.issue(&Wanted::default()), &[&other]), &server, "unknown_authority");

    // By fingerprint alone.
    let fingerprint = own.certificate.digest(openssl::hash::MessageDigest::sha256()).expect("a digest");
    let digits: String = fingerprint.iter().map(|octet| format!("{octet:02X}")).collect();
    let server = started(prepared().setting("tls.pinned_fingerprints", &digits));
    assert_eq!(Client::new(&own, &[]).status(&server), LET_IN);
    is_refused(&stranger, &server, "self_signed");
}

fn s_tls_09_unknown_extensions_and_names_do_no_harm() {
    let region = Region::new();
    let server = started(region.trusted_by(prepared()));
    let odd = Wanted {
        common_name: "b.example",
        names: "DNS:b.example",
        unknown_extension: Some(false),
        ..Wanted::default()
    };
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        assert_eq!(region.client(&odd).status_with(https(&server), |tls| only(tls, version)), LET_IN);
    }
    for (wanted, reason) in [
        (Wanted { unknown_extension: Some(true), ..Wanted::default() }, "critical_extension"),
        (Wanted { extended_key_usage: "serverAuth", ..Wanted::default() }, "wrong_purpose"),
        (Wanted { valid_h: (-48, -1), ..Wanted::default() }, "expired"),
    ] {
        is_refused(&region.client(&wanted), &server, reason);
    }
}

fn s_tls_11_keys_and_constraints() {
    let region = Region::new();
    let server = started(region.trusted_by(prepared()));
    for key in [Key::P256, Key::Curve(Nid::SECP384R1), Key::Curve(Nid::SECP521R1), Key::Ed25519, Key::Rsa(2048)] {
        assert_eq!(region.client(&Wanted { key, ..Wanted::default() }).status(&server), LET_IN);
    }
    // OpenSSL may refuse this curve by itself, before the policy sees it.
    assert!(region.client(&Wanted { key: Key::Curve(Nid::SECP256K1), ..Wanted::default() }).status(&server).is_err());
    let rights = Rights { name_constraints: "permitted;DNS:region.example", ..Rights::default() };
    let between = region.authority.authority("between", rights);
    let named = |names| Client::new(&between.issue(&Wanted { names, ..Wanted::default() }), &[&between]);
    assert_eq!(named("DNS:a.region.example").status(&server), LET_IN);
    is_refused(&named("DNS:a.example"), &server, "name_constraint");
}

fn s_tls_11_long_chains_are_refused() {
    let region = Region::new();
    let server = started(region.trusted_by(prepared()));
    let between = |count: usize| {
        let mut chain = vec![region.authority.clone()];
        for number in 0..count {
            let above = chain.last().expect("not empty");
            chain.push(above.authority(&format!("between {number}"), Rights::default()));
        }
        let leaf = chain.last().expect("not empty").issue(&Wanted::default());
        let above: Vec<&Issued> = chain.iter().skip(1).rev().collect();
        Client::new(&leaf, &above)
    };
    assert_eq!(between(6).status(&server), LET_IN);
    is_refused(&between(7), &server, "path_too_long");
    // Eleven certificates of which nobody needs ten.
    let leaf = region.authority.issue(&Wanted::default());
    is_refused(&Client::new(&leaf, &[&region.authority; 10]), &server, "path_too_long");
}

fn s_in_01_slow_and_many_handshakes() {
    let server = started(
        prepared()
            .setting("limits.handshake_timeout", "3 s")
            .setting("limits.handshakes_per_address", "3")
            .setting("limits.connections_per_address", "5"),
    );
    let client = Client::of_init(&server.prepared, "client");
    let outcome =
        |name: &str| server.metric(&format!("knoop_tls_handshakes_total{{outcome=\"{name}\"}}")).unwrap_or_default();
    // Nothing is said: the connection is closed in time.
    let silent = TcpStream::connect(https(&server)).expect("connected");
    silent.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    assert!(matches!((&silent).read(&mut [0]), Ok(0) | Err(_)));
    until(|| outcome("timeout") >= 1.0);
    // Five connections, and no sixth.
    let open: Vec<_> = (0..5)
        .map(|_| {
            let mut connection = Connection::over(client.connect(https(&server)).expect("connected"));
            assert_eq!(get_wsdl(&mut connection).expect("answered").status, 200);
            connection
        })
        .collect();
    assert!(client.status(&server).is_err());
    until(|| outcome("too_many") >= 1.0);
    // Health is not touched, and a place that is given up is free.
    let operations = server.operations.as_deref().expect("named");
    assert_eq!(http::get(operations, "/health/live").expect("answered").status, 200);
    drop(open);
    until(|| client.status(&server) == Ok(200));
}
