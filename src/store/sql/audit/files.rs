//! The files of reads beside a SQLite database, one a month.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::journal::random_name;
use crate::store::{
    StoreError,
    sql::{ReadTx, dialect::Dialect, export::vacuum_into, tx::read_error},
};

/// Keys of a month begin at this multiple of it; see the migration.
pub(super) const KEYS_OF_A_MONTH: i64 = 1_000_000_000_000;
/// Keys of the files of reads begin here, so that they never meet those of the database.
pub(super) const FIRST_KEY_OF_A_FILE: i64 = KEYS_OF_A_MONTH / 2;

/// In one of so many rounds of sealing all months are looked at.
const ROUNDS: u32 = 64;

/// A month as a number, `202611`.
pub(super) type Month = i64;

/// The month in which a time lies, UTC.
pub(super) fn month_of(time_ms: i64) -> Month {
    let time = jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
    let date = time.to_zoned(jiff::tz::TimeZone::UTC).date();
    i64::from(date.year()) * 100 + i64::from(date.month())
}

/// The file in which the row with this key lies; nothing if it lies in the database itself.
pub(super) fn month_of_key(key: i64) -> Option<Month> {
    (key % KEYS_OF_A_MONTH >= FIRST_KEY_OF_A_FILE).then_some(key / KEYS_OF_A_MONTH)
}

fn failed(error: sqlx::Error) -> StoreError {
    read_error(Dialect::Sqlite, "open of the audit", &error)
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrated = sqlx::migrate!("migrations/audit").run(pool).await;
    migrated.map_err(|error| StoreError::Migration(error.to_string()))
}

/// Makes the file of a month, with its tables and the keys that its rows will have, and closes it.
async fn make(path: &Path, month: Month) -> Result<(), StoreError> {
    let options = options(path).create_if_missing(true).synchronous(SqliteSynchronous::Full);
    let pool = pool().connect_with(options).await.map_err(failed)?;
    migrate(&pool).await?;
    sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('audit', $1)")
        .bind(month * KEYS_OF_A_MONTH + FIRST_KEY_OF_A_FILE - 1)
        .execute(&pool)
        .await
        .map_err(failed)?;
    pool.close().await;
    Ok(())
}

/// The folder of the files, and connections that read them.
pub(in crate::store::sql) struct AuditFiles {
    folder: PathBuf,
    readers: Mutex<BTreeMap<Month, SqlitePool>>,
    rounds: AtomicU32,
}

impl AuditFiles {
    /// Those beside this database.
    pub(in crate::store::sql) fn beside(database: &Path) -> Self {
        let folder = database.parent().unwrap_or_else(|| Path::new("")).to_owned();
        Self { folder, readers: Mutex::default(), rounds: AtomicU32::default() }
    }

    /// Where the files lie.
    pub(super) fn folder(&self) -> &Path {
        if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder }
    }

    pub(super) fn path(&self, month: Month) -> PathBuf {
        self.folder.join(format!("audit-{:04}-{:02}.sqlite", month / 100, month % 100))
    }

    /// The months that have a file, in their order.
    pub(super) fn months(&self) -> Result<Vec<Month>, StoreError> {
        let entries = std::fs::read_dir(self.folder()).map_err(|error| unreadable(&error))?;
        let mut months: Vec<Month> = entries
            .filter_map(|entry| month_of_name(entry.ok()?.file_name().to_str()?))
            .filter(|month| self.path(*month).exists())
            .collect();
        months.sort_unstable();
        Ok(months)
    }

    /// Whether this round of sealing is the first, or one of every so many, in which no month is passed over.
    pub(super) fn looks_at_all(&self) -> bool {
        self.rounds.fetch_add(1, Ordering::Relaxed).is_multiple_of(ROUNDS)
    }

    /// The connection that writes a month's file, which is made when it is not there. Whoever lists the months sees it
    /// when it is whole.
    pub(super) async fn open_writer(&self, month: Month) -> Result<SqlitePool, StoreError> {
        let path = self.path(month);
        if !path.exists() {
            // Two tasks or processes may come to a new month at once: each makes its own, the first one stays.
            let name = random_name().map_err(|error| unreadable(&error))?;
            let beside = path.with_extension(format!("{name}.new"));
            make(&beside, month).await?;
            match std::fs::hard_link(&beside, &path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(unreadable(&error)),
                _ => {}
            }
            std::fs::remove_file(&beside).map_err(|error| unreadable(&error))?;
            std::fs::File::open(self.folder()).and_then(|it| it.sync_all()).map_err(|error| unreadable(&error))?;
        }
        let options = options(&path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = pool().connect_with(options).await.map_err(failed)?;
        migrate(&pool).await?;
        Ok(pool)
    }

    /// A snapshot of a month's file.
    pub(super) async fn read(&self, month: Month) -> Result<ReadTx, StoreError> {
        ReadTx::begin_sqlite(&self.reader(month).await?).await
    }

    async fn reader(&self, month: Month) -> Result<SqlitePool, StoreError> {
        if let Some(pool) = self.readers().get(&month) {
            return Ok(pool.clone());
        }
        let opened = pool().connect_with(options(&self.path(month)).pragma("query_only", "ON")).await;
        let opened = opened.map_err(|error| read_error(Dialect::Sqlite, "open of the audit", &error))?;
        self.readers().insert(month, opened.clone());
        Ok(opened)
    }

    /// Removes a month's file and its log.
    pub(super) async fn remove(&self, month: Month) -> Result<(), StoreError> {
        let reader = self.readers().remove(&month);
        if let Some(reader) = reader {
            reader.close().await;
        }
        for end in ["", "-wal", "-shm"] {
            let mut path = self.path(month).into_os_string();
            path.push(end);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unreadable(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Copies every month's file as it is now into the folder of another database.
    pub(in crate::store::sql) async fn export(&self, to: &Self) -> Result<(), StoreError> {
        for month in self.months()? {
            vacuum_into(&self.reader(month).await?.connect_options(), &to.path(month)).await?;
        }
        Ok(())
    }

    /// Connections to the files of all months.
    pub(in crate::store::sql) async fn readers_of_all(&self) -> Result<Vec<SqlitePool>, StoreError> {
        let mut all = Vec::new();
        for month in self.months()? {
            all.push(self.reader(month).await?);
        }
        Ok(all)
    }

    /// Closes all connections that read.
    pub(in crate::store::sql) async fn close(&self) {
        let open: Vec<SqlitePool> = std::mem::take(&mut *self.readers()).into_values().collect();
        for pool in open {
            pool.close().await;
        }
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, BTreeMap<Month, SqlitePool>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of reads in a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn audit_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let name = |path: &PathBuf| month_of_name(path.file_name()?.to_str()?);
    Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| name(path).is_some()).collect())
}

fn month_of_name(name: &str) -> Option<Month> {
    let (year, month) = name.strip_prefix("audit-")?.strip_suffix(".sqlite")?.split_once('-')?;
    (year.len() == 4 && month.len() == 2).then(|| Some(year.parse::<i64>().ok()? * 100 + month.parse::<i64>().ok()?))?
}

fn unreadable(error: &std::io::Error) -> StoreError {
    StoreError::Unavailable { statement: "files of the audit", code: error.kind().to_string() }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-2048")
        .disable_statement_logging()
}

fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None).test_before_acquire(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_where_its_row_lies() {
        assert_eq!(month_of(1_795_248_000_123), 202_611);
        assert_eq!(month_of_key(17), None, "a row of a SQLite database");
        assert_eq!(month_of_key(202_611 * KEYS_OF_A_MONTH + 17), None, "a row of PostgreSQL");
        assert_eq!(month_of_key(202_611 * KEYS_OF_A_MONTH + FIRST_KEY_OF_A_FILE), Some(202_611));
        assert_eq!(month_of_name("audit-2026-11.sqlite"), Some(202_611));
        for other in ["audit-2026-11.sqlite-wal", "audit-heads.log", "knoop.sqlite", "audit-26-11.sqlite"] {
            assert_eq!(month_of_name(other), None, "{other}");
        }
    }
}
