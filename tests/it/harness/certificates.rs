//! Authorities, certificates and revocation lists of every kind, good and bad. Shared with the unit tests of the policy.

use openssl::{
    asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time},
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{
        X509, X509Builder, X509Crl, X509CrlBuilder, X509Extension, X509Name, X509RevokedBuilder,
        extension::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
    },
};

const HOUR_S: i64 = 3_600;
/// Hours that every certificate is valid for, before and after its time, unless it says otherwise.
const VALID_H: (i64, i64) = (-24, 24 * 300);

/// Kinds of keys.
#[derive(Clone, Copy)]
pub enum Key {
    P256,
    Curve(Nid),
    Ed25519,
    Rsa(u32),
}

impl Key {
    fn make(self) -> PKey<Private> {
        let curve = |nid| {
            let group = EcGroup::from_curve_name(nid).expect("the curve is known");
            PKey::from_ec_key(EcKey::generate(&group).expect("a key can be made")).expect("a key")
        };
        match self {
            Self::P256 => curve(Nid::X9_62_PRIME256V1),
            Self::Curve(nid) => curve(nid),
            Self::Ed25519 => PKey::generate_ed25519().expect("a key can be made"),
            Self::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits).expect("a key can be made")).expect("a key"),
        }
    }
}

/// What a certificate should be like.
#[derive(Clone)]
pub struct Wanted<'a> {
    pub common_name: &'a str,
    /// As in `openssl.cnf`: `DNS:a.example,IP:127.0.0.1`.
    pub names: &'a str,
    /// As in `openssl.cnf`: `clientAuth`; empty leaves it out.
    pub extended_key_usage: &'a str,
    pub key: Key,
    pub hash: MessageDigest,
    /// Hours from the time of the authority to the begin and the end.
    pub valid_h: (i64, i64),
    /// An extension that nobody knows; `Some(true)` marks it critical.
    pub unknown_extension: Option<bool>,
    /// As in `openssl.cnf`: NAME and value of a further extension.
    pub extension: Option<(Nid, &'a str)>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            common_name: "a partner",
            names: "",
            extended_key_usage: "",
            key: Key::P256,
            hash: MessageDigest::sha256(),
            valid_h: VALID_H,
            unknown_extension: None,
            extension: None,
        }
    }
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Issued {
    pub certificate: X509,
    pub key: PKey<Private>,
    /// The second from which hours are counted.
    base_s: i64,
}

/// What an authority should be like, beside its name.
#[derive(Clone, Copy)]
pub struct Rights<'a> {
    /// As in `openssl.cnf`; empty leaves it out.
    pub basic_constraints: &'a str,
    pub key_usage: &'a str,
    pub name_constraints: &'a str,
}

impl Default for Rights<'_> {
    fn default() -> Self {
        Self { basic_constraints: "critical,CA:TRUE", key_usage: "critical,keyCertSign,cRLSign", name_constraints: "" }
    }
}

impl Issued {
    /// An authority that signed itself.
    pub fn root(common_name: &str, base_s: i64) -> Self {
        Self::root_with(common_name, base_s, Rights::default(), Wanted::default())
    }

    /// The same with other rights, key or time.
    pub fn root_with(common_name: &str, base_s: i64, rights: Rights<'_>, wanted: Wanted<'_>) -> Self {
        let key = wanted.key.make();
        let certificate = build(&Wanted { common_name, ..wanted }, Some(rights), &key, None, base_s);
        Self { certificate, key, base_s }
    }

    /// A certificate that signed itself and is no authority.
    pub fn self_signed(wanted: &Wanted<'_>, base_s: i64) -> Self {
        let key = wanted.key.make();
        Self { certificate: build(wanted, None, &key, None, base_s), key, base_s }
    }

    /// An authority below this one.
    pub fn authority(&self, common_name: &str, rights: Rights<'_>) -> Self {
        let key = Key::P256.make();
        let wanted = Wanted { common_name, ..Wanted::default() };
        Self { certificate: build(&wanted, Some(rights), &key, Some(self), self.base_s), key, base_s: self.base_s }
    }

    /// A certificate below this one.
    pub fn issue(&self, wanted: &Wanted<'_>) -> Self {
        let key = wanted.key.make();
        Self { certificate: build(wanted, None, &key, Some(self), self.base_s), key, base_s: self.base_s }
    }

    /// A revocation list, its hours of thisUpdate and nextUpdate counted from the time of the authority.
    pub fn crl(&self, revoked: &[&X509], hours: (i64, i64)) -> X509Crl {
        let mut builder = X509CrlBuilder::new().expect("a list can be begun");
        builder.set_issuer_name(self.certificate.subject_name()).expect("a name");
        builder.set_last_update(&self.time(hours.0)).expect("a time");
        builder.set_next_update(&self.time(hours.1)).expect("a time");
        let holder = X509::builder().expect("a certificate can be begun");
        let context = holder.x509v3_context(Some(&self.certificate), None);
        let identifier = AuthorityKeyIdentifier::new().keyid(true).build(&context).expect("an identifier");
        builder.append_extension(identifier).expect("an extension");
        let number = extension_of("2.5.29.20", false, &[2, 1, 1]);
        builder.append_extension(number).expect("an extension");
        for certificate in revoked {
            let mut entry = X509RevokedBuilder::new().expect("an entry can be begun");
            entry.set_serial_number(certificate.serial_number()).expect("a number");
            entry.set_revocation_date(&self.time(hours.0)).expect("a time");
            builder.add_revoked(entry.build()).expect("an entry");
        }
        builder.sort().expect("entries can be sorted");
        builder.sign(&self.key, MessageDigest::sha256()).expect("a signature");
        builder.build().expect("a list")
    }

    /// PEM of the certificate.
    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().expect("PEM")
    }

    fn time(&self, hours: i64) -> Asn1Time {
        time(self.base_s, hours)
    }
}

fn time(base_s: i64, hours: i64) -> Asn1Time {
    Asn1Time::from_unix(base_s + hours * HOUR_S).expect("a time")
}

fn extension_of(oid: &str, critical: bool, der: &[u8]) -> X509Extension {
    let oid = Asn1Object::from_str(oid).expect("an object identifier");
    let value = Asn1OctetString::new_from_bytes(der).expect("octets");
    X509Extension::new_from_der(&oid, critical, &value).expect("an extension")
}

fn build(
    wanted: &Wanted<'_>,
    rights: Option<Rights<'_>>,
    key: &PKey<Private>,
    authority: Option<&Issued>,
    base_s: i64,
) -> X509 {
    let mut name = X509Name::builder().expect("a name can be begun");
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Invented").expect("a name");
    name.append_entry_by_nid(Nid::COMMONNAME, wanted.common_name).expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a certificate can be begun");
    builder.set_version(2).expect("a version");
    builder.set_serial_number(&serial()).expect("a number");
    builder.set_subject_name(&name).expect("a name");
    builder.set_issuer_name(authority.map_or(&*name, |above| above.certificate.subject_name())).expect("a name");
    builder.set_not_before(&time(base_s, wanted.valid_h.0)).expect("a time");
    builder.set_not_after(&time(base_s, wanted.valid_h.1)).expect("a time");
    builder.set_pubkey(key).expect("a key");
    extend(&mut builder, wanted, rights);
    let signer = authority.map_or(key, |above| &above.key);
    let hash = if signer.id() == openssl::pkey::Id::ED25519 { MessageDigest::null() } else { wanted.hash };
    builder.sign(signer, hash).expect("a signature");
    builder.build()
}

fn serial() -> Asn1Integer {
    let mut number = BigNum::new().expect("a number");
    number.rand(120, MsbOption::ONE, false).expect("a number");
    number.to_asn1_integer().expect("a number")
}

fn extend(builder: &mut X509Builder, wanted: &Wanted<'_>, rights: Option<Rights<'_>>) {
    let mut texts = vec![(Nid::SUBJECT_ALT_NAME, wanted.names), (Nid::EXT_KEY_USAGE, wanted.extended_key_usage)];
    texts.extend(wanted.extension);
    if let Some(rights) = rights {
        texts.push((Nid::BASIC_CONSTRAINTS, rights.basic_constraints));
        texts.push((Nid::KEY_USAGE, rights.key_usage));
        texts.push((Nid::NAME_CONSTRAINTS, rights.name_constraints));
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).expect("an identifier");
        builder.append_extension(identifier).expect("an extension");
    }
    for (kind, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let extension = extension_from_text(builder, kind, text);
        builder.append_extension(extension).expect("an extension");
    }
    if let Some(critical) = wanted.unknown_extension {
        builder.append_extension(extension_of("2.999.7", critical, &[5, 0])).expect("an extension");
    }
}

#[expect(deprecated, reason = "the texts are ours, and no other call takes name constraints")]
fn extension_from_text(builder: &X509Builder, kind: Nid, text: &str) -> X509Extension {
    X509Extension::new_nid(None, Some(&builder.x509v3_context(None, None)), kind, text).expect("an extension")
}
