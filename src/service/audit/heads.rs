//! The file outside the database that every seal's head goes to, so that removing the newest seals is found.
//!
//! A line a seal: its number, its hash, the time it was made. Whoever seals writes what is missing at the end, so the file
//! of each process is whole. It grows for as long as the rows are kept that the seals name. What came otherwise than seal by
//! seal has a line that says so ([`Mark`]). Source: design section 9 (Audit).

mod mark;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use fs4::fs_std::FileExt;

pub use self::mark::{Mark, MarkKind};
use crate::store::AuditSeal;

/// Longest line: number, 64 digits, time.
const LINE_BYTES: u64 = 128;

/// The file of heads.
#[derive(Clone, Debug)]
pub struct Heads(PathBuf);

impl Heads {
    /// The file at this path, which need not be there yet.
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Number of the last seal in it; 0 when it holds none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_seq(&self) -> io::Result<i64> {
        match File::open(&self.0) {
            Ok(mut file) => last_seq(&mut file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn is_there(&self) -> io::Result<bool> {
        self.0.try_exists()
    }

    /// Makes it, empty: from then on its absence means that somebody removed it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&self) -> io::Result<()> {
        self.locked()?.sync_all()?;
        File::open(self.folder())?.sync_all()
    }

    fn folder(&self) -> &Path {
        self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Writes a mark down.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn mark(&self, mark: &Mark) -> io::Result<()> {
        let mut file = self.locked()?;
        let end = if ends_with_line(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{end}{}\n", mark.line()).as_bytes())?;
        file.sync_all()
    }

    /// All marks in it, in their order.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn marks(&self) -> io::Result<Vec<Mark>> {
        match File::open(&self.0) {
            Ok(file) => {
                Ok(BufReader::new(file).lines().map_while(Result::ok).filter_map(|line| Mark::of(&line)).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Appends those of the seals that come after its last one, and flushes them to the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, seals: &[AuditSeal]) -> io::Result<()> {
        let mut file = self.locked()?;
        let last = last_seq(&mut file)?;
        let mut lines = String::new();
        if !ends_with_line(&mut file)? {
            lines.push('\n');
        }
        for seal in seals.iter().filter(|seal| seal.seq > last) {
            let hash: String = seal.hash.iter().map(|octet| format!("{octet:02x}")).collect();
            lines.push_str(&format!("{} {hash} {}\n", seal.seq, seal.sealed_ms));
        }
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    }

    /// Leaves out the seals that were made before this time, since none of their rows is kept; the newest stays in any case.
    /// Each hash is made over the one before, so what stays still proves the whole chain. Tells how many were left out.
    ///
    /// # Errors
    /// When the file cannot be read, or no other be put in its place; then it is as it was.
    pub fn forget(&self, before_ms: i64) -> io::Result<usize> {
        if !self.0.exists() {
            return Ok(0);
        }
        let file = self.locked()?;
        let lines: Vec<String> = BufReader::new(&file).lines().collect::<Result<_, _>>()?;
        let newest = lines.iter().rposition(|line| head(line).is_some());
        let is_kept = |index: usize, line: &str| {
            Some(index) == newest
                || head(line).is_some() && made_ms(line).is_none_or(|made_ms| made_ms >= before_ms)
                || Mark::of(line).is_some_and(|mark| mark.noticed_ms >= before_ms)
        };
        let kept: Vec<&String> =
            lines.iter().enumerate().filter(|(index, line)| is_kept(*index, line)).map(|(_, line)| line).collect();
        if kept.len() == lines.len() {
            return Ok(0);
        }
        let folder = self.folder();
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        kept.iter().try_for_each(|line| writeln!(beside, "{line}"))?;
        beside.as_file().sync_all()?;
        beside.persist(&self.0)?;
        File::open(folder)?.sync_all()?;
        Ok(lines.len() - kept.len())
    }

    /// The file, held against others who write; not one that was replaced while it was waited for.
    fn locked(&self) -> io::Result<File> {
        loop {
            let file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&self.0)?;
            FileExt::lock_exclusive(&file)?;
            if fs::metadata(&self.0).is_ok_and(|there| file.metadata().is_ok_and(|held| held.ino() == there.ino())) {
                return Ok(file);
            }
        }
    }

    /// Numbers and hashes in the file, in their order; lines that cannot be read are passed over.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&self) -> io::Result<Box<dyn Iterator<Item = (i64, Vec<u8>)> + Send>> {
        match File::open(&self.0) {
            Ok(file) => Ok(Box::new(BufReader::new(file).lines().map_while(Result::ok).filter_map(|line| head(&line)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Box::new(std::iter::empty())),
            Err(error) => Err(error),
        }
    }
}

fn head(line: &str) -> Option<(i64, Vec<u8>)> {
    let mut words = line.split(' ');
    let (seq, hash) = (words.next()?.parse().ok()?, words.next()?);
    let octets = (0..hash.len()).step_by(2).map(|at| u8::from_str_radix(hash.get(at..at + 2)?, 16).ok());
    Some((seq, octets.collect::<Option<Vec<u8>>>()?))
}

/// When the seal of a line was made.
fn made_ms(line: &str) -> Option<i64> {
    line.split(' ').nth(2)?.parse().ok()
}

/// The last line that can be read; one that was cut short by a crash does not count.
fn last_seq(file: &mut File) -> io::Result<i64> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(2 * LINE_BYTES)))?;
    let mut end = String::new();
    file.read_to_string(&mut end)?;
    let whole = end.rfind('\n').map_or("", |at| &end[..at]);
    Ok(whole.lines().rev().find_map(head).map_or(0, |(seq, _)| seq))
}

fn ends_with_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(seq: i64) -> AuditSeal {
        AuditSeal { seq, previous: vec![0; 32], sealed_ms: seq * 1000, entries: Vec::new(), hash: vec![seq as u8; 32] }
    }

    fn numbers(heads: &Heads) -> Vec<i64> {
        heads.read().expect("readable").map(|(seq, _)| seq).collect()
    }

    #[test]
    fn s_aud_62_heads_are_written_once_and_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let heads = Heads::at(folder.path().join("audit-heads.log"));
        assert_eq!(heads.last_seq().expect("nothing yet"), 0);
        heads.append(&[seal(1), seal(2)]).expect("written");
        heads.append(&[seal(2), seal(3)]).expect("written");
        assert_eq!(numbers(&heads), [1, 2, 3]);
        assert_eq!(heads.read().expect("readable").last(), Some((3, vec![3; 32])));
    }

    #[test]
    fn a_line_cut_short_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let heads = Heads::at(folder.path().join("audit-heads.log"));
        heads.append(&[seal(1)]).expect("written");
        let text = std::fs::read_to_string(heads.path()).expect("text");
        std::fs::write(heads.path(), format!("{text}2 0202")).expect("written");
        assert_eq!(heads.last_seq().expect("readable"), 1);
        heads.append(&[seal(2)]).expect("written");
        assert_eq!(heads.read().expect("readable").filter(|(_, hash)| hash.len() == 32).count(), 2);
    }

    #[test]
    fn s_aud_63_marks_stand_among_the_heads_and_are_kept_as_long() {
        let folder = tempfile::tempdir().expect("a folder");
        let heads = Heads::at(folder.path().join("audit-heads.log"));
        assert!(!heads.is_there().expect("told"));
        heads.make().expect("made");
        assert_eq!((heads.is_there().expect("told"), heads.last_seq().expect("readable")), (true, 0));
        heads.append(&[seal(1), seal(2)]).expect("written");
        let mark = Mark { kind: MarkKind::Lost, first: 1, last: 2, noticed_ms: 2500 };
        heads.mark(&mark).expect("written");
        assert_eq!(heads.last_seq().expect("readable"), 2);
        heads.append(&[seal(3)]).expect("written");
        assert_eq!((numbers(&heads), heads.marks().expect("readable")), (vec![1, 2, 3], vec![mark]));
        assert_eq!(heads.forget(2500).expect("written"), 2);
        assert_eq!((numbers(&heads), heads.marks().expect("readable")), (vec![3], vec![mark]));
        heads.forget(2600).expect("written");
        assert_eq!(heads.marks().expect("readable"), []);
    }

    #[test]
    fn s_aud_64_heads_are_kept_as_long_as_the_rows_of_their_seals() {
        let folder = tempfile::tempdir().expect("a folder");
        let heads = Heads::at(folder.path().join("audit-heads.log"));
        assert_eq!(heads.forget(5000).expect("nothing there"), 0);
        heads.append(&[seal(1), seal(2), seal(3), seal(4)]).expect("written");
        assert_eq!(heads.forget(1000).expect("written"), 0);
        assert_eq!(heads.forget(3000).expect("written"), 2);
        assert_eq!(numbers(&heads), [3, 4]);
        heads.append(&[seal(4), seal(5)]).expect("written");
        assert_eq!(heads.forget(9000).expect("written"), 2);
        assert_eq!((numbers(&heads), heads.last_seq().expect("readable")), (vec![5], 5));
    }

    #[test]
    fn who_waits_for_the_file_does_not_write_into_one_that_was_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let heads = Heads::at(folder.path().join("audit-heads.log"));
        heads.append(&[seal(1), seal(2)]).expect("written");
        let held = heads.locked().expect("held");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| heads.append(&[seal(3)]));
            let other = folder.path().join("other");
            fs::copy(heads.path(), &other).expect("copied");
            fs::rename(other, heads.path()).expect("replaced");
            drop(held);
            waiting.join().expect("no panic").expect("written");
        });
        assert_eq!(numbers(&heads), [1, 2, 3]);
    }
}
