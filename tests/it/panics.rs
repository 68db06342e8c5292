//! R-SOAP-16: what a partner and the log see of a panic inside a request.
//!
//! The registry is handed the encoder of what it keeps. Here this test program serves, with knoop's own listener and
//! actors, and hands in an encoder that panics where it is asked to, with a message full of patient data.

use std::{
    future::pending,
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
};

use knoop::{
    config::Config,
    http::{self, Endpoint, HttpSettings, Listeners, Metrics, Operations},
    model::{Body, EntryUuid, rim::RegistryObject},
    security::access::Policy as AccessPolicy,
    service::{
        Access, AccessSettings, AuditSettings, Auditor, Registry, RegistrySettings, Repository, RepositorySettings,
        nodes::Nodes, refusals::RefusalLog, repository::RegistryLink,
    },
    store::{
        SqliteSettings, Store as Database, StoreSettings,
        documents::{DocumentSettings, DocumentStore},
    },
    telemetry,
    wire::ebrim::body,
};
use libtest_mimic::Trial;

use crate::harness::{
    Answer, Query, TestServer, plain,
    privacy::{BIRTH_DATE, NAME_MARK, PATIENT_MARK, TITLE_MARK},
    sample::{self, Submission, names::RPLC},
    servers::Store,
};

/// Set for the process that serves.
pub const VARIABLE: &str = "KNOOP_TEST_PANICKING_SERVER";
/// A slot of this name makes the encoder panic.
const PANIC: &str = "urn:example:panic";

pub fn trials() -> Vec<Trial> {
    plain![
        r_soap_16_a_panic_in_a_request_is_a_registry_error,
        r_soap_16_a_panic_in_a_request_is_a_repository_error,
        r_soap_16_a_panic_in_a_write_transaction_leaves_nothing,
    ]
    .into()
}

fn encode(object: &RegistryObject, fresh: &mut dyn FnMut() -> EntryUuid) -> Body {
    // Only what the registry makes itself is encoded by the thread that writes.
    let writes = thread::current().name() == Some("knoop-writer");
    if writes || object.slots.iter().any(|slot| &*slot.name == PANIC) {
        panic!("{PATIENT_MARK} {NAME_MARK} {BIRTH_DATE} {TITLE_MARK}");
    }
    body::encode(object, fresh)
}

/// The process that serves, as `knoop serve --data DIR` would.
pub fn serve() -> ExitCode {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != "--data");
    let data = PathBuf::from(arguments.nth(1).unwrap_or_default());
    match actix_web::rt::System::new().block_on(serve_from(&data)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve_from(data: &Path) -> anyhow::Result<()> {
    let config = Config::default();
    telemetry::start(&config.logging)?;
    let store = Database::open(&StoreSettings::Sqlite(SqliteSettings::new(data.join("knoop.sqlite")))).await?;
    store.migrate().await?;
    let documents = DocumentStore::open(&DocumentSettings::Files { folder: data.join("documents") })?;
    let auditor = Auditor::new(store.clone(), AuditSettings::default());
    let rules = AccessSettings::new(AccessPolicy::from_toml(AccessPolicy::DEFAULT)?);
    let access = Access::new(store.clone(), rules, auditor.clone());
    let registry = Registry::new(store.clone(), RegistrySettings::default(), encode, auditor.clone(), access.clone());
    let settings = RepositorySettings {
        repository_unique_id: config.repository.repository_unique_id,
        home_community_id: None,
        pending_lease_ms: 3_600_000,
        document_request_limit: 100,
    };
    let nodes = Arc::new(Nodes::load(&store).await?);
    let repository =
        Repository::new(store, documents, RegistryLink::Local(registry.clone()), settings, auditor.clone(), access);
    let metrics = Arc::new(Metrics::new());
    let refusals = Arc::new(RefusalLog::open(data)?);
    let (registry, repository) = (Some(registry), Some(repository));
    let endpoint =
        Endpoint::new(registry, repository, nodes, auditor, HttpSettings::default(), Arc::clone(&metrics), refusals);
    let (soap, operations) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    println!("ready soap=http://{} operations=http://{}", soap.local_addr()?, operations.local_addr()?);
    let listeners = Listeners { soap: Some(soap), https: None, operations: Some(operations), pickup: None };
    http::serve(listeners, Arc::new(endpoint), Arc::new(Operations::new(metrics, Vec::new())), pending()).await?;
    Ok(())
}

fn server() -> TestServer {
    let prepared = TestServer::prepare(Store::Sqlite).and_then(|prepared| prepared.served_by_tests(VARIABLE));
    let server = prepared.and_then(|prepared| prepared.start()).expect("it starts");
    for line in ["a panic was caught", "a request ended in a panic", "internal error"] {
        server.expect_error(line);
    }
    server
}

/// Refused with this code and an incident that the log knows; place and nothing else of the panic is told there.
fn expect_incident(server: &TestServer, answer: &Answer, code: &str) {
    answer.expect_codes(&[code]);
    let error = &answer.errors()[0];
    let incident = error.context.strip_prefix("internal error (incident ").and_then(|rest| rest.strip_suffix(')'));
    let incident = incident.unwrap_or_else(|| panic!("no incident in {error:?}"));
    assert!(incident.starts_with("urn:uuid:"), "{error:?}");
    let log = server.log_text();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains(incident)), "{incident} is not in\n{log}");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("a panic was caught")).collect();
    assert!(told.last().is_some_and(|line| line.contains(concat!(file!(), ":"))), "no place in\n{log}");
    for mark in [PATIENT_MARK, NAME_MARK, BIRTH_DATE, TITLE_MARK] {
        assert!(!answer.root.contains(mark), "{mark} was answered");
        assert!(!log.contains(mark), "{mark} was logged");
    }
}

fn expect_registered(server: &TestServer, patient: &str, documents: usize) {
    assert_eq!(server.query(&Query::find_documents(patient)).expect_success().objects().len(), documents);
}

fn r_soap_16_a_panic_in_a_request_is_a_registry_error() {
    let (server, patient) = (server(), sample::patient());
    let (good, bad) = (sample::document(&patient), sample::document(&patient).slot(PANIC, &["x"]));
    let answer = server.register(&Submission::with(&patient, &[&good, &bad]));
    expect_incident(&server, &answer, "XDSRegistryError");
    expect_registered(&server, &patient, 0);
    server.register(&Submission::with(&patient, &[&good])).expect_success();
    expect_registered(&server, &patient, 1);
}

fn r_soap_16_a_panic_in_a_request_is_a_repository_error() {
    let (server, patient) = (server(), sample::patient());
    let (good, bad) = (sample::provided(&patient), sample::provided(&patient).slot(PANIC, &["x"]));
    let answer = server.provide(&Submission::with(&patient, &[&bad]), &[(&bad.id(), b"bytes")]);
    expect_incident(&server, &answer, "XDSRepositoryError");
    expect_registered(&server, &patient, 0);
    server.provide(&Submission::with(&patient, &[&good]), &[(&good.id(), b"bytes")]).expect_success();
    expect_registered(&server, &patient, 1);
}

fn r_soap_16_a_panic_in_a_write_transaction_leaves_nothing() {
    let (server, patient) = (server(), sample::patient());
    let (old, new, folder) = (sample::document(&patient), sample::document(&patient), sample::folder(&patient));
    let submission = Submission::with(&patient, &[&old]).folder(&folder).member(&folder.id(), &old.id());
    server.register(&submission).expect_success();
    let old_id = server.entry_uuid(&old.unique_id());
    // R-ASC-22: the registry makes the new document a member of the folder itself.
    let replacing = Submission::with(&patient, &[&new]).relate(RPLC, &new.id(), &old_id);
    expect_incident(&server, &server.register(&replacing), "XDSRegistryError");
    assert_eq!(server.entry(&old_id).status(), "Approved");
    expect_registered(&server, &patient, 1);
    server.register(&Submission::with(&patient, &[&sample::document(&patient)])).expect_success();
    expect_registered(&server, &patient, 2);
}
