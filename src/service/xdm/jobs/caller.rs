//! For whom a job works: the node that ordered it, as it stands when the job runs.

use super::{Packages, Payload};
use crate::{
    model::{Caller, Ids, Node, RequestContext, Standing, xdm::PackageId},
    store::{StoreError, TakenJob, XdmPackage},
};

/// A job that can begin.
pub(super) struct Begun {
    pub(super) package: XdmPackage,
    pub(super) ctx: RequestContext,
}

/// Why a job does not begin.
pub(super) enum NotBegun {
    /// The package is gone.
    Gone,
    /// The node may not take part any more.
    Node(PackageId),
    /// It could not be read.
    Store(StoreError),
}

impl From<StoreError> for NotBegun {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Packages {
    /// The package of a job, and a request in the name of its node: what that may see and do is decided anew.
    pub(super) async fn begin(&self, job: &TakenJob) -> Result<Begun, NotBegun> {
        let payload: Payload = serde_json::from_str(&job.payload).map_err(|_| NotBegun::Gone)?;
        let id: PackageId = payload.package.parse().map_err(|_| NotBegun::Gone)?;
        let mut tx = self.shared.store.read().await?;
        let package = tx.find_xdm_package(id).await?.ok_or(NotBegun::Gone)?;
        let mut caller = Caller { address: payload.address, ..Caller::loopback() };
        if package.node_key != Node::LOOPBACK {
            let records = tx.node_records().await?;
            let record = records.into_iter().find(|record| record.node.key == package.node_key);
            let active =
                |node: &Node| node.standing == Standing::Active && node.organisation.standing == Standing::Active;
            let node = record.map(|record| record.node).filter(|node| active(node)).ok_or(NotBegun::Node(id))?;
            caller = Caller { subject: node.name.clone(), node, ..caller };
        }
        drop(tx);
        let now = jiff::Timestamp::from_millisecond((self.shared.clock)()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let mut ctx = RequestContext::new(caller, now, "".into(), Ids::Random);
        ctx.endpoint = payload.endpoint.into();
        Ok(Begun { package, ctx })
    }
}
