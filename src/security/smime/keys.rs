//! Our key, the certificates of those we write to, and whom we believe.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    stack::Stack,
    x509::{X509, X509Ref},
};

use crate::security::tls::{Identity, TlsError, TlsSettings, Trust, certificates_of_holder};

/// Where keys and certificates of mail are.
#[derive(Clone, Debug, Default)]
pub struct SmimeSettings {
    /// Whom to believe, and our own certificate with its key (`identity`).
    pub trust: TlsSettings,
    /// A folder with one file for each partner, `ADDRESS.pem` in lower case: we encrypt for its certificates, and believe them
    /// when they sign for that address.
    pub partners: Option<PathBuf>,
    /// Files with a certificate of ours that is not used any more, and its key: what was encrypted for it is still read.
    pub former: Vec<PathBuf>,
}

/// Why nothing can be signed, encrypted or opened, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SmimeError {
    /// A file.
    #[error(transparent)]
    Files(#[from] TlsError),
    /// Nothing to sign or decrypt with.
    #[error("email.certificate_file and email.key_file are needed to sign and to decrypt")]
    NoIdentity,
    /// Nobody can read what would be sent.
    #[error("there is no certificate of the addressee in email.partners")]
    NoCertificate,
    /// A certificate that cannot be used.
    #[error("the certificate of the addressee cannot be used: {0}")]
    Certificate(crate::security::tls::Reason),
    /// The message is not for us, or damaged.
    #[error("it cannot be decrypted with our key")]
    NotForUs,
    /// OpenSSL refused.
    #[error("CMS cannot be made: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// Keys and certificates as they are now.
pub struct SmimeKeys {
    pub(super) identity: Option<Identity>,
    /// For decryption only.
    pub(super) former: Vec<Identity>,
    pub(super) trust: Trust,
    partners: Option<PathBuf>,
    production: bool,
}

impl fmt::Debug for SmimeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmimeKeys").finish_non_exhaustive()
    }
}

impl SmimeKeys {
    /// Reads our key and whom to believe. Certificates of partners are read when they are needed.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn load(settings: &SmimeSettings) -> Result<Self, SmimeError> {
        let production = settings.trust.production;
        let identity = settings.trust.identity.as_ref();
        let identity = identity.map(|(certificate, key)| Identity::load(certificate, key, production)).transpose()?;
        let former = settings.former.iter().map(|file| Identity::load(file, file, production));
        let former = former.collect::<Result<_, _>>()?;
        let trust = Trust::load(&settings.trust)?;
        Ok(Self { identity, former, trust, partners: settings.partners.clone(), production })
    }

    /// The certificates that a partner's file holds; none where there is no file. A folder or file that cannot be read does not
    /// say that a partner has none: what is sent to them would go out in the clear.
    ///
    /// # Errors
    /// When the folder or the file cannot be read, or the file holds no certificate.
    pub fn certificates_of(&self, address: &str) -> Result<Vec<X509>, SmimeError> {
        let Some(folder) = &self.partners else { return Ok(Vec::new()) };
        let Some(path) = partner_file(folder, address) else { return Ok(Vec::new()) };
        match path.symlink_metadata() {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let read = fs::read_dir(folder);
                read.map_err(|why| TlsError::File { path: folder.clone(), why })?;
                Ok(Vec::new())
            }
            Err(why) => Err(TlsError::File { path, why }.into()),
            Ok(_) => Ok(certificates_of_holder(&path, self.production)?),
        }
    }

    pub(super) fn own(&self) -> Result<(&X509, &PKey<Private>), SmimeError> {
        let identity = self.identity.as_ref().ok_or(SmimeError::NoIdentity)?;
        let own = identity.chain.first().ok_or(SmimeError::NoIdentity)?;
        Ok((own, identity.key()))
    }

    /// The certificates between ours and its authority.
    pub(super) fn chain_above(&self) -> Result<Stack<X509>, ErrorStack> {
        let mut above = Stack::new()?;
        for certificate in self.identity.iter().flat_map(|identity| identity.chain.iter().skip(1)) {
            above.push(certificate.clone())?;
        }
        Ok(above)
    }
}

/// The file of an address, for addresses that make a safe file name; all others have none.
fn partner_file(folder: &Path, address: &str) -> Option<PathBuf> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-' | b'@');
    let fits = !address.starts_with('.') && address.len() <= 200 && address.bytes().all(safe);
    fits.then(|| folder.join(format!("{}.pem", address.to_ascii_lowercase())))
}

/// Whether a certificate names this address: subjectAltName rfc822Name, or emailAddress of the subject in older ones.
/// Source: RFC 8550 §3.
pub(super) fn names_address(certificate: &X509Ref, address: &str) -> bool {
    let alternative = certificate.subject_alt_names();
    let mut named = alternative.iter().flatten().filter_map(|name| name.email());
    if named.any(|name| name.eq_ignore_ascii_case(address)) {
        return true;
    }
    let mut old = certificate.subject_name().entries_by_nid(openssl::nid::Nid::PKCS9_EMAILADDRESS);
    old.any(|entry| entry.data().to_string().is_ok_and(|name| name.eq_ignore_ascii_case(address)))
}
