//! Against `openssl cms`, both ways.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use super::{SignatureRefused, SmimeError, SmimeKeys, SmimeSettings};
use crate::security::tls::{AnchorSettings, Reason, RevocationSettings, TlsSettings, TrustSettings};

const OURS: &str = "knoop@ziekenhuis.example";
const THEIRS: &str = "kliniek@kliniek.example";
const ENTITY: &[u8] = b"Content-Type: text/plain\r\n\r\nHello\r\n";

fn now() -> jiff::Timestamp {
    "2100-01-01T00:00:00Z".parse().unwrap()
}

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl is installed")
}

fn done(folder: &Path, arguments: &str) {
    let output = openssl(folder, arguments);
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, our certificate and theirs, and the folder of partners.
struct Post(TempDir);

impl Post {
    fn new() -> Self {
        let post = Self(tempfile::tempdir().unwrap());
        let folder = post.folder();
        fs::create_dir(folder.join("partners")).unwrap();
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500";
        done(folder, &format!("{request} -keyout ca.key -out ca.pem -subj /CN=Authority"));
        post.issue("ours", OURS, "");
        post.issue("theirs", THEIRS, "");
        fs::copy(folder.join("theirs.pem"), folder.join("partners").join(format!("{THEIRS}.pem"))).unwrap();
        post
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// RSA, since that is what mail has.
    fn issue(&self, name: &str, address: &str, more: &str) {
        let folder = self.folder();
        fs::write(folder.join("ext"), format!("subjectAltName=email:{address}\n{more}")).unwrap();
        done(folder, &format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        let ca = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -sha256 -extfile ext";
        done(folder, &format!("x509 -req -in {name}.csr -out {name}.pem {ca}"));
        fs::set_permissions(folder.join(format!("{name}.key")), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn keys_with(&self, own: &str, anchors: &[&str]) -> SmimeKeys {
        SmimeKeys::load(&self.settings_with(own, anchors)).unwrap()
    }

    fn settings_with(&self, own: &str, anchors: &[&str]) -> SmimeSettings {
        let anchor = |name: &&str| AnchorSettings {
            name: (*name).to_owned(),
            file: self.file(name),
            revocation: None::<RevocationSettings>,
        };
        let trust = TrustSettings { anchors: anchors.iter().map(anchor).collect(), ..TrustSettings::default() };
        let identity = Some((self.file(&format!("{own}.pem")), self.file(&format!("{own}.key"))));
        let trust = TlsSettings { identity, trust, ..TlsSettings::default() };
        SmimeSettings { trust, partners: Some(self.file("partners")), former: Vec::new() }
    }

    fn keys(&self) -> SmimeKeys {
        self.keys_with("ours", &["ca.pem"])
    }

    fn signed_by_openssl(&self, name: &str, more: &str) -> Vec<u8> {
        fs::write(self.file("entity"), ENTITY).unwrap();
        let to = "-outform DER -out signed.der -binary";
        done(self.folder(), &format!("cms -sign -in entity -signer {name}.pem -inkey {name}.key {to}{more}"));
        fs::read(self.file("signed.der")).unwrap()
    }
}

#[test]
fn r_32_26_openssl_verifies_what_is_signed_and_the_hash_is_sha_256() {
    let post = Post::new();
    fs::write(post.file("s.der"), post.keys().sign(ENTITY).unwrap()).unwrap();
    fs::write(post.file("entity"), ENTITY).unwrap();
    let verify = "cms -verify -inform DER -in s.der -content entity -binary -CAfile ca.pem -out verified";
    done(post.folder(), verify);
    assert_eq!(fs::read(post.file("verified")).unwrap(), ENTITY);
    let shown = openssl(post.folder(), "cms -cmsout -print -inform DER -in s.der -noout");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("algorithm: sha256 (2.16.840.1.101.3.4.2.1)"), "{shown}");
}

#[test]
fn r_32_26_openssl_decrypts_what_is_encrypted_with_aes_256() {
    let post = Post::new();
    fs::write(post.file("e.der"), post.keys().encrypt(ENTITY, &[THEIRS], now()).unwrap()).unwrap();
    done(post.folder(), "cms -decrypt -inform DER -in e.der -recip theirs.pem -inkey theirs.key -out plain");
    assert_eq!(fs::read(post.file("plain")).unwrap(), ENTITY);
    let shown = openssl(post.folder(), "cms -cmsout -print -inform DER -in e.der -noout");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("aes-256-cbc"));
}

#[test]
fn r_32_26_what_openssl_made_is_opened_and_its_signer_named() {
    let post = Post::new();
    let keys = post.keys();
    let opaque = post.signed_by_openssl("theirs", " -nodetach");
    assert_eq!(keys.verify(&opaque, None, THEIRS, now()).unwrap().map(|v| v.content), Ok(ENTITY.to_vec()));
    let detached = post.signed_by_openssl("theirs", "");
    let verified = keys.verify(&detached, Some(ENTITY), THEIRS, now()).unwrap().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((verified.content.as_slice(), verified.signer.as_str()), (ENTITY, "CN=theirs"));
    done(post.folder(), "cms -encrypt -in entity -binary -aes256 -outform DER -out e.der ours.pem");
    assert_eq!(keys.decrypt(&fs::read(post.file("e.der")).unwrap()).unwrap(), ENTITY);
}

#[test]
fn r_32_26_what_was_changed_on_the_way_is_refused() {
    let post = Post::new();
    let detached = post.signed_by_openssl("theirs", "");
    let changed = ENTITY.to_ascii_uppercase();
    let refused = post.keys().verify(&detached, Some(&changed), THEIRS, now()).unwrap().map(|_| ());
    assert_eq!(refused, Err(SignatureRefused::Wrong));
    assert_eq!(
        post.keys().verify(b"nonsense", Some(ENTITY), THEIRS, now()).unwrap().map(|_| ()),
        Err(SignatureRefused::Unreadable)
    );
}

#[test]
fn r_32_26_the_signer_is_the_sender_and_is_trusted() {
    let post = Post::new();
    let signed = post.signed_by_openssl("theirs", "");
    let verify = |keys: SmimeKeys, from: &str| keys.verify(&signed, Some(ENTITY), from, now()).unwrap().map(|_| ());
    assert_eq!(verify(post.keys(), "other@kliniek.example"), Err(SignatureRefused::OtherAddress));
    assert_eq!(verify(post.keys(), &THEIRS.to_uppercase()), Ok(()));
    // Without an authority, the certificate in the partner's file is enough, and only for that partner.
    assert_eq!(verify(post.keys_with("ours", &[]), THEIRS), Ok(()));
    fs::remove_file(post.file(&format!("partners/{THEIRS}.pem"))).unwrap();
    let unknown = verify(post.keys_with("ours", &[]), THEIRS);
    assert_eq!(unknown, Err(SignatureRefused::Certificate(Reason::UnknownAuthority)));
}

#[test]
fn r_32_26_a_certificate_without_the_purpose_is_refused() {
    let post = Post::new();
    post.issue("server", THEIRS, "extendedKeyUsage=serverAuth\n");
    let signed = post.signed_by_openssl("server", "");
    let refused = post.keys().verify(&signed, Some(ENTITY), THEIRS, now()).unwrap().map(|_| ());
    assert_eq!(refused, Err(SignatureRefused::Certificate(Reason::WrongPurpose)));
    fs::copy(post.file("server.pem"), post.file(&format!("partners/{THEIRS}.pem"))).unwrap();
    let refused = post.keys().encrypt(ENTITY, &[THEIRS], now());
    assert!(matches!(refused, Err(SmimeError::Certificate(Reason::WrongPurpose))));
}

#[test]
fn two_signers_are_one_too_many() {
    let post = Post::new();
    let signed = post.signed_by_openssl("theirs", " -signer ours.pem -inkey ours.key");
    assert_eq!(
        post.keys().verify(&signed, Some(ENTITY), THEIRS, now()).unwrap().map(|_| ()),
        Err(SignatureRefused::Signers)
    );
}

#[test]
fn nothing_is_sent_to_an_address_without_certificate() {
    let post = Post::new();
    for address in ["unknown@kliniek.example", "../ca@kliniek.example", "a/b@c", ".@x"] {
        assert!(matches!(post.keys().encrypt(ENTITY, &[address], now()), Err(SmimeError::NoCertificate)), "{address}");
    }
    assert!(matches!(post.keys().encrypt(ENTITY, &[THEIRS, "x@y"], now()), Err(SmimeError::NoCertificate)));
    assert!(matches!(post.keys().encrypt(ENTITY, &[], now()), Err(SmimeError::NoCertificate)));
}

#[test]
fn r_32_26_a_partner_whose_certificate_cannot_be_read_is_not_one_without() {
    let post = Post::new();
    let signed = post.signed_by_openssl("theirs", "");
    let stops = |what: &str| {
        let found = post.keys().certificates_of(THEIRS);
        assert!(matches!(found, Err(SmimeError::Files(_))), "{what}");
        let verified = post.keys().verify(&signed, Some(ENTITY), THEIRS, now());
        assert!(matches!(verified, Err(SmimeError::Files(_))), "nothing is said of the signature: {what}");
    };
    let (partners, file) = (post.file("partners"), post.file(&format!("partners/{THEIRS}.pem")));
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    stops("half a file");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(post.file("elsewhere.pem"), &file).unwrap();
    stops("a link to nowhere");
    fs::remove_file(&file).unwrap();
    assert!(post.keys().certificates_of(THEIRS).unwrap().is_empty(), "this partner has none");
    fs::remove_dir(&partners).unwrap();
    stops("no folder");
    fs::write(&partners, "").unwrap();
    stops("a file in the place of the folder");
}

#[test]
fn a_mail_for_somebody_else_is_not_opened() {
    let post = Post::new();
    let sealed = post.keys().encrypt(ENTITY, &[THEIRS], now()).unwrap();
    assert!(matches!(post.keys().decrypt(&sealed), Err(SmimeError::NotForUs)));
    assert!(matches!(post.keys().decrypt(&sealed[..sealed.len() / 2]), Err(SmimeError::NotForUs)));
}

#[test]
fn r_32_26_what_is_encrypted_for_a_former_certificate_is_opened_and_nothing_is_signed_with_it() {
    let post = Post::new();
    post.issue("new", OURS, "");
    let former = post.file("former.pem");
    let both = ["ours.pem", "ours.key"].map(|name| fs::read(post.file(name)).unwrap()).concat();
    fs::write(&former, both).unwrap();
    fs::write(post.file("entity"), ENTITY).unwrap();
    let settings = post.settings_with("new", &["ca.pem"]);
    let renewed = SmimeSettings { former: vec![former.clone()], ..settings.clone() };
    fs::set_permissions(&former, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(SmimeKeys::load(&renewed), Err(SmimeError::Files(_))), "others may read the key");
    fs::set_permissions(&former, fs::Permissions::from_mode(0o600)).unwrap();
    let keys = SmimeKeys::load(&renewed).unwrap();
    for (name, without) in [("ours", false), ("new", true)] {
        done(post.folder(), &format!("cms -encrypt -in entity -binary -aes256 -outform DER -out e.der {name}.pem"));
        let sealed = fs::read(post.file("e.der")).unwrap();
        assert_eq!(keys.decrypt(&sealed).unwrap(), ENTITY, "for {name}");
        assert_eq!(SmimeKeys::load(&settings).unwrap().decrypt(&sealed).is_ok(), without, "for {name}");
    }
    let sealed = keys.encrypt(ENTITY, &[THEIRS], now()).unwrap();
    assert!(matches!(keys.decrypt(&sealed), Err(SmimeError::NotForUs)));
    fs::write(post.file("s.der"), keys.sign(ENTITY).unwrap()).unwrap();
    done(post.folder(), "cms -verify -inform DER -in s.der -content entity -binary -CAfile ca.pem -signer by -out o");
    assert_eq!(fs::read(post.file("by")).unwrap(), fs::read(post.file("new.pem")).unwrap());
}

#[test]
fn r_32_26_a_signature_over_a_hash_that_can_be_forged_is_refused() {
    let post = Post::new();
    for (hash, wanted) in
        [("md5", Err(SignatureRefused::Hash)), ("sha1", Err(SignatureRefused::Hash)), ("sha384", Ok(()))]
    {
        for (attached, detached) in [("", Some(ENTITY)), (" -nodetach", None)] {
            let signed = post.signed_by_openssl("theirs", &format!(" -md {hash}{attached}"));
            let verified = post.keys().verify(&signed, detached, THEIRS, now()).unwrap().map(|_| ());
            assert_eq!(verified, wanted, "{hash}{attached}");
        }
    }
    // In pieces, as what is signed while it streams.
    let pieces = post.signed_by_openssl("theirs", " -nodetach -stream");
    assert_eq!(
        post.keys().verify(&pieces, None, THEIRS, now()).unwrap().map(|verified| verified.content),
        Ok(ENTITY.to_vec())
    );
}
