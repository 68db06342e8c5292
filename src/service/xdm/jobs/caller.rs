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
        let package = self.shared.store.read().await?.find_xdm_package(id).await?.ok_or(NotBegun::Gone)?;
        let caller = match package.node_key {
            Node::LOOPBACK => Some(Caller::loopback()),
            key => self.active_node(|node| node.key == key).await?,
        };
        let caller = Caller { address: payload.address, ..caller.ok_or(NotBegun::Node(id))? };
        let mut ctx = RequestContext::new(caller, self.now(), "".into(), Ids::Random);
        ctx.endpoint = payload.endpoint.into();
        Ok(Begun { package, ctx })
    }

    /// The time of work that no request asked for.
    pub(super) fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond((self.shared.clock)()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The node that is meant, if it may take part.
    pub(super) async fn active_node(&self, is_it: impl Fn(&Node) -> bool) -> Result<Option<Caller>, StoreError> {
        let records = self.shared.store.read().await?.node_records().await?;
        let active = |it: &Node| it.standing == Standing::Active && it.organisation.standing == Standing::Active;
        let node = records.into_iter().map(|record| record.node).find(|node| is_it(node) && active(node));
        Ok(node.map(|node| Caller { subject: node.name.clone(), node, address: None }))
    }
}
