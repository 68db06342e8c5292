//! Delivery of the audit trail to repositories that come, go and cut connections. S-AUD-45, S-AUD-46, S-AUD-51, S-AUD-52,
//! S-AUD-54.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use knoop::{
    client::{SyslogDestination, SyslogTransport},
    model::{AuditAction, AuditCode, AuditEvent, AuditLocal, AuditObject, AuditOutcome, AuditParticipant},
    service::{
        AuditSettings, Auditor,
        audit_delivery::{AuditDelivery, DeliverySettings},
    },
    store::{AuditPosition, Store},
    wire::atna::{AuditSource, SyslogSender},
};
use libtest_mimic::Trial;
use tokio::sync::{Notify, oneshot};

use crate::{audit_receiver::AuditReceiver, pki::Pki, stores::on_every_store};

const NOW: i64 = 1_795_248_000_000;
/// Longer than any test on a busy machine; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);
/// A connection on loopback needs no longer to show that it holds.
const MOMENT: Duration = Duration::from_millis(200);

pub fn trials() -> Vec<Trial> {
    on_every_store![
        s_aud_52_ten_thousand_events_arrive_through_cuts_and_kills_in_order,
        s_aud_52_what_was_sent_before_a_clean_end_is_delivered,
        s_aud_52_what_was_sent_before_a_reset_is_sent_again,
        s_aud_54_start_stop_and_a_repaired_gap_are_in_the_trail,
        s_aud_46_one_repository_does_not_wait_for_another,
        s_aud_45_datagrams_hold_one_message_each,
        s_aud_51_of_two_processes_one_sends,
        s_aud_51_months_that_were_pruned_are_passed_over,
        s_aud_43_a_repository_that_is_not_who_it_should_be_gets_nothing,
    ]
}

/// An event of several kinds by its number, in October or November.
fn event(number: usize) -> AuditEvent {
    let (event_id, event_type, action) = match number % 3 {
        0 => (("110112", "Query"), ("ITI-18", "Registry Stored Query"), AuditAction::E),
        1 => (("110107", "Import"), ("ITI-42", "Register Document Set-b"), AuditAction::C),
        _ => (("110106", "Export"), ("ITI-43", "Retrieve Document Set"), AuditAction::R),
    };
    AuditEvent {
        trace_id: format!("urn:uuid:00000000-0000-4000-8000-{number:012}"),
        occurred_ms: NOW - if number.is_multiple_of(2) { 0 } else { 40 * 86_400_000 } + number as i64,
        event_id: AuditCode::new(event_id.0, "DCM", event_id.1),
        event_types: vec![AuditCode::new(event_type.0, "IHE Transactions", event_type.1)],
        action,
        outcome: if number.is_multiple_of(7) { AuditOutcome::Serious } else { AuditOutcome::Success },
        reason: String::new(),
        purposes: Vec::new(),
        participants: vec![AuditParticipant { user_id: "CN=a".to_owned(), ..AuditParticipant::default() }],
        objects: vec![AuditObject {
            id: format!("2.999.31.{number}"),
            type_code: 2,
            role: Some(3),
            life_cycle: None,
            id_type: AuditCode::new("9", "RFC-3881", "Report Number"),
            sensitivity: String::new(),
            name: String::new(),
            query: (number.is_multiple_of(3)).then(|| "<query/>".repeat(number % 500)),
            details: Vec::new(),
        }],
        local: AuditLocal::default(),
    }
}

/// Records events as changes and as reads, and seals them.
async fn record(store: &Store, numbers: std::ops::Range<usize>) {
    let (changes, reads): (Vec<_>, Vec<_>) = numbers.map(event).partition(|event| event.action == AuditAction::C);
    let changes = store.write(move |tx| {
        let changes = changes.clone();
        async move { tx.insert_audits(&changes).await }.boxed()
    });
    changes.await.unwrap();
    store.record_audit(&reads).await.unwrap();
    while store.seal_audit(NOW).await.unwrap() > 0 {}
}

struct Worker {
    bell: Arc<Notify>,
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<()>,
}

impl Worker {
    fn start(store: &Store, pki: &Pki, destinations: &[&SyslogDestination], settle: Duration, owner: &str) -> Self {
        let settings = DeliverySettings {
            destinations: destinations.iter().map(|destination| (*destination).clone()).collect(),
            source: AuditSource { enterprise_site_id: "2.999.31".to_owned(), source_id: "knoop1".to_owned() },
            sender: SyslogSender::new("knoop1.example", "knoop", "1"),
            settle,
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(40),
            lease: Duration::from_secs(3),
            udp_max: 1024,
            trace: true,
        };
        let auditor = Auditor::new(store.clone(), AuditSettings::default());
        let worker = AuditDelivery::new(store.clone(), Arc::new(|| NOW), auditor, pki.connector(), settings, owner);
        let (stop, stopped) = oneshot::channel();
        let bell = worker.bell();
        let running = tokio::spawn(worker.run(async {
            let _ = stopped.await;
        }));
        Self { bell, stop, running }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
    }
}

fn tls(receiver: &AuditReceiver) -> SyslogDestination {
    SyslogDestination { transport: SyslogTransport::Tls, host: "127.0.0.1".to_owned(), port: receiver.address.port() }
}

/// Makes the destination known before there is anything to deliver.
async fn register(store: &Store, destination: &SyslogDestination) {
    let taken = store.take_audit_delivery(&destination.to_string(), "test", NOW, NOW + 1).await.unwrap();
    assert_eq!(taken, Some(AuditPosition::START));
    store.let_go_audit_delivery(&destination.to_string(), "test").await.unwrap();
}

async fn position(store: &Store, destination: &SyslogDestination) -> AuditPosition {
    let deliveries = store.audit_deliveries().await.unwrap();
    let name = destination.to_string();
    deliveries.into_iter().find(|delivery| delivery.destination == name).expect("known").position
}

/// The number of the entry that a message carries.
fn entry(message: &[u8]) -> i64 {
    use base64::Engine as _;
    let text = std::str::from_utf8(message).expect("UTF-8");
    let (_, value) = text.rsplit_once("type=\"knoop:entry\" value=\"").expect("a number");
    let number = base64::engine::general_purpose::STANDARD.decode(value.split('"').next().unwrap()).unwrap();
    String::from_utf8(number).unwrap().parse().unwrap()
}

/// Which object a message names, where it is one of ours.
fn number(message: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(message).expect("UTF-8");
    let (_, rest) = text.split_once("ParticipantObjectID=\"2.999.31.")?;
    rest.split('"').next().unwrap().parse().ok()
}

fn numbers(messages: &[Vec<u8>]) -> BTreeSet<usize> {
    messages.iter().filter_map(|message| number(message)).collect()
}

/// Waits without holding up the worker.
fn wait(receiver: &AuditReceiver, what: &str, satisfied: impl FnMut(&[Vec<u8>]) -> bool) {
    tokio::task::block_in_place(|| receiver.wait_until(what, PATIENCE, satisfied));
}

fn pki() -> (tempfile::TempDir, Pki) {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(folder.path());
    (folder, pki)
}

async fn s_aud_52_ten_thousand_events_arrive_through_cuts_and_kills_in_order(store: Store) {
    const EVENTS: usize = 10_000;
    let (_folder, pki) = pki();
    let mut receiver = AuditReceiver::start(&pki, Some(20_261_121));
    let destination = tls(&receiver);
    register(&store, &destination).await;
    let worker = Worker::start(&store, &pki, &[&destination], MOMENT, "a");
    for (round, begin) in (0..EVENTS).step_by(500).enumerate() {
        record(&store, begin..begin + 500).await;
        worker.bell.notify_waiters();
        if round % 4 == 3 {
            wait(&receiver, "something comes through", |messages| messages.len() > begin / 4);
            tokio::task::block_in_place(|| receiver.kill());
            receiver.restart();
        }
    }
    receiver.be_good();
    wait(&receiver, "everything comes through", {
        let (mut seen, mut looked_at) = (BTreeSet::new(), 0);
        move |messages| {
            seen.extend(messages[looked_at..].iter().filter_map(|message| number(message)));
            looked_at = messages.len();
            seen.len() == EVENTS
        }
    });
    worker.stop().await;
    let (connections, cuts) = receiver.connections();
    assert!(connections > 5 && cuts > 0, "{connections} connections, {cuts} cut");
    let messages = receiver.messages();
    let mut content: BTreeMap<i64, &[u8]> = BTreeMap::new();
    let mut order = Vec::new();
    for message in &messages {
        match content.insert(entry(message), message) {
            Some(before) => assert_eq!(before, message, "what comes twice is the same octets"),
            None => order.push(entry(message)),
        }
    }
    let seals = store.audit_seals(1, i64::MAX).await.unwrap();
    let sealed: Vec<i64> = seals.iter().flat_map(|seal| seal.entries.iter().map(|(key, _)| *key)).collect();
    assert_eq!(order, sealed[..order.len()], "first arrivals are in the order of the seals, without a gap");
}

async fn s_aud_52_what_was_sent_before_a_clean_end_is_delivered(store: Store) {
    let (_folder, pki) = pki();
    let receiver = AuditReceiver::start(&pki, None);
    let destination = tls(&receiver);
    register(&store, &destination).await;
    record(&store, 0..30).await;
    let worker = Worker::start(&store, &pki, &[&destination], HOUR, "a");
    wait(&receiver, "all come", |messages| numbers(messages).len() == 30);
    assert_eq!(position(&store, &destination).await, AuditPosition::START, "an hour has not passed");
    worker.stop().await;
    assert!(position(&store, &destination).await > AuditPosition::START);
    record(&store, 30..31).await;
    let before = receiver.messages().len();
    let worker = Worker::start(&store, &pki, &[&destination], HOUR, "a");
    wait(&receiver, "the next one comes", |messages| numbers(messages).contains(&30));
    assert_eq!(numbers(&receiver.messages()[before..]), [30].into(), "nothing is sent again");
    worker.stop().await;
}

async fn s_aud_52_what_was_sent_before_a_reset_is_sent_again(store: Store) {
    let (_folder, pki) = pki();
    let mut receiver = AuditReceiver::start(&pki, None);
    let destination = tls(&receiver);
    register(&store, &destination).await;
    record(&store, 0..30).await;
    let worker = Worker::start(&store, &pki, &[&destination], HOUR, "a");
    wait(&receiver, "all come", |messages| numbers(messages).len() == 30);
    let before = receiver.messages().len();
    tokio::task::block_in_place(|| receiver.kill());
    receiver.restart();
    wait(&receiver, "all come again", |messages| numbers(&messages[before..]).len() == 30);
    worker.stop().await;
}

async fn s_aud_54_start_stop_and_a_repaired_gap_are_in_the_trail(store: Store) {
    let (_folder, pki) = pki();
    let mut receiver = AuditReceiver::start(&pki, None);
    let destination = tls(&receiver);
    register(&store, &destination).await;
    record(&store, 0..3).await;
    let worker = Worker::start(&store, &pki, &[&destination], MOMENT, "a");
    wait(&receiver, "all come", |messages| numbers(messages).len() == 3);
    // The connection that broke is noticed before there can be another one.
    tokio::task::block_in_place(|| receiver.kill());
    receiver.restart();
    record(&store, 3..6).await;
    wait(&receiver, "the others come", |messages| numbers(messages).len() == 6);
    let told = |message: &[u8], kind: &str, text: &str| {
        use base64::Engine as _;
        let message = std::str::from_utf8(message).unwrap();
        message.contains(kind) && message.contains(&base64::engine::general_purpose::STANDARD.encode(text))
    };
    // The gap is told when it is over, which takes the moment in which messages settle; it is sealed like anything else.
    let sealing = async {
        loop {
            store.seal_audit(NOW).await.unwrap();
            worker.bell.notify_waiters();
            tokio::task::yield_now().await;
            let messages = receiver.messages();
            let any = |kind, text| messages.iter().any(|message| told(message, kind, text));
            if any("110134", "sending began") && any("110134", "sending goes on after a gap of 0 s") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, sealing).await.expect("start and gap are told");
    worker.stop().await;
    store.seal_audit(NOW).await.unwrap();
    let worker = Worker::start(&store, &pki, &[&destination], MOMENT, "a");
    wait(&receiver, "the stop is told", |messages| {
        messages.iter().any(|message| told(message, "110133", "sending stopped"))
    });
    worker.stop().await;
}

async fn s_aud_46_one_repository_does_not_wait_for_another(store: Store) {
    let (_folder, pki) = pki();
    let (one, mut other) = (AuditReceiver::start(&pki, None), AuditReceiver::start(&pki, None));
    let (here, away) = (tls(&one), tls(&other));
    register(&store, &here).await;
    register(&store, &away).await;
    tokio::task::block_in_place(|| other.kill());
    record(&store, 0..100).await;
    let worker = Worker::start(&store, &pki, &[&here, &away], MOMENT, "a");
    wait(&one, "all come to the one", |messages| numbers(messages).len() == 100);
    assert_eq!(position(&store, &away).await, AuditPosition::START);
    other.restart();
    wait(&other, "all come to the other", |messages| numbers(messages).len() == 100);
    worker.stop().await;
}

async fn s_aud_45_datagrams_hold_one_message_each(store: Store) {
    let (_folder, pki) = pki();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let destination = SyslogDestination { transport: SyslogTransport::Udp, host: "127.0.0.1".to_owned(), port };
    register(&store, &destination).await;
    record(&store, 0..20).await;
    let worker = Worker::start(&store, &pki, &[&destination], MOMENT, "a");
    let received = tokio::task::block_in_place(|| {
        let (mut seen, mut datagram) = (BTreeSet::new(), vec![0; 65_536]);
        while seen.len() < 20 {
            let length = socket.recv(&mut datagram).expect("a datagram");
            let message = &datagram[..length];
            assert!(message.starts_with(b"<8") && message.ends_with(b"</AuditMessage>"));
            seen.extend(number(message));
        }
        seen
    });
    assert!(received.into_iter().eq(0..20));
    worker.stop().await;
    assert!(position(&store, &destination).await > AuditPosition::START);
}

async fn s_aud_51_of_two_processes_one_sends(store: Store) {
    let (_folder, pki) = pki();
    let receiver = AuditReceiver::start(&pki, None);
    let destination = tls(&receiver);
    register(&store, &destination).await;
    record(&store, 0..10).await;
    let first = Worker::start(&store, &pki, &[&destination], HOUR, "a");
    wait(&receiver, "all come", |messages| numbers(messages).len() == 10);
    let second = Worker::start(&store, &pki, &[&destination], HOUR, "b");
    record(&store, 10..20).await;
    first.bell.notify_waiters();
    second.bell.notify_waiters();
    wait(&receiver, "the others come", |messages| numbers(messages).len() == 20);
    assert_eq!(receiver.connections().0, 1);
    first.stop().await;
    record(&store, 20..30).await;
    wait(&receiver, "the second takes over", |messages| numbers(messages).len() == 30);
    second.stop().await;
    let sent = receiver.messages();
    let distinct: BTreeSet<i64> = sent.iter().map(|message| entry(message)).collect();
    assert_eq!(distinct.len(), sent.len(), "nothing came twice");
}

async fn s_aud_51_months_that_were_pruned_are_passed_over(store: Store) {
    let (_folder, pki) = pki();
    let receiver = AuditReceiver::start(&pki, None);
    let destination = tls(&receiver);
    register(&store, &destination).await;
    // More than two batches of six years ago, which were sealed only now and so wait for nobody.
    let old_ms = NOW - 6 * 366 * 86_400_000;
    let old: Vec<_> = (0..150).map(|number| AuditEvent { occurred_ms: old_ms, ..event(number) }).collect();
    store.record_audit(&old).await.unwrap();
    while store.seal_audit(NOW).await.unwrap() > 0 {}
    assert_eq!(
        store
            .prune_audit(5, NOW, &[destination.to_string()])
            .await
            .unwrap()
            .iter()
            .map(|month| month.entries)
            .sum::<u64>(),
        150
    );
    record(&store, 150..153).await;
    let worker = Worker::start(&store, &pki, &[&destination], MOMENT, "a");
    wait(&receiver, "what is kept comes", |messages| numbers(messages).len() == 3);
    worker.stop().await;
    assert_eq!(numbers(&receiver.messages()), (150..153).collect());
    assert!(position(&store, &destination).await > AuditPosition { seq: 1, entries: 150 });
}

async fn s_aud_43_a_repository_that_is_not_who_it_should_be_gets_nothing(store: Store) {
    let ((_folder, pki), (_other_folder, other)) = (pki(), pki());
    let receiver = AuditReceiver::start(&other, None);
    let destination = tls(&receiver);
    register(&store, &destination).await;
    record(&store, 0..3).await;
    // Trusts another authority than the receiver's.
    let refused = pki.connector().connect(&destination).await.err().expect("must be refused").to_string();
    assert!(refused.contains("its certificate is refused"), "{refused}");
    assert_eq!(receiver.connections().0, 0);
}
