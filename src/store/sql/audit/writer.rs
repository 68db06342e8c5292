//! Who records what belongs to no change: one writer with a group commit of its own, beside the writer of the registry.
//!
//! On SQLite it is a thread with a journal, from which a task moves everything into the file of its month; on PostgreSQL a task
//! that inserts into the table.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc as std_mpsc,
};

use sqlx::PgPool;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::{Duration, sleep},
};

use super::{
    AuditFiles, AuditRow, INSERT_AUDIT, WIDTH,
    journal::{Journal, Record},
    moving::{Mover, unreadable},
};
use crate::store::{
    StoreError,
    sql::{
        Args,
        tx::{Alone, Tx},
    },
};

/// Rows of one commit.
const BATCH_ROWS: usize = 64;
/// Callers that may wait in the queue; more wait outside.
const WAITING: u32 = 256;
/// What is recorded within this time is moved together.
const GATHERS: Duration = Duration::from_millis(20);
/// How long after an error it is tried again.
const TRIES_AGAIN: Duration = Duration::from_secs(1);

/// The way to the writer.
pub(in crate::store::sql) struct AuditWriter {
    places: Arc<Semaphore>,
    way: std::sync::Mutex<Option<Way>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Where rows are handed over.
#[derive(Clone)]
enum Way {
    Journal { queue: std_mpsc::Sender<Item>, words: mpsc::UnboundedSender<Word> },
    Postgres(mpsc::UnboundedSender<Item>),
}

/// What one caller records.
struct Item {
    rows: Vec<AuditRow>,
    waits: Waits,
}

/// A caller, and its place in the queue.
struct Waits {
    reply: Reply,
    _place: OwnedSemaphorePermit,
}

/// What shares a commit.
struct Batch {
    rows: Vec<AuditRow>,
    waiting: Vec<Waits>,
}

impl Batch {
    /// The first, and those that `next` has ready.
    fn gather(first: Item, mut next: impl FnMut() -> Option<Item>) -> Self {
        let mut batch = Self { rows: first.rows, waiting: vec![first.waits] };
        while batch.rows.len() < BATCH_ROWS
            && let Some(mut item) = next()
        {
            batch.rows.append(&mut item.rows);
            batch.waiting.push(item.waits);
        }
        batch
    }
}

/// Tells all who wait how it went.
fn answer(waiting: Vec<Waits>, outcome: &Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::error!(%error, requests = waiting.len(), "the audit could not be written; these requests fail");
    }
    for waits in waiting {
        // A caller that went away is no concern of the writer's.
        let _gone = waits.reply.send(outcome.clone());
    }
}

type Reply = oneshot::Sender<Result<(), StoreError>>;

/// What the task that moves is told.
enum Word {
    /// Something was recorded.
    Recorded,
    /// Somebody waits until everything that was recorded before is moved.
    Settle(Reply),
}

impl AuditWriter {
    /// For the files of months. The thread begins here, the journal with the first row.
    pub(in crate::store::sql) fn sqlite(files: Arc<AuditFiles>) -> Result<Self, StoreError> {
        let (queue, waiting) = std_mpsc::channel();
        let (words, heard) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk { files, journal: Mutex::default(), is_told: false.into(), is_stuck: false.into() });
        let recorder = Recorder { desk: Arc::clone(&desk), words: words.clone() };
        std::thread::Builder::new()
            .name("knoop-audit".to_owned())
            .spawn(move || recorder.run(&waiting))
            .map_err(|error| unreadable(&error))?;
        let task = tokio::spawn(async move { desk.move_until_all_have_gone(heard).await });
        Ok(Self::new(Way::Journal { queue, words }, task))
    }

    /// For the table. The connections that write belong to the runtime that opened the store, as this task does.
    pub(in crate::store::sql) fn postgres(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let task = tokio::spawn(insert_batches(pool, waiting));
        Self::new(Way::Postgres(queue), task)
    }

    fn new(way: Way, task: JoinHandle<()>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(WAITING as usize)),
            way: std::sync::Mutex::new(Some(way)),
            task: Mutex::new(Some(task)),
        }
    }

    /// Hands rows over and waits until they are durable.
    pub(super) async fn record(&self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let item = Item { rows, waits: Waits { reply, _place: place } };
        match self.way().ok_or_else(closed)? {
            Way::Journal { queue, .. } => queue.send(item).map_err(|_| closed())?,
            Way::Postgres(queue) => queue.send(item).map_err(|_| closed())?,
        }
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until everything that was recorded before is where it is looked for.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let Some(Way::Journal { words, .. }) = self.way() else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        words.send(Word::Settle(reply)).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    fn way(&self) -> Option<Way> {
        self.way.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Takes no more rows, waits until what was handed over lies where it belongs.
    pub(in crate::store::sql) async fn close(&self) {
        // An error means that it is closed already.
        let _nobody_waits = self.places.acquire_many(WAITING).await;
        self.places.close();
        drop(self.way.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        if let Some(task) = self.task.lock().await.take() {
            // A task that panicked left its rows in the journal.
            let _ended = task.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable { statement: "audit", code: "closed".to_owned() }
}

/// What the thread that records and the task that moves share.
struct Desk {
    files: Arc<AuditFiles>,
    journal: Mutex<Option<Journal>>,
    /// The task knows that there is something to be moved.
    is_told: AtomicBool,
    /// What was recorded could not be moved, and is tried again. Until then nothing is taken.
    is_stuck: AtomicBool,
}

/// The thread that writes the journal: a flush blocks, so it is nobody else's.
struct Recorder {
    desk: Arc<Desk>,
    words: mpsc::UnboundedSender<Word>,
}

impl Recorder {
    /// Records until all senders are gone; what waits at the same time shares a flush.
    fn run(&self, waiting: &std_mpsc::Receiver<Item>) {
        while let Ok(first) = waiting.recv() {
            let batch = Batch::gather(first, || waiting.try_recv().ok());
            answer(batch.waiting, &self.append(batch.rows));
        }
    }

    fn append(&self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        if self.words.is_closed() {
            return Err(closed());
        }
        if self.desk.is_stuck.load(Ordering::Acquire) {
            self.tell();
            let code = "what was recorded before cannot be moved".to_owned();
            return Err(StoreError::Unavailable { statement: "journal of the audit", code });
        }
        let mut journal = self.desk.journal.blocking_lock();
        let journal = match &mut *journal {
            Some(journal) => journal,
            none => none.insert(Journal::make(self.desk.files.folder()).map_err(|error| unreadable(&error))?),
        };
        journal.append(rows).map_err(|error| unreadable(&error))?;
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        if !self.desk.is_told.swap(true, Ordering::AcqRel) {
            // The task goes with the store; then the next process moves what is here.
            let _gone = self.words.send(Word::Recorded);
        }
    }
}

impl Desk {
    /// Moves what is recorded until nobody records any more, and removes the journal then.
    async fn move_until_all_have_gone(&self, mut words: mpsc::UnboundedReceiver<Word>) {
        let mut moving = Moving { mover: Mover::new(Arc::clone(&self.files)), unmoved: Vec::new(), is_first: true };
        while let Some(word) = self.next_word(&mut words).await {
            let mut asking = Vec::new();
            match word {
                Word::Settle(reply) => asking.push(reply),
                Word::Recorded => gather(&mut words, &mut asking).await,
            }
            while let Ok(word) = words.try_recv() {
                if let Word::Settle(reply) = word {
                    asking.push(reply);
                }
            }
            let outcome = self.move_now(&mut moving).await;
            asking.into_iter().for_each(|reply| drop(reply.send(outcome.clone())));
        }
        let moved = self.move_now(&mut moving).await;
        moving.mover.close().await;
        if let (Ok(()), Some(journal)) = (moved, self.journal.lock().await.take())
            && let Err(error) = journal.remove()
        {
            tracing::warn!(code = %error.kind(), "the journal of the audit is empty and could not be removed");
        }
    }

    /// After an error the next word comes by itself.
    async fn next_word(&self, words: &mut mpsc::UnboundedReceiver<Word>) -> Option<Word> {
        if !self.is_stuck.load(Ordering::Acquire) {
            return words.recv().await;
        }
        tokio::select! {
            word = words.recv() => word,
            () = sleep(TRIES_AGAIN) => Some(Word::Recorded),
        }
    }

    /// Moves everything that was recorded before.
    async fn move_now(&self, moving: &mut Moving) -> Result<(), StoreError> {
        self.is_told.store(false, Ordering::Release);
        if std::mem::take(&mut moving.is_first)
            && let Err(error) = self.files.move_of_all_dead().await
        {
            tracing::error!(%error, "what an earlier process recorded could not be moved to its month");
        }
        if !moving.unmoved.is_empty() {
            // What was recorded beside the attempt that failed comes after it.
            self.move_taken(moving).await?;
        }
        self.move_taken(moving).await
    }

    /// Moves what was taken before, or else what waits in the journal.
    async fn move_taken(&self, moving: &mut Moving) -> Result<(), StoreError> {
        let name = {
            let mut journal = self.journal.lock().await;
            let Some(journal) = &mut *journal else { return Ok(()) };
            if moving.unmoved.is_empty() {
                moving.unmoved = journal.take();
            }
            journal.name().to_owned()
        };
        let moved = moving.mover.move_all(&name, &moving.unmoved).await;
        match &moved {
            Ok(()) => self.is_moved(std::mem::take(&mut moving.unmoved)).await,
            Err(error) if !self.is_stuck.load(Ordering::Acquire) => {
                tracing::error!(%error, "the audit cannot be moved to its month; requests fail until it can");
            }
            Err(_) => {}
        }
        self.is_stuck.store(moved.is_err(), Ordering::Release);
        moved
    }

    async fn is_moved(&self, records: Vec<Record>) {
        if let (Some(journal), Some(last)) = (&*self.journal.lock().await, records.last())
            && let Err(error) = journal.is_moved(last.number)
        {
            tracing::warn!(code = %error.kind(), "the journal of the audit could not be marked as moved");
        }
    }
}

/// What the task that moves has in hand.
struct Moving {
    mover: Mover,
    /// Taken from the journal, which keeps it until it is moved.
    unmoved: Vec<Record>,
    is_first: bool,
}

/// Waits for more to be moved with what was recorded, but not while somebody waits for that.
async fn gather(words: &mut mpsc::UnboundedReceiver<Word>, asking: &mut Vec<Reply>) {
    let until = sleep(GATHERS);
    tokio::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => return,
            word = words.recv() => match word {
                Some(Word::Recorded) => {}
                Some(Word::Settle(reply)) => {
                    asking.push(reply);
                    return;
                }
                None => return,
            },
        }
    }
}

/// Inserts until all senders are gone; what waits at the same time shares a commit.
async fn insert_batches(pool: PgPool, mut waiting: mpsc::UnboundedReceiver<Item>) {
    while let Some(first) = waiting.recv().await {
        let batch = Batch::gather(first, || waiting.try_recv().ok());
        answer(batch.waiting, &insert(&pool, batch.rows).await);
    }
}

async fn insert(pool: &PgPool, rows: Vec<AuditRow>) -> Result<(), StoreError> {
    let count = rows.len();
    if !INSERT_AUDIT.takes_at_once(count) {
        let mut tx = Tx::begin_postgres(pool).await?;
        tx.insert_audit_rows(rows).await?;
        return tx.commit().await;
    }
    let mut values = Args::with_capacity(count * WIDTH);
    rows.into_iter().for_each(|row| row.push_to(&mut values));
    Alone(pool.clone()).insert(&INSERT_AUDIT, count, values).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::audit::moving::tests::{kept, rows};

    /// The file of the month is held by somebody else, and events are recorded meanwhile.
    #[tokio::test]
    async fn s_aud_50_what_is_recorded_beside_an_attempt_that_fails_is_moved_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Arc::new(AuditFiles::beside(&folder.path().join("knoop.sqlite")));
        let desk = Desk {
            files: Arc::clone(&files),
            journal: Mutex::new(Some(Journal::make(folder.path()).expect("made"))),
            is_told: false.into(),
            is_stuck: false.into(),
        };
        let mut moving = Moving { mover: Mover::new(Arc::clone(&files)), unmoved: Vec::new(), is_first: true };
        let all = rows(7);
        let append = async |rows: &[AuditRow]| {
            let mut journal = desk.journal.lock().await;
            journal.as_mut().expect("there").append(rows.to_vec()).expect("written");
        };
        append(&all[..3]).await;
        // What an attempt that failed has in hand.
        moving.unmoved = desk.journal.lock().await.as_mut().expect("there").take();
        append(&all[3..]).await;
        desk.move_now(&mut moving).await.expect("moved");
        moving.mover.close().await;
        let mut wanted: Vec<String> = all.into_iter().map(|row| row.body).collect();
        wanted.sort_unstable();
        assert_eq!(kept(&files).await, wanted);
        files.close().await;
    }
}
