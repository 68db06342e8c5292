//! What the operator decided about assertions.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;

use super::keys::{Authority, TrustedKey};

/// Who issues assertions, and by which keys they are known.
#[derive(Debug)]
pub struct Issuer {
    /// As it stands in the assertion.
    pub entity_id: Box<str>,
    /// Pinned keys, four at most (S-SIG-04).
    pub keys: Vec<TrustedKey>,
    /// The CA of a token service whose certificates change.
    pub authority: Option<Authority>,
}

impl Issuer {
    /// As many keys are tried.
    pub const KEYS: usize = 4;

    /// The key of the certificates in KeyInfo, if they chain to the issuer's CA.
    pub(super) fn authority_key(&self, certificates: &[Box<str>], now: Timestamp) -> Option<TrustedKey> {
        let authority = self.authority.as_ref()?;
        let decode = |text: &str| {
            let packed: String = text.split_ascii_whitespace().collect();
            BASE64_STANDARD.decode(packed).ok()
        };
        authority.key_of(&certificates.iter().filter_map(|text| decode(text)).collect::<Vec<_>>(), now)
    }
}

/// Rules for all assertions. Source: spec security §3.2, §3.3.
#[derive(Debug)]
pub struct AssertionSettings {
    /// Issuers.
    pub issuers: Vec<Issuer>,
    /// Audiences that mean us: our URIs and affinity domains.
    pub audiences: BTreeSet<Box<str>>,
    /// Addresses that a confirmation may be meant for (Recipient), beside the audiences. The address at which a request says
    /// that it called us proves nothing.
    pub recipients: BTreeSet<Box<str>>,
    /// By how much clocks may differ; 300 s at most.
    pub skew: Duration,
    /// Longest life of an assertion; 12 h at most.
    pub max_lifetime: Duration,
    /// The same for one that a gateway brings (K-20).
    pub gateway_lifetime: Duration,
    /// Accepted classes and declarations of authentication.
    pub authn_contexts: BTreeSet<Box<str>>,
    /// Code systems of roles that are known here.
    pub role_systems: BTreeSet<Box<str>>,
    /// Code systems of purposes that are known here.
    pub purpose_systems: BTreeSet<Box<str>>,
    /// resource-id must be there where a request is about one patient.
    pub require_resource_id: bool,
    /// Names of nodes that bring assertions on behalf of others (S-XUA-21).
    pub forwarders: Arc<[Box<str>]>,
}

impl AssertionSettings {
    /// Issuer and end of every certificate that assertions are verified with.
    pub fn certificates(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.issuers.iter().flat_map(|issuer| {
            let of_authority = issuer.authority.iter().flat_map(|authority| authority.certificates());
            let ends = issuer.keys.iter().chain(of_authority).filter_map(|key| key.validity.map(|(_, end)| end));
            ends.map(|end| (&*issuer.entity_id, end))
        })
    }
}

impl Default for AssertionSettings {
    fn default() -> Self {
        let set = |values: &[&str]| values.iter().map(|value| Box::from(*value)).collect();
        Self {
            issuers: Vec::new(),
            audiences: BTreeSet::new(),
            recipients: BTreeSet::new(),
            skew: Duration::from_secs(60),
            max_lifetime: Duration::from_secs(3600),
            gateway_lifetime: Duration::from_secs(600),
            authn_contexts: set(&Self::STRONG_CLASSES),
            role_systems: set(&Self::ROLE_SYSTEMS),
            purpose_systems: set(&Self::PURPOSE_SYSTEMS),
            require_resource_id: false,
            forwarders: Arc::from([]),
        }
    }
}

impl AssertionSettings {
    /// Classes that need more than a password. The access policy that is built in says of each how sure it makes who somebody is.
    /// Source: SAML 2.0 authentication context §3.4; eIDAS levels of assurance; NEN 7510.
    const STRONG_CLASSES: [&str; 10] = [
        "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:XMLDSig",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:SoftwarePKI",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered",
        "http://eidas.europa.eu/LoA/substantial",
        "http://eidas.europa.eu/LoA/high",
    ];
    /// UZI role codes, SNOMED CT.
    const ROLE_SYSTEMS: [&str; 2] = ["2.16.840.1.113883.2.4.15.111", "2.16.840.1.113883.6.96"];
    /// v3-ActReason, its value set PurposeOfUse, XSPA by OID and by name, ISO 14265. Source: spec security §4.1 and §7, 8.
    const PURPOSE_SYSTEMS: [&str; 5] = [
        "2.16.840.1.113883.5.8",
        "2.16.840.1.113883.1.11.20448",
        "2.16.840.1.113883.3.18.7.1",
        "urn:oasis:names:tc:xspa:1.0",
        "1.0.14265.1",
    ];
}
