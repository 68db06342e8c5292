//! Answers of the database that are lost on their way.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use libtest_mimic::{Completion, Failed, Trial};
use openssl::sha::sha256;
use serde_json::json;

use super::kit::{call, post, settled, told};
use crate::{
    harness::{
        TestServer, sample, scratch,
        servers::{Prepared, Store, available},
        trials,
    },
    pickup::{self, knoop},
    xdm_import::{document, entries, set_of, tree, zipped},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trials::fallible(module_path!(), "a_package_whose_commit_nobody_heard_of_is_kept", package_unheard),
        trials::fallible(module_path!(), "an_offer_whose_commit_nobody_heard_of_has_its_package", offer_unheard),
    ]
}

/// A way to PostgreSQL on which the answer to one commit is lost, of the first transaction that speaks of this.
fn losing(port: u16, spoken: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("an address").port();
    let (spoken, lost) = (Arc::new(spoken), Arc::new(AtomicBool::new(false)));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", port)).expect("PostgreSQL");
            let (spoken, lost, loses) = (Arc::clone(&spoken), Arc::clone(&lost), Arc::new(AtomicBool::new(false)));
            let (from, to) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
            let losing = Arc::clone(&loses);
            thread::spawn(move || {
                let mut has_spoken = false;
                pass(from, to, |octets| {
                    has_spoken |= holds(octets, spoken.as_bytes());
                    if has_spoken && holds(octets, b"COMMIT") && !lost.swap(true, Ordering::SeqCst) {
                        losing.store(true, Ordering::SeqCst);
                    }
                    true
                });
            });
            thread::spawn(move || pass(server, client, |_| !loses.load(Ordering::SeqCst)));
        }
    });
    own
}

fn holds(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

/// Passes octets on until there are no more, or some may not pass.
fn pass(mut from: TcpStream, mut to: TcpStream, mut may_pass: impl FnMut(&[u8]) -> bool) {
    let mut block = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut block) {
        if !may_pass(&block[..count]) || to.write_all(&block[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// The same server, on the way that loses an answer.
fn behind(prepared: Prepared, spoken: String) -> Prepared {
    let url = prepared.get("database.url").expect("a database").to_owned();
    let (before, name) = url.rsplit_once('/').expect("a name");
    let (before, port) = before.rsplit_once(':').expect("a port");
    let port = losing(port.parse().expect("a port"), spoken);
    prepared.setting("database.url", &format!("{before}:{port}/{name}"))
}

fn package_unheard() -> Result<Completion, Failed> {
    if let Err(reason) = available(Store::Postgres) {
        return Ok(Completion::ignored_with(reason));
    }
    let patient = sample::patient();
    let only = document(&patient, "A.TXT", b"only");
    let zip = fs::read(zipped(&tree(&[(&set_of(&patient, &[&only]), &[("A.TXT", b"only")])]))).expect("made");
    let sha256: String = sha256(&zip).iter().map(|octet| format!("{octet:02x}")).collect();
    let server = behind(TestServer::prepare(Store::Postgres)?, sha256).start()?;
    let headers = [("Content-Type", "application/zip"), ("Idempotency-Key", "unheard")];
    let bring = || call(&server, "POST", "/xdm/import/inspect", &headers, &zip);
    let first = told(200, &bring());
    let again = told(200, &bring());
    assert_eq!((&first["id"], &again["state"]), (&again["id"], &"inspected".into()), "{again}");
    let at = format!("/xdm/import/{}", first["id"].as_str().expect("an id"));
    told(202, &post(&server, &format!("{at}/commit"), &json!({})));
    assert_eq!(settled(&server, &at)["state"], "done");
    assert_eq!(entries(&server, &patient).len(), 1);
    Ok(Completion::Completed)
}

fn offer_unheard() -> Result<Completion, Failed> {
    if let Err(reason) = available(Store::Postgres) {
        return Ok(Completion::ignored_with(reason));
    }
    let to = format!("Kliniek Voorbeeld {}", sample::number());
    let server = behind(pickup::prepared(Store::Postgres), to.clone()).start()?;
    let package = pickup::package().display().to_string();
    let offered = knoop(&server.prepared, &["offer", &package, "--to", &to, "--json"]);
    assert!(!offered.status.success(), "nobody can tell: {}", String::from_utf8_lossy(&offered.stdout));
    let offers = knoop(&server.prepared, &["offers", "--json"]);
    assert!(String::from_utf8_lossy(&offers.stdout).contains(&to), "it is on the page");
    assert_eq!(scratch::files_below(&server.prepared.data.join("xdm/pickup")).len(), 1, "and so is its package");
    Ok(Completion::Completed)
}
