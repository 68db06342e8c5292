//! Packages by mail: to a relay that is another program, opened with `openssl cms` and Python, and the other way round; and
//! mail that comes in by LMTP.

mod conversation;
mod lmtp;
mod ordered;
mod waiting;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use libtest_mimic::{Completion, Failed, Trial};
use serde_json::Value;

use crate::{
    harness::{
        TestServer,
        certificates::{Issued, Key, Wanted},
        http, python, sample, scratch,
        servers::{Prepared, Store, until},
        tls, trail, trials,
    },
    pickup::{json, knoop, package},
};

/// A test that says where it cannot run.
type Alone = fn() -> Result<Completion, Failed>;
/// A test that has a store of its own.
type OnStore = fn(Store);

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = Vec::new();
    let alone: [(&'static str, Alone); 6] = [
        ("r_32_26_over_starttls_a_package_goes_out_signed_and_encrypted", starttls),
        ("r_32_26_a_package_goes_out_through_aiosmtpd", aiosmtpd),
        ("r_32_26_what_openssl_signed_and_encrypted_is_opened", opened),
        ("a_mail_that_is_refused_is_given_up", refused),
        ("a_mail_that_may_have_been_sent_is_not_sent_again", broken),
        ("a_relay_whose_certificate_is_not_trusted_gets_nothing", untrusted),
    ];
    all.extend(alone.map(|(name, test)| trials::fallible(module_path!(), name, test)));
    let own: [(&'static str, OnStore); 2] = [
        ("r_32_28_and_r_32_29_a_receipt_confirms_the_mail", confirmed),
        ("r_32_31_what_is_too_large_goes_as_a_link", link),
    ];
    all.extend(own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)));
    all.extend(waiting::trials());
    all.extend(lmtp::trials());
    all.extend(conversation::trials());
    all.extend(ordered::trials());
    all
}

const OURS: &str = "pakketten@ziekenhuis.example";
const THEIRS: &str = "radiologie@kliniek.example";

/// Authority, certificates and folders of two correspondents, and the relay between them.
struct Post {
    folder: PathBuf,
    relay: Option<(Child, u16)>,
    tls: &'static str,
}

impl Drop for Post {
    fn drop(&mut self) {
        if let Some((relay, _)) = &mut self.relay {
            let _ = relay.kill();
            let _ = relay.wait();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid around the present time")]
fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl Post {
    /// Nothing where there is no Python.
    fn new(tls: &'static str, habit: &str) -> Option<Self> {
        Self::with("python3", include_str!("mail/relay.py"), tls, habit)
    }

    /// Behind a relay that is this script.
    fn with(python: &str, script: &str, tls: &'static str, habit: &str) -> Option<Self> {
        let folder = scratch::directory(&format!("post-{}", sample::number()));
        fs::create_dir_all(folder.join("partners")).expect("room");
        fs::create_dir_all(folder.join("out")).expect("room");
        let authority = Issued::root("authority of mail", now_s());
        fs::write(folder.join("ca.pem"), authority.pem()).expect("written");
        for (name, names, usage) in [
            ("ours", format!("email:{OURS}"), "emailProtection"),
            ("theirs", format!("email:{THEIRS}"), "emailProtection"),
            ("relay", "IP:127.0.0.1".to_owned(), "serverAuth"),
        ] {
            let key = Key::Rsa(2048);
            let wanted =
                Wanted { common_name: name, names: &names, extended_key_usage: usage, key, ..Wanted::default() };
            tls::write(&folder, name, &authority.issue(&wanted));
        }
        fs::copy(folder.join("theirs.pem"), folder.join(format!("partners/{THEIRS}.pem"))).expect("copied");
        let mut relay = Command::new(python)
            .args(["-c", script])
            .args([&folder.join("out").display().to_string(), tls, habit])
            .args([folder.join("relay.pem"), folder.join("relay.key")])
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(relay.stdout.take()?).read_line(&mut line).ok()?;
        Some(Self { folder, relay: Some((relay, line.trim().parse().ok()?)), tls })
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn settings(&self, prepared: Prepared) -> Prepared {
        let port = self.relay.as_ref().map_or(0, |(_, port)| *port);
        prepared
            .setting("email.relay", &format!("127.0.0.1:{port}"))
            .setting("email.relay_tls", self.tls)
            .setting("email.hello", "knoop.example")
            .setting("email.from", OURS)
            .setting("email.institution", "Ziekenhuis Voorbeeld")
            .setting("email.certificate_file", &self.file("ours.pem"))
            .setting("email.key_file", &self.file("ours.key"))
            .setting("email.partners", &self.file("partners"))
            .setting("client.trust.tests.file", &self.file("ca.pem"))
            .setting("client.trust.tests.revocation", "none")
    }

    fn server(&self, store: Store) -> TestServer {
        self.settings(TestServer::prepare(store).expect("a store")).start().expect("a server")
    }

    /// The first mail that the relay took.
    fn mail(&self) -> PathBuf {
        let path = self.folder.join("out/1.eml");
        until(|| path.exists());
        path
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program).args(arguments).current_dir(&self.folder).output().expect("the program is there")
    }

    #[track_caller]
    fn openssl(&self, arguments: &str) {
        let output = self.run("openssl", &arguments.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// What Python reads in a mail.
    fn python(&self, mail: &Path) -> Value {
        let output =
            self.run("python3", &["-c", include_str!("mail/read.py"), &mail.display().to_string(), "python.zip"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn no_python() -> Result<Completion, Failed> {
    Ok(Completion::ignored_with("there is no python3"))
}

fn send(server: &TestServer, package: &Path, more: &[&str]) -> Value {
    let package = package.display().to_string();
    let arguments = ["mail", &package, "--to", THEIRS, "--institution", "Kliniek Voorbeeld", "--json"];
    let comment = ["--comment", "mevrouw Fictief komt dinsdag", "--reason", "verwijzing", "--urgency", "3"];
    json(&knoop(&server.prepared, &[&arguments[..], &comment, more].concat()))
}

/// The one mail that was ordered.
fn state(server: &TestServer) -> Value {
    json(&knoop(&server.prepared, &["mails", "--json"]))[0].clone()
}

fn becomes(server: &TestServer, wanted: &str) -> Value {
    until(|| state(server)["state"] == wanted);
    state(server)
}

fn starttls() -> Result<Completion, Failed> {
    arrives(|tls| Post::new(tls, "take")).map_or_else(no_python, Ok)
}

fn aiosmtpd() -> Result<Completion, Failed> {
    let Some(python) = python::with("aiosmtpd") else {
        return Ok(Completion::ignored_with("aiosmtpd is not here (Debian: python3-aiosmtpd)"));
    };
    let relay = include_str!("mail/aiosmtpd_relay.py");
    arrives(|tls| Post::with(python, relay, tls, "take")).ok_or_else(|| "aiosmtpd does not start".into())
}

/// A package gets through a relay to a correspondent who has OpenSSL and Python; nothing where the relay does not start.
fn arrives(relay: impl Fn(&'static str) -> Option<Post>) -> Option<Completion> {
    for tls in ["starttls", "tls"] {
        let post = relay(tls)?;
        let server = post.server(Store::Sqlite);
        let package = package();
        send(&server, &package, &[]);
        let mail = post.mail();
        let raw = fs::read_to_string(&mail).expect("seven bits");
        assert!(!raw.contains("Fictief") && !raw.contains("verwijzing") && !raw.contains("999900006"), "{raw}");
        let outside = post.python(&mail);
        assert_eq!((outside["subject"].as_str(), outside["to"].as_str()), (Some("XDM/1.0/DDM"), Some(THEIRS)));
        assert_eq!(outside["notify"].as_str(), Some(OURS));
        // As any other mail program: decrypt, verify, read.
        let mail = mail.display().to_string();
        post.openssl(&format!("cms -decrypt -in {mail} -recip theirs.pem -inkey theirs.key -out signed.eml"));
        post.openssl("cms -verify -in signed.eml -CAfile ca.pem -out content.eml -signer signer.pem");
        let signer = post.run("openssl", &["x509", "-in", "signer.pem", "-noout", "-ext", "subjectAltName"]);
        assert!(String::from_utf8_lossy(&signer.stdout).contains(OURS));
        let inside = post.python(&post.folder.join("content.eml"));
        assert_eq!(inside["name"], "XDM.ZIP");
        assert_eq!(inside["defects"].as_array().map(Vec::len), Some(0), "{inside}");
        let text = inside["text"].as_str().expect("a notice");
        for line in
            ["Van: Ziekenhuis Voorbeeld", "Voor: Kliniek Voorbeeld", "Toelichting: mevrouw Fictief komt dinsdag"]
        {
            assert!(text.contains(line), "{text}");
        }
        assert!(fs::read(post.folder.join("python.zip")).ok() == fs::read(&package).ok(), "the octets of the package");
        becomes(&server, "sent");
        let events = trail::events(&server, &[]);
        let told = events.iter().find(|event| trail::kind(event).0 == "110106").expect("row 26");
        assert!(told.to_string().contains(THEIRS) && told.to_string().contains("110031"), "{told}");
        assert!(scratch::files_below(&server.prepared.data.join("xdm")).is_empty(), "the package is gone");
    }
    Some(Completion::Completed)
}

fn refused() -> Result<Completion, Failed> {
    let Some(post) = Post::new("none", "refuse") else { return no_python() };
    let server = post.server(Store::Sqlite);
    send(&server, &package(), &[]);
    let failed = becomes(&server, "failed");
    assert_eq!(failed["problem"], "the mail relay refused (554)");
    let metrics = http::get(server.operations.as_deref().expect("a listener"), "/metrics").expect("metrics").text();
    assert!(metrics.contains("knoop_jobs_failed{kind=\"send-mail\"} 1"), "{metrics}");
    Ok(Completion::Completed)
}

fn broken() -> Result<Completion, Failed> {
    let Some(post) = Post::new("none", "break") else { return no_python() };
    let server = post.server(Store::Sqlite);
    send(&server, &package(), &[]);
    becomes(&server, "perhaps sent");
    let server = server.restart().expect("a server");
    // A second mail comes through the queue after the first, so the first had its chance to be sent again.
    send(&server, &package(), &[]);
    until(|| post.folder.join("out/2.eml").exists());
    let first = fs::read_to_string(post.folder.join("out/1.eml")).expect("a mail");
    let second = fs::read_to_string(post.folder.join("out/2.eml")).expect("a mail");
    let id = |mail: &str| mail.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned);
    assert_ne!(id(&first), id(&second), "the first is not sent again");
    Ok(Completion::Completed)
}

fn untrusted() -> Result<Completion, Failed> {
    let Some(post) = Post::new("starttls", "take") else { return no_python() };
    let other = Issued::root("another authority", now_s());
    fs::write(post.folder.join("other.pem"), other.pem()).expect("written");
    let prepared = TestServer::prepare(Store::Sqlite).expect("a store");
    let server = post.settings(prepared).setting("client.trust.tests.file", &post.file("other.pem"));
    let server = server.start().expect("a server");
    send(&server, &package(), &[]);
    until(|| state(&server)["problem"].as_str().is_some_and(|problem| problem.contains("certificate is refused")));
    assert_eq!(state(&server)["state"], "waiting");
    assert!(scratch::files_below(&post.folder.join("out")).is_empty());
    Ok(Completion::Completed)
}

/// `knoop xdm receive`.
fn receive(prepared: &Prepared, mail: &Path) -> Output {
    let out = mail.with_extension("out").display().to_string();
    knoop(prepared, &["receive", &mail.display().to_string(), "--out", &out, "--json"])
}

fn opened() -> Result<Completion, Failed> {
    let Some(post) = Post::new("none", "take") else { return no_python() };
    let prepared = post.settings(TestServer::prepare(Store::Sqlite).expect("a store"));
    let package = package();
    let made = "import email.message, sys\n\
                m = email.message.EmailMessage()\n\
                m.set_content('Zie bijlage')\n\
                m.add_attachment(open(sys.argv[1], 'rb').read(), maintype='application', subtype='octet-stream', filename='a.bin')\n\
                open('entity', 'wb').write(m.as_bytes().replace(b'\\r\\n', b'\\n').replace(b'\\n', b'\\r\\n'))";
    let output = post.run("python3", &["-c", made, &package.display().to_string()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    post.openssl("cms -sign -in entity -signer theirs.pem -inkey theirs.key -out signed.eml");
    post.openssl("cms -encrypt -in signed.eml -aes256 -out sealed ours.pem");
    let head = format!(
        "From: Radiologie <{THEIRS}>\nTo: {OURS}\nSubject: Fwd: xdm/1.0/ddm\nMessage-ID: <1@kliniek.example>\n"
    );
    let write = |name: &str, head: &str, body: &[u8]| {
        let path = post.folder.join(name);
        fs::write(&path, [head.as_bytes(), body].concat()).expect("written");
        path
    };
    let sealed = fs::read(post.folder.join("sealed")).expect("made");
    let signed = fs::read(post.folder.join("signed.eml")).expect("made");
    let good = write("good.eml", &head, &sealed);
    let told = json(&receive(&prepared, &good));
    assert_eq!((told["from"].as_str(), told["encrypted"].as_bool()), (Some(THEIRS), Some(true)));
    assert_eq!(told["subjectSaysPackage"], true);
    let kept = told["packages"][0].as_str().expect("a package");
    assert!(fs::read(kept).ok() == fs::read(&package).ok(), "the octets of the package");
    // Signed and not encrypted is less than the standard asks for, and still certain.
    json(&receive(&prepared, &write("signed-only.eml", &head, &signed)));
    let text = String::from_utf8_lossy(&signed).into_owned();
    let changed = text.replacen("Zie bijlage", "Zie bijlagf", 1);
    let elsewhere = head.replace(THEIRS, "iemand@elders.example");
    let entity = fs::read(post.folder.join("entity")).expect("made");
    for (name, path) in [
        ("changed", write("changed.eml", &head, changed.as_bytes())),
        ("signed by another", write("another.eml", &elsewhere, &sealed)),
        ("not signed", write("open.eml", &head.replace('\n', "\r\n"), &entity)),
    ] {
        let refused = receive(&prepared, &path);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("XdmSignatureInvalid") && !said.contains("Fictief"), "{name}: {said}");
        assert!(!path.with_extension("out").exists(), "{name}: nothing is written");
    }
    let lenient = prepared.setting("email.allow_unsigned", "true");
    json(&receive(&lenient, &post.folder.join("open.eml")));
    Ok(Completion::Completed)
}

fn receipt(message_id: &str, disposition: &str) -> String {
    format!(
        "From: {THEIRS}\r\nTo: {OURS}\r\nSubject: receipt\r\nContent-Type: multipart/report; \
         report-type=disposition-notification; boundary=\"x\"\r\n\r\n--x\r\n\r\nread\r\n--x\r\n\
         Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;{THEIRS}\r\n\
         Original-Message-ID: {message_id}\r\nDisposition: automatic-action/MDN-sent-automatically; {disposition}\r\n\
         Error: XdmHashMismatch, set 1\r\n--x--\r\n"
    )
}

fn confirmed(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = post.server(store);
    for (disposition, wanted) in [("displayed", "confirmed"), ("processed/Error", "refused")] {
        send(&server, &package(), &[]);
        let last = || {
            let all = json(&knoop(&server.prepared, &["mails", "--json"]));
            all.as_array().and_then(|all| all.last().cloned()).expect("a mail")
        };
        until(|| last()["state"] == "sent");
        let message_id = last()["messageId"].as_str().expect("an id").to_owned();
        let path = post.folder.join(format!("{wanted}.eml"));
        let text = receipt(&message_id, disposition);
        // A stranger's receipt says nothing.
        fs::write(&path, text.replace(&format!("From: {THEIRS}"), "From: x@elders.example")).expect("written");
        assert_eq!(receive(&server.prepared, &path).status.code(), Some(1));
        // Capitals in an address say nothing.
        fs::write(&path, text.replace(&format!("From: {THEIRS}"), "From: Radiologie@Kliniek.Example"))
            .expect("written");
        json(&receive(&server.prepared, &path));
        assert_eq!(last()["state"], wanted);
        assert!(wanted == "confirmed" || last()["problem"] == "XdmHashMismatch, set 1", "{}", last());
        assert_eq!(receive(&server.prepared, &path).status.code(), Some(1), "once");
    }
}

fn link(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let prepared = TestServer::prepare(store).expect("a store");
    let small = post.settings(prepared).setting("email.max_bytes", "100 KiB");
    let nowhere = small.clone().start().expect("a server");
    let package = package();
    let path = package.display().to_string();
    let refused = knoop(&nowhere.prepared, &["mail", &path, "--to", THEIRS]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("too large for a mail"), "{refused:?}");
    drop(nowhere);
    let server = small.setting("pickup.url", "https://pickup.example").start().expect("a server");
    let sent = send(&server, &package, &["--priority", "high", "--person", "dr. Voorbeeld"]);
    let (link, code) =
        (sent["pickup"]["link"].as_str().expect("a link"), sent["pickup"]["code"].as_str().expect("a code"));
    let mail = post.mail().display().to_string();
    let raw = fs::read_to_string(&mail).expect("seven bits");
    for hidden in [link, code, "Fictief", "verwijzing", "999900006", "XDM/1.0/DDM", "Voorbeeld"] {
        assert!(!raw.contains(hidden), "{hidden} in {raw}");
    }
    post.openssl(&format!("cms -decrypt -in {mail} -recip theirs.pem -inkey theirs.key -out signed.eml"));
    post.openssl("cms -verify -in signed.eml -CAfile ca.pem -out content.eml");
    let inside = post.python(&post.folder.join("content.eml"));
    let text = inside["text"].as_str().expect("a text");
    for said in [link, "Prioriteit: hoog", "mevrouw Fictief komt dinsdag", "dr. Voorbeeld"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(!text.contains(code), "{text}");
    becomes(&server, "sent");
    // Nobody to encrypt for is a link as well, whatever the size, in a mail that names institutions only.
    fs::remove_file(post.folder.join(format!("partners/{THEIRS}.pem"))).expect("removed");
    let lenient = server.prepared.clone().setting("email.max_bytes", "20 MiB").setting("email.allow_unsigned", "true");
    let free = ["--comment", "mevrouw Fictief", "--reason", "verwijzing", "--person", "dr. Voorbeeld"];
    let more = ["--priority", "high", "--department", "Polikliniek", "--json"];
    let again = json(&knoop(&lenient, &[&["mail", &path, "--to", THEIRS][..], &free, &more].concat()));
    let (link, code) =
        (again["pickup"]["link"].as_str().expect("a link"), again["pickup"]["code"].as_str().expect("one"));
    let mail = post.folder.join("out/2.eml");
    until(|| mail.exists());
    let told = post.python(&mail);
    let text = told["text"].as_str().expect("a text");
    assert!(text.contains(link) && text.contains("Prioriteit: hoog"), "{text}");
    for hidden in [code, &code.replace('-', ""), "Fictief", "verwijzing", "999900006", "dr. Voorbeeld", "Polikliniek"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
