//! Partner systems and the organisations behind them.
//!
//! Source: spec security §1.1 (S-TLS-16, S-TLS-17) and §4.1.

use std::{fmt, str::FromStr, sync::Arc};

use super::HomeCommunityId;

/// Key of an organisation in the store.
pub type OrganisationKey = i64;
/// Key of a node in the store.
pub type NodeKey = i64;

/// What a node may do. Source: S-TLS-17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeRole {
    /// Document Source: ITI-41.
    Source,
    /// Document Consumer: ITI-18, ITI-43.
    Consumer,
    /// Document Registry: called by us, or answers for one.
    Registry,
    /// Document Repository: ITI-42.
    Repository,
    /// Initiating Gateway: ITI-38, ITI-39, ITI-55.
    InitiatingGateway,
    /// Responding Gateway.
    RespondingGateway,
    /// Patient Identity Source: ITI-8, ITI-44.
    PatientIdentitySource,
    /// May file consent documents (S-CON-34).
    ConsentSource,
    /// May search the audit trail (S-AUD-70).
    AuditViewer,
    /// May change the configuration.
    Admin,
}

/// Why a text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a role is one of source, consumer, registry, repository, initiating-gateway, responding-gateway, \
         patient-identity-source, consent-source, audit-viewer, admin"
)]
pub struct NodeRoleError;

impl NodeRole {
    /// Every role.
    pub const ALL: [Self; 10] = [
        Self::Source,
        Self::Consumer,
        Self::Registry,
        Self::Repository,
        Self::InitiatingGateway,
        Self::RespondingGateway,
        Self::PatientIdentitySource,
        Self::ConsentSource,
        Self::AuditViewer,
        Self::Admin,
    ];

    /// As the operator writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Consumer => "consumer",
            Self::Registry => "registry",
            Self::Repository => "repository",
            Self::InitiatingGateway => "initiating-gateway",
            Self::RespondingGateway => "responding-gateway",
            Self::PatientIdentitySource => "patient-identity-source",
            Self::ConsentSource => "consent-source",
            Self::AuditViewer => "audit-viewer",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for NodeRole {
    type Err = NodeRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NodeRoleError)
    }
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a node or an organisation may take part at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Active,
    /// Everything it asks is refused.
    Suspended,
}

/// A care provider that takes part. Source: spec security §4.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its key in the store.
    pub key: OrganisationKey,
    /// OID in dotted form, or a URA as `2.16.528.1.1007.3.3.NUMBER`.
    pub id: Box<str>,
    /// As people call it.
    pub name: Box<str>,
    /// `ziekenhuis`, `huisarts`, `apotheek` …, for consent.
    pub category: Box<str>,
    /// The region it belongs to.
    pub region: Option<HomeCommunityId>,
    /// Active or suspended.
    pub standing: Standing,
}

/// A partner's system. Source: S-TLS-17.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its key in the store.
    pub key: NodeKey,
    /// As the operator calls it; in logs and lists.
    pub name: Arc<str>,
    /// Whose it is.
    pub organisation: Arc<Organisation>,
    /// What it may do, sorted.
    pub roles: Vec<NodeRole>,
    /// Communities it may speak for.
    pub homes: Vec<HomeCommunityId>,
    /// Issuers of user assertions that it may bring.
    pub issuers: Vec<Box<str>>,
    /// Active or suspended.
    pub standing: Standing,
}

impl Organisation {
    /// Key of the fixed organisation of the insecure loopback listener.
    pub const LOOPBACK: OrganisationKey = 1;
}

impl Node {
    /// Key of the fixed node of the insecure loopback listener.
    pub const LOOPBACK: NodeKey = 1;

    /// The fixed node of the insecure loopback listener: organisation 2.999.1, all roles (design section 9).
    pub fn loopback() -> Self {
        let organisation = Organisation {
            key: Organisation::LOOPBACK,
            id: "2.999.1".into(),
            name: "loopback".into(),
            category: "ziekenhuis".into(),
            region: None,
            standing: Standing::Active,
        };
        Self {
            key: Self::LOOPBACK,
            name: "loopback".into(),
            organisation: Arc::new(organisation),
            roles: NodeRole::ALL.to_vec(),
            homes: Vec::new(),
            issuers: Vec::new(),
            standing: Standing::Active,
        }
    }

    /// Whether it has this role.
    pub fn has_role(&self, role: NodeRole) -> bool {
        self.roles.contains(&role)
    }

    /// The fixed node of the insecure loopback listener has no XUA, no limits and no access rules.
    pub fn is_loopback(&self) -> bool {
        self.key == Self::LOOPBACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for role in NodeRole::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("root".parse::<NodeRole>(), Err(NodeRoleError));
    }
}
