//! Replay: X-17 and S-XUA-20 to S-XUA-23, on both databases and from a second process.

use std::{path::Path, process::Command, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use knoop::{
    model::{AttributeProfile, Caller, Node},
    security::assertion::{Reason, XmlSecVerifier},
    service::{
        AuditSettings, Auditor,
        assertions::{AssertedRequest, AssertionError, Assertions},
    },
    store::{
        AssertionLedger, AssertionUse, AuditSearch, PostgresSettings, SqliteSettings, Store, StoreSettings, UseVerdict,
    },
};
use libtest_mimic::{Completion, Failed, Trial as Test};

use crate::{
    keys,
    kit::{self, Sample, around, attribute, node, now, receive, settings},
    postgres,
};

/// Names a database and the message of a use that this program, started again, shall enter.
const SECOND_PROCESS: &str = "KNOOP_TEST_XUA_SECOND_PROCESS";

pub fn trials() -> Vec<Test> {
    let mut trials = Vec::new();
    for (name, test) in [
        ("x_17_replay_and_another_node", x_17_replay_and_another_node as fn(&Place)),
        ("x_17_a_second_process_knows_it_too", x_17_a_second_process_knows_it_too),
        ("s_xua_21_other_octets_and_forwarders", s_xua_21_other_octets_and_forwarders),
        (
            "s_xua_21_what_a_forwarder_brings_first_is_of_the_next_node",
            s_xua_21_what_a_forwarder_brings_first_is_of_the_next_node,
        ),
        ("s_xua_21_use_by_another_node_is_an_alert", s_xua_21_use_by_another_node_is_an_alert),
        ("s_xua_22_once_is_once", s_xua_22_once_is_once),
        ("s_xua_23_entries_end_and_full_is_full", s_xua_23_entries_end_and_full_is_full),
        ("step_14_another_patient", step_14_another_patient),
    ] {
        trials.push(Test::ignorable_test(format!("ledger::{name}::sqlite"), move || {
            if let Err(reason) = keys::available() {
                return Ok(Completion::ignored_with(reason));
            }
            let folder = tempfile::tempdir()?;
            test(&Place::Sqlite(folder.path().join("knoop.sqlite")));
            Ok(Completion::Completed)
        }));
        trials.push(Test::ignorable_test(
            format!("ledger::{name}::postgres"),
            move || -> Result<Completion, Failed> {
                if let Err(reason) = postgres::available().and_then(|()| keys::available()) {
                    return Ok(Completion::ignored_with(reason));
                }
                test(&Place::Postgres(postgres::new_database()?));
                Ok(Completion::Completed)
            },
        ));
    }
    trials.push(Test::test("ledger::after_an_unclean_end_of_the_machine_old_assertions_are_refused", || {
        run(unclean_end());
        Ok(())
    }));
    trials
}

/// Where a test keeps its ledger.
enum Place {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

impl Place {
    async fn open(&self) -> (Store, AssertionLedger) {
        let settings = match self {
            Self::Sqlite(file) => StoreSettings::Sqlite(SqliteSettings::new(file)),
            Self::Postgres(url) => StoreSettings::Postgres(PostgresSettings::new(url.clone().into())),
        };
        let store = Store::open(&settings).await.unwrap();
        store.migrate().await.unwrap();
        let ledger = match self {
            Self::Sqlite(file) => own(file).await,
            Self::Postgres(_) => AssertionLedger::shared(&store),
        };
        (store, ledger)
    }

    fn name(&self) -> String {
        match self {
            Self::Sqlite(file) => file.display().to_string(),
            Self::Postgres(url) => url.clone(),
        }
    }
}

async fn own(file: &Path) -> AssertionLedger {
    AssertionLedger::own(&file.with_extension("assertions"), "boot-1", 0).await.unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn judge_of(store: &Store, ledger: &AssertionLedger) -> Assertions {
    let verifier = Arc::new(XmlSecVerifier::new().unwrap());
    let auditor = Auditor::new(store.clone(), AuditSettings::default());
    Assertions::new(settings(), verifier, ledger.clone(), store.clone(), auditor)
}

fn entry(id: &str, message_id: &str, node: &str) -> AssertionUse {
    AssertionUse {
        issuer: kit::ISSUER.into(),
        id: id.into(),
        digest: [1; 32],
        message_id: message_id.into(),
        node: node.into(),
        forwarders: Arc::from([Box::from("gateway")]),
        one_time: false,
        issued_ms: now().as_millisecond(),
        expires_ms: now().as_millisecond() + 60_000,
    }
}

fn request(node: Node, message_id: &str) -> Arc<AssertedRequest> {
    Arc::new(AssertedRequest {
        caller: Caller { node: Arc::new(node), subject: "CN=zkh".into(), address: None },
        certificate: None,
        now: now(),
        message_id: message_id.into(),
        transaction: "ITI-18",
        profile: AttributeProfile::Ihe,
        patients: Vec::new(),
    })
}

fn reason<T>(outcome: Result<T, AssertionError>) -> Option<Reason> {
    match outcome {
        Ok(_) => None,
        Err(AssertionError::Refused(refusal)) => Some(refusal.reason),
        Err(error) => panic!("{error}"),
    }
}

fn x_17_replay_and_another_node(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let assertions = judge_of(&store, &ledger);
        let received = receive(&around(&Sample::new(now()).signed())).unwrap().unwrap();
        let mut other = node();
        (other.key, other.name) = (8, "other".into());
        for (node, message, expected) in [
            (node(), "urn:uuid:1", None),
            (node(), "urn:uuid:1", Some(Reason::Replay)),
            (node(), "urn:uuid:2", None),
            (other, "urn:uuid:3", Some(Reason::Replay)),
            (node(), "", None),
            (node(), "", Some(Reason::Replay)),
        ] {
            assert_eq!(reason(assertions.user(received.clone(), &request(node, message)).await), expected, "{message}");
        }
        ledger.close().await.unwrap();
        store.close().await;
    });
}

fn x_17_a_second_process_knows_it_too(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        assert_eq!(ledger.enter(entry("_a", "urn:uuid:1", "zkh")).await, Ok(UseVerdict::Fresh));
        for (message, expected) in [("urn:uuid:1", "Replayed"), ("urn:uuid:2", "Fresh"), ("urn:uuid:2", "Replayed")] {
            let second = Command::new(std::env::current_exe().unwrap())
                .env(SECOND_PROCESS, format!("{message} {}", place.name()))
                .output()
                .unwrap();
            assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
            assert_eq!(String::from_utf8_lossy(&second.stdout).trim(), expected, "{message}");
        }
        assert_eq!(ledger.enter(entry("_a", "urn:uuid:2", "zkh")).await, Ok(UseVerdict::Replayed));
        ledger.close().await.unwrap();
        store.close().await;
    });
}

/// What the program does when it is started as the second process; whether it was.
pub fn second_process() -> bool {
    let Ok(asked) = std::env::var(SECOND_PROCESS) else { return false };
    let (message, name) = asked.split_once(' ').unwrap();
    let place = match name.strip_prefix("postgres:") {
        Some(_) => Place::Postgres(name.to_owned()),
        None => Place::Sqlite(name.into()),
    };
    let verdict = run(async {
        let (_store, ledger) = place.open().await;
        // Killed as it stands, without a clean end.
        ledger.enter(entry("_a", message, "zkh")).await.unwrap()
    });
    println!("{verdict:?}");
    true
}

fn s_xua_21_other_octets_and_forwarders(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let mut other_octets = entry("_a", "4", "zkh");
        other_octets.digest = [2; 32];
        let mut other_issuer = entry("_a", "1", "zkh2");
        other_issuer.issuer = "https://another.example".into();
        for (entry, verdict) in [
            (entry("_a", "1", "zkh"), UseVerdict::Fresh),
            (entry("_a", "2", "zkh2"), UseVerdict::OtherNode),
            (entry("_a", "3", "gateway"), UseVerdict::Fresh),
            (other_octets, UseVerdict::OtherBytes),
            (other_issuer, UseVerdict::Fresh),
            (entry("_b", "1", "gateway"), UseVerdict::Fresh),
            (entry("_b", "2", "zkh"), UseVerdict::Fresh),
        ] {
            assert_eq!(ledger.enter(entry.clone()).await, Ok(verdict), "{entry:?}");
        }
        ledger.close().await.unwrap();
        store.close().await;
    });
}

fn s_xua_21_what_a_forwarder_brings_first_is_of_the_next_node(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let mut once = entry("_c", "1", "gateway");
        once.one_time = true;
        let mut once_again = entry("_c", "2", "zkh");
        once_again.one_time = true;
        let mut other_octets = entry("_b", "7", "zkh2");
        other_octets.digest = [2; 32];
        for (entry, verdict) in [
            (entry("_b", "1", "gateway"), UseVerdict::Fresh),
            (entry("_b", "2", "gateway"), UseVerdict::Fresh),
            // Other octets bind nothing.
            (other_octets, UseVerdict::OtherBytes),
            (entry("_b", "3", "zkh"), UseVerdict::Fresh),
            (entry("_b", "4", "zkh2"), UseVerdict::OtherNode),
            (entry("_b", "5", "gateway"), UseVerdict::Fresh),
            (entry("_b", "4", "zkh2"), UseVerdict::OtherNode),
            (entry("_b", "6", "zkh"), UseVerdict::Fresh),
            // What may be used once is used by the forwarder.
            (once, UseVerdict::Fresh),
            (once_again, UseVerdict::Replayed),
        ] {
            assert_eq!(ledger.enter(entry.clone()).await, Ok(verdict), "{entry:?}");
        }
        // Of many at once one node gets it.
        assert_eq!(ledger.enter(entry("_d", "0", "gateway")).await, Ok(UseVerdict::Fresh));
        let uses = (1..=8).map(|n| ledger.enter(entry("_d", &n.to_string(), &format!("zkh{n}"))));
        let verdicts: Vec<_> = futures_util::future::join_all(uses).await.into_iter().map(Result::unwrap).collect();
        let fresh = verdicts.iter().filter(|verdict| **verdict == UseVerdict::Fresh).count();
        assert_eq!(fresh, 1, "{verdicts:?}");
        ledger.close().await.unwrap();
        store.close().await;
    });
}

fn s_xua_21_use_by_another_node_is_an_alert(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let assertions = judge_of(&store, &ledger);
        let mut sample = Sample::new(now());
        let received = |sample: &Sample| receive(&around(&sample.signed())).unwrap().unwrap();
        let genuine = received(&sample);
        let mut other = node();
        (other.key, other.name) = (8, "other".into());
        let alerts = async || {
            let event = Some("110132".to_owned());
            let search = AuditSearch { event, ..AuditSearch::default() };
            let found = store.search_audit(&search, 10).await.unwrap();
            found.into_iter().map(|found| found.body).collect::<Vec<String>>()
        };
        assert_eq!(reason(assertions.user(genuine.clone(), &request(node(), "1")).await), None);
        assert_eq!(reason(assertions.user(genuine.clone(), &request(node(), "1")).await), Some(Reason::Replay));
        assert_eq!(alerts().await, [""; 0], "a message that was sent twice is none");
        assert_eq!(reason(assertions.user(genuine, &request(other, "2")).await), Some(Reason::Replay));
        let told = alerts().await;
        assert_eq!(told.len(), 1);
        for part in ["110113", "XUA-REPLAY", "used before by another node", kit::ISSUER] {
            assert!(told[0].contains(part), "{part}: {}", told[0]);
        }
        assert!(!told[0].contains(kit::NAME_ID), "nobody is named: {}", told[0]);
        // The token service makes another one of the same name.
        sample.name_id = "somebody.else@zkh.example".to_owned();
        assert_eq!(reason(assertions.user(received(&sample), &request(node(), "3")).await), Some(Reason::Replay));
        let told = alerts().await;
        assert!(told.len() == 2 && told[0].contains("other signed octets"), "{told:?}");
        ledger.close().await.unwrap();
        store.close().await;
    });
}

fn s_xua_22_once_is_once(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let assertions = judge_of(&store, &ledger);
        let mut sample = Sample::new(now());
        sample.conditions += "<saml2:OneTimeUse/><saml2:ProxyRestriction Count=\"0\"/>";
        let received = receive(&around(&sample.signed())).unwrap().unwrap();
        assert_eq!(reason(assertions.user(received.clone(), &request(node(), "1")).await), None);
        assert_eq!(reason(assertions.user(received, &request(node(), "2")).await), Some(Reason::Replay));
        ledger.close().await.unwrap();
        store.close().await;
    });
}

fn s_xua_23_entries_end_and_full_is_full(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let ledger = ledger.with_capacity(2);
        for (id, verdict) in [("_a", UseVerdict::Fresh), ("_b", UseVerdict::Fresh), ("_c", UseVerdict::Full)] {
            assert_eq!(ledger.enter(entry(id, "1", "zkh")).await, Ok(verdict), "{id}");
        }
        let end = now().as_millisecond() + 60_000;
        assert_eq!(ledger.purge(end).await, Ok(0), "nothing is forgotten before its end");
        assert_eq!(ledger.enter(entry("_c", "1", "zkh")).await, Ok(UseVerdict::Full));
        assert_eq!(ledger.purge(end + 1).await, Ok(2));
        assert_eq!(ledger.enter(entry("_a", "1", "zkh")).await, Ok(UseVerdict::Fresh));
        ledger.close().await.unwrap();
        store.close().await;
    });
}

fn step_14_another_patient(place: &Place) {
    run(async {
        let (store, ledger) = place.open().await;
        let assertions = judge_of(&store, &ledger);
        let mut sample = Sample::new(now());
        let name = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
        sample.attributes += &attribute(name, &["P-1^^^&amp;2.999.5&amp;ISO"]);
        let received = receive(&around(&sample.signed())).unwrap().unwrap();
        let patient = |id: &str| knoop::model::PatientId::new(id, "2.999.5".parse().unwrap()).unwrap();
        let asked = |message: &str, patients: &[&str]| {
            let mut request = Arc::unwrap_or_clone(request(node(), message));
            request.patients = patients.iter().map(|id| patient(id)).collect();
            Arc::new(request)
        };
        let judge = async |request| reason(assertions.user(received.clone(), &request).await);
        assert_eq!(judge(asked("1", &["P-1"])).await, None);
        assert_eq!(judge(asked("2", &[])).await, None, "a message that names no patient");
        assert_eq!(judge(asked("3", &["P-2"])).await, Some(Reason::Patient));
        assert_eq!(judge(asked("4", &["P-1", "P-2"])).await, Some(Reason::Patient));
        // After a merge both identifiers are one patient.
        let (one, two) = (patient("P-1"), patient("P-2"));
        store
            .write(move |tx| {
                let (one, two) = (one.clone(), two.clone());
                Box::pin(async move {
                    tx.create_patient(&one, 0, "feed").await?;
                    tx.create_patient(&two, 0, "feed").await?;
                    tx.merge_patients(&two, &one, 0, "m").await
                })
            })
            .await
            .unwrap();
        assert_eq!(judge(asked("5", &["P-2"])).await, None);
        assert_eq!(judge(asked("6", &["P-3"])).await, Some(Reason::Patient));
        ledger.close().await.unwrap();
        store.close().await;
    });
}

async fn unclean_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    let open =
        async |boot: &str, start: Timestamp| AssertionLedger::own(&file, boot, start.as_millisecond()).await.unwrap();
    let later = now() + SignedDuration::from_secs(5);
    // A program that is killed and started again on the same machine remembers everything.
    let first = open("boot-1", now()).await;
    assert_eq!(first.enter(entry("_a", "1", "zkh")).await, Ok(UseVerdict::Fresh));
    drop(first);
    let second = open("boot-1", later).await;
    assert_eq!(second.enter(entry("_a", "1", "zkh")).await, Ok(UseVerdict::Replayed));
    assert_eq!(second.enter(entry("_a", "2", "zkh")).await, Ok(UseVerdict::Fresh));
    // A clean end and another start of the machine: nothing can have been lost.
    second.close().await.unwrap();
    let third = open("boot-2", later).await;
    assert_eq!(third.enter(entry("_a", "3", "zkh")).await, Ok(UseVerdict::Fresh));
    drop(third);
    // Power was cut: what was made before this start may have been used.
    for boot in ["boot-3", "boot-3"] {
        let fourth = open(boot, later).await;
        assert_eq!(fourth.enter(entry("_b", boot, "zkh")).await, Ok(UseVerdict::TooOld));
        let mut fresh = entry("_c", "1", "zkh");
        fresh.issued_ms = later.as_millisecond();
        let verdict = fourth.enter(fresh).await.unwrap();
        assert!(matches!(verdict, UseVerdict::Fresh | UseVerdict::Replayed), "{verdict:?}");
        drop(fourth);
    }
}
