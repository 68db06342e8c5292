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

use std::{path::PathBuf, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::Semaphore;

pub use code::Code;
pub use offer::{Offer, Offered};
pub use visit::{Opened, Standing, Tried};

use super::spool::Spool;
use crate::{
    service::Auditor,
    store::{Store, StoreError},
};

/// A time in milliseconds since 1970 as people in the Netherlands read it; UTC where the machine knows no time zones.
pub fn local_time(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    let zone = TimeZone::get("Europe/Amsterdam").unwrap_or(TimeZone::UTC);
    time.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
}

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
    spool: Spool,
    settings: PickupSettings,
    hashing: Arc<Semaphore>,
}

impl Pickup {
    /// Packages lie in `folder`, which is made when it is needed.
    pub fn new(store: Store, auditor: Auditor, folder: PathBuf, settings: PickupSettings) -> Self {
        let hashing = Arc::new(Semaphore::new(HASHES_AT_ONCE));
        Self { store, auditor, spool: Spool::new(folder, "zip"), settings, hashing }
    }
}
