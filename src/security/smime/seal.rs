//! Out: signing and encrypting.

use jiff::Timestamp;
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    stack::Stack,
    symm::Cipher,
};

use super::{SmimeError, SmimeKeys};
use crate::security::tls::Role;

impl SmimeKeys {
    /// A detached signature over a MIME entity with CR LF lines, as DER. The hash is SHA-256, OpenSSL's default for RSA and
    /// elliptic curves.
    ///
    /// # Errors
    /// Without a key of our own.
    pub fn sign(&self, entity: &[u8]) -> Result<Vec<u8>, SmimeError> {
        let (own, key) = self.own()?;
        let above = self.chain_above()?;
        let flags = CMSOptions::DETACHED | CMSOptions::BINARY;
        let signed = CmsContentInfo::sign(Some(own), Some(key), Some(&above), Some(entity), flags)?;
        Ok(signed.to_der()?)
    }

    /// Encrypts a MIME entity for everybody in `addresses`, as DER.
    ///
    /// # Errors
    /// When the certificate of an address is missing, over, revoked, or too weak.
    pub fn encrypt(&self, entity: &[u8], addresses: &[&str], now: Timestamp) -> Result<Vec<u8>, SmimeError> {
        let mut readers = Stack::new()?;
        for address in addresses {
            let certificates = self.certificates_of(address)?;
            let mut unfit = None;
            let mut any = false;
            for certificate in certificates {
                match self.trust.verify_known(&certificate, Role::Correspondent, now) {
                    Ok(()) => {
                        readers.push(certificate)?;
                        any = true;
                    }
                    Err(reason) => unfit = Some(reason),
                }
            }
            if !any {
                return Err(unfit.map_or(SmimeError::NoCertificate, SmimeError::Certificate));
            }
        }
        if readers.is_empty() {
            return Err(SmimeError::NoCertificate);
        }
        let sealed = CmsContentInfo::encrypt(&readers, entity, Cipher::aes_256_cbc(), CMSOptions::BINARY)?;
        Ok(sealed.to_der()?)
    }
}
