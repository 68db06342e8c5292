//! The acceptance table of consent, row by row. Source: spec security §4.6.
//!
//! C-15 is in `acknowledged`, C-16 in `hidden`, C-09 and C-10 in `pushes`. C-13 asks what answers ITI-55; the messages come with
//! the bridge.

use std::{sync::Arc, time::Duration};

use jiff::ToSpan;
use knoop::{
    model::{AuditEvent, NodeRole, RequestContext, ResponseStatus, User, XdsErrorCode, consent::Answer},
    security::access::Policy as AccessPolicy,
    service::{
        access::{EMERGENCY_ENDED, NOTIFY_PRIVACY_OFFICER, emergency_ended, notify_privacy_officer},
        jobs::{Clock, Jobs, Policy},
    },
    store::{SqliteSettings, Store, StoreSettings},
};
use libtest_mimic::Trial;
use sqlx::{Connection as _, SqliteConnection};

use super::{
    rim::{Document, Submission},
    world::{A, B, C, D, PATIENT, PHARMACY, World, consent_service, emergency, person, physician},
};
use crate::{sample::oid, stores::on_every_store};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = on_every_store![
        c_01_nothing_is_seen_without_an_answer,
        c_02_a_permit_shows_what_it_names,
        c_03_a_named_deny_beats_a_permit_for_all,
        c_04_the_requesting_category_counts,
        c_05_another_region_needs_an_agreement,
        c_06_an_emergency_shows_and_is_recorded_and_told,
        c_07_an_emergency_needs_role_and_assurance,
        c_08_an_emergency_does_not_override_a_deny,
        c_11_a_silent_consent_service_is_a_no,
        s_con_03_a_consent_service_is_asked_and_its_yes_believed_a_minute,
        c_12_a_withdrawal_holds_for_the_next_request,
        c_13_a_patient_is_not_made_known_without_consent,
        c_14_what_is_not_known_is_refused,
        c_17_research_is_refused,
        s_con_09_a_policy_takes_over_at_its_time,
        s_con_02_consent_follows_a_merged_identity,
        s_con_04_a_person_of_the_same_organisation_needs_no_consent,
        an_assertion_about_another_patient_shows_nothing,
        s_con_02_an_assertion_about_a_merged_identity_serves_for_the_survivor,
        c_03_a_gateway_asks_for_the_organisation_of_its_user,
        s_con_10_a_gateway_that_names_nobody_known_sees_nothing,
    ];
    trials.push(Trial::test("acceptance::s_con_23_an_emergency_that_cannot_be_recorded_shows_nothing", || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(s_con_23_an_emergency_that_cannot_be_recorded_shows_nothing());
        Ok(())
    }));
    trials
}

/// Nobody here knows them.
const STRANGER: &str = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";

/// D1 (a letter), D2 (R, ggz) and D3 (V) of hospital A, in one set; their uniqueIds.
async fn hospital_a(world: &World, patient: &str) -> [String; 3] {
    let documents =
        vec![Document::letter(), Document::letter().confidential("R").of_ggz(), Document::letter().confidential("V")];
    let ids = documents.iter().map(|document| document.unique_id.clone()).collect::<Vec<_>>();
    world.submit(A, &Submission::of(patient, documents)).await;
    ids.try_into().unwrap()
}

const REFUSED: (ResponseStatus, [XdsErrorCode; 1], usize) =
    (ResponseStatus::Failure, [XdsErrorCode::DocumentUniqueIdError], 0);

fn refused() -> (ResponseStatus, Vec<XdsErrorCode>, usize) {
    (REFUSED.0, REFUSED.1.to_vec(), REFUSED.2)
}

/// The code of each event of this kind, as its own reason tells it and not as a check beside it, newest first.
async fn reasons(world: &World, event: &str, outcome: i64) -> Vec<String> {
    let told = world.audited(event, outcome).await;
    let code = |body: &String| {
        let event: serde_json::Value = serde_json::from_str(body).unwrap();
        let reason = event["reason"].as_str().unwrap_or_else(|| panic!("no reason: {body}"));
        let code = reason.split([' ', ':']).find(|word| word.starts_with("CON-"));
        code.unwrap_or_else(|| panic!("no code: {reason}")).to_owned()
    };
    told.iter().map(code).collect()
}

/// A query and a retrieval were refused for this reason, and nothing else was.
async fn expect_refused(world: &World, code: &str) {
    for (event, count) in [("ITI-18", 1), ("ITI-43", 1), ("110132", 2)] {
        assert_eq!(reasons(world, event, 8).await, vec![code; count], "{event}");
    }
}

fn given() -> (ResponseStatus, Vec<XdsErrorCode>, usize) {
    (ResponseStatus::Success, Vec::new(), 1)
}

async fn c_01_nothing_is_seen_without_an_answer(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    let ctx = &mut world.ctx(B, Some(physician()));
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    // S-CON-08: both transactions, and a use of a restricted function each; what was kept back stands there only.
    for event in ["ITI-18", "ITI-43"] {
        let told = world.audited(event, 8).await;
        assert!(told.len() == 1 && told[0].contains("CON-NOANSWER") && told[0].contains("withheld"), "{told:?}");
    }
    let told = world.audited("110132", 8).await;
    assert!(told.len() == 2 && told.iter().all(|event| event.contains("CON-NOANSWER")), "{told:?}");
    // The system of the owner sees everything, with and without a person.
    assert_eq!(world.finds(&mut world.ctx(A, None), PATIENT).await.len(), 3);
    assert_eq!(world.finds(&mut world.ctx(A, Some(physician())), PATIENT).await.len(), 3);
    assert_eq!(world.retrieves(&mut world.ctx(A, None), &[&d1]).await, given());
    // Nobody speaks for the system of another one.
    world.permit_letters(PATIENT).await;
    assert!(world.finds(&mut world.ctx(B, None), PATIENT).await.is_empty());
}

async fn c_02_a_permit_shows_what_it_names(store: Store) {
    let world = World::new(store).await;
    let [d1, d2, d3] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let ctx = &mut world.ctx(B, Some(physician()));
    assert_eq!(world.finds(ctx, PATIENT).await, std::slice::from_ref(&d1));
    assert_eq!(world.retrieves(ctx, &[&d1]).await, given());
    assert_eq!(world.retrieves(ctx, &[&d2]).await, refused());
    // S-CON-05: the others are delivered, and the refused one is told as the unknown one is.
    let unknown = oid();
    let (status, codes, count) = world.retrieves(ctx, &[&d1, &d3, &unknown]).await;
    let absent = XdsErrorCode::DocumentUniqueIdError;
    assert_eq!((status, codes, count), (ResponseStatus::PartialSuccess, vec![absent, absent], 1));
}

async fn c_03_a_named_deny_beats_a_permit_for_all(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    world.answer(PATIENT, "category:ziekenhuis", "letters", "organisation:2.999.20", Answer::Deny).await;
    assert!(world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await.is_empty());
    assert_eq!(world.retrieves(&mut world.ctx(B, Some(physician())), &[&d1]).await, refused());
    expect_refused(&world, "CON-DENY").await;
    assert_eq!(world.finds(&mut world.ctx(C, Some(physician())), PATIENT).await, [d1]);
}

async fn c_04_the_requesting_category_counts(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let pharmacist = || person("46255001", "TREAT", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI");
    assert!(world.finds(&mut world.ctx(PHARMACY, Some(pharmacist())), PATIENT).await.is_empty());
    assert_eq!(world.retrieves(&mut world.ctx(PHARMACY, Some(pharmacist())), &[&d1]).await, refused());
    expect_refused(&world, "CON-NOANSWER").await;
}

async fn c_05_another_region_needs_an_agreement(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let ctx = &mut world.ctx(D, Some(physician()));
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    expect_refused(&world, "CON-NOANSWER").await;
    world.agree().await;
    assert_eq!(world.finds(ctx, PATIENT).await, std::slice::from_ref(&d1));
    assert_eq!(world.retrieves(ctx, &[&d1]).await, given());
}

async fn run_jobs(world: &World, now_ms: i64) {
    let clock: Clock = Arc::new(move || now_ms);
    let jobs = Jobs::new(world.store.clone(), Arc::clone(&clock))
        .with(
            NOTIFY_PRIVACY_OFFICER,
            Policy::default(),
            notify_privacy_officer(world.store.clone(), Arc::clone(&clock), None),
        )
        .with(EMERGENCY_ENDED, Policy::default(), emergency_ended(world.store.clone(), clock, world.auditor.clone()));
    jobs.run_due().await.unwrap();
}

/// S-CON-20, S-CON-22.
async fn c_06_an_emergency_shows_and_is_recorded_and_told(store: Store) {
    let mut world = World::new(store).await;
    let [d1, d2, d3] = hospital_a(&world, PATIENT).await;
    let mut physician = emergency();
    physician.purposes[0].display = "emergency treatment".into();
    let ctx = &mut world.ctx(B, Some(physician));
    let mut expected = vec![d1.clone(), d2.clone()];
    expected.sort_unstable();
    assert_eq!(world.finds(ctx, PATIENT).await, expected);
    assert_eq!(world.retrieves(ctx, &[&d2]).await, given());
    assert_eq!(world.retrieves(ctx, &[&d3]).await, refused());
    // One grant for the person and the patient, however often it is used; on the list before five minutes have passed.
    let grants = world.store.read().await.unwrap().grants().await.unwrap();
    assert_eq!(grants.len(), 1);
    let begun = world.audited("110127", 0).await;
    assert_eq!(begun.len(), 1);
    let begun: AuditEvent = serde_json::from_str(&begun[0]).unwrap();
    assert_eq!(begun.objects[0].details, [("Alert Description".into(), "emergency treatment (ETREAT)".to_owned())]);
    assert!(world.audited("ITI-43", 0).await.iter().all(|event| event.contains("\"emergency\":true")));
    let grant = &grants[0].grant;
    assert_eq!((grant.organisation, grant.sources.as_slice()), (B, [A].as_slice()));
    assert_eq!(&*grant.person, "https://sts.example|physician-1");
    assert_eq!(grants[0].patient.to_string(), PATIENT);
    let hours = (grant.period.until_ms.unwrap() - grant.period.from_ms) / 3_600_000;
    assert_eq!(hours, 4);
    assert_eq!(grant.notified_ms, None);
    run_jobs(&world, world.now.as_millisecond()).await;
    let key = grant.key;
    let grants = world.store.read().await.unwrap().grants().await.unwrap();
    assert_eq!(grants[0].grant.notified_ms, Some(world.now.as_millisecond()));
    // Another person is another use; the same one after four hours too.
    let mut other = emergency();
    other.name_id = "physician-2".into();
    world.finds(&mut world.ctx(B, Some(other)), PATIENT).await;
    world.now = world.now.checked_add(4.hours()).unwrap();
    assert_eq!(world.finds(&mut world.ctx(B, Some(emergency())), PATIENT).await.len(), 2);
    assert_eq!(world.store.read().await.unwrap().grants().await.unwrap().len(), 3);
    run_jobs(&world, world.now.as_millisecond()).await;
    assert_eq!(world.audited("110127", 0).await.len(), 3);
    let ended = world.audited("110138", 0).await;
    assert_eq!(ended.len(), 2, "two of three are over");
    // Spec security §2.6: the person, and the node.
    let mut persons: Vec<(String, String)> = Vec::new();
    for body in ended {
        let event: AuditEvent = serde_json::from_str(&body).unwrap();
        assert_eq!(event.participants.len(), 2, "{body}");
        persons.extend(event.persons().filter(|it| it.requestor).map(|it| (it.user_id.clone(), it.user_name.clone())));
    }
    persons.sort_unstable();
    let named = |id: &str| (id.to_owned(), format!("<{id}@https://sts.example>"));
    assert_eq!(persons, [named("physician-1"), named("physician-2")]);
    // It stays on the list until a reviewer closes it.
    let close = |by: &'static str| {
        let store = world.store.clone();
        async move {
            let closed: Result<bool, knoop::store::StoreError> =
                store.write(move |tx| Box::pin(async move { tx.close_grant(key, by, 1).await })).await;
            closed.unwrap()
        }
    };
    assert_eq!((close("J. de Vries").await, close("again").await), (true, false));
    let grants = world.store.read().await.unwrap().grants().await.unwrap();
    assert_eq!(grants[0].grant.closed_by.as_deref(), Some("J. de Vries"));
}

async fn c_07_an_emergency_needs_role_and_assurance(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    let smartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI";
    let telephone = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract";
    for who in [person("309343006", "ETREAT", telephone), person("224608005", "ETREAT", smartcard)] {
        let ctx = &mut world.ctx(B, Some(who));
        assert!(world.finds(ctx, PATIENT).await.is_empty());
        assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    }
    assert!(world.store.read().await.unwrap().grants().await.unwrap().is_empty());
    assert!(world.audited("110127", 0).await.is_empty());
    for (event, count) in [("ITI-18", 2), ("ITI-43", 2), ("110132", 4)] {
        assert_eq!(reasons(&world, event, 8).await, vec!["CON-ROLE"; count], "{event}");
    }
}

/// S-CON-21.
async fn c_08_an_emergency_does_not_override_a_deny(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.answer(PATIENT, "category:ziekenhuis", "*", "category:ziekenhuis", Answer::Deny).await;
    let ctx = &mut world.ctx(B, Some(emergency()));
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    assert!(world.store.read().await.unwrap().grants().await.unwrap().is_empty());
    expect_refused(&world, "CON-DENY").await;
    assert_eq!(world.audited("110127", 0).await, [""; 0]);
}

/// A service that takes connections and says what it is given, or nothing.
async fn service(answer: Option<&'static str>) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/decide", listener.local_addr().unwrap());
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(answer) = answer else {
                silent.push(stream);
                continue;
            };
            let mut got = Vec::new();
            let mut block = [0; 4096];
            while !got.ends_with(b"}") {
                let read = stream.read(&mut block).await.unwrap();
                assert_ne!(read, 0, "the question ends early");
                got.extend_from_slice(&block[..read]);
            }
            let got = String::from_utf8(got).unwrap();
            assert!(
                got.contains(r#""sourceCategory":"ziekenhuis","#) && got.contains(r#""purposes":["TREAT"]"#),
                "{got}"
            );
            let body = format!(r#"{{"decision":"{answer}"}}"#);
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

async fn c_11_a_silent_consent_service_is_a_no(store: Store) {
    let (url, asked) = service(None).await;
    let world = World::with(store, |settings| settings.remote = Some(consent_service(&url))).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let ctx = &mut world.ctx(B, Some(physician()));
    let began = std::time::Instant::now();
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    assert!(began.elapsed() >= Duration::from_millis(1900), "the service is given its two seconds");
    assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    assert!(asked.load(std::sync::atomic::Ordering::Relaxed) >= 2);
    for (event, count) in [("ITI-18", 1), ("ITI-43", 1), ("110132", 2)] {
        assert_eq!(reasons(&world, event, 12).await, vec!["CON-REMOTE"; count], "{event}");
    }
    // The owner asks nobody.
    assert_eq!(world.finds(&mut world.ctx(A, None), PATIENT).await.len(), 3);
}

async fn s_con_03_a_consent_service_is_asked_and_its_yes_believed_a_minute(store: Store) {
    let (url, asked) = service(Some("permit")).await;
    let mut world = World::with(store, |settings| settings.remote = Some(consent_service(&url))).await;
    let [d1, d2, _] = hospital_a(&world, PATIENT).await;
    let count = || asked.load(std::sync::atomic::Ordering::Relaxed);
    let mut expected = vec![d1, d2];
    expected.sort_unstable();
    assert_eq!(world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await, expected);
    let first = count();
    assert_eq!(first, 2, "one question for each category that can be seen");
    world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await;
    assert_eq!(count(), first);
    world.now = world.now.checked_add(60.seconds()).unwrap();
    world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await;
    assert_eq!(count(), 2 * first);
    // A no is asked again each time.
    let (url, asked) = service(Some("deny")).await;
    let world = World::with(world.store.clone(), |settings| settings.remote = Some(consent_service(&url))).await;
    for round in 1..=2 {
        assert!(world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await.is_empty());
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 2 * round);
    }
}

/// S-CON-02.
async fn c_12_a_withdrawal_holds_for_the_next_request(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    let key = world.permit_letters(PATIENT).await;
    let ctx = &mut world.ctx(B, Some(physician()));
    assert_eq!(world.finds(ctx, PATIENT).await, std::slice::from_ref(&d1));
    world.withdraw(key).await;
    assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    for event in ["ITI-18", "ITI-43"] {
        assert_eq!(reasons(&world, event, 8).await, ["CON-NOANSWER"], "{event}");
    }
}

/// S-CON-10.
async fn c_13_a_patient_is_not_made_known_without_consent(store: Store) {
    let world = World::new(store).await;
    hospital_a(&world, PATIENT).await;
    let ctx = &world.ctx(D, Some(physician()));
    assert!(world.discovers(ctx, PATIENT).await.is_empty(), "another region, no answer");
    assert!(world.discovers(ctx, STRANGER).await.is_empty(), "the same as of somebody who is not known");
    let told = world.audited_about(None, "ITI-55", 0).await;
    assert!(told.len() == 2 && !told.iter().any(|event| event.contains("9999")), "nobody is named: {told:?}");
    world.permit_letters(PATIENT).await;
    assert!(world.discovers(ctx, PATIENT).await.is_empty(), "the regions have agreed on nothing");
    assert!(world.audited("ITI-55", 0).await.is_empty());
    world.agree().await;
    assert_eq!(world.discovers(ctx, PATIENT).await, [PATIENT]);
    assert_eq!(world.audited("ITI-55", 0).await.len(), 1, "whom was told of is recorded");
}

async fn s_con_09_a_policy_takes_over_at_its_time(store: Store) {
    let change = "[change]\nproposed_by = \"A. Jansen\"\napproved_by = \"B. de Vries\"\neffective_from = \"2026-01-02T10:00:00Z\"\n";
    let nurses = AccessPolicy::DEFAULT.replacen("\n[roles", &format!("\n{change}\n[roles"), 1).replacen(
        "roles = [\"physician\", \"nurse\", \"pharmacist\", \"assistant\"]",
        "roles = [\"nurse\"]",
        1,
    );
    let nurses = Arc::new(AccessPolicy::from_toml(&nurses).unwrap());
    let world = World::with(store, |settings| settings.next_policy = Some(nurses)).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let at = |time: &str| {
        let mut ctx = world.ctx(B, Some(physician()));
        ctx.now = time.parse().unwrap();
        ctx
    };
    assert_eq!(world.finds(&mut at("2026-01-02T09:59:59Z"), PATIENT).await, [d1]);
    assert!(world.finds(&mut at("2026-01-02T10:00:00Z"), PATIENT).await.is_empty());
}

async fn c_14_what_is_not_known_is_refused(store: Store) {
    let world = World::new(store).await;
    let mut unknown = Document::letter();
    unknown.confidentiality = vec![("N", "2.999.77")];
    let hidden = unknown.unique_id.clone();
    let shown = Document::letter();
    let id = shown.unique_id.clone();
    world.submit(A, &Submission::of(PATIENT, vec![unknown, shown])).await;
    world.permit_letters(PATIENT).await;
    let smartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI";
    for who in [person("309343006", "PLAY", smartcard), person("309343006", "MARKT", smartcard)] {
        assert!(world.finds(&mut world.ctx(B, Some(who)), PATIENT).await.is_empty());
    }
    assert_eq!(reasons(&world, "ITI-18", 8).await, ["CON-ROLE"; 2]);
    assert_eq!(world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await, [id]);
    assert_eq!(world.retrieves(&mut world.ctx(B, Some(physician())), &[&hidden]).await, refused());
    assert_eq!(reasons(&world, "ITI-43", 8).await, ["CON-CONF"]);
    // V is seen by whom the patient named.
    world.answer(PATIENT, "category:ziekenhuis", "letters", "organisation:2.999.20", Answer::Permit).await;
    assert_eq!(world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await.len(), 2);
}

async fn c_17_research_is_refused(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let researcher = person("309343006", "HRESCH", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI");
    let ctx = &mut world.ctx(B, Some(researcher));
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    assert_eq!(world.retrieves(ctx, &[&d1]).await, refused());
    expect_refused(&world, "CON-ROLE").await;
}

async fn merge(world: &World, subsumed: &'static str, survivor: &'static str) {
    let merged: Result<(), knoop::store::MergeError> = world
        .store
        .write(move |tx| {
            Box::pin(
                async move { tx.merge_patients(&subsumed.parse().unwrap(), &survivor.parse().unwrap(), 1, "m").await },
            )
        })
        .await;
    merged.unwrap();
}

async fn s_con_02_consent_follows_a_merged_identity(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    let survivor = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
    world.permit_letters(survivor).await;
    let ctx = &mut world.ctx(B, Some(physician()));
    assert!(world.finds(ctx, PATIENT).await.is_empty());
    merge(&world, PATIENT, survivor).await;
    assert_eq!(world.finds(ctx, survivor).await, std::slice::from_ref(&d1));
    assert_eq!(world.retrieves(ctx, &[&d1]).await, given());
}

/// D4: role and confidentiality alone.
async fn s_con_04_a_person_of_the_same_organisation_needs_no_consent(store: Store) {
    let world = World::new(store).await;
    let [d1, _, d3] = hospital_a(&world, PATIENT).await;
    let telephone = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered";
    let assistant = || person("224608005", "TREAT", telephone);
    let ctx = &mut world.ctx(A, Some(assistant()));
    assert_eq!(world.finds(ctx, PATIENT).await, std::slice::from_ref(&d1));
    assert_eq!(world.retrieves(ctx, &[&d1]).await, given());
    assert_eq!(world.retrieves(ctx, &[&d3]).await, refused());
    let researcher = person("309343006", "HRESCH", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI");
    assert!(world.finds(&mut world.ctx(A, Some(researcher)), PATIENT).await.is_empty());
}

async fn s_con_23_an_emergency_that_cannot_be_recorded_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("knoop.db");
    let store = Store::open(&StoreSettings::Sqlite(SqliteSettings::new(&file))).await.unwrap();
    store.migrate().await.unwrap();
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    let ctx = &mut world.ctx(B, Some(emergency()));
    assert_eq!(world.finds(ctx, PATIENT).await.len(), 2);
    // From now on the database takes no grant.
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON break_glass BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(trigger).execute(&mut connection).await.unwrap();
    let mut other = emergency();
    other.name_id = "physician-2".into();
    assert!(world.finds(&mut world.ctx(B, Some(other.clone())), PATIENT).await.is_empty());
    assert_eq!(world.retrieves(&mut world.ctx(B, Some(other)), &[&d1]).await, refused());
    // Whose grant is recorded goes on.
    assert_eq!(world.finds(ctx, PATIENT).await.len(), 2);
    world.store.close().await;
}

async fn an_assertion_about_another_patient_shows_nothing(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.permit_letters(PATIENT).await;
    let about = |patient: &str| {
        let mut who = physician();
        who.patient = patient.parse().ok();
        Some(who)
    };
    let other = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
    for organisation in [A, B] {
        assert!(world.finds(&mut world.ctx(organisation, about(other)), PATIENT).await.is_empty());
        assert!(!world.finds(&mut world.ctx(organisation, about(PATIENT)), PATIENT).await.is_empty());
    }
    assert_eq!(world.retrieves(&mut world.ctx(B, about(other)), &[&d1]).await, refused());
}

/// Step 14 and D5 say the same of an identity that was merged.
async fn s_con_02_an_assertion_about_a_merged_identity_serves_for_the_survivor(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    let [own, ..] = hospital_a(&world, STRANGER).await;
    world.permit_letters(PATIENT).await;
    let about = |patient: &str| {
        let mut who = physician();
        who.patient = patient.parse().ok();
        Some(who)
    };
    let other = "999900031^^^&2.16.840.1.113883.2.4.6.3&ISO";
    world.answer(other, "category:ziekenhuis", "letters", "category:ziekenhuis", Answer::Permit).await;
    assert!(world.finds(&mut world.ctx(B, about(STRANGER)), PATIENT).await.is_empty(), "two patients");
    merge(&world, STRANGER, PATIENT).await;
    let mut both = vec![d1.clone(), own.clone()];
    both.sort_unstable();
    for asserted in [STRANGER, PATIENT] {
        let ctx = &mut world.ctx(B, about(asserted));
        assert_eq!(world.finds(ctx, PATIENT).await, both, "{asserted}");
        assert_eq!(world.retrieves(ctx, &[&d1]).await, given(), "{asserted}");
        assert_eq!(world.retrieves(ctx, &[&own]).await, given(), "{asserted}");
        assert_eq!(world.finds(&mut world.ctx(A, about(asserted)), PATIENT).await.len(), 6, "D4, {asserted}");
    }
    // Somebody else stays somebody else.
    assert!(world.finds(&mut world.ctx(B, about(other)), PATIENT).await.is_empty());
    assert_eq!(world.retrieves(&mut world.ctx(B, about(other)), &[&d1]).await, refused());
}

/// A gateway of the pharmacy in region b, and a user of the organisation with this id.
fn through_gateway(world: &World, organisation_id: &str, user: User) -> RequestContext {
    let user = User { organisation_id: Some(organisation_id.into()), ..user };
    let mut ctx = world.ctx(PHARMACY, Some(user));
    let mut node = (*ctx.caller.node).clone();
    node.roles = vec![NodeRole::InitiatingGateway];
    node.homes = vec!["urn:oid:2.999.200".parse().unwrap()];
    ctx.caller.node = Arc::new(node);
    ctx
}

/// C-03 through a gateway: what the patient said of an organisation holds whoever brings its user.
async fn c_03_a_gateway_asks_for_the_organisation_of_its_user(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.agree().await;
    let of_d = || through_gateway(&world, "2.999.40", physician());
    // For the category of the gateway's own organisation nothing was asked.
    world.answer(PATIENT, "category:ziekenhuis", "letters", "category:apotheek", Answer::Permit).await;
    assert!(world.finds(&mut of_d(), PATIENT).await.is_empty());
    assert_eq!(world.retrieves(&mut of_d(), &[&d1]).await, refused());
    expect_refused(&world, "CON-NOANSWER").await;
    world.permit_letters(PATIENT).await;
    assert_eq!(world.finds(&mut of_d(), PATIENT).await, std::slice::from_ref(&d1));
    assert_eq!(world.retrieves(&mut of_d(), &[&d1]).await, given());
    // The patient refuses D by name.
    world.answer(PATIENT, "category:ziekenhuis", "letters", "organisation:2.999.40", Answer::Deny).await;
    assert!(world.finds(&mut of_d(), PATIENT).await.is_empty());
    assert_eq!(world.retrieves(&mut of_d(), &[&d1]).await, refused());
    assert_eq!(reasons(&world, "ITI-18", 8).await[0], "CON-DENY");
    let ctx = &mut through_gateway(&world, "2.999.40", emergency());
    assert!(!world.finds(ctx, PATIENT).await.contains(&d1), "nor in an emergency");
}

/// S-CON-10: of whom nothing is known, nothing is decided.
async fn s_con_10_a_gateway_that_names_nobody_known_sees_nothing(store: Store) {
    let world = World::new(store).await;
    let [d1, ..] = hospital_a(&world, PATIENT).await;
    world.agree().await;
    world.permit_letters(PATIENT).await;
    // An unknown one, none, and one of a community that is not the gateway's.
    let count = 3;
    for id in ["2.999.99", "", "2.999.20"] {
        for user in [physician(), emergency()] {
            let ctx = &mut through_gateway(&world, id, user);
            assert!(world.finds(ctx, PATIENT).await.is_empty(), "{id}");
            assert_eq!(world.retrieves(ctx, &[&d1]).await, refused(), "{id}");
        }
    }
    assert_eq!(reasons(&world, "110132", 8).await, vec!["CON-NODE"; 4 * count]);
    assert_eq!(world.audited("110127", 0).await, [""; 0]);
    // A grant in an emergency is one of the organisation that the user is of.
    let ctx = &mut through_gateway(&world, "2.999.40", emergency());
    assert!(!world.finds(ctx, PATIENT).await.is_empty());
    let grants = world.store.read().await.unwrap().grants().await.unwrap();
    assert_eq!(grants.iter().map(|it| it.grant.organisation).collect::<Vec<_>>(), [D]);
}
