//! Folds SQLite's log into its file, beside the writer, so that no commit waits for it.
//!
//! A log that grows costs each flush a change of the file system's own books; one that is written anew from its start does
//! not, and its flush takes a third of the processor and of the time. So the log begins anew once it is of some size.
//!
//! Source: sqlite.org/wal.html; measured in the comparison of designs that the store is built on.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::SqlitePool;
use tokio::sync::Notify;

/// Commits of this span are folded in together.
const PAUSE: Duration = Duration::from_millis(100);
/// From this many frames, of a page each, the log begins anew.
const LOG_FRAMES: i64 = 2048;
/// Above this size the log is cut as well.
const LARGEST_LOG_BYTES: u64 = 64 << 20;
/// How long a checkpoint waits for writers and readers to let it begin the log anew. Writers wait as long as it waits for readers.
pub(super) const WAITS: Duration = Duration::from_millis(100);

/// Works until the pool is closed; `committed` tells of each commit.
pub(super) async fn run(pool: SqlitePool, log: PathBuf, committed: Arc<Notify>) {
    let mut begins_anew_at = LOG_FRAMES;
    while !pool.is_closed() {
        committed.notified().await;
        tokio::time::sleep(PAUSE).await;
        let log_bytes = tokio::fs::metadata(&log).await.map(|file| file.len()).unwrap_or_default();
        match fold(&pool, begins_anew_at, log_bytes).await {
            Ok(next) => begins_anew_at = next,
            // A checkpoint that fails loses nothing, the log only grows; the next one tries again.
            Err(error) if !pool.is_closed() => {
                let code = error.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned();
                tracing::warn!(code, log_bytes, "the log of the database could not be folded into its file");
            }
            Err(_) => {}
        }
    }
}

/// Folds in what it can without anybody waiting, then has the log begin anew where it is large. Tells at how many frames that
/// is next: later, while somebody reads for so long that it cannot be done.
async fn fold(pool: &SqlitePool, begins_anew_at: i64, log_bytes: u64) -> sqlx::Result<i64> {
    let (_, frames) = checkpoint(pool, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    if frames < begins_anew_at {
        return Ok(if frames < LOG_FRAMES { LOG_FRAMES } else { begins_anew_at });
    }
    let anew = if log_bytes > LARGEST_LOG_BYTES {
        "PRAGMA wal_checkpoint(TRUNCATE)"
    } else {
        "PRAGMA wal_checkpoint(RESTART)"
    };
    let (is_held_up, _) = checkpoint(pool, anew).await?;
    Ok(if is_held_up { frames.saturating_mul(2) } else { LOG_FRAMES })
}

/// Whether somebody held it up, and the frames of the log.
async fn checkpoint(pool: &SqlitePool, sql: &'static str) -> sqlx::Result<(bool, i64)> {
    let (is_held_up, frames, _folded): (bool, i64, i64) = sqlx::query_as(sql).fetch_one(pool).await?;
    Ok((is_held_up, frames))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    use super::*;

    /// Three connections to a new database.
    async fn connections(folder: &std::path::Path) -> [SqlitePool; 3] {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("a.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_millis(1))
            .pragma("wal_autocheckpoint", "0");
        let mut all = Vec::new();
        for _ in 0..3 {
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await;
            all.push(pool.expect("opened"));
        }
        sqlx::query("CREATE TABLE t (a BLOB)").execute(&all[0]).await.expect("made");
        all.try_into().expect("three")
    }

    async fn write(pool: &SqlitePool, pages: i64) {
        sqlx::query("INSERT INTO t VALUES (zeroblob($1 * 4096))").bind(pages).execute(pool).await.expect("written");
    }

    #[tokio::test]
    async fn a_large_log_begins_anew_and_keeps_its_place_on_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let [writer, folder_in, reader] = connections(folder.path()).await;
        let log = || std::fs::metadata(folder.path().join("a.sqlite-wal")).expect("a log").len();
        write(&writer, LOG_FRAMES).await;
        let full = log();
        assert_eq!(fold(&folder_in, LOG_FRAMES, full).await.expect("folded"), LOG_FRAMES);
        write(&writer, 100).await;
        assert_eq!(log(), full, "the second write lies where the first lay");
        // Who reads keeps the log as it is: it is not tried again before it is twice as large.
        let mut read = reader.begin().await.expect("begun");
        let _rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut *read).await.expect("read");
        write(&writer, LOG_FRAMES).await;
        let later = fold(&folder_in, LOG_FRAMES, full).await.expect("folded");
        assert!(later > 2 * LOG_FRAMES, "{later}");
        read.rollback().await.expect("ended");
        assert_eq!(fold(&folder_in, later, full).await.expect("folded"), later, "not large enough yet");
        write(&writer, later).await;
        assert_eq!(fold(&folder_in, later, LARGEST_LOG_BYTES + 1).await.expect("folded"), LOG_FRAMES);
        assert_eq!(log(), 0, "a log that became too large is cut");
    }
}
