//! S-IN-02: clients that are slow, on purpose or not, are given up; others are served meanwhile.

use std::{
    fs,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;

use crate::{
    harness::{
        Query, TestServer,
        calls::retrieve_xml,
        http::{Connection, post_head},
        plain,
        sample::{self, Submission},
        servers::Store,
        soap::{self, Transaction},
    },
    iti41::{provided, repository_of},
};

/// Longer than anything here takes; reached only when a server does not do what it must.
const DEADLINE: Duration = Duration::from_secs(60);
/// What a slow client does in place of sending on.
const PAUSE: Duration = Duration::from_millis(50);

pub fn trials() -> Vec<Trial> {
    plain![
        s_in_02_a_head_that_trickles_is_408,
        s_in_02_a_body_that_stops_is_408,
        s_in_02_a_body_that_trickles_is_408,
        s_in_02_a_body_above_the_pace_is_taken,
        s_in_02_a_reader_of_a_document_that_stops_is_given_up,
        s_in_02_a_reader_of_a_query_that_stops_gives_its_room_back,
    ]
    .into()
}

fn server(more: &[(&str, &str)]) -> TestServer {
    let limits = [("limits.headers_timeout", "1 s"), ("limits.body_window", "1 s"), ("limits.body_pace", "2 KiB")];
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory");
    let settings = limits.iter().chain(more);
    settings.fold(prepared, |prepared, (key, value)| prepared.setting(key, value)).start().expect("it starts")
}

fn query() -> Vec<u8> {
    let xml = Query::find_documents(&sample::patient()).xml();
    soap::envelope(Transaction::Iti18.action(), &sample::uuid(), &xml).into_bytes()
}

fn serves_others(server: &TestServer) {
    server.query(&Query::find_documents(&sample::patient())).expect_success();
}

/// Sends octet after octet until there is an answer.
fn trickle(connection: &mut Connection, octets: &[u8]) -> u16 {
    for octet in octets {
        if !connection.is_quiet_for(PAUSE) {
            break;
        }
        connection.send(&[*octet]).expect("sent");
    }
    connection.receive().expect("an answer").status
}

fn s_in_02_a_head_that_trickles_is_408() {
    let server = server(&[]);
    let head = "POST /xds HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned() + &"x".repeat(5000);
    let mut connection = Connection::open(&server.address).expect("connected");
    assert_eq!(trickle(&mut connection, head.as_bytes()), 408);
    assert!(connection.is_closed());
    serves_others(&server);
}

fn s_in_02_a_body_that_stops_is_408() {
    let server = server(&[]);
    let body = query();
    let head = post_head(&server.address, "/xds", "application/soap+xml", body.len());
    // More than the server has threads.
    let mut stopped: Vec<Connection> = (0..40)
        .map(|_| {
            let mut connection = Connection::open(&server.address).expect("connected");
            connection.send(head.replace("Connection: close\r\n", "").as_bytes()).expect("sent");
            connection.send(&body[..body.len() - 1]).expect("sent");
            connection
        })
        .collect();
    serves_others(&server);
    for connection in &mut stopped {
        assert_eq!(connection.receive().expect("an answer").status, 408);
        assert!(connection.is_closed());
    }
    serves_others(&server);
}

fn s_in_02_a_body_that_trickles_is_408() {
    let server = server(&[]);
    let head = post_head(&server.address, "/xds", "application/soap+xml", 100_000);
    let mut connection = Connection::open(&server.address).expect("connected");
    connection.send(head.as_bytes()).expect("sent");
    assert_eq!(trickle(&mut connection, &[b' '; 5000]), 408);
    assert!(connection.is_closed());
    serves_others(&server);
}

fn s_in_02_a_body_above_the_pace_is_taken() {
    let server = server(&[]);
    let text = String::from_utf8(query()).expect("UTF-8");
    let body = text.replace("</soap:Envelope>", &format!("<!--{}--></soap:Envelope>", "x".repeat(60_000)));
    let mut connection = Connection::open(&server.address).expect("connected");
    let head = post_head(&server.address, "/xds", "application/soap+xml", body.len());
    connection.send(head.as_bytes()).expect("sent");
    let began = Instant::now();
    // 2 KiB in each pause: about 40 KiB a second, for longer than the window.
    for part in body.as_bytes().chunks(2048) {
        assert!(connection.is_quiet_for(PAUSE), "answered before the body had ended");
        connection.send(part).expect("sent");
    }
    assert!(began.elapsed() > Duration::from_secs(1));
    assert_eq!(connection.receive().expect("an answer").status, 200);
}

/// A client that takes the head of its answer and nothing more.
fn stopped_reader(server: &TestServer, transaction: Transaction, body: &str) -> Connection {
    let message = soap::envelope(transaction.action(), &sample::uuid(), body);
    let mut connection = Connection::open(&server.address).expect("connected");
    let head = post_head(&server.address, transaction.path(), &transaction.simple_content_type(), message.len());
    connection.send(&[head.as_bytes(), message.as_bytes()].concat()).expect("sent");
    connection
}

/// Files of the document store that the server has open.
fn open_documents(server: &TestServer) -> usize {
    let folder = server.prepared.data.join("documents");
    let descriptors = format!("/proc/{}/fd", server.pid().expect("it runs"));
    let links =
        fs::read_dir(descriptors).expect("a list").flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|path| path.starts_with(&folder)).count()
}

fn s_in_02_a_reader_of_a_document_that_stops_is_given_up() {
    let server = server(&[]);
    let (patient, document) = provided(&server, &vec![b'x'; 24 << 20]);
    let body = retrieve_xml(&[(None, &repository_of(&server, &patient), &document.unique_id())]);
    let mut reader = stopped_reader(&server, Transaction::Iti43, &body);
    let head = reader.interim().expect("an answer begins");
    let began = Instant::now();
    for is_open in [true, false] {
        while (open_documents(&server) > 0) != is_open {
            assert!(began.elapsed() < DEADLINE, "the document is open: {}", !is_open);
            serves_others(&server);
        }
    }
    assert!(reader.body(head).expect("a part of the answer").cut_short);
}

fn s_in_02_a_reader_of_a_query_that_stops_gives_its_room_back() {
    // Room for one large answer.
    let server = server(&[("limits.answer", "8 MiB"), ("limits.answers", "8 MiB")]);
    let patient = sample::patient();
    let values = vec!["x".repeat(250); 20_000];
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let document = sample::document(&patient).slot("urn:example:long", &values);
    server.register(&Submission::with(&patient, &[&document])).expect_success();
    let query = Query::find_documents(&patient);
    let mut reader = stopped_reader(&server, Transaction::Iti18, &query.xml());
    let head = reader.interim().expect("an answer begins");
    let began = Instant::now();
    loop {
        serves_others(&server);
        let answer = server.query(&query);
        if answer.status() == "Success" {
            break;
        }
        answer.expect_refused("XDSRegistryBusy", &["try again"]);
        assert!(began.elapsed() < DEADLINE, "the room is still taken");
    }
    assert!(reader.body(head).expect("a part of the answer").cut_short);
}
