//! R-41-13: documents whose registration elsewhere was never answered, and the job that looks into it, against a registry
//! of canned answers over a real socket.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use knoop::{
    client::{Peer, PeerSettings, RemoteRegistry},
    model::{
        Caller, Ids, RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode,
        rim::{Classification, DocumentRequest, ExternalIdentifier, RegistryObject, RimKind, SubmitObjectsRequest},
        vocabulary as v,
    },
    security::access::Policy as AccessPolicy,
    service::{
        Access, AccessSettings, AuditSettings, Auditor, Repository, RepositorySettings,
        jobs::{Clock, Jobs, Outcome, Policy},
        repository::{CONFIRM_REGISTRATION, RegistryLink, SubmittedDocument},
    },
    store::{
        DocumentState, JobState, Store,
        documents::{DocumentSettings, DocumentStore, Extent, SweepTimes, sweep},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::stores::on_every_store;

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const REPOSITORY: &str = "2.999.1.2.1";
const RESPONSE: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType";

/// All trials of this file.
pub fn trials() -> Vec<libtest_mimic::Trial> {
    on_every_store![
        r_41_13_documents_stay_while_the_registry_gives_no_answer,
        r_41_13_documents_are_confirmed_when_the_registry_knows_the_set,
        r_41_13_documents_are_released_when_the_registry_does_not_know_the_set,
        r_41_13_a_job_that_runs_twice_releases_once,
        r_41_13_a_job_releases_nothing_that_another_request_registered,
        r_41_13_a_request_that_learns_the_outcome_withdraws_the_job,
        r_41_13_an_odd_unique_id_is_asked_for_as_it_is,
    ]
}

/// What the registry does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Says {
    /// Takes it and never answers.
    Nothing,
    /// Hangs up.
    Goodbye,
    /// ITI-42: registered. ITI-18: it knows the set.
    Yes,
    /// ITI-42: refused. ITI-18: it does not know the set.
    No,
    /// ITI-18: the query is refused.
    Refused,
}

/// What a test tells the registry to do, and what the registry heard.
#[derive(Clone)]
struct Script(Arc<Mutex<(Says, Vec<String>)>>);

impl Script {
    fn set(&self, says: Says) {
        self.0.lock().unwrap().0 = says;
    }

    fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

/// A client may open a connection and send nothing on it, so each is served by itself.
async fn serve(listener: TcpListener, script: Script) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, script.clone()));
    }
}

async fn answer(mut stream: TcpStream, script: Script) {
    let Some(request) = read(&mut stream).await else { return };
    let is_query = request.contains("AdhocQueryRequest");
    let says = {
        let mut script = script.0.lock().unwrap();
        script.1.push(request);
        script.0
    };
    let objects = match (is_query, says) {
        // Until the client goes.
        (_, Says::Nothing) => return drop(read(&mut stream).await),
        (_, Says::Goodbye) => return,
        (true, Says::Yes) => {
            "<m:RegistryObjectList><m:ObjectRef id=\"urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211\"/>\
                 </m:RegistryObjectList>"
        }
        (true, _) => "<m:RegistryObjectList/>",
        (false, _) => "",
    };
    let (name, status) = match (is_query, says) {
        (true, Says::Refused) => ("q:AdhocQueryResponse", "Failure"),
        (true, _) => ("q:AdhocQueryResponse", "Success"),
        (false, Says::Yes) => ("r:RegistryResponse", "Success"),
        (false, _) => ("r:RegistryResponse", "Failure"),
    };
    let errors = match status {
        "Failure" => {
            "<r:RegistryErrorList><r:RegistryError errorCode=\"XDSRegistryError\" codeContext=\"no\" \
                 severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\"/></r:RegistryErrorList>"
        }
        _ => "",
    };
    let body = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:q=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" \
             xmlns:r=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\" \
             xmlns:m=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"><s:Header/><s:Body>\
             <{name} status=\"{RESPONSE}:{status}\">{errors}{objects}</{name}></s:Body></s:Envelope>"
    );
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    // A client that is gone needs no answer.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

/// The body of a request; nothing when the client went before its end.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let line = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
            if body.len() >= line.unwrap().trim().parse::<usize>().unwrap() {
                return Some(body.to_owned());
            }
        }
        if stream.read_buf(&mut got).await.ok()? == 0 {
            return None;
        }
    }
}

/// A repository whose registry is elsewhere, its jobs, and a clock that a test moves.
struct Bench {
    store: Store,
    documents: DocumentStore,
    repository: Repository,
    /// The same one, for a registry that says nothing: it waits for no answer long.
    hasty: Repository,
    script: Script,
    now_ms: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new(store: Store, says: Says) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let documents =
            DocumentStore::open(&DocumentSettings::Files { folder: folder.path().join("documents") }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: http::Uri = format!("http://{}/xds", listener.local_addr().unwrap()).parse().unwrap();
        let script = Script(Arc::new(Mutex::new((says, Vec::new()))));
        tokio::spawn(serve(listener, script.clone()));
        let settings = RepositorySettings {
            repository_unique_id: REPOSITORY.parse().unwrap(),
            home_community_id: None,
            pending_lease_ms: HOUR_MS,
            document_request_limit: 100,
        };
        let auditor = Auditor::new(store.clone(), AuditSettings::default());
        let rules = AccessSettings::new(AccessPolicy::from_toml(AccessPolicy::DEFAULT).unwrap());
        let access = Access::new(store.clone(), rules, auditor.clone());
        let repository = |answer_timeout: Duration| {
            let timeouts = PeerSettings { answer_timeout, ..PeerSettings::default() };
            let registry = RemoteRegistry::new(Peer::new(url.clone(), &timeouts).unwrap());
            let link = RegistryLink::Remote(Arc::new(registry));
            let (auditor, access) = (auditor.clone(), access.clone());
            Repository::new(store.clone(), documents.clone(), link, settings.clone(), auditor, access)
        };
        let (hasty, repository) = (repository(Duration::from_millis(200)), repository(Duration::from_secs(60)));
        let now_ms = Arc::new(AtomicI64::new(NOW_MS));
        Self { store, documents, repository, hasty, script, now_ms, _folder: folder }
    }

    fn clock(&self) -> Clock {
        let now_ms = Arc::clone(&self.now_ms);
        Arc::new(move || now_ms.load(Ordering::Relaxed))
    }

    fn later(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn context(&self) -> RequestContext {
        let now = jiff::Timestamp::from_millisecond(self.now_ms.load(Ordering::Relaxed)).unwrap();
        RequestContext::new(Caller::loopback(), now, "".into(), Ids::Random)
    }

    fn repository(&self) -> &Repository {
        if self.script.0.lock().unwrap().0 == Says::Nothing { &self.hasty } else { &self.repository }
    }

    /// ITI-41 of one document.
    async fn provide(&self, set: &str, document: &str, content: &[u8]) -> RegistryResponse {
        let mut incoming = self.repository.receive().unwrap();
        incoming.write(content.to_vec().into()).await.unwrap();
        let document_bytes = SubmittedDocument { id: "Doc01".into(), content: Ok(incoming.finish().await.unwrap()) };
        let submit = submission(set, document);
        self.repository().provide_and_register(&mut self.context(), submit, vec![document_bytes]).await
    }

    async fn run_due(&self, attempts: i64) {
        let handler = self.repository().clone().confirm_registration(self.clock());
        let policy = Policy { attempts, ..Policy::default() };
        Jobs::new(self.store.clone(), self.clock())
            .with(CONFIRM_REGISTRATION, policy, handler)
            .run_due()
            .await
            .unwrap();
    }

    async fn state(&self, document: &str) -> Option<DocumentState> {
        let rows = self.store.read().await.unwrap().find_documents(&[document]).await.unwrap();
        rows.into_iter().next().flatten().map(|row| row.state)
    }

    async fn job(&self, job_id: i64) -> (JobState, i64, Option<String>) {
        let job = self.store.read().await.unwrap().find_job(job_id).await.unwrap().expect("the job is there");
        (job.state, job.attempts, job.problem)
    }

    /// ITI-43: the octets, or nothing.
    async fn retrieved(&self, document: &str) -> Option<Vec<u8>> {
        let request = DocumentRequest {
            repository_unique_id: REPOSITORY.into(),
            document_unique_id: document.into(),
            ..DocumentRequest::default()
        };
        let mut retrieval = self.repository.retrieve(&mut self.context(), &[request]).await;
        let mut reader = retrieval.documents.pop()?.reader;
        let mut octets = Vec::new();
        while let Some(block) = reader.next().await {
            octets.extend_from_slice(&block.unwrap());
        }
        Some(octets)
    }

    /// Files that are gone after a sweep of what has expired by now.
    async fn swept(&self) -> u64 {
        let times = SweepTimes { grace_ms: HOUR_MS, quarantine_ms: 24 * HOUR_MS };
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        sweep(&self.store, &self.documents, now_ms, times, Extent::Expired).await.unwrap().expired
    }
}

fn identifier(object: &str, scheme: &str, value: &str) -> ExternalIdentifier {
    ExternalIdentifier {
        registry_object: Some(object.into()),
        identification_scheme: scheme.into(),
        value: value.into(),
        ..ExternalIdentifier::default()
    }
}

/// What the repository itself needs of a submission; the registry looks at the rest.
fn submission(set: &str, document: &str) -> SubmitObjectsRequest {
    let package = RegistryObject {
        id: Some("SS01".into()),
        classifications: vec![Classification {
            classified_object: Some("SS01".into()),
            classification_node: Some(v::SUBMISSION_SET_NODE.into()),
            ..Classification::default()
        }],
        external_identifiers: vec![identifier("SS01", v::SS_UNIQUE_ID, set)],
        ..RegistryObject::new(RimKind::RegistryPackage)
    };
    let entry = RegistryObject {
        id: Some("Doc01".into()),
        external_identifiers: vec![identifier("Doc01", v::DE_UNIQUE_ID, document)],
        ..RegistryObject::new(RimKind::ExtrinsicObject { mime_type: Some("text/plain".into()) })
    };
    SubmitObjectsRequest { objects: vec![package, entry], ..SubmitObjectsRequest::default() }
}

fn expect_not_available(response: &RegistryResponse) {
    assert_eq!(response.status, ResponseStatus::Failure);
    let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [XdsErrorCode::RegistryNotAvailable]);
}

async fn r_41_13_documents_stay_while_the_registry_gives_no_answer(store: Store) {
    let bench = Bench::new(store, Says::Nothing).await;
    expect_not_available(&bench.provide("2.999.1.1", "2.999.2.1", b"kept").await);
    assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Unconfirmed));
    // Not while the registry may still be at work on it.
    bench.later(60_000);
    bench.run_due(3).await;
    assert_eq!(bench.job(1).await, (JobState::Waiting, 0, None));
    for (says, attempts) in [(Says::Nothing, 1), (Says::Goodbye, 2)] {
        bench.script.set(says);
        bench.later(HOUR_MS);
        bench.run_due(4).await;
        assert_eq!(bench.job(1).await, (JobState::Waiting, attempts, Some("the registry gave no answer".to_owned())));
        assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Unconfirmed));
    }
    // A registry that refuses the query tells nothing either.
    bench.script.set(Says::Refused);
    bench.later(HOUR_MS);
    bench.run_due(3).await;
    assert_eq!(bench.job(1).await.0, JobState::Failed, "given up after three attempts");
    assert_eq!(bench.swept().await, 0);
    assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Unconfirmed));
    assert_eq!(bench.retrieved("2.999.2.1").await.as_deref(), Some(&b"kept"[..]));
}

async fn r_41_13_documents_are_confirmed_when_the_registry_knows_the_set(store: Store) {
    let bench = Bench::new(store, Says::Goodbye).await;
    expect_not_available(&bench.provide("2.999.1.1", "2.999.2.1", b"known").await);
    bench.script.set(Says::Yes);
    bench.later(HOUR_MS);
    bench.run_due(3).await;
    assert_eq!(bench.job(1).await.0, JobState::Done);
    assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Confirmed));
    let asked = bench.script.heard().pop().unwrap();
    assert!(asked.contains("urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"), "GetSubmissionSetAndContents: {asked}");
    assert!(asked.contains("'2.999.1.1'"), "{asked}");
    bench.later(48 * HOUR_MS);
    assert_eq!(bench.swept().await, 0);
    assert_eq!(bench.retrieved("2.999.2.1").await.as_deref(), Some(&b"known"[..]));
}

async fn r_41_13_documents_are_released_when_the_registry_does_not_know_the_set(store: Store) {
    let bench = Bench::new(store, Says::Nothing).await;
    expect_not_available(&bench.provide("2.999.1.1", "2.999.2.1", b"unknown").await);
    bench.script.set(Says::No);
    bench.later(HOUR_MS / 2);
    bench.run_due(3).await;
    assert_eq!(bench.job(1).await.0, JobState::Done);
    assert_eq!(bench.state("2.999.2.1").await, None);
    assert_eq!(bench.retrieved("2.999.2.1").await, None);
    assert_eq!(bench.swept().await, 0, "the lease of the bytes has not passed");
    bench.later(HOUR_MS);
    assert_eq!(bench.swept().await, 1);
    // The uniqueId is free for other bytes.
    bench.script.set(Says::Yes);
    assert_eq!(bench.provide("2.999.1.2", "2.999.2.1", b"another").await.status, ResponseStatus::Success);
    assert_eq!(bench.retrieved("2.999.2.1").await.as_deref(), Some(&b"another"[..]));
}

async fn r_41_13_a_job_that_runs_twice_releases_once(store: Store) {
    let bench = Bench::new(store, Says::Nothing).await;
    // Two requests with the same document; nobody knows the outcome of either.
    expect_not_available(&bench.provide("2.999.1.1", "2.999.2.1", b"shared").await);
    expect_not_available(&bench.provide("2.999.1.2", "2.999.2.1", b"shared").await);
    bench.script.set(Says::No);
    bench.later(HOUR_MS);
    let now_ms = bench.now_ms.load(Ordering::Relaxed);
    let take = bench.store.write(move |tx| {
        async move { tx.take_jobs(CONFIRM_REGISTRATION, now_ms, now_ms + HOUR_MS, 1, 2).await }.boxed()
    });
    let job = take.await.unwrap().remove(0);
    let handler = bench.repository.clone().confirm_registration(bench.clock());
    for _ in 0..2 {
        assert_eq!(handler(job.clone()).await, Outcome::Settled);
        assert_eq!(bench.job(job.job_id).await.0, JobState::Done);
        assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Unconfirmed), "the other request relies on it");
    }
    bench.run_due(3).await;
    assert_eq!(bench.state("2.999.2.1").await, None);
}

async fn r_41_13_a_job_releases_nothing_that_another_request_registered(store: Store) {
    let bench = Bench::new(store, Says::Nothing).await;
    expect_not_available(&bench.provide("2.999.1.1", "2.999.2.1", b"shared").await);
    bench.script.set(Says::Yes);
    assert_eq!(bench.provide("2.999.1.2", "2.999.2.1", b"shared").await.status, ResponseStatus::Success);
    bench.script.set(Says::No);
    bench.later(HOUR_MS);
    bench.run_due(3).await;
    assert_eq!(bench.job(1).await.0, JobState::Done);
    assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Confirmed));
    bench.later(48 * HOUR_MS);
    bench.swept().await;
    assert_eq!(bench.retrieved("2.999.2.1").await.as_deref(), Some(&b"shared"[..]));
}

async fn r_41_13_a_request_that_learns_the_outcome_withdraws_the_job(store: Store) {
    let bench = Bench::new(store, Says::Yes).await;
    assert_eq!(bench.provide("2.999.1.1", "2.999.2.1", b"yes").await.status, ResponseStatus::Success);
    assert_eq!(bench.state("2.999.2.1").await, Some(DocumentState::Confirmed));
    bench.script.set(Says::No);
    let response = bench.provide("2.999.1.2", "2.999.2.2", b"no").await;
    assert_eq!(response.findings[0].context, "no", "R-41-12");
    assert_eq!(bench.state("2.999.2.2").await, None);
    for job_id in [1, 2] {
        assert_eq!(bench.job(job_id).await.0, JobState::Withdrawn);
    }
    bench.later(24 * HOUR_MS);
    bench.run_due(3).await;
    assert_eq!(bench.script.heard().len(), 2, "nothing was asked");
}

async fn r_41_13_an_odd_unique_id_is_asked_for_as_it_is(store: Store) {
    let bench = Bench::new(store, Says::Goodbye).await;
    expect_not_available(&bench.provide("it's", "2.999.2.1", b"odd").await);
    bench.script.set(Says::No);
    bench.later(HOUR_MS);
    bench.run_due(3).await;
    let asked = bench.script.heard().pop().unwrap().replace("&apos;", "'").replace("&#39;", "'");
    assert!(asked.contains("'it''s'"), "R-18-05: {asked}");
    assert_eq!(bench.job(1).await.0, JobState::Done);
}
