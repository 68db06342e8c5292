//! Changes of nodes and organisations, each whole or not at all.

use std::{fmt, sync::Arc};

use futures_util::FutureExt;

use crate::{
    model::{
        AuditEvent, CertificateFacts, HomeCommunityId, NodeDescription, NodeKey, NodeRecord, Organisation,
        OrganisationKey, Standing,
    },
    security::directory::NodeDirectory,
    store::{Store, StoreError, Tx},
};

/// What an operator wants changed.
#[derive(Clone, Debug)]
pub enum DirectoryCommand {
    /// Adds a node.
    AddNode {
        /// Whose it is.
        organisation: OrganisationSaid,
        /// What is said of it; the key of its organisation is found by the id.
        node: NodeDescription,
        /// Certificates in files: none may belong to another node by any of its facts.
        files: Vec<CertificateFacts>,
    },
    /// Replaces all that is said of the node with the name `name`.
    ChangeNode {
        /// Its name so far.
        name: Box<str>,
        /// What is said of it from now on.
        node: NodeDescription,
        /// As above.
        files: Vec<CertificateFacts>,
    },
    /// Suspends a node or lets it take part again.
    SetNodeStanding(Box<str>, Standing),
    /// Removes a node.
    RemoveNode(Box<str>),
    /// Adds an organisation, or gives it what is said here.
    SetOrganisation(OrganisationSaid),
    /// Suspends all nodes of an organisation or lets them take part again.
    SetOrganisationStanding(Box<str>, Standing),
}

/// What is said of an organisation; what is not said stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganisationSaid {
    /// Its id.
    pub id: Box<str>,
    /// As people call it.
    pub name: Option<Box<str>>,
    /// For consent.
    pub category: Option<Box<str>>,
    /// The region it belongs to.
    pub region: Option<HomeCommunityId>,
}

/// What was changed, for people and for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryChange {
    /// A node was added.
    NodeAdded(Box<str>),
    /// What is said of a node is another.
    NodeChanged {
        /// Its name, the new one if that was changed.
        name: Box<str>,
        /// What was changed of it: `roles`, `certificates` …
        keys: Vec<&'static str>,
        /// Hashes of all that was said before and is said now, so that a change can be told from another.
        hashes: [u64; 2],
    },
    /// A node may not, or may again, take part.
    NodeStanding(Box<str>, Standing),
    /// A node was removed.
    NodeRemoved(Box<str>),
    /// An organisation was added.
    OrganisationAdded(Box<str>),
    /// What is said of an organisation is another.
    OrganisationChanged(Box<str>),
    /// The nodes of an organisation may not, or may again, take part.
    OrganisationStanding(Box<str>, Standing),
}

impl DirectoryChange {
    /// What was changed, for the audit trail.
    pub fn object(&self) -> String {
        match self {
            Self::NodeAdded(name)
            | Self::NodeChanged { name, .. }
            | Self::NodeStanding(name, _)
            | Self::NodeRemoved(name) => format!("urn:knoop:node:{name}"),
            Self::OrganisationAdded(id) | Self::OrganisationChanged(id) | Self::OrganisationStanding(id, _) => {
                format!("urn:oid:{id}")
            }
        }
    }

    /// What happened to it, for the audit trail.
    pub fn description(&self) -> String {
        match self {
            Self::NodeChanged { keys, hashes: [before, after], .. } => {
                format!("{self}: {} ({before:016x} before, {after:016x} now)", keys.join(", "))
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for DirectoryChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = |standing: &Standing| match standing {
            Standing::Active => "takes part again",
            Standing::Suspended => "is suspended",
        };
        match self {
            Self::NodeAdded(name) => write!(f, "node {name} was added"),
            Self::NodeChanged { name, .. } => write!(f, "node {name} was changed"),
            Self::NodeStanding(name, to) => write!(f, "node {name} {}", standing(to)),
            Self::NodeRemoved(name) => write!(f, "node {name} was removed"),
            Self::OrganisationAdded(id) => write!(f, "organisation {id} was added"),
            Self::OrganisationChanged(id) => write!(f, "organisation {id} was changed"),
            Self::OrganisationStanding(id, to) => write!(f, "organisation {id} {}", standing(to)),
        }
    }
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such node.
    #[error("there is no node {0}")]
    UnknownNode(Box<str>),
    /// There is no such organisation.
    #[error("there is no organisation {0}")]
    UnknownOrganisation(Box<str>),
    /// An organisation that is not known needs both.
    #[error("organisation {0} is not known yet: say its name and category")]
    OrganisationIncomplete(Box<str>),
    /// A node is added to an organisation that is known as something else.
    #[error("organisation {id} is known with another {what}: {known}")]
    OrganisationDiffers {
        /// Its id.
        id: Box<str>,
        /// `name`, `category` or `region`.
        what: &'static str,
        /// What is known.
        known: Box<str>,
    },
    /// Another node has the name.
    #[error("there is a node {0} already")]
    NameTaken(Box<str>),
    /// A certificate would belong to two nodes.
    #[error("{certificate} belongs to node {holder} already; a certificate is of one node")]
    CertificateTaken {
        /// The certificate.
        certificate: Box<str>,
        /// Whose it is.
        holder: Box<str>,
    },
    /// Without one it is never let in.
    #[error("a node has at least one certificate")]
    NoCertificate,
    /// The fixed node or its organisation.
    #[error("{0} belongs to the insecure listener of this machine and stays as it is")]
    Fixed(Box<str>),
}

/// Makes a change, and records in the same transaction what `events` says of it. Processes that share the database follow
/// within a second.
///
/// # Errors
/// [`ChangeError`]; nothing is changed then.
pub async fn change(
    store: &Store,
    command: DirectoryCommand,
    now_ms: i64,
    events: impl Fn(&DirectoryChange) -> Vec<AuditEvent> + Send + Sync + 'static,
) -> Result<Vec<DirectoryChange>, ChangeError> {
    let shared = Arc::new((command, events));
    let changed = store.write(move |tx| {
        let shared = Arc::clone(&shared);
        async move {
            let (command, events) = &*shared;
            // First of all: other changes wait, so that what is checked stays true.
            tx.begin_directory_change().await?;
            let changes = apply(command, tx, now_ms).await?;
            tx.insert_audits(&changes.iter().flat_map(events).collect::<Vec<_>>()).await?;
            Ok(changes)
        }
        .boxed()
    });
    changed.await
}

async fn apply(command: &DirectoryCommand, tx: &mut Tx, now_ms: i64) -> Result<Vec<DirectoryChange>, ChangeError> {
    match command {
        DirectoryCommand::AddNode { organisation, node, files } => {
            let (organisation_key, mut changes) = joined(tx, organisation).await?;
            let node = NodeDescription { organisation_key, ..node.clone() };
            check(tx, None, &node, files).await?;
            tx.add_node(&node, now_ms).await?;
            changes.push(DirectoryChange::NodeAdded(node.name));
            Ok(changes)
        }
        DirectoryCommand::ChangeNode { name, node, files } => {
            let known = known_node(tx, name).await?;
            let (key, before) = (known.node.key, known.description());
            let keys = differences(&before, node);
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            check(tx, Some(key), node, files).await?;
            tx.change_node(key, node, now_ms).await?;
            let hashes = [hash(&before), hash(node)];
            Ok(vec![DirectoryChange::NodeChanged { name: node.name.clone(), keys, hashes }])
        }
        DirectoryCommand::SetNodeStanding(name, standing) => {
            let record = known_node(tx, name).await?;
            if record.node.standing == *standing {
                return Ok(Vec::new());
            }
            tx.set_node_standing(record.node.key, *standing, now_ms).await?;
            Ok(vec![DirectoryChange::NodeStanding(name.clone(), *standing)])
        }
        DirectoryCommand::RemoveNode(name) => {
            let record = known_node(tx, name).await?;
            tx.remove_node(record.node.key, now_ms).await?;
            Ok(vec![DirectoryChange::NodeRemoved(name.clone())])
        }
        DirectoryCommand::SetOrganisation(said) => match find_organisation(tx, &said.id).await? {
            None => Ok(added(tx, said).await?.1),
            Some(known) => {
                let said = said.clone();
                let changed = Organisation {
                    name: said.name.unwrap_or_else(|| known.name.clone()),
                    category: said.category.unwrap_or_else(|| known.category.clone()),
                    region: said.region.or_else(|| known.region.clone()),
                    ..known.clone()
                };
                if changed == known {
                    return Ok(Vec::new());
                }
                tx.change_organisation(&changed).await?;
                Ok(vec![DirectoryChange::OrganisationChanged(known.id)])
            }
        },
        DirectoryCommand::SetOrganisationStanding(id, standing) => {
            let known = find_organisation(tx, id).await?;
            let known = known.ok_or_else(|| ChangeError::UnknownOrganisation(id.clone()))?;
            if known.standing == *standing {
                return Ok(Vec::new());
            }
            tx.set_organisation_standing(known.key, *standing).await?;
            Ok(vec![DirectoryChange::OrganisationStanding(id.clone(), *standing)])
        }
    }
}

/// What is said differently, whatever the order in which it was said.
fn differences(before: &NodeDescription, after: &NodeDescription) -> Vec<&'static str> {
    fn differ<T: PartialEq>(before: &[T], after: &[T]) -> bool {
        before.len() != after.len() || before.iter().any(|one| !after.contains(one))
    }
    let all = [
        ("name", before.name != after.name),
        ("organisation", before.organisation_key != after.organisation_key),
        ("roles", differ(&before.roles, &after.roles)),
        ("homes", differ(&before.homes, &after.homes)),
        ("issuers of assertions", differ(&before.issuers, &after.issuers)),
        ("certificates", differ(&before.certificates, &after.certificates)),
        ("addresses", differ(&before.addresses, &after.addresses)),
        ("settings", differ(&before.settings, &after.settings)),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// The beginning of the SHA-256 of all that is said.
fn hash(description: &NodeDescription) -> u64 {
    let digest = openssl::sha::sha256(format!("{description:?}").as_bytes());
    digest.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// The organisation of a new node: as it is known, or added.
async fn joined(tx: &mut Tx, said: &OrganisationSaid) -> Result<(OrganisationKey, Vec<DirectoryChange>), ChangeError> {
    let Some(known) = find_organisation(tx, &said.id).await? else { return added(tx, said).await };
    let differs =
        |what, known: &str| ChangeError::OrganisationDiffers { id: said.id.clone(), what, known: known.into() };
    if said.name.as_ref().is_some_and(|name| *name != known.name) {
        return Err(differs("name", &known.name));
    }
    if said.category.as_ref().is_some_and(|category| *category != known.category) {
        return Err(differs("category", &known.category));
    }
    if said.region.is_some() && said.region != known.region {
        return Err(differs("region", &known.region.map_or_else(|| "none".to_owned(), |region| region.to_string())));
    }
    Ok((known.key, Vec::new()))
}

async fn added(tx: &mut Tx, said: &OrganisationSaid) -> Result<(OrganisationKey, Vec<DirectoryChange>), ChangeError> {
    let OrganisationSaid { id, name: Some(name), category: Some(category), region } = said.clone() else {
        return Err(ChangeError::OrganisationIncomplete(said.id.clone()));
    };
    let new = Organisation { key: 0, id, name, category, region, standing: Standing::Active };
    let key = tx.add_organisation(&new).await?;
    Ok((key, vec![DirectoryChange::OrganisationAdded(new.id)]))
}

/// An organisation that may be changed.
async fn find_organisation(tx: &mut Tx, id: &str) -> Result<Option<Organisation>, ChangeError> {
    let found = tx.organisations().await?.into_iter().find(|organisation| *organisation.id == *id);
    match found {
        Some(fixed) if fixed.key == Organisation::LOOPBACK => Err(ChangeError::Fixed(fixed.id)),
        found => Ok(found),
    }
}

/// A node that may be changed.
async fn known_node(tx: &mut Tx, name: &str) -> Result<NodeRecord, ChangeError> {
    let found = tx.node_records().await?.into_iter().find(|record| *record.node.name == *name);
    match found {
        None => Err(ChangeError::UnknownNode(name.into())),
        Some(record) if record.node.is_loopback() => Err(ChangeError::Fixed(name.into())),
        Some(record) => Ok(record),
    }
}

/// Whether a node could be as it is said: name and certificates are of no other one.
async fn check(
    tx: &mut Tx,
    key: Option<NodeKey>,
    node: &NodeDescription,
    files: &[CertificateFacts],
) -> Result<(), ChangeError> {
    if node.certificates.is_empty() {
        return Err(ChangeError::NoCertificate);
    }
    let others: Vec<NodeRecord> =
        tx.node_records().await?.into_iter().filter(|record| Some(record.node.key) != key).collect();
    if others.iter().any(|record| *record.node.name == *node.name) {
        return Err(ChangeError::NameTaken(node.name.clone()));
    }
    let taken = |certificate: String, holder: &NodeRecord| ChangeError::CertificateTaken {
        certificate: certificate.into(),
        holder: holder.node.name.as_ref().into(),
    };
    for certificate in &node.certificates {
        if let Some(holder) = others.iter().find(|record| record.certificates.contains(certificate)) {
            return Err(taken(certificate.to_string(), holder));
        }
    }
    let directory = NodeDirectory::new(others);
    for facts in files {
        if let [holder, ..] = directory.named(facts)[..] {
            return Err(taken(format!("the certificate of {}", facts.subject), holder));
        }
    }
    Ok(())
}
