//! Every transaction leaves its row in the audit trail, before it is answered or not at all.

use std::{cell::Cell, collections::HashSet, time::Duration};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    harness::{
        Query, TestServer,
        calls::retrieve_xml,
        on_every_store,
        sample::{self, Submission},
        servers::{Prepared, Store, until},
        soap::Transaction,
        trail::{audit, events, is_whole, kind, tamper, text},
        trials,
    },
    iti41::{provided, repository_of},
};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = on_every_store![
        s_aud_row_2_a_query_with_the_exact_request,
        s_aud_row_2_a_query_by_identifier_names_the_patient_found,
        s_aud_row_10_a_registration,
        s_aud_rows_8_9_and_10_a_submission,
        s_aud_row_12_a_retrieve,
        s_aud_12_what_was_given_and_what_was_not_are_two_events,
        s_aud_13_refused_requests_are_recorded,
        s_aud_65_a_search_is_an_event_itself,
    ]
    .collect();
    all.extend(trials::own(module_path!(), "s_aud_50_what_cannot_be_recorded_is_not_done", not_recorded));
    all.extend(trials::own(module_path!(), "s_aud_03_internal_hops_can_be_left_out", no_internal_hops));
    all.extend(trials::own(module_path!(), "start_and_stop_are_recorded_and_the_trail_is_whole", start_and_stop));
    all.extend(trials::own(module_path!(), "kill_9_leaves_the_chain_whole", kill_9));
    all
}

fn of_patient(server: &TestServer, patient: &str) -> Vec<Value> {
    let is_log_used = |event: &Value| event["event_id"]["code"] == "110101";
    events(server, &["--patient", patient]).into_iter().filter(|event| !is_log_used(event)).collect()
}

/// The participant with this role.
fn with_role<'a>(event: &'a Value, role: &str) -> &'a Value {
    let participants = event["participants"].as_array().expect("participants");
    participants.iter().find(|participant| text(participant, "/roles/0/code") == role).expect("one has the role")
}

/// The object with this role.
fn object(event: &Value, role: u64) -> Option<&Value> {
    event["objects"].as_array()?.iter().find(|object| object["role"] == role)
}

fn is_machine(participant: &Value, requestor: bool, has_pid: bool) {
    assert_eq!(participant["requestor"].as_bool(), Some(requestor), "{participant}");
    assert_eq!(participant.get("alternative_user_id").is_some(), has_pid, "{participant}");
    assert!(participant.get("network").is_some(), "a network access point is mandatory: {participant}");
}

/// SRC is the caller, DST is the server at the address that was called.
fn was_called(event: &Value, server: &TestServer, transaction: Transaction) {
    let (source, destination) = (with_role(event, "110153"), with_role(event, "110152"));
    is_machine(source, true, false);
    is_machine(destination, false, true);
    assert_eq!(text(source, "/user_id"), "loopback");
    assert_eq!(text(source, "/network/Ip"), "127.0.0.1");
    assert_eq!(text(destination, "/user_id"), format!("http://{}{}", server.address, transaction.path()));
}

fn s_aud_row_2_a_query_with_the_exact_request(server: &TestServer) {
    let (patient, _) = provided(server, b"x");
    let odd = "\n\t <!-- it's odd --><query:ResponseOption";
    let query = Query::find_documents(&patient).xml().replace("<query:ResponseOption", odd);
    server.simple(Transaction::Iti18, &query).expect_success();
    let found = of_patient(server, &patient);
    let event = found.last().expect("an event");
    assert_eq!(kind(event), ("110112", "E", "ITI-18", "Success"));
    assert_eq!(text(event, "/event_types/0/text"), "Registry Stored Query");
    was_called(event, server, Transaction::Iti18);
    assert_eq!(text(object(event, 1).expect("PAT"), "/id"), patient);
    let asked = object(event, 24).expect("QRY");
    assert_eq!(text(asked, "/query"), query, "S-AUD-17: the request exactly as it came");
    assert_eq!(text(asked, "/id"), "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d");
    assert_eq!(asked["details"][0], serde_json::json!(["QueryEncoding", "UTF-8"]));
    assert_eq!(event["local"]["returned"], 1, "S-AUD-14");
    assert_eq!(text(event, "/local/organisation"), "2.999.1");
}

fn s_aud_row_2_a_query_by_identifier_names_the_patient_found(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let uuid = server.entry_uuid(&document.unique_id());
    let before = of_patient(server, &patient).len();
    server.query(&Query::get_documents(&[&uuid])).expect_success();
    let after = of_patient(server, &patient);
    assert_eq!(after.len(), before + 1);
    assert_eq!(kind(&after[before]), ("110112", "E", "ITI-18", "Success"));
    // S-AUD-10: two patients are two events of one request.
    let (other, second) = provided(server, b"y");
    let second = server.entry_uuid(&second.unique_id());
    server.query(&Query::get_documents(&[&uuid, &second]).object_ref()).expect_success();
    let (one, two) = (of_patient(server, &patient), of_patient(server, &other));
    let (one, two) = (one.last().expect("an event"), two.last().expect("an event"));
    assert_eq!(text(one, "/trace_id"), text(two, "/trace_id"), "S-AUD-33");
    assert_ne!(object(one, 1), object(two, 1));
}

fn s_aud_row_10_a_registration(server: &TestServer) {
    let patient = sample::patient();
    let submission = Submission::with(&patient, &[&sample::document(&patient)]);
    server.register(&submission).expect_success();
    let found = of_patient(server, &patient);
    assert_eq!(found.len(), 1);
    assert_eq!(kind(&found[0]), ("110107", "C", "ITI-42", "Success"));
    assert_eq!(text(&found[0], "/event_types/0/text"), "Register Document Set-b");
    was_called(&found[0], server, Transaction::Iti42);
    let set = object(&found[0], 20).expect("SS");
    assert_eq!(text(set, "/id"), submission.set.unique_id());
    assert_eq!(text(set, "/id_type/code"), "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd");
}

fn s_aud_rows_8_9_and_10_a_submission(server: &TestServer) {
    let (patient, _) = provided(server, b"x");
    let found = of_patient(server, &patient);
    let kinds: HashSet<_> = found.iter().map(kind).collect();
    let rows = [
        ("110107", "C", "ITI-41", "Success"),
        ("110106", "R", "ITI-42", "Success"),
        ("110107", "C", "ITI-42", "Success"),
    ];
    assert_eq!((found.len(), kinds), (3, rows.into()));
    let row = |n: usize| found.iter().find(|event| kind(event) == rows[n]).expect("the row");
    was_called(row(0), server, Transaction::Iti41);
    for (n, on_client) in [(1, true), (2, false)] {
        let (source, destination) = (with_role(row(n), "110153"), with_role(row(n), "110152"));
        is_machine(source, true, on_client);
        is_machine(destination, false, !on_client);
        assert_eq!(text(source, "/user_id"), "knoop");
        assert!(text(destination, "/user_id").starts_with("http://"));
    }
    assert!(found.iter().all(|event| object(event, 1).is_some() && object(event, 20).is_some()));
    let traces: HashSet<_> = found.iter().map(|event| text(event, "/trace_id")).collect();
    assert_eq!(traces.len(), 1, "S-AUD-33");
}

fn s_aud_row_12_a_retrieve(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let (repository, id) = (repository_of(server, &patient), document.unique_id());
    server.retrieve(&[(Some("urn:oid:2.999.5"), &repository, &id)]).expect_success();
    let found = events(server, &["--document", &id]);
    assert_eq!(found.len(), 1);
    let event = &found[0];
    assert_eq!(kind(event), ("110106", "R", "ITI-43", "Success"));
    let (source, destination) = (with_role(event, "110153"), with_role(event, "110152"));
    is_machine(source, false, true);
    is_machine(destination, true, false);
    assert_eq!(text(source, "/user_id"), format!("http://{}{}", server.address, Transaction::Iti43.path()));
    assert_eq!(text(object(event, 1).expect("PAT"), "/id"), patient);
    let report = object(event, 3).expect("DOC");
    let details = serde_json::json!([["Repository Unique ID", repository], ["ihe:homeCommunityID", "urn:oid:2.999.5"]]);
    assert_eq!((text(report, "/id"), text(report, "/id_type/code")), (&*id, "9"));
    assert_eq!(report["details"], details);
}

fn s_aud_12_what_was_given_and_what_was_not_are_two_events(server: &TestServer) {
    let (patient, document) = provided(server, b"x");
    let (repository, id, missing) = (repository_of(server, &patient), document.unique_id(), sample::oid());
    let answer = server.retrieve(&[(None, &repository, &id), (None, &repository, &missing)]);
    assert_eq!(answer.status(), "PartialSuccess");
    let (given, refused) = (events(server, &["--document", &id]), events(server, &["--document", &missing]));
    assert_eq!((given.len(), refused.len()), (1, 1));
    assert_eq!((kind(&given[0]).3, kind(&refused[0]).3), ("Success", "Minor"));
    assert_eq!(text(&refused[0], "/reason"), "knoop:XDSDocumentUniqueIdError");
    assert_eq!(text(&given[0], "/trace_id"), text(&refused[0], "/trace_id"));
    assert!(object(&refused[0], 1).is_none(), "nobody knows whose document that is");
}

fn s_aud_13_refused_requests_are_recorded(server: &TestServer) {
    // Refused by a rule.
    let patient = sample::patient();
    let document = sample::document(&patient).unset("mimeType");
    let answer = server.register(&Submission::with(&patient, &[&document]));
    let code = answer.errors()[0].code.clone();
    let found = of_patient(server, &patient);
    assert_eq!(found.len(), 1);
    assert_eq!(kind(&found[0]), ("110107", "C", "ITI-42", "Minor"));
    assert!(text(&found[0], "/reason").starts_with(&format!("knoop:{code}")), "{}", found[0]);
    // A query that asks for nothing it may, with the patient it names.
    server.query(&Query::find_documents(&patient).without("$XDSDocumentEntryStatus")).errors();
    assert_eq!(kind(of_patient(server, &patient).last().expect("an event")), ("110112", "E", "ITI-18", "Minor"));
    // Content that cannot be read, and a fault: the transaction is known, no more.
    let before = events(server, &["--event", "ITI-43", "--outcome", "4", "--limit", "100000"]).len();
    let unreadable = retrieve_xml(&[]).replace("></xds:", "><x/></xds:");
    server.mtom(Transaction::Iti43, &unreadable, &[]);
    server.mtom(Transaction::Iti43, "<wrong/>", &[]);
    let after = events(server, &["--event", "ITI-43", "--outcome", "4", "--limit", "100000"]);
    assert!(after.len() >= before + 2, "{} events more", after.len() - before);
    assert!(after.iter().any(|event| text(event, "/reason").ends_with("answered with a fault")));
}

fn s_aud_65_a_search_is_an_event_itself(server: &TestServer) {
    let patient = sample::patient();
    let used = |events: &[Value]| events.iter().filter(|event| event["event_id"]["code"] == "110101").count();
    let first = used(&events(server, &["--patient", &patient]));
    let export = audit(&server.prepared, &["export", "--patient", &patient]);
    assert!(export.status.success());
    let second = events(server, &["--patient", &patient]);
    assert_eq!((first, used(&second)), (1, 3));
    let reader = &second[0]["participants"][0];
    assert_eq!(reader["requestor"], true);
    assert_ne!(text(reader, "/user_id"), "");
    assert_eq!(text(object(&second[0], 13).expect("the log"), "/name"), "Security Audit Log");
    let lines = String::from_utf8(export.stdout).expect("UTF-8");
    let line: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    for field in ["time", "organisation", "role", "person", "action", "data_category", "authorisation", "consent"] {
        assert!(line.get(field).is_some(), "{field}");
    }
}

fn not_recorded(store: Store) {
    let server = TestServer::prepare(store).and_then(Prepared::start).expect("a server");
    let (patient, document) = provided(&server, b"secret content");
    let repository = repository_of(&server, &patient);
    server.expect_error("audit");
    server.expect_error("internal error");
    let queries = || of_patient(&server, &patient).iter().filter(|event| kind(event).2 == "ITI-18").count();
    let before = queries();
    let answered = Cell::new(0);
    let is_answered = || {
        let is_answered = server.query(&Query::find_documents(&patient)).status() == "Success";
        answered.set(answered.get() + usize::from(is_answered));
        is_answered
    };
    for of_reads in [true, false] {
        tamper(&server.prepared, of_reads, "ALTER TABLE audit RENAME TO gone");
        if of_reads && store == Store::Sqlite {
            // Until it is seen that the file is damaged, events are kept in the journal.
            until(|| !is_answered());
        }
        if of_reads || store == Store::Postgres {
            let answer = server.retrieve(&[(None, &repository, &document.unique_id())]);
            answer.expect_codes(&["XDSRepositoryError"]);
            assert_eq!(answer.documents().len(), 0);
            assert!(!answer.http.text().contains("secret content"), "not a byte of it leaves");
            let answer = server.query(&Query::find_documents(&patient));
            answer.expect_codes(&["XDSRegistryError"]);
            assert_eq!(answer.objects().len(), 0);
        }
        if !of_reads || store == Store::Postgres {
            let refused = sample::patient();
            server
                .register(&Submission::with(&refused, &[&sample::document(&refused)]))
                .expect_codes(&["XDSRegistryError"]);
            let provided = sample::provided(&refused);
            let answer = server.provide(&Submission::with(&refused, &[&provided]), &[(&provided.id(), b"x")]);
            answer.expect_codes(&["XDSRepositoryError"]);
            tamper(&server.prepared, of_reads, "ALTER TABLE gone RENAME TO audit");
            let found = server.query(&Query::find_documents(&refused)).expect_success();
            assert_eq!(found.objects().len(), 0, "nothing was stored");
        } else {
            tamper(&server.prepared, of_reads, "ALTER TABLE gone RENAME TO audit");
            until(is_answered);
        }
    }
    assert_eq!(queries(), before + answered.get(), "who was answered is in the trail");
    assert_eq!(server.retrieve(&[(None, &repository, &document.unique_id())]).expect_success().documents().len(), 1);
    is_whole(&server.prepared);
}

fn no_internal_hops(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store").setting("audit.internal_hops", "false");
    let server = prepared.start().expect("a server");
    let (patient, _) = provided(&server, b"x");
    let kinds: Vec<_> =
        of_patient(&server, &patient).iter().map(|event| text(event, "/event_types/0/code").to_owned()).collect();
    assert_eq!(kinds, ["ITI-41"]);
}

fn start_and_stop(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store");
    assert_eq!(audit(&prepared, &["verify"]).status.code(), Some(3), "there is nothing to read");
    let server = prepared.start().expect("a server");
    provided(&server, b"x");
    let server = server.restart().expect("it starts again");
    let found = events(&server, &["--event", "110100"]);
    let kinds: Vec<_> = found.iter().map(|event| text(event, "/event_types/0/code")).collect();
    assert_eq!(kinds, ["110120", "110121", "110120"]);
    is_machine(with_role(&found[0], "110150"), false, true);
    assert_eq!(with_role(&found[0], "110151")["requestor"], true);
    is_whole(&server.prepared);
    let prepared = server.prepared.clone();
    drop(server);
    is_whole(&prepared);
    let unlock = match store {
        Store::Sqlite => "DROP TRIGGER audit_not_changed",
        Store::Postgres => "ALTER TABLE audit DISABLE TRIGGER audit_kept",
    };
    tamper(&prepared, true, unlock);
    tamper(&prepared, true, "UPDATE audit SET body = replace(body, '110120', '110121') WHERE event_type = '110120'");
    let verified = audit(&prepared, &["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verified.stdout).contains("was changed (seal "));
}

fn kill_9(store: Store) {
    let prepared = TestServer::prepare(store).expect("a store");
    let mut answered = 0;
    let patient = sample::patient();
    for round in 0..4 {
        let server = prepared.clone().start().expect("it starts after every kill");
        is_whole(&prepared);
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut answered = 0;
                        let body = crate::harness::soap::envelope(
                            Transaction::Iti18.action(),
                            &sample::uuid(),
                            &Query::find_documents(&patient).xml(),
                        );
                        while let Ok(answer) = crate::harness::http::post(
                            &server.address,
                            Transaction::Iti18.path(),
                            &Transaction::Iti18.simple_content_type(),
                            body.as_bytes(),
                        ) {
                            answered += usize::from(answer.text().contains("ResponseStatusType:Success"));
                        }
                        answered
                    })
                })
                .collect();
            let (_never, wait) = std::sync::mpsc::channel::<()>();
            let _ = wait.recv_timeout(Duration::from_millis(300 + 400 * round));
            server.kill();
            answered += asking.into_iter().map(|thread| thread.join().expect("a count")).sum::<usize>();
        });
    }
    let server = prepared.clone().start().expect("it starts after the last kill");
    is_whole(&prepared);
    let recorded = events(&server, &["--patient", &patient, "--event", "ITI-18", "--limit", "100000"]).len();
    assert!(answered > 0 && recorded >= answered, "{answered} answered, {recorded} recorded");
}
