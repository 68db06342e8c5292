//! Progress of long work: a bar on a terminal, plain lines otherwise.

use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client;

/// Less work than this is not worth a word.
const SILENT_BYTES: u64 = 32 << 20;
/// Plain lines in all.
const PLAIN_LINES: u64 = 10;

/// Something long, measured in octets.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    done: Arc<AtomicU64>,
    total: u64,
    label: &'static str,
}

impl Progress {
    /// Work of this many octets.
    pub(super) fn new(label: &'static str, total: u64) -> Self {
        let bar = (total >= SILENT_BYTES && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = "{msg} {bar:32} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(label);
            bar
        });
        Self { bar, done: Arc::default(), total, label }
    }

    /// What is to be called with each number of octets.
    pub(super) fn watcher(&self) -> client::Progress {
        let (bar, done, total, label) = (self.bar.clone(), Arc::clone(&self.done), self.total, self.label);
        Arc::new(move |octets| {
            let before = done.fetch_add(octets, Ordering::Relaxed);
            if let Some(bar) = &bar {
                bar.inc(octets);
            } else if total >= SILENT_BYTES {
                let step = total / PLAIN_LINES;
                if before / step != (before + octets) / step {
                    eprintln!("{label} {} of {}", HumanBytes(before + octets), HumanBytes(total));
                }
            }
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
