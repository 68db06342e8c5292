//! What is done about packages without being asked: at the start, and now and then. Source: R-32-60 (`xdm.retention`).

use std::collections::HashSet;

use super::{EXPORT, IMPORT, INSPECT, POLICY, PackageError, PackageFiles, Packages};
use crate::{
    model::xdm::{Direction, PackageId, PackageState},
    store::{Settlement, StoreError, XdmPackage, kind_at},
};

/// The kinds of jobs about packages.
const KINDS: [&str; 3] = [EXPORT, INSPECT, IMPORT];

/// What was put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Jobs that were running when a process went away.
    pub returned: usize,
    /// Files that belong to nothing.
    pub orphans: usize,
    /// Packages whose file is gone, as after a restore.
    pub missing: usize,
    /// Packages whose job was given up.
    pub lost: usize,
    /// Packages whose time was over.
    pub expired: usize,
}

impl Packages {
    /// Takes up what a process before this one left: its jobs wait again, its temporary files go. Before any request.
    ///
    /// # Errors
    /// When database or files cannot be used.
    pub async fn start(&self) -> Result<Upkeep, PackageError> {
        let now_ms = (self.shared.clock)();
        self.adopt(now_ms).await?;
        let instance = self.shared.files.instance().to_owned();
        let here = instance.clone();
        let returned = self.shared.store.write(move |tx| {
            let kinds = KINDS.map(|kind| kind_at(kind, &here));
            Box::pin(async move {
                let mut returned = 0;
                for kind in kinds {
                    returned += tx.reclaim_all_jobs(&kind, now_ms, POLICY.attempts).await?;
                }
                Ok::<_, StoreError>(returned)
            })
        });
        let returned = returned.await?;
        let known = self.shared.store.read().await?.xdm_files(&instance).await?;
        let mut missing = 0;
        for file in known.iter().filter(|file| !self.shared.files.has(file)) {
            let (file, instance) = (file.clone(), instance.clone());
            let dropped = self.shared.store.write(move |tx| {
                let (file, instance) = (file.clone(), instance.clone());
                Box::pin(async move { tx.drop_xdm_file_named(&file, &instance).await })
            });
            missing += usize::from(dropped.await?);
        }
        let orphans = self.shared.files.clean(known.into_iter().collect()).await?;
        Ok(Upkeep { returned, orphans, missing, ..self.upkeep().await? })
    }

    /// Takes over packages from before data directories had names: those whose file is here, and those that have none.
    async fn adopt(&self, now_ms: i64) -> Result<(), PackageError> {
        let of_nobody = self.shared.store.read().await?.xdm_packages_of_nobody().await?;
        let is_here = |file: &Option<String>| file.as_ref().is_none_or(|file| self.shared.files.has(file));
        let found: Vec<PackageId> = of_nobody.into_iter().filter(|(_, file)| is_here(file)).map(|(id, _)| id).collect();
        if found.is_empty() {
            return Ok(());
        }
        let instance = self.shared.files.instance().to_owned();
        let adopted = self.shared.store.write(move |tx| {
            let (found, instance) = (found.clone(), instance.clone());
            Box::pin(async move {
                let mut jobs = Vec::new();
                for id in found {
                    if tx.adopt_xdm_package(id, &instance).await? {
                        jobs.extend(tx.find_xdm_package(id).await?.and_then(|package| package.job_id));
                    }
                }
                for kind in KINDS {
                    tx.reclaim_all_jobs(kind, now_ms, POLICY.attempts).await?;
                    tx.rename_jobs(&jobs, kind, &kind_at(kind, &instance)).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        Ok(adopted.await?)
    }

    /// Removes the files of packages whose time is over, and says of packages that nobody works on any more that they failed.
    ///
    /// # Errors
    /// When database or files cannot be used.
    pub async fn upkeep(&self) -> Result<Upkeep, PackageError> {
        let mut done = Upkeep::default();
        let now_ms = (self.shared.clock)();
        done.lost = self.settle_lost(now_ms).await?;
        done.expired = self.remove_expired(now_ms).await?;
        done.orphans = self.remove_unnoted().await?;
        // What is known of a package stays as long again as its file did.
        let retention_ms = self.expiry(0);
        let forgotten_ms = now_ms.saturating_sub(retention_ms);
        let forgotten =
            self.shared.store.write(move |tx| Box::pin(async move { tx.delete_xdm_packages(forgotten_ms).await }));
        let _: u64 = forgotten.await?;
        Ok(done)
    }

    async fn settle_lost(&self, now_ms: i64) -> Result<usize, PackageError> {
        let (mut count, mut after) = (0, None);
        loop {
            let lost = self.shared.store.read().await?.lost_xdm_packages(after).await?;
            let Some(last) = lost.last() else { return Ok(count) };
            after = Some(last.package_id);
            for package in lost {
                count += usize::from(self.settle_one_lost(&package, now_ms).await?);
            }
        }
    }

    async fn settle_one_lost(&self, package: &XdmPackage, now_ms: i64) -> Result<bool, PackageError> {
        let withdrawn = package.state == PackageState::Withdrawn;
        let unknown = || Some("XdmLost: its job is gone".to_owned());
        let settlement = Settlement {
            state: if withdrawn { PackageState::Withdrawn } else { PackageState::Failed },
            report: None,
            problem: package.problem.clone().or_else(unknown),
            file: package.file.clone(),
            octets: package.octets,
            ended_ms: now_ms,
            expires_ms: self.expiry(now_ms),
        };
        let id = package.package_id;
        let settled = self.shared.store.write(move |tx| {
            let settlement = settlement.clone();
            Box::pin(async move { tx.settle_xdm_package(id, &settlement).await })
        });
        Ok(settled.await?)
    }

    /// Removes what is to go, all of it; a file that cannot be removed keeps its row, and is tried again the next time.
    async fn remove_expired(&self, now_ms: i64) -> Result<usize, PackageError> {
        let (mut count, mut after) = (0, None);
        loop {
            let instance = self.shared.files.instance();
            let expired = self.shared.store.read().await?.expired_xdm_packages(now_ms, after, instance).await?;
            let Some(last) = expired.last() else { return Ok(count) };
            after = Some(last.package_id);
            for package in expired {
                let id = package.package_id;
                match self.drop_file(id).await {
                    Ok(dropped) => count += usize::from(dropped),
                    Err(PackageError::Io(error)) => {
                        tracing::warn!(package = %id, %error, "the file of a package cannot be removed at the moment");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Removes packages that were made without their job having noted it, as where that was given up before their mail could
    /// be written.
    async fn remove_unnoted(&self) -> Result<usize, PackageError> {
        // Files before rows: what has its name by now has a job that still works on it, or one that has noted it.
        let made = self.shared.files.outgoing().await?;
        let instance = self.shared.files.instance();
        let noted: HashSet<String> = self.shared.store.read().await?.xdm_files(instance).await?.into_iter().collect();
        let mut count = 0;
        for id in made.into_iter().filter(|id| !noted.contains(&PackageFiles::name(Direction::Export, *id))) {
            let package = self.shared.store.read().await?.find_xdm_package(id).await?;
            if package.is_some_and(|package| package.state.is_open() || package.file.is_some()) {
                continue;
            }
            match self.shared.files.remove(id).await {
                Ok(()) => count += 1,
                Err(error) => {
                    tracing::warn!(package = %id, %error, "the file of a package cannot be removed at the moment");
                }
            }
        }
        Ok(count)
    }
}
