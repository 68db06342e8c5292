//! In: decrypting, and finding out who signed.

use jiff::Timestamp;
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    pkcs7::{Pkcs7, Pkcs7Flags},
    stack::Stack,
    x509::{X509, X509KeyUsage, X509Ref},
};

use super::{SmimeError, SmimeKeys, hash::hashes_are_strong, keys::names_address};
use crate::security::{
    facts::name_text,
    tls::{Reason, Role},
};

/// Signers of one message that are looked at; more than one is refused anyhow.
const CERTIFICATES_MAX: usize = 10;

/// Something whose signature holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    /// Exactly the octets that were signed.
    pub content: Vec<u8>,
    /// The distinguished name of the signer.
    pub signer: String,
}

/// Why a signature is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefused {
    /// Not a signature, or one of a kind that is not taken.
    #[error("the signature cannot be read")]
    Unreadable,
    /// None or several signers, or one whose certificate is neither in the message nor known here.
    #[error("one signer is wanted, with its certificate")]
    Signers,
    /// It is over a hash that can be forged (MD5, SHA-1), or that is not known here.
    #[error("the signature is over a hash that is not taken (SHA-256, SHA-384 and SHA-512 are)")]
    Hash,
    /// The octets are not those that were signed.
    #[error("the signature does not belong to the message")]
    Wrong,
    /// The certificate of the signer does not name the sender's address.
    #[error("the signer's certificate does not name the sender's address")]
    OtherAddress,
    /// The certificate of the signer is refused.
    #[error("the signer's certificate is refused: {0}")]
    Certificate(Reason),
}

impl SmimeKeys {
    /// Decrypts CMS EnvelopedData: with our key, or with one that we had, for whoever has not got our new certificate yet.
    ///
    /// # Errors
    /// When it is for none of them.
    pub fn decrypt(&self, enveloped: &[u8]) -> Result<Vec<u8>, SmimeError> {
        let own = self.own()?;
        let former = self.former.iter().filter_map(|former| Some((former.chain.first()?, former.key())));
        let enveloped = CmsContentInfo::from_der(enveloped).map_err(|_| SmimeError::NotForUs)?;
        let mut keys = std::iter::once(own).chain(former);
        keys.find_map(|(certificate, key)| enveloped.decrypt(key, certificate).ok()).ok_or(SmimeError::NotForUs)
    }

    /// Verifies CMS SignedData of the sender at `from`; `detached` are the octets it is about where it does not hold them itself.
    ///
    /// The signature must be by one certificate, and that must name `from` and be trusted; or it is a certificate in the file of
    /// that partner.
    ///
    /// # Errors
    /// When the file of the partner cannot be read: nothing is said of the signature then.
    pub fn verify(
        &self,
        signed: &[u8],
        detached: Option<&[u8]>,
        from: &str,
        now: Timestamp,
    ) -> Result<Result<Verified, SignatureRefused>, SmimeError> {
        let partner = self.certificates_of(from)?;
        Ok(self.verify_knowing(&partner, signed, detached, from, now))
    }

    /// The same with the certificates of that partner.
    fn verify_knowing(
        &self,
        partner: &[X509],
        signed: &[u8],
        detached: Option<&[u8]>,
        from: &str,
        now: Timestamp,
    ) -> Result<Verified, SignatureRefused> {
        let (signer, others) = signer_of(signed, partner)?;
        let mut content = Vec::new();
        {
            let unreadable = |_| SignatureRefused::Unreadable;
            let mut only = Stack::new().map_err(unreadable)?;
            only.push(signer.clone()).map_err(unreadable)?;
            let mut cms = CmsContentInfo::from_der(signed).map_err(unreadable)?;
            if !hashes_are_strong(&cms.to_der().map_err(unreadable)?).unwrap_or(false) {
                return Err(SignatureRefused::Hash);
            }
            // Whom to believe is judged below, by our own rules. NOINTERN: by this certificate and no other.
            let flags = CMSOptions::NO_SIGNER_CERT_VERIFY | CMSOptions::NOINTERN | CMSOptions::BINARY;
            let holds = cms.verify(Some(&only), None, detached, Some(&mut content), flags);
            holds.map_err(|_| SignatureRefused::Wrong)?;
        }
        self.believe(&signer, others, partner.contains(&signer), from, now)?;
        if let Some(detached) = detached {
            content = detached.to_vec();
        }
        Ok(Verified { content, signer: name_text(signer.subject_name()) })
    }

    fn believe(
        &self,
        signer: &X509Ref,
        others: Vec<X509>,
        is_partner: bool,
        from: &str,
        now: Timestamp,
    ) -> Result<(), SignatureRefused> {
        let signs = X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION;
        if !signer.key_usage().is_none_or(|usage| usage.intersects(signs)) {
            return Err(SignatureRefused::Certificate(Reason::WrongPurpose));
        }
        if is_partner {
            let judged = self.trust.verify_known(signer, Role::Correspondent, now);
            return judged.map_err(SignatureRefused::Certificate);
        }
        if !names_address(signer, from) {
            return Err(SignatureRefused::OtherAddress);
        }
        let mut sent = vec![signer.to_owned()];
        sent.extend(others);
        self.trust.verify(&sent, Role::Correspondent, now).map_err(SignatureRefused::Certificate)?;
        Ok(())
    }
}

/// The one certificate that the signature is by, and the others that came along.
fn signer_of(signed: &[u8], known: &[X509]) -> Result<(X509, Vec<X509>), SignatureRefused> {
    let unreadable = |_| SignatureRefused::Unreadable;
    let pkcs7 = Pkcs7::from_der(signed).map_err(unreadable)?;
    let sent: Vec<X509> = pkcs7
        .signed()
        .and_then(|signed| signed.certificates())
        .map(|sent| sent.iter().map(ToOwned::to_owned).collect())
        .unwrap_or_default();
    if sent.len() > CERTIFICATES_MAX {
        return Err(SignatureRefused::Signers);
    }
    let mut candidates = Stack::new().map_err(unreadable)?;
    for certificate in known {
        candidates.push(certificate.clone()).map_err(unreadable)?;
    }
    let signers = pkcs7.signers(&candidates, Pkcs7Flags::empty()).map_err(|_| SignatureRefused::Signers)?;
    let mut signers = signers.iter();
    let (Some(signer), None) = (signers.next(), signers.next()) else { return Err(SignatureRefused::Signers) };
    let others = sent.into_iter().filter(|other| **other != *signer).collect();
    Ok((signer.to_owned(), others))
}
