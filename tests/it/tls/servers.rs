//! Whom this side believes to be the server that it called.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Output,
};

use libtest_mimic::Trial;
use openssl::ssl::{SslAcceptor, SslMethod};

use super::{Region, prepared, run, started, text};
use crate::harness::{TestServer, certificates::Wanted, plain, scratch, tls::https};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_10_a_server_that_was_not_called_is_refused,
        s_tls_10_without_a_name_only_pinned_servers_count,
        s_tls_12_doctor_shakes_hands_with_peers,
        s_tls_01_in_production_no_address_in_the_clear_is_taken,
        s_tls_01_doctor_names_addresses_in_the_clear,
        s_tls_13_a_token_service_with_a_ca_says_who_is_asked,
        the_system_trusts_nobody_for_us
    ]
    .into()
}

/// `knoop find` against a server of this certificate at localhost.
fn find_at(region: &Region, wanted: &Wanted<'_>) -> Output {
    let issued = region.authority.issue(wanted);
    let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("a context");
    tls.set_certificate(&issued.certificate).expect("a certificate");
    tls.set_private_key(&issued.key).expect("a key");
    let (tls, listener) = (tls.build(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(mut stream) = tls.accept(stream) else { continue };
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // Whoever closes with something unread takes back what was written.
            while stream.read(&mut [0; 1024]).is_ok_and(|octets| octets > 0) {}
        }
    });
    let (url, ca) = (format!("https://localhost:{port}/xds"), region.path("region.pem"));
    run(&region.folder, &["find", "--from", &url, "--ca", &ca, "--patient", PATIENT])
}

fn s_tls_10_a_server_that_was_not_called_is_refused() {
    let region = Region::new();
    let wrong = Wanted { common_name: "localhost", names: "DNS:b.example", ..Wanted::default() };
    let output = find_at(&region, &wrong);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("does not name the host that was called"), "{}", text(&output.stderr));
    let output = find_at(&region, &Wanted { common_name: "localhost", ..Wanted::default() });
    assert_eq!(output.status.code(), Some(3), "a common name does not count");
    let output = find_at(&region, &Wanted { names: "DNS:localhost", ..Wanted::default() });
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("HTTP status 404"), "{}", text(&output.stderr));
}

/// A repository that forwards to a registry over mutual TLS; how its registry link fares is told by doctor.
fn forwarding(registry: &TestServer, folder: &Path, host: &str, client: &str) -> Output {
    let address = https(registry).replace("127.0.0.1", host);
    let file = |name: &str| registry.prepared.pki_file(name).display().to_string();
    let text = format!(
        "data = {:?}\n[roles]\nregistry = false\n[repository]\nregistry_url = \"https://{address}/xds\"\n\
         [client]\ncertificate_file = {:?}\nkey_file = {:?}\n{client}\n",
        folder.join("data"),
        file("server.pem"),
        file("server.key"),
    );
    fs::write(folder.join("knoop.toml"), text).expect("written");
    run(folder, &["doctor"])
}

fn s_tls_10_without_a_name_only_pinned_servers_count() {
    let (registry, region) = (started(prepared()), Region::new());
    let file = |name: &str| registry.prepared.pki_file(name).display().to_string();
    let ca = format!("[client.trust.x]\nfile = {:?}\nrevocation = \"none\"", file("ca.pem"));
    let tried = |host, client: &str| text(&forwarding(&registry, &region.folder, host, client).stdout);
    let output = tried("127.0.0.1", &ca);
    assert!(output.contains("shows CN=knoop server"), "{output}");
    let output = tried("127.0.0.1", &format!("check_host = false\n{ca}"));
    assert!(output.contains("the certificate is not pinned"), "{output}");
    let output = tried("127.0.0.1", &format!("check_host = false\npinned_files = [{:?}]", file("server.pem")));
    assert!(output.contains("shows CN=knoop server"), "{output}");
}

fn s_tls_12_doctor_shakes_hands_with_peers() {
    let (registry, region) = (started(prepared()), Region::new());
    let trusting = |file: &str| format!("[client.trust.x]\nfile = {file:?}\nrevocation = \"none\"");
    let told = |client: &str| text(&forwarding(&registry, &region.folder, "localhost", client).stdout);
    let good = told(&trusting(&registry.prepared.pki_file("ca.pem").display().to_string()));
    assert!(good.contains("shows CN=knoop server,O=knoop development"), "{good}");
    // 365 days within the second in which it was made.
    assert!(good.contains("ends in 364 days") || good.contains("ends in 365 days"), "{good}");
    let bad = told(&trusting(&region.path("region.pem")));
    assert!(bad.contains("no trusted authority stands behind the certificate; add its authority"), "{bad}");
    let none = told("");
    assert!(none.contains("nothing says which certificates to trust"), "{none}");
}

const ADDRESSES: [(&str, &str); 3] = [
    ("repository.registry_url", "http://registry.example.org/xds"),
    ("access.consent_url", "http://consent.example.org/decide"),
    ("documents.s3_endpoint", "http://s3.example.org"),
];

fn s_tls_01_in_production_no_address_in_the_clear_is_taken() {
    let folder = scratch::directory("in-the-clear");
    for (key, address) in ADDRESSES {
        let (section, name) = key.split_once('.').expect("a section");
        let text = format!("production = true\n[{section}]\n{name} = \"{address}\"\n");
        fs::write(folder.join("knoop.toml"), text).expect("written");
        for command in ["doctor", "serve"] {
            let output = run(&folder, &[command]);
            assert_eq!(output.status.code(), Some(2), "{command}");
            let told = text_of(&output);
            assert!(told.contains(&format!("{key}: not http with production = true")), "{command}: {told}");
        }
    }
}

fn s_tls_01_doctor_names_addresses_in_the_clear() {
    let folder = scratch::directory("in-the-clear-for-tests");
    for (key, address) in ADDRESSES {
        let (section, name) = key.split_once('.').expect("a section");
        let store = if section == "documents" { "store = \"s3\"\n" } else { "" };
        let text = format!("[{section}]\n{store}{name} = \"{address}\"\n");
        fs::write(folder.join("knoop.toml"), text).expect("written");
        let told = text_of(&run(&folder, &["doctor"]));
        let line = told.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{told}"));
        assert!(line.starts_with("note") && line.contains("can be read on the way"), "{line}");
    }
}

fn text_of(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

fn s_tls_13_a_token_service_with_a_ca_says_who_is_asked() {
    let region = Region::new();
    let issuers = |revocation: &str| {
        let text = format!(
            "[[issuer]]\nentity_id = \"https://sts.example.org\"\nca = \"region.pem\"\nsubject = \"O=*, CN=STS *\"\n\
             {revocation}\n"
        );
        fs::write(region.folder.join("issuers.toml"), text).expect("written");
        region.path("issuers.toml")
    };
    let serving = |revocation: &str| prepared().setting("xua.issuers", &issuers(revocation)).start();
    let refused = serving("").err().expect("it does not start");
    for named in ["xua.issuers", "https://sts.example.org", "crl_files", "revocation = \"none\""] {
        assert!(refused.contains(named), "{named}: {refused}");
    }
    drop(serving("revocation = \"none\"").expect("it was said that nobody asks"));
    region.write_crl(&region.authority.crl(&[], (-1, 24)));
    drop(serving("crl_files = [\"region.crl\"]").expect("there is a list"));

    let doctor = |revocation: &str| {
        let configured =
            format!("[xua]\nissuers = {:?}\naudiences = [\"https://xds.example.org\"]\n", issuers(revocation));
        fs::write(region.folder.join("knoop.toml"), configured).expect("written");
        text(&run(&region.folder, &["doctor"]).stdout)
    };
    let told = doctor("revocation = \"none\"");
    assert!(told.contains("authority https://sts.example.org: revocation = \"none\", so nobody asks"), "{told}");
    let told = doctor("crl_files = [\"region.crl\"]");
    assert!(told.contains("authority https://sts.example.org: its CRL is fresh until"), "{told}");
    let told = doctor("crl_files = [\"other.crl\"]");
    let missing =
        |line: &str| line.starts_with("BAD") && line.contains("https://sts.example.org") && line.contains("other.crl");
    assert!(told.lines().any(missing), "{told}");
    let told = doctor("");
    assert!(told.lines().any(|line| line.starts_with("BAD") && line.contains("crl_files")), "{told}");
}

fn the_system_trusts_nobody_for_us() {
    let server = started(prepared());
    let here = scratch::directory("no-system-trust");
    let url = format!("https://{}/xds", https(&server).replace("127.0.0.1", "localhost"));
    let output = run(&here, &["find", "--from", &url, "--patient", PATIENT]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nothing says which certificates to trust"), "{}", text(&output.stderr));
    let file = |name: &str| server.prepared.pki_file(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let output =
        run(&here, &["find", "--from", &url, "--patient", PATIENT, "--ca", &ca, "--cert", &cert, "--key", &key]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = run(&here, &["find", "--from", &url, "--patient", PATIENT, "--ca", &ca]);
    assert_eq!(output.status.code(), Some(3), "without a certificate of its own");
}

/// Passes the eleven-test.
const PATIENT: &str = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";
