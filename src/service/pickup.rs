//! Packages that wait for an addressee: a link with an unguessable id, and a code that is told in another way.
//!
//! For clinics without a certificate of a node, and for packages too large for mail. A code is good once and opens the package
//! for a few hours, in which a download may be broken off and resumed. Five wrong codes lock it; the sender can give a new code,
//! or take the package back. Every visit is in the audit trail before it is answered.
//!
//! Source: spec security S-TLS-30 to S-TLS-34; spec xdm §6 (R-32-31).

mod code;
mod offer;
mod visit;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::Semaphore;

pub use code::Code;
pub use offer::{Offer, Offered};
pub use visit::{Opened, Standing, Tried};

use crate::{service::Auditor, store::Store, store::StoreError};

/// Wrong codes that lock a package.
pub const TRIES: i64 = 5;

/// Codes that are hashed at the same time; each takes 16 MiB.
const HASHES_AT_ONCE: usize = 2;

/// What may be told by configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PickupSettings {
    /// How long a package is there, in milliseconds.
    pub expires_ms: i64,
    /// How long a right code opens it, in milliseconds.
    pub session_ms: i64,
}

/// Why it does not work, on our side.
#[derive(Debug, thiserror::Error)]
pub enum PickupError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error("the package cannot be kept or read: {0}")]
    Io(#[from] std::io::Error),
    /// A task of ours, random numbers, OpenSSL.
    #[error("the code cannot be made or checked")]
    Code,
}

/// Packages that wait. Cheap to clone.
#[derive(Clone)]
pub struct Pickup {
    store: Store,
    auditor: Auditor,
    folder: Arc<Path>,
    settings: PickupSettings,
    hashing: Arc<Semaphore>,
}

impl Pickup {
    /// Packages lie in `folder`, which is made when it is needed.
    pub fn new(store: Store, auditor: Auditor, folder: PathBuf, settings: PickupSettings) -> Self {
        let hashing = Arc::new(Semaphore::new(HASHES_AT_ONCE));
        Self { store, auditor, folder: folder.into(), settings, hashing }
    }

    /// Where the package with this id lies. The id is one of ours: 32 hexadecimal digits.
    fn file_of(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.zip"))
    }
}

/// Whether a text can be an id of a link: nothing else comes near a path or the database.
pub(in crate::service) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
