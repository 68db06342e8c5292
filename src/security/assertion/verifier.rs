//! The one door to an XML-signature library.

use openssl::sha::sha256;

use super::keys::{KeyKind, TrustedKey};

/// A signature algorithm of the allow-list. Source: spec security §3.3, step 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureMethod {
    /// RSA PKCS #1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    RsaSha384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    RsaSha512,
    /// ECDSA with SHA-256.
    EcdsaSha256,
    /// ECDSA with SHA-384.
    EcdsaSha384,
}

impl SignatureMethod {
    /// The method with this name, if it is on the list.
    pub fn from_uri(uri: &str) -> Option<Self> {
        match uri.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#")? {
            "rsa-sha256" => Some(Self::RsaSha256),
            "rsa-sha384" => Some(Self::RsaSha384),
            "rsa-sha512" => Some(Self::RsaSha512),
            "ecdsa-sha256" => Some(Self::EcdsaSha256),
            "ecdsa-sha384" => Some(Self::EcdsaSha384),
            _ => None,
        }
    }

    /// The kind of key that it takes.
    pub fn key_kind(self) -> KeyKind {
        match self {
            Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512 => KeyKind::Rsa,
            Self::EcdsaSha256 | Self::EcdsaSha384 => KeyKind::Ec,
        }
    }
}

/// What a verifier works on. Everything in it was judged by steps 1 to 5, nothing is proven.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Envelope, Header, Security and the assertion as received, an empty Body.
    pub reduced_envelope: &'a str,
    /// The assertion's ID.
    pub id: &'a str,
    /// How it is signed.
    pub method: SignatureMethod,
}

/// An assertion whose signature holds.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedAssertion {
    /// The octets that were digested; all claims are read from these (S-SIG-01).
    pub canonical_bytes: Vec<u8>,
    /// The ID of the node that was verified.
    pub id: Box<str>,
    /// The key that verified it: SHA-256 of its SubjectPublicKeyInfo.
    pub key_id: [u8; 32],
}

impl SignedAssertion {
    /// SHA-256 of the signed octets.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.canonical_bytes)
    }
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No key verified it.
    #[error("no key of the issuer verifies the signature")]
    NotVerified,
    /// The library refused to look at it.
    #[error("the signature was refused by the library")]
    Refused,
    /// It holds for something else than the one assertion.
    #[error("the signature covers something else")]
    Elsewhere,
}

/// Verifies the signature of the one assertion (S-SIG-01, S-SIG-04).
///
/// An implementation takes keys from `keys` alone, looks the assertion up by its place, demands that every signature in
/// the reduced envelope holds, and gives back the octets that were digested.
pub trait AssertionVerifier: Send + Sync {
    /// Tries each key.
    ///
    /// # Errors
    /// When none fits, or what was signed is not the assertion.
    fn verify(&self, candidate: &Candidate<'_>, keys: &[&TrustedKey]) -> Result<SignedAssertion, VerifyError>;
}
