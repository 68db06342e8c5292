//! An authority with a server and a client below it, in files, for tests of audit repositories.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use knoop::{
    client::{PeerSettings, SyslogConnector},
    security::tls::{AnchorSettings, Generation, Live, Side, TlsSettings, TrustSettings},
};

use super::certificates::{Issued, Wanted};

/// A certificate and its key, PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The files.
pub struct Pki {
    /// The authority's certificate, PEM.
    pub ca: PathBuf,
    /// For 127.0.0.1.
    pub server: Identity,
    /// For a client.
    pub client: Identity,
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid around the present time")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

impl Pki {
    /// Makes all of it in a folder.
    pub fn new(folder: &Path) -> Self {
        let authority = Issued::root("authority of the tests", now().as_second());
        let write = |name: String, pem: Vec<u8>| {
            let path = folder.join(name);
            fs::write(&path, pem).expect("can be written");
            // The server takes no key that others may read.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
            path
        };
        let identity = |name: &str, names: &str, extended_key_usage: &str| {
            let issued = authority.issue(&Wanted { common_name: name, names, extended_key_usage, ..Wanted::default() });
            Identity {
                certificate: write(format!("{name}.pem"), issued.pem()),
                key: write(format!("{name}.key"), issued.key.private_key_to_pem_pkcs8().expect("PEM")),
            }
        };
        let server = identity("server", "IP:127.0.0.1", "serverAuth");
        let client = identity("client", "DNS:knoop1.example", "clientAuth");
        Self { ca: write("ca.pem".to_owned(), authority.pem()), server, client }
    }

    /// Calls those whose certificates this authority signed, by the rules of the server.
    pub fn connector(&self) -> SyslogConnector {
        let anchor = AnchorSettings { name: "tests".to_owned(), file: self.ca.clone(), revocation: None };
        let settings = TlsSettings {
            identity: Some((self.client.certificate.clone(), self.client.key.clone())),
            trust: TrustSettings { anchors: vec![anchor], ..TrustSettings::default() },
            ..TlsSettings::default()
        };
        let live = Live::load(Side::Client, settings, Generation::default(), now).expect("the files are in order");
        let peer = PeerSettings { tls: Some(live.into()), ..PeerSettings::default() };
        SyslogConnector::new(&peer, Duration::from_secs(5))
    }
}
