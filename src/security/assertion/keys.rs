//! Keys of issuers: pinned, or chained to the CA of a token service.

use jiff::Timestamp;
use openssl::{
    asn1::Asn1TimeRef,
    nid::Nid,
    pkey::{Id, PKey, PKeyRef, Public},
    sha::sha256,
    x509::{X509, X509NameRef, X509Ref},
};

use crate::security::{
    facts::is_for_development,
    tls::{AnchorSettings, Role, TlsSettings, Trust, TrustSettings},
};

/// Fewer bits are refused. Source: S-TLS-11.
const RSA_BITS: u32 = 2048;

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, 2048 bits or more.
    Rsa,
    /// P-256, P-384 or P-521.
    Ec,
}

/// A public key that verifies assertions of an issuer.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub id: [u8; 32],
    /// The key itself.
    pub key: PKey<Public>,
    /// Its kind.
    pub kind: KeyKind,
    /// Validity of the certificate it came in; a bare key has none.
    pub validity: Option<(Timestamp, Timestamp)>,
    /// Whether the certificate was made by `knoop init`.
    pub is_for_development: bool,
}

/// Why a file holds no key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No certificate and no public key.
    #[error("neither a certificate nor a public key in PEM")]
    NoKey,
    /// A key of a kind or strength that is not taken.
    #[error("a key is wanted that is RSA with at least 2048 bits, or on P-256, P-384 or P-521")]
    Weak,
    /// A certificate whose dates cannot be read.
    #[error("the certificate's dates cannot be read")]
    Dates,
    /// OpenSSL failed.
    #[error("the certificates cannot be used: {0}")]
    OpenSsl(String),
    /// The CA, or what it revoked.
    #[error("{0}")]
    Authority(String),
}

impl TrustedKey {
    /// All keys of a PEM text: certificates, or else one public key.
    ///
    /// # Errors
    /// When there is none, or one that is not taken.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, KeyError> {
        let certificates = X509::stack_from_pem(pem).unwrap_or_default();
        if certificates.is_empty() {
            let key = PKey::public_key_from_pem(pem).map_err(|_| KeyError::NoKey)?;
            return Ok(vec![Self::of_key(&key, None)?]);
        }
        certificates.iter().map(|certificate| Self::of_certificate(certificate)).collect()
    }

    fn of_certificate(certificate: &X509Ref) -> Result<Self, KeyError> {
        let validity =
            instant(certificate.not_before()).zip(instant(certificate.not_after())).ok_or(KeyError::Dates)?;
        let key = certificate.public_key().map_err(|_| KeyError::Weak)?;
        Ok(Self { is_for_development: is_for_development(certificate), ..Self::of_key(&key, Some(validity))? })
    }

    fn of_key(key: &PKeyRef<Public>, validity: Option<(Timestamp, Timestamp)>) -> Result<Self, KeyError> {
        let kind = match key.id() {
            Id::RSA if key.bits() >= RSA_BITS => KeyKind::Rsa,
            Id::EC => {
                let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
                let known = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];
                curve.filter(|curve| known.contains(curve)).ok_or(KeyError::Weak)?;
                KeyKind::Ec
            }
            _ => return Err(KeyError::Weak),
        };
        let spki_der = key.public_key_to_der().map_err(|error| KeyError::OpenSsl(error.to_string()))?;
        let key = PKey::public_key_from_der(&spki_der).map_err(|error| KeyError::OpenSsl(error.to_string()))?;
        Ok(Self { id: sha256(&spki_der), key, kind, validity, is_for_development: false })
    }

    /// Whether its certificate is valid; a bare key always is.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.validity.is_none_or(|(from, until)| from <= now && now <= until)
    }
}

/// A CA below which certificates with a certain subject may sign assertions.
pub struct Authority {
    trust: Trust,
    subject: Box<str>,
    keys: Vec<TrustedKey>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.subject)
    }
}

impl Authority {
    /// From the CA's files and the pattern of the subjects that count: a subject is written `C=NL, O=…, CN=…` in the order of
    /// the certificate, `*` stands for anything, and a comma within a value is written `\,`. In production the authority of
    /// `knoop init` is refused.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn load(anchor: AnchorSettings, subject: &str, production: bool) -> Result<Self, KeyError> {
        let trust = TrustSettings { anchors: vec![anchor], ..TrustSettings::default() };
        let settings = TlsSettings { trust, production, ..TlsSettings::default() };
        let trust = Trust::load(&settings).map_err(|error| KeyError::Authority(error.to_string()))?;
        let certificates = trust.anchors.iter().flat_map(|anchor| &anchor.certificates);
        let keys = certificates.map(|certificate| TrustedKey::of_certificate(certificate)).collect::<Result<_, _>>()?;
        Ok(Self { trust, subject: pattern_text(subject).into(), keys })
    }

    /// The keys of the CA itself, for the dates that the operator is told.
    pub fn certificates(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The key of the first of these certificates (DER), if it chains to the CA now, is not revoked, and its subject fits.
    /// The rules of the chain are those of TLS (S-TLS-11, S-TLS-13).
    pub fn key_of(&self, chain: &[Vec<u8>], now: Timestamp) -> Option<TrustedKey> {
        let chain: Vec<X509> = chain.iter().map_while(|der| X509::from_der(der).ok()).collect();
        let leaf = chain.first().filter(|leaf| matches(&self.subject, &subject_text(leaf.subject_name())))?;
        self.trust.verify(&chain, Role::Signer, now).ok()?;
        TrustedKey::of_certificate(leaf).ok()
    }
}

/// The SubjectPublicKeyInfo (DER) of a certificate (DER).
pub(super) fn spki_of_certificate(der: &[u8]) -> Option<Vec<u8>> {
    X509::from_der(der).ok()?.public_key().ok()?.public_key_to_der().ok()
}

fn instant(time: &Asn1TimeRef) -> Option<Timestamp> {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).ok()?;
    let difference = epoch.diff(time).ok()?;
    Timestamp::from_second(i64::from(difference.days) * 86_400 + i64::from(difference.secs)).ok()
}

/// A subject in the order of the certificate: `C=NL, O=…, CN=…`. What could be taken for the border of an attribute is written as
/// RFC 4514 §2.4 escapes it, in hexadecimal, so that no value looks like two.
fn subject_text(name: &X509NameRef) -> String {
    let parts = name.entries().map(|entry| {
        let kind = match entry.object().nid().short_name() {
            Ok(kind) if entry.object().nid() != Nid::UNDEF => kind.to_owned(),
            _ => entry.object().to_string(),
        };
        let value = match entry.data().to_string() {
            Ok(value) => escaped(&value),
            Err(_) => {
                let octets = entry.data().as_slice().iter().map(|octet| format!("{octet:02X}"));
                format!("#{}", octets.collect::<String>())
            }
        };
        format!("{kind}={value}")
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Characters of a value that are written in hexadecimal, wherever they stand.
const ESCAPED: [char; 9] = [',', '+', '=', '"', '\\', '<', '>', ';', '#'];

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if ESCAPED.contains(&c) || c.is_control() {
            let mut octets = [0; 4];
            c.encode_utf8(&mut octets).bytes().for_each(|octet| out.push_str(&format!("\\{octet:02X}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// A pattern with its escapes spelt as [`subject_text`] spells them: `\,` and `\2c` are `\2C`.
fn pattern_text(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let hexadecimal = after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(digits) = hexadecimal {
            out.push_str(&format!("\\{}", digits.to_ascii_uppercase()));
            rest = &after[2..];
        } else {
            let mut chars = after.chars();
            out.push_str(&chars.next().map(|c| escaped(c.encode_utf8(&mut [0; 4]))).unwrap_or_default());
            rest = chars.as_str();
        }
    }
    out + rest
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_nothing_else_does() {
        for (pattern, text) in [
            ("CN=sts", "CN=sts"),
            ("CN=*", "CN="),
            ("*CN=sts*", "C=NL, CN=sts 1"),
            ("C=NL, O=Ziekenhuis, CN=STS *", "C=NL, O=Ziekenhuis, CN=STS 2"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("CN=sts", "CN=sts2"), ("CN=sts*x", "CN=sts"), ("", "CN=sts"), ("CN=*s, O=x", "CN=s")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    fn subject(parts: &[(&str, &str)]) -> String {
        let mut name = openssl::x509::X509Name::builder().expect("a name");
        parts.iter().for_each(|(kind, value)| name.append_entry_by_text(kind, value).expect("an attribute"));
        subject_text(&name.build())
    }

    #[test]
    fn s_sig_04_a_value_is_not_taken_for_two_attributes() {
        let (genuine, forged) =
            (subject(&[("O", "Ziekenhuis"), ("CN", "STS 1")]), subject(&[("O", "Ziekenhuis, CN=STS 1")]));
        assert_eq!((&*genuine, &*forged), ("O=Ziekenhuis, CN=STS 1", "O=Ziekenhuis\\2C CN\\3DSTS 1"));
        for pattern in ["O=Ziekenhuis, CN=STS *", "O=*, CN=STS *", "*, CN=STS *", "*CN=STS *", "O=Zieken*, CN=STS 1"] {
            let pattern = pattern_text(pattern);
            assert!(matches(&pattern, &genuine), "{pattern}");
            assert!(!matches(&pattern, &forged), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_may_name_what_is_escaped() {
        let name = subject(&[("O", "Zorg, Midden + Zuid"), ("CN", "STS #1\\")]);
        assert_eq!(name, "O=Zorg\\2C Midden \\2B Zuid, CN=STS \\231\\5C");
        for pattern in ["O=Zorg\\, Midden \\+ Zuid, CN=STS *", "O=Zorg\\2c Midden \\2B Zuid, CN=STS \\#1\\\\"] {
            assert!(matches(&pattern_text(pattern), &name), "{pattern}");
        }
        assert!(!matches(&pattern_text("O=Zorg, Midden + Zuid, CN=STS *"), &name));
        assert_eq!(pattern_text("CN=a\\"), "CN=a");
    }
}
