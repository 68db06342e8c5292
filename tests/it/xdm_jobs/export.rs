//! Packages that are ordered and fetched. Source: R-32-60.

use std::{fs, path::PathBuf};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kit::{FULL, call, get, ordered, post, settled, told};
use crate::{
    harness::{
        TestServer, on_every_store, plain,
        sample::{self, names},
        scratch,
        servers::{Store, until},
        trail,
    },
    iti41::provided,
    xdm_pack::package::{Opened, audited, here},
};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = on_every_store![
        r_32_60_an_order_becomes_a_package_that_is_fetched,
        r_32_60_a_download_goes_on_where_it_broke_off,
        r_32_60_an_order_with_the_same_key_is_the_same,
        r_32_60_a_withdrawn_package_is_gone,
        r_32_60_an_export_that_cannot_be_made_says_why,
        r_32_60_an_order_that_cannot_be_understood_is_refused_without_its_values,
        r_32_41_order_and_fetch_are_in_the_trail,
        r_32_41_a_withdrawal_and_a_fetch_without_a_report_are_in_the_trail,
        r_32_60_so_many_orders_of_a_node_are_open_at_most,
        r_32_60_an_order_is_short,
    ]
    .collect();
    all.extend(plain![
        r_32_60_an_export_that_is_withdrawn_while_it_runs_leaves_nothing,
        r_32_60_packages_are_removed_after_the_retention,
        r_32_60_packages_that_are_made_fit_into_the_share_of_the_node,
        r_32_60_an_order_that_was_taken_is_answered_where_there_is_no_room,
        a_file_that_cannot_be_removed_holds_up_no_other,
        what_a_killed_process_left_is_removed_at_start
    ]);
    all
}

/// The files that are packages, or parts of one.
fn packages_in(server: &TestServer) -> Vec<PathBuf> {
    let xdm = server.prepared.data.join("xdm");
    ["incoming", "outgoing"].iter().flat_map(|way| scratch::files_below(&xdm.join(way))).collect()
}

/// The octets of a package, opened.
fn opened(octets: &[u8]) -> Opened {
    let file = here().join("F.ZIP");
    fs::write(&file, octets).expect("room");
    Opened::zip(&file)
}

fn r_32_60_an_order_becomes_a_package_that_is_fetched(server: &TestServer) {
    let (patient, document) = provided(server, b"to be sent");
    let order = json!({
        "patient": patient,
        "recipient": {"organisation": "Example Hospital^^^^^^^^^2.999.30", "person": "^Roe^Max"},
        "comment": "Please look", "priority": "high", "urgency": "2", "language": "en",
    });
    let location = ordered(server, &order);
    let done = settled(server, &location);
    assert_eq!(
        (&done["state"], &done["delivery"], &done["priority"]),
        (&"done".into(), &"package".into(), &"high".into())
    );
    assert_eq!((&done["report"]["documents"], &done["urgency"]), (&1.into(), &"2".into()), "{done}");
    let path = done["package"].as_str().expect("where it is").to_owned();
    let response = get(server, &path);
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/zip")));
    assert_eq!(Some(response.body.len() as u64), done["octets"].as_u64());
    let package = opened(&response.body);
    let set = package.set("SUBSET01");
    let uri = set.entry(&document.unique_id()).value("URI").expect("a URI");
    assert_eq!(package.file(&format!("IHE_XDM/SUBSET01/{uri}")), b"to be sent");
    let recipient = set.submission_set().value("intendedRecipient");
    assert_eq!(recipient.as_deref(), Some("Example Hospital^^^^^^^^^2.999.30|^Roe^Max"));
    let index = String::from_utf8(package.file("INDEX.HTM")).expect("UTF-8");
    assert!(index.contains("Please look") && index.contains("high"), "{index}");
    let receipt = settled(server, &location);
    assert_eq!(receipt["receipt"]["by"], "loopback", "{receipt}");
    let listed = told(200, &get(server, "/xdm/export"));
    let ids: Vec<&Value> = listed["packages"].as_array().expect("a list").iter().map(|it| &it["id"]).collect();
    assert!(ids.contains(&&done["id"]));
}

fn r_32_60_a_download_goes_on_where_it_broke_off(server: &TestServer) {
    let (patient, _) = provided(server, b"a document that is sent in parts");
    let done = settled(server, &ordered(server, &json!({ "patient": patient })));
    let path = done["package"].as_str().expect("where it is");
    let whole = get(server, path);
    let etag = whole.header("etag").expect("a tag").to_owned();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let (first, rest) = whole.body.split_at(100);
    let head = call(server, "HEAD", path, &[], b"");
    assert_eq!((head.status, head.header("etag")), (200, Some(&*etag)));
    assert_eq!(head.header("content-length"), Some(whole.body.len().to_string().as_str()));
    let part = call(server, "GET", path, &[("Range", "bytes=0-99")], b"");
    assert_eq!((part.status, part.body.as_slice()), (206, first));
    assert_eq!(part.header("content-range"), Some(format!("bytes 0-99/{}", whole.body.len()).as_str()));
    let part = call(server, "GET", path, &[("Range", "bytes=100-"), ("If-Range", &etag)], b"");
    assert_eq!((part.status, part.body.as_slice()), (206, rest));
    let other = call(server, "GET", path, &[("Range", "bytes=100-"), ("If-Range", "\"other\"")], b"");
    assert_eq!((other.status, other.body.len()), (200, whole.body.len()));
    let beyond = call(server, "GET", path, &[("Range", "bytes=99999999-")], b"");
    assert_eq!(told(416, &beyond)["code"], "XdmRange");
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", whole.body.len()).as_str()));
}

fn r_32_60_an_order_with_the_same_key_is_the_same(server: &TestServer) {
    let (patient, _) = provided(server, b"once");
    let key = format!("order-{}", sample::number());
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
    let order = json!({ "patient": patient }).to_string();
    let first = told(202, &call(server, "POST", "/xdm/export", &headers, order.as_bytes()));
    let second = told(202, &call(server, "POST", "/xdm/export", &headers, order.as_bytes()));
    assert_eq!(first["id"], second["id"]);
    let without = told(202, &post(server, "/xdm/export", &json!({ "patient": patient })));
    assert_ne!(first["id"], without["id"]);
    let other = json!({ "patient": patient, "comment": "another" }).to_string();
    let refused = told(422, &call(server, "POST", "/xdm/export", &headers, other.as_bytes()));
    assert_eq!(refused["code"], "XdmKeyUsed", "an order that is not kept is not taken for one that is");
}

fn r_32_60_a_withdrawn_package_is_gone(server: &TestServer) {
    let (patient, _) = provided(server, b"to be taken back");
    let location = ordered(server, &json!({ "patient": patient }));
    let done = settled(server, &location);
    for _ in 0..2 {
        assert_eq!(call(server, "DELETE", &location, &[], b"").status, 204);
    }
    assert_eq!(told(200, &get(server, &location))["state"], "withdrawn");
    assert_eq!(told(410, &get(server, &format!("{location}/package")))["code"], "XdmGone");
    let file = server.prepared.data.join(format!("xdm/outgoing/{}.zip", done["id"].as_str().expect("an id")));
    assert!(!file.exists());
    let unknown = format!("/xdm/export/{}", "0".repeat(32));
    for path in [unknown.as_str(), "/xdm/export/x", &location.replace("export", "import")] {
        assert_eq!(told(404, &get(server, path))["code"], "XdmUnknown", "{path}");
    }
}

fn r_32_60_an_export_that_cannot_be_made_says_why(server: &TestServer) {
    let location = ordered(server, &json!({ "patient": sample::patient() }));
    let failed = settled(server, &location);
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &"XdmNothing".into()), "{failed}");
    assert_eq!(told(409, &get(server, &format!("{location}/package")))["code"], "XdmFailed");
}

fn r_32_60_an_order_that_cannot_be_understood_is_refused_without_its_values(server: &TestServer) {
    let patient = sample::patient();
    for order in [
        json!({}),
        json!({ "patient": patient, "documents": ["2.25.1"] }),
        json!({ "patient": "Zq7Pat" }),
        json!({ "patient": patient, "delivery": "mail" }),
        json!({ "patient": [patient] }),
        json!({ "Zq7Pat": 1 }),
    ] {
        let response = post(server, "/xdm/export", &order);
        let refused = told(400, &response);
        assert!(refused["code"].is_string() && refused["text"].is_string(), "{refused}");
        assert!(!response.text().contains("Zq7Pat"), "{}", response.text());
    }
    let text = call(server, "POST", "/xdm/export", &[("Content-Type", "text/plain")], b"x");
    assert_eq!(told(415, &text)["code"], "XdmMediaType");
    let put = call(server, "PUT", "/xdm/export", &[], b"");
    assert_eq!(put.status, 405);
}

fn r_32_41_order_and_fetch_are_in_the_trail(server: &TestServer) {
    let (patient, _) = provided(server, b"told of");
    let done = settled(server, &ordered(server, &json!({ "patient": patient })));
    assert_eq!(get(server, done["package"].as_str().expect("where it is")).status, 200);
    let events = audited(server, &patient);
    let of_media: Vec<&Value> = events.iter().filter(|event| event["event_types"][0]["code"] == "ITI-32").collect();
    assert_eq!(of_media.len(), 2, "made and fetched");
    let set = done["report"]["submissionSets"][0]["uniqueId"].as_str().expect("a set");
    let name = format!("urn:knoop:xdm-package:{}", done["id"].as_str().expect("an id"));
    for event in of_media {
        assert_eq!((&event["event_id"]["code"], &event["outcome"]), (&"110106".into(), &"Success".into()));
        let participants = event["participants"].as_array().expect("participants");
        assert!(
            participants.iter().any(|it| it["user_id"] == name.as_str() && it["media"]["code"] == "110037"),
            "{event}"
        );
        assert!(event["objects"].as_array().expect("objects").iter().any(|it| it["id"] == set));
    }
}

fn r_32_60_an_export_that_is_withdrawn_while_it_runs_leaves_nothing() {
    let server = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("a server");
    let (patient, _) = provided(&server, &vec![b'x'; 8 << 20]);
    let outgoing = server.prepared.data.join("xdm/outgoing");
    for _ in 0..5 {
        let location = ordered(&server, &json!({ "patient": patient }));
        assert_eq!(call(&server, "DELETE", &location, &[], b"").status, 204);
        assert_eq!(told(200, &get(&server, &location))["state"], "withdrawn");
        until(|| scratch::files_below(&outgoing).is_empty());
        assert_eq!(told(410, &get(&server, &format!("{location}/package")))["code"], "XdmGone");
    }
}

fn r_32_60_packages_are_removed_after_the_retention() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.retention", "1 ms");
    let server = prepared.start().expect("a server");
    let (patient, _) = provided(&server, b"for a while");
    let location = ordered(&server, &json!({ "patient": patient }));
    settled(&server, &location);
    let server = server.restart().expect("it starts again");
    assert!(packages_in(&server).is_empty());
    let response = get(&server, &format!("{location}/package"));
    assert!([404, 410].contains(&response.status), "{}", response.text());
}

fn what_a_killed_process_left_is_removed_at_start() {
    let server = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.start()).expect("a server");
    let (patient, _) = provided(&server, b"kept");
    let location = ordered(&server, &json!({ "patient": patient }));
    settled(&server, &location);
    let xdm = server.prepared.data.join("xdm");
    for name in ["outgoing/.knoop-a.part", "incoming/.knoop-b.part", "outgoing/0.zip", "incoming/stranger.zip"] {
        fs::write(xdm.join(name), "left over").expect("room");
    }
    server.kill();
    let server = server.prepared.clone().start().expect("it starts again");
    assert_eq!(packages_in(&server).len(), 1);
    let response = get(&server, &format!("{location}/package"));
    let set = opened(&response.body).set("SUBSET01").submission_set();
    assert_eq!(set.identifier(names::SS_PATIENT_ID), Some(patient));
}

/// What the trail has of a package.
fn told_of(server: &TestServer, package: &Value) -> Vec<Value> {
    let name = format!("urn:knoop:xdm-package:{}", package["id"].as_str().expect("an id"));
    trail::events(server, &[]).into_iter().filter(|event| event.to_string().contains(&name)).collect()
}

fn r_32_41_a_withdrawal_and_a_fetch_without_a_report_are_in_the_trail(server: &TestServer) {
    let (patient, _) = provided(server, b"to be taken back");
    let location = ordered(server, &json!({ "patient": patient }));
    let done = settled(server, &location);
    let id = done["id"].as_str().expect("an id");
    let forget = format!("UPDATE xdm_package SET report_json = NULL WHERE package_id = '{id}'");
    trail::tamper(&server.prepared, false, &forget);
    let before = told_of(server, &done).len();
    assert_eq!(get(server, done["package"].as_str().expect("where it is")).status, 200);
    assert_eq!(told_of(server, &done).len(), before + 1, "a fetch is told of, whatever is known of the package");
    for _ in 0..2 {
        assert_eq!(call(server, "DELETE", &location, &[], b"").status, 204);
    }
    let events = told_of(server, &done);
    assert_eq!(events.len(), before + 2, "taken back once");
    let withdrawn = events.last().expect("the withdrawal");
    assert_eq!(trail::kind(withdrawn), ("110113", "E", "110129", "Success"), "{withdrawn}");
}

fn r_32_60_so_many_orders_of_a_node_are_open_at_most(server: &TestServer) {
    let order = json!({ "patient": sample::patient() });
    let key = format!("order-{}", sample::number());
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
    let first = told(202, &call(server, "POST", "/xdm/export", &headers, order.to_string().as_bytes()));
    // A hundred that nobody works on.
    let job = sample::number() >> 16;
    let far = i64::MAX >> 8;
    let waiting = format!(
        "INSERT INTO job (job_id, kind, destination, payload, priority, state, attempts, takes, created_ms, place_ms, \
         run_at_ms, owner_org_key) VALUES ({job}, 'none', 'none', '', 2, 1, 0, 0, 0, 0, {far}, 1)"
    );
    let node = "(SELECT node_key FROM xdm_package LIMIT 1)";
    let hundred = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
         INSERT INTO xdm_package (package_id, direction, state, owner_org_key, node_key, delivery, priority, urgency, job_id, \
         runs, order_json, created_ms) SELECT 'ffffffffffffffffffff' || (100000000000 + i), 1, 1, 99, {node}, 1, 2, '', \
         {job}, 1, '{{}}', 0 FROM n"
    );
    trail::tamper(&server.prepared, false, &waiting);
    trail::tamper(&server.prepared, false, &hundred);
    let refused = told(429, &post(server, "/xdm/export", &order));
    assert_eq!(refused["code"], "XdmBusy");
    let again = told(202, &call(server, "POST", "/xdm/export", &headers, order.to_string().as_bytes()));
    assert_eq!(first["id"], again["id"], "an order that was taken stays taken");
    trail::tamper(&server.prepared, false, "DELETE FROM xdm_package WHERE owner_org_key = 99");
    told(202, &post(server, "/xdm/export", &order));
}

fn r_32_60_an_order_is_short(server: &TestServer) {
    let order = json!({ "documents": ["2.25.1"], "comment": " ".repeat(300 << 10) });
    assert_eq!(told(413, &post(server, "/xdm/export", &order))["code"], "XdmTooLarge");
}

fn r_32_60_packages_that_are_made_fit_into_the_share_of_the_node() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.node", "1 MiB");
    let server = prepared.start().expect("a server");
    let (large, _) = provided(&server, &vec![b'x'; 2 << 20]);
    let (small, _) = provided(&server, b"small");
    let failed = settled(&server, &ordered(&server, &json!({ "patient": large })));
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &"XdmFull".into()), "{failed}");
    assert!(scratch::files_below(&server.prepared.data.join("xdm/outgoing")).is_empty());
    assert_eq!(settled(&server, &ordered(&server, &json!({ "patient": small })))["state"], "done");
}

fn r_32_60_an_order_that_was_taken_is_answered_where_there_is_no_room() {
    let server = TestServer::prepare(Store::Sqlite).expect("a place").start().expect("a server");
    let (patient, _) = provided(&server, b"once");
    let order = json!({ "patient": patient }).to_string();
    let post = |key: &str| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        call(&server, "POST", "/xdm/export", &headers, order.as_bytes())
    };
    let first = told(202, &post("first"));
    settled(&server, &format!("/xdm/export/{}", first["id"].as_str().expect("an id")));
    trail::tamper(&server.prepared, false, FULL);
    assert_eq!(told(202, &post("first"))["id"], first["id"]);
    assert_eq!(told(507, &post("second"))["code"], "XdmFull");
}

fn a_file_that_cannot_be_removed_holds_up_no_other() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a place").setting("xdm.retention", "1 ms");
    let server = prepared.start().expect("a server");
    let (patient, _) = provided(&server, b"for a while");
    let ids: Vec<String> = (0..3)
        .map(|_| {
            settled(&server, &ordered(&server, &json!({ "patient": patient })))["id"].as_str().unwrap_or("").into()
        })
        .collect();
    let mut sorted = ids.clone();
    sorted.sort();
    let first = server.prepared.data.join(format!("xdm/outgoing/{}.zip", sorted[0]));
    server.kill();
    // A directory of its name cannot be removed as a file.
    fs::remove_file(&first).expect("it is there");
    let incoming = server.prepared.data.join(format!("xdm/incoming/{}.zip", sorted[0]));
    fs::create_dir(&incoming).expect("room");
    fs::write(&first, "again").expect("room");
    let server = server.prepared.clone().start().expect("it starts all the same");
    for id in &sorted[1..] {
        assert!(!server.prepared.data.join(format!("xdm/outgoing/{id}.zip")).exists(), "others are removed");
    }
    fs::remove_dir(&incoming).expect("it is there");
    fs::write(&first, "again").expect("room");
    server.kill();
    let server = server.prepared.clone().start().expect("it starts again");
    assert!(!first.exists(), "it is tried again");
    drop(server);
}
