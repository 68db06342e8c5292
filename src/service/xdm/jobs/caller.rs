//! For whom a job works: the node that ordered it, as it stands when the job runs.

use std::sync::Arc;

use super::{PackageError, Packages, Payload};
use crate::{
    model::{
        Caller, Ids, Node, NodeRecord, NodeRole, RequestContext, Standing, XuaMode,
        xdm::{Delivery, Direction, PackageId},
    },
    service::audit::events::Actor,
    store::{StoreError, TakenJob, XdmPackage},
};

/// A job that can begin.
pub(super) struct Begun {
    pub(super) package: XdmPackage,
    pub(super) ctx: RequestContext,
    /// The person at the command line who ordered it.
    pub(super) operator: Option<Actor>,
}

/// Why a job does not begin.
pub(super) enum NotBegun {
    /// The package is gone, withdrawn, or another job's.
    Gone,
    /// The node may not have this done any more, and why: a code, a colon, words.
    Refused(PackageId, &'static str),
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
        if !package.state.is_open() || package.job_id != Some(job.job_id) {
            return Err(NotBegun::Gone);
        }
        let record = match payload.node.unwrap_or(package.node_key) {
            Node::LOOPBACK => Some(NodeRecord::loopback()),
            key => self.active_record(|node| node.key == key).await?,
        };
        let record = record.filter(|it| it.node.organisation.key == package.owner_org_key);
        let record = record.ok_or(NotBegun::Refused(id, "XdmNode: the node may not take part any more"))?;
        self.may_order(&record, &package, payload.operator.is_some()).map_err(|why| NotBegun::Refused(id, why))?;
        let subject = payload.subject.unwrap_or_else(|| record.node.name.as_ref().into());
        let caller = Caller { node: record.node, subject: subject.into(), address: payload.address };
        let mut ctx = RequestContext::new(caller, self.now(), "".into(), Ids::Random);
        ctx.endpoint = payload.endpoint.into();
        let operator = payload.operator.map(|user_id| Actor { user_id });
        Ok(Begun { package, ctx, operator })
    }

    /// A request in the name of the node that brought a package, for the operator who decides about it.
    ///
    /// # Errors
    /// [`PackageError::Node`] where that may not take part any more.
    pub async fn in_the_name_of(&self, package: &XdmPackage) -> Result<RequestContext, PackageError> {
        let caller = match package.node_key {
            Node::LOOPBACK => Some(Caller::loopback()),
            key => self.active_record(|node| node.key == key).await?.map(|record| own_caller(record.node)),
        };
        let caller = caller.filter(|it| it.organisation_key() == package.owner_org_key).ok_or(PackageError::Node)?;
        Ok(RequestContext::new(caller, self.now(), "".into(), Ids::Random))
    }

    /// Whether a node may have this done, as when it asked.
    fn may_order(&self, record: &NodeRecord, package: &XdmPackage, by_operator: bool) -> Result<(), &'static str> {
        let (role, transactions) = rights(package.direction);
        if !record.node.has_role(role) {
            return Err("XdmRole: the node has not the role for this");
        }
        // What the operator lets come through the watched folder or by mail, or decides, no user brings.
        let is_let_in = matches!(package.delivery, Delivery::Folder | Delivery::Mail);
        if by_operator || (package.direction == Direction::Import && is_let_in) {
            return Ok(());
        }
        let asked_of_all = |it: &str| self.shared.settings.assertions.contains(&it);
        let asks = |it: &&str| match record.xua(it) {
            Some(mode) => mode == XuaMode::Required,
            None => asked_of_all(it),
        };
        match transactions.iter().any(asks) {
            true => Err("XdmAssertion: this node must bring a user assertion, which only SOAP carries"),
            false => Ok(()),
        }
    }

    /// The time of work that no request asked for.
    pub(super) fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond((self.shared.clock)()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// A request in the name of a node that may take part, or of this installation where none is named: what comes through
    /// the watched folder or by mail is taken over in its name. Nothing where there is no such node.
    ///
    /// # Errors
    /// When nodes cannot be read.
    pub async fn context_of(&self, node: Option<&str>) -> Result<Option<RequestContext>, StoreError> {
        let caller = match node {
            None => Some(Caller::loopback()),
            Some(name) => self.active_record(|node| *node.name == *name).await?.map(|record| own_caller(record.node)),
        };
        Ok(caller.map(|caller| RequestContext::new(caller, self.now(), "".into(), Ids::Random)))
    }

    async fn active_record(&self, is_it: impl Fn(&Node) -> bool) -> Result<Option<NodeRecord>, StoreError> {
        let records = self.shared.store.read().await?.node_records().await?;
        let active = |it: &Node| it.standing == Standing::Active && it.organisation.standing == Standing::Active;
        Ok(records.into_iter().find(|record| is_it(&record.node) && active(&record.node)))
    }
}

/// A node for which nobody calls.
fn own_caller(node: Arc<Node>) -> Caller {
    Caller { subject: node.name.clone(), node, address: None }
}

/// The role that a node must have to make or bring packages, and the transactions that the work comes to. Source: S-TLS-17,
/// S-XUA-03.
pub const fn rights(direction: Direction) -> (NodeRole, &'static [&'static str]) {
    match direction {
        // Who has packages made sees documents.
        Direction::Export => (NodeRole::Consumer, &["ITI-43", "ITI-18"]),
        // Who brings packages provides documents.
        Direction::Import => (NodeRole::Source, &["ITI-41"]),
    }
}
