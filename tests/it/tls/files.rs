//! Keys and certificates in files: how they must lie, and what happens when they change.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use libtest_mimic::Trial;
use openssl::{pkey::PKey, x509::X509};

use super::{Region, prepared, run, started, text};
use crate::harness::{
    certificates::Wanted,
    http::Connection,
    plain,
    servers::{Prepared, until},
    tls::{Client, get_wsdl, https, write},
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_19_a_key_that_others_may_read_is_refused,
        s_tls_19_production_refuses_what_init_made,
        s_tls_19_reloads_drop_no_connection,
        s_tls_19_a_broken_file_keeps_what_there_was,
        s_tls_19_a_changed_file_is_noticed,
        s_tls_12_doctor_tells_what_is_wrong_with_certificates
    ]
    .into()
}

/// Standard error of a server that must not start.
fn does_not_start(prepared: &Prepared, settings: &[(&str, &str)]) -> String {
    let prepared = settings.iter().fold(prepared.clone(), |prepared, (key, value)| prepared.setting(key, value));
    let error = prepared.start().map(|server| server.https.clone()).expect_err("it must not start");
    assert!(error.contains("ended before it was ready"), "{error}");
    error
}

fn s_tls_19_a_key_that_others_may_read_is_refused() {
    let prepared = prepared();
    let key = prepared.pki_file("server.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a mode");
    let error = does_not_start(&prepared, &[]);
    assert!(error.contains("may be read by others (mode 644); run: chmod 600"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    let other = prepared.pki_file("client.key").display().to_string();
    let error = does_not_start(&prepared, &[("tls.key_file", &other)]);
    assert!(error.contains("does not belong to the certificate"), "{error}");
}

fn s_tls_19_production_refuses_what_init_made() {
    let prepared = prepared();
    let region = Region::new();
    let folder = region.folder.clone();
    let start = |prepared: &Prepared| {
        let file = prepared.pki_file("").parent().expect("a folder").join("knoop.toml").display().to_string();
        let data = prepared.data.display().to_string();
        let mut command = prepared.command(&["serve", "--config", &file, "--data", &data]);
        text(&command.current_dir(&folder).output().expect("the program can be started").stderr)
    };
    let error = start(&prepared.clone().setting("production", "true"));
    assert!(error.contains("was made by knoop init for development; production = true refuses it"), "{error}");
    // Nor as an authority beside a certificate of one's own.
    let (certificate, key) = write(&region.folder, "server", &region.authority.issue(&Wanted::default()));
    let own = prepared.setting("tls.certificate_file", &certificate).setting("tls.key_file", &key);
    let error = start(&own.setting("production", "true"));
    assert!(error.contains("ca.pem was made by knoop init"), "{error}");
}

fn s_tls_19_reloads_drop_no_connection() {
    const RELOADS: usize = 100;
    let server = Arc::new(started(prepared()));
    let client = Client::of_init(&server.prepared, "client");
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (server, client) = (Arc::clone(&server), client.clone());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut connection = Connection::over(client.connect(https(&server)).expect("connected"));
                while !stop.load(Ordering::SeqCst) {
                    let response = get_wsdl(&mut connection).expect("the connection was dropped");
                    assert_eq!(response.status, 200);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for _ in 0..RELOADS {
        let before = answered.load(Ordering::SeqCst);
        server.reload();
        until(|| answered.load(Ordering::SeqCst) > before);
    }
    stop.store(true, Ordering::SeqCst);
    callers.into_iter().for_each(|caller| caller.join().expect("0 connections are dropped"));
    assert!(server.generation() >= RELOADS as f64);
    let connections = server.metric("knoop_tls_handshakes_total{outcome=\"success\"}");
    assert_eq!(connections, Some(4.0), "each caller stayed on its first connection");
}

fn s_tls_19_a_broken_file_keeps_what_there_was() {
    let server = started(prepared());
    server.expect_error("everything stays as it was");
    let client = Client::of_init(&server.prepared, "client");
    let certificate = server.prepared.pki_file("server.pem");
    let whole = fs::read(&certificate).expect("init made it");
    let generation = server.generation();
    fs::write(&certificate, b"-----BEGIN CERTIFICATE-----\nbroken").expect("written");
    server.hang_up();
    until(|| server.log_text().contains("everything stays as it was"));
    assert_eq!(client.status(&server), Ok(200));
    assert_eq!(server.generation(), generation);
    fs::write(&certificate, whole).expect("written");
    server.reload();
    assert_eq!(client.status(&server), Ok(200));
}

fn s_tls_19_a_changed_file_is_noticed() {
    let server = started(prepared());
    let serial = || {
        let stream = Client::of_init(&server.prepared, "client").connect(https(&server)).expect("connected");
        let shown = stream.ssl().peer_certificate().expect("a certificate");
        shown.serial_number().to_bn().expect("a number").to_hex_str().expect("digits").to_string()
    };
    let before = serial();
    // A new certificate of the same authority for the same key.
    let read = |name: &str| fs::read(server.prepared.pki_file(name)).expect("init made it");
    let (authority, key) =
        (X509::from_pem(&read("ca.pem")).expect("PEM"), PKey::private_key_from_pem(&read("ca.key")).expect("PEM"));
    let old = X509::from_pem(&read("server.pem")).expect("PEM");
    let mut fresh = X509::builder().expect("begun");
    fresh.set_version(2).expect("a version");
    fresh
        .set_serial_number(&openssl::bn::BigNum::from_u32(4711).and_then(|n| n.to_asn1_integer()).expect("a number"))
        .expect("a number");
    fresh.set_subject_name(old.subject_name()).expect("a name");
    fresh.set_issuer_name(authority.subject_name()).expect("a name");
    fresh.set_not_before(old.not_before()).expect("a time");
    fresh.set_not_after(old.not_after()).expect("a time");
    fresh.set_pubkey(&*old.public_key().expect("a key")).expect("a key");
    fresh.sign(&key, openssl::hash::MessageDigest::sha256()).expect("signed");
    let beside = server.prepared.pki_file("server.new");
    fs::write(&beside, fresh.build().to_pem().expect("PEM")).expect("written");
    fs::rename(beside, server.prepared.pki_file("server.pem")).expect("renamed");
    until(|| server.generation() >= 1.0);
    assert_ne!(serial(), before);
}

fn s_tls_12_doctor_tells_what_is_wrong_with_certificates() {
    let region = Region::new();
    let made = |wanted: &Wanted<'_>| {
        let (certificate, key) = write(&region.folder, "server", &region.authority.issue(wanted));
        let text = format!(
            "data = {:?}\n[tls]\ncertificate_file = {certificate:?}\nkey_file = {key:?}\n[tls.trust.region]\n\
             file = {:?}\ncrl_files = [{:?}]\n",
            region.folder.join("data"),
            region.path("region.pem"),
            region.path("region.crl"),
        );
        fs::write(region.folder.join("knoop.toml"), text).expect("written");
        let output = run(&region.folder, &["doctor"]);
        (output.status.code(), text_of(&output))
    };
    fn text_of(output: &Output) -> String {
        text(&output.stdout) + &text(&output.stderr)
    }
    region.write_crl(&region.authority.crl(&[], (-1, 24)));
    let named = Wanted { names: "DNS:localhost", ..Wanted::default() };
    let (status, told) = made(&named);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("its CRL is fresh until"), "{told}");
    for (wanted, expected_status, expected) in [
        (Wanted { valid_h: (-24, -1), ..named.clone() }, 3, "the certificate of this server ended at"),
        (
            Wanted { valid_h: (-24, 24 * 6 - 1), ..named.clone() },
            3,
            "the certificate of this server ends in 5 days; renew it now",
        ),
        (
            Wanted { valid_h: (-24, 24 * 50 - 1), ..named.clone() },
            0,
            "the certificate of this server ends in 49 days; renew it",
        ),
        (Wanted { valid_h: (-24, 24 * 900), ..named.clone() }, 0, "two years are enough"),
        (Wanted::default(), 3, "it names no host in subjectAltName"),
        (Wanted { extended_key_usage: "clientAuth", ..named.clone() }, 3, "does not allow serverAuth"),
    ] {
        let (status, told) = made(&wanted);
        assert_eq!(status, Some(expected_status), "{told}");
        assert!(told.contains(expected), "{expected}: {told}");
    }
    region.write_crl(&region.authority.crl(&[], (-72, -48)));
    let (status, told) = made(&named);
    assert_eq!(status, Some(3));
    assert!(told.contains("its certificates are refused; get a newer one"), "{told}");
    fs::remove_file(region.folder.join("region.crl")).expect("removed");
    let (status, told) = made(&named);
    assert_eq!(status, Some(3));
    assert!(told.contains("region.crl cannot be read"), "{told}");
}
