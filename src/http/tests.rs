//! Who is let in, and how much of it, over real connections whose certificate is as good as verified.

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::{dev::ServerHandle, rt::net::TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Endpoint, GateSettings, HttpSettings, Metrics,
    connection::Connection,
    identify::{Arrival, Peer},
    serve::soap,
};
use crate::{
    model::{CertificateFacts, CertificateMatch, Node, NodeKey, NodeRecord, NodeSetting, Standing},
    security::directory::NodeDirectory,
    service::{
        audit::trail_for_tests,
        nodes::Nodes,
        refusals::{self, RefusalLog},
    },
};

fn facts(number: u8) -> CertificateFacts {
    let sans = ["DNS:ehr.example".to_owned()];
    CertificateFacts::new([number; 32], &format!("CN=ehr-{number}"), "CN=CA", "1", sans)
}

/// An active node with the certificate of that number.
fn record(number: u8) -> NodeRecord {
    let node = Node { key: NodeKey::from(number), name: format!("ehr-{number}").into(), ..Node::loopback() };
    let certificates = vec![CertificateMatch::Fingerprint(facts(number).fingerprint)];
    NodeRecord { node: Arc::new(node), certificates, ..NodeRecord::loopback() }
}

fn suspended(number: u8) -> NodeRecord {
    let record = record(number);
    NodeRecord { node: Arc::new(Node { standing: Standing::Suspended, ..(*record.node).clone() }), ..record }
}

/// Listeners of one endpoint. None of its actors is on, so that whoever is let in gets a fault for the action.
struct TestHttp {
    endpoint: Arc<Endpoint>,
    nodes: Arc<Nodes>,
    folder: tempfile::TempDir,
    handles: Vec<ServerHandle>,
}

impl TestHttp {
    async fn new(records: impl IntoIterator<Item = NodeRecord>, gates: GateSettings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let refusals = Arc::new(RefusalLog::open(folder.path()).expect("a list"));
        let nodes = Arc::new(Nodes::new(1, NodeDirectory::new(records)));
        let settings = HttpSettings { gates, ..HttpSettings::default() };
        let auditor = trail_for_tests(folder.path()).await;
        let endpoint = Endpoint::new(None, None, Arc::clone(&nodes), auditor, settings, Arc::default(), refusals);
        Self { endpoint: Arc::new(endpoint), nodes, folder, handles: Vec::new() }
    }

    /// A listener all of whose connections come with this certificate, or from this machine.
    fn listen(&mut self, certificate: Option<u8>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let facts = certificate.map(|number| Arc::new(facts(number)));
        let arrive = move |io: &Connection<TcpStream>| {
            let peer = facts.clone().map_or(Peer::Loopback, Peer::Certificate);
            Arrival { local: io.io().local_addr().ok(), peer }
        };
        let server = soap(listener, Arc::clone(&self.endpoint), arrive).expect("a server");
        self.handles.push(server.handle());
        actix_web::rt::spawn(server);
        address
    }

    fn metrics(&self) -> &Metrics {
        &self.endpoint.metrics
    }

    async fn stop(self) -> Vec<refusals::Refusal> {
        for handle in &self.handles {
            handle.stop(false).await;
        }
        refusals::read(self.folder.path()).expect("the list")
    }
}

const MESSAGE: &str = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
    xmlns:a='http://www.w3.org/2005/08/addressing'><s:Header><a:Action>urn:x</a:Action>\
    <a:MessageID>urn:uuid:1</a:MessageID></s:Header><s:Body><x/></s:Body></s:Envelope>";

fn head(length: usize) -> String {
    format!("POST /xds HTTP/1.1\r\nHost: h\r\nContent-Type: application/soap+xml\r\nContent-Length: {length}\r\n\r\n")
}

struct Client(TcpStream);

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("connected"))
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("sent");
    }

    async fn receive(&mut self) -> Answer {
        let (mut octets, mut end) = (Vec::new(), None);
        while end.is_none() {
            assert!(self.0.read_buf(&mut octets).await.expect("an answer") > 0, "closed without an answer");
            end = octets.windows(4).position(|four| four == b"\r\n\r\n");
        }
        let body = octets.split_off(end.expect("found") + 4);
        let head = String::from_utf8(octets).expect("text").to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let length: usize = length.trim().parse().expect("a number");
        let mut body = body;
        while body.len() < length {
            assert!(self.0.read_buf(&mut body).await.expect("an answer") > 0, "cut short");
        }
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        Answer { status, head, body: String::from_utf8(body).expect("text") }
    }

    /// A whole message and its answer.
    async fn post(&mut self) -> Answer {
        self.send(&(head(MESSAGE.len()) + MESSAGE)).await;
        self.receive().await
    }
}

async fn post(address: SocketAddr) -> Answer {
    Client::connect(address).await.post().await
}

#[actix_web::test]
async fn s_tls_16_a_certificate_without_a_node_is_403_before_anything_is_read() {
    let mut http = TestHttp::new([record(2)], GateSettings::default()).await;
    let (known, stranger, here) = (http.listen(Some(2)), http.listen(Some(9)), http.listen(None));
    assert_eq!(post(known).await.status, 400, "let in: the fault for the unknown action");
    assert_eq!(post(here).await.status, 400, "the fixed node");
    let refused = post(stranger).await;
    assert_eq!((refused.status, refused.body.as_str()), (403, ""));
    // Neither media type nor size nor XML is looked at.
    let mut client = Client::connect(stranger).await;
    client.send("POST /xds HTTP/1.1\r\nHost: h\r\nContent-Type: nonsense\r\nContent-Length: 1\r\n\r\n<").await;
    assert_eq!(client.receive().await.status, 403);
    // The description of the service is for partners too.
    for request in ["GET /xds?wsdl", "GET /xds?xsd=rim", "PUT /xds", "GET /nothing"] {
        let mut client = Client::connect(stranger).await;
        client.send(&format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        assert_eq!(client.receive().await.status, 403, "{request}");
    }
    let told = http.stop().await;
    let strangers: Vec<_> = told.iter().filter(|refusal| refusal.code == "HTTP 403").collect();
    assert_eq!(strangers.len(), 1, "{told:?}");
    assert_eq!(strangers[0].context, "no node is registered for the certificate");
    assert!(
        told.iter().any(|refusal| refusal.node == "ehr-2") && told.iter().any(|refusal| refusal.node == "loopback")
    );
}

#[actix_web::test]
async fn s_tls_22_a_flood_of_strangers_is_counted_whole_and_told_once() {
    let mut http = TestHttp::new([suspended(2)], GateSettings::default()).await;
    let (stranger, suspended) = (http.listen(Some(9)), http.listen(Some(2)));
    let mut client = Client::connect(stranger).await;
    for _ in 0..20 {
        assert_eq!(client.post().await.status, 403);
    }
    assert_eq!(post(suspended).await.status, 403);
    let counted = http.metrics().text();
    assert!(counted.contains("knoop_refusals_total{code=\"HTTP 403\"} 21"), "{counted}");
    let told: Vec<(String, String)> = http.stop().await.into_iter().map(|it| (it.node, it.context)).collect();
    let expected = [("", "no node is registered for the certificate"), ("ehr-2", "the node is suspended")];
    assert_eq!(told, expected.map(|(node, context)| (node.to_owned(), context.to_owned())));
}

#[actix_web::test]
async fn s_tls_17_a_suspended_node_is_refused_on_a_connection_that_is_open() {
    let mut http = TestHttp::new([record(2)], GateSettings::default()).await;
    let address = http.listen(Some(2));
    let mut client = Client::connect(address).await;
    assert_eq!(client.post().await.status, 400);
    http.nodes.replace(2, NodeDirectory::new([suspended(2)]));
    assert_eq!(client.post().await.status, 403);
    http.nodes.replace(3, NodeDirectory::new([record(2)]));
    assert_eq!(client.post().await.status, 400);
    http.nodes.replace(4, NodeDirectory::new([]));
    assert_eq!(client.post().await.status, 403);
    http.stop().await;
}

#[actix_web::test]
async fn s_tls_17_a_node_is_refused_from_an_address_that_is_not_its_own() {
    let elsewhere = NodeRecord { addresses: vec!["192.0.2.0/24".parse().expect("a range")], ..record(2) };
    let here = NodeRecord { addresses: vec!["127.0.0.0/8".parse().expect("a range")], ..record(3) };
    let mut http = TestHttp::new([elsewhere, here], GateSettings::default()).await;
    let (elsewhere, here) = (http.listen(Some(2)), http.listen(Some(3)));
    assert_eq!((post(elsewhere).await.status, post(here).await.status), (403, 400));
    http.stop().await;
}

#[actix_web::test]
async fn s_in_36_a_node_with_too_much_in_flight_is_put_off_and_others_are_not() {
    let gates = GateSettings { in_flight: 2, ..GateSettings::default() };
    let mut http = TestHttp::new([record(2), record(3)], gates).await;
    let (busy, other, here) = (http.listen(Some(2)), http.listen(Some(3)), http.listen(None));
    // Two requests whose end does not come.
    let mut open = [Client::connect(busy).await, Client::connect(busy).await];
    for client in &mut open {
        client.send(&(head(MESSAGE.len()) + &MESSAGE[..10])).await;
    }
    // The two were sent before, but may be taken after.
    while !http.metrics().text().contains("requests_in_flight 2\n") {
        tokio::task::yield_now().await;
    }
    let mut client = Client::connect(busy).await;
    let answer = client.post().await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 1\r\n"), "{}", answer.head);
    assert_eq!((post(other).await.status, post(here).await.status), (400, 400));
    for client in &mut open {
        client.send(&MESSAGE[10..]).await;
        assert_eq!(client.receive().await.status, 400);
    }
    let mut answer = client.post().await;
    while answer.status == 503 {
        answer = client.post().await;
    }
    assert_eq!(answer.status, 400, "served again");
    http.stop().await;
}

#[actix_web::test]
async fn s_in_36_a_node_beyond_its_rate_is_put_off_and_told_when_to_come_again() {
    let limits = crate::model::NodeLimits { rate: Some(1), burst: Some(3), in_flight: None };
    let settings = vec![NodeSetting { transaction: None, xua: None, limits }];
    let mut http = TestHttp::new([NodeRecord { settings, ..record(2) }, record(3)], GateSettings::default()).await;
    let (fast, other, here) = (http.listen(Some(2)), http.listen(Some(3)), http.listen(None));
    let mut client = Client::connect(fast).await;
    let mut statuses = String::new();
    for _ in 0..10 {
        let answer = client.post().await;
        write!(statuses, "{} ", answer.status).expect("a text");
        assert_eq!(answer.status == 503, answer.head.contains("retry-after: "), "{}", answer.head);
    }
    assert!(statuses.starts_with("400 400 400 ") && statuses.contains("503"), "{statuses}");
    for address in [other, here] {
        let mut client = Client::connect(address).await;
        for _ in 0..10 {
            assert_eq!(client.post().await.status, 400);
        }
    }
    let put_off = http.stop().await.into_iter().filter(|refusal| refusal.code == "HTTP 503").count();
    assert_eq!(put_off, 1, "a flood is told once");
}
