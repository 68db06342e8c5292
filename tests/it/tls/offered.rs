//! What the listener offers: versions, suites, groups, and nothing besides.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use libtest_mimic::Trial;
use openssl::ssl::{SslAcceptor, SslContextBuilder, SslFiletype, SslMethod, SslVersion};

use super::{LET_IN, Region, only, prepared, started, text};
use crate::harness::{
    certificates::{Key, Wanted},
    http::{self, Connection},
    plain,
    servers::Prepared,
    tls::{Client, get_wsdl, https, write},
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_01_a_client_with_a_certificate_is_answered,
        s_tls_02_versions_before_1_2_fail_the_handshake,
        s_tls_02_the_floor_can_be_1_3,
        s_tls_03_the_four_suites_of_ihe_and_no_weak_ones,
        s_tls_04_strict_leaves_dhe_out,
        s_tls_05_suites_and_groups_of_1_3,
        s_tls_06_the_scan_finds_no_fault,
        s_tls_06_the_scan_finds_faults,
        curl_over_mutual_tls
    ]
    .into()
}

fn s_tls_01_a_client_with_a_certificate_is_answered() {
    let server = started(prepared());
    let client = Client::of_init(&server.prepared, "client");
    assert_eq!(client.status(&server), Ok(200));
    // Health is on its own listener and needs no certificate.
    let operations = server.operations.as_deref().expect("named");
    assert_eq!(http::get(operations, "/health/ready").expect("answered").status, 200);
    // Nothing plain is answered on the port of TLS.
    let plain = http::get(https(&server), "/xds?wsdl");
    assert!(plain.as_ref().map_or(true, |response| response.status == 0), "{:?}", plain.map(|r| r.status));
}

fn s_tls_02_versions_before_1_2_fail_the_handshake() {
    let server = started(prepared());
    let client = Client::of_init(&server.prepared, "client");
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let old = |tls: &mut SslContextBuilder| {
            tls.set_security_level(0);
            tls.set_cipher_list("ALL:@SECLEVEL=0").expect("suites");
            tls.set_min_proto_version(Some(version)).expect("a version");
            tls.set_max_proto_version(Some(version)).expect("a version");
        };
        let error = client.status_with(https(&server), old).expect_err("it is too old");
        assert!(error.contains("alert protocol version"), "{error}");
    }
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        assert_eq!(client.status_with(https(&server), |tls| only(tls, version)), Ok(200));
    }
}

fn s_tls_02_the_floor_can_be_1_3() {
    let server = started(prepared().setting("tls.minimum", "1.3"));
    let client = Client::of_init(&server.prepared, "client");
    assert!(client.status_with(https(&server), |tls| only(tls, SslVersion::TLS1_2)).is_err());
    assert_eq!(client.status(&server), Ok(200));
}

/// A server whose key is RSA, for suites that need one. The clients that `knoop init` made lie elsewhere and get no node.
fn with_rsa(region: &Region, prepared: Prepared) -> Prepared {
    let wanted = Wanted { names: "DNS:localhost", key: Key::Rsa(2048), ..Wanted::default() };
    let (certificate, key) = write(&region.folder, "server", &region.authority.issue(&wanted));
    region.trusted_by(prepared).setting("tls.certificate_file", &certificate).setting("tls.key_file", &key)
}

const IHE: [&str; 4] = [
    "DHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];

fn suite(name: &str) -> impl FnOnce(&mut SslContextBuilder) {
    let name = format!("{name}:@SECLEVEL=0");
    move |tls| {
        only(tls, SslVersion::TLS1_2);
        tls.set_cipher_list(&name).expect("a suite");
    }
}

fn s_tls_03_the_four_suites_of_ihe_and_no_weak_ones() {
    let region = Region::new();
    let server = started(with_rsa(&region, prepared()));
    let client = Client::of_init(&server.prepared, "client");
    for name in IHE {
        let stream = client.connect_with(https(&server), suite(name)).expect(name);
        assert_eq!(stream.ssl().current_cipher().map(|cipher| cipher.name()), Some(name));
        if name.starts_with("DHE") {
            assert_eq!(stream.ssl().peer_tmp_key().expect("a key").bits(), 3072, "S-TLS-04");
        }
        let status = get_wsdl(&mut Connection::over(stream)).map(|response| response.status);
        assert_eq!(status.map_err(|error| error.to_string()), LET_IN, "{name}");
    }
    for name in [
        "AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-SHA256",
        "ECDHE-RSA-AES256-SHA",
        "DHE-RSA-AES256-SHA256",
        "ECDHE-RSA-NULL-SHA",
        "ADH-AES256-GCM-SHA384",
        "DHE-RSA-CHACHA20-POLY1305",
        "DHE-RSA-AES128-CCM",
    ] {
        assert!(client.status_with(https(&server), suite(name)).is_err(), "{name}");
    }
}

fn s_tls_04_strict_leaves_dhe_out() {
    let region = Region::new();
    let server = started(with_rsa(&region, prepared()).setting("tls.profile", "strict"));
    let client = Client::of_init(&server.prepared, "client");
    for name in IHE {
        let answer = client.status_with(https(&server), suite(name));
        assert_eq!(answer.is_ok(), name.starts_with("ECDHE"), "{name}: {answer:?}");
    }
}

fn s_tls_05_suites_and_groups_of_1_3() {
    let server = started(prepared());
    let client = Client::of_init(&server.prepared, "client");
    for name in ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"] {
        let set = |tls: &mut SslContextBuilder| {
            only(tls, SslVersion::TLS1_3);
            tls.set_ciphersuites(name).expect("a suite");
        };
        assert_eq!(client.status_with(https(&server), set), Ok(200), "{name}");
    }
    let ccm = |tls: &mut SslContextBuilder| tls.set_ciphersuites("TLS_AES_128_CCM_SHA256").expect("a suite");
    assert!(
        client
            .status_with(https(&server), |tls| {
                only(tls, SslVersion::TLS1_3);
                ccm(tls)
            })
            .is_err()
    );
    for (group, expected) in
        [("X25519", true), ("P-256", true), ("P-384", true), ("P-521", false), ("ffdhe2048", false)]
    {
        let set = |tls: &mut SslContextBuilder| tls.set_groups_list(group).expect("a group");
        assert_eq!(client.status_with(https(&server), set).is_ok(), expected, "{group}");
    }
}

/// The scan of `scripts/tls-scan` against this address.
fn scan(prepared: &Prepared, address: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/tls-scan");
    let file = |name: &str| prepared.pki_file(name).display().to_string();
    let mut command = Command::new(script);
    command.args([address, "--ca", &file("ca.pem"), "--cert", &file("client.pem"), "--key", &file("client.key")]);
    command.stdin(Stdio::null()).output().expect("bash is here")
}

fn s_tls_06_the_scan_finds_no_fault() {
    let server = started(prepared());
    let output = scan(&server.prepared, https(&server));
    let table = text(&output.stdout);
    assert!(output.status.success(), "{table}{}", text(&output.stderr));
    for row in ["renegotiation", "compression", "resumption, TLS 1.2", "resumption, TLS 1.3", "early data"] {
        assert!(table.lines().any(|line| line.contains(row) && line.starts_with("good")), "{row}: {table}");
    }
}

fn s_tls_06_the_scan_finds_faults() {
    // A server with tickets and without client certificates.
    let prepared = prepared();
    let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("a context");
    tls.set_private_key_file(prepared.pki_file("server.key"), SslFiletype::PEM).expect("a key");
    tls.set_certificate_chain_file(prepared.pki_file("server.pem")).expect("a certificate");
    let (tls, listener) = (tls.build(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls = tls.clone();
            std::thread::spawn(move || {
                let Ok(mut stream) = tls.accept(stream) else { return };
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.shutdown();
            });
        }
    });
    let output = scan(&prepared, &address);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    for row in ["client certificate", "resumption, TLS 1.3"] {
        assert!(table.lines().any(|line| line.contains(row) && line.starts_with("BAD")), "{row}: {table}");
    }
}

fn curl_over_mutual_tls() {
    let server = started(prepared());
    let file = |name: &str| server.prepared.pki_file(name).display().to_string();
    let url = format!("https://{}/xds?wsdl", https(&server).replace("127.0.0.1", "localhost"));
    let arguments = ["--silent", "--show-error", "--max-time", "60", "--cacert", &file("ca.pem"), &url];
    let Ok(refused) = Command::new("curl").args(arguments).output() else { return };
    assert!(!refused.status.success(), "curl without a certificate");
    let with = ["--cert", &file("client.pem"), "--key", &file("client.key")];
    let output = Command::new("curl").args(arguments).args(with).output().expect("curl is here");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("definitions"));
}
