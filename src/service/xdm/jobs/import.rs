//! The jobs that look into a package that came, and that take it over. Source: R-32-33 to R-32-38, R-32-61.

use std::fs::File;

use tokio::task::spawn_blocking;

use super::{
    Delivery, IMPORT, ImportOrder, Packages,
    caller::{Begun, NotBegun},
    choice::is_green,
    export::{again, place},
    settle::Next,
};
use crate::{
    model::xdm::{Direction, PackageId, PackageOutcome, PackageReport, PackageState, SetState, Weight},
    service::{
        audit::events::MediaKind,
        jobs::Outcome,
        xdm::{Choice, Importer, MediaOrigin},
    },
    store::{PackageJob, Settlement, TakenJob, XdmPackage},
    wire::xdm::{Medium, MediumError},
};

/// What may be done with what came.
enum Work {
    /// It is looked into; nothing is kept.
    Inspect,
    /// What was chosen is taken over.
    Import,
}

impl Packages {
    /// Looks into the package of a job: every document is read once, whose it is is found out, and nothing is kept. One that
    /// is to be taken over without asking is, if every check is green.
    pub(super) async fn inspect(self, job: TakenJob) -> Outcome {
        self.take_up(job, Work::Inspect).await
    }

    /// Takes over what was chosen of the package of a job. Sets that an attempt before this one took are already present.
    pub(super) async fn import(self, job: TakenJob) -> Outcome {
        self.take_up(job, Work::Import).await
    }

    async fn take_up(self, job: TakenJob, work: Work) -> Outcome {
        let Begun { package, mut ctx, operator } = match self.begin(&job).await {
            Ok(begun) => begun,
            Err(not_begun) => return self.not_begun(&job, not_begun).await,
        };
        let id = package.package_id;
        let Some(importer) = &self.shared.importer else {
            return self.failed(&job, &package, "XdmNotHere: the repository is not here".to_owned()).await;
        };
        let order: ImportOrder = serde_json::from_str(&package.order).unwrap_or_default();
        let choice = match (&work, order.choice()) {
            (Work::Inspect, _) => Choice { dry_run: true, ..Choice::default() },
            (Work::Import, Ok(choice)) => choice,
            (Work::Import, Err(error)) => return self.failed(&job, &package, format!("XdmOrder: {error}")).await,
        };
        if !choice.overridden.is_empty() && !self.may_override(&ctx.caller.node) {
            let text = "XdmOverride: the node may not have documents taken that are not what their hash or size say";
            return self.failed(&job, &package, text.to_owned()).await;
        }
        let origin = MediaOrigin { name: place(id), kind: kind_of(package.delivery), operator };
        let work_on = PackageJob { package_id: id, job_id: job.job_id };
        let importer = importer.while_wanted(work_on, package.created_ms);
        let (report, is_told) = match self.medium(id).await {
            Ok(Ok(medium)) => match importer.import(&mut ctx, medium, &choice, &origin, &|_| {}).await {
                Ok(report) => (report, !choice.dry_run),
                Err(error) => return again(id, &error),
            },
            Ok(Err(MediumError::Rejected(finding))) => (PackageReport::rejected(finding), false),
            Ok(Err(MediumError::Io(error))) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.failed(&job, &package, "XdmGone: the package is not here any more".to_owned()).await;
            }
            Ok(Err(MediumError::Io(error))) => return again(id, &error),
            Err(error) => return again(id, &error),
        };
        // Also where nothing was to be kept yet, a package that is refused is in the trail (spec §11).
        if report.outcome == PackageOutcome::Rejected && !is_told {
            let choice = Choice { dry_run: false, ..choice };
            if let Err(error) = importer.rejected(&ctx, &report, &choice, &origin).await {
                return again(id, &error);
            }
        }
        let follows = matches!(work, Work::Inspect) && order.auto_commit && is_green(&report);
        let state = match work {
            Work::Inspect => inspected(&report, order.auto_commit && !follows),
            Work::Import => imported(&report),
        };
        let next = match follows.then(|| self.job(&ctx, IMPORT, &package, None)).transpose() {
            Ok(job) => job.map_or(Next::Nothing, |job| Next::Job(job, package.order.clone(), package.runs)),
            Err(error) => return again(id, &error),
        };
        let ended_ms = (self.shared.clock)();
        let settlement = Settlement {
            state,
            report: serde_json::to_string(&report).ok(),
            problem: (state == PackageState::Failed).then(|| problem(&report)),
            file: package.file.clone(),
            octets: package.octets,
            ended_ms,
            expires_ms: self.expiry(ended_ms),
        };
        let told = settlement.report.clone();
        match self.settle(job.lease, id, settlement, next).await {
            Ok(false) if matches!(work, Work::Import) => self.withdrawn_meanwhile(work_on, told).await,
            Ok(false) => Outcome::Settled,
            Ok(true) => {
                let (state, sets) = (state.as_str(), report.sets.len());
                tracing::info!(package = %id, state, sets, "looked into, or took over, a package");
                Outcome::Settled
            }
            Err(error) => again(id, &error),
        }
    }

    /// Keeps what was taken of a package before it was withdrawn.
    async fn withdrawn_meanwhile(&self, job: PackageJob, report: Option<String>) -> Outcome {
        let Some(report) = report else { return Outcome::Settled };
        let kept = self.shared.store.write(move |tx| {
            let report = report.clone();
            Box::pin(async move { tx.tell_of_withdrawn_xdm_package(job, &report).await })
        });
        match kept.await {
            Ok(_) => Outcome::Settled,
            Err(error) => again(job.package_id, &error),
        }
    }

    /// Opens the file of a package.
    async fn medium(&self, id: PackageId) -> Result<Result<Medium, MediumError>, tokio::task::JoinError> {
        let path = self.shared.files.path(Direction::Import, id);
        let limits = self.shared.importer.as_ref().map(Importer::limits).unwrap_or_default();
        spawn_blocking(move || Medium::of_archive(File::open(path)?, &limits)).await
    }

    /// Gives a job up whose package cannot be worked on.
    pub(super) async fn not_begun(&self, job: &TakenJob, why: NotBegun) -> Outcome {
        match why {
            NotBegun::Gone => Outcome::Failed("XdmGone: the package is not here any more".to_owned()),
            NotBegun::Store(error) => Outcome::Again(error.to_string()),
            NotBegun::Refused(id, why) => match self.get(id).await {
                Ok(package) => self.failed(job, &package, why.to_owned()).await,
                Err(error) => again(id, &error),
            },
        }
    }

    /// Ends a job that will never succeed.
    pub(super) async fn failed(&self, job: &TakenJob, package: &XdmPackage, problem: String) -> Outcome {
        let (id, ended_ms) = (package.package_id, (self.shared.clock)());
        tracing::info!(package = %id, problem = problem.split(':').next(), "gave a package up");
        let settlement = Settlement {
            state: PackageState::Failed,
            report: None,
            problem: Some(problem),
            file: package.file.clone(),
            octets: package.octets,
            ended_ms,
            expires_ms: self.expiry(ended_ms),
        };
        match self.settle(job.lease, id, settlement, Next::Nothing).await {
            Ok(_) => Outcome::Settled,
            Err(error) => again(id, &error),
        }
    }
}

const fn kind_of(delivery: Delivery) -> MediaKind {
    match delivery {
        // A file in the watched folder is a file at a place, not a disk that somebody brought.
        Delivery::Package | Delivery::Reference | Delivery::Folder => MediaKind::Uri,
        Delivery::Mail => MediaKind::Email,
    }
}

/// Where a package stands that was looked into. One that was to be taken over without asking, and cannot be, is held.
fn inspected(report: &PackageReport, is_held: bool) -> PackageState {
    let any = |state| report.sets.iter().any(|set| set.state == state);
    if report.outcome == PackageOutcome::Rejected || report.sets.iter().all(|set| set.state == SetState::Failed) {
        PackageState::Failed
    } else if is_held || (any(SetState::Held) && !any(SetState::Ready)) {
        PackageState::Held
    } else {
        PackageState::Inspected
    }
}

/// Where a package stands that was to be taken over.
fn imported(report: &PackageReport) -> PackageState {
    if report.sets.iter().any(|set| set.state == SetState::Held) {
        return PackageState::Held;
    }
    match report.outcome {
        PackageOutcome::All | PackageOutcome::AlreadyPresent | PackageOutcome::Some => PackageState::Done,
        PackageOutcome::None | PackageOutcome::Rejected => PackageState::Failed,
    }
}

/// The first thing that was wrong, as a code; its words may repeat the package.
fn problem(report: &PackageReport) -> String {
    let first = report.all_findings().find(|finding| finding.weight == Weight::Error);
    let code = first.map_or("XdmNothing", |finding| finding.code.as_str());
    format!("{code}: see the report of the package")
}
