//! Our own certificate and key.

use std::{os::unix::fs::PermissionsExt, path::Path};

use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};

use super::{TlsError, settings::read, trust::certificates};

/// A certificate chain and its key.
pub struct Identity {
    /// Our certificate, then those above it.
    pub chain: Vec<X509>,
    pub(super) key: PKey<Private>,
}

impl Identity {
    /// The private key.
    pub(in crate::security) fn key(&self) -> &PKey<Private> {
        &self.key
    }

    /// Reads both files.
    ///
    /// # Errors
    /// When a file is missing, others may read the key, the two do not belong together, or the certificate was made for
    /// development and this is production.
    pub fn load(certificate: &Path, key: &Path, production: bool) -> Result<Self, TlsError> {
        let chain = certificates(certificate, production)?;
        check_key_mode(key)?;
        let wrong = || TlsError::Content { path: key.to_owned(), wanted: "private key (PEM, without password)" };
        // A callback keeps OpenSSL from asking the terminal for a password.
        let private = PKey::private_key_from_pem_callback(&read(key)?, |_| Ok(0)).map_err(|_| wrong())?;
        let belongs = chain.first().and_then(|own| own.public_key().ok()).is_some_and(|own| own.public_eq(&private));
        if !belongs {
            return Err(TlsError::KeyMismatch { key: key.to_owned(), certificate: certificate.to_owned() });
        }
        Ok(Self { chain, key: private })
    }
}

/// Refuses a key that anybody but its owner may read. Source: S-TLS-19.
fn check_key_mode(key: &Path) -> Result<(), TlsError> {
    let found = std::fs::metadata(key).map_err(|why| TlsError::File { path: key.to_owned(), why })?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(TlsError::KeyMode { path: key.to_owned(), mode }) }
}
