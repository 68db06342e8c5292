//! A node with everything that the operator said of it.

use std::{fmt, str::FromStr, sync::Arc};

use super::{AddressRange, CertificateMatch, HomeCommunityId, Node, NodeRole, OrganisationKey};

/// Whether a transaction wants a user assertion. Source: S-XUA-03.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XuaMode {
    /// Without one the request is refused.
    Required,
    /// One that is brought must be valid.
    Optional,
    /// None is looked at.
    Off,
}

/// Why a text is no [`XuaMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("xua is one of required, optional, off")]
pub struct XuaModeError;

impl XuaMode {
    /// As the operator writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Off => "off",
        }
    }
}

impl FromStr for XuaMode {
    type Err = XuaModeError;

    fn from_str(text: &str) -> Result<Self, XuaModeError> {
        let all = [Self::Required, Self::Optional, Self::Off];
        all.into_iter().find(|mode| mode.as_str() == text).ok_or(XuaModeError)
    }
}

impl fmt::Display for XuaMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of a node is served; what is not said here is as in the configuration. Source: S-IN-36.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLimits {
    /// Requests a second in the long run.
    pub rate: Option<u32>,
    /// Requests that may come at once.
    pub burst: Option<u32>,
    /// Requests that are answered at a time.
    pub in_flight: Option<u32>,
}

/// What a node has of its own for one transaction, or for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSetting {
    /// `ITI-18`; none stands for all transactions.
    pub transaction: Option<Box<str>>,
    /// Whether it wants a user assertion.
    pub xua: Option<XuaMode>,
    /// How much of it is served.
    pub limits: NodeLimits,
}

/// What the operator says of a node: everything but its key and standing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    /// As the operator calls it.
    pub name: Box<str>,
    /// Whose it is.
    pub organisation_key: OrganisationKey,
    /// What it may do.
    pub roles: Vec<NodeRole>,
    /// Communities it may speak for.
    pub homes: Vec<HomeCommunityId>,
    /// Issuers of user assertions that it may bring.
    pub issuers: Vec<Box<str>>,
    /// Its certificates.
    pub certificates: Vec<CertificateMatch>,
    /// Where it may call from; anywhere if there is none.
    pub addresses: Vec<AddressRange>,
    /// Settings of its own, at most one for each transaction.
    pub settings: Vec<NodeSetting>,
}

/// A node record. Source: S-TLS-16, S-TLS-17.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// The node.
    pub node: Arc<Node>,
    /// Its certificates; two while one is renewed.
    pub certificates: Vec<CertificateMatch>,
    /// Where it may call from; anywhere if there is none.
    pub addresses: Vec<AddressRange>,
    /// Settings of its own, at most one for each transaction.
    pub settings: Vec<NodeSetting>,
}

impl NodeRecord {
    /// What the operator said of it.
    pub fn description(&self) -> NodeDescription {
        NodeDescription {
            name: self.node.name.as_ref().into(),
            organisation_key: self.node.organisation.key,
            roles: self.node.roles.clone(),
            homes: self.node.homes.clone(),
            issuers: self.node.issuers.clone(),
            certificates: self.certificates.clone(),
            addresses: self.addresses.clone(),
            settings: self.settings.clone(),
        }
    }

    /// The record of the fixed node: no certificate, no settings.
    pub fn loopback() -> Self {
        Self { node: Arc::new(Node::loopback()), certificates: vec![], addresses: vec![], settings: vec![] }
    }

    /// Whether this node's calls of a transaction want a user assertion, where the record says so: first the transaction,
    /// then all of them. The fixed node never brings one (design section 9).
    pub fn xua(&self, transaction: &str) -> Option<XuaMode> {
        if self.node.is_loopback() {
            return Some(XuaMode::Off);
        }
        let of = |wanted: Option<&str>| {
            self.settings
                .iter()
                .find(|setting| setting.transaction.as_deref() == wanted)
                .and_then(|setting| setting.xua)
        };
        of(Some(transaction)).or_else(|| of(None))
    }

    /// The limits of the whole node.
    pub fn limits(&self) -> NodeLimits {
        self.limits_of(None).unwrap_or_default()
    }

    /// The limits that this transaction has beside those of the node.
    pub fn transaction_limits(&self, transaction: &str) -> Option<NodeLimits> {
        self.limits_of(Some(transaction)).filter(|limits| *limits != NodeLimits::default())
    }

    fn limits_of(&self, transaction: Option<&str>) -> Option<NodeLimits> {
        self.settings.iter().find(|setting| setting.transaction.as_deref() == transaction).map(|setting| setting.limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_of_a_transaction_goes_before_that_of_all() {
        let setting = |transaction: Option<&str>, xua, rate| NodeSetting {
            transaction: transaction.map(Into::into),
            xua,
            limits: NodeLimits { rate, ..NodeLimits::default() },
        };
        let node = Arc::new(Node { key: 2, ..Node::loopback() });
        let settings = vec![
            setting(None, Some(XuaMode::Optional), Some(7)),
            setting(Some("ITI-18"), Some(XuaMode::Required), None),
            setting(Some("ITI-43"), None, Some(3)),
        ];
        let record = NodeRecord { node, settings, ..NodeRecord::loopback() };
        assert_eq!(record.xua("ITI-18"), Some(XuaMode::Required));
        assert_eq!(record.xua("ITI-43"), Some(XuaMode::Optional));
        assert_eq!(record.limits().rate, Some(7));
        assert_eq!(record.transaction_limits("ITI-43").and_then(|limits| limits.rate), Some(3));
        assert_eq!(record.transaction_limits("ITI-18"), None);
        assert_eq!(NodeRecord::loopback().xua("ITI-18"), Some(XuaMode::Off));
    }

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        for mode in [XuaMode::Required, XuaMode::Optional, XuaMode::Off] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("yes".parse::<XuaMode>(), Err(XuaModeError));
    }
}
