//! Nothing acknowledged is lost, nothing is half there: kill -9 at random moments, and the order of flushes of one ITI-41.
//!
//! The long form is `scripts/torture`, which sets KNOOP_TEST_KILLS.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Completion, Failed, Trial};

use crate::harness::{
    Answer, Query, TestServer, http, queries,
    sample::{self, Object, Submission},
    scratch,
    servers::{Prepared, Store},
    soap::{self, Part, Transaction},
    trials,
};

pub fn trials() -> Vec<Trial> {
    let mut all = trials::own(module_path!(), "kill_9_loses_nothing", kill_9_loses_nothing);
    all.push(trials::fallible(module_path!(), "an_answer_leaves_after_everything_is_flushed", flush_order));
    all.push(trials::alone(module_path!(), "the_judge_of_flushes_misses_nothing", the_judge_of_flushes_misses_nothing));
    let name = "another_thread_does_not_flush_for_the_writer";
    all.push(trials::alone(module_path!(), name, another_thread_does_not_flush_for_the_writer));
    all
}

/// One submission that was begun.
struct Attempt {
    patient: String,
    documents: Vec<(String, Option<Vec<u8>>)>,
    acknowledged: bool,
}

fn kills() -> usize {
    std::env::var("KNOOP_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6)
}

fn kill_9_loses_nothing(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("documents.sweep_grace", "3 s");
    let attempts = Mutex::new(Vec::new());
    let mut checked = 0;
    for round in 0..kills() {
        let server = prepared.clone().start().expect("it starts after every kill");
        check(&server, &attempts.lock().expect("attempts")[checked..]);
        checked = attempts.lock().expect("attempts").len();
        write_until_killed(&server, &attempts, Duration::from_millis(sample::number() % 700 + 5));
        if round % 25 == 24 {
            println!("{}: {} kills, {checked} submissions", store.name(), round + 1);
        }
    }
    let attempts = attempts.into_inner().expect("attempts");
    let server = prepared.clone().start().expect("it starts after the last kill");
    let kept = check(&server, &attempts);
    let acknowledged = attempts.iter().filter(|a| a.acknowledged).count();
    println!("{}: {} begun, {acknowledged} acknowledged, {kept} documents kept", store.name(), attempts.len());
    assert!(acknowledged > 0, "the kills came too early to prove anything");
    drop(server);
    no_orphans(&prepared, kept);
}

/// Four writers, until the server is killed.
fn write_until_killed(server: &TestServer, attempts: &Mutex<Vec<Attempt>>, after: Duration) {
    let ended = AtomicBool::new(false);
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        for writer in 0..4 {
            let ended = &ended;
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let (mut attempt, request) = if writer % 2 == 0 { registration() } else { provision() };
                    let answer = http::post(&server.address, request.0, &request.1, &request.2);
                    attempt.acknowledged =
                        answer.is_ok_and(|a| !a.cut_short && a.text().contains("ResponseStatusType:Success"));
                    attempts.lock().expect("attempts").push(attempt);
                }
            });
        }
        let _ = stopped.recv_timeout(after);
        server.kill();
        ended.store(true, Ordering::Relaxed);
        drop(stop);
    });
}

type Request = (&'static str, String, Vec<u8>);

fn registration() -> (Attempt, Request) {
    let patient = sample::patient();
    let documents: Vec<Object> = (0..5).map(|_| sample::document(&patient)).collect();
    let submission = Submission::with(&patient, &documents.iter().collect::<Vec<_>>());
    let transaction = Transaction::Iti42;
    let body = soap::envelope(transaction.action(), &sample::uuid(), &submission.xml()).into_bytes();
    let documents = documents.iter().map(|d| (d.unique_id(), None)).collect();
    let attempt = Attempt { patient, documents, acknowledged: false };
    (attempt, (transaction.path(), transaction.simple_content_type(), body))
}

fn provision() -> (Attempt, Request) {
    let patient = sample::patient();
    let documents: Vec<Object> = (0..2).map(|_| sample::provided(&patient)).collect();
    let contents: Vec<Vec<u8>> = (0..2)
        .map(|_| sample::number().to_le_bytes().repeat(usize::try_from(sample::number() % 12_000).unwrap_or(1)))
        .collect();
    let submission = Submission::with(&patient, &documents.iter().collect::<Vec<_>>());
    let ids: Vec<String> = documents.iter().map(Object::id).collect();
    let include = |n: usize| crate::harness::calls::include(&format!("cid:d{n}@test.invalid"));
    let elements: Vec<(&str, String)> = ids.iter().enumerate().map(|(n, id)| (id.as_str(), include(n))).collect();
    let transaction = Transaction::Iti41;
    let body = crate::harness::calls::provide_xml(&submission, &elements);
    let mut parts = vec![Part::root(&soap::envelope(transaction.action(), &sample::uuid(), &body))];
    parts.extend(contents.iter().enumerate().map(|(n, c)| Part::new(&format!("d{n}@test.invalid"), "text/plain", c)));
    let documents = documents.iter().zip(contents).map(|(d, c)| (d.unique_id(), Some(c))).collect();
    let attempt = Attempt { patient, documents, acknowledged: false };
    (attempt, (transaction.path(), soap::mtom_content_type(transaction.action()), soap::package(&parts)))
}

/// All that was acknowledged is whole, all else is whole or absent. Counts the documents whose bytes are kept.
fn check(server: &TestServer, attempts: &[Attempt]) -> usize {
    let mut kept = 0;
    for attempt in attempts {
        let found = server.query(&Query::find_documents(&attempt.patient)).expect_success().objects();
        let whole = found.len() == attempt.documents.len();
        assert!(whole || found.is_empty(), "half of a submission: {} of {}", found.len(), attempt.documents.len());
        assert!(whole || !attempt.acknowledged, "an acknowledged submission is lost");
        let sets = Query::new(queries::FIND_SUBMISSION_SETS)
            .text("$XDSSubmissionSetPatientId", &attempt.patient)
            .list("$XDSSubmissionSetStatus", &[sample::names::APPROVED]);
        assert_eq!(server.query(&sets).expect_success().objects().len(), usize::from(whole), "half of a submission");
        let Some(repository) = found.first().and_then(|f| f.value("repositoryUniqueId")) else { continue };
        for (unique_id, content) in &attempt.documents {
            let Some(content) = content else { continue };
            let answer: Answer = server.retrieve(&[(None, repository, unique_id)]).expect_success();
            assert!(&answer.documents()[0].2 == content, "a document is not what was sent");
            kept += 1;
        }
    }
    kept
}

/// After the sweep there are as many files as documents. It runs at every start, once leases are over.
fn no_orphans(prepared: &Prepared, kept: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let server = prepared.clone().start().expect("it starts");
        // The sweep of the start is done when the server could be stopped.
        drop(server);
        let documents = prepared.data.join("documents");
        let files = scratch::files_below(&documents);
        if files.len() == kept {
            let aside = ["tmp", "quarantine"].map(|aside| scratch::files_below(&documents.join(aside)).len());
            assert_eq!(aside, [0, 0], "files that were put aside");
            return;
        }
        assert!(files.len() > kept, "{} files for {kept} documents", files.len());
        assert!(Instant::now() < deadline, "{} files for {kept} documents after the sweep", files.len());
    }
}

/// What a system call did, as far as durability goes, in order of time. Of the log only flushes by the thread that wrote it
/// count: the checkpointer's come when they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    DocumentFlushed,
    Renamed,
    FolderFlushed,
    LogWritten,
    LogFlushed,
    Answered,
}

/// Whether each step that must come before another did. Source: design section 4.
fn judge(steps: &[Step]) -> Result<(), String> {
    let position = |step: Step| steps.iter().position(|s| *s == step);
    let answered = position(Step::Answered).ok_or("no answer")?;
    let flushed = position(Step::DocumentFlushed).ok_or("the document is not flushed")?;
    let renamed = position(Step::Renamed).ok_or("the document is not renamed")?;
    let folder =
        steps[..answered].iter().rposition(|s| *s == Step::FolderFlushed).ok_or("the folder is not flushed")?;
    let written = steps[..answered].iter().rposition(|s| *s == Step::LogWritten).ok_or("the log is not written")?;
    let log = steps[..answered].iter().rposition(|s| *s == Step::LogFlushed).ok_or("the log is not flushed")?;
    let order = [flushed, renamed, folder, written, log, answered];
    if order.is_sorted() { Ok(()) } else { Err(format!("wrong order: {steps:?}")) }
}

fn the_judge_of_flushes_misses_nothing() {
    use Step::{Answered, DocumentFlushed, FolderFlushed, LogFlushed, LogWritten, Renamed};
    let right = [LogWritten, LogFlushed, DocumentFlushed, Renamed, FolderFlushed, LogWritten, LogFlushed, Answered];
    assert_eq!(judge(&right), Ok(()));
    // A build that leaves one out.
    for left_out in 2..right.len() {
        let mut steps = right.to_vec();
        steps.remove(left_out);
        assert!(judge(&steps).is_err(), "without {:?}", right[left_out]);
    }
    // One that answers, or commits, too early.
    for (a, b) in [(2, 3), (3, 4), (4, 5), (5, 6), (6, 7)] {
        let mut steps = right.to_vec();
        steps.swap(a, b);
        assert!(judge(&steps).is_err(), "{steps:?}");
    }
}

/// A checkpoint between the commit and the answer flushes the log too; the commit is not durable by that.
fn another_thread_does_not_flush_for_the_writer() {
    let trace = |flusher: &str| {
        format!(
            "1 fsync(9</d/documents/tmp/a>) = 0\n1 rename(\"/d/documents/tmp/a\", \"/d/documents/a\") = 0\n\
            1 fsync(9</d/documents>) = 0\n2 pwrite64(8</d/knoop.sqlite-wal>, \"\", 4096, 56 <unfinished ...>\n\
            3 fsync(7</d/knoop.sqlite-wal>) = 0\n2 <... pwrite64 resumed>) = 4096\n\
            {flusher} fsync(8</d/knoop.sqlite-wal>) = 0\n\
            4 sendto(6<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"HTTP/1.1 200 OK\", 15) = 15\n"
        )
    };
    assert_eq!(judge(&read_trace(&trace("2"))), Ok(()));
    assert!(judge(&read_trace(&trace("3"))).is_err());
}

fn flush_order() -> Result<Completion, Failed> {
    let server = TestServer::prepare(Store::Sqlite).and_then(Prepared::start)?;
    let trace = scratch::directory("trace").join("iti41");
    let mut command = Command::new("strace");
    command
        .args([
            "-f",
            "-yy",
            "-e",
            "trace=fsync,fdatasync,rename,renameat,renameat2,pwrite64,write,writev,sendto,sendmsg",
            "-o",
        ])
        .arg(&trace)
        .args(["-p", &server.pid().ok_or("no server")?.to_string()])
        .stderr(Stdio::piped());
    let Ok(mut strace) = command.spawn() else { return Ok(Completion::ignored_with("strace is not here")) };
    let mut said = String::new();
    let mut lines = BufReader::new(strace.stderr.take().ok_or("no standard error")?);
    while !said.contains(" attached") {
        if lines.read_line(&mut said).unwrap_or(0) == 0 {
            let _ = strace.wait();
            return Ok(Completion::ignored_with(format!("strace may not attach: {}", said.trim())));
        }
    }
    crate::iti41::provided(&server, b"flushed before it is acknowledged");
    drop(server);
    let _ = strace.wait();
    let steps = read_trace(&fs::read_to_string(&trace).map_err(|e| e.to_string())?);
    judge(&steps).map_err(|e| format!("{e}: {}", trace.display()))?;
    use Step::{Answered, DocumentFlushed, FolderFlushed, LogFlushed, LogWritten, Renamed};
    for left_out in [DocumentFlushed, Renamed, FolderFlushed, LogWritten, LogFlushed, Answered] {
        let without: Vec<Step> = steps.iter().copied().filter(|s| *s != left_out).collect();
        if judge(&without).is_ok() {
            return Err(format!("nobody would notice a missing {left_out:?}").into());
        }
    }
    Ok(Completion::Completed)
}

/// Steps in order of their completion; an answer counts from its beginning.
fn read_trace(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut begun: HashSet<(String, Step)> = HashSet::new();
    let mut writers: HashSet<&str> = HashSet::new();
    for line in text.lines() {
        let (pid, call) = line.split_once(' ').unwrap_or((line, ""));
        let call = call.trim_start();
        if call.starts_with("<... ") {
            let ended: Vec<(String, Step)> = begun.iter().filter(|(p, _)| p == pid).cloned().collect();
            for done in ended {
                steps.push(done.1);
                begun.remove(&done);
            }
            continue;
        }
        let Some(step) = step_of(call) else { continue };
        if step == Step::LogWritten {
            writers.insert(pid);
        } else if step == Step::LogFlushed && !writers.contains(pid) {
            continue;
        }
        if call.contains("<unfinished ...>") && step != Step::Answered {
            begun.insert((pid.to_owned(), step));
        } else {
            steps.push(step);
        }
    }
    steps
}

fn step_of(call: &str) -> Option<Step> {
    let name = call.split('(').next()?;
    let flushes = matches!(name, "fsync" | "fdatasync");
    if flushes && call.contains("/documents/tmp/") {
        return Some(Step::DocumentFlushed);
    }
    if call.contains("knoop.sqlite-wal") {
        return if flushes { Some(Step::LogFlushed) } else { (name == "pwrite64").then_some(Step::LogWritten) };
    }
    if flushes && call.contains("/documents") {
        return Some(Step::FolderFlushed);
    }
    if name.starts_with("rename") && call.contains("/documents/tmp/") {
        return Some(Step::Renamed);
    }
    (call.contains("<TCP:[") && call.contains("HTTP/1.1 200")).then_some(Step::Answered)
}
