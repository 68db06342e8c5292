//! Acceptance of the audit: mixed transactions while the audit repository is killed and restarted at random. Every event
//! arrives, the chain is whole, and whatever is done to it afterwards is found and named.
//!
//! The long form is `scripts/audit-torture`, which sets KNOOP_TEST_TRANSACTIONS.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::{
    atna::delivery::{delivering, entry_of},
    harness::{
        Query, TestServer,
        audit_receiver::AuditReceiver,
        calls::retrieve_xml,
        pki::Pki,
        plain,
        sample::{self, Submission},
        scratch,
        servers::Prepared,
        soap::Transaction,
        trail,
    },
    iti41::provided,
};

pub fn trials() -> Vec<Trial> {
    plain![s_aud_51_mixed_transactions_with_a_receiver_that_is_killed].into()
}

const SENDERS: usize = 4;
/// How much a machine that is busy may need for a transaction and its delivery.
const PATIENCE_EACH: Duration = Duration::from_millis(500);

fn transactions() -> usize {
    std::env::var("KNOOP_TEST_TRANSACTIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

/// How many events of each transaction there must be.
#[derive(Default)]
struct Done(Mutex<BTreeMap<&'static str, usize>>);

impl Done {
    fn add(&self, transaction: &'static str, events: usize) {
        *self.0.lock().expect("no panic").entry(transaction).or_default() += events;
    }
}

/// What a sender knows of earlier transactions.
struct Known {
    patient: String,
    unique_id: String,
    repository: String,
}

/// One transaction: of eight, four are refused in different ways.
fn transact(server: &TestServer, kind: u64, known: &mut Known, done: &Done) {
    let Known { patient, unique_id, repository } = known;
    match kind % 8 {
        0 => {
            let (new, document) = provided(server, b"mixed");
            (*patient, *unique_id) = (new, document.unique_id());
            done.add("ITI-41", 1);
            // S-AUD-03: both sides of the registration.
            done.add("ITI-42", 2);
        }
        1 => {
            let patient = sample::patient();
            server.register(&Submission::with(&patient, &[&sample::document(&patient)])).expect_success();
            done.add("ITI-42", 1);
        }
        2 => {
            server.query(&Query::find_documents(patient)).expect_success();
            done.add("ITI-18", 1);
        }
        3 => {
            server.retrieve(&[(None, repository, unique_id)]).expect_success();
            done.add("ITI-43", 1);
        }
        4 => {
            let patient = sample::patient();
            let document = sample::document(&patient).unset("mimeType");
            assert_eq!(server.register(&Submission::with(&patient, &[&document])).status(), "Failure");
            done.add("ITI-42", 1);
        }
        5 => {
            let query = Query::find_documents(patient).without("$XDSDocumentEntryStatus");
            assert_eq!(server.query(&query).status(), "Failure");
            done.add("ITI-18", 1);
        }
        6 => {
            // S-AUD-12: what was given and what was not are two events.
            let answer = server.retrieve(&[(None, repository, unique_id), (None, repository, &sample::oid())]);
            assert_eq!(answer.status(), "PartialSuccess");
            done.add("ITI-43", 2);
        }
        _ => {
            let unreadable = retrieve_xml(&[]).replace("></xds:", "><x/></xds:");
            server.mtom(Transaction::Iti43, &unreadable, &[]);
            done.add("ITI-43", 1);
        }
    }
}

/// What arrived: each event by its number, and how many came again.
#[derive(Default)]
struct Arrived {
    events: BTreeMap<i64, Vec<u8>>,
    again: usize,
    looked_at: usize,
}

impl Arrived {
    fn take(&mut self, messages: &[Vec<u8>]) {
        for message in &messages[self.looked_at..] {
            if let Some(before) = self.events.insert(entry_of(message), message.clone()) {
                assert_eq!(before, *message, "what comes twice is the same octets");
                self.again += 1;
            }
        }
        self.looked_at = messages.len();
    }
}

fn s_aud_51_mixed_transactions_with_a_receiver_that_is_killed() {
    let (wanted, patience) =
        (transactions(), PATIENCE_EACH * u32::try_from(transactions() + 600).expect("not so many"));
    let pki = Pki::new(&scratch::directory("audit-mixed"));
    let mut receiver = AuditReceiver::start(&pki, Some(4711));
    let server = delivering(&pki, receiver.address.port()).start().expect("it starts");
    let (begun, done, kills) = (AtomicUsize::new(0), Done::default(), AtomicUsize::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let (patient, document) = provided(&server, b"first");
                    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
                    let repository = found[0].value("repositoryUniqueId").expect("a repository").to_owned();
                    done.add("ITI-41", 1);
                    done.add("ITI-42", 2);
                    done.add("ITI-18", 1);
                    let mut known = Known { patient, unique_id: document.unique_id(), repository };
                    while begun.fetch_add(1, Ordering::Relaxed) < wanted {
                        transact(&server, sample::number(), &mut known, &done);
                    }
                })
            })
            .collect();
        // It goes and comes back after a random number of transactions each time.
        let wait = |more: u64| {
            let until = begun.load(Ordering::Relaxed) + usize::try_from(more).expect("a few");
            while begun.load(Ordering::Relaxed) < until && senders.iter().any(|sender| !sender.is_finished()) {
                std::thread::yield_now();
            }
        };
        while senders.iter().any(|sender| !sender.is_finished()) {
            wait(sample::number() % 60 + 10);
            receiver.kill();
            kills.fetch_add(1, Ordering::Relaxed);
            wait(sample::number() % 30);
            receiver.restart();
        }
    });
    let worked = began.elapsed();
    receiver.be_good();

    // The trail grows by what the sender says of itself; when it rests, everything that is there has arrived.
    let mut arrived = Arrived::default();
    let mut keys = BTreeSet::new();
    let end = Instant::now() + patience;
    while keys.is_empty() || !keys.iter().all(|key| arrived.events.contains_key(key)) {
        assert!(Instant::now() < end, "{} of {} events came in time", arrived.events.len(), keys.len());
        keys = keys_below(&server.prepared.data);
        let new = arrived.looked_at;
        receiver.wait_until("more arrives", patience, |messages| {
            arrived.take(messages);
            messages.len() > new || keys.iter().all(|key| arrived.events.contains_key(key))
        });
    }
    let delivered = began.elapsed() - worked;
    let named = |transaction: &str| {
        let code = format!("<EventTypeCode csd-code=\"{transaction}\"");
        let has = |message: &&Vec<u8>| std::str::from_utf8(message).expect("UTF-8").contains(&code);
        arrived.events.values().filter(has).count()
    };
    for (transaction, events) in done.0.lock().expect("no panic").iter() {
        assert_eq!(named(transaction), *events, "{transaction}: as many events as transactions");
    }
    let (connections, cuts) = receiver.connections();
    println!(
        "{wanted} transactions in {worked:.1?}, {} events; receiver killed {} times, {connections} connections, {cuts} cut; \
         all delivered {delivered:.1?} later, {} came again",
        keys.len(),
        kills.into_inner(),
        arrived.again,
    );
    trail::is_whole(&server.prepared);
    assert!(server.stop().is_empty());
    tampering_is_found(&server.prepared);
}

/// Databases of the audit: that of changes and those of reads.
fn databases(data: &Path) -> Vec<PathBuf> {
    let is_audit = |name: &str| name == "knoop.sqlite" || name.starts_with("audit-2") && name.ends_with(".sqlite");
    let entries = fs::read_dir(data).expect("the data directory").flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(is_audit))
        .collect()
}

fn with_database<T>(file: &Path, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let url = format!("sqlite://{}", file.display());
        let mut connection = SqliteConnection::connect(&url).await.expect("opened");
        let done = work(&mut connection).await;
        connection.close().await.expect("closed");
        done
    })
}

/// The key of every row of the trail.
fn keys_below(data: &Path) -> BTreeSet<i64> {
    let of = |file: PathBuf| {
        with_database(&file, async |connection| {
            sqlx::query_scalar::<_, i64>("SELECT audit_key FROM audit").fetch_all(connection).await.expect("keys")
        })
    };
    databases(data).into_iter().flat_map(of).collect()
}

/// A copy of the data of a server that has stopped.
fn copied(data: &Path, name: &str) -> PathBuf {
    let copy = scratch::directory(&format!("audit-mixed-{name}"));
    for entry in fs::read_dir(data).expect("the data directory").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::copy(entry.path(), copy.join(entry.file_name())).expect("copied");
        }
    }
    copy
}

/// What verify says of a copy in which somebody did this to the audit of reads.
fn verified(prepared: &Prepared, name: &str, statements: &[String]) -> (Option<i32>, String) {
    let data = copied(&prepared.data, name);
    let file = databases(&data).into_iter().find(|file| !file.ends_with("knoop.sqlite")).expect("the audit of reads");
    with_database(&file, async |connection| {
        for sql in ["DROP TRIGGER audit_not_changed".to_owned(), "DROP TRIGGER audit_not_removed".to_owned()]
            .iter()
            .chain(statements)
        {
            sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *connection).await.expect("done");
        }
    });
    let output = trail::audit(&prepared.clone().on(data), &["verify"]);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// S-AUD-62, S-AUD-63.
fn tampering_is_found(prepared: &Prepared) {
    let (status, told) = verified(prepared, "whole", &[]);
    assert_eq!(status, Some(0), "{told}");
    let file = databases(&prepared.data).into_iter().find(|file| !file.ends_with("knoop.sqlite")).expect("a file");
    let newest: Vec<i64> = with_database(&file, async |connection| {
        let sql = "SELECT audit_key FROM audit ORDER BY audit_key DESC LIMIT 10";
        sqlx::query_scalar(sql).fetch_all(connection).await.expect("keys")
    });
    let key = newest[7];
    let change = "UPDATE audit SET body = substr(body, 1, 40) || CASE substr(body, 41, 1) WHEN 'x' THEN 'y' ELSE 'x' END || \
         substr(body, 42) WHERE audit_key = ";
    let (status, told) = verified(prepared, "changed", &[format!("{change}{key}")]);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains(&format!("row {key} was changed (seal ")), "{told}");
    let keys: Vec<String> = newest.iter().map(i64::to_string).collect();
    let remove = format!("DELETE FROM audit WHERE audit_key IN ({})", keys.join(", "));
    let (status, told) = verified(prepared, "removed", &[remove]);
    assert_eq!(status, Some(1), "{told}");
    for key in keys {
        assert!(told.contains(&format!("row {key} was removed (seal ")), "{told}");
    }
}
