//! The sender's side: offering, giving a new code, taking back, and clearing away.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tokio::task::spawn_blocking;

use super::{Code, Pickup, PickupError};
use crate::{
    model::{AuditEvent, RequestContext},
    service::{
        audit::events::{self, Actor, Parties},
        spool::fresh_id,
        xdm::PackageSets,
    },
    store::{NewPickup, PickupRow, StoreError, Visit},
};

/// A package that somebody offers.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Who sends, as the page says it: an institution.
    pub sender: String,
    /// For whom it is, as the sender's list says it.
    pub recipient: String,
    /// Whom it is about.
    pub sets: PackageSets,
    /// Who offers it.
    pub actor: Actor,
}

/// A package that waits, and the code that opens it. The code is not kept: whoever is told it now must pass it on.
#[derive(Clone, Debug)]
pub struct Offered {
    /// What the link holds.
    pub id: String,
    /// The code.
    pub code: Code,
    /// Until when, in milliseconds since 1970.
    pub expires_ms: i64,
}

impl Pickup {
    /// Copies a package to where it waits. It can be fetched when this returns.
    ///
    /// # Errors
    /// When it cannot be kept; nothing is offered then.
    pub async fn offer(&self, ctx: &RequestContext, package: &Path, offer: &Offer) -> Result<Offered, PickupError> {
        let id = fresh_id()?;
        let (from, spool, name) = (package.to_owned(), self.spool.clone(), id.clone());
        let kept = spawn_blocking(move || spool.keep(&name, File::open(from)?));
        let octets = kept.await.map_err(io::Error::other)??;
        let made = self.announce(ctx, offer, &id, octets).await;
        match &made {
            // The answer to a commit may be lost, and the package offered: its file stays then, which is cleared away later where
            // it is nobody's.
            Err(PickupError::Store(error)) if error.may_be_of_a_lost_answer() => {}
            Err(_) => {
                let _ = self.spool.remove(&id);
            }
            Ok(_) => {}
        }
        made
    }

    async fn announce(
        &self,
        ctx: &RequestContext,
        offer: &Offer,
        id: &str,
        octets: u64,
    ) -> Result<Offered, PickupError> {
        let (code, salt, hash) = self.fresh_code().await?;
        let now_ms = ctx.now.as_millisecond();
        let new = NewPickup {
            id: id.to_owned(),
            octets: i64::try_from(octets).unwrap_or(i64::MAX),
            sender: offer.sender.clone(),
            recipient: offer.recipient.clone(),
            code_salt: salt,
            code_hash: hash,
            created_by: offer.actor.user_id.clone(),
            created_ms: now_ms,
            expires_ms: now_ms.saturating_add(self.settings.expires_ms),
            sets: offer.sets.to_json().map_err(io::Error::other)?,
        };
        let expires_ms = new.expires_ms;
        let events = self.of_sender(ctx, &offer.actor, id, events::PickupAct::Offered, &offer.sets);
        self.store
            .write(move |tx| {
                let (new, events) = (new.clone(), events.clone());
                Box::pin(async move {
                    tx.insert_pickup(&new).await?;
                    tx.insert_audits(&events).await
                })
            })
            .await?;
        Ok(Offered { id: id.to_owned(), code, expires_ms })
    }

    /// Gives a package a new code: the old one is lost, was used, or was tried too often. Nothing where there is no such package
    /// any more.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn renew(&self, ctx: &RequestContext, id: &str, actor: &Actor) -> Result<Option<Code>, PickupError> {
        let (code, salt, hash) = self.fresh_code().await?;
        let now_ms = ctx.now.as_millisecond();
        let nobody = PackageSets::default();
        let (id, events) = (id.to_owned(), self.of_sender(ctx, actor, id, events::PickupAct::Renewed, &nobody));
        let renewed = self.store.write(move |tx| {
            let (id, salt, hash, events) = (id.clone(), salt.clone(), hash.clone(), events.clone());
            Box::pin(async move {
                let renewed = tx.renew_pickup(&id, &salt, &hash, now_ms).await?;
                if renewed {
                    tx.insert_audits(&events).await?;
                }
                Ok::<_, StoreError>(renewed)
            })
        });
        Ok(renewed.await?.then_some(code))
    }

    /// Takes a package back; false when there is none, or it was taken back before. Its file goes at once.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn withdraw(&self, ctx: &RequestContext, id: &str, actor: &Actor) -> Result<bool, PickupError> {
        let now_ms = ctx.now.as_millisecond();
        let nobody = PackageSets::default();
        let (key, events) = (id.to_owned(), self.of_sender(ctx, actor, id, events::PickupAct::Withdrawn, &nobody));
        let withdrawn = self.store.write(move |tx| {
            let (key, events) = (key.clone(), events.clone());
            Box::pin(async move {
                let withdrawn = tx.withdraw_pickup(&key, now_ms).await?;
                if withdrawn {
                    tx.insert_audits(&events).await?;
                }
                Ok::<_, StoreError>(withdrawn)
            })
        });
        let withdrawn = withdrawn.await?;
        self.clear(now_ms).await?;
        Ok(withdrawn)
    }

    /// Those that wait, with who came for them.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn list(&self) -> Result<Vec<(PickupRow, Vec<Visit>)>, PickupError> {
        let mut tx = self.store.read().await?;
        let mut list = Vec::new();
        for row in tx.pickups().await? {
            let visits = tx.visits(&row.pickup_id).await?;
            list.push((row, visits));
        }
        Ok(list)
    }

    /// Deletes the files of packages that expired or were taken back, and files of an offer that was broken off.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn clear(&self, now_ms: i64) -> Result<(), PickupError> {
        let ended = self.store.read().await?.ended_pickups(now_ms).await?;
        for id in ended {
            self.spool.remove(&id)?;
            let gone = self.store.write(move |tx| {
                let id = id.clone();
                Box::pin(async move { tx.pickup_file_gone(&id, now_ms).await })
            });
            gone.await?;
        }
        Ok(())
    }

    /// Forgets packages whose files have been gone since before `forget_ms`.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn forget(&self, forget_ms: i64) -> Result<(), PickupError> {
        let forgotten = self.store.write(move |tx| Box::pin(async move { tx.forget_pickups(forget_ms).await }));
        forgotten.await.map_err(|error: StoreError| error.into())
    }

    /// Takes away files that no row knows: of an offer that was broken off. What is younger than an hour may be of one that is
    /// being made.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn clear_broken(&self, now_ms: i64) -> Result<usize, PickupError> {
        let mut removed = 0;
        for (path, id) in self.spool.settled(now_ms) {
            let known = match id {
                Some(id) => self.store.read().await?.find_pickup(&id).await?.is_some(),
                None => false,
            };
            if !known {
                fs::remove_file(path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn fresh_code(&self) -> Result<(Code, Vec<u8>, Vec<u8>), PickupError> {
        let _turn = self.hashing.acquire().await.map_err(|_| PickupError::Code)?;
        let made = spawn_blocking(|| {
            let code = Code::fresh()?;
            let (salt, hash) = code.hashed()?;
            Ok((code, salt, hash))
        });
        made.await.map_err(|_| PickupError::Code)?
    }

    /// One event for each set; one where none is told.
    fn of_sender(
        &self,
        ctx: &RequestContext,
        actor: &Actor,
        id: &str,
        act: events::PickupAct,
        sets: &PackageSets,
    ) -> Vec<AuditEvent> {
        if !self.auditor.records() {
            return Vec::new();
        }
        let parties = Parties::own(ctx, &self.auditor.settings().source_id);
        sets.submitted().map(|submitted| events::pickup_changed(&parties, actor, id, act, submitted)).collect()
    }
}
