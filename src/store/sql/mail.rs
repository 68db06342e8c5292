//! Mails that go out, and what became of them.

use sqlx::FromRow;

use super::{Tx, args, statements};
use crate::store::StoreError;

statements! {
    MAIL_ADD = "INSERT INTO mail_sent (mail_id, message_id, recipient, notice, sets, octets, created_by, pickup_id, \
        state, created_ms, sealed, receipt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11)";
    MAIL_FIND = "SELECT mail_id, message_id, recipient, notice, sets, octets, created_by, pickup_id, state, problem, \
        created_ms, sent_ms, receipt_ms, sealed, receipt FROM mail_sent WHERE mail_id = $1";
    MAIL_LIST = "SELECT mail_id, message_id, recipient, notice, sets, octets, created_by, pickup_id, state, problem, \
        created_ms, sent_ms, receipt_ms, sealed, receipt FROM mail_sent WHERE created_ms >= $1 ORDER BY created_ms, mail_id";
    MAIL_STATE = "UPDATE mail_sent SET state = $3, problem = $4, sent_ms = $5 WHERE mail_id = $1 AND state = $2 \
        RETURNING mail_id";
    MAIL_RECEIPT = "UPDATE mail_sent SET state = $2, problem = $3, receipt_ms = $4 WHERE message_id = $1 \
        AND LOWER(recipient) = LOWER($5) AND receipt IS NULL AND receipt_ms IS NULL AND (state = 2 OR state = 3 OR state = 4) RETURNING mail_id";
    MAIL_SENT = "UPDATE mail_sent SET sent_ms = $2 WHERE mail_id = $1 AND sent_ms IS NULL";
    MAIL_STRANDED = "SELECT mail_id FROM mail_sent WHERE (mail_sent.state = 1 OR mail_sent.state = 2) AND NOT EXISTS (SELECT 1 FROM job \
        WHERE job.kind = $1 AND job.idempotency_key = mail_id AND (job.state = 1 OR job.state = 2)) \
        ORDER BY created_ms, mail_id";
    MAIL_FORGET = "DELETE FROM mail_sent WHERE created_ms < $1 AND state > 2";
}

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// Not yet tried, or to be tried again.
    Waiting,
    /// Being handed to the relay; when the process dies now, nobody knows whether the relay took it.
    Sending,
    /// The relay has it.
    Sent,
    /// The relay may have it. It is not sent again by itself.
    PerhapsSent,
    /// Given up.
    Failed,
    /// The addressee's system took the package.
    Confirmed,
    /// The addressee's system refused it.
    Refused,
    /// Whoever ordered it took it back before it was sent.
    Withdrawn,
}

impl MailState {
    const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Sending,
        Self::Sent,
        Self::PerhapsSent,
        Self::Failed,
        Self::Confirmed,
        Self::Refused,
        Self::Withdrawn,
    ];

    const fn to_store(self) -> i64 {
        match self {
            Self::Waiting => 1,
            Self::Sending => 2,
            Self::Sent => 3,
            Self::PerhapsSent => 4,
            Self::Failed => 5,
            Self::Confirmed => 6,
            Self::Refused => 7,
            Self::Withdrawn => 8,
        }
    }

    pub(super) fn from_store(number: i64) -> Result<Self, StoreError> {
        let state = Self::ALL.into_iter().find(|state| state.to_store() == number);
        state.ok_or(StoreError::Corrupt { what: "mail_sent.state" })
    }

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::PerhapsSent => "perhaps sent",
            Self::Failed => "failed",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A mail to be sent.
#[derive(Clone)]
pub struct NewMail {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// Its Message-ID, with brackets.
    pub message_id: String,
    /// The addressee.
    pub recipient: String,
    /// What it says, JSON.
    pub notice: String,
    /// Patient and uniqueId of each submission set, JSON.
    pub sets: String,
    /// Octets of the package.
    pub octets: i64,
    /// Who ordered it.
    pub created_by: String,
    /// Where it carries a link instead of the package.
    pub pickup_id: Option<String>,
    /// When.
    pub created_ms: i64,
    /// Whether it goes out signed and encrypted, and in no other way.
    pub sealed: bool,
    /// What it says where it is a receipt, JSON; it carries no package then.
    pub receipt: Option<String>,
}

/// A mail, as it stands.
#[derive(Clone)]
pub struct MailRow {
    /// What was ordered.
    pub mail: NewMail,
    /// Where it stands.
    pub state: MailState,
    /// Why, where something is wrong. Words of ours, or of the addressee's system.
    pub problem: Option<String>,
    /// When the relay took it.
    pub sent_ms: Option<i64>,
    /// When the receipt came.
    pub receipt_ms: Option<i64>,
}

#[derive(FromRow)]
struct Stored {
    mail_id: String,
    message_id: String,
    recipient: String,
    notice: String,
    sets: String,
    octets: i64,
    created_by: String,
    pickup_id: Option<String>,
    state: i64,
    problem: Option<String>,
    created_ms: i64,
    sent_ms: Option<i64>,
    receipt_ms: Option<i64>,
    sealed: i64,
    receipt: Option<String>,
}

impl Stored {
    fn read(self) -> Result<MailRow, StoreError> {
        let state = MailState::from_store(self.state)?;
        let mail = NewMail {
            id: self.mail_id,
            message_id: self.message_id,
            recipient: self.recipient,
            notice: self.notice,
            sets: self.sets,
            octets: self.octets,
            created_by: self.created_by,
            pickup_id: self.pickup_id,
            created_ms: self.created_ms,
            sealed: self.sealed != 0,
            receipt: self.receipt,
        };
        Ok(MailRow { mail, state, problem: self.problem, sent_ms: self.sent_ms, receipt_ms: self.receipt_ms })
    }
}

impl Tx {
    /// Adds a mail that waits.
    pub async fn insert_mail(&mut self, mail: &NewMail) -> Result<(), StoreError> {
        let NewMail { id, message_id, recipient, notice, sets, octets, created_by, pickup_id, created_ms, .. } = mail;
        let args = args![
            &**id,
            &**message_id,
            &**recipient,
            &**notice,
            &**sets,
            *octets,
            &**created_by,
            pickup_id.as_deref(),
            *created_ms,
            i64::from(mail.sealed),
            mail.receipt.as_deref()
        ];
        self.execute(&MAIL_ADD, args).await.map(drop)
    }

    /// A mail.
    pub async fn find_mail(&mut self, id: &str) -> Result<Option<MailRow>, StoreError> {
        let stored: Option<Stored> = self.fetch_optional(&MAIL_FIND, args![id]).await?;
        stored.map(Stored::read).transpose()
    }

    /// Mails that were ordered since then, the oldest first.
    pub async fn mails(&mut self, since_ms: i64) -> Result<Vec<MailRow>, StoreError> {
        let stored: Vec<Stored> = self.fetch_all(&MAIL_LIST, args![since_ms]).await?;
        stored.into_iter().map(Stored::read).collect()
    }

    /// Moves a mail on; false when it is not where it was thought to be.
    pub async fn move_mail(
        &mut self,
        id: &str,
        (from, to): (MailState, MailState),
        problem: Option<&str>,
        sent_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let args = args![id, from.to_store(), to.to_store(), problem, sent_ms];
        let moved: Option<(String,)> = self.fetch_optional(&MAIL_STATE, args).await?;
        Ok(moved.is_some())
    }

    /// Notes when the relay took a mail, where that is not known yet.
    pub async fn note_mail_sent(&mut self, id: &str, sent_ms: i64) -> Result<(), StoreError> {
        self.execute(&MAIL_SENT, args![id, sent_ms]).await.map(drop)
    }

    /// Mails that are not settled though no job of this kind works on them any more.
    pub async fn stranded_mails(&mut self, kind: &str) -> Result<Vec<String>, StoreError> {
        let stranded: Vec<(String,)> = self.fetch_all(&MAIL_STRANDED, args![kind]).await?;
        Ok(stranded.into_iter().map(|(id,)| id).collect())
    }

    /// Notes the receipt for a mail that was sent to `recipient`, in capitals or not; its id, nothing when there is no such mail or it has its receipt.
    pub async fn receive_receipt(
        &mut self,
        message_id: &str,
        recipient: &str,
        refused: Option<&str>,
        now_ms: i64,
    ) -> Result<Option<String>, StoreError> {
        let state = if refused.is_some() { MailState::Refused } else { MailState::Confirmed };
        let args = args![message_id, state.to_store(), refused, now_ms, recipient];
        let found: Option<(String,)> = self.fetch_optional(&MAIL_RECEIPT, args).await?;
        Ok(found.map(|(id,)| id))
    }

    /// Forgets mails that ended and were ordered before then: what they say may tell of a patient.
    pub async fn forget_mails(&mut self, before_ms: i64) -> Result<u64, StoreError> {
        self.execute(&MAIL_FORGET, args![before_ms]).await
    }
}
