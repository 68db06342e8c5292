//! LMTP as it is spoken, and as it is not. Source: RFC 2033, RFC 5321.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
};

use libtest_mimic::Trial;

use crate::{
    harness::{
        TestServer, plain, scratch,
        servers::{Prepared, Store, until},
    },
    pickup::{json, knoop},
};

pub fn trials() -> Vec<Trial> {
    plain![
        rfc_2033_each_addressee_has_a_reply_and_the_mail_is_kept_once,
        commands_out_of_order_and_garbage_are_answered,
        the_lines_of_a_mail_arrive_as_they_were_sent,
        r_32_31_a_mail_that_is_too_long_is_refused,
        a_mail_that_breaks_off_leaves_nothing,
        few_connections_at_once,
        who_says_nothing_is_sent_away,
        it_is_closed_unless_it_is_asked_for,
    ]
    .into()
}

fn prepared() -> Prepared {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a store");
    prepared.setting("email.lmtp", "127.0.0.1:0").setting("email.recipients", "a@here.example, b@here.example")
}

struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// A connection that was greeted.
    fn with(server: &TestServer) -> Self {
        let mut talk = Self::silent(server);
        assert!(talk.reply().starts_with("220 "));
        talk
    }

    fn silent(server: &TestServer) -> Self {
        let stream = TcpStream::connect(server.lmtp.as_deref().expect("it takes mail")).expect("connected");
        Self { stream: BufReader::new(stream) }
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).expect("sent");
    }

    /// A line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.stream.read_line(&mut line);
        line.trim_end().to_owned()
    }

    /// The last line of a reply.
    fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    #[track_caller]
    fn says(&mut self, command: &str, reply: &str) {
        self.send(format!("{command}\r\n").as_bytes());
        let found = self.reply();
        assert!(found.starts_with(reply), "{command}: {found}");
    }

    /// Up to where the mail itself begins.
    fn begin(server: &TestServer) -> Self {
        let mut talk = Self::with(server);
        talk.says("LHLO relay.example", "250 ");
        talk.says("MAIL FROM:<x@there.example>", "250");
        talk.says("RCPT TO:<a@here.example>", "250");
        talk.says("DATA", "354");
        talk
    }
}

/// Files of mails that are kept or on their way.
fn files(server: &TestServer) -> Vec<std::path::PathBuf> {
    scratch::files_below(&server.prepared.data.join("xdm/received"))
}

fn rfc_2033_each_addressee_has_a_reply_and_the_mail_is_kept_once() {
    let server = prepared().start().expect("a server");
    let mut talk = Talk::with(&server);
    talk.send(b"LHLO relay.example\r\n");
    let offers: Vec<String> = std::iter::repeat_with(|| talk.line()).take(5).collect();
    for word in ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 20971520"] {
        assert!(offers.iter().any(|line| line.get(4..) == Some(word)), "{offers:?}");
    }
    // All at once, as PIPELINING allows.
    talk.send(
        b"MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<a@here.example>\r\nRCPT TO:<c@here.example>\r\n\
          RCPT TO:<B@HERE.example>\r\nDATA\r\n",
    );
    for code in ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354"] {
        let reply = talk.reply();
        assert!(reply.starts_with(code), "{reply}");
    }
    talk.send(b"From: x@there.example\r\n\r\nhello\r\n.\r\nNOOP\r\n");
    for code in ["250 2.0.0 kept", "250 2.0.0 kept", "250"] {
        let reply = talk.reply();
        assert!(reply.starts_with(code), "{reply}");
    }
    talk.says("QUIT", "221");
    assert_eq!(talk.line(), "", "it is closed");
    let listed = || json(&knoop(&server.prepared, &["mails", "--received", "--json"]));
    until(|| listed()[0]["state"] == "refused");
    assert_eq!(listed().as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&listed()[0]["problem"], &listed()[0]["recipient"]),
        (&"XdmSignatureInvalid".into(), &"a@here.example".into())
    );
    assert_eq!(listed()[0]["receiptTo"], serde_json::Value::Null);
}

fn commands_out_of_order_and_garbage_are_answered() {
    let server = prepared().start().expect("a server");
    let mut talk = Talk::with(&server);
    for (command, reply) in [
        ("MAIL FROM:<x@there.example>", "503 5.5.1"),
        ("EHLO relay.example", "500 5.5.1"),
        ("LHLO", "501"),
        ("LHLO relay.example", "250"),
        ("RCPT TO:<a@here.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<x@there.example>", "250"),
        ("MAIL FROM:<x@there.example>", "503"),
        ("RCPT TO:<nobody@here.example>", "550 5.1.1"),
        ("DATA", "503 5.5.1"),
        ("RSET", "250"),
        ("RCPT TO:<a@here.example>", "503"),
        ("MAIL FROM:<x@there.example> SMTPUTF8", "555"),
        ("VRFY a", "252"),
        ("\u{1}\u{2}\u{0}", "500 5.5.2"),
    ] {
        talk.says(command, reply);
    }
    talk.says(&"x".repeat(5_000), "500 5.5.6");
    assert_eq!(talk.line(), "", "nothing can be made of what comes then");
    let mut talk = Talk::with(&server);
    let mut last = String::new();
    for _ in 0..30 {
        talk.send(b"\x00\xff\xfe\r\n");
        let line = talk.line();
        if line.is_empty() {
            break;
        }
        last = line;
    }
    assert!(last.starts_with("421 4.7.0"), "{last}");
    // Whatever comes without a word, or breaks off, harms nobody else.
    for octets in
        [&b"\r\n\r\n"[..], &[0xff; 100_000], b"LHLO x\r\nMAIL FROM:<", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
    {
        let mut talk = Talk::with(&server);
        let _ = talk.stream.get_mut().write_all(octets);
        let _ = talk.stream.get_mut().shutdown(Shutdown::Write);
        let _ = talk.stream.read_to_end(&mut Vec::new());
    }
    Talk::with(&server).says("NOOP", "250");
    assert!(files(&server).is_empty());
}

fn the_lines_of_a_mail_arrive_as_they_were_sent() {
    let server = prepared().start().expect("a server");
    let mut talk = Talk::begin(&server);
    // A bare LF ends no line: what a sender puts behind it is part of the mail (SMTP smuggling).
    let smuggled = "\n.\nMAIL FROM:<evil@there.example>\r\n..\r\n.\n";
    talk.send(format!("From: x@there.example\r\n\r\n..one dot\r\n{smuggled}\u{e9}\r\n.\r\n").as_bytes());
    let reply = talk.reply();
    assert!(reply.starts_with("250"), "{reply}");
    talk.says("NOOP", "250 2.0.0 nothing");
    until(|| files(&server).len() == 1);
    let kept = fs::read(&files(&server)[0]).expect("it is there");
    let expected = "From: x@there.example\r\n\r\n.one dot\r\n\n.\nMAIL FROM:<evil@there.example>\r\n.\r\n\n\u{e9}\r\n";
    assert_eq!(String::from_utf8_lossy(&kept), expected);
}

fn r_32_31_a_mail_that_is_too_long_is_refused() {
    let server = prepared().setting("email.max_bytes", "100 KiB").start().expect("a server");
    let mut talk = Talk::with(&server);
    talk.says("LHLO relay.example", "250 SIZE 102400");
    talk.says("MAIL FROM:<x@there.example> SIZE=102401", "552 5.3.4");
    talk.says("MAIL FROM:<x@there.example>", "250");
    talk.says("RCPT TO:<a@here.example>", "250");
    talk.says("RCPT TO:<b@here.example>", "250");
    talk.says("DATA", "354");
    talk.send(&b"0123456789012345678901234567890123456789\r\n".repeat(3_000));
    talk.send(b".\r\n");
    for _ in 0..2 {
        let reply = talk.reply();
        assert!(reply.starts_with("552 5.3.4"), "{reply}");
    }
    talk.says("NOOP", "250");
    assert!(files(&server).is_empty());
    // What has no end at all is not read for ever.
    let mut talk = Talk::begin(&server);
    while talk.stream.get_mut().write_all(&[b'x'; 65_536]).is_ok() {}
    assert!(files(&server).is_empty());
    assert_eq!(json(&knoop(&server.prepared, &["mails", "--received", "--json"])), serde_json::json!([]));
}

fn a_mail_that_breaks_off_leaves_nothing() {
    let server = prepared().start().expect("a server");
    let mut talk = Talk::begin(&server);
    talk.send(b"From: x@there.example\r\n\r\nhel");
    until(|| files(&server).len() == 1);
    drop(talk);
    until(|| files(&server).is_empty());
    // Killed in between, it leaves a file that is nobody's, which the next start takes away.
    let mut talk = Talk::begin(&server);
    talk.send(b"From: x@there.example\r\n\r\nhel");
    until(|| files(&server).len() == 1);
    server.kill();
    let server = server.restart().expect("a server");
    assert!(files(&server).is_empty());
}

fn few_connections_at_once() {
    let server = prepared().setting("email.lmtp_connections", "2").start().expect("a server");
    let (mut first, _second) = (Talk::with(&server), Talk::with(&server));
    let mut third = Talk::silent(&server);
    assert!(third.reply().starts_with("421 4.3.2"));
    first.says("QUIT", "221");
    // Its place is free as soon as it is closed on both sides.
    until(|| Talk::silent(&server).reply().starts_with("220"));
}

fn who_says_nothing_is_sent_away() {
    let server = prepared().setting("email.lmtp_timeout", "300 ms").start().expect("a server");
    let mut talk = Talk::with(&server);
    assert!(talk.reply().starts_with("421 4.4.2"));
    let mut talk = Talk::begin(&server);
    talk.send(b"From: x@there.example\r\n");
    let reply = talk.reply();
    assert!(reply.starts_with("421 4.4.2"), "{reply}");
    until(|| files(&server).is_empty());
}

fn it_is_closed_unless_it_is_asked_for() {
    let server = TestServer::prepare(Store::Sqlite).and_then(Prepared::start).expect("a server");
    assert_eq!(server.lmtp, None);
    let beyond = TestServer::prepare(Store::Sqlite).expect("a store").setting("email.lmtp", "0.0.0.0:0");
    let why = beyond.start().err().expect("it does not start");
    assert!(why.contains("email.lmtp_elsewhere"), "{why}");
}
