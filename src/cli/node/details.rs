//! What is said of a node on the command line.

use std::{collections::BTreeMap, fs, path::PathBuf, str::FromStr};

use clap::Args;

use super::values;
use crate::{
    cli::{Failure, clock},
    config::LimitsConfig,
    http,
    model::{
        AddressRange, CertificateFacts, CertificateMatch, DistinguishedName, Fingerprint, NodeDescription, NodeLimits,
        NodeRole, NodeSetting, SerialNumber, SubjectAltName, XuaMode,
    },
    security::facts::Certificate,
};

/// Empties what may be empty.
const NONE: &str = "none";

/// What is said of a node.
#[derive(Debug, Args)]
pub(super) struct DetailArgs {
    /// What it may do: source, consumer, registry, repository, initiating-gateway, responding-gateway,
    /// patient-identity-source, consent-source, audit-viewer, admin
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<NodeRole>,
    /// Its certificate, PEM or DER; known by its fingerprint
    #[arg(long = "certificate", value_name = "FILE", help_heading = "Certificate")]
    certificates: Vec<PathBuf>,
    /// SHA-256 of its certificate
    #[arg(long = "fingerprint", value_name = "HEX", help_heading = "Certificate")]
    fingerprints: Vec<Fingerprint>,
    /// Issuer of its certificate, together with --serial or --san
    #[arg(long, value_name = "DN", help_heading = "Certificate")]
    issuer: Option<DistinguishedName>,
    /// Serial number that the issuer gave
    #[arg(long = "serial", value_name = "HEX", requires = "issuer", help_heading = "Certificate")]
    serials: Vec<SerialNumber>,
    /// subjectAltName in its certificates: a host name, or DNS:, URI:, email: or IP: and the value
    #[arg(long = "san", value_name = "VALUE", requires = "issuer", help_heading = "Certificate")]
    sans: Vec<SubjectAltName>,
    /// Communities that it may speak for, or none
    #[arg(long = "home", value_name = "OID", value_delimiter = ',')]
    homes: Vec<String>,
    /// Entity ids of the issuers of user assertions that it may bring, or none
    #[arg(long, value_name = "URI")]
    issuer_of_assertions: Vec<String>,
    /// Addresses that it may call from, or none for any
    #[arg(long = "address", value_name = "CIDR", value_delimiter = ',')]
    addresses: Vec<String>,
    /// Whether user assertions are required, optional or off, for all transactions or for one: ITI-18=required
    #[arg(long, value_name = "[TRANSACTION=]MODE", value_delimiter = ',', help_heading = "Settings")]
    xua: Vec<String>,
    /// Requests a second in the long run, or none for the configured number
    #[arg(long, value_name = "[TRANSACTION=]N", value_delimiter = ',', help_heading = "Settings")]
    rate: Vec<String>,
    /// Requests that may come at once
    #[arg(long, value_name = "[TRANSACTION=]N", value_delimiter = ',', help_heading = "Settings")]
    burst: Vec<String>,
    /// Requests that are answered at a time
    #[arg(long, value_name = "[TRANSACTION=]N", value_delimiter = ',', help_heading = "Settings")]
    in_flight: Vec<String>,
}

impl DetailArgs {
    /// Says it of a node; the facts of certificates that came as files.
    pub(super) fn apply(&self, node: &mut NodeDescription) -> Result<Vec<CertificateFacts>, Failure> {
        if !self.roles.is_empty() {
            node.roles.clone_from(&self.roles);
        }
        replace(&mut node.homes, "--home", &self.homes, values::home)?;
        replace(&mut node.issuers, "--issuer-of-assertions", &self.issuer_of_assertions, values::issuer_of_assertions)?;
        replace(&mut node.addresses, "--address", &self.addresses, parse::<AddressRange>)?;
        self.settings(&mut node.settings)?;
        let files = self.files()?;
        let named = self.certificates(&files)?;
        if !named.is_empty() {
            node.certificates = named;
        }
        Ok(files)
    }

    fn files(&self) -> Result<Vec<CertificateFacts>, Failure> {
        let read = |path: &PathBuf| {
            let shown = path.display();
            let octets = fs::read(path).map_err(|error| Failure::wrong_use(format!("{shown}: {error}")))?;
            let found =
                Certificate::in_file(&octets).map_err(|error| Failure::wrong_use(format!("{shown}: {error}")))?;
            if found.has_expired(clock::now()) {
                eprintln!("knoop: {shown}: the certificate has expired and will be refused until it is renewed");
            }
            Ok(CertificateFacts::clone(&found))
        };
        self.certificates.iter().map(read).collect()
    }

    fn certificates(&self, files: &[CertificateFacts]) -> Result<Vec<CertificateMatch>, Failure> {
        let of_files = files.iter().map(|facts| facts.fingerprint);
        let mut named: Vec<CertificateMatch> =
            of_files.chain(self.fingerprints.iter().copied()).map(CertificateMatch::Fingerprint).collect();
        if let Some(issuer) = &self.issuer {
            if self.serials.is_empty() && self.sans.is_empty() {
                return Err(Failure::wrong_use("--issuer names a certificate together with --serial or --san"));
            }
            let serial = |serial: &SerialNumber| CertificateMatch::Serial(issuer.clone(), serial.clone());
            let san = |san: &SubjectAltName| CertificateMatch::San(issuer.clone(), san.clone());
            named.extend(self.serials.iter().map(serial).chain(self.sans.iter().map(san)));
        }
        named.sort_unstable();
        named.dedup();
        Ok(named)
    }

    fn settings(&self, settings: &mut Vec<NodeSetting>) -> Result<(), Failure> {
        let mut by_transaction: BTreeMap<Option<Box<str>>, NodeSetting> =
            settings.drain(..).map(|setting| (setting.transaction.clone(), setting)).collect();
        set(&mut by_transaction, "--xua", &self.xua, parse::<XuaMode>, |setting| &mut setting.xua)?;
        let [rate, burst, in_flight] =
            LimitsConfig::NODE_CEILINGS.map(|ceiling| move |text: &str| number(text, ceiling));
        set(&mut by_transaction, "--rate", &self.rate, rate, |setting| &mut setting.limits.rate)?;
        set(&mut by_transaction, "--burst", &self.burst, burst, |setting| &mut setting.limits.burst)?;
        set(&mut by_transaction, "--in-flight", &self.in_flight, in_flight, |setting| &mut setting.limits.in_flight)?;
        let said = |setting: &NodeSetting| setting.xua.is_some() || setting.limits != NodeLimits::default();
        settings.extend(by_transaction.into_values().filter(said));
        Ok(())
    }
}

fn parse<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn number(text: &str, ceiling: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=ceiling).contains(number));
    number.ok_or_else(|| format!("a number from 1 to {ceiling} is wanted"))
}

fn wrong(option: &str, text: &str, why: &str) -> Failure {
    Failure::wrong_use(format!("{option} {text}: {why}"))
}

/// Replaces a list if anything is said of it.
fn replace<T>(
    list: &mut Vec<T>,
    option: &str,
    said: &[String],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<(), Failure> {
    if !said.is_empty() {
        *list = match said {
            [none] if none == NONE => Vec::new(),
            said => {
                said.iter().map(|text| read(text).map_err(|why| wrong(option, text, &why))).collect::<Result<_, _>>()?
            }
        };
    }
    Ok(())
}

/// Replaces one field of all settings if anything is said of it.
fn set<T>(
    settings: &mut BTreeMap<Option<Box<str>>, NodeSetting>,
    option: &str,
    said: &[String],
    read: impl Fn(&str) -> Result<T, String>,
    field: impl Fn(&mut NodeSetting) -> &mut Option<T>,
) -> Result<(), Failure> {
    if said.is_empty() {
        return Ok(());
    }
    settings.values_mut().for_each(|setting| *field(setting) = None);
    if let [none] = said
        && none == NONE
    {
        return Ok(());
    }
    for text in said {
        let (transaction, value) = match text.split_once('=') {
            Some((transaction, value)) => (Some(transaction), value),
            None => (None, text.as_str()),
        };
        if let Some(transaction) = transaction
            && !http::transactions().any(|known| known == transaction)
        {
            let known = http::transactions().collect::<Vec<_>>().join(", ");
            return Err(wrong(option, text, &format!("the transactions of this server are {known}")));
        }
        let value = read(value).map_err(|why| wrong(option, text, &why))?;
        let key: Option<Box<str>> = transaction.map(Into::into);
        let setting = settings.entry(key.clone()).or_insert_with(|| NodeSetting {
            transaction: key,
            xua: None,
            limits: NodeLimits::default(),
        });
        if field(setting).replace(value).is_some() {
            return Err(wrong(option, text, "it is said twice"));
        }
    }
    Ok(())
}
