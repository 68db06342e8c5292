//! Nodes behind certificates: who is let in, what they may do, and how much.

use std::{
    cell::{Cell, RefCell},
    fs, io,
    net::TcpStream,
    path::PathBuf,
    process::Output,
};

use libtest_mimic::Trial;
use openssl::{asn1::Asn1Time, hash::MessageDigest, ssl::SslStream};
use serde_json::Value;

use crate::harness::{
    Answer, Query, TestServer,
    calls::{include, provide_xml},
    certificates::{Issued, Wanted},
    http::{self, Connection, Response},
    plain,
    sample::{self, Submission},
    scratch,
    servers::{Store, until},
    soap::{self, Part, Transaction},
    tls::{Client, https},
    trail,
    trials::own,
};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = plain![
        s_tls_16_a_trusted_certificate_without_a_node_is_403_and_audited_once,
        s_tls_16_certificates_of_nodes_are_answered_however_they_are_named,
        s_tls_17_a_suspended_node_is_refused_on_an_open_connection,
        s_tls_17_a_node_that_is_suspended_while_its_request_comes_is_refused,
        s_in_04_a_consumer_sends_no_documents_ahead,
        s_tls_17_a_node_calls_from_its_own_addresses,
        s_in_36_a_node_beyond_its_rate_is_put_off,
        s_tls_19_changes_of_nodes_are_audited,
        what_init_made_is_let_in_until_somebody_says_who_may,
    ]
    .into();
    all.extend(own(module_path!(), "s_tls_17_a_consumer_may_not_submit", s_tls_17_a_consumer_may_not_submit));
    all
}

/// A server that trusts an authority of its own, and one pinned certificate.
pub struct Region {
    authority: Issued,
    pinned: Issued,
    pub server: TestServer,
    folder: PathBuf,
}

impl Region {
    /// With these settings.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Self::on(Store::Sqlite, settings)
    }

    /// The same on this store.
    fn on(store: Store, settings: &[(&str, &str)]) -> Self {
        let folder = scratch::directory(&format!("nodes-{:x}", sample::number()));
        let (authority, pinned) = (Issued::root("region", now_s()), Issued::self_signed(&named("pinned"), now_s()));
        let prepared = TestServer::prepare(store).expect("the store is there").with_tls();
        let region = |name: &str, issued: &Issued| {
            let file = folder.join(name);
            fs::write(&file, issued.pem()).expect("written");
            file.display().to_string()
        };
        let prepared = settings.iter().fold(prepared, |prepared, (key, value)| prepared.setting(key, value));
        let server = prepared
            .setting("tls.trust.region.file", &region("region.pem", &authority))
            .setting("tls.trust.region.revocation", "none")
            .setting("tls.pinned_files", &region("pinned.pem", &pinned))
            .start()
            .expect("the server starts");
        Self { authority, pinned, server, folder }
    }

    /// A command that must succeed.
    #[track_caller]
    pub fn knoop(&self, arguments: &[&str]) -> Output {
        let data = self.server.prepared.data.display().to_string();
        let output = self.server.prepared.command(arguments).args(["--data", &data]).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Adds a node, and waits until the server lets it in.
    #[track_caller]
    fn admit(&self, name: &str, issued: &Issued, certificate: &[&str], more: &[&str]) -> Client {
        self.admit_of("2.999.7", name, issued, certificate, more)
    }

    #[track_caller]
    fn admit_of(&self, organisation: &str, name: &str, issued: &Issued, certificate: &[&str], more: &[&str]) -> Client {
        let arguments = ["node", "add", name, "--organisation", organisation, "--organisation-name", "Sint Fictief"];
        self.knoop(&[&arguments[..], &["--category", "ziekenhuis"], certificate, more].concat());
        let client = Client::new(issued, &[]);
        until(|| client.status(&self.server) == Ok(200));
        client
    }

    /// A node of this name with a certificate of the authority.
    #[track_caller]
    pub fn node(&self, name: &str, more: &[&str]) -> Client {
        self.node_of(name, "2.999.7", more)
    }

    /// The same of another organisation.
    #[track_caller]
    pub fn node_of(&self, name: &str, organisation: &str, more: &[&str]) -> Client {
        let issued = self.authority.issue(&named(name));
        let file = self.folder.join(format!("{name}.pem"));
        fs::write(&file, issued.pem()).expect("written");
        self.admit_of(organisation, name, &issued, &["--certificate", file.to_str().expect("UTF-8")], more)
    }

    pub fn events(&self) -> Vec<Value> {
        trail::events(&self.server, &[])
    }

    pub fn connect(&self, client: &Client) -> Connection<SslStream<TcpStream>> {
        Connection::over(client.connect(https(&self.server)).expect("connected"))
    }

    pub fn post(&self, client: &Client, transaction: Transaction, body: &str) -> Answer {
        Answer::read(post(&mut self.connect(client), transaction, body).expect("an answer"))
    }
}

fn now_s() -> i64 {
    let now = Asn1Time::days_from_now(0).expect("a time");
    let since = Asn1Time::from_unix(0).expect("a time").diff(&now).expect("a difference");
    i64::from(since.days) * 86_400 + i64::from(since.secs)
}

fn named(common_name: &str) -> Wanted<'_> {
    Wanted { common_name, ..Wanted::default() }
}

/// A SIMPLE SOAP request on a connection that stays open.
fn post<S: io::Read + io::Write>(
    connection: &mut Connection<S>,
    transaction: Transaction,
    body: &str,
) -> io::Result<Response> {
    let envelope = soap::envelope(transaction.action(), &sample::uuid(), body);
    let head = http::post_head("localhost", transaction.path(), &transaction.simple_content_type(), envelope.len());
    connection.send(head.replace("Connection: close\r\n", "").as_bytes())?;
    connection.send(envelope.as_bytes())?;
    connection.receive()
}

pub fn query() -> String {
    Query::find_documents(&sample::patient()).xml()
}

pub fn registration() -> String {
    let patient = sample::patient();
    Submission::with(&patient, &[&sample::document(&patient)]).xml()
}

fn code(event: &Value) -> &str {
    event.pointer("/event_types/0/code").and_then(Value::as_str).unwrap_or_default()
}

fn s_tls_16_a_trusted_certificate_without_a_node_is_403_and_audited_once() {
    let region = Region::new(&[]);
    let issued = region.authority.issue(&named("stranger"));
    let stranger = Client::new(&issued, &[]);
    for _ in 0..3 {
        let mut connection = region.connect(&stranger);
        // What is no SOAP at all gets the same answer: nothing is read.
        let head = http::post_head("localhost", "/xds", "application/soap+xml", 1);
        connection.send(format!("{head}<").as_bytes()).expect("sent");
        let response = connection.receive().expect("an answer");
        assert_eq!((response.status, response.body.len()), (403, 0));
    }
    let fingerprint = issued.certificate.digest(MessageDigest::sha256()).expect("a digest");
    let fingerprint: String = fingerprint.iter().map(|octet| format!("{octet:02x}")).collect();
    let log = region.server.log_text();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("did not let a node in")).collect();
    assert_eq!(told.len(), 1, "S-TLS-22: {told:?}");
    assert!(told[0].contains(&fingerprint) && told[0].contains("CN=stranger"), "{}", told[0]);
    let events = region.events();
    let failures: Vec<&Value> = events.iter().filter(|event| code(event) == "110126").collect();
    let [failure] = failures[..] else { panic!("S-TLS-22: {failures:?}") };
    assert_eq!((failure["outcome"].as_str(), failure["event_id"]["code"].as_str()), (Some("Serious"), Some("110113")));
    assert!(failure.to_string().contains("CN=stranger"), "{failure}");
    // What the log says is all that the operator needs.
    region.admit("no-stranger", &issued, &["--fingerprint", &fingerprint], &["--role", "consumer"]);
}

fn s_tls_16_certificates_of_nodes_are_answered_however_they_are_named() {
    let region = Region::new(&[]);
    let role = ["--role", "consumer"];
    let issuer = "CN=region,O=Invented";
    let odd = Wanted { names: "DNS:odd.example", unknown_extension: Some(false), ..named("odd") };
    let by_name = region.authority.issue(&odd);
    let by_serial = region.authority.issue(&named("by-serial"));
    let serial = by_serial.certificate.serial_number().to_bn().and_then(|n| n.to_hex_str()).expect("a number");
    let pinned = region.folder.join("pinned.pem");
    let clients = [
        // An unknown extension and no extended key usage do no harm.
        region.admit("by-name", &by_name, &["--issuer", issuer, "--san", "odd.example"], &role),
        region.admit("by-serial", &by_serial, &["--issuer", issuer, "--serial", &serial], &role),
        // Self-signed and pinned.
        region.admit("pinned", &region.pinned, &["--certificate", pinned.to_str().expect("UTF-8")], &role),
        // A renewed certificate with the same name needs nothing.
        Client::new(&region.authority.issue(&odd), &[]),
    ];
    for client in clients {
        region.post(&client, Transaction::Iti18, &query()).expect_success();
    }
}

fn s_tls_17_a_consumer_may_not_submit(store: Store) {
    let region = Region::on(store, &[]);
    let consumer = region.node("reader", &["--role", "consumer"]);
    region.post(&consumer, Transaction::Iti18, &query()).expect_success();
    let refused = region.post(&consumer, Transaction::Iti42, &registration());
    let reason = refused.expect_fault(400, "Sender", "FailedAuthentication");
    assert_eq!(reason, "this node may not call ITI-42");
    let events = region.events();
    let event = events.iter().rev().find(|event| code(event) == "ITI-42").expect("it is audited");
    assert_eq!(event["outcome"].as_str(), Some("Serious"), "outcome 8: {event}");
    assert_eq!(event["local"]["node"].as_str(), Some("reader"));
    let denied = events.iter().rev().find(|event| code(event) == "110132").expect("a restricted function was used");
    assert_eq!(trail::text(denied, "/reason"), "knoop:CON-NODE the node has no role for this transaction");
    assert_eq!(trail::text(denied, "/objects/0/id"), "urn:knoop:node:reader");
    assert_eq!(trail::text(denied, "/trace_id"), trail::text(event, "/trace_id"));

    // A document of a refused submission is not kept.
    let before = scratch::files_below(&region.server.prepared.data.join("documents")).len();
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let submission = Submission::with(&patient, &[&document]);
    let id = document.id();
    let xml = provide_xml(&submission, &[(&id, include("cid:one@test.invalid"))]);
    let envelope = soap::envelope(Transaction::Iti41.action(), &sample::uuid(), &xml);
    let package =
        soap::package(&[Part::root(&envelope), Part::new("one@test.invalid", "application/octet-stream", b"bytes")]);
    let media = soap::mtom_content_type(Transaction::Iti41.action());
    let mut connection = region.connect(&consumer);
    connection.send(http::post_head("localhost", "/xds", &media, package.len()).as_bytes()).expect("sent");
    connection.send(&package).expect("sent");
    let answer = Answer::read(connection.receive().expect("an answer"));
    answer.expect_fault(400, "Sender", "FailedAuthentication");
    assert_eq!(scratch::files_below(&region.server.prepared.data.join("documents")).len(), before);

    // With the role it may.
    region.knoop(&["node", "change", "reader", "--role", "consumer,repository"]);
    until(|| region.post(&consumer, Transaction::Iti42, &registration()).http.status == 200);
}

fn s_tls_17_a_suspended_node_is_refused_on_an_open_connection() {
    let region = Region::new(&[]);
    let client = region.node("ehr", &["--role", "consumer"]);
    let other = region.node("other", &["--role", "consumer"]);
    let mut connection = region.connect(&client);
    let query = query();
    assert_eq!(post(&mut connection, Transaction::Iti18, &query).expect("an answer").status, 200);
    region.knoop(&["node", "suspend", "ehr"]);
    let connection = RefCell::new(connection);
    let last = Cell::new(200);
    until(|| {
        let answer = post(&mut connection.borrow_mut(), Transaction::Iti18, &query).expect("the connection stays");
        last.set(answer.status);
        // A machine that asks quickly enough is put off in between (S-IN-36).
        !matches!(answer.status, 200 | 503)
    });
    assert_eq!(last.get(), 403);
    assert_eq!(client.status(&region.server), Ok(403), "a new connection as well");
    assert_eq!(other.status(&region.server), Ok(200));
    region.knoop(&["node", "resume", "ehr"]);
    until(|| client.status(&region.server) == Ok(200));
    region.knoop(&["organisation", "suspend", "2.999.7"]);
    until(|| client.status(&region.server) == Ok(403));
    until(|| other.status(&region.server) == Ok(403));
}

fn s_tls_17_a_node_that_is_suspended_while_its_request_comes_is_refused() {
    let region = Region::new(&[]);
    for (name, command, status) in [
        ("ehr", &["node", "suspend", "ehr"][..], 403),
        ("pacs", &["node", "change", "pacs", "--role", "repository"][..], 400),
    ] {
        let client = region.node(name, &["--role", "consumer"]);
        let mut connection = region.connect(&client);
        let transaction = Transaction::Iti18;
        let envelope = soap::envelope(transaction.action(), &sample::uuid(), &query());
        let head = http::post_head("localhost", transaction.path(), &transaction.simple_content_type(), envelope.len());
        let (most, last) = envelope.as_bytes().split_at(envelope.len() - 1);
        connection.send(head.as_bytes()).expect("sent");
        connection.send(most).expect("sent");
        region.knoop(command);
        until(|| region.post(&client, transaction, &query()).http.status != 200);
        connection.send(last).expect("sent");
        assert_eq!(connection.receive().expect("an answer").status, status, "{name}");
    }
}

fn s_in_04_a_consumer_sends_no_documents_ahead() {
    let region = Region::new(&[("limits.spool", "1 MiB")]);
    let (consumer, source) = (region.node("ehr", &["--role", "consumer"]), region.node("pacs", &["--role", "source"]));
    let large = vec![b'l'; 3 << 20];
    let send = |client: &Client, transaction: Transaction, body: &str| {
        let root = Part::root(&soap::envelope(transaction.action(), &sample::uuid(), body));
        let package = soap::package(&[Part::new("d@x", "application/octet-stream", &large), root]);
        let content_type = soap::mtom_content_type(transaction.action());
        let head = http::post_head("localhost", "/xds", &content_type, package.len());
        let mut connection = region.connect(client);
        connection.send(head.as_bytes()).expect("sent");
        connection.send(&package).expect("sent");
        connection.receive().expect("an answer")
    };
    assert_eq!(send(&consumer, Transaction::Iti18, &query()).status, 200, "its part is passed over");
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let body = provide_xml(&Submission::with(&patient, &[&document]), &[(&document.id(), include("cid:d@x"))]);
    let answer = send(&source, Transaction::Iti41, &body);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")), "there is no room for it");
}

fn s_tls_17_a_node_calls_from_its_own_addresses() {
    let region = Region::new(&[]);
    let client = region.node("ehr", &["--role", "consumer", "--address", "127.0.0.0/8"]);
    region.knoop(&["node", "change", "ehr", "--address", "192.0.2.0/24"]);
    until(|| client.status(&region.server) == Ok(403));
    assert!(region.server.log_text().contains("the node may not call from this address"));
    region.knoop(&["node", "change", "ehr", "--address", "none"]);
    until(|| client.status(&region.server) == Ok(200));
}

fn s_in_36_a_node_beyond_its_rate_is_put_off() {
    let region = Region::new(&[]);
    let fast = region.node("fast", &["--role", "consumer", "--rate", "1", "--burst", "2"]);
    let other = region.node("other", &["--role", "consumer"]);
    let query = query();
    let mut connection = region.connect(&fast);
    let statuses: Vec<u16> = (0..12)
        .map(|_| {
            let answer = post(&mut connection, Transaction::Iti18, &query).expect("an answer");
            assert_eq!(answer.header("retry-after").is_some(), answer.status == 503, "{:?}", answer.headers);
            answer.status
        })
        .collect();
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.contains(&503), "{statuses:?}");
    let mut connection = region.connect(&other);
    for _ in 0..12 {
        assert_eq!(post(&mut connection, Transaction::Iti18, &query).expect("an answer").status, 200);
    }
    let refusals = region.knoop(&["refusals", "--json"]);
    let refusals: Value = serde_json::from_slice(&refusals.stdout).expect("JSON");
    let put_off = refusals["refusals"].as_array().expect("a list").iter().filter(|it| it["code"] == "HTTP 503");
    assert_eq!(put_off.map(|it| it["node"].as_str()).collect::<Vec<_>>(), [Some("fast")], "a flood is told once");
}

fn s_tls_19_changes_of_nodes_are_audited() {
    let region = Region::new(&[]);
    region.node("ehr", &["--role", "consumer"]);
    region.knoop(&["node", "change", "ehr", "--role", "consumer,source", "--rate", "7"]);
    region.knoop(&["node", "suspend", "ehr"]);
    region.knoop(&["organisation", "set", "2.999.7", "--category", "ggz"]);
    region.knoop(&["node", "remove", "ehr"]);
    let of_ours = |event: &Value| {
        let text = event.to_string();
        text.contains("urn:knoop:node:ehr") || text.contains("urn:oid:2.999.7")
    };
    let told: Vec<String> = region
        .events()
        .iter()
        .filter(|event| ["110129", "110136"].contains(&code(event)) && of_ours(event))
        .map(|event| {
            let detail = event["objects"][0]["details"][0][1].as_str().unwrap_or_default();
            format!("{} {}", code(event), detail.split(" (").next().unwrap_or_default())
        })
        .collect();
    let expected = [
        "110129 organisation 2.999.7 was added",
        "110129 node ehr was added",
        "110129 node ehr was changed: roles, settings",
        "110136 node ehr was changed: roles, settings",
        "110129 node ehr is suspended",
        "110129 organisation 2.999.7 was changed",
        "110129 node ehr was removed",
    ];
    assert_eq!(told, expected);
    region.knoop(&["audit", "verify"]);
}

fn what_init_made_is_let_in_until_somebody_says_who_may() {
    let start = || TestServer::prepare(Store::Sqlite).expect("SQLite is always there").with_tls();
    let server = start().start().expect("started");
    let client = Client::of_init(&server.prepared, "client");
    assert_eq!(client.status(&server), Ok(200));
    assert_eq!(Client::of_init(&server.prepared, "operator").status(&server), Ok(200));
    assert!(server.log_text().contains("node development-client was added; knoop node remove takes it away"));
    // What was taken away does not come back.
    let data = server.prepared.data.display().to_string();
    let removed = server.prepared.command(&["node", "remove", "development-client", "--data", &data]).status();
    assert!(removed.expect("it starts").success());
    until(|| client.status(&server) == Ok(403));
    let server = server.restart().expect("started again");
    assert_eq!(client.status(&server), Ok(403));
}
