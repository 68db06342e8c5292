//! Packages by mail: ordered, then handed to the relay by a job, and confirmed by a receipt; and those that come in.
//!
//! One mail for each package. Where the package is too large, or nobody gave a certificate of the addressee, the mail carries a
//! link to the pick-up page instead, and the sender gets a code to pass on in another way. What the relay may have taken is not
//! sent again: a mail that was being handed over when the process died, or whose answer never came, is told as *perhaps sent*.
//!
//! Source: spec xdm §6 (R-32-24 to R-32-31); design section 9 (Jobs).

mod alert;
mod deliver;
mod inbox;
mod make;
mod order;
mod receipt;
mod receive;
mod withdraw;

use std::path::PathBuf;

use lettre::Address;

pub use inbox::{Inbox, InboxError, InboxSettings, Incoming, OPEN_MAIL, OPENING};
pub(in crate::service) use order::PreparedMail;
pub use order::{MailOrder, Ordered};
pub use receive::{NotOpened, Received, ReceivedPackage, is_package, open};

use super::spool::Spool;
use crate::{
    client::SmtpRelay,
    security::smime::{SmimeError, SmimeSettings},
    service::{
        Auditor,
        jobs::Policy,
        pickup::{Pickup, PickupError},
        xdm::NoPackage,
    },
    store::{MailRow, MailState, Store, StoreError},
};

/// The kind of jobs that hand mails to the relay.
pub const SEND_MAIL: &str = "send-mail";

/// How they are treated: a relay may be away for a weekend. The pauses of 44 attempts add up to three days.
pub const SENDING: Policy = Policy {
    at_a_time: 4,
    in_flight: 2,
    attempts: 44,
    first_pause_ms: 60_000,
    longest_pause_ms: 2 * 3_600_000,
    lease_ms: 60_000,
};

/// What may be told by configuration.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Our address.
    pub from: Address,
    /// What Message-IDs end in.
    pub domain: String,
    /// Keys and certificates.
    pub smime: SmimeSettings,
    /// Send packages neither signed nor encrypted where there is no certificate of the addressee (R-32-26).
    pub send_unencrypted: bool,
    /// Ask for receipts (R-32-28).
    pub notify: bool,
    /// Longest mail (R-32-31).
    pub max_bytes: u64,
    /// What links begin with, where there is a pick-up page.
    pub link: Option<String>,
}

/// Why a mail cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of ours.
    #[error("the package cannot be kept or read: {0}")]
    Io(#[from] std::io::Error),
    /// A key or certificate.
    #[error(transparent)]
    Smime(#[from] SmimeError),
    /// The pick-up page.
    #[error(transparent)]
    Pickup(#[from] PickupError),
    /// The package itself.
    #[error("this is no package that can be sent: {0}")]
    Package(String),
    /// Too large for a mail, or nobody to encrypt for, and no page from which it could be fetched.
    #[error("{0}, and there is no pick-up page to send a link to (pickup.listen and pickup.url)")]
    NoWay(&'static str),
}

impl From<NoPackage> for MailError {
    fn from(error: NoPackage) -> Self {
        match error {
            NoPackage::Io(error) => Self::Io(error),
            NoPackage::Refused(why) => Self::Package(why),
        }
    }
}

/// Packages by mail. Cheap to clone.
#[derive(Clone)]
pub struct MailService {
    store: Store,
    auditor: Auditor,
    pickup: Pickup,
    relay: SmtpRelay,
    spool: Spool,
    settings: MailSettings,
}

impl MailService {
    /// Packages that wait for the relay lie in `folder`, which is made when it is needed.
    pub fn new(
        store: Store,
        auditor: Auditor,
        pickup: Pickup,
        relay: SmtpRelay,
        folder: PathBuf,
        settings: MailSettings,
    ) -> Self {
        Self { store, auditor, pickup, relay, spool: Spool::new(folder, "zip"), settings }
    }

    /// Settles mails whose job has ended, deletes packages of mails that ended or were never ordered, and forgets mails that were ordered before `forget_ms`.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn clear(&self, now_ms: i64, forget_ms: i64) -> Result<(), MailError> {
        self.settle_stranded(now_ms).await?;
        for (path, id) in self.spool.settled(now_ms) {
            let row = match id {
                Some(id) => self.store.read().await?.find_mail(&id).await?,
                None => None,
            };
            let waits = |row: MailRow| matches!(row.state, MailState::Waiting | MailState::Sending);
            if !row.is_some_and(waits) {
                std::fs::remove_file(path)?;
            }
        }
        let forgotten = self.store.write(move |tx| Box::pin(async move { tx.forget_mails(forget_ms).await }));
        forgotten.await.map(drop).map_err(|error: StoreError| error.into())
    }
}
