//! The octets of a mail, made when it is handed over.

use std::path::PathBuf;

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{MailService, receipt};
use crate::{
    security::smime::{SmimeError, SmimeKeys},
    service::{mail::MailSettings, pickup::local_time},
    store::{MailRow, PickupRow},
    wire::mail::{self, ComposeError, Envelope, Link, Notice},
};

/// Why a mail is not made. It may be another time: a file was not readable, a certificate is to be renewed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMade {
    #[error("the package cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Smime(#[from] SmimeError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the mail is longer than email.max_bytes")]
    TooLong,
    #[error("what was ordered cannot be read")]
    Order,
    #[error("nothing says where the pick-up page is (pickup.listen and pickup.url)")]
    NoPage,
    #[error("packages are not sent without encryption (email.send_unencrypted = false)")]
    Unencrypted,
}

/// What the addressee gets.
enum Content {
    Package(PathBuf),
    Link(Link),
}

impl MailService {
    /// The octets of the mail; `page` is where its link leads. What was ordered sealed is signed and encrypted, or not made.
    /// Blocks of work go to another thread: a package is up to the longest mail.
    pub(super) async fn make(&self, row: &MailRow, page: Option<&PickupRow>, now_ms: i64) -> Result<Vec<u8>, NotMade> {
        if let Some(receipt) = &row.mail.receipt {
            return receipt::make(row, receipt, now_ms);
        }
        let notice: Notice = serde_json::from_str(&row.mail.notice).map_err(|_| NotMade::Order)?;
        let now = Timestamp::from_millisecond(now_ms).map_err(|_| NotMade::Order)?;
        let envelope = Envelope {
            from: self.settings.from.clone(),
            to: row.mail.recipient.parse().map_err(|_| NotMade::Order)?,
            message_id: row.mail.message_id.clone(),
            date_s: now.as_second().unsigned_abs(),
            notify: self.settings.notify && page.is_none(),
        };
        let content = match page {
            None => Content::Package(self.spool.path(&row.mail.id)),
            Some(page) => {
                let beginning = self.settings.link.as_deref().ok_or(NotMade::NoPage)?;
                let url = format!("{beginning}/p/{}", page.pickup_id);
                Content::Link(Link { url, until: local_time(page.expires_ms) })
            }
        };
        let (settings, sealed) = (self.settings.clone(), row.mail.sealed);
        let making = spawn_blocking(move || {
            let made = match sealed {
                true => seal(&settings, &envelope, &notice, content, now)?,
                false => open(&settings, &envelope, &notice, content)?,
            };
            if made.len() as u64 > settings.max_bytes {
                return Err(NotMade::TooLong);
            }
            Ok(made)
        });
        making.await.map_err(|_| NotMade::Order)?
    }
}

fn seal(
    settings: &MailSettings,
    envelope: &Envelope,
    notice: &Notice,
    content: Content,
    now: Timestamp,
) -> Result<Vec<u8>, NotMade> {
    let keys = SmimeKeys::load(&settings.smime)?;
    let (entity, package) = match content {
        Content::Package(path) => (mail::package_entity(notice, std::fs::read(path)?), true),
        Content::Link(link) => (mail::link_entity(notice, &link), false),
    };
    let signature = keys.sign(&entity)?;
    let boundary: String = envelope.message_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let whole = mail::signed(&entity, &signature, &format!("s{boundary}"));
    drop(entity);
    Ok(mail::encrypted(envelope, keys.encrypt(&whole, &[envelope.to.as_ref()], now)?, package)?)
}

fn open(settings: &MailSettings, envelope: &Envelope, notice: &Notice, content: Content) -> Result<Vec<u8>, NotMade> {
    match content {
        Content::Link(link) => Ok(mail::reference(envelope, notice, &link)?),
        Content::Package(_) if !settings.send_unencrypted => Err(NotMade::Unencrypted),
        Content::Package(path) => Ok(mail::plain(envelope, notice, std::fs::read(path)?)?),
    }
}
