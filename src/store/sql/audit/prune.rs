//! Removing months that were kept long enough. Seals stay, so the chain still verifies. Source: S-AUD-64.

use super::files::{Month, month_of};
use crate::store::{
    StoreError,
    sql::{Store, Tx, args, statements},
};

statements! {
    PRUNABLE = "SELECT COUNT(*) FROM audit WHERE occurred_ms >= $1 AND occurred_ms < $2";
    PRUNE_VALUES = "DELETE FROM audit_value WHERE audit_key IN \
        (SELECT a.audit_key FROM audit a WHERE a.occurred_ms >= $1 AND a.occurred_ms < $2)";
    PRUNE_ROWS = "DELETE FROM audit WHERE occurred_ms >= $1 AND occurred_ms < $2";
    OLDEST = "SELECT MIN(occurred_ms) FROM audit";
    ALLOW_ROWS = "{allow_removal audit}";
    ALLOW_VALUES = "{allow_removal audit_value}";
    REFUSE_ROWS = "{refuse_removal audit}";
    REFUSE_VALUES = "{refuse_removal audit_value}";
    WAITS_FOR_SEAL = "SELECT COUNT(*) FROM audit_unsealed u JOIN audit a ON a.audit_key = u.audit_key \
        WHERE a.occurred_ms < $1";
    FILE_ROWS = "SELECT COUNT(*), COALESCE(MAX(audit_key), 0) FROM audit";
    FILE_SEALED = "SELECT sealed_key FROM audit_file WHERE month = $1";
    WAITS_FOR_DELIVERY = "SELECT COUNT(*) FROM audit_delivery d JOIN audit_seal s ON s.seq >= d.seq \
        WHERE s.sealed_ms < $1 AND d.destination {in_texts $2}";
    MARK_PRUNED = "INSERT INTO audit_pruned (month, pruned_ms, entries) VALUES ($1, $2, $3) \
        ON CONFLICT (month) DO UPDATE SET entries = audit_pruned.entries + $3";
}

/// A month that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrunedMonth {
    /// As a number, `202011`.
    pub month: i64,
    /// Its rows.
    pub entries: u64,
}

/// Why nothing was removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PruneError {
    /// The database or a file of reads.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rows of that time are in no seal.
    #[error("rows of that time are in no seal yet; start the server once, or look with knoop audit verify")]
    Unsealed,
    /// Rows of that time were not delivered.
    #[error("events of that time wait to be delivered to an audit repository")]
    Undelivered,
}

/// The first millisecond of which nothing is removed by [`Store::prune_audit`] with the same arguments.
pub fn audit_kept_since(years: i64, now_ms: i64) -> i64 {
    start_of(months_before(last_removed(years, now_ms), -1))
}

fn last_removed(years: i64, now_ms: i64) -> Month {
    months_before(month_of(now_ms), years * 12 + 1)
}

impl Store {
    /// Removes the rows of all whole months that ended more than `years` ago. What waits for one of these `destinations` is kept;
    /// one that is no longer configured keeps nothing.
    ///
    /// # Errors
    /// [`PruneError`]; months before the one at which it stopped are removed.
    pub async fn prune_audit(
        &self,
        years: i64,
        now_ms: i64,
        destinations: &[String],
    ) -> Result<Vec<PrunedMonth>, PruneError> {
        self.settle_audit().await?;
        let mut pruned = Vec::new();
        let last = last_removed(years, now_ms);
        let mut tx = self.read_at_leisure().await?;
        let (oldest,): (Option<i64>,) = tx.fetch_one(&OLDEST, args![]).await?;
        let mut months: Vec<Month> = Vec::new();
        if let Some(oldest) = oldest {
            let mut month = month_of(oldest);
            while month <= last {
                months.push(month);
                month = months_before(month, -1);
            }
        }
        if let Some(files) = &self.inner.audit_files {
            months.extend(files.months()?.into_iter().filter(|month| *month <= last));
        }
        months.sort_unstable();
        months.dedup();
        if months.is_empty() {
            return Ok(pruned);
        }
        let end = audit_kept_since(years, now_ms);
        let (unsealed,): (i64,) = tx.fetch_one(&WAITS_FOR_SEAL, args![end]).await?;
        let (undelivered,): (i64,) = tx.fetch_one(&WAITS_FOR_DELIVERY, args![end, destinations.to_vec()]).await?;
        drop(tx);
        match (unsealed, undelivered) {
            (0, 0) => {}
            (0, _) => return Err(PruneError::Undelivered),
            _ => return Err(PruneError::Unsealed),
        }
        for month in months {
            let entries = self.prune_month(month, now_ms).await?;
            if entries > 0 {
                pruned.push(PrunedMonth { month, entries });
            }
        }
        Ok(pruned)
    }

    async fn prune_month(&self, month: Month, now_ms: i64) -> Result<u64, PruneError> {
        let in_file = self.rows_of_file(month).await?;
        let (from, to) = (start_of(month), start_of(months_before(month, -1)));
        let removed =
            self.write(move |tx| Box::pin(async move { tx.prune(month, from, to, in_file, now_ms).await })).await?;
        if let Some(files) = &self.inner.audit_files {
            files.remove(month).await?;
        }
        Ok(removed)
    }

    /// Rows of a month's file, which must all be sealed.
    async fn rows_of_file(&self, month: Month) -> Result<i64, PruneError> {
        let Some(files) = self.inner.audit_files.as_ref().filter(|files| files.path(month).exists()) else {
            return Ok(0);
        };
        let (rows, last): (i64, i64) = files.read(month).await?.fetch_one(&FILE_ROWS, args![]).await?;
        let sealed: Option<(i64,)> = self.read().await?.fetch_optional(&FILE_SEALED, args![month]).await?;
        if last > sealed.map_or(0, |(key,)| key) { Err(PruneError::Unsealed) } else { Ok(rows) }
    }
}

impl Tx {
    async fn prune(
        &mut self,
        month: Month,
        from_ms: i64,
        to_ms: i64,
        in_file: i64,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        let (here,): (i64,) = self.fetch_one(&PRUNABLE, args![from_ms, to_ms]).await?;
        if here > 0 {
            self.execute(&ALLOW_VALUES, args![]).await?;
            self.execute(&ALLOW_ROWS, args![]).await?;
            self.execute(&PRUNE_VALUES, args![from_ms, to_ms]).await?;
            self.execute(&PRUNE_ROWS, args![from_ms, to_ms]).await?;
            self.execute(&REFUSE_ROWS, args![]).await?;
            self.execute(&REFUSE_VALUES, args![]).await?;
        }
        if here + in_file > 0 {
            self.execute(&MARK_PRUNED, args![month, now_ms, here + in_file]).await?;
        }
        Ok(u64::try_from(here + in_file).unwrap_or_default())
    }
}

/// The month so many months earlier.
fn months_before(month: Month, count: i64) -> Month {
    let months = month / 100 * 12 + month % 100 - 1 - count;
    months.div_euclid(12) * 100 + months.rem_euclid(12) + 1
}

/// Its first millisecond, UTC.
fn start_of(month: Month) -> i64 {
    let (year, month) = (i16::try_from(month / 100).unwrap_or_default(), i8::try_from(month % 100).unwrap_or(1));
    let start = jiff::civil::Date::new(year, month, 1).and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC));
    start.map_or(0, |start| start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_over_the_years() {
        assert_eq!(months_before(202_601, 1), 202_512);
        assert_eq!(months_before(202_512, -1), 202_601);
        assert_eq!(months_before(202_611, 61), 202_110);
        assert_eq!(month_of(start_of(202_611)), 202_611);
        assert_eq!(month_of(start_of(202_611) - 1), 202_610);
    }
}
