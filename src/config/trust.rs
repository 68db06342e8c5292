//! `[tls.trust.NAME]` and `[client.trust.NAME]`: whose certificates are taken. Source: S-TLS-08, S-TLS-13.

use std::{path::PathBuf, time::Duration};

use super::settings::Settings;

/// Whose certificates are taken: by authority, or one by one.
#[derive(Clone, Debug, Default)]
pub struct TrustConfig {
    /// Authorities, by the names of their sections.
    pub anchors: Vec<AnchorConfig>,
    /// Files of certificates that are taken as they are.
    pub pinned_files: Vec<PathBuf>,
    /// SHA-256 of certificates that are taken as they are.
    pub pinned_fingerprints: Vec<[u8; 32]>,
}

/// An authority.
#[derive(Clone, Debug)]
pub struct AnchorConfig {
    /// The name of its section.
    pub name: String,
    /// Its certificate or certificates, PEM or DER.
    pub file: PathBuf,
    /// Whether it is asked what it revoked; `None` asks nothing.
    pub revocation: Option<RevocationConfig>,
}

/// Where revocations are read.
#[derive(Clone, Debug)]
pub struct RevocationConfig {
    /// CRLs, PEM or DER.
    pub files: Vec<PathBuf>,
    /// CRLs that are fetched.
    pub urls: Vec<http::Uri>,
    /// How often they are fetched.
    pub interval: Duration,
    /// How long after nextUpdate a CRL is still used.
    pub grace: Duration,
    /// Take certificates when no CRL can be used.
    pub soft_fail: bool,
}

impl RevocationConfig {
    /// One list that is a file; everything else as by default.
    pub fn of_file(path: PathBuf) -> Self {
        Self { files: vec![path], urls: Vec::new(), interval: INTERVAL, grace: GRACE, soft_fail: false }
    }
}

const INTERVAL: Duration = Duration::from_secs(3_600);
const GRACE: Duration = Duration::from_secs(86_400);

/// What `revocation` says.
#[derive(Clone, Copy)]
enum Asked {
    Crl,
    Nothing,
}

impl TrustConfig {
    /// Reads what stands below `section`.
    pub(super) fn read(s: &mut Settings, section: &str) -> Self {
        let names = s.names(&format!("{section}.trust"));
        let anchors = names.into_iter().filter_map(|name| anchor(s, section, name)).collect();
        let pinned_files = s.list(&format!("{section}.pinned_files")).into_iter().map(PathBuf::from).collect();
        let key = format!("{section}.pinned_fingerprints");
        let mut pinned_fingerprints = Vec::new();
        for text in s.list(&key) {
            match fingerprint(&text) {
                Some(octets) => pinned_fingerprints.push(octets),
                None => s.contradiction(&key, "a fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits"),
            }
        }
        Self { anchors, pinned_files, pinned_fingerprints }
    }
}

fn anchor(s: &mut Settings, section: &str, name: String) -> Option<AnchorConfig> {
    let key = |key: &str| format!("{section}.trust.{name}.{key}");
    let file: Option<PathBuf> = s.optional(&key("file"));
    let asked = s.with(&key("revocation"), |text| match text {
        "crl" => Ok(Asked::Crl),
        "none" => Ok(Asked::Nothing),
        "ocsp" | "crl+ocsp" => Err("OCSP is not supported; write crl, or none".to_owned()),
        _ => Err("crl, or none".to_owned()),
    });
    let revocation = RevocationConfig {
        files: s.list(&key("crl_files")).into_iter().map(PathBuf::from).collect(),
        urls: urls(s, &key("crl_urls")),
        interval: s.duration_within(&key("crl_interval"), INTERVAL, "7 d"),
        grace: s.duration_within(&key("crl_grace"), GRACE, "7 d"),
        soft_fail: s.parsed(&key("crl_soft_fail"), false),
    };
    if matches!(asked, None | Some(Asked::Crl)) && revocation.files.is_empty() && revocation.urls.is_empty() {
        s.contradiction(&key("revocation"), "crl needs crl_files or crl_urls; none asks nothing about revocation");
    }
    let Some(file) = file else {
        s.contradiction(&key("file"), "the certificate of the authority is missing");
        return None;
    };
    let revocation = match asked.unwrap_or(Asked::Crl) {
        Asked::Crl => Some(revocation),
        Asked::Nothing => None,
    };
    Some(AnchorConfig { name, file, revocation })
}

/// CRLs carry their own signature, so they are fetched in the clear, as everybody publishes them.
fn urls(s: &mut Settings, key: &str) -> Vec<http::Uri> {
    let mut urls = Vec::new();
    for text in s.list(key) {
        match text.parse::<http::Uri>() {
            Ok(url) if url.scheme_str() == Some("http") && url.host().is_some() => urls.push(url),
            _ => s.contradiction(key, "an address such as http://crl.example.org/ca.crl (a CRL has its own signature)"),
        }
    }
    urls
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b':' | b' ')).collect();
    let mut octets = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn refused(text: &str) -> String {
        Config::from_text("knoop.toml", text).expect_err("must be refused").to_string()
    }

    #[test]
    fn an_authority_is_read_with_its_revocation() {
        let text = "[tls.trust.region]\nfile = \"ca.pem\"\ncrl_files = [\"a.crl\"]\n\
                    [client.trust.uzi]\nfile = \"uzi.pem\"\nrevocation = \"none\"\n";
        let config = Config::from_text("knoop.toml", text).expect("in order");
        let region = &config.tls.trust.anchors[0];
        assert_eq!((region.name.as_str(), region.revocation.is_some()), ("region", true));
        assert!(config.client.trust.anchors[0].revocation.is_none());
    }

    #[test]
    fn ocsp_is_refused_in_a_plain_sentence() {
        let text = refused("[tls.trust.region]\nfile = \"ca.pem\"\nrevocation = \"ocsp\"\ncrl_files = [\"a\"]\n");
        assert!(text.contains("OCSP is not supported; write crl, or none"), "{text}");
    }

    #[test]
    fn revocation_without_a_crl_is_a_contradiction() {
        let text = refused("[tls.trust.region]\nfile = \"ca.pem\"\n");
        assert!(text.contains("crl needs crl_files or crl_urls"), "{text}");
    }

    #[test]
    fn fingerprints_are_64_digits_with_or_without_colons() {
        let with = ["AB"; 32].join(":");
        assert_eq!(super::fingerprint(&with), Some([0xAB; 32]));
        assert_eq!(super::fingerprint(&"ab".repeat(32)), Some([0xAB; 32]));
        assert_eq!(super::fingerprint("ab"), None);
        assert_eq!(super::fingerprint(&"+1".repeat(32)), None);
    }
}
