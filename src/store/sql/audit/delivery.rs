//! The order in which events go out, and how far each destination has them.
//!
//! Source: design section 9 (Audit: seal order is delivery order, a durable cursor per destination), S-AUD-46, S-AUD-51.

use std::collections::HashMap;

use super::files::{Month, month_of_key};
use crate::store::{
    StoreError,
    sql::{Store, args, statements},
};

statements! {
    BODIES = "SELECT audit_key, body FROM audit WHERE audit_key {in_ints $1}";
    NEW_DESTINATION = "INSERT INTO audit_delivery (destination, seq, entries, confirmed_ms) VALUES ($1, $2, 0, $3) \
        ON CONFLICT (destination) DO NOTHING";
    TAKE_DELIVERY = "UPDATE audit_delivery SET holder = $2, lease_until_ms = $4 WHERE destination = $1 \
        AND (holder IS NULL OR holder = $2 OR lease_until_ms IS NULL OR lease_until_ms < $3) RETURNING seq, entries";
    LET_GO_DELIVERY = "UPDATE audit_delivery SET holder = NULL, lease_until_ms = NULL \
        WHERE destination = $1 AND holder = $2";
    CONFIRM_DELIVERY = "UPDATE audit_delivery SET seq = $3, entries = $4, confirmed_ms = $5 \
        WHERE destination = $1 AND holder = $2";
    DELIVERIES = "SELECT destination, seq, entries, confirmed_ms FROM audit_delivery ORDER BY destination";
    BACKLOG = "SELECT CAST(COALESCE(SUM(LENGTH(entries)), 0) AS BIGINT), MIN(sealed_ms) FROM audit_seal WHERE seq >= $1";
}

/// Seals that are read at a time.
const SEALS_AT_ONCE: i64 = 16;

/// A place in the order of seals: after all entries of the seals before `seq`, and after the first `entries` of that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPosition {
    /// Number of a seal, from 1.
    pub seq: i64,
    /// Entries of it.
    pub entries: i64,
}

impl AuditPosition {
    /// Before everything.
    pub const START: Self = Self { seq: 1, entries: 0 };
}

/// A sealed event.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedAudit {
    /// The place just after it.
    pub position: AuditPosition,
    /// Its key.
    pub audit_key: i64,
    /// The event as canonical JSON.
    pub body: String,
}

/// A piece of the sealed trail.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBatch {
    /// Its events. Those that were pruned are not among them, so it may have none although more follow.
    pub events: Vec<SealedAudit>,
    /// The place after all that was looked at; where nothing more is sealed it is the one that was asked from.
    pub end: AuditPosition,
}

/// How far a destination is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDelivery {
    /// Its name.
    pub destination: String,
    /// Everything before is delivered.
    pub position: AuditPosition,
    /// When that was last confirmed, milliseconds since 1970.
    pub confirmed_ms: i64,
    /// Events that wait.
    pub waiting: u64,
    /// When the oldest of these was sealed, milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

impl Store {
    /// Sealed events after a place, in the order of delivery, of at most `limit` rows. Rows that were pruned are passed over.
    ///
    /// # Errors
    /// When the database or a file of reads cannot be read.
    pub async fn sealed_audit(&self, after: AuditPosition, limit: usize) -> Result<SealedBatch, StoreError> {
        let mut wanted: Vec<(AuditPosition, i64)> = Vec::new();
        let mut place = after;
        while wanted.len() < limit {
            let seals = self.audit_seals(place.seq, SEALS_AT_ONCE).await?;
            if seals.is_empty() {
                break;
            }
            for seal in seals {
                let skipped = if seal.seq == after.seq { usize::try_from(after.entries).unwrap_or(0) } else { 0 };
                let left = limit.saturating_sub(wanted.len());
                wanted.extend(
                    seal.entries
                        .iter()
                        .enumerate()
                        .skip(skipped)
                        .take(left)
                        .map(|(index, (key, _))| (AuditPosition { seq: seal.seq, entries: index as i64 + 1 }, *key)),
                );
                place = AuditPosition { seq: seal.seq + 1, entries: 0 };
            }
        }
        let mut bodies = self.audit_bodies(wanted.iter().map(|(_, key)| *key)).await?;
        let end = wanted.last().map_or(after, |(position, _)| *position);
        let events = wanted.into_iter().filter_map(|(position, audit_key)| {
            Some(SealedAudit { position, audit_key, body: bodies.remove(&audit_key)? })
        });
        Ok(SealedBatch { events: events.collect(), end })
    }

    /// The bodies of these rows, wherever they lie.
    pub(super) async fn audit_bodies(
        &self,
        keys: impl IntoIterator<Item = i64>,
    ) -> Result<HashMap<i64, String>, StoreError> {
        let mut by_place: HashMap<Option<Month>, Vec<i64>> = HashMap::new();
        for key in keys {
            by_place.entry(month_of_key(key)).or_default().push(key);
        }
        let mut bodies = HashMap::new();
        for (month, keys) in by_place {
            let Some(mut tx) = self.read_audit_of(month).await? else { continue };
            bodies.extend(tx.fetch_all::<(i64, String)>(&BODIES, args![keys]).await?);
        }
        Ok(bodies)
    }

    /// Takes the sending to a destination for `holder`, and tells from where on; nothing when somebody else has it. A new
    /// destination gets what is sealed from now on.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn take_audit_delivery(
        &self,
        destination: &str,
        holder: &str,
        now_ms: i64,
        lease_until_ms: i64,
    ) -> Result<Option<AuditPosition>, StoreError> {
        let (destination, holder) = (destination.to_owned(), holder.to_owned());
        let (seq, _) = self.audit_head().await?;
        self.write(move |tx| {
            let (destination, holder) = (destination.clone(), holder.clone());
            Box::pin(async move {
                tx.execute(&NEW_DESTINATION, args![destination.as_str(), seq + 1, now_ms]).await?;
                let values = args![destination, holder, now_ms, lease_until_ms];
                let taken: Option<(i64, i64)> = tx.fetch_optional(&TAKE_DELIVERY, values).await?;
                Ok(taken.map(|(seq, entries)| AuditPosition { seq, entries }))
            })
        })
        .await
    }

    /// Writes down that a destination has everything before this place. False when `holder` has lost it meanwhile.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn confirm_audit_delivery(
        &self,
        destination: &str,
        holder: &str,
        position: AuditPosition,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let (destination, holder) = (destination.to_owned(), holder.to_owned());
        self.write(move |tx| {
            let values = args![destination.as_str(), holder.as_str(), position.seq, position.entries, now_ms];
            Box::pin(async move { Ok(tx.execute(&CONFIRM_DELIVERY, values).await? > 0) })
        })
        .await
    }

    /// Lets another process send.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn let_go_audit_delivery(&self, destination: &str, holder: &str) -> Result<(), StoreError> {
        let (destination, holder) = (destination.to_owned(), holder.to_owned());
        self.write(move |tx| {
            let values = args![destination.as_str(), holder.as_str()];
            Box::pin(async move { tx.execute(&LET_GO_DELIVERY, values).await.map(drop) })
        })
        .await
    }

    /// How far every destination is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audit_deliveries(&self) -> Result<Vec<AuditDelivery>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<(String, i64, i64, i64)> = tx.fetch_all(&DELIVERIES, args![]).await?;
        let mut deliveries = Vec::with_capacity(rows.len());
        for (destination, seq, entries, confirmed_ms) in rows {
            let (bytes, oldest_ms): (i64, Option<i64>) = tx.fetch_one(&BACKLOG, args![seq]).await?;
            let sealed = u64::try_from(bytes).unwrap_or(0) / super::seal::ENTRY_BYTES as u64;
            let waiting = sealed.saturating_sub(u64::try_from(entries).unwrap_or(0));
            deliveries.push(AuditDelivery {
                destination,
                position: AuditPosition { seq, entries },
                confirmed_ms,
                waiting,
                oldest_ms: oldest_ms.filter(|_| waiting > 0),
            });
        }
        Ok(deliveries)
    }
}
