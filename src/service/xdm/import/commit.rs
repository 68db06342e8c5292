//! Taking over: each submission set as an ITI-41 of this house, whole or not at all.
//!
//! Source: spec xdm R-32-33 to R-32-38, R-32-41, R-32-55 to R-32-58.

mod decisions;
mod receive;
mod references;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tokio::task::{JoinError, spawn_blocking};

use super::{
    documents::StatedDocument,
    examine::{Examined, content_finding, examine},
    house,
    patient::{Decision, reconcile},
    prepare::{self, Prepared},
    settings::{Identity, ImportSettings},
    verify::{Progress, judge, measure},
};
use crate::{
    model::{
        AuditOutcome, DocumentUniqueId, EntryUuid, PatientId, RequestContext, ResponseStatus, Severity, XdsErrorCode,
        rim::SubmitObjectsRequest,
        xdm::{PackageFinding, PackageLimits, PackageReport, SetReport, SetState, Weight, XdmCode},
    },
    service::{
        Auditor, Repository,
        audit::events::{self, Actor, MediaImport, MediaKind, Submitted, Verdict},
        repository::DocumentError,
    },
    store::{Store, StoreError},
    wire::xdm::Medium,
};

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of documents.
    #[error(transparent)]
    Documents(#[from] DocumentError),
    /// A task of ours.
    #[error("a task of the import stopped: {0}")]
    Task(#[from] JoinError),
}

/// What a person chose.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Ordinals of the sets to take, all if empty.
    pub sets: BTreeSet<usize>,
    /// The patient of every set for whom nobody else is named.
    pub patient: Option<PatientId>,
    /// The patients of sets, by ordinal.
    pub patients: BTreeMap<usize, PatientId>,
    /// Take what is only held because somebody should look at it, such as an empty document.
    pub looked_at: bool,
    /// Ordinals of the sets that are taken in spite of wrong hashes or sizes, where this house allows it (R-32-36).
    pub overridden: BTreeSet<usize>,
    /// Do everything but keep nothing.
    pub dry_run: bool,
}

/// Where a package came from, for the audit.
#[derive(Clone, Debug)]
pub struct MediaOrigin {
    /// What the medium is known by.
    pub name: String,
    /// What kind of medium.
    pub kind: MediaKind,
    /// Who imports it at the command line.
    pub operator: Option<Actor>,
}

impl MediaOrigin {
    fn as_event(&self) -> MediaImport<'_> {
        MediaImport { name: &self.name, kind: self.kind, operator: self.operator.as_ref(), overridden: false }
    }
}

/// The Portable Media Importer.
#[derive(Clone)]
pub struct Importer {
    repository: Repository,
    store: Store,
    auditor: Auditor,
    settings: Arc<ImportSettings>,
    /// Asked before each set.
    wanted: Option<Wanted>,
}

/// Whether the import still is what somebody wants.
pub type Wanted = Arc<dyn Fn() -> BoxFuture<'static, Result<bool, StoreError>> + Send + Sync>;

/// What is known of a package while its sets are taken over one by one.
struct Running<'a> {
    examined: Arc<Examined>,
    choice: &'a Choice,
    origin: &'a MediaOrigin,
    progress: Progress<'a>,
    /// entryUUIDs that were taken and got a fresh one (R-32-57).
    minted: HashMap<EntryUuid, EntryUuid>,
    /// entryUUIDs of the package that were taken over, or would have been.
    taken: HashSet<EntryUuid>,
}

impl Importer {
    /// An importer that hands what it takes to this repository.
    pub fn new(repository: Repository, store: Store, auditor: Auditor, settings: ImportSettings) -> Self {
        Self { repository, store, auditor, settings: Arc::new(settings), wanted: None }
    }

    /// The same, which takes no further set once the import is not wanted any more: the rest is skipped.
    #[must_use]
    pub fn while_wanted(&self, wanted: Wanted) -> Self {
        Self { wanted: Some(wanted), ..self.clone() }
    }

    /// Where it hands what it takes.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What is too much.
    pub fn limits(&self) -> PackageLimits {
        self.settings.limits.clone()
    }

    /// Looks into a package and takes over what was chosen and is in order. The report says what became of each set.
    ///
    /// # Errors
    /// Trouble of our own; sets that were taken before stay.
    pub async fn import(
        &self,
        ctx: &mut RequestContext,
        medium: Medium,
        choice: &Choice,
        origin: &MediaOrigin,
        progress: Progress<'_>,
    ) -> Result<PackageReport, ImportError> {
        let settings = Arc::clone(&self.settings);
        let examined = match spawn_blocking(move || examine(medium, &settings)).await? {
            Ok(examined) => examined,
            Err(report) => {
                self.rejected(ctx, &report, choice, origin).await?;
                return Ok(report);
            }
        };
        let mut report = examined.report.clone();
        let mut running = Running {
            examined: Arc::new(examined),
            choice,
            origin,
            progress,
            minted: HashMap::new(),
            taken: HashSet::new(),
        };
        let mut stopped = false;
        for index in 0..report.sets.len() {
            let Some(set) = report.sets.get_mut(index) else { break };
            if stopped || !(choice.sets.is_empty() || choice.sets.contains(&set.ordinal)) {
                set.state = SetState::Skipped;
                continue;
            }
            if let Some(wanted) = &self.wanted
                && !wanted().await?
            {
                (stopped, set.state) = (true, SetState::Skipped);
                continue;
            }
            stopped = self.set(ctx, &mut running, index, set).await?;
        }
        report.settle();
        Ok(report)
    }

    /// Records that a whole package was refused.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn rejected(
        &self,
        ctx: &RequestContext,
        report: &PackageReport,
        choice: &Choice,
        origin: &MediaOrigin,
    ) -> Result<(), StoreError> {
        let error = report.findings.iter().find(|finding| finding.weight == Weight::Error);
        match error {
            Some(finding) if !choice.dry_run => self.record(ctx, origin, Submitted::default(), Some(finding)).await,
            _ => Ok(()),
        }
    }

    async fn record(
        &self,
        ctx: &RequestContext,
        origin: &MediaOrigin,
        submitted: Submitted<'_>,
        refused_for: Option<&PackageFinding>,
    ) -> Result<(), StoreError> {
        if !self.auditor.records() {
            return Ok(());
        }
        let verdict = match refused_for {
            None => Verdict::success(),
            Some(finding) => Verdict::failure(AuditOutcome::Minor, finding.code.as_str(), ""),
        };
        let event = events::media_imported(&self.auditor.parties(ctx), &origin.as_event(), submitted, verdict);
        self.auditor.record(vec![event]).await
    }

    /// Takes one set; tells whether there is no sense in going on.
    async fn set(
        &self,
        ctx: &mut RequestContext,
        running: &mut Running<'_>,
        index: usize,
        set: &mut SetReport,
    ) -> Result<bool, ImportError> {
        self.decide(running.choice, set);
        let mut stop = false;
        if set.state != SetState::Failed {
            stop = self.take(ctx, running, index, set).await?;
        }
        if set.state == SetState::Failed && !running.choice.dry_run && !stop {
            let failed = set.findings.iter().find(|finding| finding.weight == Weight::Error);
            // What the registry refused, the repository has recorded.
            if failed.is_some_and(|finding| finding.place != REGISTRATION) {
                self.record(ctx, running.origin, submitted(set), failed).await?;
            }
        }
        Ok(stop)
    }

    async fn take(
        &self,
        ctx: &mut RequestContext,
        running: &mut Running<'_>,
        index: usize,
        set: &mut SetReport,
    ) -> Result<bool, ImportError> {
        let (examined, settings) = (Arc::clone(&running.examined), Arc::clone(&self.settings));
        let read = spawn_blocking(move || examined.metadata(index, &settings)).await?;
        let submit = match read {
            Ok((submit, _)) => submit,
            Err(finding) => return Ok(fail(set, finding)),
        };
        let own: Vec<EntryUuid> = submit.objects.iter().filter_map(|it| it.id.as_deref()?.parse().ok()).collect();
        let Some(patient) = self.patient(running.choice, &submit, set).await? else { return Ok(false) };
        set.registered_patient_id = patient.to_string();
        let examined = Arc::clone(&running.examined);
        let documents = examined.documents.get(index).map(Vec::as_slice).unwrap_or_default();
        let Prepared { mut submit, .. } = prepare::prepare(submit, documents, &patient, &self.settings);
        if set.state == SetState::Held {
            return Ok(false);
        }
        if self.already_present(running, documents, set, &patient).await? {
            set.state = SetState::AlreadyPresent;
            if !running.choice.dry_run {
                self.record(ctx, running.origin, submitted(set), None).await?;
            }
            return Ok(false);
        }
        if set.state == SetState::Failed {
            return Ok(false);
        }
        if let Identity::Minted(source_id) = &self.settings.identity {
            house::mint(&mut submit, source_id, ctx);
        }
        self.settle_references(ctx, running, &mut submit, set).await?;
        if set.state == SetState::Failed {
            return Ok(false);
        }
        if running.choice.dry_run {
            self.try_documents(running, documents, set).await?;
            if set.state == SetState::Ready {
                running.taken.extend(own);
            }
            return Ok(false);
        }
        let Some(received) = self.receive_all(running, documents, &submit, set).await? else { return Ok(false) };
        let overridden = self.overrides(running.choice, set) && set.findings.iter().any(decisions::is_overridable);
        if overridden {
            house::recompute(&mut submit);
        }
        let media = MediaImport { overridden, ..running.origin.as_event() };
        let response = self.repository.import_from_media(ctx, submit, received, &media).await;
        let told = response.findings.iter().map(|finding| {
            let weight = if finding.severity == Severity::Error { Weight::Error } else { Weight::Warning };
            PackageFinding { weight, ..PackageFinding::error(finding.code, "", &*finding.context) }.at(REGISTRATION)
        });
        set.findings.extend(told);
        set.state = match response.status {
            ResponseStatus::Success => {
                running.taken.extend(own);
                SetState::Imported
            }
            _ => SetState::Failed,
        };
        let full = [XdsErrorCode::RepositoryOutOfResources, XdsErrorCode::RegistryOutOfResources];
        Ok(response.findings.iter().any(|finding| full.contains(&finding.code)))
    }

    /// The patient whom a person named, or the one who can be told without doubt (R-32-38).
    async fn patient(
        &self,
        choice: &Choice,
        submit: &SubmitObjectsRequest,
        set: &mut SetReport,
    ) -> Result<Option<PatientId>, StoreError> {
        if let Some(patient) = choice.patients.get(&set.ordinal).or(choice.patient.as_ref()) {
            return Ok(Some(patient.clone()));
        }
        let mut tx = self.store.read().await?;
        match reconcile(&mut tx, submit, &self.settings).await? {
            Decision::Registered(patient) => Ok(Some(patient)),
            Decision::Held(why) => {
                set.findings.push(PackageFinding::held(XdmCode::DocumentQueued, &*set.folder, why));
                set.settle();
                Ok(None)
            }
        }
    }

    /// Whether every document of the set is here already, for this patient and with these octets (R-32-56).
    async fn already_present(
        &self,
        running: &Running<'_>,
        documents: &[StatedDocument],
        set: &mut SetReport,
        patient: &PatientId,
    ) -> Result<bool, ImportError> {
        let ids: Vec<String> = set.documents.iter().map(|document| document.unique_id.clone()).collect();
        if ids.is_empty() || ids.iter().any(|id| id.parse::<DocumentUniqueId>().is_err()) {
            return Ok(false);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let rows = self.store.read().await?.find_documents(&ids).await?;
        let known = rows.iter().flatten().filter(|row| row.patient.as_ref().is_none_or(|it| it == patient)).count();
        if known != ids.len() {
            return Ok(false);
        }
        let mut same = true;
        for (number, (document, row)) in documents.iter().zip(rows.iter().flatten()).enumerate() {
            let Some(entry) = document.entry else { return Ok(false) };
            let Some(report) = set.documents.get_mut(number) else { return Ok(false) };
            let (medium, stated) = (running.examined.medium.clone(), document.clone());
            let measured = spawn_blocking(move || measure(&medium, entry, &stated)).await?;
            match measured {
                Ok(measured) => {
                    same &= measured.sha1 == row.sha1 && measured.size_bytes == row.size_bytes;
                    let found = judge(&running.examined.medium, entry, document, &measured, report);
                    set.findings.extend(found);
                }
                Err(error) => set.findings.push(content_finding(&error, &report.file)),
            }
        }
        self.decide(running.choice, set);
        Ok(same && set.state != SetState::Failed)
    }
}

/// Place of what was found when a set was registered.
const REGISTRATION: &str = "registration";

fn fail(set: &mut SetReport, finding: PackageFinding) -> bool {
    set.findings.push(finding);
    set.settle();
    false
}

fn submitted(set: &SetReport) -> Submitted<'_> {
    let patient = Some(&*set.registered_patient_id).filter(|id| !id.is_empty());
    let sent = Some(&*set.patient_id).filter(|id| !id.is_empty());
    Submitted { patient: patient.or(sent), submission_set: Some(&*set.unique_id).filter(|id| !id.is_empty()) }
}
