//! `knoop bench`: load on a server, and how it bears it.
//!
//! Requests are made beforehand from templates whose identifiers have a fixed width, so that the generator spends its time
//! on sending. Answers are read whole and judged by their status, not decoded.

mod figures;
mod load;
mod template;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use http::Uri;

use self::{
    figures::{Figures, Sample},
    load::{Load, Request},
};
use super::{Failure, PeerArgs, peer};
use crate::{
    client::{Outgoing, PartsTo, Peer, PeerSettings},
    model::{Oid, bsn::BSN_AUTHORITY},
};

/// Which transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Transaction {
    /// FindDocuments of one patient
    Iti18,
    /// Documents of --bytes octets, --docs a set
    Iti41,
    /// Metadata only, --docs a set
    Iti42,
    /// Documents found beforehand with ITI-18
    Iti43,
}

impl Transaction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Iti18 => "ITI-18",
            Self::Iti41 => "ITI-41",
            Self::Iti42 => "ITI-42",
            Self::Iti43 => "ITI-43",
        }
    }
}

/// What `bench` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop bench iti42 --to http://127.0.0.1:8089/xds --patients 5000 --requests 20000   register 100 000 documents
  knoop bench iti18 --to http://127.0.0.1:8089/xds --patients 5000 --connections 4 --duration 10 --json
  knoop bench iti41 --to http://127.0.0.1:8089/xds --docs 1 --bytes 104857600 --requests 10 --connections 1

The patients are invented, with BSNs of the test range, and the same each time; their documents have fresh uniqueIds.")]
pub(super) struct BenchArgs {
    /// The transaction
    #[arg(value_enum)]
    transaction: Transaction,
    /// Address of the server
    #[arg(long, value_name = "URL")]
    to: Uri,
    /// Requests at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    connections: u32,
    /// A new connection for each request
    #[arg(long)]
    new_connections: bool,
    /// Seconds to go on
    #[arg(long, default_value_t = 10, conflicts_with = "requests")]
    duration: u64,
    /// Requests to send, instead of a duration
    #[arg(long)]
    requests: Option<u64>,
    /// Seconds at the beginning that do not count
    #[arg(long, default_value_t = 0)]
    warmup: u64,
    /// Patients to spread over
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=9000))]
    patients: u32,
    /// Assigning authority of their numbers; under another one they are other patients
    #[arg(long, value_name = "OID", default_value = BSN_AUTHORITY)]
    authority: Oid,
    /// Documents of a submission, or of one ITI-43
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    docs: u32,
    /// Octets of a document (ITI-41)
    #[arg(long, default_value_t = 1000)]
    bytes: u64,
    /// References instead of whole objects (ITI-18)
    #[arg(long)]
    object_ref: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: BenchArgs) -> Result<(), Failure> {
    peer::block_on(bench(args))
}

async fn bench(args: BenchArgs) -> Result<(), Failure> {
    let load = Arc::new(Load::prepare(&args).await?);
    let begin = Instant::now();
    let counted_from = begin + Duration::from_secs(args.warmup);
    let until = args.requests.is_none().then(|| counted_from + Duration::from_secs(args.duration));
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = Vec::new();
    for _ in 0..args.connections {
        let worker = Worker {
            // A pool of its own for each: as many connections as were asked for, no more.
            peer: peer::peer_with(
                &args.to,
                &args.peer,
                PeerSettings { keep_alive: !args.new_connections, ..PeerSettings::default() },
            )?,
            load: Arc::clone(&load),
            next: Arc::clone(&next),
            requests: args.requests.unwrap_or(u64::MAX),
            until,
        };
        workers.push(tokio::spawn(worker.run()));
    }
    let mut samples = Vec::new();
    for worker in workers {
        samples.extend(worker.await?);
    }
    let figures = Figures::new(args.transaction.as_str(), args.connections, counted_from, samples, load.documents());
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print!("{figures}");
    }
    match figures.failure() {
        Some(text) => Err(Failure::Refused(text)),
        None => Ok(()),
    }
}

/// One connection, one request after the other.
struct Worker {
    peer: Peer,
    load: Arc<Load>,
    next: Arc<AtomicU64>,
    requests: u64,
    until: Option<Instant>,
}

impl Worker {
    async fn run(self) -> Vec<Sample> {
        let mut samples = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests || self.until.is_some_and(|until| Instant::now() >= until) {
                return samples;
            }
            let Request { outgoing, octets_out } = self.load.request(number);
            samples.push(self.exchange(outgoing, octets_out).await);
        }
    }

    async fn exchange(&self, outgoing: Outgoing, octets_out: u64) -> Sample {
        let begin = Instant::now();
        let answer = self.peer.exchange(outgoing, &PartsTo::Nowhere).await;
        let (end, octets_in, failed) = match &answer {
            Ok(answer) => {
                let octets = answer.root.len() as u64 + answer.parts.iter().map(|part| part.size_bytes).sum::<u64>();
                let good = memchr::memmem::find(&answer.root, b"ResponseStatusType:Success").is_some();
                (Instant::now(), octets, (!good).then(|| load::first_error_code(&answer.root)))
            }
            Err(error) => (Instant::now(), 0, Some(error.to_string())),
        };
        Sample { begin, end, octets_in, octets_out, failed }
    }
}
