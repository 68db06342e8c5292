//! ITI-81: the search of the audit trail, and AuditMessages as AuditEvents. Spec security §2.8.

use knoop::{
    model::{AuditEvent, AuditObject, AuditOutcome},
    wire::fhir,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{
    atna::{blocks::PATIENT, rows},
    harness::{
        TestServer, http, on_every_store, plain,
        servers::Store,
        tls::{Client, https},
    },
};

/// A time in which all tests run.
const PERIOD: &str = "date=ge2020-01-01&date=le2099-12-31";

pub fn trials() -> Vec<Trial> {
    plain![
        s_aud_71_a_message_maps_as_the_table_says,
        s_aud_73_a_refusal_of_access_is_an_authorisation_decision,
        an_event_of_every_row_keeps_the_rules_of_the_resource,
        s_aud_70_only_audit_viewers_search,
    ]
    .into_iter()
    .chain(on_every_store![
        s_aud_70_bounds_of_the_time_are_wanted_and_unknown_parameters_refused,
        s_aud_71_a_search_is_found_by_the_next_search,
        s_aud_10_each_patient_whose_trail_is_read_is_in_the_trail,
        s_aud_71_pages_follow_one_another_newest_first,
        s_aud_13_a_refused_search_is_audited,
    ])
    .collect()
}

fn resource(event: &AuditEvent) -> Value {
    serde_json::to_value(fhir::audit_event("17".to_owned(), event, "2.999.31", "knoop1")).expect("JSON")
}

fn row(name: &str) -> AuditEvent {
    rows::rows().into_iter().find(|(row, _)| row == name).expect("a row").1
}

fn s_aud_71_a_message_maps_as_the_table_says() {
    let have = resource(&row("row-02"));
    let dcm = "http://dicom.nema.org/resources/ontology/DCM";
    let reason = json!({"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT", "display": "treatment"}]});
    let entity_type =
        |code: &str| json!({"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": code});
    let object_role = |code: &str| json!({"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": code});
    let query = json!({
        "system": "urn:ihe:event-type-code", "code": "ITI-18", "display": "Registry Stored Query"});
    let want = json!({
        "resourceType": "AuditEvent",
        "id": "17",
        "type": {"system": dcm, "code": "110112", "display": "Query"},
        "subtype": [query],
        "action": "E",
        "recorded": "2026-11-21T08:00:00.119Z",
        "outcome": "0",
        "purposeOfEvent": [reason],
        "agent": [
            {
                "type": {"coding": [{"system": dcm, "code": "110153", "display": "Source Role ID"}]},
                "who": {"identifier": {"value": "CN=consumer.ziekenhuis-b.example,O=Ziekenhuis B"}},
                "requestor": true,
                "network": {"address": "192.0.2.17", "type": "2"},
            },
            {
                "type": {"coding": [{"system": dcm, "code": "110152", "display": "Destination Role ID"}]},
                "who": {"identifier": {"value": "https://knoop1.regio-a.example:8443/xds/registry"}},
                "altId": "4711",
                "requestor": false,
                "network": {"address": "knoop1.regio-a.example", "type": "1"},
            },
            {
                "type": {"coding": [{
                    "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes", "code": "UserSamlAgent"}]},
                "role": [{"coding": [{
                    "system": "urn:oid:2.16.840.1.113883.2.4.15.111", "code": "01.000", "display": "Arts"}]}],
                "who": {"identifier": {"system": "https://sts.ziekenhuis-b.example", "value": "900012345"}},
                "name": "<900012345@https://sts.ziekenhuis-b.example>",
                "requestor": true,
                "purposeOfUse": [reason],
            },
        ],
        "source": {
            "site": "2.999.31",
            "observer": {"identifier": {"value": "knoop1"}},
            "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4"}],
        },
        "entity": [
            {
                "what": {"identifier": {
                    "type": {"coding": [{"system": "urn:ietf:rfc:3881", "code": "2", "display": "Patient Number"}]},
                    "system": "urn:oid:2.16.840.1.113883.2.4.6.3",
                    "value": "999900006",
                }},
                "type": entity_type("1"),
                "role": object_role("1"),
            },
            {
                "what": {"identifier": {
                    "type": {"coding": [query]},
                    "value": "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
                }},
                "type": entity_type("2"),
                "role": object_role("24"),
                "query": "PHF1ZXJ5OkFkaG9jUXVlcnlSZXF1ZXN0Pi4uLjwvcXVlcnk6QWRob2NRdWVyeVJlcXVlc3Q+",
                "detail": [
                    {"type": "QueryEncoding", "valueString": "UTF-8"},
                    {"type": "urn:ihe:iti:xca:2010:homeCommunityId", "valueString": "urn:oid:2.999.31.1"},
                ],
            },
        ],
    });
    assert_eq!(have, want);
}

fn s_aud_73_a_refusal_of_access_is_an_authorisation_decision() {
    let events = crate::atna::other_events::rows();
    let denied = events.into_iter().find(|(name, _)| name == "event-access-denied").expect("a row").1;
    let have = resource(&denied);
    assert_eq!((&have["type"]["code"], &have["outcome"]), (&json!("110113"), &json!("8")));
    let system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType";
    let subtypes = have["subtype"].as_array().expect("a list");
    assert!(subtypes.contains(&json!({"system": system, "code": "AuthZ-Consent"})), "{subtypes:?}");
    let by_role = AuditEvent { objects: Vec::new(), ..denied };
    let subtypes = resource(&by_role)["subtype"].clone();
    assert!(subtypes.as_array().expect("a list").contains(&json!({"system": system, "code": "AuthZ-Role"})));
}

/// What FHIR demands of every AuditEvent: an agent, requestor, a name or a query but never both (sev-1).
fn an_event_of_every_row_keeps_the_rules_of_the_resource() {
    for (name, mut event) in rows::rows().into_iter().chain(crate::atna::other_events::rows()) {
        if let Some(AuditObject { name, query, .. }) = event.objects.first_mut() {
            (*name, *query) = ("a name".to_owned(), Some("a query".to_owned()));
        }
        event.outcome = AuditOutcome::Major;
        let have = resource(&event);
        assert_eq!(have["outcome"], "12");
        let agents = have["agent"].as_array().expect("a list");
        assert!(!agents.is_empty() && agents.iter().all(|agent| agent["requestor"].is_boolean()), "{name}");
        let both = |entity: &Value| entity.get("name").is_some() && entity.get("query").is_some();
        assert!(!have["entity"].as_array().into_iter().flatten().any(both), "{name}");
        assert!(!have.to_string().contains("\"\"") && !have.to_string().contains("[]"), "{name}: nothing is empty");
    }
    assert!(PATIENT.contains("999900006"));
}

fn get(server: &TestServer, query: &str) -> (u16, Value) {
    let answer = http::get(&server.address, &format!("/fhir/AuditEvent?{query}")).expect("an answer");
    assert_eq!(answer.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
}

fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    bundle["link"].as_array()?.iter().find(|link| link["relation"] == relation)?["url"].as_str()
}

fn s_aud_70_bounds_of_the_time_are_wanted_and_unknown_parameters_refused(server: &TestServer) {
    for query in ["", "date=ge2026-11-01", &format!("{PERIOD}&patient=x"), &format!("{PERIOD}&_count=many")] {
        let (status, outcome) = get(server, query);
        assert_eq!((status, &outcome["resourceType"]), (400, &json!("OperationOutcome")), "{query}");
        assert_eq!(outcome["issue"][0]["severity"], "error");
    }
}

fn s_aud_71_a_search_is_found_by_the_next_search(server: &TestServer) {
    let patient = "patient.identifier=urn:oid:2.16.840.1.113883.2.4.6.3|999900018";
    let (status, _) = get(server, &format!("{PERIOD}&{patient}"));
    assert_eq!(status, 200);
    let (status, bundle) = get(server, &format!("{PERIOD}&{patient}&type=110101&_count=1"));
    assert_eq!((status, &bundle["resourceType"], &bundle["type"]), (200, &json!("Bundle"), &json!("searchset")));
    let event = &bundle["entry"][0]["resource"];
    assert_eq!((&event["type"]["code"], &event["action"]), (&json!("110101"), &json!("R")));
    let entities = event["entity"].as_array().expect("a list");
    assert!(entities.iter().any(|entity| entity["name"] == "Security Audit Log"));
    assert!(entities.iter().any(|entity| entity["what"]["identifier"]["value"] == "999900018"));
    assert_eq!(bundle["entry"][0]["search"]["mode"], "match");
    let (_, nothing) = get(server, &format!("{PERIOD}&source=somebody-else"));
    assert!(nothing.get("entry").is_none() && link(&nothing, "next").is_none());
}

fn s_aud_10_each_patient_whose_trail_is_read_is_in_the_trail(server: &TestServer) {
    let looks_at = |value: &str| {
        let (_, bundle) = get(server, &format!("{PERIOD}&type=110101&patient.identifier=urn:oid:2.999.82|{value}"));
        bundle["entry"].as_array().map_or(0, Vec::len)
    };
    let one = "patient.identifier=urn:oid:2.999.82|one";
    assert_eq!(get(server, &format!("{PERIOD}&{one},urn:oid:2.999.82|other")).0, 200);
    assert_eq!((looks_at("one"), looks_at("other")), (1, 1));
    // What is found by an identifier without its authority, or as any object, is somebody's trail as well.
    for search in ["patient.identifier=other", "entity=urn:oid:2.999.82|other"] {
        let before = looks_at("other");
        assert_eq!(get(server, &format!("{PERIOD}&{search}")).0, 200);
        assert_eq!(looks_at("other"), before + 2, "{search}: this look, and the one before it");
    }
}

fn s_aud_71_pages_follow_one_another_newest_first(server: &TestServer) {
    // A patient of this test alone; every look at the pages adds an event, which is newer and does not disturb them.
    let patient = "patient.identifier=urn:oid:2.999.81|pages";
    for _ in 0..7 {
        assert_eq!(get(server, &format!("{PERIOD}&{patient}")).0, 200);
    }
    let mut url = format!("/fhir/AuditEvent?{PERIOD}&{patient}&_count=3");
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    loop {
        let answer = http::get(&server.address, &url).expect("an answer");
        let bundle: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        assert!(entries.len() <= 3);
        ids.extend(entries.iter().map(|entry| entry["resource"]["id"].clone()));
        times.extend(entries.iter().map(|entry| entry["resource"]["recorded"].as_str().expect("a time").to_owned()));
        assert_eq!(
            link(&bundle, "self").and_then(|own| own.split_once("/fhir")).map(|(_, own)| format!("/fhir{own}")),
            Some(url)
        );
        match link(&bundle, "next") {
            Some(next) => url = next[next.find("/fhir").expect("a path")..].to_owned(),
            None => break,
        }
    }
    // A look is recorded before its answer leaves, and is newer than what it gives.
    assert_eq!(ids.len(), 7, "{times:?}");
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 7, "no event comes twice");
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
}

fn s_aud_13_a_refused_search_is_audited(server: &TestServer) {
    assert_eq!(get(server, "date=ge2026-11-01").0, 400);
    let (_, bundle) = get(server, &format!("{PERIOD}&type=110101&outcome=4&_count=1"));
    assert_eq!(bundle["entry"][0]["resource"]["outcomeDesc"], "knoop:FHIR-PARAMETER");
}

fn s_aud_70_only_audit_viewers_search() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("SQLite is always there").with_tls();
    let server = prepared.start().expect("it starts");
    let ask = |name: &str| {
        let client = Client::of_init(&server.prepared, name);
        let mut connection = http::Connection::over(client.connect(https(&server)).expect("TLS"));
        let request = format!("GET /fhir/AuditEvent?{PERIOD} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.send(request.as_bytes()).expect("sent");
        let answer = connection.receive().expect("an answer");
        (answer.status, serde_json::from_slice::<Value>(&answer.body).expect("JSON"))
    };
    // The one may call every transaction, the other may look at the trail.
    let (status, outcome) = ask("client");
    assert_eq!((status, &outcome["issue"][0]["code"]), (403, &json!("forbidden")));
    let (status, bundle) = ask("operator");
    assert_eq!((status, &bundle["type"]), (200, &json!("searchset")));
    let reasons: Vec<&Value> =
        bundle["entry"].as_array().expect("entries").iter().map(|e| &e["resource"]["outcomeDesc"]).collect();
    assert!(reasons.contains(&&json!("knoop:CON-NODE")), "the refusal is in the trail: {reasons:?}");
    assert!(reasons.contains(&&json!("knoop:CON-NODE the node may not read the audit trail")), "{reasons:?}");
}
