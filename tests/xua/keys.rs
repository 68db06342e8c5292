//! Keys that the `openssl` command makes, and signatures that the `xmlsec1` command makes and verifies.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use knoop::security::assertion::TrustedKey;
use openssl::{
    pkey::{PKey, Private},
    x509::X509,
};
use tempfile::TempDir;

use super::kit::SAML2;

/// Whether the commands are here.
pub fn available() -> Result<(), String> {
    static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        for (command, argument) in [("xmlsec1", "--version"), ("openssl", "version")] {
            if !Command::new(command).arg(argument).output().is_ok_and(|output| output.status.success()) {
                return Err(format!("the command {command} is not here"));
            }
        }
        Ok(())
    });
    found.clone()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A folder with a key pair and its certificate.
pub struct KeyPair {
    folder: TempDir,
}

/// The kind of a key.
#[derive(Clone, Copy)]
pub enum Kind {
    Rsa,
    P256,
}

impl KeyPair {
    /// A new one; certificates of the same `subject` look alike.
    pub fn new(kind: Kind, subject: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let algorithm: &[&str] = match kind {
            Kind::Rsa => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Kind::P256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        };
        run(Command::new("openssl").arg("genpkey").args(algorithm).arg("-out").arg(path("key.pem")));
        run(Command::new("openssl")
            .args(["req", "-x509", "-new", "-days", "30", "-subj", subject, "-key"])
            .arg(path("key.pem"))
            .arg("-out")
            .arg(path("cert.pem")));
        run(Command::new("openssl")
            .args(["pkey", "-pubout", "-in"])
            .arg(path("key.pem"))
            .arg("-out")
            .arg(path("pub.pem")));
        Self { folder }
    }

    /// A key and its certificate that were made elsewhere.
    pub fn of(key: &PKey<Private>, certificate: &X509) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, pem: Vec<u8>| fs::write(folder.path().join(name), pem).unwrap();
        write("key.pem", key.private_key_to_pem_pkcs8().unwrap());
        write("cert.pem", certificate.to_pem().unwrap());
        write("pub.pem", key.public_key_to_pem().unwrap());
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The certificate, PEM.
    pub fn certificate(&self) -> Vec<u8> {
        fs::read(self.path("cert.pem")).unwrap()
    }

    /// Its base64 without armour, as X509Certificate holds it.
    pub fn certificate_text(&self) -> String {
        text_of(&self.certificate())
    }

    /// The public key alone: it has no dates.
    pub fn trusted(&self) -> Vec<TrustedKey> {
        TrustedKey::all_from_pem(&fs::read(self.path("pub.pem")).unwrap()).unwrap()
    }

    /// Signs a text that holds one signature template.
    pub fn sign(&self, template: &str) -> String {
        let key = format!("{},{}", self.path("key.pem").display(), self.path("cert.pem").display());
        self.sign_with(template, &["--privkey-pem", &key])
    }

    /// Signs with these options of xmlsec1 for the key.
    pub fn sign_with(&self, template: &str, key: &[&str]) -> String {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let file = self.path(&format!("template-{}.xml", FILES.fetch_add(1, Ordering::Relaxed)));
        fs::write(&file, template).unwrap();
        let mut command = Command::new("xmlsec1");
        command.arg("--sign").args(key).args(["--id-attr:ID", &format!("{SAML2}:Assertion")]).arg(&file);
        let signed = String::from_utf8(run(&mut command).stdout).unwrap();
        fs::remove_file(&file).unwrap();
        let signed = signed.trim_start();
        match signed.strip_prefix("<?xml") {
            Some(rest) => rest.split_once("?>").unwrap().1.trim().to_owned(),
            None => signed.trim().to_owned(),
        }
    }

    /// What the command says of a text whose first signature is to be held against this key.
    pub fn command_verifies(&self, text: &str) -> bool {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let file = self.path(&format!("signed-{}.xml", FILES.fetch_add(1, Ordering::Relaxed)));
        fs::write(&file, text).unwrap();
        let mut command = Command::new("xmlsec1");
        command.args(["--verify", "--pubkey-pem"]).arg(self.path("pub.pem"));
        command.args(["--id-attr:ID", &format!("{SAML2}:Assertion")]).arg(&file);
        let verified = command.output().expect("the command starts").status.success();
        fs::remove_file(&file).unwrap();
        verified
    }
}

/// A PEM file without armour.
pub fn text_of(pem: &[u8]) -> String {
    String::from_utf8_lossy(pem).lines().filter(|line| !line.starts_with("-----")).collect()
}

/// The token service of most tests.
pub fn sts() -> &'static KeyPair {
    static STS: OnceLock<KeyPair> = OnceLock::new();
    STS.get_or_init(|| KeyPair::new(Kind::Rsa, "/C=NL/O=Ziekenhuis/CN=STS 1"))
}

/// Somebody else, whose certificate has the same subject.
pub fn attacker() -> &'static KeyPair {
    static ATTACKER: OnceLock<KeyPair> = OnceLock::new();
    ATTACKER.get_or_init(|| KeyPair::new(Kind::Rsa, "/C=NL/O=Ziekenhuis/CN=STS 1"))
}
