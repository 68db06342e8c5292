//! What was refused lately, for the operator: `knoop refusals` reads it while the server runs.
//!
//! One JSON object a line in the data directory, readable by the server's user alone; when the file holds as many as are
//! kept, it becomes the older of two. What a partner was told is kept without the values that it quotes, so that the file
//! holds no patient data: text from the first quotation mark to the last, everything with HL7 separators, and long numbers that are no part
//! of an identifier of an object are cut out. Code, rule, object id and attribute name stay.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// Refusals that can be asked for.
pub const KEPT: usize = 10_000;
const CURRENT: &str = "refusals.jsonl";
const OLDER: &str = "refusals.1.jsonl";
/// Characters of one text.
const TEXT_MAX: usize = 512;

/// One error that was told to a partner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// The partner's node.
    pub node: String,
    /// `ITI-42`, or `none` when it did not come so far.
    pub transaction: String,
    /// wsa:Action as received, shortened.
    pub action: String,
    /// XDS error code, code of a fault, or HTTP status.
    pub code: String,
    /// codeContext or reason, without quoted values.
    pub context: String,
    /// The rule.
    pub location: String,
    /// wsa:MessageID.
    pub message_id: String,
}

/// The list of refusals.
#[derive(Debug)]
pub struct RefusalLog {
    directory: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    lines: usize,
}

impl RefusalLog {
    /// Opens the list in the data directory, making it if it is not there.
    /// # Errors
    /// When the directory cannot be written.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let lines = read_file(&directory.join(CURRENT))?.len();
        let current = Current { file: append(directory)?, lines };
        Ok(Self { directory: directory.to_owned(), current: Mutex::new(current) })
    }

    /// Keeps one. Trouble with the file is logged and does not disturb the request.
    pub fn record(&self, refusal: &Refusal) {
        let kept = Refusal {
            context: without_values(&refusal.context),
            action: shortened(&refusal.action),
            message_id: shortened(&refusal.message_id),
            location: without_values(&refusal.location),
            ..refusal.clone()
        };
        let written = serde_json::to_string(&kept).map_err(io::Error::from).and_then(|line| self.write(&line));
        if let Err(error) = written {
            tracing::error!(%error, "the list of refusals cannot be written");
        }
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.lines >= KEPT {
            std::fs::rename(self.directory.join(CURRENT), self.directory.join(OLDER))?;
            *current = Current { file: append(&self.directory)?, lines: 0 };
        }
        current.file.write_all(format!("{line}\n").as_bytes())?;
        current.lines += 1;
        Ok(())
    }
}

/// The last refusals in the data directory, oldest first.
/// # Errors
/// When the files are there and cannot be read.
pub fn read(directory: &Path) -> io::Result<Vec<Refusal>> {
    let mut all = read_file(&directory.join(OLDER))?;
    all.extend(read_file(&directory.join(CURRENT))?);
    let surplus = all.len().saturating_sub(KEPT);
    Ok(all.split_off(surplus))
}

fn read_file(path: &Path) -> io::Result<Vec<Refusal>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        // A line that a crash cut short is passed over.
        all.extend(serde_json::from_slice::<Refusal>(&line?));
    }
    Ok(all)
}

fn append(directory: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(directory.join(CURRENT))?;
    end_last_line(&mut file)?;
    Ok(file)
}

/// After a crash the last line may have no end; the next one must not be joined to it.
fn end_last_line(file: &mut File) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0_u8];
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

/// The text with an ellipsis for everything that may be a value of the sender. A value may hold quotation marks itself, so
/// all between the first and the last one goes.
fn without_values(text: &str) -> String {
    let text = shortened(text);
    let quotes = ['\'', '"', '`', '“', '”', '‘', '’'];
    let unquoted = match (text.find(quotes), text.rfind(quotes)) {
        (Some(first), Some(last)) if first < last => {
            let rest = text[last..].chars().next().map_or("", |quote| &text[last + quote.len_utf8()..]);
            format!("{}'…'{rest}", &text[..first])
        }
        (Some(first), _) => format!("{}'…'", &text[..first]),
        _ => text,
    };
    let words = unquoted.split(' ').map(|word| if is_value(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// HL7 data types, and long numbers: patient ids, dates of birth. Identifiers of objects and OIDs stay.
fn is_value(word: &str) -> bool {
    if word.contains(['^', '&', '|']) {
        return true;
    }
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if bare.to_ascii_lowercase().starts_with("urn:uuid:") {
        return false;
    }
    let digits = bare.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
    digits >= 6
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{CURRENT, KEPT, Refusal, RefusalLog, read, without_values};

    fn refusal(n: usize) -> Refusal {
        Refusal {
            code: format!("code {n}"),
            context: "patientId '999900195^^^&2.999&ISO' is unknown".into(),
            ..Refusal::default()
        }
    }

    #[test]
    fn the_last_ten_thousand_are_kept_over_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut log = RefusalLog::open(directory.path()).expect("opened");
        for n in 0..KEPT + 500 {
            log.record(&refusal(n));
        }
        drop(log);
        log = RefusalLog::open(directory.path()).expect("opened again");
        for n in KEPT + 500..2 * KEPT + 700 {
            log.record(&refusal(n));
        }
        let kept = read(directory.path()).expect("readable while the log is open");
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0].code, format!("code {}", KEPT + 700));
        assert_eq!(kept[KEPT - 1].code, format!("code {}", 2 * KEPT + 699));
        let mode = std::fs::metadata(directory.path().join(CURRENT)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_line_cut_short_spoils_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        RefusalLog::open(directory.path()).expect("opened").record(&refusal(1));
        let path = directory.path().join(CURRENT);
        let text = std::fs::read_to_string(&path).expect("readable");
        std::fs::write(&path, format!("{text}{{\"time\":\"2026")).expect("written");
        RefusalLog::open(directory.path()).expect("opened").record(&refusal(2));
        let codes: Vec<_> = read(directory.path()).expect("readable").into_iter().map(|r| r.code).collect();
        assert_eq!(codes, ["code 1", "code 2"]);
    }

    #[test]
    fn values_of_patients_are_cut_out() {
        for (text, kept) in [
            ("Doc01: slot 'sourcePatientInfo' is 'PID-5|Jansen'", "Doc01: slot '…'"),
            ("Patient id P999^^^&2.999.1.1&ISO is not known", "Patient id … is not known"),
            ("born 19700101, number 999900195.", "born … number …"),
            ("title 'Jansen's letter' too long", "title '…' too long"),
            ("authorPerson 'O' Brien', from Doc01", "authorPerson '…', from Doc01"),
            (
                "urn:uuid:00000000-0000-4000-8000-123456789012: no code",
                "urn:uuid:00000000-0000-4000-8000-123456789012: no code",
            ),
            ("an open 'quote of Jansen", "an open '…'"),
            ("OID 1.2.840.10008 is taken", "OID 1.2.840.10008 is taken"),
        ] {
            assert_eq!(without_values(text), kept);
        }
    }
}
