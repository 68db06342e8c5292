//! Certificates, trust and CRLs as they are now; they may change while connections are open.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslContext, SslRef, SslVerifyMode},
};

use super::{
    Identity, InForce, PeerCertificate, Reason, Role, ServerName, TlsError, TlsSettings, Trust,
    context::context,
    verify::{SENT_MAX, Slot, watch},
};
use crate::{model::Fingerprint, security::facts::name_text};

/// Which side of the connections we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We are called by systems, which show a certificate.
    Server,
    /// We are called by people's browsers, which show none.
    Page,
    /// We call.
    Client,
}

/// Counts changes of trust, CRLs and nodes. An open connection that was judged under an older generation is judged again
/// before its next request is answered. Clones share one count.
#[derive(Clone, Debug, Default)]
pub struct Generation(Arc<AtomicU64>);

impl Generation {
    /// The present generation.
    pub fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Something changed: what was judged before is stale.
    pub fn bump(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }
}

/// Longest time between two judgements of an open connection: certificates expire and CRLs grow old by themselves.
const JUDGED_FOR_S: i64 = 300;

const DAY_S: i64 = 86_400;
/// Source: S-TLS-12.
const PEER_WARNING_DAYS: i64 = 60;

/// The clock.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

struct State {
    context: SslContext,
    trust: Arc<Trust>,
    identity: Option<Identity>,
}

/// Length, inode and time of change of a file; `None` where there is none.
pub type Stamp = Option<(u64, u64, i64, i64)>;

/// One side of TLS whose files may change.
pub struct Live {
    side: Side,
    settings: TlsSettings,
    generation: Generation,
    clock: Clock,
    state: ArcSwap<State>,
    stamps: Mutex<Vec<(PathBuf, Stamp)>>,
    /// Certificates that were met on this day.
    met: Mutex<OfDay>,
    /// Those of them of which nobody knows whether they were revoked, and what nobody was told of yet.
    unchecked: Mutex<(OfDay, Vec<Unchecked>)>,
}

/// Certificates of a day, counted from 1970.
type OfDay = (i64, BTreeSet<Fingerprint>);

/// A peer that was let in though nobody knows whether its certificate was revoked: its authority's setting is soft-fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// Subject of its certificate.
    pub subject: String,
    /// Where it calls from, or was called.
    pub address: SocketAddr,
    /// Why it is not known.
    pub reason: Reason,
}

impl Live {
    /// Reads everything.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn load(
        side: Side,
        settings: TlsSettings,
        generation: Generation,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let stamps = stamps(settings.files());
        let state = State::load(side, &settings)?;
        Ok(Self {
            side,
            settings,
            generation,
            clock: Arc::new(clock),
            state: ArcSwap::from_pointee(state),
            stamps: Mutex::new(stamps),
            met: Mutex::default(),
            unchecked: Mutex::default(),
        })
    }

    /// Reads everything again. What is open stays open, and is judged again at its next request.
    ///
    /// # Errors
    /// When a file cannot be used; then everything stays as it was.
    pub fn reload(&self) -> Result<u64, TlsError> {
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = stamps(self.settings.files());
        let state = State::load(self.side, &self.settings)?;
        self.state.store(Arc::new(state));
        Ok(self.generation.bump())
    }

    /// Whether a file is not what it was when it was read last.
    pub fn has_changed(&self) -> bool {
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) != stamps(self.settings.files())
    }

    /// What it was loaded from.
    pub fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// Counts changes.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Whose certificates are taken at present.
    pub fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.state.load().trust)
    }

    /// Our certificate chain at present.
    pub fn own_chain(&self) -> Vec<openssl::x509::X509> {
        self.state.load().identity.as_ref().map(|identity| identity.chain.clone()).unwrap_or_default()
    }

    /// Digests of what is in force.
    pub fn in_force(&self) -> InForce {
        let state = self.state.load();
        let own = state.identity.as_ref().map(|identity| &identity.chain[..]).unwrap_or_default();
        InForce::new(own, &state.trust)
    }

    /// A handshake with somebody who calls.
    ///
    /// # Errors
    /// When OpenSSL is out of memory.
    pub fn accept(&self) -> Result<(Ssl, Handshake), ErrorStack> {
        self.handshake(Expected::Client, SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT)
    }

    /// A handshake with a browser, which is asked for no certificate.
    ///
    /// # Errors
    /// When OpenSSL is out of memory.
    pub fn accept_anybody(&self) -> Result<Ssl, ErrorStack> {
        Ssl::new(&self.state.load().context)
    }

    /// A handshake with a server; `check_host` false takes pinned certificates only, whatever they name.
    ///
    /// # Errors
    /// When OpenSSL is out of memory or the name cannot be sent.
    pub fn call(&self, host: &str, check_host: bool) -> Result<(Ssl, Handshake), ErrorStack> {
        let name = ServerName::new(host);
        let sni = match &name {
            ServerName::Dns(host) => Some(host.clone()),
            ServerName::Ip(_) => None,
        };
        let expected = if check_host { Expected::Server(name) } else { Expected::PinnedServer };
        let (mut ssl, handshake) = self.handshake(expected, SslVerifyMode::PEER)?;
        if let Some(host) = sni {
            ssl.set_hostname(&host)?;
        }
        Ok((ssl, handshake))
    }

    fn handshake(&self, expected: Expected, mode: SslVerifyMode) -> Result<(Ssl, Handshake), ErrorStack> {
        // First the generation, then the state: a change in between makes the judgement stale, never fresh.
        let generation = self.generation.current();
        let state = self.state.load();
        let mut ssl = Ssl::new(&state.context)?;
        let (trust, clock) = (Arc::clone(&state.trust), Arc::clone(&self.clock));
        let slot = watch(&mut ssl, mode, move |sent| trust.verify(sent, expected.role(), clock()));
        Ok((ssl, Handshake { slot, generation }))
    }

    /// The peer after a handshake that succeeded. Warns once a day for each certificate of what will end soon or is not known.
    ///
    /// # Errors
    /// When it sent more certificates than it may, or none that can be read.
    pub fn admit(&self, handshake: Handshake, ssl: &SslRef, address: SocketAddr) -> Result<PeerCertificate, Reason> {
        // As a server, OpenSSL does not count the certificate of the peer itself.
        let sent = ssl.peer_cert_chain().map_or(0, |sent| sent.len()) + usize::from(self.side == Side::Server);
        if sent > SENT_MAX {
            return Err(Reason::PathTooLong);
        }
        let seen = handshake.slot.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(Reason::NoCertificate)?;
        let now = (self.clock)();
        let mut peer = PeerCertificate::new(seen.sent, seen.verdict?, address, handshake.generation, now)?;
        peer.first_of_day = self.is_first_of_day(&peer, now);
        if peer.first_of_day {
            warn_of(&peer, now);
        }
        self.note(peer.accepted.unchecked, &peer, now);
        Ok(peer)
    }

    fn is_first_of_day(&self, peer: &PeerCertificate, now: Timestamp) -> bool {
        is_first(&mut self.met.lock().unwrap_or_else(PoisonError::into_inner), peer, now)
    }

    /// Once a day for each certificate: that nobody knows whether it was revoked. Source: S-TLS-13.
    fn note(&self, unchecked: Option<Reason>, peer: &PeerCertificate, now: Timestamp) {
        let Some(reason) = unchecked else { return };
        let mut known = self.unchecked.lock().unwrap_or_else(PoisonError::into_inner);
        let (met, untold) = &mut *known;
        if !is_first(met, peer, now) {
            return;
        }
        tracing::warn!(
            peer = peer.address.to_string(),
            subject = &*peer.subject,
            reason = reason.as_str(),
            "whether this peer's certificate was revoked is not known: {reason}; {}",
            reason.how_to_mend()
        );
        untold.push(Unchecked { subject: peer.subject.to_string(), address: peer.address, reason });
    }

    /// Those that were let in since this was asked last, though nobody knows whether their certificates were revoked: each
    /// certificate once a day. Whoever asks records it.
    pub fn take_unchecked(&self) -> Vec<Unchecked> {
        std::mem::take(&mut self.unchecked.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Gives back what was taken and could not be recorded.
    pub fn give_back_unchecked(&self, untold: Vec<Unchecked>) {
        self.unchecked.lock().unwrap_or_else(PoisonError::into_inner).1.extend(untold);
    }

    /// Judges the client of an open connection again, if something changed or time went by since.
    ///
    /// # Errors
    /// Why it would be refused today.
    pub fn judge_again(&self, peer: &PeerCertificate) -> Result<(), Reason> {
        let (generation, now) = (self.generation.current(), (self.clock)());
        let judged_at_s = peer.judged_at_s.load(Ordering::Relaxed);
        if peer.judged_under() == generation && (now.as_second() - judged_at_s).abs() <= JUDGED_FOR_S {
            return Ok(());
        }
        let accepted = self.trust().verify(&peer.sent, Role::Client, now)?;
        self.note(accepted.unchecked, peer, now);
        peer.judged_under.store(generation, Ordering::Relaxed);
        peer.judged_at_s.store(now.as_second(), Ordering::Relaxed);
        Ok(())
    }
}

impl State {
    fn load(side: Side, settings: &TlsSettings) -> Result<Self, TlsError> {
        let identity = match (&settings.identity, side) {
            (Some((certificate, key)), _) => Some(Identity::load(certificate, key, settings.production)?),
            (None, Side::Client) => None,
            (None, Side::Server | Side::Page) => return Err(TlsError::NoIdentity),
        };
        let trust = Trust::load(settings)?;
        let context = context(side, settings, identity.as_ref(), &trust)?;
        Ok(Self { context, trust: Arc::new(trust), identity })
    }
}

/// What tells of each file whether it was changed.
pub fn stamps(files: Vec<PathBuf>) -> Vec<(PathBuf, Stamp)> {
    let stamp = |path: PathBuf| {
        let found = fs::metadata(&path).ok();
        let stamp = found.map(|found| (found.len(), found.ino(), found.mtime(), found.mtime_nsec()));
        (path, stamp)
    };
    files.into_iter().map(stamp).collect()
}

/// What the peer must be.
enum Expected {
    Client,
    Server(ServerName),
    PinnedServer,
}

impl Expected {
    fn role(&self) -> Role<'_> {
        match self {
            Self::Client => Role::Client,
            Self::Server(name) => Role::Server(name),
            Self::PinnedServer => Role::PinnedServer,
        }
    }
}

/// What came of a handshake.
pub struct Handshake {
    slot: Slot,
    generation: u64,
}

impl Handshake {
    /// Why the peer's certificate was refused, if it was.
    pub fn refused(&self) -> Option<Reason> {
        let seen = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_ref().and_then(|seen| seen.verdict.as_ref().err().copied())
    }

    /// The distinguished name of the peer's certificate, as far as it came, accepted or not.
    pub fn subject(&self) -> Option<String> {
        let seen = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let leaf = seen.as_ref()?.sent.first()?.subject_name().to_owned().ok()?;
        Some(name_text(&leaf))
    }
}

/// Whether nobody met this certificate on this day before.
fn is_first(of_day: &mut OfDay, peer: &PeerCertificate, now: Timestamp) -> bool {
    let day = now.as_second() / DAY_S;
    if of_day.0 != day {
        *of_day = (day, BTreeSet::new());
    }
    of_day.1.insert(peer.fingerprint)
}

/// Source: S-TLS-12.
fn warn_of(peer: &PeerCertificate, now: Timestamp) {
    let (address, subject) = (peer.address.to_string(), &*peer.subject);
    let days = (peer.not_after.as_second() - now.as_second()) / DAY_S;
    if days < PEER_WARNING_DAYS {
        tracing::warn!(peer = address, subject, days, "this peer's certificate ends in {days} days");
    }
}
