//! What this program records of a transaction is the row of the table, to the octet.

use std::sync::Arc;

use knoop::{
    model::{AuditEvent, AuditParticipant, Caller, Coded, Ids, RequestContext, User},
    service::audit::events::{
        Actor, AuditedDocument, DiscoveryQuery, MediaImport, MediaKind, Medium, NodeFailure, Parties, PastPerson,
        Query, Submitted, Verdict, application_started, application_stopped, distributed_on_media, emergency_ended,
        emergency_started, media_imported, node_authentication_failed, patient_discovery, provide_and_register,
        provide_and_register_as_client, query, register, register_as_client, retrieve,
    },
};
use libtest_mimic::Trial;

use super::{
    blocks::{CONSUMER, OWN, PATIENT, REGISTRY, REPOSITORY, TIME_MS, application},
    messages::{all, lines, message},
    rows,
};
use crate::harness::plain;

pub fn trials() -> Vec<Trial> {
    plain![
        row_02_by_its_constructor,
        row_07_by_its_constructor,
        row_08_by_its_constructor,
        row_09_by_its_constructor,
        row_10_by_its_constructor,
        row_12_by_its_constructor,
        row_14_by_its_constructor,
        row_26_by_its_constructor,
        row_27_by_its_constructor,
        application_events_by_their_constructors,
        node_events_by_their_constructor,
        emergencies_by_their_constructors,
    ]
    .into()
}

fn coded(code: &str, system: &str, display: &str) -> Coded {
    Coded { code: code.into(), system: system.into(), system_name: "".into(), display: display.into() }
}

/// The request behind the rows: a consumer of hospital B, and a physician.
fn request(endpoint: &str) -> RequestContext {
    let caller = Caller { subject: CONSUMER.into(), address: Some([192, 0, 2, 17].into()), ..Caller::loopback() };
    let now = jiff::Timestamp::from_millisecond(TIME_MS).expect("a time");
    let mut ctx = RequestContext::new(caller, now, "urn:uuid:1".into(), Ids::Counted(1));
    ctx.endpoint = endpoint.into();
    ctx.user = Some(Arc::new(User {
        issuer: "https://sts.ziekenhuis-b.example".into(),
        name_id: "900012345".into(),
        alias: "".into(),
        assertion_id: "_1".into(),
        digest: [0; 32],
        not_on_or_after_ms: TIME_MS,
        assurance: "".into(),
        name: "".into(),
        organisation_name: "".into(),
        organisation_id: None,
        home: None,
        roles: vec![coded("01.000", "2.16.840.1.113883.2.4.15.111", "Arts")],
        purposes: vec![coded("TREAT", "2.16.840.1.113883.5.8", "treatment")],
        patient: None,
        consent_document: None,
        consent_policy: None,
        provider: None,
        mandated: None,
        npi: None,
        requesting_category: None,
        data_categories: Vec::new(),
    }));
    ctx
}

#[track_caller]
fn expect_row(name: &str, event: &AuditEvent) {
    expect_row_with(name, event, |_| {});
}

/// The same where a table leaves something free, such as a UserID: `change` puts ours into the row.
#[track_caller]
fn expect_row_with(name: &str, event: &AuditEvent, change: impl FnOnce(&mut AuditEvent)) {
    let mut row = all().into_iter().find(|(row, _)| row == name).expect("a row").1;
    change(&mut row);
    let own = format!("AlternativeUserID=\"{}\"", std::process::id());
    let have = message(event).replace(&own, "AlternativeUserID=\"4711\"");
    assert_eq!(lines(&have), lines(&message(&row)));
}

fn row_02_by_its_constructor() {
    let ctx = request(REGISTRY);
    let asked = Query {
        query_id: "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
        received: "<query:AdhocQueryRequest>...</query:AdhocQueryRequest>",
        home: Some("urn:oid:2.999.31.1"),
    };
    expect_row("row-02", &query(&Parties::new(&ctx, "knoop1"), &asked, Some(PATIENT), Verdict::success()));
}

const SUBMITTED: Submitted<'static> = Submitted { patient: Some(PATIENT), submission_set: Some("2.999.31.5.8") };

/// Where the rows of clients have their peer: another machine, which this side knows by nothing but its address.
const AWAY: &str = "https://192.0.2.17:8443";

/// A row in which this program is the caller, under the name of the consumer.
#[track_caller]
fn expect_row_of_client(name: &str, called: &str, make: impl FnOnce(&Parties<'_>, &str) -> AuditEvent) {
    let ctx = request(called);
    let (_, path) = called.split_once(":8443").expect("a port");
    let mut event = make(&Parties::new(&ctx, CONSUMER), &format!("{AWAY}{path}"));
    let destination = &mut event.participants[1].user_id;
    assert_eq!(*destination, format!("{AWAY}{path}"));
    called.clone_into(destination);
    expect_row(name, &event);
}

fn row_07_by_its_constructor() {
    expect_row_of_client("row-07", REPOSITORY, |parties, called| {
        provide_and_register_as_client(parties, called, SUBMITTED, Verdict::success())
    });
}

fn row_09_by_its_constructor() {
    expect_row_of_client("row-09", REGISTRY, |parties, called| {
        register_as_client(parties, called, SUBMITTED, Verdict::success())
    });
}

fn row_08_by_its_constructor() {
    let ctx = request(REPOSITORY);
    expect_row("row-08", &provide_and_register(&Parties::new(&ctx, "knoop1"), SUBMITTED, Verdict::success()));
}

fn row_10_by_its_constructor() {
    let ctx = request(REGISTRY);
    expect_row("row-10", &register(&Parties::new(&ctx, "knoop1"), SUBMITTED, Verdict::success()));
}

fn row_12_by_its_constructor() {
    let ctx = request(REPOSITORY);
    let documents = ["2.999.31.7.1.2026.55", "2.999.31.7.1.2026.56"].map(|unique_id| AuditedDocument {
        unique_id,
        repository_unique_id: "2.999.31.7.1",
        home: Some("urn:oid:2.999.31.1"),
        confidentiality: "",
    });
    expect_row("row-12", &retrieve(&Parties::new(&ctx, "knoop1"), Some(PATIENT), documents, Verdict::success()));
}

/// R-32-41
fn row_14_by_its_constructor() {
    let ctx = request(REGISTRY);
    let asked = DiscoveryQuery {
        query_id: "urn:uuid:00000000-0000-4000-8000-000000000055",
        received: "<queryByParameter xmlns=\"urn:hl7-org:v3\">...</queryByParameter>",
        home: Some("urn:oid:2.999.31.1"),
    };
    let told = [PATIENT.to_owned(), rows::SUBSUMED.to_owned()];
    let mut event = patient_discovery(&Parties::new(&ctx, "knoop1"), &asked, &told, Verdict::success());
    // The row names a gateway of another region than the machine.
    rows::GATEWAY_PATIENTS.clone_into(&mut event.participants[1].user_id);
    expect_row("row-14", &event);
}

fn row_26_by_its_constructor() {
    let ctx = request("https://knoop1.regio-a.example:8443/xdm/export");
    let parties = Parties::new(&ctx, "knoop1");
    let event = distributed_on_media(&parties, None, Medium::usb("USB"), SUBMITTED, Verdict::success());
    let mut row = rows::rows().into_iter().find(|(row, _)| row == "row-26").expect("a row").1;
    // UserIDs are free, and a medium has no address.
    row.participants[0].user_id = "knoop1".to_owned();
    row.participants[0].network = event.participants[0].network.clone();
    row.participants[1].network = None;
    let own = format!("AlternativeUserID=\"{}\"", std::process::id());
    let have = message(&event).replace(&own, "AlternativeUserID=\"4711\"");
    assert_eq!(lines(&have), lines(&message(&row)));
    let file = distributed_on_media(&parties, None, Medium::file("P.ZIP"), SUBMITTED, Verdict::success());
    assert!(message(&file).contains("csd-code=\"110037\""));
}

fn row_27_by_its_constructor() {
    let ctx = request("https://knoop1.regio-a.example:8443/xdm/import");
    let media = MediaImport { name: "USB", kind: MediaKind::Disk, operator: None, overridden: false };
    let event = media_imported(&Parties::new(&ctx, OWN), &media, SUBMITTED, Verdict::success());
    // The importer's UserID is free, and the medium asked for nothing.
    expect_row_with("row-27", &event, |row| row.participants[1].user_id = OWN.to_owned());
}

/// The request of nobody: a start, a command, a task.
fn of_nobody() -> RequestContext {
    let mut ctx = request("");
    ctx.user = None;
    ctx
}

fn application_events_by_their_constructors() {
    let (ctx, launcher) = (of_nobody(), Actor { user_id: "beheer".to_owned() });
    let parties = Parties::own(&ctx, OWN);
    for (name, event) in [
        ("event-application-start", application_started(&parties, &launcher)),
        ("event-application-stop", application_stopped(&parties, &launcher)),
    ] {
        expect_row_with(name, &event, |row| {
            row.participants[0].user_id = OWN.to_owned();
            // Who started it did so at the machine itself.
            row.participants[1].network = None;
        });
    }
}

fn node_events_by_their_constructor() {
    let ctx = of_nobody();
    for (name, expired, code, text) in [
        ("event-node-refused", false, "TLS-UNKNOWN", "certificate of no node"),
        ("event-node-expired", true, "TLS-EXPIRED", "certificate has expired"),
    ] {
        let failure = NodeFailure { peer: CONSUMER, address: Some([192, 0, 2, 17].into()), expired, code, text };
        let event = node_authentication_failed(&Parties::own(&ctx, OWN), &failure);
        expect_row_with(name, &event, |row| row.participants[0].user_id = OWN.to_owned());
    }
}

fn emergencies_by_their_constructors() {
    let ctx = request(REGISTRY);
    let started = emergency_started(&Parties::new(&ctx, OWN), PATIENT, "bewusteloos, geen begeleider");
    expect_row_with("event-emergency-start", &started, |row| {
        row.purposes.clone_from(&started.purposes);
        // The node asked for its user.
        row.participants[1].requestor = true;
    });
    // It ends by itself: the person is known from the grant, without the roles of then, and the node is this one.
    let ctx = of_nobody();
    let person = PastPerson { issuer: "https://sts.ziekenhuis-b.example", name_id: "900012345" };
    let ended = emergency_ended(&Parties::own(&ctx, OWN), person, PATIENT, "opname afgerond");
    expect_row_with("event-emergency-end", &ended, |row| {
        row.participants[0].roles = Vec::new();
        row.participants[1] = AuditParticipant { user_id: OWN.to_owned(), ..application() };
    });
}
