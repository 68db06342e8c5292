//! A small audit repository that loses connections at moments of its own choice.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use knoop::wire::atna::FrameReader;
use openssl::ssl::{ErrorCode, SslAcceptor, SslFiletype, SslMethod, SslVerifyMode};
use socket2::SockRef;

use super::pki::Pki;

/// How often a thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(5);

/// How a connection ends when the receiver is not good-natured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A reset: what was not read is lost on the way.
    Reset,
    /// The end of TCP without an end of TLS.
    Silent,
}

#[derive(Default)]
struct State {
    messages: Vec<Vec<u8>>,
    connections: usize,
    cuts: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stop: AtomicBool,
    /// Where the sequence of cuts stands; 0 cuts nothing.
    chance: Mutex<u64>,
}

/// A running receiver; it stops when it is dropped.
pub struct AuditReceiver {
    /// Where it listens.
    pub address: SocketAddr,
    acceptor: Arc<SslAcceptor>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl AuditReceiver {
    /// Listens on a free port. With a seed it cuts every connection after a random number of octets.
    pub fn start(pki: &Pki, seed: Option<u64>) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("OpenSSL");
        acceptor.set_certificate_chain_file(&pki.server.certificate).expect("a certificate");
        acceptor.set_private_key_file(&pki.server.key, SslFiletype::PEM).expect("a key");
        acceptor.set_ca_file(&pki.ca).expect("an authority");
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let shared = Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            chance: Mutex::new(seed.unwrap_or_default()),
        };
        let address = listener.local_addr().expect("an address");
        let mut receiver =
            Self { address, acceptor: Arc::new(acceptor.build()), shared: Arc::new(shared), thread: None };
        receiver.listen(listener);
        receiver
    }

    fn listen(&mut self, listener: TcpListener) {
        self.shared.stop.store(false, Ordering::SeqCst);
        let (acceptor, shared) = (Arc::clone(&self.acceptor), Arc::clone(&self.shared));
        self.thread = Some(std::thread::spawn(move || accept(&listener, &acceptor, &shared)));
    }

    /// Goes away as a killed process does: every connection is reset, nobody listens.
    pub fn kill(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the receiver does not panic");
        }
    }

    /// Comes back on the same port.
    pub fn restart(&mut self) {
        // The port was ours a moment ago and is taken with SO_REUSEADDR, as listeners of std are; a connection that somebody
        // made from it meanwhile goes away.
        let end = Instant::now() + Duration::from_secs(60);
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) => assert!(Instant::now() < end, "the port is not free again: {error}"),
            }
            std::thread::yield_now();
        };
        self.listen(listener);
    }

    /// From now on connections stay open.
    pub fn be_good(&self) {
        *self.shared.chance.lock().expect("no panic") = 0;
    }

    /// What arrived so far, in order.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.shared.state.lock().expect("no panic").messages.clone()
    }

    /// How many connections there were, and how many of them were cut.
    pub fn connections(&self) -> (usize, usize) {
        let state = self.shared.state.lock().expect("no panic");
        (state.connections, state.cuts)
    }

    /// Waits until what arrived satisfies the condition.
    pub fn wait_until(&self, what: &str, deadline: Duration, mut satisfied: impl FnMut(&[Vec<u8>]) -> bool) {
        let end = Instant::now() + deadline;
        let mut state = self.shared.state.lock().expect("no panic");
        while !satisfied(&state.messages) {
            let left = end.checked_duration_since(Instant::now());
            let left = left.unwrap_or_else(|| panic!("{what}: {} messages came in time", state.messages.len()));
            state = self.shared.changed.wait_timeout(state, left).expect("no panic").0;
        }
    }
}

impl Drop for AuditReceiver {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Shared {
    /// After how many octets the next connection is cut, and how; from a linear congruential sequence.
    fn next_cut(&self) -> Option<(usize, Cut)> {
        let mut chance = self.chance.lock().expect("no panic");
        if *chance == 0 {
            return None;
        }
        *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = usize::try_from(*chance >> 33).expect("31 bits");
        let cut = if number % 3 == 0 { Cut::Silent } else { Cut::Reset };
        Some((number % 3_000_000, cut))
    }
}

fn accept(listener: &TcpListener, acceptor: &Arc<SslAcceptor>, shared: &Arc<Shared>) {
    SockRef::from(listener).set_read_timeout(Some(LOOK)).expect("a socket");
    let mut connections = Vec::new();
    while !shared.stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, _)) => {
                let (acceptor, shared) = (Arc::clone(acceptor), Arc::clone(shared));
                connections.push(std::thread::spawn(move || converse(stream, &acceptor, &shared)));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    for connection in connections {
        connection.join().expect("the receiver does not panic");
    }
}

fn converse(stream: TcpStream, acceptor: &SslAcceptor, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    let Ok(raw) = stream.try_clone() else { return };
    let Ok(mut tls) = acceptor.accept(stream) else { return };
    raw.set_read_timeout(Some(LOOK)).expect("a socket");
    shared.state.lock().expect("no panic").connections += 1;
    let cut = shared.next_cut();
    let (mut reader, mut octets, mut scratch) = (FrameReader::default(), 0, vec![0; 7_000]);
    let reset = |raw: &TcpStream| SockRef::from(raw).set_linger(Some(Duration::ZERO)).expect("a socket");
    loop {
        if shared.stop.load(Ordering::SeqCst) {
            reset(&raw);
            return;
        }
        let count = match tls.ssl_read(&mut scratch) {
            Ok(count) => count,
            Err(error) if error.code() == ErrorCode::WANT_READ => continue,
            Err(error) => {
                if error.code() == ErrorCode::ZERO_RETURN {
                    // An end is answered with an end.
                    let _ = tls.shutdown();
                }
                return;
            }
        };
        octets += count;
        if let Some((_, how)) = cut.filter(|(limit, _)| octets > *limit) {
            shared.state.lock().expect("no panic").cuts += 1;
            if how == Cut::Reset {
                reset(&raw);
            }
            return;
        }
        reader.push(&scratch[..count]);
        let mut state = shared.state.lock().expect("no panic");
        while let Some(message) = reader.next_message().expect("frames") {
            state.messages.push(message.to_vec());
        }
        shared.changed.notify_all();
    }
}
