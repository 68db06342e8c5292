//! Taking over: each submission set as an ITI-41 of this house, whole or not at all.
//!
//! Source: spec xdm R-32-33 to R-32-38, R-32-41, R-32-55 to R-32-58.

mod decisions;
mod looked_at;
mod present;
mod recall;
mod receive;
mod recorded;
mod references;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

pub use looked_at::LookedAt;
use recorded::submitted;
use tokio::task::JoinError;

use super::{
    desk::{Desk, Gone},
    documents::StatedDocument,
    examine::{Examined, survey},
    gathered::Gathered,
    house,
    inside::compare_with_patient,
    patient::{Decision, reconcile, survivor},
    prepare::{self, Prepared},
    settings::{Identity, ImportSettings},
    verify::Progress,
};
use crate::{
    model::{
        EntryUuid, PatientId, RequestContext, ResponseStatus, Severity, XdsErrorCode,
        rim::SubmitObjectsRequest,
        xdm::{PackageFinding, PackageLimits, PackageReport, SetReport, SetState, Weight, XdmCode},
    },
    service::{
        Auditor, Repository,
        audit::events::{Actor, MediaImport, MediaKind},
        jobs::Clock,
        repository::DocumentError,
    },
    store::{PackageJob, Store, StoreError},
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
    /// The choice of a person speaks of a set that is not there.
    #[error("the package has no set {0}")]
    NoSet(usize),
    /// A task of ours.
    #[error("a task of the import stopped: {0}")]
    Task(#[from] JoinError),
    /// The thread that reads metadata.
    #[error(transparent)]
    Desk(#[from] Gone),
    /// There is none to be had.
    #[error("no thread can be begun: {0}")]
    Thread(#[from] std::io::Error),
}

/// What a person chose.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Ordinals of the sets to take, all if empty.
    pub sets: BTreeSet<usize>,
    /// The patient of the only set, or of those of several that wait for one: a set that is, or may be, of somebody else who is
    /// known is held unless its own patient is named.
    pub patient: Option<PatientId>,
    /// The patients of sets, by ordinal.
    pub patients: BTreeMap<usize, PatientId>,
    /// Which sets are taken that are only held because somebody should look at them.
    pub looked_at: LookedAt,
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

impl Choice {
    /// Every set that it speaks of.
    fn ordinals(&self) -> impl Iterator<Item = usize> {
        let decided = self.patients.keys().chain(&self.overridden).chain(self.looked_at.ordinals());
        self.sets.iter().chain(decided).copied()
    }
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
    clock: Clock,
    /// Nothing more is taken once this is not wanted any more.
    job: Option<PackageJob>,
    /// When the package of that job came, in milliseconds since 1970.
    came_ms: Option<i64>,
}

/// Whose a set is.
struct Whose {
    patient: PatientId,
    /// The same by the number that was told, if a merge has joined that to another one.
    told: PatientId,
    /// The metadata tell it, and somebody else is named for all sets.
    is_disputed: bool,
}

impl Whose {
    fn named(patient: &PatientId) -> Self {
        Self { patient: patient.clone(), told: patient.clone(), is_disputed: false }
    }
}

/// What became of the taking of a set.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// There is no sense in going on with the package.
    stop: bool,
    /// The repository has told the audit trail.
    recorded: bool,
}

/// A document with its place in the set.
type Numbered<'a> = (usize, &'a StatedDocument);

/// What is known of a package while its sets are taken over one by one.
struct Running<'a> {
    examined: Arc<Examined>,
    /// Where metadata are read.
    desk: Desk,
    choice: &'a Choice,
    origin: &'a MediaOrigin,
    progress: Progress<'a>,
    /// What concerns more than one set.
    whole: Gathered,
    /// entryUUIDs that were taken and got a fresh one (R-32-57).
    minted: HashMap<EntryUuid, EntryUuid>,
    /// entryUUIDs of the package that were taken over, or would have been.
    taken: HashSet<EntryUuid>,
}

impl Importer {
    /// An importer that hands what it takes to this repository.
    pub fn new(repository: Repository, store: Store, auditor: Auditor, settings: ImportSettings, clock: Clock) -> Self {
        Self { repository, store, auditor, settings: Arc::new(settings), clock, job: None, came_ms: None }
    }

    /// The same, for as long as a job is to work on a package: whoever withdraws that finds nothing taken afterwards, and the
    /// rest of it is skipped. The package came at `came_ms`: documents that the caller brought since are taken for those of it.
    #[must_use]
    pub fn while_wanted(&self, job: PackageJob, came_ms: i64) -> Self {
        Self { job: Some(job), came_ms: Some(came_ms), ..self.clone() }
    }

    /// Whether the package is to be taken still.
    async fn is_wanted(&self) -> Result<bool, StoreError> {
        match self.job {
            Some(job) => self.store.read().await?.is_xdm_package_wanted(job).await,
            None => Ok(true),
        }
    }

    /// Where it hands what it takes.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether a person may take a set in spite of wrong hashes or sizes.
    pub fn may_override(&self) -> bool {
        self.settings.may_override
    }

    /// What is too much.
    pub fn limits(&self) -> PackageLimits {
        self.settings.limits.clone()
    }

    /// Looks into a package, set by set, and takes over what was chosen and is in order. The report says what became of each
    /// set.
    ///
    /// # Errors
    /// A choice of sets that are not there, before anything is taken. Trouble of our own; sets that were taken before stay.
    pub async fn import(
        &self,
        ctx: &mut RequestContext,
        medium: Medium,
        choice: &Choice,
        origin: &MediaOrigin,
        progress: Progress<'_>,
    ) -> Result<PackageReport, ImportError> {
        let (desk, settings) = (Desk::new()?, Arc::clone(&self.settings));
        let (examined, whole) = match desk.run(move || survey(medium, &settings)).await? {
            Ok(surveyed) => surveyed,
            Err(report) => {
                self.rejected(ctx, &report, choice, origin).await?;
                return Ok(report);
            }
        };
        if let Some(missing) = choice.ordinals().find(|ordinal| !(1..=examined.sets()).contains(ordinal)) {
            return Err(ImportError::NoSet(missing));
        }
        let mut report = examined.report.clone();
        let mut gathered = Gathered::once_more(examined.medium.table());
        let mut running = Running {
            examined: Arc::new(examined),
            desk,
            choice,
            origin,
            progress,
            whole,
            minted: HashMap::new(),
            taken: HashSet::new(),
        };
        let mut stopped = false;
        for index in 0..running.examined.sets() {
            let (examined, settings) = (Arc::clone(&running.examined), Arc::clone(&self.settings));
            let looked_into = running.desk.run(move || {
                let found = examined.examine_set(index, &settings, &mut gathered);
                (gathered, found)
            });
            let (back, found) = looked_into.await?;
            gathered = back;
            let (mut set, documents) = found.unwrap_or_else(|finding| {
                let mut set = SetReport::new(index + 1, "");
                set.findings.push(finding);
                (set, Vec::new())
            });
            running.whole.contradict(index, &mut set, &documents);
            set.settle();
            let chosen = choice.sets.is_empty() || choice.sets.contains(&set.ordinal);
            if chosen && !stopped {
                stopped = !self.is_wanted().await?;
            }
            if stopped || !chosen {
                // A set after it may speak of it.
                let is_before_chosen = choice.sets.last().is_some_and(|last| set.ordinal < *last);
                if !stopped && is_before_chosen && set.state != SetState::Failed {
                    self.recall_unchosen(ctx, &mut running, index).await?;
                }
                set.state = SetState::Skipped;
            } else {
                ctx.now = jiff::Timestamp::from_millisecond((self.clock)()).unwrap_or(ctx.now);
                stopped = self.set(ctx, &mut running, index, &documents, &mut set).await?;
            }
            report.sets.push(set);
        }
        report.settle();
        Ok(report)
    }

    /// Takes one set; tells whether there is no sense in going on.
    async fn set(
        &self,
        ctx: &mut RequestContext,
        running: &mut Running<'_>,
        index: usize,
        documents: &[StatedDocument],
        set: &mut SetReport,
    ) -> Result<bool, ImportError> {
        self.decide(running.choice, set);
        let mut taken = Taken::default();
        if set.state != SetState::Failed {
            taken = self.take(ctx, running, index, documents, set).await?;
        }
        if set.state == SetState::Failed && !running.choice.dry_run && !taken.recorded {
            let failed = set.findings.iter().find(|finding| finding.weight == Weight::Error);
            self.record(ctx, running.origin, submitted(set), failed).await?;
        }
        Ok(taken.stop)
    }

    async fn take(
        &self,
        ctx: &mut RequestContext,
        running: &mut Running<'_>,
        index: usize,
        documents: &[StatedDocument],
        set: &mut SetReport,
    ) -> Result<Taken, ImportError> {
        let (examined, settings) = (Arc::clone(&running.examined), Arc::clone(&self.settings));
        let read = running.desk.run(move || examined.metadata(index, &settings)).await?;
        let submit = match read {
            Ok((submit, _)) => submit,
            Err(finding) => {
                set.findings.push(finding);
                set.settle();
                return Ok(Taken::default());
            }
        };
        let Some(Whose { patient, told, is_disputed }) = self.patient(running, &submit, set).await? else {
            return Ok(Taken::default());
        };
        set.registered_patient_id = patient.to_string();
        compare_with_patient(&told, &submit, documents, set);
        self.decide(running.choice, set);
        let Prepared { mut submit, .. } = prepare::prepare(submit, documents, &patient, &self.settings);
        if set.state == SetState::Held {
            return Ok(Taken::default());
        }
        let present = self.present(running, documents, set, &patient).await?;
        if set.state == SetState::Failed {
            return Ok(Taken::default());
        }
        if !present.is_empty() {
            self.recall(ctx, running, &mut submit).await?;
        }
        if !present.is_empty() && present.len() == documents.len() {
            set.state = SetState::AlreadyPresent;
            if !running.choice.dry_run {
                self.record(ctx, running.origin, submitted(set), None).await?;
            }
            return Ok(Taken::default());
        }
        if is_disputed {
            hold(set, DISPUTED);
            return Ok(Taken::default());
        }
        let rest: Vec<Numbered<'_>> =
            documents.iter().enumerate().filter(|(number, _)| !present.contains_key(number)).collect();
        let here = self.take_out(ctx, &mut submit, present).await?;
        let own: Vec<EntryUuid> = submit.objects.iter().filter_map(|it| it.id.as_deref()?.parse().ok()).collect();
        if let Identity::Minted(source_id) = &self.settings.identity {
            house::mint(&mut submit, source_id, ctx);
        }
        let minted = self.settle_references(ctx, running, &mut submit, set, &patient, &here).await?;
        if set.state == SetState::Failed {
            return Ok(Taken::default());
        }
        if running.choice.dry_run {
            self.try_documents(running, &rest, set).await?;
            if set.state == SetState::Ready {
                running.taken.extend(own);
                running.minted.extend(minted);
            }
            return Ok(Taken::default());
        }
        let Some(received) = self.receive_all(running, &rest, &submit, set).await? else {
            return Ok(Taken::default());
        };
        let overridden = self.overrides(running.choice, set) && set.findings.iter().any(decisions::is_overridable);
        if overridden {
            house::recompute(&mut submit);
        }
        let media = MediaImport { overridden, ..running.origin.as_event() };
        let response = self.repository.import_from_media(ctx, submit, received, &media, self.job).await;
        if response.status != ResponseStatus::Success && !self.is_wanted().await? {
            set.state = SetState::Skipped;
            return Ok(Taken { stop: true, recorded: true });
        }
        let told = response.findings.iter().map(|finding| {
            let weight = if finding.severity == Severity::Error { Weight::Error } else { Weight::Warning };
            PackageFinding { weight, ..PackageFinding::error(finding.code, "", &*finding.context) }.at(REGISTRATION)
        });
        set.findings.extend(told);
        set.state = match response.status {
            ResponseStatus::Success => {
                running.taken.extend(own);
                running.minted.extend(minted);
                SetState::Imported
            }
            _ => SetState::Failed,
        };
        let full = [XdsErrorCode::RepositoryOutOfResources, XdsErrorCode::RegistryOutOfResources];
        Ok(Taken { stop: response.findings.iter().any(|finding| full.contains(&finding.code)), recorded: true })
    }

    /// The patient whom a person named, or the one who can be told without doubt (R-32-38).
    async fn patient(
        &self,
        running: &Running<'_>,
        submit: &SubmitObjectsRequest,
        set: &mut SetReport,
    ) -> Result<Option<Whose>, StoreError> {
        let choice = running.choice;
        // One who is named for a package of one set, or for one of its sets, is named for that.
        let is_only = running.examined.sets() == 1 || choice.sets.len() == 1;
        let of_this = choice.patients.get(&set.ordinal).or_else(|| choice.patient.as_ref().filter(|_| is_only));
        if let Some(patient) = of_this {
            return Ok(Some(Whose::named(patient)));
        }
        let mut tx = self.store.read().await?;
        match (reconcile(&mut tx, submit, &self.settings).await?, &choice.patient) {
            (Decision::Registered(told), named) => {
                let patient = survivor(&mut tx, &told).await?;
                let is_disputed = match named {
                    Some(named) => survivor(&mut tx, named).await? != patient,
                    None => false,
                };
                Ok(Some(Whose { patient, told, is_disputed }))
            }
            (Decision::Unknown(_), Some(named)) => Ok(Some(Whose::named(named))),
            (Decision::Unknown(why), None) | (Decision::InDoubt(why), _) => {
                hold(set, why);
                Ok(None)
            }
        }
    }
}

const DISPUTED: &str = "the metadata name another patient than the one who is named for all sets: name the patient of this set by its number";

/// Lets a set wait for somebody to say who the patient is.
fn hold(set: &mut SetReport, why: &str) {
    set.findings.push(PackageFinding::held(XdmCode::DocumentQueued, &*set.folder, why));
    set.settle();
}

/// Place of what was found when a set was registered.
const REGISTRATION: &str = "registration";
