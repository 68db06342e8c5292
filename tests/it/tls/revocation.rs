//! Lists of revoked certificates: taken, fetched, too old, and what no certificate may make us do.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use libtest_mimic::Trial;
use openssl::{nid::Nid, ssl::SslVersion};

use super::{LET_IN, Region, is_refused, now_s, only, prepared, run, started, text};
use crate::harness::{
    certificates::{Issued, Wanted},
    http::Connection,
    plain,
    servers::{Prepared, until},
    tls::{Client, get_wsdl, https},
    trail,
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_13_revoked_or_without_a_list_is_refused,
        s_tls_13_soft_fail_is_audited_once_a_day_for_each_peer,
        s_tls_13_a_list_is_fetched_and_kept,
        s_tls_13_a_revoked_client_is_out_within_one_reload,
        s_tls_14_no_address_in_a_certificate_is_called
    ]
    .into()
}

fn s_tls_13_revoked_or_without_a_list_is_refused() {
    let region = Region::new();
    let (good, bad) = (region.authority.issue(&Wanted::default()), region.authority.issue(&Wanted::default()));
    let list = |hours| region.authority.crl(&[&bad.certificate], hours);
    let (good, revoked) = (Client::new(&good, &[]), Client::new(&bad, &[]));
    // No list at all: nobody under this authority.
    let server = started(region.asked_by(prepared()));
    is_refused(&good, &server, "no_crl");
    for (hours, of_good) in [((-1, 24), None), ((-24, -12), None), ((-72, -48), Some("crl_too_old"))] {
        region.write_crl(&list(hours));
        server.reload();
        match of_good {
            None => assert_eq!(good.status(&server), LET_IN, "{hours:?}"),
            Some(reason) => is_refused(&good, &server, reason),
        }
        is_refused(&revoked, &server, "revoked");
    }
    drop(server);
    let server = started(region.asked_by(prepared()).setting("tls.trust.region.crl_soft_fail", "true"));
    for _ in 0..3 {
        assert_eq!(good.status(&server), LET_IN, "soft-fail");
    }
    until(|| server.log_text().contains("is not known: the newest CRL"));
    is_refused(&revoked, &server, "revoked");
}

fn s_tls_13_soft_fail_is_audited_once_a_day_for_each_peer() {
    let region = Region::new();
    let wanted = |common_name| Wanted { common_name, ..Wanted::default() };
    let issued = ["one", "two", "stolen"].map(|name| region.authority.issue(&wanted(name)));
    region.write_crl(&region.authority.crl(&[&issued[2].certificate], (-72, -48)));
    let [one, two, stolen] = issued.map(|issued| Client::new(&issued, &[]));
    let server = started(region.asked_by(prepared()).setting("tls.trust.region.crl_soft_fail", "true"));
    for _ in 0..3 {
        assert_eq!((one.status(&server), two.status(&server)), (LET_IN, LET_IN));
    }
    is_refused(&stolen, &server, "revoked");
    let told: Vec<_> = trail::events(&server, &["--event", "110126"])
        .into_iter()
        .filter(|event| trail::text(event, "/reason").starts_with("knoop:TLS-"))
        .map(|event| {
            assert_eq!(trail::text(&event, "/event_id/code"), "110113", "a security alert: {event}");
            assert_eq!(trail::text(&event, "/objects/0/details/0/1"), trail::text(&event, "/reason"));
            assert_eq!(trail::text(&event, "/participants/1/network/Ip"), "127.0.0.1");
            let [reason, outcome, peer] =
                ["/reason", "/outcome", "/participants/1/user_id"].map(|place| trail::text(&event, place).to_owned());
            (reason, outcome, peer)
        })
        .collect();
    let event = |reason: &str, outcome: &str, name: &str| {
        (reason.to_owned(), outcome.to_owned(), format!("CN={name},O=Invented"))
    };
    let unknown = "knoop:TLS-CRL-TOO-OLD accepted, and whether its certificate was revoked is not known: the newest CRL of an \
                   authority in the chain is too old";
    let expected = [
        event(unknown, "Minor", "one"),
        event(unknown, "Minor", "two"),
        event("knoop:TLS-REVOKED the certificate was revoked", "Serious", "stolen"),
    ];
    assert_eq!(
        told.iter().filter(|(reason, ..)| !reason.contains("NOT-MAPPED")).cloned().collect::<Vec<_>>(),
        expected
    );
}

/// An HTTP server of one file; how often it was asked.
fn publish(octets: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", octets.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&octets));
        }
    });
    (format!("http://{address}/region.crl"), asked)
}

fn s_tls_13_a_list_is_fetched_and_kept() {
    let region = Region::new();
    let (good, bad) = (region.authority.issue(&Wanted::default()), region.authority.issue(&Wanted::default()));
    let (url, asked) = publish(region.authority.crl(&[&bad.certificate], (-1, 24)).to_der().expect("DER"));
    let trusting = |prepared: Prepared, url: &str| {
        prepared.setting("tls.trust.region.file", &region.path("region.pem")).setting("tls.trust.region.crl_urls", url)
    };
    let server = started(trusting(prepared(), &url));
    until(|| server.generation() >= 1.0);
    assert_eq!(Client::new(&good, &[]).status(&server), LET_IN);
    is_refused(&Client::new(&bad, &[]), &server, "revoked");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // What was fetched is there at the next start, before anybody is asked.
    let kept: Vec<_> = fs::read_dir(server.prepared.data.join("crl")).expect("a folder").collect();
    assert_eq!(kept.len(), 1);
    drop(server);

    // Another's list is not taken.
    let forger = Issued::root("region", now_s());
    let (url, _) = publish(forger.crl(&[], (-1, 24)).to_der().expect("DER"));
    let server = started(trusting(prepared(), &url));
    until(|| server.log_text().contains("its signature is wrong"));
    is_refused(&Client::new(&good, &[]), &server, "no_crl");
}

fn s_tls_13_a_revoked_client_is_out_within_one_reload() {
    let server = started(prepared());
    let client = Client::of_init(&server.prepared, "client");
    let mut connections: Vec<_> = [SslVersion::TLS1_2, SslVersion::TLS1_3]
        .map(|version| client.connect_with(https(&server), |tls| only(tls, version)).expect("connected"))
        .into_iter()
        .map(Connection::over)
        .collect();
    for connection in &mut connections {
        assert_eq!(get_wsdl(connection).expect("answered").status, 200);
    }
    let mut other =
        Connection::over(Client::of_init(&server.prepared, "operator").connect(https(&server)).expect("in"));
    assert_eq!(get_wsdl(&mut other).expect("answered").status, 200);

    let file = server.prepared.pki_file("").parent().expect("a folder").join("knoop.toml");
    let certificate = server.prepared.pki_file("client.pem");
    let arguments = ["init", &file.display().to_string(), "--revoke", &certificate.display().to_string()];
    let output = run(Path::new("/"), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    server.reload();

    is_refused(&client, &server, "revoked");
    for mut connection in connections {
        let response = get_wsdl(&mut connection).expect("answered");
        assert_eq!((response.status, response.header("connection")), (403, Some("close")));
        assert!(connection.is_closed());
    }
    assert_eq!(get_wsdl(&mut other).expect("answered").status, 200, "another one stays");
    // The reason is told where a person looks.
    assert!(server.log_text().contains("a client whose connection was open was refused: the certificate was revoked"));
}

fn s_tls_14_no_address_in_a_certificate_is_called() {
    let region = Region::new();
    region.write_crl(&region.authority.crl(&[], (-1, 24)));
    let (url, asked) = publish(Vec::new());
    let points = format!("URI:{url}");
    let pointing = Wanted { extension: Some((Nid::CRL_DISTRIBUTION_POINTS, &points)), ..Wanted::default() };
    let access = format!("OCSP;URI:{url},caIssuers;URI:{url}");
    let telling = Wanted { extension: Some((Nid::INFO_ACCESS, &access)), ..Wanted::default() };
    let server = started(region.asked_by(prepared()));
    for wanted in [&pointing, &telling] {
        assert_eq!(region.client(wanted).status(&server), LET_IN);
    }
    server.reload();
    assert_eq!(region.client(&pointing).status(&server), LET_IN);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
