//! Mails that come in: kept, then opened by a job, whose package is an import like any other; and the receipts for them.
//!
//! A mail is ours when its file and its row are on the disk; the same octets are one mail. Its package is known by sender,
//! Message-ID and content, so that a mail that comes by two ways is imported once. When nobody is to work on the package any
//! more, whoever asked for it is told, once (R-32-30). What is refused stays for a while, to be looked at by hand.
//!
//! Source: R-32-26 to R-32-30; RFC 8098 §2.1; RFC 3834.

mod answer;
mod opening;

use std::{fs, io, path::PathBuf, sync::Arc};

use tokio::sync::Notify;

use super::MailService;
use crate::{
    security::smime::SmimeSettings,
    service::{
        Auditor,
        jobs::Policy,
        spool::{self, fresh_id},
        xdm::{
            ImportSettings,
            jobs::{NOBODYS, Packages, Spool, Spooled},
        },
    },
    store::{NewJob, NewReceivedMail, Priority, ReceivedState, Store, StoreError},
};

/// The kind of jobs that open mails.
pub const OPEN_MAIL: &str = "open-mail";

/// How they are treated: each holds a mail in memory; a key that cannot be read is waited for as a relay is.
pub const OPENING: Policy = Policy { at_a_time: 2, in_flight: 2, first_pause_ms: 5_000, ..super::SENDING };

/// What may be told by configuration.
#[derive(Clone, Debug)]
pub struct InboxSettings {
    /// Addresses of ours, in lower case; every address is where none is named.
    pub recipients: Vec<String>,
    /// Longest mail (R-32-31).
    pub max_bytes: u64,
    /// Keys and certificates.
    pub smime: SmimeSettings,
    /// Take packages that are not signed (R-32-26).
    pub allow_unsigned: bool,
    /// How packages are told from other attachments.
    pub rules: ImportSettings,
    /// Take over without asking what is green in every check (R-32-34).
    pub auto_commit: bool,
    /// The node in whose name packages are taken over; the fixed one of this installation if none is named.
    pub node: Option<String>,
}

/// Why a mail is not kept.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of ours.
    #[error("a mail cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// A mail that is whole.
#[derive(Debug)]
pub struct Incoming {
    /// Its octets.
    pub mail: Spooled,
    /// The sender of the envelope, empty where there is none.
    pub return_path: String,
    /// The first address of ours that it is for.
    pub recipient: String,
}

/// Mails that come in. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    auditor: Auditor,
    packages: Packages,
    /// Absent where nothing can be sent: then nobody is told.
    mail: Option<MailService>,
    folder: PathBuf,
    spool: spool::Spool,
    settings: InboxSettings,
    /// Wakes the worker of jobs.
    bell: Arc<Notify>,
    /// Rung when a mail was opened.
    opened: Notify,
}

impl Inbox {
    /// Mails lie in `folder`, which is made here; `bell` wakes the worker of jobs.
    ///
    /// # Errors
    /// When the folder cannot be made, or what a process before this one left cannot be removed.
    pub fn open(
        store: Store,
        auditor: Auditor,
        packages: Packages,
        mail: Option<MailService>,
        folder: PathBuf,
        settings: InboxSettings,
        bell: Arc<Notify>,
    ) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(NOBODYS) {
                fs::remove_file(entry.path())?;
            }
        }
        let (spool, opened) = (spool::Spool::new(folder.clone(), "eml"), Notify::new());
        let shared = Shared { store, auditor, packages, mail, folder, spool, settings, bell, opened };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether mail for an address is taken.
    pub fn admits(&self, address: &str) -> bool {
        let known = &self.shared.settings.recipients;
        known.is_empty() || known.iter().any(|ours| ours.eq_ignore_ascii_case(address))
    }

    /// Octets of a mail.
    pub fn max_bytes(&self) -> u64 {
        self.shared.settings.max_bytes
    }

    /// Where the octets of a mail go as they come.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn spool(&self) -> io::Result<Spool> {
        Spool::below(&self.shared.folder, self.shared.settings.max_bytes)
    }

    /// Keeps a mail: it is durable when this returns, and will be opened. False when the same octets came before.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn take(&self, incoming: Incoming, now_ms: i64) -> Result<bool, InboxError> {
        let Incoming { mail, return_path, recipient } = incoming;
        let id = fresh_id()?;
        let (digest, octets) = (mail.sha256.clone(), mail.octets);
        mail.keep(self.shared.spool.path(&id)).await?;
        let row = NewReceivedMail { id: id.clone(), digest, octets, return_path, recipient, received_ms: now_ms };
        let job = NewJob {
            kind: OPEN_MAIL,
            destination: "here".to_owned(),
            idempotency_key: Some(id.clone()),
            payload: serde_json::json!({ "mail": id }).to_string(),
            priority: Priority::Normal,
            run_at_ms: now_ms,
            owner_org_key: crate::model::Caller::loopback().organisation_key(),
        };
        let added = self.shared.store.write(move |tx| {
            let (row, job) = (row.clone(), job.clone());
            Box::pin(async move {
                let is_new = tx.insert_received_mail(&row).await?;
                if is_new {
                    tx.enqueue(&job, now_ms).await?;
                }
                Ok::<_, StoreError>(is_new)
            })
        });
        // Where that failed it may have been noted all the same: the file is left to `clear`.
        let is_new = added.await?;
        if !is_new {
            self.shared.spool.remove(&id)?;
        }
        self.shared.bell.notify_one();
        Ok(is_new)
    }

    /// Lets the jobs of a dead process wait again. Before any mail is taken.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn start(&self, now_ms: i64) -> Result<usize, StoreError> {
        let returned = self
            .shared
            .store
            .write(move |tx| Box::pin(async move { tx.reclaim_all_jobs(OPEN_MAIL, now_ms, OPENING.attempts).await }));
        returned.await
    }

    /// Settles mails whose job has ended without it, deletes files that nobody needs, and forgets mails that came before
    /// `forget_ms` and were done with.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn clear(&self, now_ms: i64, forget_ms: i64) -> Result<(), InboxError> {
        let stranded = self.shared.store.read().await?.stranded_received_mails(OPEN_MAIL).await?;
        for id in stranded {
            self.refuse_unopened(&id, "XdmIo", now_ms).await?;
        }
        let forgotten =
            self.shared.store.write(move |tx| Box::pin(async move { tx.forget_received_mails(forget_ms).await }));
        let _: u64 = forgotten.await.map_err(|error: StoreError| error)?;
        for (path, id) in self.shared.spool.settled(now_ms) {
            let row = match id {
                Some(id) => self.shared.store.read().await?.find_received_mail(&id).await?,
                None => None,
            };
            let kept = row.is_some_and(|row| matches!(row.state, ReceivedState::Waiting | ReceivedState::Refused));
            if !kept {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}
