//! Between the callers that record on SQLite and the files of months: a thread writes the journal, a task moves what is in it.
//!
//! Source: docs/adr/0007.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc as std_mpsc,
};

use tokio::{
    sync::{Mutex, mpsc},
    time::{Duration, sleep},
};

use super::{
    AuditFiles, AuditRow,
    journal::{Journal, Record},
    moving::{Mover, unreadable},
    writer::{Batch, Item, Reply, answer, closed},
};
use crate::store::StoreError;

/// What is recorded within this time is moved together.
const GATHERS: Duration = Duration::from_millis(20);
/// How long after an error it is tried again.
const TRIES_AGAIN: Duration = Duration::from_secs(1);

/// What the task that moves is told.
pub(super) enum Word {
    /// Something was recorded.
    Recorded,
    /// Somebody waits until everything that was recorded before is moved.
    Settle(Reply),
}

/// What the thread that records and the task that moves share.
pub(super) struct Desk {
    files: Arc<AuditFiles>,
    journal: Mutex<Option<Journal>>,
    /// The task knows that there is something to be moved.
    is_told: AtomicBool,
    /// What was recorded could not be moved, and is tried again. Until then nothing is taken.
    is_stuck: AtomicBool,
}

/// The thread that writes the journal: a flush blocks, so it is nobody else's.
pub(super) struct Recorder {
    desk: Arc<Desk>,
    words: mpsc::UnboundedSender<Word>,
}

impl Recorder {
    pub(super) fn new(desk: Arc<Desk>, words: mpsc::UnboundedSender<Word>) -> Self {
        Self { desk, words }
    }

    /// Records until all senders are gone; what waits at the same time shares a flush.
    pub(super) fn run(&self, waiting: &std_mpsc::Receiver<Item>) {
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
    pub(super) fn new(files: Arc<AuditFiles>) -> Self {
        Self { files, journal: Mutex::default(), is_told: false.into(), is_stuck: false.into() }
    }

    /// Moves what is recorded until nobody records any more, and removes the journal then.
    pub(super) async fn move_until_all_have_gone(&self, mut words: mpsc::UnboundedReceiver<Word>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::audit::moving::tests::{kept, rows};

    /// The file of the month is held by somebody else, and events are recorded meanwhile.
    #[tokio::test]
    async fn s_aud_50_what_is_recorded_beside_an_attempt_that_fails_is_moved_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Arc::new(AuditFiles::beside(&folder.path().join("knoop.sqlite")));
        let desk = Desk::new(Arc::clone(&files));
        *desk.journal.lock().await = Some(Journal::make(folder.path()).expect("made"));
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
