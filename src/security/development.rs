//! An authority for development: makes certificates and revokes them. Never loadable in production (S-TLS-19).
//!
//! What it makes stands in `certs/development.toml`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use openssl::{
    asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time},
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509Crl, X509CrlBuilder, X509Extension, X509Name, X509NameRef, X509RevokedBuilder,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
            SubjectKeyIdentifier,
        },
    },
};
use serde::Deserialize;

use super::facts::DEVELOPMENT_ORGANISATION;

/// The token service for development; `scripts/dev-assertion` signs in its name.
pub const TOKEN_SERVICE: &str = "https://sts.example.org";

const PROFILE: &str = include_str!("../../certs/development.toml");
/// Names that the server's certificate always has.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Clocks of machines nearby may be behind by this much.
const BACKDATED_S: i64 = 300;
const DAY_S: i64 = 86_400;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    authority_days: u32,
    certificate_days: u32,
    certificate: Vec<CertificateProfile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateProfile {
    name: String,
    common_name: String,
    extended_key_usage: Vec<String>,
    #[serde(default)]
    names_hosts: bool,
}

/// Why nothing was made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// A file that cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A file of another kind.
    #[error("{} is not what it should be: {why}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        why: ErrorStack,
    },
    /// A certificate of another authority.
    #[error("{} was not issued by the authority in {}", certificate.display(), folder.display())]
    Foreign {
        /// The certificate.
        certificate: PathBuf,
        /// Where the authority lies.
        folder: PathBuf,
    },
    /// OpenSSL refused.
    #[error("certificates cannot be made: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// Where the files of an installation lie.
#[derive(Clone, Debug)]
pub struct Pki {
    folder: PathBuf,
}

impl Pki {
    /// In this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `NAME.pem`: `ca`, `server`, `client`, `sts`, `operator`.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// `NAME.key`.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// The revocation list.
    pub fn crl(&self) -> PathBuf {
        self.folder.join("crl.pem")
    }

    /// The file of issuers that names the token service of these certificates.
    pub fn issuers(&self) -> PathBuf {
        self.folder.join("issuers.toml")
    }

    /// Whether there is an authority already.
    pub fn exists(&self) -> bool {
        self.certificate("ca").exists() || self.key("ca").exists()
    }

    /// Makes an authority, an empty revocation list and all certificates of the profile, over what was there.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn make(&self, hosts: &[String], now: Timestamp) -> Result<(), DevelopmentError> {
        let profile: Profile = toml::from_str(PROFILE).expect("the profile of the program is in order");
        fs::create_dir_all(&self.folder).map_err(|why| DevelopmentError::File { path: self.folder.clone(), why })?;
        let authority = Authority::make(profile.authority_days, now)?;
        self.write(&self.key("ca"), &authority.key.private_key_to_pem_pkcs8()?, Secrecy::Secret)?;
        self.write(&self.certificate("ca"), &authority.certificate.to_pem()?, Secrecy::Open)?;
        self.write(&self.crl(), &authority.crl(&[], 1, profile.authority_days, now)?.to_pem()?, Secrecy::Open)?;
        for wanted in &profile.certificate {
            let hosts: Vec<&str> = match wanted.names_hosts {
                true => OWN_HOSTS.into_iter().chain(hosts.iter().map(String::as_str)).collect(),
                false => Vec::new(),
            };
            let key = new_key()?;
            let certificate = authority.issue(wanted, &key, &hosts, profile.certificate_days, now)?;
            self.write(&self.key(&wanted.name), &key.private_key_to_pem_pkcs8()?, Secrecy::Secret)?;
            self.write(&self.certificate(&wanted.name), &certificate.to_pem()?, Secrecy::Open)?;
        }
        let issuers = format!(
            "# Signs user assertions for development, with sts.key.\n[[issuer]]\nentity_id = \"{TOKEN_SERVICE}\"\n\
             keys = [\"sts.pem\"]\n"
        );
        self.write(&self.issuers(), issuers.as_bytes(), Secrecy::Open)?;
        Ok(())
    }

    /// Adds a certificate to the revocation list; its serial number. One that stands there already stays.
    ///
    /// # Errors
    /// When the certificate is not one of this authority, or a file cannot be read or written.
    pub fn revoke(&self, certificate: &Path, now: Timestamp) -> Result<String, DevelopmentError> {
        let authority = Authority {
            certificate: parsed(&self.certificate("ca"), X509::from_pem)?,
            key: parsed(&self.key("ca"), PKey::private_key_from_pem)?,
        };
        let revoked = parsed(certificate, X509::from_pem)?;
        if !revoked.verify(&*authority.certificate.public_key()?)? {
            let certificate = certificate.to_owned();
            return Err(DevelopmentError::Foreign { certificate, folder: self.folder.clone() });
        }
        let old = parsed(&self.crl(), X509Crl::from_pem)?;
        let mut serials = Vec::new();
        for entry in old.get_revoked().into_iter().flatten() {
            serials.push(entry.serial_number().to_bn()?);
        }
        let serial = revoked.serial_number().to_bn()?;
        if !serials.contains(&serial) {
            serials.push(serial);
        }
        let profile: Profile = toml::from_str(PROFILE).expect("the profile of the program is in order");
        // The number of a list grows with it.
        let number = now.as_millisecond();
        let crl = authority.crl(&serials, number, profile.authority_days, now)?;
        self.write(&self.crl(), &crl.to_pem()?, Secrecy::Open)?;
        Ok(revoked.serial_number().to_bn()?.to_hex_str()?.to_string())
    }

    /// Writes beside and renames, so that a running server never reads half a file.
    fn write(&self, path: &Path, octets: &[u8], secrecy: Secrecy) -> Result<(), DevelopmentError> {
        let failed = |why| DevelopmentError::File { path: path.to_owned(), why };
        let beside = path.with_extension("new");
        let mode = match secrecy {
            Secrecy::Secret => 0o600,
            Secrecy::Open => 0o644,
        };
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).map_err(failed)?;
        file.write_all(octets).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)
    }
}

#[derive(Clone, Copy)]
enum Secrecy {
    Secret,
    Open,
}

fn parsed<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, ErrorStack>) -> Result<T, DevelopmentError> {
    let octets = fs::read(path).map_err(|why| DevelopmentError::File { path: path.to_owned(), why })?;
    parse(&octets).map_err(|why| DevelopmentError::Content { path: path.to_owned(), why })
}

struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    fn make(days: u32, now: Timestamp) -> Result<Self, ErrorStack> {
        let key = new_key()?;
        // Two authorities on one machine must not have one name: lists of trust tell them apart by it.
        let digest = openssl::sha::sha256(&key.public_key_to_der()?);
        let digits: String = digest.iter().take(4).map(|octet| format!("{octet:02x}")).collect();
        let name = name(&format!("knoop development authority {digits}"))?;
        let mut builder = begun(&name, &key, days, now)?;
        builder.set_issuer_name(&name)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { certificate: builder.build(), key })
    }

    fn issue(
        &self,
        wanted: &CertificateProfile,
        key: &PKey<Private>,
        hosts: &[&str],
        days: u32,
        now: Timestamp,
    ) -> Result<X509, ErrorStack> {
        let mut builder = begun(&*name(&wanted.common_name)?, key, days, now)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        if !wanted.extended_key_usage.is_empty() {
            let mut usage = ExtendedKeyUsage::new();
            for purpose in &wanted.extended_key_usage {
                usage.other(purpose);
            }
            builder.append_extension(usage.build()?)?;
        }
        if !hosts.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for host in hosts {
                match host.parse::<IpAddr>() {
                    Ok(_) => names.ip(host),
                    Err(_) => names.dns(host),
                };
            }
            let names = names.build(&builder.x509v3_context(Some(&self.certificate), None))?;
            builder.append_extension(names)?;
        }
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(identifier)?;
        builder.append_extension(self.identifier(&builder)?)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(builder.build())
    }

    fn identifier(&self, builder: &X509Builder) -> Result<X509Extension, ErrorStack> {
        AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(&self.certificate), None))
    }

    fn crl(&self, serials: &[BigNum], number: i64, days: u32, now: Timestamp) -> Result<X509Crl, ErrorStack> {
        let mut builder = X509CrlBuilder::new()?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        let this_update = &*time(now, 0)?;
        builder.set_last_update(this_update)?;
        builder.set_next_update(&*time(now, i64::from(days) * DAY_S)?)?;
        let holder = X509::builder()?;
        builder.append_extension(self.identifier(&holder)?)?;
        builder.append_extension(crl_number(number)?)?;
        for serial in serials {
            let mut revoked = X509RevokedBuilder::new()?;
            revoked.set_serial_number(&*Asn1Integer::from_bn(serial)?)?;
            revoked.set_revocation_date(this_update)?;
            builder.add_revoked(revoked.build())?;
        }
        builder.sort()?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        builder.build()
    }
}

/// The extension cRLNumber: an INTEGER of eight octets, of which the first bit is never set.
fn crl_number(number: i64) -> Result<X509Extension, ErrorStack> {
    let mut der = vec![0x02, 8];
    der.extend(number.max(1).to_be_bytes());
    let significant = der[2..].iter().zip(&der[3..]).take_while(|(octet, next)| **octet == 0 && **next < 0x80).count();
    der.drain(2..2 + significant);
    der[1] = (der.len() - 2) as u8;
    X509Extension::new_from_der(&*Asn1Object::from_str("2.5.29.20")?, false, &*Asn1OctetString::new_from_bytes(&der)?)
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, DEVELOPMENT_ORGANISATION)?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn time(now: Timestamp, later_s: i64) -> Result<Asn1Time, ErrorStack> {
    Asn1Time::from_unix(now.as_second() + later_s)
}

/// A certificate with everything but issuer and extensions.
fn begun(subject: &X509NameRef, key: &PKey<Private>, days: u32, now: Timestamp) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(subject)?;
    builder.set_not_before(&*time(now, -BACKDATED_S)?)?;
    builder.set_not_after(&*time(now, i64::from(days) * DAY_S)?)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}
