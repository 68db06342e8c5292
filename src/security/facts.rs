//! The facts of a certificate, the same whether it comes in a file or over a connection.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Deref,
    sync::Arc,
};

use jiff::Timestamp;
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    nid::Nid,
    x509::{GeneralNameRef, X509, X509ExtendedKeyUsage, X509NameRef, X509Ref},
};

use crate::model::{CertificateFacts, DistinguishedName};

/// Organisation that `knoop init` puts into the names of its authority. Source: S-TLS-19.
pub(super) const DEVELOPMENT_ORGANISATION: &str = "knoop development";

/// Why something is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Neither PEM nor DER, or broken.
    #[error("it holds no certificate (PEM or DER)")]
    NotACertificate,
}

impl From<ErrorStack> for FactsError {
    fn from(_: ErrorStack) -> Self {
        Self::NotACertificate
    }
}

/// A certificate: by what it is known, and for how long and for what it is good.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// By what it can be found.
    pub facts: Arc<CertificateFacts>,
    /// Begin of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Its extended key usage allows it to be a server.
    pub may_serve: bool,
    /// It was made by `knoop init`.
    pub is_for_development: bool,
}

impl Deref for Certificate {
    type Target = CertificateFacts;

    fn deref(&self) -> &CertificateFacts {
        &self.facts
    }
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it is broken.
    pub fn of(certificate: &X509Ref) -> Result<Self, FactsError> {
        let serves = X509ExtendedKeyUsage::SSL_SERVER | X509ExtendedKeyUsage::ANYEKU;
        Ok(Self {
            facts: Arc::new(facts(certificate)?),
            not_before: timestamp(certificate.not_before()).ok_or(FactsError::NotACertificate)?,
            not_after: timestamp(certificate.not_after()).ok_or(FactsError::NotACertificate)?,
            may_serve: certificate.extended_key_usage().is_none_or(|usage| usage.intersects(serves)),
            is_for_development: is_for_development(certificate),
        })
    }

    /// Reads the first certificate in a PEM file, or the one in a DER file: that of the node, where a chain follows.
    ///
    /// # Errors
    /// When there is none, or it is broken.
    pub fn in_file(octets: &[u8]) -> Result<Self, FactsError> {
        Self::of(&*X509::from_pem(octets).or_else(|_| X509::from_der(octets))?)
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.not_after < now
    }
}

fn facts(certificate: &X509Ref) -> Result<CertificateFacts, ErrorStack> {
    let fingerprint = openssl::sha::sha256(&certificate.to_der()?);
    let serial = certificate.serial_number().to_bn()?.to_hex_str()?;
    let sans = certificate.subject_alt_names();
    let sans = sans.iter().flatten().filter_map(san_of);
    let (subject, issuer) = (name_of(certificate.subject_name()), name_of(certificate.issuer_name()));
    Ok(CertificateFacts::new(fingerprint, &subject, &issuer, &serial, sans))
}

/// Whether a certificate was made by `knoop init`.
pub(super) fn is_for_development(certificate: &X509Ref) -> bool {
    let organisations = certificate.issuer_name().entries_by_nid(Nid::ORGANIZATIONNAME);
    organisations.into_iter().any(|entry| entry.data().to_string().is_ok_and(|name| name == DEVELOPMENT_ORGANISATION))
}

/// A time of a certificate or a revocation list.
pub(super) fn timestamp(time: &Asn1TimeRef) -> Option<Timestamp> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Timestamp::from_second(i64::from(since.days) * 86_400 + i64::from(since.secs)).ok()
}

/// A name for people to read, most specific part first.
pub(super) fn name_text(name: &X509NameRef) -> String {
    let text = name_of(name);
    text.parse().map_or(text, |name: DistinguishedName| name.to_string())
}

/// In the manner of RFC 4514. Whatever is not a letter or a digit is escaped; the model writes it nicely.
fn name_of(name: &X509NameRef) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let nid = entry.object().nid();
        let known = nid.short_name().ok().filter(|_| nid != Nid::UNDEF);
        let kind = known.map_or_else(|| entry.object().to_string(), str::to_owned);
        let value = entry.data().to_string().unwrap_or_else(|_| "?".to_owned());
        let plain = |octet: u8| match octet {
            letter if letter.is_ascii_alphanumeric() => char::from(letter).to_string(),
            other => format!("\\{other:02X}"),
        };
        format!("{kind}={}", value.bytes().map(plain).collect::<String>())
    };
    let mut parts: Vec<String> = name.entries().map(part).collect();
    parts.reverse();
    parts.join(",")
}

fn san_of(name: &GeneralNameRef) -> Option<String> {
    let text = |kind: &str, text: Option<&str>| text.map(|text| format!("{kind}:{text}"));
    text("DNS", name.dnsname())
        .or_else(|| text("URI", name.uri()))
        .or_else(|| text("email", name.email()))
        .or_else(|| name.ipaddress().and_then(address_of).map(|address| format!("IP:{address}")))
}

/// The address in an iPAddress name.
pub(super) fn address_of(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use openssl::{
        asn1::{Asn1Integer, Asn1Time, Asn1TimeRef},
        bn::BigNum,
        hash::MessageDigest,
        pkey::PKey,
        x509::{X509Name, extension::SubjectAlternativeName},
    };

    use super::*;
    use crate::model::CertificateMatch;

    fn certificate(not_after: &Asn1TimeRef) -> X509 {
        let mut name = X509Name::builder().expect("a name");
        for (kind, value) in [("C", "NL"), ("O", "Zorg, Midden"), ("CN", "Región EHR")] {
            name.append_entry_by_text(kind, value).expect("a part");
        }
        let name = name.build();
        let key = PKey::generate_ed25519().expect("a key");
        let mut made = X509::builder().expect("a certificate");
        made.set_version(2).expect("set");
        let serial = Asn1Integer::from_bn(&BigNum::from_hex_str("0A1B").expect("a number")).expect("a number");
        made.set_serial_number(&serial).expect("set");
        made.set_subject_name(&name).expect("set");
        made.set_issuer_name(&name).expect("set");
        made.set_pubkey(&key).expect("set");
        made.set_not_before(&Asn1Time::from_unix(0).expect("a time")).expect("set");
        made.set_not_after(not_after).expect("set");
        let mut sans = SubjectAlternativeName::new();
        sans.dns("EHR.example").uri("urn:oid:2.999").email("a@b.example").ip("192.0.2.1").ip("2001:db8::1");
        let sans = sans.build(&made.x509v3_context(None, None)).expect("an extension");
        made.append_extension(sans).expect("set");
        made.sign(&key, MessageDigest::null()).expect("signed");
        made.build()
    }

    fn now() -> Timestamp {
        timestamp(&Asn1Time::days_from_now(0).expect("a time")).expect("a time")
    }

    #[test]
    fn s_tls_16_a_certificate_in_a_file_is_known_by_the_same_facts_as_on_a_connection() {
        let certificate = certificate(&Asn1Time::days_from_now(1).expect("a time"));
        let (pem, der) = (certificate.to_pem().expect("PEM"), certificate.to_der().expect("DER"));
        for octets in [&pem, &der, &[pem.as_slice(), pem.as_slice()].concat()] {
            let read = Certificate::in_file(octets).expect("a certificate");
            assert!(!read.has_expired(now()) && !read.is_for_development);
            assert_eq!(&*read.subject, "CN=Región EHR,O=Zorg\\, Midden,C=NL");
            let issuer = "CN=Región EHR,O=Zorg\\, Midden,C=NL".parse().expect("a name");
            assert_eq!(read.issuer.as_ref(), Some(&issuer));
            assert_eq!(read.fingerprint.to_string().parse(), Ok(read.fingerprint));
            let sans: Vec<&str> = read.sans.iter().map(|san| san.as_str()).collect();
            let expected =
                ["DNS:ehr.example", "URI:urn:oid:2.999", "email:a@b.example", "IP:192.0.2.1", "IP:2001:db8::1"];
            assert_eq!(sans, expected);
            let serial = CertificateMatch::Serial(issuer, "a1b".parse().expect("a number"));
            assert!(read.matches().any(|found| found == serial));
            assert_eq!(*read.facts, *Certificate::of(&certificate).expect("read").facts);
        }
    }

    #[test]
    fn an_expired_certificate_and_a_file_without_one_are_told_apart() {
        let past = certificate(&Asn1Time::from_unix(86_400).expect("a time"));
        assert!(Certificate::in_file(&past.to_pem().expect("PEM")).expect("a certificate").has_expired(now()));
        for octets in [&b""[..], b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", b"-----BEGIN X"] {
            assert!(Certificate::in_file(octets).is_err());
        }
    }

    #[test]
    fn a_distinguished_name_is_written_most_specific_first_and_escaped() {
        let mut name = X509Name::builder().expect("a name");
        for (kind, value) in [("C", "NL"), ("O", "Zorg, Zuid + Co"), ("CN", " #knoop\n")] {
            name.append_entry_by_text(kind, value).expect("a part");
        }
        assert_eq!(name_text(&name.build()), r"CN=\ #knoop\0A,O=Zorg\, Zuid \+ Co,C=NL");
    }

    #[test]
    fn times_beyond_2050_are_read() {
        let time = Asn1Time::from_str("20991231235959Z").expect("a time");
        assert_eq!(timestamp(&time).expect("a time").to_string(), "2099-12-31T23:59:59Z");
    }
}
