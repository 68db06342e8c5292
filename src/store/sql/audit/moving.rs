//! From a journal into the files of months: with many others at once, each exactly once.
//!
//! A month's file holds, beside its events, how far each journal was moved into it, and both change in one transaction. So what
//! is moved a second time, after an error or by another process, is passed over.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::SqlitePool;

use super::{
    AuditFiles, AuditRow, INSERT_AUDIT, WIDTH,
    files::Month,
    journal::{self, Found, Record, Written},
};
use crate::{
    model::AuditEvent,
    store::{
        StoreError,
        sql::{Args, Statement, args, tx::Tx},
    },
};

// Not in the list of all statements: their table is in the files of months alone.
static MOVED: Statement = Statement::new("MOVED", "SELECT number FROM audit_moved WHERE journal = $1");
static NOW_MOVED: Statement = Statement::new(
    "NOW_MOVED",
    "INSERT INTO audit_moved (journal, number) VALUES ($1, $2) ON CONFLICT (journal) DO UPDATE SET number = $2",
);

/// How often somebody looks whether another process has moved what it recorded, and for how long.
const LOOKS_EVERY: Duration = Duration::from_millis(3);
const LOOKS_FOR: Duration = Duration::from_secs(10);

/// Writes the files of months; keeps that of the last one open.
pub(super) struct Mover {
    files: Arc<AuditFiles>,
    open: Option<(Month, SqlitePool)>,
}

impl Mover {
    pub(super) fn new(files: Arc<AuditFiles>) -> Self {
        Self { files, open: None }
    }

    /// Moves events, which are in the order of their numbers. They are durable in their files when this returns.
    pub(super) async fn move_all(&mut self, journal: &str, records: &[Record]) -> Result<(), StoreError> {
        let mut rest = records;
        while let Some(first) = rest.first() {
            let (these, others) = rest.split_at(rest.iter().take_while(|record| record.month == first.month).count());
            if let Err(error) = self.move_of_month(first.month, journal, these).await {
                // What the connection believes after an error may not be what the file holds.
                self.close().await;
                return Err(error);
            }
            rest = others;
        }
        Ok(())
    }

    async fn move_of_month(&mut self, month: Month, journal: &str, records: &[Record]) -> Result<(), StoreError> {
        let mut tx = Tx::begin_sqlite(self.file(month).await?).await?;
        let moved = tx.fetch_optional(&MOVED, args![journal]).await?.map_or(0, |(number,): (i64,)| number);
        let new = &records[records.partition_point(|record| number_of(record.number) <= moved)..];
        let Some(last) = new.last() else { return tx.rollback().await };
        let mut values = Args::with_capacity(new.len() * WIDTH);
        // An error has them moved again.
        new.iter().for_each(|record| record.row.clone().push_to(&mut values));
        tx.insert_rows(&INSERT_AUDIT, WIDTH, values).await?;
        tx.execute(&NOW_MOVED, args![journal, number_of(last.number)]).await?;
        tx.commit().await
    }

    async fn file(&mut self, month: Month) -> Result<&SqlitePool, StoreError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != month) {
            self.close().await;
            self.open = Some((month, self.files.open_writer(month).await?));
        }
        self.open.as_ref().map(|(_, pool)| pool).ok_or(StoreError::Corrupt { what: "the open file of the audit" })
    }

    pub(super) async fn close(&mut self) {
        if let Some((_, pool)) = self.open.take() {
            pool.close().await;
        }
    }
}

impl AuditFiles {
    /// Everything that any process has recorded until now is in the files of months when this returns: those that live move
    /// it themselves, for those that have ended it is done here.
    pub(super) async fn settle(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for journal in journal::find(self.folder()).map_err(|error| unreadable(&error))? {
            // One that cannot be read does not hold up the others.
            outcome = outcome.and(self.settle_one(&journal).await);
        }
        outcome
    }

    /// Moves what ended processes have left.
    pub(super) async fn move_of_all_dead(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for journal in journal::find(self.folder()).map_err(|error| unreadable(&error))? {
            outcome = outcome.and(match journal.lock() {
                Ok(Some(_lock)) => self.move_of_the_dead(&journal).await,
                Ok(None) => Ok(()),
                Err(error) => Err(unreadable(&error)),
            });
        }
        outcome
    }

    async fn settle_one(self: &Arc<Self>, journal: &Found<'_>) -> Result<(), StoreError> {
        let failed = |error: io::Error| unreadable(&error);
        let began = Instant::now();
        let Some(last) = journal.read().map_err(failed)?.last().map(|record| record.number) else { return Ok(()) };
        while journal.moved().map_err(failed)?.is_some_and(|moved| moved < last) {
            if let Some(_lock) = journal.lock().map_err(failed)? {
                return self.move_of_the_dead(journal).await;
            }
            if began.elapsed() > LOOKS_FOR {
                let code = "another process has not moved what it recorded".to_owned();
                return Err(StoreError::Busy { statement: "journal of the audit", code });
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
        Ok(())
    }

    async fn move_of_the_dead(self: &Arc<Self>, journal: &Found<'_>) -> Result<(), StoreError> {
        // Again, now that nobody writes it.
        let written = journal.read().map_err(|error| unreadable(&error))?;
        let records = written.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
        let mut mover = Mover::new(Arc::clone(self));
        let moved = mover.move_all(&journal.name, &records).await;
        mover.close().await;
        moved?;
        journal.remove().map_err(|error| unreadable(&error))
    }
}

fn record(written: Written) -> Result<Record, StoreError> {
    let event: AuditEvent =
        serde_json::from_str(&written.body).map_err(|_| StoreError::Corrupt { what: "journal of the audit" })?;
    Ok(Record { number: written.number, month: written.month, row: AuditRow::with_body(&event, written.body) })
}

fn number_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unreadable(error: &io::Error) -> StoreError {
    StoreError::Unavailable { statement: "journal of the audit", code: error.kind().to_string() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::sql::audit::journal::Journal;

    /// 2026-11-21T08:00:00Z and eleven days later.
    const TIMES_MS: [i64; 2] = [1_795_248_000_000, 1_796_198_400_000];

    pub(in super::super) fn rows(count: i64) -> Vec<AuditRow> {
        let event = |number: i64| {
            let at = TIMES_MS[usize::from(number % 3 == 2)] + number;
            let body = format!(
                r#"{{"action":"E","event_id":{{"code":"110112","text":"","system":"DCM"}},"occurred_ms":{at},"outcome":"Success","participants":[],"trace_id":"urn:uuid:{number}"}}"#
            );
            let event: AuditEvent = serde_json::from_str(&body).expect("an event");
            AuditRow::new(&event)
        };
        (0..count).map(event).collect()
    }

    /// The bodies in the files of all months.
    pub(in super::super) async fn kept(files: &AuditFiles) -> Vec<String> {
        let mut all = Vec::new();
        for pool in files.readers_of_all().await.expect("opened") {
            let rows: Vec<(String,)> = sqlx::query_as("SELECT body FROM audit").fetch_all(&pool).await.expect("read");
            all.extend(rows.into_iter().map(|(body,)| body));
        }
        all.sort_unstable();
        all
    }

    #[tokio::test]
    async fn s_aud_50_what_a_dead_process_left_behind_is_moved_once() {
        for moved_before in [0, 1, 4, 9] {
            let folder = tempfile::tempdir().expect("a folder");
            let files = Arc::new(AuditFiles::beside(&folder.path().join("knoop.sqlite")));
            let mut journal = Journal::make(folder.path()).expect("made");
            journal.append(rows(9)).expect("written");
            let name = journal.name().to_owned();
            let mut mover = Mover::new(Arc::clone(&files));
            let taken = journal.take();
            mover.move_all(&name, &taken[..moved_before]).await.expect("moved");
            mover.move_all(&name, &taken[..moved_before]).await.expect("nothing is moved twice");
            mover.close().await;
            // The process ends.
            drop(journal);
            files.settle().await.expect("settled");
            let mut wanted: Vec<String> = rows(9).into_iter().map(|row| row.body).collect();
            wanted.sort_unstable();
            assert_eq!(kept(&files).await, wanted, "{moved_before} were moved before");
            assert!(journal::find(folder.path()).expect("listed").is_empty());
            files.settle().await.expect("settled");
            assert_eq!(kept(&files).await, wanted);
            files.close().await;
        }
    }
}
