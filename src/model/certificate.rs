//! What of a certificate says whose it is, and how the operator names it.

use std::{fmt, str::FromStr};

use super::{DistinguishedName, DistinguishedNameError};

/// SHA-256 of the DER form of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// Serial number of a certificate, as hexadecimal digits in lower case without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber(Box<str>);

/// A value of subjectAltName with its kind in front: `DNS:ehr.example.org`, `URI:…`, `email:…`, `IP:192.0.2.1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectAltName(Box<str>);

/// The facts of a verified certificate by which a node is found. Source: S-TLS-16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    /// Subject, for logs and audit.
    pub subject: Box<str>,
    /// Issuer, if it has a name.
    pub issuer: Option<DistinguishedName>,
    /// Serial number, which the issuer gave once; absent where it is none that RFC 5280 allows.
    pub serial: Option<SerialNumber>,
    /// subjectAltName.
    pub sans: Vec<SubjectAltName>,
}

/// How a node record names its certificates. Source: S-TLS-16.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateMatch {
    /// This one certificate.
    Fingerprint(Fingerprint),
    /// The one that this issuer gave this number.
    Serial(DistinguishedName, SerialNumber),
    /// Any of this issuer with this name, so also the one after a renewal.
    San(DistinguishedName, SubjectAltName),
}

/// Why a text does not name a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not 64 hexadecimal digits.
    #[error("a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits, colons allowed")]
    Fingerprint,
    /// No number.
    #[error("a serial number is at most 20 octets in hexadecimal digits, colons allowed")]
    Serial,
    /// Empty, too long, or with characters that no name has.
    #[error("a subjectAltName is a host name, or DNS:, URI:, email: or IP: and the value")]
    San,
    /// The issuer.
    #[error(transparent)]
    Issuer(#[from] DistinguishedNameError),
}

impl FromStr for Fingerprint {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, CertificateError> {
        let digits = digits(text).filter(|digits| digits.len() == 64).ok_or(CertificateError::Fingerprint)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            let (high, low) = (value(pair[0]), value(pair[1]));
            *byte = high.zip(low).map(|(high, low)| high << 4 | low).ok_or(CertificateError::Fingerprint)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl SerialNumber {
    /// Most octets of a serial number. Source: RFC 5280 §4.1.2.2.
    const MAX_DIGITS: usize = 40;

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SerialNumber {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, CertificateError> {
        let digits = digits(text.strip_prefix("0x").unwrap_or(text)).ok_or(CertificateError::Serial)?;
        let digits = digits.trim_start_matches('0');
        if digits.len() > Self::MAX_DIGITS {
            return Err(CertificateError::Serial);
        }
        Ok(Self(if digits.is_empty() { "0" } else { digits }.into()))
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SubjectAltName {
    const KINDS: [&str; 4] = ["DNS:", "URI:", "email:", "IP:"];
    const MAX_LENGTH: usize = 1024;

    /// The kind and the value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubjectAltName {
    type Err = CertificateError;

    /// A text without a kind is a host name.
    fn from_str(text: &str) -> Result<Self, CertificateError> {
        let text = text.trim();
        if text.len() > Self::MAX_LENGTH || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(CertificateError::San);
        }
        let split = Self::KINDS.into_iter().find_map(|kind| {
            let head = text.get(..kind.len()).filter(|head| head.eq_ignore_ascii_case(kind))?;
            Some((kind, &text[head.len()..]))
        });
        let (kind, value) = split.unwrap_or(("DNS:", text));
        if value.is_empty() {
            return Err(CertificateError::San);
        }
        let value = if kind == "DNS:" { value.to_ascii_lowercase() } else { value.to_owned() };
        Ok(Self(format!("{kind}{value}").into()))
    }
}

impl fmt::Display for SubjectAltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CertificateFacts {
    /// From texts: names as RFC 4514 writes them, the serial number in hexadecimal, subjectAltNames with their kind in
    /// front. What no record can name is left out; the fingerprint is always there.
    pub fn new(
        fingerprint: [u8; 32],
        subject: &str,
        issuer: &str,
        serial: &str,
        sans: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            fingerprint: Fingerprint(fingerprint),
            subject: subject.parse().map_or_else(|_| subject.into(), |name: DistinguishedName| name.as_str().into()),
            issuer: issuer.parse().ok(),
            serial: serial.parse().ok(),
            sans: sans.into_iter().filter_map(|san| san.parse().ok()).collect(),
        }
    }

    /// The issuer for people to read, empty where it has no name.
    pub fn issuer_text(&self) -> &str {
        self.issuer.as_ref().map_or("", DistinguishedName::as_str)
    }

    /// Every way in which a record may name this certificate.
    pub fn matches(&self) -> impl Iterator<Item = CertificateMatch> {
        let of_issuer = self.issuer.iter().flat_map(|issuer| {
            let serial = self.serial.iter().map(|serial| CertificateMatch::Serial(issuer.clone(), serial.clone()));
            serial.chain(self.sans.iter().map(|san| CertificateMatch::San(issuer.clone(), san.clone())))
        });
        std::iter::once(CertificateMatch::Fingerprint(self.fingerprint)).chain(of_issuer)
    }
}

impl fmt::Display for CertificateMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => write!(f, "fingerprint {fingerprint}"),
            Self::Serial(issuer, serial) => write!(f, "issuer {issuer} serial {serial}"),
            Self::San(issuer, san) => write!(f, "issuer {issuer} san {san}"),
        }
    }
}

/// Hexadecimal digits in lower case, without colons and blanks around.
fn digits(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let colons = (0..32).map(|n| format!("{n:02X}")).collect::<Vec<_>>().join(":");
        let read: Fingerprint = colons.parse().expect("a fingerprint");
        assert_eq!(read.to_string(), colons.replace(':', "").to_lowercase());
        assert_eq!(read.to_string().parse(), Ok(read));
        for wrong in ["", "00", &colons[3..], &colons.replace("1F", "1G")] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(CertificateError::Fingerprint), "{wrong}");
        }
    }

    #[test]
    fn serial_numbers_are_compared_as_numbers() {
        for (text, number) in [("0A:1b", "a1b"), ("0x00ff", "ff"), ("00", "0"), ("7", "7")] {
            assert_eq!(text.parse::<SerialNumber>().expect(text).as_str(), number);
        }
        for wrong in ["", "-1", "xyz", &"f".repeat(41)] {
            assert_eq!(wrong.parse::<SerialNumber>(), Err(CertificateError::Serial), "{wrong}");
        }
    }

    #[test]
    fn s_tls_09_a_certificate_with_odd_content_has_its_fingerprint() {
        let odd = CertificateFacts::new([7; 32], "", "", "-1", ["DNS:a".to_owned()]);
        assert_eq!(odd.matches().collect::<Vec<_>>(), [CertificateMatch::Fingerprint(odd.fingerprint)]);
        let plain = CertificateFacts::new([7; 32], "", "CN=CA", "1", ["DNS:a".to_owned()]);
        assert_eq!(plain.matches().count(), 3);
    }

    #[test]
    fn a_name_without_a_kind_is_a_host_name() {
        for (text, name) in [
            ("EHR.Example.org", "DNS:ehr.example.org"),
            ("dns:a", "DNS:a"),
            ("uri:urn:oid:2.999", "URI:urn:oid:2.999"),
            ("IP:192.0.2.1", "IP:192.0.2.1"),
        ] {
            assert_eq!(text.parse::<SubjectAltName>().expect(text).as_str(), name);
        }
        for wrong in ["", "DNS:", "a b", "a\0"] {
            assert_eq!(wrong.parse::<SubjectAltName>(), Err(CertificateError::San), "{wrong}");
        }
    }
}
