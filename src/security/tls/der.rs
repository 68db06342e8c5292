//! As much DER as policy needs and OpenSSL does not tell: extensions and the parameters of signature algorithms.
//!
//! Reads what OpenSSL has parsed already; anything odd reads as absent, and callers refuse what they need and do not find.
//! Source: ITU-T X.690; RFC 5280 §4.1, §5.1.

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]` of a CRL and `[3]` of a certificate hold the extensions.
const CRL_EXTENSIONS: u8 = 0xA0;
const CERTIFICATE_EXTENSIONS: u8 = 0xA3;

/// `2.5.29.19`
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
/// `1.2.840.113549.1.1.10`
const RSASSA_PSS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A];

/// Elements one after the other: tag and content.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// The content of the first element if it has this tag.
fn inside(der: &[u8], tag: u8) -> Option<&[u8]> {
    Elements(der).next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// One extension.
struct Extension<'a> {
    oid: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

/// The extensions below `[tag]` of the signed part of a certificate or CRL.
fn extensions(der: &[u8], tag: u8) -> Option<Vec<Extension<'_>>> {
    let signed = inside(inside(der, SEQUENCE)?, SEQUENCE)?;
    let Some((_, wrapped)) = Elements(signed).find(|(found, _)| *found == tag) else { return Some(Vec::new()) };
    Elements(inside(wrapped, SEQUENCE)?).map(read_extension).collect()
}

fn read_extension<'a>((found, content): (u8, &'a [u8])) -> Option<Extension<'a>> {
    let mut parts = Elements(content);
    let (OID, oid) = parts.next()? else { return None };
    let (mut kind, mut value) = parts.next()?;
    let critical = kind == BOOLEAN && value != [0];
    if kind == BOOLEAN {
        (kind, value) = parts.next()?;
    }
    (found == SEQUENCE && kind == OCTET_STRING).then_some(Extension { oid, critical, value })
}

/// Whether a certificate says in basicConstraints that it is an authority.
pub(super) fn is_authority(certificate: &[u8]) -> bool {
    let constraints = extensions(certificate, CERTIFICATE_EXTENSIONS)
        .into_iter()
        .flatten()
        .find(|extension| extension.oid == BASIC_CONSTRAINTS);
    let Some(first) = constraints.and_then(|found| Elements(inside(found.value, SEQUENCE)?).next()) else {
        return false;
    };
    first.0 == BOOLEAN && first.1 != [0]
}

/// Whether a CRL has an extension that must be understood, which only partial and indirect CRLs have.
pub(super) fn has_critical_extension(crl: &[u8]) -> bool {
    extensions(crl, CRL_EXTENSIONS).is_none_or(|all| all.iter().any(|extension| extension.critical))
}

/// The object identifier of the hash in RSASSA-PSS parameters of a certificate's signature: `Some(None)` is the default,
/// SHA-1; `None` means that it is another kind of signature. Source: RFC 4055 §3.1.
pub(super) fn pss_hash(certificate: &[u8]) -> Option<Option<&[u8]>> {
    let algorithm = Elements(inside(certificate, SEQUENCE)?).nth(1).filter(|(tag, _)| *tag == SEQUENCE)?.1;
    let mut parts = Elements(algorithm);
    if parts.next()? != (OID, RSASSA_PSS) {
        return None;
    }
    let hash = parts.next().and_then(|(_, parameters)| {
        let (_, wrapped) = Elements(parameters).find(|(tag, _)| *tag == 0xA0)?;
        inside(inside(wrapped, SEQUENCE)?, OID)
    });
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of which nothing is there but this signature algorithm.
    fn signed_with(algorithm: &[u8]) -> Vec<u8> {
        let mut der = vec![SEQUENCE, u8::try_from(algorithm.len() + 2).unwrap(), SEQUENCE, 0];
        der.extend_from_slice(algorithm);
        der
    }

    const PSS_SHA_256: &[u8] = &[
        0x30, 0x41, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x34, 0xA0, 0x0F, 0x30,
        0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA1, 0x1C, 0x30, 0x1A,
        0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48,
        0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA2, 0x03, 0x02, 0x01, 0x20,
    ];
    const PSS_DEFAULT: &[u8] =
        &[0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x00];
    const ECDSA_SHA_256: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];

    #[test]
    fn s_tls_11_the_hash_of_a_pss_signature_is_read() {
        let sha_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
        assert_eq!(pss_hash(&signed_with(PSS_SHA_256)), Some(Some(sha_256)));
        assert_eq!(pss_hash(&signed_with(PSS_DEFAULT)), Some(None), "SHA-1");
        assert_eq!(pss_hash(&signed_with(ECDSA_SHA_256)), None);
    }

    #[test]
    fn what_is_cut_off_reads_as_absent() {
        let whole = signed_with(PSS_SHA_256);
        for end in 0..whole.len() {
            assert_eq!(pss_hash(&whole[..end]), None);
            assert!(!is_authority(&whole[..end]));
        }
        assert!(!is_authority(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]));
        assert!(has_critical_extension(&[0x30, 0x80, 0, 0]), "what cannot be read is not taken");
    }
}
