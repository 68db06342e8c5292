//! S-AUD-63: the file of heads, which lies outside the database, is missed when it is not there or ends early.

use std::fs;

use libtest_mimic::Trial;

use crate::harness::{
    TestServer, http,
    servers::{Prepared, Store, until},
    trail::{audit, events, is_whole, tamper},
    trials::own,
};

pub fn trials() -> Vec<Trial> {
    let module = module_path!();
    [
        own(module, "s_aud_63_a_tail_removed_with_the_file_of_heads_is_missed", tail_and_file),
        own(module, "s_aud_63_a_file_of_heads_that_ends_early_is_a_fault", ends_early),
        own(module, "s_aud_63_one_seal_that_a_crash_left_out_is_no_fault", left_out_by_a_crash),
        own(module, "s_aud_63_a_file_of_heads_begun_anew_says_so", begun_anew),
        own(module, "s_aud_63_a_file_of_heads_removed_from_a_running_server_is_a_fault", removed_while_running),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn started(prepared: Prepared) -> TestServer {
    prepared.start().expect("it starts")
}

/// The data of a server that was started and stopped: what it recorded last, in the last seal, is that it stopped.
fn stopped(store: Store) -> Prepared {
    let server = started(TestServer::prepare(store).expect("the store is there"));
    let prepared = server.prepared.clone();
    assert!(server.stop().is_empty());
    is_whole(&prepared);
    prepared
}

/// The lines of the file of heads.
fn heads(prepared: &Prepared) -> Vec<String> {
    let text = fs::read_to_string(prepared.data.join("audit-heads.log")).expect("the file of heads");
    text.lines().map(str::to_owned).collect()
}

fn keep_heads(prepared: &Prepared, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(prepared.data.join("audit-heads.log"), text).expect("written");
}

fn remove_heads(prepared: &Prepared) {
    fs::remove_file(prepared.data.join("audit-heads.log")).expect("removed");
}

/// Exit status and what is told.
fn verified(prepared: &Prepared) -> (Option<i32>, String) {
    let output = audit(prepared, &["verify"]);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[track_caller]
fn is_broken(prepared: &Prepared, told: &str) {
    let (status, text) = verified(prepared);
    assert!(status == Some(1) && text.contains(told), "{status:?}: {text}");
}

/// Takes away that the server stopped: the row, its seal, and the place of the head.
fn remove_tail(prepared: &Prepared) {
    const HEAD: &str = "UPDATE audit_head SET seq = (SELECT MAX(seq) FROM audit_seal), \
                        hash = (SELECT hash FROM audit_seal ORDER BY seq DESC LIMIT 1)";
    const ROW: &str = "DELETE FROM audit WHERE event_type = '110121'";
    const SEAL: &str = "DELETE FROM audit_seal WHERE seq = (SELECT MAX(seq) FROM audit_seal)";
    match prepared.store {
        Store::Sqlite => {
            tamper(prepared, true, "DROP TRIGGER IF EXISTS audit_not_removed");
            tamper(prepared, true, ROW);
            for sql in ["DROP TRIGGER IF EXISTS audit_seal_not_removed", SEAL, HEAD] {
                tamper(prepared, false, sql);
            }
        }
        Store::Postgres => {
            let sql = format!("SET LOCAL session_replication_role = replica; {ROW}; {SEAL}; {HEAD};");
            tamper(prepared, false, &format!("DO $$ BEGIN {sql} END $$"));
        }
    }
}

fn tail_and_file(store: Store) {
    let prepared = stopped(store);
    let newest = heads(&prepared).len();
    remove_tail(&prepared);
    is_broken(&prepared, &format!("seal {newest} was removed: the file of heads names it"));
    remove_heads(&prepared);
    is_broken(&prepared, "the file of heads is not there");
    let json = audit(&prepared, &["verify", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(told["whole"], false, "{told}");
    assert_eq!(told["faults"].as_array().map(Vec::len), Some(1), "the database alone shows nothing: {told}");
}

/// Each search is recorded, and sealed at once.
fn three_more_seals(prepared: &Prepared) {
    for _ in 0..3 {
        assert!(audit(prepared, &["search", "--limit", "1"]).status.success());
    }
}

fn ends_early(store: Store) {
    let prepared = stopped(store);
    three_more_seals(&prepared);
    let whole = heads(&prepared);
    let newest = whole.len();
    keep_heads(&prepared, &whole[..1]);
    is_broken(&prepared, &format!("the file of heads ends with seal 1, and the newest is seal {newest}"));
    keep_heads(&prepared, &[]);
    is_broken(&prepared, &format!("the file of heads ends with seal 0, and the newest is seal {newest}"));
    keep_heads(&prepared, &whole);
    is_whole(&prepared);
}

fn left_out_by_a_crash(store: Store) {
    let prepared = stopped(store);
    let whole = heads(&prepared);
    // Killed after the seal was committed and before its head was written.
    keep_heads(&prepared, &whole[..whole.len() - 1]);
    is_whole(&prepared);
    // The next start writes it, and there is nothing to tell.
    drop(started(prepared.clone()));
    let (status, text) = verified(&prepared);
    assert!(status == Some(0) && !text.contains("note"), "{status:?}: {text}");
    assert_eq!(heads(&prepared)[..whole.len()], whole);
}

fn begun_anew(store: Store) {
    let prepared = stopped(store);
    let newest = heads(&prepared).len();
    remove_heads(&prepared);
    let server = started(prepared.clone());
    assert!(server.log_text().contains("came into the file of heads from the database"));
    drop(server);
    let (status, text) = verified(&prepared);
    let note = format!("note: seals 1 to {newest} came into the file of heads from the database when knoop started");
    assert!(status == Some(0) && text.contains(&note), "{status:?}: {text}");
}

fn removed_while_running(store: Store) {
    let server = started(TestServer::prepare(store).expect("the store is there"));
    server.expect_error("were gone from the file of heads while knoop ran");
    is_whole(&server.prepared);
    remove_heads(&server.prepared);
    until(|| server.log_text().contains("were gone from the file of heads while knoop ran"));
    is_broken(&server.prepared, "were gone from the file of heads while knoop ran");
    // It goes on recording and answering all the same.
    let ready = http::get(server.operations.as_deref().expect("named"), "/health/ready").expect("an answer");
    assert_eq!(ready.status, 200);
    assert_eq!(events(&server, &["--event", "110120"]).len(), 1);
}
