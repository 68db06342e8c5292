//! A registry behind mutual TLS in this process, and the one node that calls it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use jiff::Timestamp;
use knoop::{
    http::{Endpoint, HttpSettings, Listeners, Metrics, Operations, TlsLimits, TlsListener, UserAssertions, serve},
    model::{AttributeProfile, AuditEvent, CertificateMatch, NodeLimits, NodeRecord, NodeSetting, XuaMode},
    security::{
        access::Policy,
        assertion::{Remembered, XmlSecVerifier},
        directory::NodeDirectory,
        facts::Certificate,
        tls::{AnchorSettings, Generation, Live, Side, TlsSettings, TrustSettings},
    },
    service::{
        Access, AccessSettings, AuditSettings, Auditor, Registry, RegistrySettings, assertions::Assertions,
        nodes::Nodes, refusals::RefusalLog,
    },
    store::{AssertionLedger, AuditSearch, SqliteSettings, Store, StoreSettings},
    wire::ebrim::body,
};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use tokio::sync::oneshot;

use crate::{kit, pki::Pki};

#[expect(clippy::disallowed_methods, reason = "the server runs by the clock of the machine")]
pub fn today() -> Timestamp {
    Timestamp::now()
}

/// The server, stopped when dropped.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    store: Store,
    connector: SslConnector,
    /// PEM of the certificate of the node that calls.
    pub client_certificate: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Asks for assertions in this mode, and of its node in that one.
    pub fn start(mode: XuaMode, of_node: Option<XuaMode>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client_certificate = std::fs::read(&pki.client.certificate).unwrap();
        let record = NodeRecord {
            node: Arc::new(kit::node()),
            certificates: vec![CertificateMatch::Fingerprint(
                Certificate::in_file(&client_certificate).unwrap().fingerprint,
            )],
            addresses: Vec::new(),
            settings: vec![NodeSetting { transaction: None, xua: of_node, limits: NodeLimits::default() }],
        };
        let connector = connector(&pki);
        let limits = TlsLimits {
            handshake_timeout: Duration::from_secs(30),
            handshakes_per_address: 100,
            connections_per_address: 100,
        };
        let tls = TlsListener { listener, tls: Arc::new(trust(&pki)), limits };
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let path = folder.path().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let database = StoreSettings::Sqlite(SqliteSettings::new(path.join("knoop.sqlite")));
                let store = Store::open(&database).await.unwrap();
                store.migrate().await.unwrap();
                let ledger = AssertionLedger::own(&path.join("assertions"), "boot", 0).await.unwrap();
                let verifier = Arc::new(Remembered::new(XmlSecVerifier::new().unwrap()));
                let auditor = Auditor::new(store.clone(), AuditSettings::default());
                let judge = Assertions::new(kit::settings(), verifier, ledger.clone(), store.clone(), auditor.clone());
                let assertions = UserAssertions::new(Some(judge), [("ITI-18", mode)], AttributeProfile::Ihe);
                let policy = Arc::new(Policy::from_toml(Policy::DEFAULT).unwrap());
                let rules = AccessSettings { enforce: false, policy, next_policy: None, region: None, remote: None };
                let access = Access::new(store.clone(), rules, auditor.clone());
                let registry =
                    Registry::new(store.clone(), RegistrySettings::default(), body::encode, auditor.clone(), access);
                let metrics = Arc::new(Metrics::new());
                let refusals = Arc::new(RefusalLog::open(&path).unwrap());
                let nodes = Arc::new(Nodes::new(1, NodeDirectory::new([record])));
                let settings = HttpSettings::default();
                let endpoint =
                    Endpoint::new(Some(registry), None, nodes, auditor, settings, Arc::clone(&metrics), refusals)
                        .with_assertions(assertions);
                let operations = Arc::new(Operations::new(metrics, Vec::new()));
                ready.send(store.clone()).unwrap();
                let listeners = Listeners { soap: None, https: Some(tls), operations: None, pickup: None };
                serve(listeners, Arc::new(endpoint), operations, async { drop(stopped.await) }).await.unwrap();
                ledger.close().await.unwrap();
                store.close().await;
            });
        });
        let store = started.recv().unwrap();
        Self { address, stop: Some(stop), thread: Some(thread), store, connector, client_certificate, _folder: folder }
    }

    /// Sends a message to the registry; status and body of the answer.
    pub fn send(&self, envelope: &str) -> (u16, String) {
        self.send_until(envelope, Timestamp::MIN)
    }

    /// The same; its last octet leaves at this time.
    pub fn send_until(&self, envelope: &str, last: Timestamp) -> (u16, String) {
        let socket = TcpStream::connect(self.address).unwrap();
        let mut socket = self.connector.connect("127.0.0.1", socket).unwrap();
        let head = format!(
            "POST /xds/registry HTTP/1.1\r\nHost: {}\r\nContent-Type: application/soap+xml; charset=UTF-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            envelope.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let (most, end) = envelope.as_bytes().split_at(envelope.len() - 1);
        socket.write_all(most).unwrap();
        while today() < last {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        socket.write_all(end).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// Events of the audit trail.
    pub fn audit(&self, search: &AuditSearch) -> Vec<AuditEvent> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(self.store.search_audit(search, 100)).unwrap();
        found.iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking());
        }
    }
}

fn connector(pki: &Pki) -> SslConnector {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_ca_file(&pki.ca).unwrap();
    builder.set_certificate_file(&pki.client.certificate, SslFiletype::PEM).unwrap();
    builder.set_private_key_file(&pki.client.key, SslFiletype::PEM).unwrap();
    builder.build()
}

fn trust(pki: &Pki) -> Live {
    let anchor = AnchorSettings { name: "tests".to_owned(), file: pki.ca.clone(), revocation: None };
    let settings = TlsSettings {
        identity: Some((pki.server.certificate.clone(), pki.server.key.clone())),
        trust: TrustSettings { anchors: vec![anchor], ..TrustSettings::default() },
        ..TlsSettings::default()
    };
    Live::load(Side::Server, settings, Generation::default(), today).unwrap()
}
