//! What a process has recorded and not yet moved into a month's file: two files that are written in turn.
//!
//! A commit of SQLite writes whole pages of the table and of each index. Here an event is written in one piece, into octets that
//! the file has already, so that a flush changes no books of the file system. What was written in one turn is moved while the
//! next is written. The files carry a lock as long as their process lives; what a dead one left behind is moved by the next that
//! looks.
//!
//! A file begins with the number up to which everything is moved (in the first file; the other has nought there). A record is its
//! length and CRC-32, its number, its month, and the event's canonical form; numbers only grow, so that a record of an earlier
//! lap ends the reading. Source: docs/adr/0007.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use super::{
    files::{Month, month_of},
    row::AuditRow,
};

/// Octets of the number at the start of a file.
const START: u64 = 8;
/// Length and CRC-32, which covers all that follows: number, month, event.
const HEAD_BYTES: usize = 8;
const NUMBER_BYTES: usize = 8;
const MONTH_BYTES: usize = 4;
/// A file is of this size when it is made.
const FIRST_BYTES: u64 = 64 << 10;
/// No turn is longer: as much may wait to be moved, or twice that for a moment.
const LARGEST_BYTES: u64 = 8 << 20;
const PREFIX: &str = "audit-journal-";
/// The file that carries the lock.
const FIRST: &str = "a";
const SECOND: &str = "b";
/// The first, until it has its lock.
const NOT_YET: &str = "new";

/// An event that is in the journal.
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) month: Month,
    pub(super) row: AuditRow,
}

/// The journal of this process.
pub(super) struct Journal {
    name: String,
    turns: [Turn; 2],
    /// Which of the two is written.
    now: usize,
    last: u64,
    unmoved: Vec<Record>,
    octets: Vec<u8>,
}

struct Turn {
    path: PathBuf,
    file: File,
    end: u64,
    bytes: u64,
}

impl Journal {
    /// Makes one in this folder.
    pub(super) fn make(folder: &Path) -> io::Result<Self> {
        let name = random_name()?;
        let turns = Self::make_turns(folder, &name).inspect_err(|_| {
            for end in [NOT_YET, FIRST, SECOND] {
                // Where it cannot be made there may be nothing to remove.
                let _gone = fs::remove_file(path_of(folder, &name, end));
            }
        })?;
        Ok(Self { name, turns, now: 0, last: 0, unmoved: Vec::new(), octets: Vec::new() })
    }

    fn make_turns(folder: &Path, name: &str) -> io::Result<[Turn; 2]> {
        let second = Turn::make(folder, path_of(folder, name, SECOND))?;
        // Whoever lists the folder sees the first file with its lock.
        let mut first = Turn::make(folder, path_of(folder, name, NOT_YET))?;
        first.file.lock()?;
        let path = path_of(folder, name, FIRST);
        fs::rename(&first.path, &path)?;
        first.path = path;
        File::open(folder)?.sync_all()?;
        Ok([first, second])
    }

    /// What its place is called in the files of months.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes events down. They are durable when this returns; on an error none of them counts.
    pub(super) fn append(&mut self, rows: Vec<AuditRow>) -> io::Result<()> {
        self.octets.clear();
        let records: Vec<Record> = rows
            .into_iter()
            .map(|row| {
                self.last += 1;
                Record { number: self.last, month: month_of(row.occurred_ms), row }
            })
            .collect();
        records.iter().for_each(|record| write(&mut self.octets, record));
        self.turns[self.now].append(&self.octets)?;
        self.unmoved.extend(records);
        Ok(())
    }

    /// What was written since the last call, which must be moved by now: its file is written anew from here on.
    pub(super) fn take(&mut self) -> Vec<Record> {
        if !self.unmoved.is_empty() {
            self.now ^= 1;
            self.turns[self.now].end = START;
        }
        std::mem::take(&mut self.unmoved)
    }

    /// Notes for other processes that everything up to this number is moved. Not flushed: what is lost is moved again, and then
    /// passed over.
    pub(super) fn is_moved(&self, number: u64) -> io::Result<()> {
        self.turns[0].file.write_all_at(&number.to_le_bytes(), 0)
    }

    /// Removes the files, whose events must all be moved.
    pub(super) fn remove(self) -> io::Result<()> {
        let [first, second] = &self.turns;
        fs::remove_file(&second.path)?;
        fs::remove_file(&first.path)
    }
}

impl Turn {
    fn make(folder: &Path, path: PathBuf) -> io::Result<Self> {
        // Patients' events are nobody else's to read.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let owner = fs::metadata(folder)?;
        if file.metadata()?.uid() != owner.uid() {
            // A command that root runs: the server's account must be able to move what it leaves. Who is not root may not.
            let _given = fchown(&file, Some(owner.uid()), Some(owner.gid()));
        }
        let mut turn = Self { path, file, end: START, bytes: 0 };
        turn.grow(FIRST_BYTES)?;
        Ok(turn)
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        let end = self.end + octets.len() as u64;
        if end > LARGEST_BYTES {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        if end > self.bytes {
            self.grow(end.next_power_of_two())?;
        }
        let written = self.file.write_all_at(octets, self.end).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.end = end,
            Err(_) => {
                // What does not count is not to be read either; the next record goes over it anyhow.
                let _hidden = self.file.write_all_at(&[0; HEAD_BYTES], self.end);
            }
        }
        written
    }

    fn grow(&mut self, bytes: u64) -> io::Result<()> {
        let nought = vec![0; (bytes - self.bytes) as usize];
        self.file.write_all_at(&nought, self.bytes)?;
        self.file.sync_all()?;
        self.bytes = bytes;
        Ok(())
    }
}

fn write(octets: &mut Vec<u8>, record: &Record) {
    let begin = octets.len();
    octets.extend_from_slice(&[0; HEAD_BYTES]);
    octets.extend_from_slice(&record.number.to_le_bytes());
    octets.extend_from_slice(&(record.month as u32).to_le_bytes());
    octets.extend_from_slice(record.row.body.as_bytes());
    let (head, rest) = octets[begin..].split_at_mut(HEAD_BYTES);
    head[..4].copy_from_slice(&(rest.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(rest).to_le_bytes());
}

/// An event as it was read from a journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) number: u64,
    pub(super) month: Month,
    pub(super) body: String,
}

/// The records at the start of a file, up to what is none, or is of an earlier lap.
fn read(octets: &[u8]) -> Vec<Written> {
    let mut found: Vec<Written> = Vec::new();
    let mut rest = octets;
    while let Some((record, after)) = read_one(rest) {
        if found.last().is_some_and(|before| record.number <= before.number) {
            break;
        }
        found.push(record);
        rest = after;
    }
    found
}

fn read_one(octets: &[u8]) -> Option<(Written, &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    let (crc32, rest) = rest.split_first_chunk()?;
    let (content, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc32) {
        return None;
    }
    let (number, content) = content.split_first_chunk::<NUMBER_BYTES>()?;
    let (month, body) = content.split_first_chunk::<MONTH_BYTES>()?;
    let body = String::from_utf8(body.to_vec()).ok()?;
    Some((Written { number: u64::from_le_bytes(*number), month: u32::from_le_bytes(*month).into(), body }, after))
}

/// Another's journal, or one's own, as files.
pub(super) struct Found<'a> {
    folder: &'a Path,
    pub(super) name: String,
}

/// All journals of a folder.
pub(super) fn find(folder: &Path) -> io::Result<Vec<Found<'_>>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Some(name) = entry?.file_name().to_str().and_then(name_of) {
            found.push(Found { folder, name: name.to_owned() });
        }
    }
    Ok(found)
}

impl Found<'_> {
    /// What it holds and is not known to be moved, in the order of numbers; nothing if it is gone.
    pub(super) fn read(&self) -> io::Result<Vec<Written>> {
        let (mut all, mut moved) = (Vec::new(), 0);
        for end in [FIRST, SECOND] {
            match fs::read(path_of(self.folder, &self.name, end)) {
                Ok(octets) => {
                    let Some((number, records)) = octets.split_first_chunk() else { continue };
                    moved = moved.max(u64::from_le_bytes(*number));
                    all.extend(read(records));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        all.retain(|record| record.number > moved);
        all.sort_unstable_by_key(|record| record.number);
        Ok(all)
    }

    /// Up to which number everything is moved; nothing if the journal is gone.
    pub(super) fn moved(&self) -> io::Result<Option<u64>> {
        let mut number = [0; START as usize];
        match File::open(path_of(self.folder, &self.name, FIRST)) {
            Ok(file) => file.read_exact_at(&mut number, 0).map(|()| Some(u64::from_le_bytes(number))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The lock of a journal whose process has ended; nothing while it lives, or if the journal is gone.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        let file = match File::open(path_of(self.folder, &self.name, FIRST)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Removes it. Who calls holds its lock, and has moved what it holds.
    pub(super) fn remove(&self) -> io::Result<()> {
        for end in [SECOND, FIRST] {
            match fs::remove_file(path_of(self.folder, &self.name, end)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A name that nobody has.
pub(super) fn random_name() -> io::Result<String> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(octets)))
}

fn path_of(folder: &Path, name: &str, end: &str) -> PathBuf {
    folder.join(format!("{PREFIX}{name}.{end}"))
}

/// The journal of which this is the file that carries the lock.
fn name_of(file: &str) -> Option<&str> {
    file.strip_prefix(PREFIX)?.strip_suffix(FIRST)?.strip_suffix('.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(text: &str) -> AuditRow {
        AuditRow {
            occurred_ms: 1_795_248_000_000,
            event_id: String::new(),
            event_type: String::new(),
            action: String::new(),
            outcome: 0,
            emergency: 0,
            patient: None,
            persons: None,
            documents: None,
            organisation: String::new(),
            node: String::new(),
            hash: [0; 32],
            body: text.to_owned(),
        }
    }

    fn bodies(records: &[Written]) -> Vec<String> {
        records.iter().map(|record| record.body.clone()).collect()
    }

    proptest! {
        // Each case flushes the disk some twenty times.
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever was written and taken before: what waits to be moved is read back in its order, and of a file that was cut or
        /// of which one octet changed the records before that place.
        #[test]
        fn what_waits_is_read_back(
            turns in prop::collection::vec(prop::collection::vec(".{0,300}", 1..6), 1..6),
            place in any::<prop::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut journal = Journal::make(folder.path()).expect("made");
            let last = turns.last().cloned().unwrap_or_default();
            for (number, turn) in turns.into_iter().enumerate() {
                if number > 0 {
                    journal.take();
                }
                for text in turn {
                    journal.append(vec![row(&text)]).expect("written");
                }
            }
            let found = find(folder.path()).expect("listed");
            prop_assert_eq!(found.len(), 1);
            let all = found[0].read().expect("read");
            prop_assert!(bodies(&all).ends_with(&last), "{:?}", all);
            let numbers: Vec<u64> = all.iter().map(|record| record.number).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);

            let octets = fs::read(&journal.turns[journal.now].path).expect("read");
            let octets = &octets[START as usize..journal.turns[journal.now].end as usize];
            let place = place.index(octets.len());
            let cut = bodies(&read(&octets[..place]));
            prop_assert!(last.starts_with(&cut) && cut.len() < last.len());
            let mut changed = octets.to_vec();
            changed[place] ^= 1;
            let changed = bodies(&read(&changed));
            prop_assert!(last.starts_with(&changed) && changed.len() < last.len());
        }

        #[test]
        fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            read(&octets);
        }
    }

    #[test]
    fn a_journal_is_anothers_as_long_as_its_process_lives() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::make(folder.path()).expect("made");
        let found = find(folder.path()).expect("listed");
        assert!(found[0].lock().expect("asked").is_none());
        drop(journal);
        assert!(found[0].lock().expect("asked").is_some());
        found[0].remove().expect("removed");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
        assert!(found[0].lock().expect("asked").is_none() && found[0].read().expect("asked").is_empty());
        assert_eq!(found[0].moved().expect("asked"), None);
    }

    #[test]
    fn what_is_moved_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::make(folder.path()).expect("made");
        journal.append(vec![row("1"), row("2")]).expect("written");
        journal.take();
        journal.append(vec![row("3")]).expect("written");
        let found = find(folder.path()).expect("listed");
        let read = || bodies(&found[0].read().expect("read"));
        assert_eq!((read(), found[0].moved().expect("asked")), (vec!["1".into(), "2".into(), "3".into()], Some(0)));
        journal.is_moved(2).expect("noted");
        assert_eq!((read(), found[0].moved().expect("asked")), (vec!["3".to_owned()], Some(2)));
    }

    #[test]
    fn a_journal_takes_no_more_than_it_may() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::make(folder.path()).expect("made");
        let text = "x".repeat(1 << 20);
        let mut kept = 0;
        while journal.append(vec![row(&text)]).is_ok() {
            kept += 1;
        }
        assert_eq!((kept, journal.take().len()), (7, 7), "eight with their heads are more than 8 MiB");
        journal.append(vec![row(&text)]).expect("the other file has room");
        journal.remove().expect("removed");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
    }
}
