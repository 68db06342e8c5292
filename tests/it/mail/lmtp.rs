//! Mail that comes in by LMTP: handed over by Python's smtplib, imported, and answered. Acceptance 5 of spec xdm §14.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{OURS, OnStore, Post, THEIRS, send};
use crate::{
    harness::{
        TestServer, sample, scratch,
        servers::{Prepared, Store, until},
        trail, trials,
    },
    pickup::{PATIENT, json as out, knoop, package},
    xdm_import::{document, entries, set_of, tree, zipped},
    xdm_jobs::kit::{call, post, told},
};

pub fn trials() -> Vec<Trial> {
    let own: [(&'static str, OnStore); 9] = [
        ("r_32_28_to_r_32_30_out_in_and_the_receipt_back", round_trip),
        ("r_32_30_a_mail_that_comes_twice_is_imported_and_answered_once", twice),
        ("r_32_34_a_package_waits_for_a_person_and_then_the_sender_is_told", held),
        ("r_32_30_the_receipt_of_a_package_that_is_refused_names_code_and_ordinal", refused),
        ("r_32_27_a_mail_has_one_package_among_its_attachments", one_package),
        ("r_32_26_a_mail_of_a_partner_whose_file_cannot_be_read_waits", unreadable),
        ("r_32_28_a_mail_for_which_there_is_no_room_is_answered_in_the_end", no_room),
        ("r_32_24_a_subject_without_the_phrase_is_noted", no_phrase),
        ("what_was_acknowledged_is_imported_whatever_happens_to_the_process", durable),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)).collect()
}

/// Settings of the clinic, which takes mail, and sends through the same relay.
pub(super) fn clinic(post: &Post, store: Store) -> Prepared {
    let partners = post.folder.join("clinics-partners");
    fs::create_dir_all(&partners).expect("room");
    fs::copy(post.folder.join("ours.pem"), partners.join(format!("{OURS}.pem"))).expect("copied");
    post.settings(TestServer::prepare(store).expect("a store"))
        .setting("email.hello", "clinic.example")
        .setting("email.from", THEIRS)
        .setting("email.certificate_file", &post.file("theirs.pem"))
        .setting("email.key_file", &post.file("theirs.key"))
        .setting("email.partners", &partners.display().to_string())
        .setting("email.lmtp", "127.0.0.1:0")
        .setting("email.recipients", THEIRS)
        .setting("email.auto_commit", "true")
}

impl Post {
    /// Hands a mail over.
    fn deliver(&self, server: &TestServer, (from, to): (&str, &str), mail: &Path) -> Output {
        let address = server.lmtp.as_deref().expect("it takes mail");
        let mail = mail.display().to_string();
        self.run("python3", &["-c", include_str!("deliver.py"), address, from, to, &mail])
    }

    #[track_caller]
    pub(super) fn delivered(&self, server: &TestServer, (from, to): (&str, &str), mail: &Path) {
        let output = self.deliver(server, (from, to), mail);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The mail with this number that the relay took, when it has.
    pub(super) fn taken(&self, number: usize) -> PathBuf {
        let path = self.folder.join(format!("out/{number}.eml"));
        until(|| path.exists());
        path
    }

    /// How many it took.
    fn count(&self) -> usize {
        scratch::files_below(&self.folder.join("out")).len()
    }

    /// What Python reads in a receipt. No word of it is of a patient (R-32-30).
    #[track_caller]
    fn receipt(&self, number: usize) -> Value {
        let path = self.taken(number);
        let text = fs::read_to_string(&path).expect("seven bits");
        for hidden in ["Fictief", "999900006", "letter", "A.TXT"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        let output = self.run("python3", &["-c", include_str!("receipt.py"), &path.display().to_string()]);
        assert!(output.status.success(), "{}{text}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Signed by us, encrypted for the clinic: a mail with these attachments.
    fn sealed(&self, message_id: &str, attachments: &[&Path]) -> PathBuf {
        let made = "import email.message, sys\n\
                    m = email.message.EmailMessage()\n\
                    m.set_content('Zie bijlage')\n\
                    for name in sys.argv[1:]:\n \
                     m.add_attachment(open(name, 'rb').read(), maintype='application', subtype='x', filename='a')\n\
                    open('entity', 'wb').write(m.as_bytes().replace(b'\\r\\n', b'\\n').replace(b'\\n', b'\\r\\n'))";
        let names: Vec<String> = attachments.iter().map(|path| path.display().to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let output = self.run("python3", &[&["-c", made][..], &names].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.openssl("cms -sign -in entity -signer ours.pem -inkey ours.key -out signed.eml");
        self.openssl("cms -encrypt -in signed.eml -aes256 -out sealed theirs.pem");
        let body = fs::read_to_string(self.folder.join("sealed")).expect("made");
        let head = format!(
            "From: {OURS}\nTo: {THEIRS}\nSubject: XDM/1.0/DDM\nMessage-ID: {message_id}\n\
             Disposition-Notification-To: {OURS}\n"
        );
        let path = self.folder.join(format!("sealed-{:x}.eml", sample::number()));
        fs::write(&path, format!("{head}{body}").replace("\r\n", "\n").replace('\n', "\r\n")).expect("written");
        path
    }
}

/// What the clinic knows of mails that came.
fn received(server: &TestServer) -> Vec<Value> {
    out(&knoop(&server.prepared, &["mails", "--received", "--json"])).as_array().cloned().expect("a list")
}

/// The mail that came as the one with this number, when it is in this state.
fn received_as(server: &TestServer, number: usize, state: &str) -> Value {
    until(|| received(server).get(number - 1).is_some_and(|mail| mail["state"] == state));
    received(server)[number - 1].clone()
}

/// Imports that `knoop xdm jobs` shows.
fn imports(server: &TestServer) -> Vec<Value> {
    let listed = out(&knoop(&server.prepared, &["jobs", "list", "--json", "--direction", "import"]));
    listed["packages"].as_array().cloned().expect("a list")
}

/// Outcomes of what the audit tells of packages that came by mail.
fn audited(server: &TestServer) -> Vec<String> {
    let all = trail::events(server, &[]);
    let of_mail = all.iter().filter(|event| trail::kind(event).0 == "110107" && event.to_string().contains("110031"));
    of_mail.map(|event| trail::kind(event).3.to_owned()).collect()
}

/// A package with one document that is what it says, or is not.
fn stated(stated: &[u8], octets: &[u8]) -> PathBuf {
    let document = document(PATIENT, "A.TXT", stated);
    zipped(&tree(&[(&set_of(PATIENT, &[&document]), &[("A.TXT", octets)])]))
}

fn round_trip(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let ours = post.settings(TestServer::prepare(store).expect("a store")).setting("email.lmtp", "127.0.0.1:0");
    let (ours, theirs) = (ours.start().expect("a server"), clinic(&post, store).start().expect("a server"));
    let mails = || out(&knoop(&ours.prepared, &["mails", "--json"]));
    // Signed and encrypted out, verified in, and the receipt is read as success.
    send(&ours, &package(), &[]);
    post.delivered(&theirs, (OURS, THEIRS), &post.taken(1));
    let receipt = post.receipt(2);
    assert_eq!(entries(&theirs, PATIENT).len(), 1, "R-32-30: only after the import");
    assert_eq!(
        (receipt["kind"].as_str(), receipt["reportType"].as_str()),
        (Some("multipart/report"), Some("disposition-notification"))
    );
    assert_eq!((receipt["from"].as_str(), receipt["to"].as_str()), (Some(THEIRS), Some(OURS)));
    assert_eq!((&receipt["automatic"], &receipt["asks"]), (&json!("auto-replied"), &Value::Null), "nobody answers it");
    assert_eq!(receipt["recipient"], format!("rfc822;{THEIRS}"));
    assert_eq!(receipt["disposition"], "automatic-action/MDN-sent-automatically; displayed");
    assert_eq!((&receipt["error"], &receipt["defects"]), (&json!(""), &json!([])));
    until(|| mails()[0]["state"] == "sent");
    assert_eq!(receipt["original"], mails()[0]["messageId"], "R-32-30: Original-Message-ID");
    post.delivered(&ours, ("", OURS), &post.taken(2));
    until(|| mails()[0]["state"] == "confirmed");
    received_as(&ours, 1, "done");
    // Tampered on the way: what is inside is not what was signed.
    send(&ours, &package(), &[]);
    let mail = post.taken(3);
    let path = mail.display();
    post.openssl(&format!("cms -decrypt -in {path} -recip theirs.pem -inkey theirs.key -out opened.eml"));
    let opened = fs::read_to_string(post.folder.join("opened.eml")).expect("seven bits");
    let changed = opened.replacen("UEsDB", "UEsDC", 1);
    assert_ne!(opened, changed, "the package is there, in base64");
    fs::write(post.folder.join("changed.eml"), changed).expect("written");
    post.openssl("cms -encrypt -in changed.eml -binary -aes256 -out sealed theirs.pem");
    let text = fs::read_to_string(&mail).expect("seven bits");
    let is_outside = |line: &&str| !line.is_empty() && !["Content-", "MIME", " "].iter().any(|it| line.starts_with(it));
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).filter(is_outside).collect();
    let sealed = fs::read_to_string(post.folder.join("sealed")).expect("made");
    let tampered = post.folder.join("tampered.eml");
    let whole = format!("{}\n{sealed}", head.join("\n"));
    fs::write(&tampered, whole.replace("\r\n", "\n").replace('\n', "\r\n")).expect("written");
    post.delivered(&theirs, (OURS, THEIRS), &tampered);
    let receipt = post.receipt(4);
    assert_eq!(receipt["disposition"], "automatic-action/MDN-sent-automatically; deleted/error");
    assert_eq!((&receipt["error"], &receipt["defects"]), (&json!("XdmSignatureInvalid"), &json!([])));
    until(|| mails()[1]["state"] == "sent");
    assert_eq!(receipt["original"], mails()[1]["messageId"]);
    post.delivered(&ours, ("", OURS), &post.taken(4));
    until(|| mails()[1]["state"] == "refused");
    assert_eq!(mails()[1]["problem"], "XdmSignatureInvalid");
    // By another way as well: it is told once.
    let text = fs::read_to_string(&tampered).expect("seven bits");
    fs::write(&tampered, format!("Received: from elsewhere\r\n{text}")).expect("written");
    post.delivered(&theirs, (OURS, THEIRS), &tampered);
    assert_eq!(received_as(&theirs, 3, "refused")["receipt"], Value::Null, "R-32-30");
    assert_eq!(entries(&theirs, PATIENT).len(), 1, "nothing of it was taken over");
    assert_eq!(audited(&theirs), ["Success", "Minor", "Minor"], "R-32-41: each is told");
    trail::is_whole(&theirs.prepared);
    let kept = scratch::files_below(&theirs.prepared.data.join("xdm/received"));
    assert_eq!(kept.len(), 2, "what was refused can be looked at: {kept:?}");
}

fn twice(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).start().expect("a server");
    let mail = post.sealed("<twice@ziekenhuis.example>", &[&package()]);
    post.delivered(&server, (OURS, THEIRS), &mail);
    post.delivered(&server, (OURS, THEIRS), &mail);
    post.receipt(1);
    assert_eq!(received(&server).len(), 1, "the same octets are one mail");
    // By another way: one more line on top.
    let text = fs::read_to_string(&mail).expect("seven bits");
    fs::write(&mail, format!("Received: from elsewhere by here; Thu, 26 Nov 2026 09:00:00 +0000\r\n{text}"))
        .expect("written");
    post.delivered(&server, (OURS, THEIRS), &mail);
    let again = received_as(&server, 2, "done");
    assert_eq!((&again["package"], &again["receipt"]), (&received(&server)[0]["package"], &Value::Null));
    let imports = imports(&server);
    assert_eq!(imports.len(), 1, "{imports:?}");
    assert_eq!((&imports[0]["state"], &imports[0]["delivery"]), (&json!("done"), &json!("mail")));
    assert_eq!(entries(&server, PATIENT).len(), 1);
    let orders = out(&knoop(&server.prepared, &["mails", "--json"]));
    assert_eq!((orders.as_array().map(Vec::len), &orders[0]["carries"]), (Some(1), &json!("receipt")), "one receipt");
    assert_eq!(post.count(), 1);
}

fn held(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).setting("email.auto_commit", "false").start().expect("a server");
    let waits = |number: usize, id: &str| {
        post.delivered(&server, (OURS, THEIRS), &post.sealed(id, &[&package()]));
        let package = received_as(&server, number, "importing")["package"].clone();
        let package = package.as_str().expect("an id").to_owned();
        let state = || out(&knoop(&server.prepared, &["jobs", "show", &package, "--json"]))["state"].clone();
        until(|| state() == "inspected");
        package
    };
    let first = waits(1, "<1@ziekenhuis.example>");
    assert!(entries(&server, PATIENT).is_empty());
    let second = waits(2, "<2@ziekenhuis.example>");
    told(202, &post_json(&server, &format!("/xdm/import/{first}/commit")));
    assert_eq!(post.receipt(1)["original"], "<1@ziekenhuis.example>");
    assert_eq!(entries(&server, PATIENT).len(), 1);
    assert_eq!(call(&server, "DELETE", &format!("/xdm/import/{second}"), &[], b"").status, 204);
    let receipt = post.receipt(2);
    let said = "XdmWithdrawn; 1 of 1 sets not taken";
    assert_eq!((&receipt["original"], &receipt["error"]), (&json!("<2@ziekenhuis.example>"), &json!(said)));
    // Nobody decides about the third until its time is over.
    waits(3, "<3@ziekenhuis.example>");
    trail::tamper(&server.prepared, false, "UPDATE xdm_package SET expires_ms = 1 WHERE state = 6");
    let server = server.restart().expect("a server");
    let receipt = post.receipt(3);
    assert_eq!((&receipt["original"], &receipt["error"]), (&json!("<3@ziekenhuis.example>"), &json!("XdmExpired")));
    assert_eq!(entries(&server, PATIENT).len(), 1);
}

fn post_json(server: &TestServer, path: &str) -> crate::harness::http::Response {
    post(server, path, &json!({}))
}

fn refused(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).start().expect("a server");
    let broken = post.folder.join("broken.zip");
    let octets = fs::read(package()).expect("made");
    fs::write(&broken, &octets[..octets.len() / 2]).expect("written");
    for (number, package, error) in [
        (1, stated(b"stated", b"differ"), "XdmHashMismatch, set 1; 1 of 1 sets not taken"),
        (2, broken, "XdmTruncated"),
    ] {
        let mail = post.sealed(&format!("<{number}@ziekenhuis.example>"), &[&package]);
        post.delivered(&server, (OURS, THEIRS), &mail);
        let receipt = post.receipt(number);
        assert_eq!(receipt["error"], error, "{receipt}");
        assert_eq!(received_as(&server, number, "refused")["problem"], error);
    }
    assert!(entries(&server, PATIENT).is_empty());
    assert_eq!(audited(&server), ["Minor", "Minor"]);
}

fn one_package(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).start().expect("a server");
    let other = post.folder.join("other.zip");
    let made = "import sys, zipfile\nzipfile.ZipFile(sys.argv[1], 'w').writestr('note.txt', 'x')";
    assert!(post.run("python3", &["-c", made, &other.display().to_string()]).status.success());
    let (first, second) = (package(), package());
    let (broken, double) = (post.folder.join("half.zip"), post.folder.join("double.zip"));
    let octets = fs::read(&second).expect("made");
    fs::write(&broken, &octets[..octets.len() / 2]).expect("written");
    let made = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\n\
                for text in 'ab': z.writestr('IHE_XDM/SUBSET01/METADATA.XML', text)\nz.close()";
    assert!(post.run("python3", &["-W", "ignore", "-c", made, &double.display().to_string()]).status.success());
    for (number, attachments, state, problem) in [
        (1, vec![&*other, &*first], "done", Value::Null),
        (2, vec![&*other], "refused", json!("XdmNoPackage")),
        (3, vec![&*first, &*second], "refused", json!("XdmSeveralPackages")),
        (4, vec![], "refused", json!("XdmNoPackage")),
        (5, vec![&*first, &*broken], "refused", json!("XdmSeveralPackages")),
        (6, vec![&*double, &*first], "refused", json!("XdmSeveralPackages")),
        (7, vec![&*double], "refused", json!("XdmDuplicateName")),
    ] {
        post.delivered(&server, (OURS, THEIRS), &post.sealed(&format!("<{number}@ziekenhuis.example>"), &attachments));
        assert_eq!(received_as(&server, number, state)["problem"], problem);
    }
    assert_eq!(entries(&server, PATIENT).len(), 1);
}

fn unreadable(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).start().expect("a server");
    let file = post.folder.join(format!("clinics-partners/{OURS}.pem"));
    let whole = fs::read(&file).expect("a certificate");
    fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    post.delivered(&server, (OURS, THEIRS), &post.sealed("<1@ziekenhuis.example>", &[&package()]));
    tried_for_the_last_time(&server);
    assert_eq!(received(&server)[0]["problem"], "XdmIo", "nothing is said of its signature");
    let receipt = post.receipt(1);
    assert_eq!((&receipt["error"], &receipt["to"]), (&json!("XdmIo"), &json!(OURS)), "R-32-28: its sender is told");
    assert_eq!(receipt["original"], "<1@ziekenhuis.example>");
    assert!(entries(&server, PATIENT).is_empty());
}

/// Tried once, the first mail waits for another time; that shall be the last one.
fn tried_for_the_last_time(server: &TestServer) {
    let last =
        "UPDATE job SET attempts = 43, run_at_ms = 0 WHERE kind = 'open-mail' AND state = 1 AND run_at_ms > created_ms";
    until(|| {
        trail::tamper(&server.prepared, false, last);
        received(server).first().is_some_and(|mail| mail["state"] == "refused")
    });
}

fn no_room(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).setting("xdm.node", "100").start().expect("a server");
    post.delivered(&server, (OURS, THEIRS), &post.sealed("<1@ziekenhuis.example>", &[&package()]));
    tried_for_the_last_time(&server);
    assert_eq!(post.receipt(1)["error"], "XdmFull", "R-32-28: its sender is told");
    assert_eq!(received(&server)[0]["problem"], "XdmFull");
    assert!(entries(&server, PATIENT).is_empty());
}

fn no_phrase(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).start().expect("a server");
    let mail = post.sealed("<1@ziekenhuis.example>", &[&package()]);
    let text = fs::read_to_string(&mail).expect("seven bits");
    fs::write(&mail, text.replacen("XDM/1.0/DDM", "Zie bijlage", 1)).expect("written");
    post.delivered(&server, (OURS, THEIRS), &mail);
    assert_eq!(post.receipt(1)["error"], "", "it is taken over all the same");
    let noted = received_as(&server, 1, "done")["problem"].clone();
    assert!(noted.as_str().is_some_and(|text| text.starts_with("XdmSubject: ")), "{noted}");
    post.delivered(&server, (OURS, THEIRS), &post.sealed("<2@ziekenhuis.example>", &[&package()]));
    assert_eq!(received_as(&server, 2, "done")["problem"], Value::Null);
}

fn durable(store: Store) {
    let Some(post) = Post::new("none", "take") else { return };
    let server = clinic(&post, store).start().expect("a server");
    post.delivered(&server, (OURS, THEIRS), &post.sealed("<1@ziekenhuis.example>", &[&package()]));
    server.kill();
    let server = server.restart().expect("a server");
    assert_eq!(post.receipt(1)["error"], "");
    assert_eq!((entries(&server, PATIENT).len(), received(&server).len()), (1, 1));
    received_as(&server, 1, "done");
    assert!(scratch::files_below(&server.prepared.data.join("xdm/received")).is_empty(), "its file is gone");
}
