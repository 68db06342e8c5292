//! The end of a job: what became of its package is written down with it.

use super::Packages;
use crate::{
    model::xdm::PackageId,
    store::{JobLease, NewJob, Settlement, StoreError, Tx},
};

impl Packages {
    /// Ends a job and says what became of its package, both or neither; false when the job was not ours any more.
    ///
    /// `next` is a job that goes on with a package that had so many, and its order.
    pub(super) async fn settle(
        &self,
        lease: JobLease,
        id: PackageId,
        settlement: Settlement,
        next: Option<(NewJob, String, i64)>,
    ) -> Result<bool, StoreError> {
        let instance = self.shared.files.instance().to_owned();
        let settled = self
            .shared
            .store
            .write(move |tx: &mut Tx| {
                let (settlement, next, instance) = (settlement.clone(), next.clone(), instance.clone());
                Box::pin(async move {
                    let ended = match &settlement.problem {
                        Some(problem) => tx.fail_job(lease, settlement.ended_ms, problem).await?,
                        None => tx.finish_job(lease, settlement.ended_ms).await?,
                    };
                    if !ended || !tx.settle_xdm_package(id, &settlement).await? {
                        return Ok(false);
                    }
                    if let Some((job, order, runs)) = &next {
                        let job_id = tx.enqueue_at(&instance, job, settlement.ended_ms).await?;
                        tx.order_xdm_package_again(id, job_id, order, *runs).await?;
                    }
                    Ok::<_, StoreError>(true)
                })
            })
            .await?;
        self.shared.ended.send_modify(|count| *count += 1);
        self.shared.bell.notify_one();
        Ok(settled)
    }
}
