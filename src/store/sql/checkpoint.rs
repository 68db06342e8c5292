//! Folds SQLite's log into its file, beside the writer, so that no commit waits for it.
//!
//! Source: sqlite.org/wal.html; measured in the comparison of designs that the store is built on.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::SqlitePool;
use tokio::sync::Notify;

/// Commits of this span are folded in together.
const PAUSE: Duration = Duration::from_millis(100);
/// Above this size the log is emptied and cut, which makes writers wait once.
const LARGEST_LOG_BYTES: u64 = 64 << 20;

/// Works until the pool is closed; `committed` tells of each commit.
pub(super) async fn run(pool: SqlitePool, log: PathBuf, committed: Arc<Notify>) {
    while !pool.is_closed() {
        committed.notified().await;
        tokio::time::sleep(PAUSE).await;
        let log_bytes = tokio::fs::metadata(&log).await.map(|file| file.len()).unwrap_or_default();
        let sql = if log_bytes > LARGEST_LOG_BYTES {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        } else {
            "PRAGMA wal_checkpoint(PASSIVE)"
        };
        // A checkpoint that fails loses nothing, the log only grows; the next one tries again.
        if let Err(error) = sqlx::query(sql).execute(&pool).await
            && !pool.is_closed()
        {
            let code = error.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned();
            tracing::warn!(code, log_bytes, "the log of the database could not be folded into its file");
        }
    }
}
