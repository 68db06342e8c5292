//! A package that is fetched by the node that ordered it. Every fetch is in the audit trail before the first octet leaves.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{PackageError, Packages, export::place};
use crate::{
    model::{AuditOutcome, RequestContext, xdm::PackageState},
    service::audit::events::{self, Submitted, Verdict},
    store::XdmPackage,
};

/// Octets that are read at a time.
const BLOCK_BYTES: u64 = 256 << 10;

/// What is needed of the report that is kept.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Report {
    submission_sets: Vec<Set>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Set {
    unique_id: String,
    patient_id: Option<String>,
}

/// The octets of a package, or a range of them. One block is read while the one before it is sent.
pub struct PackageReader {
    left: u64,
    next: JoinHandle<io::Result<(File, Bytes)>>,
}

impl PackageReader {
    fn begin(mut file: File, range: &Range<u64>) -> Self {
        let (start, left) = (range.start, range.end - range.start);
        let next = spawn_blocking(move || {
            file.seek(SeekFrom::Start(start))?;
            block(file, left)
        });
        Self { left, next }
    }

    /// The next octets, none at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or has become shorter.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let (file, octets) = (&mut self.next).await.map_err(io::Error::other)??;
        self.left -= octets.len() as u64;
        let left = self.left;
        self.next = spawn_blocking(move || block(file, left));
        Ok(Some(octets))
    }
}

fn block(mut file: File, left: u64) -> io::Result<(File, Bytes)> {
    let mut octets = vec![0; usize::try_from(left.min(BLOCK_BYTES)).unwrap_or_default()];
    file.read_exact(&mut octets)?;
    Ok((file, octets.into()))
}

impl Packages {
    /// Opens a package that was made, and its length; none where it is not made yet, or not here any more.
    ///
    /// # Errors
    /// [`PackageError::Elsewhere`]; when it cannot be read.
    pub async fn open(&self, package: &XdmPackage) -> Result<Option<(File, u64)>, PackageError> {
        let (PackageState::Done, Some(_)) = (package.state, &package.file) else { return Ok(None) };
        if !self.is_here(package) {
            return Err(PackageError::Elsewhere);
        }
        let path = self.shared.files.path(package.direction, package.package_id);
        let opened = spawn_blocking(move || -> io::Result<(File, u64)> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        });
        match opened.await.map_err(io::Error::other)? {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a range of a package, after the fetch is in the audit trail.
    ///
    /// # Errors
    /// When it cannot be recorded: then it is not given.
    pub async fn fetch(
        &self,
        ctx: &RequestContext,
        package: &XdmPackage,
        file: File,
        range: &Range<u64>,
    ) -> Result<PackageReader, PackageError> {
        self.record_fetch(ctx, package, &Verdict::success()).await?;
        let receipt = json!({
            "fetchedAt": ctx.now.to_string(),
            "by": &*ctx.caller.node.name,
            "address": ctx.caller.address.map(|it| it.to_string()),
        });
        let (id, receipt) = (package.package_id, receipt.to_string());
        if package.receipt.is_none() {
            let noted = self.shared.store.write(move |tx| {
                let receipt = receipt.clone();
                Box::pin(async move { tx.note_xdm_receipt(id, &receipt).await })
            });
            noted.await?;
        }
        Ok(PackageReader::begin(file, range))
    }

    async fn record_fetch(
        &self,
        ctx: &RequestContext,
        package: &XdmPackage,
        verdict: &Verdict,
    ) -> Result<(), PackageError> {
        if !self.shared.auditor.records() {
            return Ok(());
        }
        let report = package.report.as_deref().and_then(|text| serde_json::from_str::<Report>(text).ok());
        let parties = self.shared.auditor.parties(ctx);
        let place = place(package.package_id);
        let event = |set: &Set| {
            let submitted = Submitted { patient: set.patient_id.as_deref(), submission_set: Some(&*set.unique_id) };
            events::package_fetched(&parties, &place, submitted, verdict.clone())
        };
        let mut events: Vec<_> = report.unwrap_or_default().submission_sets.iter().map(event).collect();
        // What is not known of a package does not keep its fetch out of the trail.
        if events.is_empty() {
            events.push(events::package_fetched(&parties, &place, Submitted::default(), verdict.clone()));
        }
        Ok(self.shared.auditor.record(events).await?)
    }

    /// Records that a node asked for what it has no role for.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn refused(&self, ctx: &RequestContext, code: &str, text: &str) -> Result<(), PackageError> {
        let parties = self.shared.auditor.parties(ctx);
        let node = format!("urn:knoop:node:{}", ctx.caller.name());
        let mut event = events::denied(&parties, None, &node, code, text);
        event.outcome = AuditOutcome::Serious;
        Ok(self.shared.auditor.record(vec![event]).await?)
    }
}
