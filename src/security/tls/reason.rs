//! Why a certificate is refused.

use std::fmt;

/// Why the certificate of a peer is refused. Source: S-TLS-08 to S-TLS-13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// None was shown.
    NoCertificate,
    /// It cannot be read, or OpenSSL gave up.
    Unreadable,
    /// It signed itself and is not pinned.
    SelfSigned,
    /// No configured authority stands behind it, or an intermediate certificate was not sent.
    UnknownAuthority,
    /// Only pinned certificates are taken, and it is none of them.
    NotPinned,
    /// A signature of the chain is wrong.
    BadSignature,
    /// Its time has not begun.
    NotYetValid,
    /// Its time is over.
    Expired,
    /// The time of a certificate above it has not begun or is over.
    AuthorityNotValid,
    /// A key of the chain is too short, or of a kind that is not taken.
    WeakKey,
    /// A signature of the chain rests on a hash older than SHA-256.
    WeakSignature,
    /// Its extended key usage does not allow this role.
    WrongPurpose,
    /// A certificate above it may not issue certificates.
    NotAnAuthority,
    /// More certificates in the chain than allowed.
    PathTooLong,
    /// A name lies outside the constraints of an authority.
    NameConstraint,
    /// An extension that is marked critical is unknown.
    CriticalExtension,
    /// It names another host than the one that was called.
    WrongName,
    /// Its authority revoked it.
    Revoked,
    /// An authority of the chain was revoked.
    AuthorityRevoked,
    /// No CRL of an authority in the chain is at hand.
    NoCrl,
    /// The newest CRL of an authority in the chain is too old.
    CrlTooOld,
}

impl Reason {
    /// One word for metrics and audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Unreadable => "unreadable",
            Self::SelfSigned => "self_signed",
            Self::UnknownAuthority => "unknown_authority",
            Self::NotPinned => "not_pinned",
            Self::BadSignature => "bad_signature",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::AuthorityNotValid => "authority_not_valid",
            Self::WeakKey => "weak_key",
            Self::WeakSignature => "weak_signature",
            Self::WrongPurpose => "wrong_purpose",
            Self::NotAnAuthority => "not_an_authority",
            Self::PathTooLong => "path_too_long",
            Self::NameConstraint => "name_constraint",
            Self::CriticalExtension => "critical_extension",
            Self::WrongName => "wrong_name",
            Self::Revoked => "revoked",
            Self::AuthorityRevoked => "authority_revoked",
            Self::NoCrl => "no_crl",
            Self::CrlTooOld => "crl_too_old",
        }
    }

    /// What somebody can do about it.
    pub const fn how_to_mend(self) -> &'static str {
        match self {
            Self::NoCertificate => "the peer must be given a client certificate",
            Self::Unreadable => "the peer should have its certificate made anew",
            Self::SelfSigned => "pin it (pinned_files), or have it issued by an authority that is trusted here",
            Self::UnknownAuthority => {
                "add its authority as [tls.trust.NAME] (or [client.trust.NAME] for servers), or have the peer send its \
                 intermediate certificates"
            }
            Self::NotPinned => "add it to pinned_files, or set client.check_host = true",
            Self::BadSignature => "the peer's chain is broken or forged; ask the peer which certificates it sends",
            Self::NotYetValid => "look at the clocks of both sides, then at the certificate",
            Self::Expired => "the peer must renew its certificate",
            Self::AuthorityNotValid => "the peer's authority must renew its certificate, or a clock is wrong",
            Self::WeakKey => "RSA from 2048 bits, EC P-256, P-384, P-521 and Ed25519 are taken; make a new key",
            Self::WeakSignature => "have the certificate issued anew with SHA-256 or better",
            Self::WrongPurpose => {
                "its extended key usage must allow clientAuth for clients and serverAuth for servers, or be left out"
            }
            Self::NotAnAuthority => "the chain names an issuer that may not issue; ask the peer for the right chain",
            Self::PathTooLong => "at most six certificates may stand between a peer and its authority",
            Self::NameConstraint => "the authority may not issue for this name; take another authority",
            Self::CriticalExtension => "have it issued without the critical extension that nobody here knows",
            Self::WrongName => "the host that is called must stand in its subjectAltName; a common name does not count",
            Self::Revoked => "the peer needs a new certificate; if this surprises you, treat its key as stolen",
            Self::AuthorityRevoked => "an intermediate authority was revoked; the peer needs a certificate of another",
            Self::NoCrl => "give the CRL of every authority in the chain as crl_files or crl_urls",
            Self::CrlTooOld => "get a newer CRL from the authority; see whether crl_urls can be reached",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCertificate => "no certificate was shown",
            Self::Unreadable => "the certificate cannot be read",
            Self::SelfSigned => "the certificate signed itself and is not pinned",
            Self::UnknownAuthority => "no trusted authority stands behind the certificate",
            Self::NotPinned => "the certificate is not pinned",
            Self::BadSignature => "a signature in the chain is wrong",
            Self::NotYetValid => "the certificate is not yet valid",
            Self::Expired => "the certificate has expired",
            Self::AuthorityNotValid => "a certificate above it has expired or is not yet valid",
            Self::WeakKey => "a key in the chain is too weak",
            Self::WeakSignature => "a signature in the chain rests on a hash older than SHA-256",
            Self::WrongPurpose => "the certificate is not meant for this role",
            Self::NotAnAuthority => "a certificate above it may not issue certificates",
            Self::PathTooLong => "the chain is too long",
            Self::NameConstraint => "a name lies outside the constraints of an authority",
            Self::CriticalExtension => "a critical extension is unknown",
            Self::WrongName => "the certificate does not name the host that was called",
            Self::Revoked => "the certificate was revoked",
            Self::AuthorityRevoked => "an authority in the chain was revoked",
            Self::NoCrl => "no CRL of an authority in the chain is at hand",
            Self::CrlTooOld => "the newest CRL of an authority in the chain is too old",
        })
    }
}

impl std::error::Error for Reason {}
