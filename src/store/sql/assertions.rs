//! The ledger of used assertions: nothing is used twice, whichever process it comes to.
//!
//! On PostgreSQL it is two tables of the shared database. On SQLite it is a small file of its own: a row is written for every
//! request with an assertion, also for those that only read, and the registry's writer flushes each commit to the disk. The
//! ledger's commits are not flushed one by one, and its statements need no transaction around them: a use that is bound and
//! whose message was not entered binds the assertion to the node that did bring it. A program that is killed loses nothing by that;
//! a machine that loses its power may lose what was written last. So the ledger notes the start of the machine that it
//! is written under, and after another one that followed no clean end it refuses all assertions made before.
//!
//! Source: S-XUA-20 to S-XUA-23.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use futures_util::FutureExt as _;
use openssl::sha::Sha256;

use super::{Store, Tx, args, open::open_ledger, statements, tx::SmallFile};
use crate::store::StoreError;

statements! {
    ADD_ASSERTION_USE = "INSERT INTO assertion_use (assertion, digest, node, expires_ms) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (assertion) DO NOTHING";
    BIND_ASSERTION_USE = "UPDATE assertion_use SET node = $2 WHERE assertion = $1 AND node = $3";
    ASSERTION_USE = "SELECT digest, node FROM assertion_use WHERE assertion = $1";
    ADD_ASSERTION_MESSAGE = "INSERT INTO assertion_message (message, expires_ms) VALUES ($1, $2) \
        ON CONFLICT (message) DO NOTHING";
    PURGE_ASSERTION_USES = "DELETE FROM assertion_use WHERE expires_ms < $1";
    PURGE_ASSERTION_MESSAGES = "DELETE FROM assertion_message WHERE expires_ms < $1";
    COUNT_ASSERTION_MESSAGES = "SELECT COUNT(*) FROM assertion_message";
    ASSERTION_LEDGER = "SELECT boot, floor_ms FROM assertion_ledger WHERE ledger_key = 1";
    SET_ASSERTION_LEDGER = "INSERT INTO assertion_ledger (ledger_key, boot, floor_ms) VALUES (1, $1, $2) \
        ON CONFLICT (ledger_key) DO UPDATE SET boot = excluded.boot, floor_ms = excluded.floor_ms";
}

/// More uses are refused, not forgotten.
const CAPACITY: i64 = 1_000_000;

/// One use of an assertion.
#[derive(Clone, Debug)]
pub struct AssertionUse {
    /// Its issuer.
    pub issuer: Box<str>,
    /// Its ID.
    pub id: Box<str>,
    /// SHA-256 of what was signed.
    pub digest: [u8; 32],
    /// wsa:MessageID of the request; requests without one count as one message.
    pub message_id: Box<str>,
    /// The node that brought it.
    pub node: Box<str>,
    /// Nodes that bring assertions of others, before or after those use them. None of them is the node that an assertion is
    /// bound to.
    pub forwarders: Arc<[Box<str>]>,
    /// It may be used once only.
    pub one_time: bool,
    /// When it was made, milliseconds since 1970.
    pub issued_ms: i64,
    /// Until when the use must be remembered.
    pub expires_ms: i64,
}

/// Whether a use is the first of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseVerdict {
    /// It is.
    Fresh,
    /// The same message used it before, or it may be used once only and was.
    Replayed,
    /// Another node used it first.
    OtherNode,
    /// Other signed octets went by its name.
    OtherBytes,
    /// It was made before the ledger may have lost entries.
    TooOld,
    /// The ledger is full.
    Full,
}

/// The ledger. Cheap to clone.
#[derive(Clone)]
pub struct AssertionLedger {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    capacity: i64,
    /// Uses at the last count, and those added here since.
    known: AtomicI64,
    floor_ms: i64,
}

enum Place {
    Own(SmallFile),
    Shared(Store),
}

impl AssertionLedger {
    /// The tables of this database.
    pub fn shared(store: &Store) -> Self {
        Self::new(Place::Shared(store.clone()), 0)
    }

    /// A file of its own, made when it is not there. `boot` names the current start of the machine.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn own(file: &Path, boot: &str, now_ms: i64) -> Result<Self, StoreError> {
        let own = open_ledger(file).await?;
        let before: Option<(String, i64)> = own.fetch_optional(&ASSERTION_LEDGER, args![]).await?;
        let floor_ms = match before {
            Some((other, _)) if !other.is_empty() && other != boot => now_ms,
            Some((_, floor_ms)) => floor_ms,
            None => 0,
        };
        own.execute(&SET_ASSERTION_LEDGER, args![boot, floor_ms]).await?;
        // The note must outlive a loss of power that takes the first uses with it.
        own.flush().await?;
        Ok(Self::new(Place::Own(own), floor_ms))
    }

    fn new(place: Place, floor_ms: i64) -> Self {
        let inner = Inner { place, capacity: CAPACITY, known: AtomicI64::new(0), floor_ms };
        Self { inner: Arc::new(inner) }
    }

    /// The same ledger with room for so many uses.
    #[must_use]
    pub fn with_capacity(self, capacity: i64) -> Self {
        match Arc::try_unwrap(self.inner) {
            Ok(inner) => Self { inner: Arc::new(Inner { capacity, ..inner }) },
            Err(inner) => Self { inner },
        }
    }

    /// Enters a use.
    ///
    /// # Errors
    /// When it could not be entered, which must count as a refusal.
    pub async fn enter(&self, entry: AssertionUse) -> Result<UseVerdict, StoreError> {
        if entry.issued_ms < self.inner.floor_ms {
            return Ok(UseVerdict::TooOld);
        }
        if self.inner.known.load(Ordering::Relaxed) >= self.inner.capacity {
            return Ok(UseVerdict::Full);
        }
        let verdict = match &self.inner.place {
            Place::Own(own) => entry.enter_into(own).await?,
            Place::Shared(store) => {
                let entry = Arc::new(entry);
                let write = store.write(move |tx| {
                    let entry = Arc::clone(&entry);
                    async move { tx.enter_assertion(&entry).await }.boxed()
                });
                write.await?
            }
        };
        if verdict == UseVerdict::Fresh {
            self.inner.known.fetch_add(1, Ordering::Relaxed);
        }
        Ok(verdict)
    }

    /// Forgets what has ended, and counts what is left.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge(&self, now_ms: i64) -> Result<u64, StoreError> {
        let (gone, left) = match &self.inner.place {
            Place::Own(own) => {
                let gone = own.execute(&PURGE_ASSERTION_MESSAGES, args![now_ms]).await?;
                own.execute(&PURGE_ASSERTION_USES, args![now_ms]).await?;
                let left: Option<(i64,)> = own.fetch_optional(&COUNT_ASSERTION_MESSAGES, args![]).await?;
                (gone, left.map_or(0, |(left,)| left))
            }
            Place::Shared(store) => {
                let purge = store.write(move |tx| {
                    async move {
                        let gone = tx.execute(&PURGE_ASSERTION_MESSAGES, args![now_ms]).await?;
                        tx.execute(&PURGE_ASSERTION_USES, args![now_ms]).await?;
                        let (left,): (i64,) = tx.fetch_one(&COUNT_ASSERTION_MESSAGES, args![]).await?;
                        Ok::<_, StoreError>((gone, left))
                    }
                    .boxed()
                });
                purge.await?
            }
        };
        self.inner.known.store(left, Ordering::Relaxed);
        Ok(gone)
    }

    /// Notes a clean end. A ledger in the shared database ends with that.
    ///
    /// # Errors
    /// When that could not be noted; the next start after a restart of the machine will be strict then.
    pub async fn close(&self) -> Result<(), StoreError> {
        let Place::Own(own) = &self.inner.place else { return Ok(()) };
        let noted = own.execute(&SET_ASSERTION_LEDGER, args!["", self.inner.floor_ms]).await.map(drop);
        own.close().await;
        noted
    }
}

impl AssertionUse {
    fn key(&self) -> [u8; 32] {
        digest_of(&[self.issuer.as_bytes(), self.id.as_bytes()])
    }

    fn forwards(&self, node: &str) -> bool {
        self.forwarders.iter().any(|forwarder| **forwarder == *node)
    }

    /// Whether this use binds an assertion that only a forwarder brought until now: `node` is the one in the ledger.
    fn binds(&self, node: &str) -> bool {
        self.forwards(node) && !self.forwards(&self.node)
    }

    /// What there is to say of this use when the first one is known.
    fn against(&self, digest: &[u8], node: &str) -> Option<UseVerdict> {
        if digest != self.digest {
            return Some(UseVerdict::OtherBytes);
        }
        if node != &*self.node && !self.forwards(&self.node) {
            return Some(UseVerdict::OtherNode);
        }
        self.one_time.then_some(UseVerdict::Replayed)
    }

    async fn enter_into(&self, own: &SmallFile) -> Result<UseVerdict, StoreError> {
        let key = self.key();
        let first = args![key.as_slice(), self.digest.as_slice(), &*self.node, self.expires_ms];
        if own.execute(&ADD_ASSERTION_USE, first).await? == 0 {
            let gone = || StoreError::Conflict { statement: "ASSERTION_USE", code: "forgotten meanwhile".to_owned() };
            let known = async || own.fetch_optional(&ASSERTION_USE, args![key.as_slice()]).await;
            let (digest, mut node): (Vec<u8>, String) = known().await?.ok_or_else(gone)?;
            if digest == self.digest && self.binds(&node) {
                own.execute(&BIND_ASSERTION_USE, args![key.as_slice(), &*self.node, &*node]).await?;
                // Another use may have bound it first.
                (_, node) = known().await?.ok_or_else(gone)?;
            }
            if let Some(verdict) = self.against(&digest, &node) {
                return Ok(verdict);
            }
        }
        let message = digest_of(&[&key, self.message_id.as_bytes()]);
        let added = own.execute(&ADD_ASSERTION_MESSAGE, args![message.as_slice(), self.expires_ms]).await?;
        Ok(if added == 0 { UseVerdict::Replayed } else { UseVerdict::Fresh })
    }
}

impl Tx {
    async fn enter_assertion(&mut self, entry: &AssertionUse) -> Result<UseVerdict, StoreError> {
        let key = entry.key();
        let first = args![key.as_slice(), entry.digest.as_slice(), &*entry.node, entry.expires_ms];
        if self.execute(&ADD_ASSERTION_USE, first).await? == 0 {
            let (digest, mut node): (Vec<u8>, String) = self.fetch_one(&ASSERTION_USE, args![key.as_slice()]).await?;
            if digest == entry.digest && entry.binds(&node) {
                self.execute(&BIND_ASSERTION_USE, args![key.as_slice(), &*entry.node, &*node]).await?;
                // Another use may have bound it first.
                (_, node) = self.fetch_one::<(Vec<u8>, String)>(&ASSERTION_USE, args![key.as_slice()]).await?;
            }
            if let Some(verdict) = entry.against(&digest, &node) {
                return Ok(verdict);
            }
        }
        let message = digest_of(&[&key, entry.message_id.as_bytes()]);
        let added = self.execute(&ADD_ASSERTION_MESSAGE, args![message.as_slice(), entry.expires_ms]).await?;
        Ok(if added == 0 { UseVerdict::Replayed } else { UseVerdict::Fresh })
    }
}

/// SHA-256 of parts that cannot run into each other.
fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finish()
}
