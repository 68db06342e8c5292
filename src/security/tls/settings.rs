//! What TLS may be told by configuration, and what can be wrong with it.

use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;

/// Which cipher suites are offered. Source: S-TLS-03, S-TLS-04.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Those that IHE names and what is better.
    #[default]
    Ihe,
    /// Without finite-field Diffie-Hellman.
    Strict,
}

/// The lowest version that is spoken. Source: S-TLS-02.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Minimum {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// One side of TLS: our identity, what we offer, whom we trust.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// Certificate chain and private key, PEM. A server cannot do without.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Cipher suites.
    pub profile: Profile,
    /// Lowest version.
    pub minimum: Minimum,
    /// Whose certificates are taken.
    pub trust: TrustSettings,
    /// Refuse certificates of `knoop init` (S-TLS-19).
    pub production: bool,
    /// Where CRLs lie that were fetched; `None` looks for none.
    pub crl_cache: Option<PathBuf>,
}

/// Whose certificates are taken. Source: S-TLS-08.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// Authorities.
    pub anchors: Vec<AnchorSettings>,
    /// Files of certificates that are taken as they are.
    pub pinned_files: Vec<PathBuf>,
    /// SHA-256 of certificates that are taken as they are.
    pub pinned_fingerprints: Vec<[u8; 32]>,
}

/// An authority.
#[derive(Clone, Debug)]
pub struct AnchorSettings {
    /// As the operator calls it.
    pub name: String,
    /// Its certificates, PEM or DER.
    pub file: PathBuf,
    /// Whether it is asked what it revoked.
    pub revocation: Option<RevocationSettings>,
}

/// How revocation is told. Source: S-TLS-13.
#[derive(Clone, Debug)]
pub struct RevocationSettings {
    /// CRLs, PEM or DER.
    pub files: Vec<PathBuf>,
    /// Addresses of CRLs, which somebody fetches into the cache.
    pub urls: Vec<String>,
    /// Seconds after nextUpdate during which a CRL is still used.
    pub grace_s: i64,
    /// Take certificates when no CRL can be used.
    pub soft_fail: bool,
}

impl TlsSettings {
    /// Every file that is read, for noticing changes.
    pub fn files(&self) -> Vec<PathBuf> {
        let identity = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        let anchors = self.trust.anchors.iter().map(|anchor| &anchor.file);
        let revocations = self.trust.anchors.iter().filter_map(|anchor| anchor.revocation.as_ref());
        let named = revocations.clone().flat_map(|revocation| &revocation.files);
        let fetched = revocations.flat_map(|r| &r.urls).filter_map(|url| self.cached_crl(url));
        identity.chain(anchors).chain(named).chain(&self.trust.pinned_files).cloned().chain(fetched).collect()
    }

    /// Where the CRL of this address lies once it was fetched.
    pub fn cached_crl(&self, url: &str) -> Option<PathBuf> {
        use std::fmt::Write;
        let mut name = String::with_capacity(68);
        for octet in openssl::sha::sha256(url.as_bytes()) {
            // Writing to a String does not fail.
            let _ = write!(name, "{octet:02x}");
        }
        self.crl_cache.as_ref().map(|folder| folder.join(name + ".crl"))
    }
}

/// Why certificates, keys or lists of this side cannot be used, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// A file without what it should hold.
    #[error("{} holds no {wanted}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// A private key that others may read.
    #[error("the private key {} may be read by others (mode {mode:03o}); run: chmod 600 {0}", .path.display())]
    KeyMode {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A key that is not the one of the certificate.
    #[error("the private key {} does not belong to the certificate {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// A certificate that does not belong into the place it was found in.
    #[error("{}: {why}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A certificate of `knoop init` in production.
    #[error("{} was made by knoop init for development; production = true refuses it", path.display())]
    Development {
        /// The file.
        path: PathBuf,
    },
    /// A server without certificate.
    #[error("a server needs tls.certificate_file and tls.key_file")]
    NoIdentity,
    /// OpenSSL refused.
    #[error("TLS cannot be set up: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl TlsError {
    pub(super) fn unfit(path: &Path, why: impl Into<String>) -> Self {
        Self::Unfit { path: path.to_owned(), why: why.into() }
    }
}

/// The whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|why| TlsError::File { path: path.to_owned(), why })
}
