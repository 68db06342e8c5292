//! The job that opens a mail and hands its package to the importer. Source: R-32-26, R-32-27, R-32-34.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::sha::Sha256;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::{Inbox, OPENING};
use crate::{
    model::xdm::Delivery,
    security::smime::{SmimeError, SmimeKeys},
    service::{
        jobs::{Clock, Handler, Outcome},
        mail::receive::{NotOpened, Received, is_package, open},
        xdm::jobs::{ImportOrder, PackageError, SpoolError, Spooled},
    },
    store::{ReceivedHead, ReceivedMail, ReceivedState, StoreError},
    wire::mail::{self, Attachment, Disposition, MailLimits},
};

/// What stands in the job.
#[derive(Deserialize)]
struct Payload {
    mail: String,
}

/// What a mail turned out to be.
enum Opened {
    /// A receipt for a mail of ours.
    Receipt(String, Disposition),
    /// What may be packages, and whether the subject says that the mail carries one.
    Attachments(Vec<Attachment>, bool),
    /// Nothing can be done with it: a code.
    Refused(&'static str),
}

/// Why it is not dealt with now. Words of ours.
#[derive(Debug, thiserror::Error)]
enum NotNow {
    #[error("the mail cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Smime(#[from] SmimeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error("email.node names no node that may take part")]
    Node,
}

impl NotNow {
    /// What is told of a mail that was tried often enough.
    fn code(&self) -> &'static str {
        match self {
            Self::Package(PackageError::Full) => "XdmFull",
            Self::Io(_) | Self::Smime(_) | Self::Store(_) | Self::Package(_) | Self::Node => "XdmIo",
        }
    }
}

/// The package of a mail.
enum Found {
    One(Spooled),
    /// There is not one: a code.
    Refused(&'static str),
}

impl Inbox {
    /// The handler of [`super::OPEN_MAIL`].
    pub fn open_mail(self, clock: Clock) -> Handler {
        Arc::new(move |job| {
            let (inbox, now_ms) = (self.clone(), clock());
            let last = job.attempts >= OPENING.attempts;
            Box::pin(async move {
                let Ok(Payload { mail }) = serde_json::from_str(&job.payload) else {
                    return Outcome::Failed("the job cannot be read".to_owned());
                };
                match inbox.deal_with(&mail, now_ms).await {
                    Ok(()) => Outcome::Done,
                    Err(error) if last => match inbox.refuse_unopened(&mail, error.code(), now_ms).await {
                        Ok(()) => Outcome::Failed(error.to_string()),
                        Err(error) => Outcome::Again(error.to_string()),
                    },
                    Err(error) => Outcome::Again(error.to_string()),
                }
            })
        })
    }

    async fn deal_with(&self, id: &str, now_ms: i64) -> Result<(), NotNow> {
        let Some(row) = self.shared.store.read().await?.find_received_mail(id).await? else { return Ok(()) };
        if row.state != ReceivedState::Waiting {
            return Ok(());
        }
        let octets = match tokio::fs::read(self.shared.spool.path(id)).await {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(self.refuse(&row, ReceivedHead::default(), "XdmGone", now_ms).await?);
            }
            Err(error) => return Err(error.into()),
        };
        let (shared, return_path) = (Arc::clone(&self.shared), row.return_path.clone());
        let looking = spawn_blocking(move || {
            let keys = SmimeKeys::load(&shared.settings.smime)?;
            look(octets, &keys, shared.settings.allow_unsigned, &return_path, now_ms)
        });
        let (head, opened) = looking.await.map_err(std::io::Error::other)??;
        match opened {
            Opened::Refused(code) => self.refuse(&row, head, code, now_ms).await?,
            Opened::Receipt(from, disposition) => self.note_receipt(&row, head, &from, disposition, now_ms).await?,
            Opened::Attachments(attachments, says_package) => match self.package(attachments).await? {
                Found::Refused(code) => self.refuse(&row, head, code, now_ms).await?,
                Found::One(package) => self.import(&row, head, package, says_package).await?,
            },
        }
        Ok(())
    }

    /// What a mail says of itself, read anew from its file: nothing where there is none, or it cannot be understood.
    pub(super) async fn head_again(&self, row: &ReceivedMail) -> ReceivedHead {
        let Ok(octets) = tokio::fs::read(self.shared.spool.path(&row.id)).await else { return row.head.clone() };
        let return_path = row.return_path.clone();
        let reading = spawn_blocking(move || head_of(&octets, &return_path, &MailLimits::default()));
        reading.await.unwrap_or_default()
    }

    /// The one package among attachments. One that is broken is one as well: nobody is told that all was taken over then.
    async fn package(&self, attachments: Vec<Attachment>) -> Result<Found, NotNow> {
        let mut packages = Vec::new();
        for Attachment { octets } in attachments {
            let settings = self.shared.packages.settings();
            let spooled = async {
                let mut spool = self.shared.packages.files().spool(settings.package_bytes)?;
                spool.write(&octets).await?;
                spool.finish().await
            };
            let spooled = match spooled.await {
                Ok(spooled) => spooled,
                Err(SpoolError::TooLarge(_)) => return Ok(Found::Refused("XdmTooLarge")),
                Err(SpoolError::Io(error)) => return Err(error.into()),
            };
            let (file, shared) = (spooled.reopen()?, Arc::clone(&self.shared));
            let judged = spawn_blocking(move || is_package(file, &shared.settings.rules));
            if judged.await.map_err(std::io::Error::other)?? {
                packages.push(spooled);
            }
        }
        Ok(match (packages.pop(), packages.is_empty()) {
            (Some(one), true) => Found::One(one),
            (Some(_), false) => Found::Refused("XdmSeveralPackages"),
            (None, _) => Found::Refused("XdmNoPackage"),
        })
    }

    async fn import(
        &self,
        row: &ReceivedMail,
        head: ReceivedHead,
        package: Spooled,
        says_package: bool,
    ) -> Result<(), NotNow> {
        let settings = &self.shared.settings;
        let mut ctx = self.shared.packages.context_of(settings.node.as_deref()).await?.ok_or(NotNow::Node)?;
        let order = ImportOrder { auto_commit: settings.auto_commit, ..ImportOrder::default() };
        let key = key_of(row, &head, &package.sha256);
        let received = self.shared.packages.receive(&mut ctx, package, Delivery::Mail, &order, Some(&key));
        let (package, _) = received.await?;
        let (id, warning) = (row.id.clone(), (!says_package).then_some(NO_PHRASE));
        let noted = self.shared.store.write(move |tx| {
            let (id, head) = (id.clone(), head.clone());
            Box::pin(async move { tx.note_mail_opened(&id, &head, package, warning).await })
        });
        let _: bool = noted.await.map_err(|error: StoreError| error)?;
        self.shared.spool.remove(&row.id)?;
        self.shared.opened.notify_one();
        tracing::info!(mail = %row.id, %package, says_package, "opened a mail, its package is an import");
        Ok(())
    }

    /// A receipt counts when it names a mail of ours and comes from the addressee of that mail.
    async fn note_receipt(
        &self,
        row: &ReceivedMail,
        head: ReceivedHead,
        from: &str,
        disposition: Disposition,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let refused = match disposition.outcome {
            mail::Outcome::Success => None,
            mail::Outcome::Failure(why) => Some(why),
        };
        let (id, from, about) = (row.id.clone(), from.to_owned(), disposition.original_message_id);
        let noted = self.shared.store.write(move |tx| {
            let (id, from, about, refused, head) =
                (id.clone(), from.clone(), about.clone(), refused.clone(), head.clone());
            Box::pin(async move {
                let noted = match &about {
                    Some(about) => tx.receive_receipt(about, &from, refused.as_deref(), now_ms).await?.is_some(),
                    None => false,
                };
                let (state, problem) = match noted {
                    true => (ReceivedState::Done, None),
                    false => (ReceivedState::Refused, Some("XdmReceipt: it is about no mail of ours, or came before")),
                };
                tx.settle_received_mail(&id, state, problem, &head, now_ms).await?;
                Ok::<_, StoreError>(noted)
            })
        });
        if noted.await?
            && let Err(error) = self.shared.spool.remove(&row.id)
        {
            tracing::warn!(%error, "a mail that was dealt with could not be deleted");
        }
        Ok(())
    }
}

/// Noted of a mail with a package whose subject does not say so; it is taken over all the same (R-32-24).
const NO_PHRASE: &str = "XdmSubject: the subject does not hold XDM/1.0/DDM";

/// By what a package that comes by two ways is known: who sends it, in which mail, and its octets.
fn key_of(row: &ReceivedMail, head: &ReceivedHead, sha256: &str) -> String {
    let mut hash = Sha256::new();
    let mail = head.message_id.as_ref().unwrap_or(&row.id);
    for part in [head.sender.as_deref().unwrap_or_default(), mail, sha256] {
        hash.update(part.to_ascii_lowercase().as_bytes());
        hash.update(b"\n");
    }
    let digits: String = hash.finish().iter().map(|octet| format!("{octet:02x}")).collect();
    format!("mail-{digits}")
}

/// Opens a mail. Blocks.
fn look(
    octets: Vec<u8>,
    keys: &SmimeKeys,
    allow_unsigned: bool,
    return_path: &str,
    now_ms: i64,
) -> Result<(ReceivedHead, Opened), SmimeError> {
    let limits = MailLimits::default();
    let head = head_of(&octets, return_path, &limits);
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let opened = match open(&octets, keys, allow_unsigned, &limits, now) {
        Ok(Received::Receipt { from, disposition, .. }) => Opened::Receipt(from, disposition),
        Ok(Received::Packages(package)) => Opened::Attachments(package.attachments, package.says_package),
        Err(NotOpened::Mail(_)) => Opened::Refused("XdmMailMalformed"),
        Err(NotOpened::Wrapped) => Opened::Refused("XdmMailWrapped"),
        Err(NotOpened::Signature(_) | NotOpened::Unsigned) => Opened::Refused("XdmSignatureInvalid"),
        Err(NotOpened::Smime(SmimeError::NotForUs)) => Opened::Refused("XdmNotDecrypted"),
        // A key of ours that cannot be read, or is not there yet.
        Err(NotOpened::Smime(error)) => return Err(error),
    };
    Ok((head, opened))
}

/// What a mail says of itself. Its sender is told what becomes of it where they ask for that, at the address from which it
/// was sent and no other; never a list, and never a program that wrote by itself.
fn head_of(octets: &[u8], return_path: &str, limits: &MailLimits) -> ReceivedHead {
    let lines = mail::canonical(octets);
    let Ok(incoming) = mail::Incoming::read(&lines, limits) else { return ReceivedHead::default() };
    let receipt_to = incoming.notify.filter(|to| !incoming.automatic && to.eq_ignore_ascii_case(return_path));
    ReceivedHead { sender: Some(incoming.from), message_id: incoming.message_id, receipt_to }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt_to(headers: &str, return_path: &str) -> Option<String> {
        let mail = format!("From: a@b.example\r\nMessage-ID: <1@b.example>\r\n{headers}\r\n\r\nhello\r\n");
        head_of(mail.as_bytes(), return_path, &MailLimits::default()).receipt_to
    }

    #[test]
    fn r_32_28_whoever_sent_it_is_told_and_nobody_else() {
        let asks = "Disposition-Notification-To: A@b.example";
        assert_eq!(receipt_to(asks, "a@b.example").as_deref(), Some("A@b.example"));
        assert_eq!(
            receipt_to("Auto-Submitted: no\r\nDisposition-Notification-To: a@b.example", "a@b.example").as_deref(),
            Some("a@b.example")
        );
        for (headers, return_path) in [
            ("Subject: x", "a@b.example"),
            (asks, ""),
            (asks, "bounces@list.example"),
            ("Disposition-Notification-To: a@b.example, c@d.example", "a@b.example"),
        ] {
            assert_eq!(receipt_to(headers, return_path), None, "{headers} {return_path}");
        }
        for more in [
            "List-Id: <x.list.example>",
            "Precedence: Bulk",
            "Precedence: list",
            "Auto-Submitted: auto-replied",
            "Auto-Submitted: auto-generated; type=x",
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
        ] {
            assert_eq!(receipt_to(&format!("{more}\r\n{asks}"), "a@b.example"), None, "{more}");
        }
    }
}
