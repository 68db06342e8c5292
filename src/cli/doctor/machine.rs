//! The data directory, the disk under it, and the clock.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::Instant,
};

use indicatif::HumanBytes;

use super::Checks;
use crate::{
    cli::{assembly::in_words, clock},
    client::clock_offset,
    config::{Config, TimeServer},
    service::clock::ClockLevel,
    store::data_dir::{DataDir, DataDirError},
};

/// Below this the server will soon refuse documents.
const LITTLE_SPACE_BYTES: u64 = 5 << 30;
/// Below this it cannot work.
const NO_SPACE_BYTES: u64 = 256 << 20;
/// Flushes that are timed.
const FLUSHES: usize = 9;
/// When this program was written; no right clock shows less. 2026-01-01.
const EARLIEST_SECOND: i64 = 1_767_225_600;

pub(super) fn check(config: &Config, checks: &mut Checks) {
    data_directory(&config.data, checks);
    in_the_clear(config, checks);
    let example = config.repository.repository_unique_id.as_str().starts_with("2.999.");
    if example && config.production {
        checks
            .bad("repository", "repositoryUniqueId is from the arc for examples; set repository.repository_unique_id");
    } else if example {
        checks.note(
            "repository",
            "repositoryUniqueId is from the arc for examples; take your own before others rely on it",
        );
    }
    if config.repository_role && !config.registry_role && config.repository.registry_url.is_none() {
        checks.bad("roles", "a repository without the registry role needs repository.registry_url");
    }
}

/// Services that are called without TLS, which only tests may (S-TLS-01).
fn in_the_clear(config: &Config, checks: &mut Checks) {
    let of = |url: &Option<http::Uri>| url.as_ref().map(ToString::to_string);
    let endpoint = config.documents.s3.as_ref().and_then(|s3| s3.endpoint.clone());
    for (key, address) in [
        ("repository.registry_url", of(&config.repository.registry_url)),
        ("access.consent_url", of(&config.access.consent_url)),
        ("documents.s3_endpoint", endpoint),
    ] {
        if let Some(address) = address.filter(|address| !address.to_ascii_lowercase().starts_with("https:")) {
            let text =
                "what goes there can be read on the way, and production = true refuses it; take an https address";
            checks.note("addresses", format!("{key} = {address}: {text}"));
        }
    }
}

fn data_directory(data: &Path, checks: &mut Checks) {
    const NAME: &str = "data directory";
    let shown = data.display();
    if !data.exists() {
        checks.note(NAME, format!("{shown} is not there yet; knoop serve makes it"));
        return;
    }
    match DataDir::open(data) {
        Ok(_) => checks.good(NAME, format!("{shown}, not in use")),
        Err(DataDirError::InUse(Some(process))) => checks.good(NAME, format!("{shown}, in use by process {process}")),
        Err(DataDirError::InUse(None)) => checks.good(NAME, format!("{shown}, in use")),
        Err(error @ DataDirError::Io(_)) => {
            checks.bad(NAME, format!("{shown}: {error}; give it to the user that runs knoop"));
            return;
        }
    }
    match fs4::available_space(data) {
        Ok(free) if free < NO_SPACE_BYTES => checks.bad("disk", format!("only {} free; make room", HumanBytes(free))),
        Ok(free) if free < LITTLE_SPACE_BYTES => {
            checks.note("disk", format!("{} free, that is little", HumanBytes(free)))
        }
        Ok(free) => checks.good("disk", format!("{} free", HumanBytes(free))),
        Err(error) => checks.bad("disk", format!("free space cannot be told: {error}")),
    }
    match flush_time_us(data) {
        Ok(time_us) => checks.good("disk", format!("a flush takes {time_us} µs (median of {FLUSHES})")),
        Err(error) => checks.bad("disk", format!("a file cannot be written and flushed in {shown}: {error}")),
    }
}

fn flush_time_us(data: &Path) -> io::Result<u128> {
    let mut file = tempfile::tempfile_in(data)?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        file.write_all(&[0; 4096])?;
        let begin = Instant::now();
        File::sync_data(&file)?;
        times.push(begin.elapsed().as_micros());
    }
    times.sort_unstable();
    Ok(times.get(FLUSHES / 2).copied().unwrap_or_default())
}

/// Source: S-TLS-20.
pub(super) async fn clock(config: &Config, checks: &mut Checks) {
    const NAME: &str = "clock";
    let now = clock::now();
    if now.as_second() < EARLIEST_SECOND {
        checks.bad(NAME, format!("it shows {now:.0}, which is past; set it and keep it right with NTP"));
    } else if config.clock.servers.is_empty() {
        if Path::new("/run/systemd/timesync/synchronized").exists() {
            checks.good(NAME, format!("{now:.0}, kept right by systemd-timesyncd"));
        } else {
            let text = "whether NTP keeps it right cannot be told from here; name time servers as clock.servers";
            checks.note(NAME, format!("{now:.0}; {text}"));
        }
    }
    let mut offsets = Vec::new();
    for TimeServer { host, port } in &config.clock.servers {
        match clock_offset(host, *port, || clock::now().as_millisecond()).await {
            Ok(offset_ms) => offsets.push((host, offset_ms)),
            Err(error) => checks.note(NAME, format!("{host}:{port} gives no time: {error}")),
        }
    }
    for (host, offset_ms) in offsets {
        let text = format!("{now:.0}, {} by {host}", in_words(offset_ms));
        match ClockLevel::of(offset_ms) {
            ClockLevel::Right => checks.good(NAME, text),
            ClockLevel::Warning => checks.note(NAME, format!("{text}; keep it right with NTP")),
            ClockLevel::Wrong => checks.bad(NAME, format!("{text}; set it and keep it right with NTP")),
        }
    }
}
