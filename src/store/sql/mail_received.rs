//! Mails that came, and what became of them.

use sqlx::FromRow;

use super::{Tx, args, statements};
use crate::{model::xdm::PackageId, store::StoreError};

statements! {
    RECEIVED_ADD = "INSERT INTO mail_received (mail_id, digest, octets, return_path, recipient, state, received_ms) \
        VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (digest) DO NOTHING RETURNING mail_id";
    RECEIVED_FIND = "SELECT mail_id, octets, return_path, recipient, state, sender, message_id, receipt_to, package_id, \
        receipt_mail_id, problem, received_ms, ended_ms FROM mail_received WHERE mail_id = $1";
    RECEIVED_LIST = "SELECT mail_id, octets, return_path, recipient, state, sender, message_id, receipt_to, package_id, \
        receipt_mail_id, problem, received_ms, ended_ms FROM mail_received WHERE received_ms >= $1 \
        ORDER BY received_ms, mail_id";
    RECEIVED_ENDED = "SELECT r.mail_id, r.octets, r.return_path, r.recipient, r.state, r.sender, r.message_id, \
        r.receipt_to, r.package_id, r.receipt_mail_id, r.problem, r.received_ms, r.ended_ms FROM mail_received r \
        LEFT JOIN xdm_package p ON p.package_id = r.package_id WHERE r.state = 2 AND (p.package_id IS NULL \
        OR (p.state >= 3 AND p.state <= 5) OR (p.state > 5 AND p.file IS NULL)) ORDER BY r.received_ms, r.mail_id LIMIT 100";
    RECEIVED_OPENED = "UPDATE mail_received SET state = 2, sender = $2, message_id = $3, receipt_to = $4, package_id = $5, \
        problem = $6 WHERE mail_id = $1 AND state = 1";
    RECEIVED_SETTLE = "UPDATE mail_received SET state = $2, problem = COALESCE($3, problem), ended_ms = $4, sender = COALESCE($5, sender), \
        message_id = COALESCE($6, message_id), receipt_to = COALESCE($7, receipt_to) WHERE mail_id = $1 AND state < 3";
    RECEIVED_ANSWER = "UPDATE mail_received SET receipt_mail_id = $2 WHERE mail_id = $1 AND receipt_mail_id IS NULL \
        AND NOT EXISTS (SELECT 1 FROM mail_received o WHERE o.message_id = mail_received.message_id \
        AND o.sender = mail_received.sender AND o.receipt_mail_id IS NOT NULL \
        AND (mail_received.package_id IS NULL OR o.package_id = mail_received.package_id))";
    RECEIVED_STRANDED = "SELECT mail_id FROM mail_received WHERE mail_received.state = 1 AND NOT EXISTS (SELECT 1 FROM job \
        WHERE job.kind = $1 AND job.idempotency_key = mail_id AND (job.state = 1 OR job.state = 2)) \
        ORDER BY received_ms, mail_id";
    RECEIVED_FORGET = "DELETE FROM mail_received WHERE received_ms < $1 AND state > 2";
}

/// Where a mail that came stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivedState {
    /// Not opened yet.
    Waiting,
    /// Its package is looked into, taken over, or waits for a person.
    Importing,
    /// Its package was taken over, or its receipt noted.
    Done,
    /// It cannot be opened, or nothing of it was taken over.
    Refused,
}

impl ReceivedState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Importing, Self::Done, Self::Refused];

    const fn to_store(self) -> i64 {
        match self {
            Self::Waiting => 1,
            Self::Importing => 2,
            Self::Done => 3,
            Self::Refused => 4,
        }
    }

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Importing => "importing",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// A mail that came.
#[derive(Clone)]
pub struct NewReceivedMail {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// SHA-256 of its octets, hexadecimal.
    pub digest: String,
    /// Octets.
    pub octets: u64,
    /// The sender of the envelope, empty where there is none.
    pub return_path: String,
    /// The first address of ours that it is for.
    pub recipient: String,
    /// When.
    pub received_ms: i64,
}

/// What a mail says of itself.
#[derive(Clone, Default)]
pub struct ReceivedHead {
    /// From.
    pub sender: Option<String>,
    /// Message-ID, with brackets.
    pub message_id: Option<String>,
    /// Who is to be told what becomes of it.
    pub receipt_to: Option<String>,
}

/// A mail that came, as it stands.
#[derive(Clone)]
pub struct ReceivedMail {
    /// Its id.
    pub id: String,
    /// Octets.
    pub octets: i64,
    /// The sender of the envelope, empty where there is none.
    pub return_path: String,
    /// The first address of ours that it is for.
    pub recipient: String,
    /// Where it stands.
    pub state: ReceivedState,
    /// What it says of itself, once it was opened.
    pub head: ReceivedHead,
    /// The package that it carried.
    pub package: Option<PackageId>,
    /// The mail in which its sender is told.
    pub receipt_mail_id: Option<String>,
    /// Why, where something is wrong, or odd: a code, a colon, words of ours.
    pub problem: Option<String>,
    /// When it came.
    pub received_ms: i64,
    /// When it was done with.
    pub ended_ms: Option<i64>,
}

#[derive(FromRow)]
struct Stored {
    mail_id: String,
    octets: i64,
    return_path: String,
    recipient: String,
    state: i64,
    sender: Option<String>,
    message_id: Option<String>,
    receipt_to: Option<String>,
    package_id: Option<String>,
    receipt_mail_id: Option<String>,
    problem: Option<String>,
    received_ms: i64,
    ended_ms: Option<i64>,
}

impl Stored {
    fn read(self) -> Result<ReceivedMail, StoreError> {
        let corrupt = |what| StoreError::Corrupt { what };
        let state = ReceivedState::ALL.into_iter().find(|state| state.to_store() == self.state);
        let package = self.package_id.map(|id| id.parse().map_err(|_| corrupt("mail_received.package_id")));
        let Self { sender, message_id, receipt_to, .. } = self;
        Ok(ReceivedMail {
            id: self.mail_id,
            octets: self.octets,
            return_path: self.return_path,
            recipient: self.recipient,
            state: state.ok_or(corrupt("mail_received.state"))?,
            head: ReceivedHead { sender, message_id, receipt_to },
            package: package.transpose()?,
            receipt_mail_id: self.receipt_mail_id,
            problem: self.problem,
            received_ms: self.received_ms,
            ended_ms: self.ended_ms,
        })
    }
}

impl Tx {
    /// Adds a mail that came; false when the same octets came before.
    pub async fn insert_received_mail(&mut self, mail: &NewReceivedMail) -> Result<bool, StoreError> {
        let args = args![
            mail.id.as_str(),
            mail.digest.as_str(),
            i64::try_from(mail.octets).unwrap_or(i64::MAX),
            mail.return_path.as_str(),
            mail.recipient.as_str(),
            mail.received_ms
        ];
        let added: Option<(String,)> = self.fetch_optional(&RECEIVED_ADD, args).await?;
        Ok(added.is_some())
    }

    /// A mail that came.
    pub async fn find_received_mail(&mut self, id: &str) -> Result<Option<ReceivedMail>, StoreError> {
        let stored: Option<Stored> = self.fetch_optional(&RECEIVED_FIND, args![id]).await?;
        stored.map(Stored::read).transpose()
    }

    /// Mails that came since then, the oldest first.
    pub async fn received_mails(&mut self, since_ms: i64) -> Result<Vec<ReceivedMail>, StoreError> {
        let stored: Vec<Stored> = self.fetch_all(&RECEIVED_LIST, args![since_ms]).await?;
        stored.into_iter().map(Stored::read).collect()
    }

    /// The first mails on whose package nobody works any more, and nobody may: taken over, given up, taken back, or gone.
    pub async fn ended_received_mails(&mut self) -> Result<Vec<ReceivedMail>, StoreError> {
        let stored: Vec<Stored> = self.fetch_all(&RECEIVED_ENDED, args![]).await?;
        stored.into_iter().map(Stored::read).collect()
    }

    /// Notes what a mail says, which package it carried, and what is odd about it without hindering anybody; false when it was dealt with before.
    pub async fn note_mail_opened(
        &mut self,
        id: &str,
        head: &ReceivedHead,
        package: PackageId,
        warning: Option<&str>,
    ) -> Result<bool, StoreError> {
        let ReceivedHead { sender, message_id, receipt_to } = head;
        let args = args![
            id,
            sender.as_deref(),
            message_id.as_deref(),
            receipt_to.as_deref(),
            package.to_string().as_str(),
            warning
        ];
        Ok(self.execute(&RECEIVED_OPENED, args).await? == 1)
    }

    /// Notes what became of a mail; false when that was known before.
    pub async fn settle_received_mail(
        &mut self,
        id: &str,
        state: ReceivedState,
        problem: Option<&str>,
        head: &ReceivedHead,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let ReceivedHead { sender, message_id, receipt_to } = head;
        let args = args![
            id,
            state.to_store(),
            problem,
            now_ms,
            sender.as_deref(),
            message_id.as_deref(),
            receipt_to.as_deref()
        ];
        Ok(self.execute(&RECEIVED_SETTLE, args).await? == 1)
    }

    /// Notes in which mail the sender is told; false when they are told already, also where the same message came by another
    /// way. What a stranger sent under the same Message-ID does not keep the sender of a package from being told.
    pub async fn note_mail_answered(&mut self, id: &str, receipt_mail_id: &str) -> Result<bool, StoreError> {
        Ok(self.execute(&RECEIVED_ANSWER, args![id, receipt_mail_id]).await? == 1)
    }

    /// Mails that are not opened though no job of this kind works on them any more.
    pub async fn stranded_received_mails(&mut self, kind: &str) -> Result<Vec<String>, StoreError> {
        let stranded: Vec<(String,)> = self.fetch_all(&RECEIVED_STRANDED, args![kind]).await?;
        Ok(stranded.into_iter().map(|(id,)| id).collect())
    }

    /// Forgets mails that were done with and came before then.
    pub async fn forget_received_mails(&mut self, before_ms: i64) -> Result<u64, StoreError> {
        self.execute(&RECEIVED_FORGET, args![before_ms]).await
    }
}
