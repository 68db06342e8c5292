//! All nodes at one moment, and which of them a certificate belongs to.
//!
//! Source: S-TLS-16, S-TLS-17.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use crate::model::{CertificateFacts, CertificateMatch, NodeKey, NodeRecord, Standing};

/// Why somebody with a trusted certificate is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// No node record names the certificate. A signature of an authority alone never authorises.
    #[error("no node is registered for the certificate")]
    NotMapped,
    /// Several node records name it, by different facts.
    #[error("more than one node is registered for the certificate")]
    Ambiguous,
    /// The operator suspended the node.
    #[error("the node is suspended")]
    NodeSuspended(Arc<NodeRecord>),
    /// The operator suspended its organisation.
    #[error("the organisation of the node is suspended")]
    OrganisationSuspended(Arc<NodeRecord>),
    /// It calls from elsewhere.
    #[error("the node may not call from this address")]
    WrongAddress(Arc<NodeRecord>),
}

impl NotAdmitted {
    /// Whose certificate it was, if that is known.
    pub fn record(&self) -> Option<&Arc<NodeRecord>> {
        match self {
            Self::NotMapped | Self::Ambiguous => None,
            Self::NodeSuspended(record) | Self::OrganisationSuspended(record) | Self::WrongAddress(record) => {
                Some(record)
            }
        }
    }
}

/// All nodes at one moment.
#[derive(Debug, Default)]
pub struct NodeDirectory {
    records: HashMap<NodeKey, Arc<NodeRecord>>,
    by_certificate: HashMap<CertificateMatch, NodeKey>,
}

impl NodeDirectory {
    /// Of these records; the fixed node has no certificate and is found by nobody.
    pub fn new(records: impl IntoIterator<Item = NodeRecord>) -> Self {
        let mut directory = Self::default();
        for record in records {
            let key = record.node.key;
            directory.by_certificate.extend(record.certificates.iter().cloned().map(|certificate| (certificate, key)));
            directory.records.insert(key, Arc::new(record));
        }
        directory
    }

    /// All records.
    pub fn records(&self) -> impl Iterator<Item = &Arc<NodeRecord>> {
        self.records.values()
    }

    /// The nodes whose records name this certificate: one, if all is well.
    pub fn named(&self, facts: &CertificateFacts) -> Vec<&Arc<NodeRecord>> {
        let mut keys: Vec<NodeKey> = facts.matches().filter_map(|it| self.by_certificate.get(&it).copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter_map(|key| self.records.get(&key)).collect()
    }

    /// The node that a certificate belongs to, if it may take part and calls from where it may.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, facts: &CertificateFacts, address: Option<IpAddr>) -> Result<&Arc<NodeRecord>, NotAdmitted> {
        let record = match self.named(facts)[..] {
            [] => return Err(NotAdmitted::NotMapped),
            [record] => record,
            _ => return Err(NotAdmitted::Ambiguous),
        };
        if record.node.standing == Standing::Suspended {
            return Err(NotAdmitted::NodeSuspended(Arc::clone(record)));
        }
        if record.node.organisation.standing == Standing::Suspended {
            return Err(NotAdmitted::OrganisationSuspended(Arc::clone(record)));
        }
        let lies_in = |address: IpAddr| record.addresses.iter().any(|range| range.contains(address));
        if !record.addresses.is_empty() && !address.is_some_and(lies_in) {
            return Err(NotAdmitted::WrongAddress(Arc::clone(record)));
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Node, Organisation};

    const ISSUER: &str = "CN=Example CA,C=NL";

    fn facts(number: u8, sans: &[&str]) -> CertificateFacts {
        let sans = sans.iter().map(|san| (*san).to_owned());
        CertificateFacts::new([number; 32], "CN=ehr", ISSUER, &format!("{number:02x}"), sans)
    }

    fn by_fingerprint(number: u8) -> CertificateMatch {
        CertificateMatch::Fingerprint(facts(number, &[]).fingerprint)
    }

    fn by_serial(issuer: &str, serial: &str) -> CertificateMatch {
        CertificateMatch::Serial(issuer.parse().expect("a name"), serial.parse().expect("a number"))
    }

    fn by_san(san: &str) -> CertificateMatch {
        CertificateMatch::San(ISSUER.parse().expect("a name"), san.parse().expect("a name"))
    }

    fn record(key: NodeKey, certificates: Vec<CertificateMatch>) -> NodeRecord {
        let node = Arc::new(Node { key, name: format!("node-{key}").into(), ..Node::loopback() });
        NodeRecord { node, certificates, ..NodeRecord::loopback() }
    }

    fn suspended(key: NodeKey, organisation: Standing, node: Standing) -> NodeRecord {
        let mut record = record(key, vec![by_fingerprint(1)]);
        let organisation = Organisation { standing: organisation, ..(*record.node.organisation).clone() };
        record.node = Arc::new(Node { standing: node, organisation: Arc::new(organisation), ..(*record.node).clone() });
        record
    }

    #[test]
    fn s_tls_16_a_certificate_is_found_by_fingerprint_serial_or_name() {
        for certificate in [by_fingerprint(0xab), by_serial(ISSUER, "00:AB"), by_san("ehr.example")] {
            let directory = NodeDirectory::new([record(2, vec![by_fingerprint(9), certificate.clone()])]);
            let found = directory.admit(&facts(0xab, &["DNS:EHR.example"]), None);
            assert_eq!(found.map(|record| record.node.key), Ok(2), "{certificate}");
        }
    }

    #[test]
    fn s_tls_16_a_signature_of_an_authority_alone_never_authorises() {
        let others =
            vec![by_fingerprint(2), by_serial(ISSUER, "2"), by_serial("CN=Other CA", "1"), by_san("x.example")];
        let directory = NodeDirectory::new([record(2, others), NodeRecord::loopback()]);
        assert_eq!(directory.admit(&facts(1, &["DNS:ehr.example"]), None), Err(NotAdmitted::NotMapped));
    }

    #[test]
    fn s_tls_16_a_certificate_of_two_nodes_is_of_none() {
        let directory =
            NodeDirectory::new([record(2, vec![by_fingerprint(1)]), record(3, vec![by_san("ehr.example")])]);
        assert_eq!(directory.admit(&facts(1, &["DNS:ehr.example"]), None), Err(NotAdmitted::Ambiguous));
        assert_eq!(directory.admit(&facts(1, &[]), None).map(|record| record.node.key), Ok(2));
        // Two names of one node are no contradiction.
        let directory = NodeDirectory::new([record(2, vec![by_fingerprint(1), by_san("ehr.example")])]);
        assert_eq!(directory.admit(&facts(1, &["DNS:ehr.example"]), None).map(|record| record.node.key), Ok(2));
    }

    #[test]
    fn s_tls_17_who_is_suspended_is_not_let_in() {
        let admit = |organisation, node| {
            let directory = NodeDirectory::new([suspended(2, organisation, node)]);
            directory.admit(&facts(1, &[]), None).map(|record| record.node.key)
        };
        assert_eq!(admit(Standing::Active, Standing::Active), Ok(2));
        assert!(matches!(admit(Standing::Active, Standing::Suspended), Err(NotAdmitted::NodeSuspended(_))));
        assert!(matches!(admit(Standing::Suspended, Standing::Active), Err(NotAdmitted::OrganisationSuspended(_))));
    }

    #[test]
    fn s_tls_17_a_node_calls_from_its_own_addresses() {
        let addresses = vec!["192.0.2.0/24".parse().expect("a range"), "2001:db8::1".parse().expect("an address")];
        let directory = NodeDirectory::new([NodeRecord { addresses, ..record(2, vec![by_fingerprint(1)]) }]);
        let admit = |address: Option<&str>| {
            let address = address.map(|address| address.parse().expect("an address"));
            directory.admit(&facts(1, &[]), address).map(|record| record.node.key)
        };
        assert_eq!(admit(Some("192.0.2.200")), Ok(2));
        assert_eq!(admit(Some("2001:db8::1")), Ok(2));
        for elsewhere in [Some("198.51.100.1"), Some("2001:db8::2"), None] {
            assert!(matches!(admit(elsewhere), Err(NotAdmitted::WrongAddress(_))), "{elsewhere:?}");
        }
    }
}
