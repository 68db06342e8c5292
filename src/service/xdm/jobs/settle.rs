//! The end of a job: what became of its package is written down with it.

use super::Packages;
use crate::{
    model::xdm::PackageId,
    service::mail::PreparedMail,
    store::{JobLease, NewJob, Settlement, StoreError, Tx},
};

/// What comes after a job, and is noted with its end.
#[derive(Clone)]
pub(super) enum Next {
    /// Nothing.
    Nothing,
    /// A job that goes on with the package, its order, and how many jobs there were before.
    Job(NewJob, String, i64),
    /// The mail in which the package leaves.
    Mail(Box<PreparedMail>),
}

impl Packages {
    /// Ends a job, says what became of its package, and orders what comes next, all or nothing; false when the job was not
    /// ours any more.
    pub(super) async fn settle(
        &self,
        lease: JobLease,
        id: PackageId,
        settlement: Settlement,
        next: Next,
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
                    match &next {
                        Next::Nothing => {}
                        Next::Job(job, order, runs) => {
                            let job_id = tx.enqueue_at(&instance, job, settlement.ended_ms).await?;
                            tx.order_xdm_package_again(id, job_id, order, *runs).await?;
                        }
                        Next::Mail(mail) => {
                            tx.insert_mail(&mail.mail).await?;
                            tx.enqueue(&mail.job, settlement.ended_ms).await?;
                        }
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
