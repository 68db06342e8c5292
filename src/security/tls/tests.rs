//! The policy as a table, and what trust lists may hold.

use std::{fs, path::PathBuf};

use jiff::Timestamp;
use openssl::{
    hash::MessageDigest,
    nid::Nid,
    x509::{X509, X509Crl},
};
use tempfile::TempDir;

use self::certificates::{Issued, Key, Rights, Wanted};
use super::{
    Accepted, AnchorSettings, Reason, RevocationSettings, Role, ServerName, TlsError, TlsSettings, Trust, TrustSettings,
};

#[path = "../../../tests/it/harness/certificates.rs"]
mod certificates;

/// 2026-05-28T20:26:40Z
const BASE_S: i64 = 1_780_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(BASE_S).unwrap()
}

/// Trust lists in files, as an operator has them.
struct Lists {
    folder: TempDir,
    settings: TlsSettings,
}

impl Lists {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), settings: TlsSettings::default() }
    }

    fn file(&self, octets: &[u8]) -> PathBuf {
        let path = self.folder.path().join(fs::read_dir(self.folder.path()).unwrap().count().to_string());
        fs::write(&path, octets).unwrap();
        path
    }

    fn trusting(mut self, authority: &Issued) -> Self {
        let file = self.file(&authority.pem());
        self.settings.trust.anchors.push(AnchorSettings { name: "region".into(), file, revocation: None });
        self
    }

    /// Asks the authority that was added last.
    fn asking(mut self, crls: &[&X509Crl], soft_fail: bool) -> Self {
        let files = crls.iter().map(|crl| self.file(&crl.to_der().unwrap())).collect();
        let revocation = RevocationSettings { files, urls: Vec::new(), grace_s: 86_400, soft_fail };
        self.settings.trust.anchors.last_mut().unwrap().revocation = Some(revocation);
        self
    }

    fn pinning(mut self, certificate: &Issued) -> Self {
        let path = self.file(&certificate.pem());
        self.settings.trust.pinned_files.push(path);
        self
    }

    fn load(&self) -> Result<Trust, TlsError> {
        Trust::load(&self.settings)
    }

    fn verify(&self, sent: &[&Issued], role: Role<'_>) -> Result<Accepted, Reason> {
        let sent: Vec<X509> = sent.iter().map(|one| one.certificate.clone()).collect();
        self.load().unwrap().verify(&sent, role, now())
    }

    fn client(&self, sent: &[&Issued]) -> Result<(), Reason> {
        self.verify(sent, Role::Client).map(drop)
    }

    fn server(&self, host: &str, sent: &Issued) -> Result<(), Reason> {
        self.verify(&[sent], Role::Server(&ServerName::new(host))).map(drop)
    }
}

fn root() -> Issued {
    Issued::root("authority", BASE_S)
}

#[test]
fn s_tls_11_keys_hashes_times_and_purposes() {
    use Reason::{CriticalExtension, Expired, NotYetValid, WeakKey, WeakSignature, WrongPurpose};
    let root = root();
    let lists = Lists::new().trusting(&root);
    let default = Wanted::default;
    let table: [(&str, Wanted<'_>, Result<(), Reason>); 19] = [
        ("plain", default(), Ok(())),
        ("P-384", Wanted { key: Key::Curve(Nid::SECP384R1), ..default() }, Ok(())),
        ("P-521", Wanted { key: Key::Curve(Nid::SECP521R1), ..default() }, Ok(())),
        ("Ed25519", Wanted { key: Key::Ed25519, ..default() }, Ok(())),
        ("RSA 2048", Wanted { key: Key::Rsa(2048), ..default() }, Ok(())),
        ("RSA 1024", Wanted { key: Key::Rsa(1024), ..default() }, Err(WeakKey)),
        ("secp256k1", Wanted { key: Key::Curve(Nid::SECP256K1), ..default() }, Err(WeakKey)),
        ("SHA-384", Wanted { hash: MessageDigest::sha384(), ..default() }, Ok(())),
        ("SHA-1", Wanted { hash: MessageDigest::sha1(), ..default() }, Err(WeakSignature)),
        ("SHA-224", Wanted { hash: MessageDigest::sha224(), ..default() }, Err(WeakSignature)),
        ("expired", Wanted { valid_h: (-48, -1), ..default() }, Err(Expired)),
        ("not yet", Wanted { valid_h: (1, 48), ..default() }, Err(NotYetValid)),
        ("clientAuth", Wanted { extended_key_usage: "clientAuth", ..default() }, Ok(())),
        ("any", Wanted { extended_key_usage: "anyExtendedKeyUsage", ..default() }, Ok(())),
        ("serverAuth", Wanted { extended_key_usage: "serverAuth", ..default() }, Err(WrongPurpose)),
        ("codeSigning", Wanted { extended_key_usage: "codeSigning", ..default() }, Err(WrongPurpose)),
        ("S-TLS-09 unknown", Wanted { unknown_extension: Some(false), ..default() }, Ok(())),
        ("unknown, critical", Wanted { unknown_extension: Some(true), ..default() }, Err(CriticalExtension)),
        ("S-TLS-09 any name", Wanted { common_name: "b.example", names: "DNS:*,URI:urn:x", ..default() }, Ok(())),
    ];
    for (what, wanted, expected) in table {
        assert_eq!(lists.client(&[&root.issue(&wanted)]), expected, "{what}");
    }
}

#[test]
fn s_tls_08_an_authority_of_the_list_stands_behind_it() {
    let (root, stranger) = (root(), Issued::root("stranger", BASE_S));
    let leaf = root.issue(&Wanted::default());
    let lists = Lists::new().trusting(&root);
    let accepted = lists.verify(&[&leaf], Role::Client).unwrap();
    assert_eq!(accepted.anchor.as_deref(), Some("region"));
    assert_eq!(Lists::new().trusting(&stranger).client(&[&leaf]), Err(Reason::UnknownAuthority));
    assert_eq!(Lists::new().client(&[&leaf]), Err(Reason::UnknownAuthority));
    // The authority that a peer sends along is not believed.
    assert_eq!(Lists::new().trusting(&stranger).client(&[&leaf, &root]), Err(Reason::UnknownAuthority));
    assert_eq!(lists.client(&[]), Err(Reason::NoCertificate));
    // Same name, other key.
    let forged = Issued::root("authority", BASE_S).issue(&Wanted::default());
    assert_eq!(lists.client(&[&forged]), Err(Reason::BadSignature));
}

#[test]
fn s_tls_08_pinned_certificates_need_no_authority() {
    let (root, own) = (root(), Issued::self_signed(&Wanted::default(), BASE_S));
    let lists = Lists::new().trusting(&root).pinning(&own);
    assert_eq!(lists.verify(&[&own], Role::Client), Ok(Accepted { anchor: None, unchecked: None }));
    assert_eq!(lists.client(&[&root.issue(&Wanted::default())]), Ok(()), "both ways may be mixed");
    let other = Issued::self_signed(&Wanted::default(), BASE_S);
    assert_eq!(lists.client(&[&other]), Err(Reason::SelfSigned));
    for (wanted, reason) in [
        (Wanted { valid_h: (-48, -1), ..Wanted::default() }, Reason::Expired),
        (Wanted { key: Key::Rsa(1024), ..Wanted::default() }, Reason::WeakKey),
        (Wanted { extended_key_usage: "serverAuth", ..Wanted::default() }, Reason::WrongPurpose),
    ] {
        let own = Issued::self_signed(&wanted, BASE_S);
        assert_eq!(Lists::new().pinning(&own).client(&[&own]), Err(reason));
    }
    let fingerprint = openssl::sha::sha256(&other.certificate.to_der().unwrap());
    let mut lists = Lists::new();
    lists.settings.trust = TrustSettings { pinned_fingerprints: vec![fingerprint], ..TrustSettings::default() };
    assert_eq!(lists.client(&[&other]), Ok(()));
    assert_eq!(lists.client(&[&own]), Err(Reason::SelfSigned));
}

#[test]
fn s_tls_11_authorities_in_between() {
    let root = root();
    let lists = Lists::new().trusting(&root);
    let rights = Rights::default;
    let one = |rights| {
        let between = root.authority("between", rights);
        let leaf = between.issue(&Wanted { names: "DNS:a.region.example", ..Wanted::default() });
        lists.client(&[&leaf, &between])
    };
    assert_eq!(one(rights()), Ok(()));
    assert_eq!(one(Rights { name_constraints: "permitted;DNS:region.example", ..rights() }), Ok(()));
    for (what, rights, reasons) in [
        (
            "no CA",
            Rights { basic_constraints: "CA:FALSE", ..rights() },
            [Reason::NotAnAuthority, Reason::UnknownAuthority],
        ),
        ("no constraints", Rights { basic_constraints: "", ..rights() }, [Reason::NotAnAuthority; 2]),
        (
            "no keyCertSign",
            Rights { key_usage: "cRLSign", ..rights() },
            [Reason::NotAnAuthority, Reason::UnknownAuthority],
        ),
        ("names", Rights { name_constraints: "permitted;DNS:other.example", ..rights() }, [Reason::NameConstraint; 2]),
    ] {
        let reason = one(rights).expect_err(what);
        assert!(reasons.contains(&reason), "{what}: {reason:?}");
    }
    let between = root.authority("between", rights());
    let leaf = between.issue(&Wanted::default());
    assert_eq!(lists.client(&[&leaf]), Err(Reason::UnknownAuthority), "the one in between was not sent");
    // An authority of the list need not have signed itself.
    assert_eq!(Lists::new().trusting(&between).client(&[&leaf]), Ok(()));
}

#[test]
fn s_tls_11_length_of_the_path() {
    let root = root();
    let lists = Lists::new().trusting(&root);
    let path_of = |count: usize, rights: Rights<'_>| {
        let mut chain = vec![root.clone()];
        for number in 0..count {
            let above = chain.last().unwrap();
            chain.push(above.authority(&format!("between {number}"), rights));
        }
        let leaf = chain.last().unwrap().issue(&Wanted::default());
        let sent: Vec<&Issued> = std::iter::once(&leaf).chain(chain.iter().skip(1).rev()).collect();
        lists.client(&sent)
    };
    assert_eq!(path_of(6, Rights::default()), Ok(()));
    assert_eq!(path_of(7, Rights::default()), Err(Reason::PathTooLong));
    assert_eq!(path_of(10, Rights::default()), Err(Reason::PathTooLong));
    let none_below = Rights { basic_constraints: "critical,CA:TRUE,pathlen:0", ..Rights::default() };
    assert_eq!(path_of(1, none_below), Ok(()));
    assert_eq!(path_of(2, none_below), Err(Reason::PathTooLong));
}

#[test]
fn s_tls_11_an_authority_whose_time_is_over() {
    let wanted = Wanted { valid_h: (-48, -1), ..Wanted::default() };
    let root = Issued::root_with("authority", BASE_S, Rights::default(), wanted);
    let lists = Lists::new().trusting(&root);
    assert_eq!(lists.client(&[&root.issue(&Wanted::default())]), Err(Reason::AuthorityNotValid));
    let weak = Wanted { key: Key::Rsa(1024), ..Wanted::default() };
    let root = Issued::root_with("authority", BASE_S, Rights::default(), weak);
    assert_eq!(Lists::new().trusting(&root).client(&[&root.issue(&Wanted::default())]), Err(Reason::WeakKey));
}

#[test]
fn s_tls_13_revocation() {
    let (root, forger) = (root(), Issued::root("authority", BASE_S));
    let (good, bad) = (root.issue(&Wanted::default()), root.issue(&Wanted::default()));
    let crl = |hours| root.crl(&[&bad.certificate], hours);
    let fresh = (-1, 24);
    let two_days_late = (-72, -48);
    type Row = (&'static str, Vec<X509Crl>, bool, Result<(), Reason>, Result<(), Reason>);
    let table: [Row; 9] = [
        ("fresh", vec![crl(fresh)], false, Ok(()), Err(Reason::Revoked)),
        ("none", vec![], false, Err(Reason::NoCrl), Err(Reason::NoCrl)),
        ("none, soft", vec![], true, Ok(()), Ok(())),
        ("late by 12 hours", vec![crl((-24, -12))], false, Ok(()), Err(Reason::Revoked)),
        ("late by two days", vec![crl(two_days_late)], false, Err(Reason::CrlTooOld), Err(Reason::Revoked)),
        ("late, soft", vec![crl(two_days_late)], true, Ok(()), Err(Reason::Revoked)),
        ("of the future", vec![crl((1, 24))], false, Err(Reason::NoCrl), Err(Reason::NoCrl)),
        ("forged", vec![forger.crl(&[], fresh)], false, Err(Reason::NoCrl), Err(Reason::NoCrl)),
        ("old and new", vec![root.crl(&[], (-9, 24)), crl(fresh)], false, Ok(()), Err(Reason::Revoked)),
    ];
    for (what, crls, soft_fail, of_good, of_bad) in table {
        let crls: Vec<&X509Crl> = crls.iter().collect();
        let lists = Lists::new().trusting(&root).asking(&crls, soft_fail);
        assert_eq!(lists.client(&[&good]), of_good, "{what}");
        assert_eq!(lists.client(&[&bad]), of_bad, "{what}");
    }
    let soft = Lists::new().trusting(&root).asking(&[], true);
    assert_eq!(soft.verify(&[&good], Role::Client).unwrap().unchecked, Some(Reason::NoCrl));
    // A pin does not save what is known to be revoked.
    let pinned = Lists::new().trusting(&root).asking(&[&crl(fresh)], false).pinning(&bad);
    assert_eq!(pinned.client(&[&bad]), Err(Reason::Revoked));
}

#[test]
fn s_tls_13_every_authority_of_the_chain_has_its_list() {
    let root = root();
    let between = root.authority("between", Rights::default());
    let leaf = between.issue(&Wanted::default());
    let of_root = root.crl(&[], (-1, 24));
    let of_between = between.crl(&[], (-1, 24));
    let with = |crls: &[&X509Crl]| Lists::new().trusting(&root).asking(crls, false).client(&[&leaf, &between]);
    assert_eq!(with(&[&of_root, &of_between]), Ok(()));
    assert_eq!(with(&[&of_root]), Err(Reason::NoCrl));
    assert_eq!(with(&[&of_between]), Err(Reason::NoCrl));
    assert_eq!(with(&[&root.crl(&[&between.certificate], (-1, 24)), &of_between]), Err(Reason::AuthorityRevoked));
    assert_eq!(with(&[&of_root, &between.crl(&[&leaf.certificate], (-1, 24))]), Err(Reason::Revoked));
}

#[test]
fn s_tls_10_a_server_is_the_one_that_was_called() {
    let root = root();
    let lists = Lists::new().trusting(&root);
    let named = |common_name, names| root.issue(&Wanted { common_name, names, ..Wanted::default() });
    assert_eq!(lists.server("a.example", &named("x", "DNS:b.example,DNS:a.example")), Ok(()));
    assert_eq!(lists.server("a.example", &named("a.example", "DNS:b.example")), Err(Reason::WrongName));
    assert_eq!(lists.server("a.example", &named("a.example", "")), Err(Reason::WrongName));
    assert_eq!(lists.server("127.0.0.1", &named("x", "IP:127.0.0.1")), Ok(()));
    assert_eq!(lists.server("127.0.0.1", &named("127.0.0.1", "DNS:127.0.0.1")), Err(Reason::WrongName));
    let client = root.issue(&Wanted { names: "DNS:a.example", extended_key_usage: "clientAuth", ..Wanted::default() });
    assert_eq!(lists.server("a.example", &client), Err(Reason::WrongPurpose));
    // Without a name to check, only pins count.
    let pinned = Issued::self_signed(&Wanted::default(), BASE_S);
    let lists = lists.pinning(&pinned);
    assert_eq!(lists.server("a.example", &pinned), Err(Reason::WrongName));
    assert_eq!(lists.verify(&[&pinned], Role::PinnedServer).map(drop), Ok(()));
    assert_eq!(lists.verify(&[&named("x", "DNS:a.example")], Role::PinnedServer), Err(Reason::NotPinned));
}

#[test]
fn what_does_not_belong_into_a_trust_list_is_refused() {
    let (root, leaf) = (root(), root().issue(&Wanted::default()));
    let old = Rights { basic_constraints: "", key_usage: "", ..Rights::default() };
    for unfit in [leaf.clone(), Issued::root_with("old", BASE_S, old, Wanted::default())] {
        let error = Lists::new().trusting(&unfit).load().map(drop).expect_err("it is no authority");
        assert!(matches!(error, TlsError::Unfit { .. }), "{error}");
    }
    let mut lists = Lists::new();
    let file = lists.file(b"no certificate");
    lists.settings.trust.pinned_files.push(file);
    assert!(matches!(lists.load().map(drop), Err(TlsError::Content { .. })));
    // DER does as well as PEM.
    let mut lists = Lists::new();
    let file = lists.file(&root.certificate.to_der().unwrap());
    lists.settings.trust.anchors.push(AnchorSettings { name: "der".into(), file, revocation: None });
    assert_eq!(lists.client(&[&root.issue(&Wanted::default())]), Ok(()));
}

#[test]
fn a_forged_list_is_told_and_left_out() {
    let (root, forger) = (root(), Issued::root("authority", BASE_S));
    let trust = Lists::new().trusting(&root).asking(&[&forger.crl(&[], (-1, 24))], false).load().unwrap();
    let revocation = trust.anchors[0].revocation.as_ref().unwrap();
    assert!(revocation.crls.is_empty());
    assert!(revocation.missing[0].ends_with("its signature is wrong"), "{}", revocation.missing[0]);
}
