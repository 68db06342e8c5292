//! Packages that addressees fetch with a link and a code.
//!
//! Every try of a code is counted before the code is looked at, in one statement, so that no number of tries at once gets more
//! of them. Source: S-TLS-31 (lock-out), S-TLS-34.

use sqlx::FromRow;

use super::{Tx, args, statements};
use crate::store::StoreError;

statements! {
    PICKUP_ADD = "INSERT INTO pickup (pickup_id, octets, sender, recipient, code_salt, code_hash, attempts, created_by, \
        created_ms, expires_ms, sets) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10)";
    PICKUP_FIND = "SELECT pickup_id, octets, sender, recipient, code_salt, code_hash, attempts, session_hash, \
        session_until_ms, created_by, created_ms, expires_ms, used_ms, withdrawn_ms, sets FROM pickup WHERE pickup_id = $1";
    PICKUP_LIST = "SELECT pickup_id, octets, sender, recipient, code_salt, code_hash, attempts, session_hash, \
        session_until_ms, created_by, created_ms, expires_ms, used_ms, withdrawn_ms, sets FROM pickup \
        WHERE file_gone_ms IS NULL ORDER BY created_ms, pickup_id";
    PICKUP_TRY = "UPDATE pickup SET attempts = attempts + 1 WHERE pickup_id = $1 AND attempts < $2 AND used_ms IS NULL \
        AND withdrawn_ms IS NULL AND expires_ms > $3 RETURNING attempts";
    PICKUP_OPEN = "UPDATE pickup SET used_ms = $2, session_hash = $3, session_until_ms = $4 WHERE pickup_id = $1 \
        AND code_hash = $5 AND used_ms IS NULL AND withdrawn_ms IS NULL AND expires_ms > $2 RETURNING pickup_id";
    PICKUP_WITHDRAW = "UPDATE pickup SET withdrawn_ms = $2, session_hash = NULL WHERE pickup_id = $1 \
        AND withdrawn_ms IS NULL RETURNING pickup_id";
    PICKUP_RENEW = "UPDATE pickup SET code_salt = $2, code_hash = $3, attempts = 0, used_ms = NULL, session_hash = NULL \
        WHERE pickup_id = $1 AND withdrawn_ms IS NULL AND expires_ms > $4 RETURNING pickup_id";
    PICKUP_ENDED = "SELECT pickup_id FROM pickup WHERE file_gone_ms IS NULL AND (expires_ms <= $1 \
        OR withdrawn_ms IS NOT NULL) AND (session_until_ms IS NULL OR session_until_ms <= $1 OR withdrawn_ms IS NOT NULL)";
    PICKUP_FILE_GONE = "UPDATE pickup SET file_gone_ms = $2, session_hash = NULL WHERE pickup_id = $1";
    PICKUP_VISITS_FORGET = "DELETE FROM pickup_visit WHERE pickup_id IN \
        (SELECT pickup_id FROM pickup WHERE file_gone_ms < $1)";
    PICKUP_FORGET = "DELETE FROM pickup WHERE file_gone_ms < $1";
    VISIT_ADD = "INSERT INTO pickup_visit (pickup_id, kind, address, visited_ms) VALUES ($1, $2, $3, $4)";
    VISITS = "SELECT kind, address, visited_ms FROM pickup_visit WHERE pickup_id = $1 ORDER BY visited_ms, visit_key";
}

/// A package to be fetched.
#[derive(Clone)]
pub struct NewPickup {
    /// 128 random bits in hexadecimal digits: what the link holds.
    pub id: String,
    /// Octets of the package.
    pub octets: i64,
    /// Who sends, as the page says it.
    pub sender: String,
    /// For whom it is, as the operator's list says it; the page does not.
    pub recipient: String,
    /// Salt of the code.
    pub code_salt: Vec<u8>,
    /// Slow hash of the code.
    pub code_hash: Vec<u8>,
    /// Who offered it.
    pub created_by: String,
    /// When.
    pub created_ms: i64,
    /// Until when.
    pub expires_ms: i64,
    /// Patient and uniqueId of each submission set, JSON.
    pub sets: String,
}

/// A package to be fetched, as it stands.
#[derive(Clone, FromRow)]
pub struct PickupRow {
    /// What the link holds.
    pub pickup_id: String,
    /// Octets of the package.
    pub octets: i64,
    /// Who sends.
    pub sender: String,
    /// For whom it is.
    pub recipient: String,
    /// Salt of the code.
    pub code_salt: Vec<u8>,
    /// Slow hash of the code.
    pub code_hash: Vec<u8>,
    /// Tries of a code, the right one included.
    pub attempts: i64,
    /// SHA-256 of what the browser holds that gave the right code.
    pub session_hash: Option<Vec<u8>>,
    /// Until when that counts.
    pub session_until_ms: Option<i64>,
    /// Who offered it.
    pub created_by: String,
    /// When.
    pub created_ms: i64,
    /// Until when.
    pub expires_ms: i64,
    /// When the right code came.
    pub used_ms: Option<i64>,
    /// When it was taken back.
    pub withdrawn_ms: Option<i64>,
    /// Patient and uniqueId of each submission set, JSON.
    pub sets: String,
}

/// What a visitor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitKind {
    /// Gave the right code.
    RightCode,
    /// Gave a wrong one.
    WrongCode,
    /// Came for one that is locked, used, expired or withdrawn.
    Closed,
    /// Began a download.
    Download,
}

impl VisitKind {
    const fn to_store(self) -> i64 {
        match self {
            Self::RightCode => 1,
            Self::WrongCode => 2,
            Self::Closed => 3,
            Self::Download => 4,
        }
    }

    fn from_store(number: i64) -> Result<Self, StoreError> {
        [Self::RightCode, Self::WrongCode, Self::Closed, Self::Download]
            .into_iter()
            .find(|kind| kind.to_store() == number)
            .ok_or(StoreError::Corrupt { what: "pickup_visit.kind" })
    }
}

/// Somebody came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// What they did.
    pub kind: VisitKind,
    /// From where.
    pub address: String,
    /// When.
    pub visited_ms: i64,
}

impl Tx {
    /// Offers a package.
    pub async fn insert_pickup(&mut self, new: &NewPickup) -> Result<(), StoreError> {
        let NewPickup { id, octets, sender, recipient, code_salt, code_hash, created_by, created_ms, expires_ms, sets } =
            new;
        let args = args![
            &**id,
            *octets,
            &**sender,
            &**recipient,
            &**code_salt,
            &**code_hash,
            &**created_by,
            *created_ms,
            *expires_ms,
            &**sets
        ];
        self.execute(&PICKUP_ADD, args).await.map(drop)
    }

    /// The package that a link names.
    pub async fn find_pickup(&mut self, id: &str) -> Result<Option<PickupRow>, StoreError> {
        self.fetch_optional(&PICKUP_FIND, args![id]).await
    }

    /// All whose file is still there, the oldest first.
    pub async fn pickups(&mut self) -> Result<Vec<PickupRow>, StoreError> {
        self.fetch_all(&PICKUP_LIST, args![]).await
    }

    /// Counts a try of the code; false when no more are allowed, or it is closed.
    pub async fn count_pickup_try(&mut self, id: &str, most: i64, now_ms: i64) -> Result<bool, StoreError> {
        let tried: Option<(i64,)> = self.fetch_optional(&PICKUP_TRY, args![id, most, now_ms]).await?;
        Ok(tried.is_some())
    }

    /// Opens it for whoever holds what hashes to `session`; false when somebody else was faster, the code that hashes to
    /// `code_hash` is not that of the package any more, or its time is over.
    pub async fn open_pickup(
        &mut self,
        id: &str,
        code_hash: &[u8],
        session: &[u8],
        until_ms: i64,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let args = args![id, now_ms, session, until_ms, code_hash];
        let opened: Option<(String,)> = self.fetch_optional(&PICKUP_OPEN, args).await?;
        Ok(opened.is_some())
    }

    /// Takes it back; false when it is not there or was taken back before.
    pub async fn withdraw_pickup(&mut self, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let withdrawn: Option<(String,)> = self.fetch_optional(&PICKUP_WITHDRAW, args![id, now_ms]).await?;
        Ok(withdrawn.is_some())
    }

    /// Gives it another code, which unlocks it; false when it is not there any more.
    pub async fn renew_pickup(
        &mut self,
        id: &str,
        code_salt: &[u8],
        code_hash: &[u8],
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let args = args![id, code_salt, code_hash, now_ms];
        let renewed: Option<(String,)> = self.fetch_optional(&PICKUP_RENEW, args).await?;
        Ok(renewed.is_some())
    }

    /// Those whose file can go.
    pub async fn ended_pickups(&mut self, now_ms: i64) -> Result<Vec<String>, StoreError> {
        let ended: Vec<(String,)> = self.fetch_all(&PICKUP_ENDED, args![now_ms]).await?;
        Ok(ended.into_iter().map(|(id,)| id).collect())
    }

    /// Notes that the file is gone.
    pub async fn pickup_file_gone(&mut self, id: &str, now_ms: i64) -> Result<(), StoreError> {
        self.execute(&PICKUP_FILE_GONE, args![id, now_ms]).await.map(drop)
    }

    /// Notes a visit.
    pub async fn insert_visit(&mut self, id: &str, visit: &Visit) -> Result<(), StoreError> {
        let Visit { kind, address, visited_ms } = visit;
        self.execute(&VISIT_ADD, args![id, kind.to_store(), &**address, *visited_ms]).await.map(drop)
    }

    /// Who came for it.
    pub async fn visits(&mut self, id: &str) -> Result<Vec<Visit>, StoreError> {
        let rows: Vec<(i64, String, i64)> = self.fetch_all(&VISITS, args![id]).await?;
        let visit = |(kind, address, visited_ms)| Ok(Visit { kind: VisitKind::from_store(kind)?, address, visited_ms });
        rows.into_iter().map(visit).collect()
    }

    /// Forgets packages whose files have been gone since before then, and who came for them; the audit trail still knows.
    pub async fn forget_pickups(&mut self, before_ms: i64) -> Result<(), StoreError> {
        self.execute(&PICKUP_VISITS_FORGET, args![before_ms]).await?;
        self.execute(&PICKUP_FORGET, args![before_ms]).await.map(drop)
    }
}
