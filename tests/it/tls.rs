//! Mutual TLS: who comes in, what is offered, and what a change of trust does to those who are in.

mod clients;
mod files;
mod offered;
mod refusals;
mod revocation;
mod servers;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use libtest_mimic::Trial;
use openssl::{
    asn1::Asn1Time,
    ssl::{SslContextBuilder, SslVersion},
    x509::X509Crl,
};

use crate::harness::{
    TestServer,
    certificates::{Issued, Wanted},
    scratch,
    servers::{Prepared, Store, until},
    tls::Client,
};

pub fn trials() -> Vec<Trial> {
    let all = [
        offered::trials(),
        clients::trials(),
        servers::trials(),
        revocation::trials(),
        files::trials(),
        refusals::trials(),
    ];
    all.into_iter().flatten().collect()
}

/// TLS has let somebody in who is no node: a signature of an authority never suffices (S-TLS-16).
const LET_IN: Result<u16, String> = Ok(403);

/// The present, in seconds.
fn now_s() -> i64 {
    let now = Asn1Time::days_from_now(0).expect("a time");
    let since = Asn1Time::from_unix(0).expect("a time").diff(&now).expect("a difference");
    i64::from(since.days) * 86_400 + i64::from(since.secs)
}

fn prepared() -> Prepared {
    TestServer::prepare(Store::Sqlite).expect("SQLite is always there").with_tls()
}

fn started(prepared: Prepared) -> TestServer {
    prepared.start().expect("the server starts")
}

/// An authority of this test, and a server that trusts it beside the one of `knoop init`.
struct Region {
    authority: Issued,
    folder: PathBuf,
}

impl Region {
    fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = scratch::directory(&format!("region-{number}"));
        let authority = Issued::root("region", now_s());
        fs::write(folder.join("region.pem"), authority.pem()).expect("written");
        Self { authority, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn write_crl(&self, crl: &X509Crl) {
        let beside = self.folder.join("region.new");
        fs::write(&beside, crl.to_pem().expect("PEM")).expect("written");
        fs::rename(beside, self.folder.join("region.crl")).expect("renamed");
    }

    /// Trusted without asking for revocations.
    fn trusted_by(&self, prepared: Prepared) -> Prepared {
        prepared
            .setting("tls.trust.region.file", &self.path("region.pem"))
            .setting("tls.trust.region.revocation", "none")
    }

    /// Trusted, with its list of revocations.
    fn asked_by(&self, prepared: Prepared) -> Prepared {
        prepared
            .setting("tls.trust.region.file", &self.path("region.pem"))
            .setting("tls.trust.region.crl_files", &self.path("region.crl"))
    }

    fn client(&self, wanted: &Wanted<'_>) -> Client {
        Client::new(&self.authority.issue(wanted), &[])
    }
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

fn is_refused(client: &Client, server: &TestServer, reason: &str) {
    let counter = format!("knoop_tls_handshakes_total{{outcome=\"{reason}\"}}");
    let before = server.metric(&counter).unwrap_or_default();
    let answer = client.status(server);
    assert!(answer.is_err(), "{reason}: {answer:?}");
    until(|| server.metric(&counter).unwrap_or_default() > before);
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knoop"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command.output().expect("the program can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn only(tls: &mut SslContextBuilder, version: SslVersion) {
    tls.set_min_proto_version(Some(version)).expect("a version");
    tls.set_max_proto_version(Some(version)).expect("a version");
}
