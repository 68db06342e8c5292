//! No patient of the tests may appear in a log or a metric.
//!
//! Everything about invented patients carries one of a few marks, so that a search for the marks finds all of it, also
//! where it was percent- or base64-encoded. The search must find a planted one, or it proves nothing.

use std::{collections::BTreeSet, fs, path::Path, sync::Mutex};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use libtest_mimic::Trial;

use super::{http::find, scratch, servers};

/// In every patient identifier.
pub const PATIENT_MARK: &str = "Zq7Pat";
/// In every name of a person.
pub const NAME_MARK: &str = "Zq7Naam";
/// In every title and comment.
pub const TITLE_MARK: &str = "Zq7Titel";
/// The birth date of every patient.
pub const BIRTH_DATE: &str = "18870131";

/// Texts that must not appear in the files whose names begin so: servers whose data the tests did not invent.
static WATCHED: Mutex<Vec<(String, BTreeSet<String>)>> = Mutex::new(Vec::new());
/// Shorter texts look like anything once they are encoded.
const ENCODED_FROM: usize = 6;

/// Has these texts looked for in the files of a server too.
pub fn watch(server: &str, secrets: BTreeSet<String>) {
    WATCHED.lock().expect("no test fails here").push((server.to_owned(), secrets));
}

/// A file without the commands that `knoop demo` offers to copy, which name a patient on purpose.
fn without_guide(content: &[u8]) -> Vec<u8> {
    let is_command = |line: &[u8]| line.starts_with(b"  ") && find(line, b" --patient '").is_some();
    content.split_inclusive(|octet| *octet == b'\n').filter(|line| !is_command(line)).flatten().copied().collect()
}

/// Metrics without the decimals of sums of seconds: a sum such as 0.15588125900000003 holds nine digits by chance, and numbers
/// of ours alone. Names and labels stay.
fn without_decimals(content: &[u8]) -> Vec<u8> {
    let whole = |line: &str| match line.rsplit_once(' ') {
        Some((name, value)) if name.contains("_seconds_sum") => {
            format!("{name} {}\n", value.split('.').next().unwrap_or_default())
        }
        _ => format!("{line}\n"),
    };
    String::from_utf8_lossy(content).lines().map(whole).collect::<String>().into_bytes()
}

/// All the spellings of a mark.
fn spellings(mark: &str) -> Vec<Vec<u8>> {
    let bytes = mark.as_bytes();
    let hex = |upper: bool| -> Vec<u8> {
        let one = |b: &u8| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") };
        bytes.iter().map(one).collect::<String>().into_bytes()
    };
    let mut all = vec![bytes.to_vec(), hex(true), hex(false)];
    // In base64 a text looks different at each of three offsets; its first and last characters depend on neighbours.
    for offset in 0..3 {
        let padded = [vec![b'x'; offset], bytes.to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(&padded);
        let start = (offset * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        all.push(encoded.as_bytes()[start..end].to_vec());
    }
    all
}

/// Where marks stand in the files of a directory: file and mark, never the line.
pub fn search(directory: &Path) -> Vec<String> {
    let marks = [PATIENT_MARK, NAME_MARK, TITLE_MARK, BIRTH_DATE].map(|m| (m, spellings(m)));
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for file in files {
        let content = fs::read(file.path()).unwrap_or_default();
        for (mark, spellings) in &marks {
            if spellings.iter().any(|s| find(&content, s).is_some()) {
                found.push(format!("{mark} in {}", file.path().display()));
            }
        }
        let name = file.file_name().to_string_lossy().into_owned();
        let watched = WATCHED.lock().expect("no test fails here").clone();
        let secrets = watched.iter().filter(|(server, _)| name.starts_with(server.as_str())).flat_map(|(_, s)| s);
        let content = if name.ends_with(".metrics") { without_decimals(&content) } else { without_guide(&content) };
        for secret in secrets {
            let all = spellings(secret);
            let count = if secret.len() < ENCODED_FROM { 1 } else { all.len() };
            if all[..count].iter().any(|spelling| find(&content, spelling).is_some()) {
                found.push(format!("{secret} in {}", file.path().display()));
            }
        }
    }
    found
}

/// The search over everything that was logged, and over something planted.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("closing::no_patient_data_in_logs_and_metrics", || {
            let found = search(&servers::logs());
            if found.is_empty() { Ok(()) } else { Err(found.join("\n").into()) }
        }),
        Trial::test("closing::the_search_finds_what_was_planted", || {
            let planted = scratch::directory("planted");
            let text = format!("x{PATIENT_MARK}-1^^^&2.999&ISO");
            let percent: String = TITLE_MARK.bytes().map(|b| format!("%{b:02X}")).collect();
            for (n, content) in [text.clone(), percent, STANDARD_NO_PAD.encode(&text)].iter().enumerate() {
                fs::write(planted.join(n.to_string()), content).map_err(|e| e.to_string())?;
            }
            let secret = "999900006";
            watch("watched", [secret.to_owned()].into());
            for (name, content) in [
                ("watched.log", format!("2026 INFO patient {secret}")),
                ("watched.metrics", STANDARD_NO_PAD.encode(format!("x{secret}^^^"))),
                ("watched.guide", format!("  knoop find --patient '{secret}'\n")),
                ("watched-label.metrics", format!("knoop_x_seconds_sum{{patient=\"{secret}\"}} 0.25\n")),
                ("watched-sum.metrics", format!("knoop_x_seconds_sum{{x=\"y\"}} 0.15{secret}\n")),
                ("other.log", secret.to_owned()),
            ] {
                fs::write(planted.join(name), content).map_err(|e| e.to_string())?;
            }
            let found = search(&planted).len();
            if found == 6 { Ok(()) } else { Err(format!("{found} of 6 found").into()) }
        }),
    ]
}
