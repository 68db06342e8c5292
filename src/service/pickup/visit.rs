//! The addressee's side: what a link shows, trying a code, fetching.

use std::{net::IpAddr, ops::Range};

use openssl::{memcmp, sha::sha256};
use tokio::{fs::File, task::spawn_blocking};

use super::{Code, Pickup, PickupError, TRIES};
use crate::{
    model::{AuditEvent, RequestContext},
    service::{
        audit::events::{self, Parties, PickupVisit},
        spool::is_id,
        xdm::PackageSets,
    },
    store::{PickupRow, StoreError, Visit, VisitKind},
};

/// How a package stands for whoever has its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none with this id.
    Unknown,
    /// It wants a code.
    Closed {
        /// Tries that are left.
        tries: i64,
    },
    /// It can be fetched.
    Open {
        /// Octets of the package.
        octets: u64,
        /// Until when, in milliseconds since 1970.
        until_ms: i64,
    },
    /// Wrong codes came too often.
    Locked,
    /// Its time is over.
    Expired,
    /// The sender took it back.
    Withdrawn,
    /// The code was used, elsewhere or too long ago.
    Used,
}

/// What came of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It was right: the browser gets this to hold.
    Right {
        /// Hexadecimal digits, for a cookie.
        session: String,
    },
    /// Nothing was tried: the browser holds what an earlier code gave it.
    Open,
    /// It was wrong, or there is nothing to open; this is how it stands now.
    Wrong(Standing),
}

/// A package that is fetched.
#[derive(Debug)]
pub struct Opened {
    /// Its file.
    pub file: File,
    /// Its octets.
    pub octets: u64,
}

impl Pickup {
    /// How a package stands, and who sends it: what a browser holds counts if it is right. Whoever comes for one that is locked,
    /// used, expired or withdrawn is in the audit before this returns.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn look(
        &self,
        ctx: &RequestContext,
        id: &str,
        session: Option<&str>,
        address: IpAddr,
    ) -> Result<(Standing, Option<String>), PickupError> {
        let row = self.row(id).await?;
        let standing = standing(row.as_ref(), session, ctx.now.as_millisecond());
        let is_shut = matches!(standing, Standing::Locked | Standing::Expired | Standing::Withdrawn | Standing::Used);
        if let Some(row) = row.as_ref().filter(|_| is_shut) {
            self.note(ctx, row, address, PickupVisit::Closed, VisitKind::Closed).await?;
        }
        Ok((standing, row.map(|row| row.sender)))
    }

    /// Who sends a package, as its page says it.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn sender(&self, id: &str) -> Result<Option<String>, PickupError> {
        Ok(self.row(id).await?.map(|row| row.sender))
    }

    /// Tries a code. The try is counted first; the audit knows of it before this returns. A browser that is in already, and sends
    /// its code again, tries nothing.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn try_code(
        &self,
        ctx: &RequestContext,
        id: &str,
        typed: &str,
        session: Option<&str>,
        address: IpAddr,
    ) -> Result<Tried, PickupError> {
        let now_ms = ctx.now.as_millisecond();
        let Some(found) = self.row(id).await? else { return Ok(Tried::Wrong(Standing::Unknown)) };
        match standing(Some(&found), session, now_ms) {
            Standing::Closed { .. } => {}
            Standing::Open { .. } => return Ok(Tried::Open),
            shut => {
                self.note(ctx, &found, address, PickupVisit::Closed, VisitKind::Closed).await?;
                return Ok(Tried::Wrong(shut));
            }
        }
        let key = id.to_owned();
        let counted = self.store.write(move |tx| {
            let key = key.clone();
            Box::pin(async move { tx.count_pickup_try(&key, TRIES, now_ms).await })
        });
        let (counted, Some(row)) = (counted.await?, self.row(id).await?) else {
            return Ok(Tried::Wrong(Standing::Unknown));
        };
        let right = match Code::typed(typed) {
            Some(code) if counted => self.is_right(code, &row).await?,
            _ => false,
        };
        if !right {
            self.note(ctx, &row, address, PickupVisit::WrongCode, VisitKind::WrongCode).await?;
            return Ok(Tried::Wrong(standing(Some(&row), None, now_ms)));
        }
        let session = fresh_session()?;
        if self.open(ctx, &row, &session, address).await? {
            return Ok(Tried::Right { session });
        }
        // The same code at the same time, and that one was faster; or it was renewed or taken back meanwhile.
        self.note(ctx, &row, address, PickupVisit::Closed, VisitKind::Closed).await?;
        Ok(Tried::Wrong(standing(self.row(id).await?.as_ref(), None, now_ms)))
    }

    async fn is_right(&self, code: Code, row: &PickupRow) -> Result<bool, PickupError> {
        let _turn = self.hashing.acquire().await.map_err(|_| PickupError::Code)?;
        let (salt, hash) = (row.code_salt.clone(), row.code_hash.clone());
        spawn_blocking(move || code.is(&salt, &hash)).await.map_err(|_| PickupError::Code)?
    }

    /// Marks the code as used, with its event and visit, in one transaction.
    async fn open(
        &self,
        ctx: &RequestContext,
        row: &PickupRow,
        session: &str,
        address: IpAddr,
    ) -> Result<bool, PickupError> {
        let (now_ms, id, code) = (ctx.now.as_millisecond(), &*row.pickup_id, row.code_hash.clone());
        let until_ms = now_ms.saturating_add(self.settings.session_ms);
        let events = self.events(ctx, row, address, PickupVisit::RightCode);
        let (key, hash) = (id.to_owned(), sha256(session.as_bytes()).to_vec());
        let visit = Visit { kind: VisitKind::RightCode, address: address.to_string(), visited_ms: now_ms };
        let opened = self.store.write(move |tx| {
            let (key, code, hash) = (key.clone(), code.clone(), hash.clone());
            let (visit, events) = (visit.clone(), events.clone());
            Box::pin(async move {
                let opened = tx.open_pickup(&key, &code, &hash, until_ms, now_ms).await?;
                if opened {
                    tx.insert_visit(&key, &visit).await?;
                    tx.insert_audits(&events).await?;
                }
                Ok::<_, StoreError>(opened)
            })
        });
        Ok(opened.await?)
    }

    /// The package, for a browser that holds what a right code gave it. `wanted` tells which of its octets the browser gets.
    ///
    /// The download is in the audit before its first octet goes. Not recorded again is only what goes on: a part that begins
    /// after the first octet, of a package whose download this session has begun.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn fetch(
        &self,
        ctx: &RequestContext,
        id: &str,
        session: Option<&str>,
        address: IpAddr,
        wanted: impl FnOnce(u64) -> Range<u64>,
    ) -> Result<Result<Opened, Standing>, PickupError> {
        let now_ms = ctx.now.as_millisecond();
        let Some(row) = self.row(id).await? else { return Ok(Err(Standing::Unknown)) };
        match standing(Some(&row), session, now_ms) {
            Standing::Open { .. } => {}
            other => {
                self.note(ctx, &row, address, PickupVisit::Closed, VisitKind::Closed).await?;
                return Ok(Err(other));
            }
        }
        let file = match File::open(self.spool.path(id)).await {
            Ok(file) => file,
            // A backup holds no packages that wait.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Standing::Expired)),
            Err(error) => return Err(error.into()),
        };
        let octets = file.metadata().await?.len();
        let part = wanted(octets);
        let goes_on = part.is_empty() || (part.start > 0 && self.has_begun(id).await?);
        if !goes_on {
            self.note(ctx, &row, address, PickupVisit::Download, VisitKind::Download).await?;
        }
        Ok(Ok(Opened { file, octets }))
    }

    /// Whether there is a download since the last right code: there is one session for each.
    async fn has_begun(&self, id: &str) -> Result<bool, PickupError> {
        let visits = self.store.read().await?.visits(id).await?;
        let since = visits.iter().rev().take_while(|visit| visit.kind != VisitKind::RightCode);
        Ok(since.into_iter().any(|visit| visit.kind == VisitKind::Download))
    }

    async fn row(&self, id: &str) -> Result<Option<PickupRow>, PickupError> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.store.read().await?.find_pickup(id).await?)
    }

    /// One event; of a download, one for each submission set.
    fn events(&self, ctx: &RequestContext, row: &PickupRow, address: IpAddr, visit: PickupVisit) -> Vec<AuditEvent> {
        if !self.auditor.records() {
            return Vec::new();
        }
        let parties = Parties::own(ctx, &self.auditor.settings().source_id);
        let sets = match visit {
            PickupVisit::Download => PackageSets::from_json(&row.sets),
            _ => PackageSets::default(),
        };
        let event = |submitted| events::pickup_visited(&parties, address, &row.pickup_id, visit, submitted);
        sets.submitted().map(event).collect()
    }

    /// Records a visit in both places.
    async fn note(
        &self,
        ctx: &RequestContext,
        row: &PickupRow,
        address: IpAddr,
        what: PickupVisit,
        kind: VisitKind,
    ) -> Result<(), PickupError> {
        let events = self.events(ctx, row, address, what);
        let (key, visited_ms) = (row.pickup_id.clone(), ctx.now.as_millisecond());
        let visit = Visit { kind, address: address.to_string(), visited_ms };
        let noted = self.store.write(move |tx| {
            let (key, visit, events) = (key.clone(), visit.clone(), events.clone());
            Box::pin(async move {
                tx.insert_visit(&key, &visit).await?;
                tx.insert_audits(&events).await
            })
        });
        Ok(noted.await?)
    }
}

fn fresh_session() -> Result<String, PickupError> {
    let mut octets = [0_u8; 32];
    getrandom::fill(&mut octets).map_err(|_| PickupError::Code)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

fn standing(row: Option<&PickupRow>, session: Option<&str>, now_ms: i64) -> Standing {
    let Some(row) = row else { return Standing::Unknown };
    if row.withdrawn_ms.is_some() {
        return Standing::Withdrawn;
    }
    let until_ms = row.session_until_ms.filter(|until_ms| *until_ms > now_ms);
    if let (Some(session), Some(hash), Some(until_ms)) = (session, &row.session_hash, until_ms) {
        let held = sha256(session.as_bytes());
        if held.len() == hash.len() && memcmp::eq(&held, hash) {
            return Standing::Open { octets: row.octets.unsigned_abs(), until_ms };
        }
    }
    if row.expires_ms <= now_ms {
        Standing::Expired
    } else if row.used_ms.is_some() {
        Standing::Used
    } else if row.attempts >= TRIES {
        Standing::Locked
    } else {
        Standing::Closed { tries: TRIES - row.attempts }
    }
}
