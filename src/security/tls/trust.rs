//! Trust lists: our own files, never those of the operating system.
//!
//! Source: S-TLS-08, S-TLS-13.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use openssl::{
    stack::Stack,
    x509::{
        X509, X509Name, X509Ref,
        store::{X509Store, X509StoreBuilder},
        verify::X509VerifyFlags,
    },
};

use super::{
    Crl, TlsError,
    der::is_authority,
    settings::{AnchorSettings, RevocationSettings, TlsSettings, read},
};
use crate::security::facts::is_for_development;

/// An authority that is trusted.
pub struct Anchor {
    /// As the operator calls it.
    pub name: Arc<str>,
    /// Its certificates.
    pub certificates: Vec<X509>,
    /// Whether it is asked what it revoked.
    pub revocation: Option<Revocation>,
}

/// The lists of an authority and those below it, and how strictly they are taken.
pub struct Revocation {
    /// Usable lists.
    pub crls: Vec<Crl>,
    /// Seconds after nextUpdate during which a list is still used.
    pub grace_s: i64,
    /// Take certificates when no list can be used.
    pub soft_fail: bool,
    /// Lists that should be there and cannot be used, in words.
    pub missing: Vec<String>,
}

/// Whose certificates are taken.
pub struct Trust {
    /// Authorities.
    pub anchors: Vec<Anchor>,
    /// SHA-256 of certificates that are taken as they are.
    pub pins: BTreeSet<[u8; 32]>,
    pinned: Vec<X509>,
    pub(super) store: X509Store,
    /// A pin without its certificate: nobody can tell who issued it.
    has_bare_pins: bool,
}

impl Trust {
    /// Reads all files. A CRL that cannot be read does not stop it: those under its authority are refused until there is one.
    ///
    /// # Errors
    /// When a certificate is missing, is no certificate, or does not belong here.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        let trust = &settings.trust;
        let anchors =
            trust.anchors.iter().map(|anchor| load_anchor(anchor, settings)).collect::<Result<Vec<_>, _>>()?;
        let mut pinned = Vec::new();
        for path in &trust.pinned_files {
            pinned.extend(certificates(path, settings.production)?);
        }
        let mut pins: BTreeSet<[u8; 32]> = trust.pinned_fingerprints.iter().copied().collect();
        for certificate in &pinned {
            pins.insert(openssl::sha::sha256(&certificate.to_der()?));
        }
        let has_bare_pins = !trust.pinned_fingerprints.is_empty();
        Ok(Self { store: store(&anchors)?, anchors, pins, pinned, has_bare_pins })
    }

    /// Whether the certificate is taken as it is.
    pub(super) fn is_pinned(&self, certificate: &X509Ref) -> bool {
        certificate.to_der().is_ok_and(|der| self.pins.contains(&openssl::sha::sha256(&der)))
    }

    /// The anchor that this certificate is.
    pub(super) fn anchor(&self, certificate: &X509Ref) -> Option<&Anchor> {
        self.anchors.iter().find(|anchor| anchor.certificates.iter().any(|known| **known == *certificate))
    }

    /// The issuers that clients are told of; none when some pins are known by fingerprint alone, since a client that is told
    /// names keeps back a certificate of another issuer.
    pub(super) fn issuer_names(&self) -> Result<Stack<X509Name>, TlsError> {
        let mut names = Stack::new()?;
        if !self.has_bare_pins {
            for anchor in self.anchors.iter().flat_map(|anchor| &anchor.certificates) {
                names.push(anchor.subject_name().to_owned()?)?;
            }
            for pinned in &self.pinned {
                names.push(pinned.issuer_name().to_owned()?)?;
            }
        }
        Ok(names)
    }

    /// One more store of the authorities, for a context of OpenSSL to own.
    pub(super) fn new_store(&self) -> Result<X509Store, TlsError> {
        store(&self.anchors)
    }

    /// Certificates that are pinned by file.
    pub fn pinned(&self) -> &[X509] {
        &self.pinned
    }
}

fn load_anchor(anchor: &AnchorSettings, settings: &TlsSettings) -> Result<Anchor, TlsError> {
    let certificates = certificates(&anchor.file, settings.production)?;
    for certificate in &certificates {
        if !is_authority(&certificate.to_der()?) {
            let why = "a certificate in it is no authority (basicConstraints); a peer's own belongs in pinned_files";
            return Err(TlsError::unfit(&anchor.file, why));
        }
    }
    let revocation = anchor.revocation.as_ref().map(|asked| load_crls(asked, &certificates, settings));
    Ok(Anchor { name: anchor.name.as_str().into(), certificates, revocation })
}

fn load_crls(asked: &RevocationSettings, authorities: &[X509], settings: &TlsSettings) -> Revocation {
    let fetched = asked.urls.iter().map(|url| (settings.cached_crl(url), Some(url)));
    let named = asked.files.iter().map(|path| (Some(path.clone()), None));
    let (mut crls, mut missing) = (Vec::new(), Vec::new());
    for (path, url) in named.chain(fetched) {
        let Some(path) = path else { continue };
        match Crl::from_file(&path, authorities.iter().map(|authority| &**authority)) {
            Ok(crl) => crls.push(crl),
            Err(why) => missing.push(match url {
                Some(url) if !path.exists() => format!("{url} was not fetched yet"),
                Some(url) => format!("{url}: {why}"),
                None => why.to_string(),
            }),
        }
    }
    Revocation { crls, grace_s: asked.grace_s, soft_fail: asked.soft_fail, missing }
}

/// All certificates of a file, PEM or DER.
pub(super) fn certificates(path: &Path, production: bool) -> Result<Vec<X509>, TlsError> {
    let octets = read(path)?;
    let found = match X509::stack_from_pem(&octets) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => X509::from_der(&octets).map(|certificate| vec![certificate]),
    };
    let found = found.map_err(|_| TlsError::Content { path: path.to_owned(), wanted: "certificate (PEM or DER)" })?;
    if production && found.iter().any(|certificate| is_for_development(certificate)) {
        return Err(TlsError::Development { path: path.to_owned() });
    }
    Ok(found)
}

/// The certificates in a file that belong to its holder: those of authorities that came along are left out, unless there is
/// nothing else.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn certificates_of_holder(path: &Path, production: bool) -> Result<Vec<X509>, TlsError> {
    let mut found = certificates(path, production)?;
    if found.len() > 1 {
        found.retain(|certificate| certificate.to_der().is_ok_and(|der| !is_authority(&der)));
    }
    Ok(found)
}

/// OpenSSL builds chains and checks signatures, names and path lengths; times are ours, since the clock is given. A certificate
/// in a trust list is an end of the chain, whether it signed itself or not.
fn store(anchors: &[Anchor]) -> Result<X509Store, TlsError> {
    let mut store = X509StoreBuilder::new()?;
    for certificate in anchors.iter().flat_map(|anchor| &anchor.certificates) {
        store.add_cert(certificate.clone())?;
    }
    store
        .set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME | X509VerifyFlags::TRUSTED_FIRST)?;
    Ok(store.build())
}
