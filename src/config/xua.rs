//! `[xua]`: user assertions.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::settings::Settings;
use crate::model::{AttributeProfile, XuaMode};

/// Highest skew and life of an assertion that can be set. Source: spec security §3.3, step 8.
const SKEW_CEILING: Duration = Duration::from_secs(300);
const LIFETIME_CEILING: Duration = Duration::from_secs(12 * 3600);
/// As many keys are tried for an issuer (S-SIG-04).
const KEYS: usize = 4;

/// User assertions (XUA). Lists that are empty stand for the built-in ones.
#[derive(Clone, Debug)]
pub struct XuaConfig {
    /// The file of issuers; without it no assertion is accepted.
    pub issuers: Option<PathBuf>,
    /// Audiences that mean us.
    pub audiences: Vec<String>,
    /// Our addresses that a confirmation may name as its Recipient; audiences count as well.
    pub recipients: Vec<String>,
    /// By how much clocks may differ.
    pub skew: Duration,
    /// Longest life of an assertion.
    pub max_lifetime: Duration,
    /// The same for those that gateways bring.
    pub gateway_lifetime: Duration,
    /// Accepted authentication contexts.
    pub authn_contexts: Vec<String>,
    /// Which attributes must be there.
    pub required_attributes: AttributeProfile,
    /// resource-id must be there where a request may be about one patient.
    pub require_resource_id: bool,
    /// Code systems of roles.
    pub role_systems: Vec<String>,
    /// Code systems of purposes of use.
    pub purpose_systems: Vec<String>,
    /// Nodes that bring assertions which other nodes used before.
    pub forwarders: Vec<String>,
    /// What each transaction asks for.
    pub modes: Vec<(&'static str, XuaMode)>,
}

const MODE: [(&str, XuaMode); 3] =
    [("required", XuaMode::Required), ("optional", XuaMode::Optional), ("off", XuaMode::Off)];

/// Key, transaction and default of every policy. Source: S-XUA-03.
const TRANSACTIONS: [(&str, &str, XuaMode); 12] = [
    ("xua.iti18", "ITI-18", XuaMode::Required),
    ("xua.iti43", "ITI-43", XuaMode::Required),
    ("xua.iti38", "ITI-38", XuaMode::Required),
    ("xua.iti39", "ITI-39", XuaMode::Required),
    ("xua.iti55", "ITI-55", XuaMode::Required),
    ("xua.iti41", "ITI-41", XuaMode::Optional),
    ("xua.iti42", "ITI-42", XuaMode::Optional),
    ("xua.iti57", "ITI-57", XuaMode::Optional),
    ("xua.iti61", "ITI-61", XuaMode::Optional),
    ("xua.iti62", "ITI-62", XuaMode::Optional),
    ("xua.iti8", "ITI-8", XuaMode::Off),
    ("xua.iti44", "ITI-44", XuaMode::Off),
];

impl XuaConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let profiles = [("ihe", AttributeProfile::Ihe), ("nl-gateway", AttributeProfile::NlGateway)];
        Self {
            issuers: s.optional("xua.issuers"),
            audiences: s.list("xua.audiences"),
            recipients: s.list("xua.recipients"),
            skew: s.duration_up_to("xua.skew", Duration::from_secs(60), SKEW_CEILING),
            max_lifetime: s.duration_up_to("xua.max_lifetime", Duration::from_secs(3600), LIFETIME_CEILING),
            gateway_lifetime: s.duration_up_to("xua.gateway_lifetime", Duration::from_secs(600), LIFETIME_CEILING),
            authn_contexts: s.list("xua.authn_contexts"),
            required_attributes: s.one_of("xua.required_attributes", &profiles, AttributeProfile::Ihe),
            require_resource_id: s.parsed("xua.require_resource_id", false),
            role_systems: s.list("xua.role_systems"),
            purpose_systems: s.list("xua.purpose_systems"),
            forwarders: s.list("xua.forwarders"),
            modes: TRANSACTIONS
                .iter()
                .map(|(key, transaction, default)| (*transaction, s.one_of(key, &MODE, *default)))
                .collect(),
        }
    }
}

/// One issuer of the file of issuers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Issuer as it stands in assertions.
    pub entity_id: String,
    /// Files of certificates or public keys (PEM); relative to the file of issuers.
    #[serde(default)]
    pub keys: Vec<PathBuf>,
    /// File of the CA (PEM) of a token service whose certificates change.
    pub ca: Option<PathBuf>,
    /// Whether that CA is asked what it revoked; where nothing is said, it is.
    #[serde(default)]
    pub revocation: IssuerRevocation,
    /// Lists of what that CA revoked (PEM or DER).
    #[serde(default)]
    pub crl_files: Vec<PathBuf>,
    /// Pattern of the subjects below that CA, `*` for anything.
    pub subject: Option<String>,
}

/// Whether the CA of a token service is asked what it revoked. Source: S-TLS-13.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssuerRevocation {
    /// By its lists; without a fresh one its certificates are refused.
    #[default]
    Crl,
    /// Nobody asks.
    None,
}

/// Why the file of issuers cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssuersError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuers {
    #[serde(default)]
    issuer: Vec<IssuerConfig>,
}

impl IssuerConfig {
    /// All issuers of a text: tables `[[issuer]]`.
    ///
    /// # Errors
    /// When it is not TOML, has an unknown key, names an issuer twice or one without key.
    pub fn all_from_text(text: &str) -> Result<Vec<Self>, IssuersError> {
        let issuers: Issuers = toml::from_str(text).map_err(|error| IssuersError(error.to_string()))?;
        let mut seen = BTreeSet::new();
        for issuer in &issuers.issuer {
            let refuse = |problem: &str| Err(IssuersError(format!("issuer {}: {problem}", issuer.entity_id)));
            if issuer.entity_id.trim().is_empty() || !seen.insert(&issuer.entity_id) {
                return refuse("entity_id is empty or given twice");
            }
            if issuer.keys.len() > KEYS {
                return refuse("at most 4 keys");
            }
            if issuer.ca.is_some() != issuer.subject.as_ref().is_some_and(|subject| !subject.is_empty()) {
                return refuse("ca and subject belong together");
            }
            let asked = issuer.revocation == IssuerRevocation::Crl;
            if issuer.ca.is_none() && (!issuer.crl_files.is_empty() || !asked) {
                return refuse("crl_files and revocation belong to a ca");
            }
            if issuer.ca.is_some() && asked && issuer.crl_files.is_empty() {
                return refuse(
                    "a ca needs crl_files, the lists of what it revoked; revocation = \"none\" asks nothing about revocation",
                );
            }
            if !issuer.crl_files.is_empty() && !asked {
                return refuse("revocation = \"none\" reads no crl_files");
            }
            if issuer.keys.is_empty() && issuer.ca.is_none() {
                return refuse("keys or ca is wanted");
            }
        }
        Ok(issuers.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn s_xua_03_pull_requires_push_may_and_feeds_do_not() {
        let config = Config::default().xua;
        let of = |transaction| config.modes.iter().find(|(name, _)| *name == transaction).map(|(_, mode)| *mode);
        for (transactions, policy) in [
            (&["ITI-18", "ITI-43", "ITI-38", "ITI-39", "ITI-55"][..], XuaMode::Required),
            (&["ITI-41", "ITI-42", "ITI-57", "ITI-61", "ITI-62"], XuaMode::Optional),
            (&["ITI-8", "ITI-44"], XuaMode::Off),
        ] {
            for transaction in transactions {
                assert_eq!(of(*transaction), Some(policy), "{transaction}");
            }
        }
    }

    #[test]
    fn ceilings_of_skew_and_lifetime_are_held() {
        for (text, told) in [
            ("[xua]\nskew = \"301 s\"\n", "xua.skew: at most 300 s"),
            ("[xua]\nmax_lifetime = \"13 h\"\n", "xua.max_lifetime: at most 43200 s"),
            ("[xua]\niti18 = \"maybe\"\n", "xua.iti18: 'maybe' is none of required, optional, off"),
            ("[xua]\nisuers = \"x\"\n", "xua.isuers: unknown key; did you mean xua.issuers?"),
        ] {
            let error = Config::from_text("knoop.toml", text).expect_err("must be refused").to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn an_issuer_has_keys_or_a_ca_with_a_pattern_and_nothing_unknown() {
        let good = "[[issuer]]\nentity_id = \"https://sts.example\"\nkeys = [\"sts.pem\"]\n\
                    [[issuer]]\nentity_id = \"https://dezi.example\"\nca = \"ca.pem\"\ncrl_files = [\"ca.crl\"]\n\
                    subject = \"C=NL, CN=STS *\"\n";
        assert_eq!(IssuerConfig::all_from_text(good).map(|issuers| issuers.len()), Ok(2));
        for bad in [
            "[[issuer]]\nentity_id = \"a\"\n",
            "[[issuer]]\nentity_id = \"\"\nkeys = [\"a\"]\n",
            "[[issuer]]\nentity_id = \"a\"\nkeys = [\"a\"]\n[[issuer]]\nentity_id = \"a\"\nkeys = [\"b\"]\n",
            "[[issuer]]\nentity_id = \"a\"\nkeys = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n",
            "[[issuer]]\nentity_id = \"a\"\nca = \"ca.pem\"\n",
            "[[issuer]]\nentity_id = \"a\"\nkeys = [\"a\"]\nkey = \"b\"\n",
        ] {
            assert!(IssuerConfig::all_from_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn s_tls_13_a_ca_has_lists_of_revocation_or_says_that_nobody_asks() {
        let of_ca = |more: &str| {
            let text = format!("[[issuer]]\nentity_id = \"a\"\nca = \"ca.pem\"\nsubject = \"CN=STS *\"\n{more}");
            IssuerConfig::all_from_text(&text).map(|issuers| issuers.first().map(|issuer| issuer.revocation))
        };
        assert_eq!(of_ca("crl_files = [\"ca.crl\"]\n"), Ok(Some(IssuerRevocation::Crl)));
        assert_eq!(of_ca("revocation = \"crl\"\ncrl_files = [\"ca.crl\"]\n"), Ok(Some(IssuerRevocation::Crl)));
        assert_eq!(of_ca("revocation = \"none\"\n"), Ok(Some(IssuerRevocation::None)));
        for more in ["", "crl_files = []\n", "revocation = \"crl\"\n"] {
            let told = of_ca(more).expect_err(more).to_string();
            assert!(
                told.starts_with("issuer a: a ca needs crl_files") && told.contains("revocation = \"none\""),
                "{told}"
            );
        }
        assert!(of_ca("revocation = \"none\"\ncrl_files = [\"ca.crl\"]\n").is_err());
        assert!(of_ca("revocation = \"ocsp\"\n").expect_err("unknown").to_string().contains("ocsp"));
        let of_keys = "[[issuer]]\nentity_id = \"a\"\nkeys = [\"a\"]\nrevocation = \"none\"\n";
        assert!(IssuerConfig::all_from_text(of_keys).is_err(), "keys are taken as they are");
    }
}
