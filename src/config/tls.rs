//! `[tls]`: mutual TLS. Source: spec security §1.1.

use std::path::PathBuf;

use super::{TrustConfig, settings::Settings};

/// Which cipher suites. Source: S-TLS-04.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsProfile {
    /// Those that IHE names and what is better.
    Ihe,
    /// Without finite-field Diffie-Hellman.
    Strict,
}

/// The lowest version. Source: S-TLS-02.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMinimum {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// Certificates and trust of the SOAP listener, and the profile of all TLS.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Our certificate chain, PEM.
    pub certificate_file: Option<PathBuf>,
    /// Our private key, PEM.
    pub key_file: Option<PathBuf>,
    /// Cipher suites.
    pub profile: TlsProfile,
    /// Lowest version.
    pub minimum: TlsMinimum,
    /// Whose certificates are taken from clients.
    pub trust: TrustConfig,
}

impl TlsConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let profiles = [("ihe", TlsProfile::Ihe), ("strict", TlsProfile::Strict)];
        let versions = [("1.2", TlsMinimum::V1_2), ("1.3", TlsMinimum::V1_3)];
        let tls = Self {
            certificate_file: s.optional("tls.certificate_file"),
            key_file: s.optional("tls.key_file"),
            profile: s.one_of("tls.profile", &profiles, TlsProfile::Ihe),
            minimum: s.one_of("tls.minimum", &versions, TlsMinimum::V1_2),
            trust: TrustConfig::read(s, "tls"),
        };
        if tls.certificate_file.is_some() != tls.key_file.is_some() {
            s.contradiction("tls", "certificate_file and key_file belong together");
        }
        tls
    }
}
