//! A real audit repository: rsyslog with TLS, as Debian ships it. S-AUD-40 to S-AUD-43.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use knoop::{
    client::{SyslogDestination, SyslogTransport},
    model::AuditEvent,
    service::{
        AuditSettings, Auditor,
        audit_delivery::{AuditDelivery, DeliverySettings},
    },
    store::{SqliteSettings, Store, StoreSettings},
    wire::atna::{AuditSource, SyslogSender},
};
use libtest_mimic::{Completion, Failed, Trial};

use crate::{other_events, pki::Pki, rows};

const NOW: i64 = 1_795_248_000_000;
/// Longer than any test on a busy machine; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn trials() -> Vec<Trial> {
    vec![Trial::ignorable_test("rsyslog::s_aud_43_rsyslog_takes_every_row_over_tls", every_row)]
}

/// A running rsyslogd; it ends when it is dropped.
struct Rsyslog {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, where it can speak TLS.
fn installed() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("rsyslog"));
    let has_tls = folders.into_iter().any(|folder| folder.join("lmnsd_ossl.so").exists());
    let programs = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd", "/usr/local/sbin/rsyslogd"];
    programs.into_iter().map(PathBuf::from).find(|program| has_tls && program.exists())
}

impl Rsyslog {
    fn start(program: &Path, folder: &Path, pki: &Pki) -> Result<Self, Failed> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (log, configuration) = (folder.join("audit.log"), folder.join("rsyslog.conf"));
        let text = format!(
            r#"global(workDirectory="{folder}" maxMessageSize="1m" defaultNetstreamDriver="ossl"
    defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{certificate}"
    defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="whole" type="string" string="%rawmsg%\n")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="audit")
ruleset(name="audit") {{ action(type="omfile" file="{log}" template="whole") }}
"#,
            folder = folder.display(),
            ca = pki.ca.display(),
            certificate = pki.server.certificate.display(),
            key = pki.server.key.display(),
            log = log.display(),
        );
        fs::write(&configuration, text)?;
        let mut command = Command::new(program);
        command.arg("-n").arg("-f").arg(&configuration).arg("-i").arg(folder.join("pid"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let rsyslog = Self { child, port, log };
        until("rsyslog listens", || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(rsyslog)
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.log).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

fn until(what: &str, satisfied: impl Fn() -> bool) -> Result<(), Failed> {
    let end = Instant::now() + PATIENCE;
    while !satisfied() {
        if Instant::now() > end {
            return Err(format!("{what}: not in time").into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn every_row() -> Result<Completion, Failed> {
    let Some(program) = installed() else {
        return Ok(Completion::ignored_with("rsyslog with TLS is not here (Debian: rsyslog, rsyslog-openssl)"));
    };
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path());
    let rsyslog = Rsyslog::start(&program, folder.path(), &pki)?;
    let events: Vec<AuditEvent> =
        rows::rows().into_iter().chain(other_events::rows()).map(|(_, event)| event).collect();
    let count = events.len();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let database = folder.path().join("knoop.db");
    runtime.block_on(deliver(&database, &pki, rsyslog.port, events, || rsyslog.lines().len() >= count))?;
    let lines = rsyslog.lines();
    let mut files = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let (header, xml) = line.split_once(" IHE+RFC-3881 - ").ok_or_else(|| format!("no message: {line}"))?;
        assert!(header.starts_with("<85>1 2026-") || header.starts_with("<84>1 2026-"), "{header}");
        assert!(header.ends_with(" knoop1.example knoop 4711"), "{header}");
        let file = folder.path().join(format!("{index}.xml"));
        fs::write(&file, xml)?;
        files.push(file);
    }
    validate(&files)
}

/// Records events, delivers them until `satisfied`, and stops.
async fn deliver(
    database: &Path,
    pki: &Pki,
    port: u16,
    events: Vec<AuditEvent>,
    satisfied: impl Fn() -> bool,
) -> Result<(), Failed> {
    let store = Store::open(&StoreSettings::Sqlite(SqliteSettings::new(database.to_owned()))).await?;
    store.migrate().await?;
    let destination = SyslogDestination { transport: SyslogTransport::Tls, host: "127.0.0.1".to_owned(), port };
    let name = destination.to_string();
    store.take_audit_delivery(&name, "a", NOW, NOW + 1).await?;
    store
        .write(move |tx| {
            let events = events.clone();
            async move { tx.insert_audits(&events).await }.boxed()
        })
        .await?;
    store.seal_audit(NOW).await?;
    let settings = DeliverySettings {
        destinations: vec![destination],
        source: AuditSource { enterprise_site_id: "2.999.31".to_owned(), source_id: "knoop1".to_owned() },
        sender: SyslogSender::new("knoop1.example", "knoop", "4711"),
        settle: Duration::from_secs(3600),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(40),
        lease: Duration::from_secs(3),
        udp_max: 1024,
        trace: false,
    };
    let auditor = Auditor::new(store.clone(), AuditSettings::default());
    let worker = AuditDelivery::new(store.clone(), Arc::new(|| NOW), auditor, pki.connector(), settings, "a");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async {
        let _ = stopped.await;
    }));
    let received = tokio::task::block_in_place(|| until("rsyslog wrote everything", satisfied));
    let _ = stop.send(());
    running.await?;
    received?;
    let deliveries = store.audit_deliveries().await?;
    // rsyslog answers the end of TLS with an end of its own, so that what was sent counts without an hour of waiting.
    assert!(deliveries.iter().any(|delivery| delivery.destination == name && delivery.position.entries > 0));
    store.close().await;
    Ok(())
}

fn validate(files: &[PathBuf]) -> Result<Completion, Failed> {
    let standards = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join("shared/standards"));
    let schema = standards.map(|root| root.join("dicom/audit-message-2017c.xsd")).filter(|schema| schema.exists());
    let Some(schema) = schema else { return Ok(Completion::ignored_with("../shared/standards is not here")) };
    let mut command = Command::new("xmllint");
    match command.args(["--noout", "--nonet", "--schema"]).arg(schema).args(files).output() {
        Ok(output) if output.status.success() => Ok(Completion::Completed),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        Err(_) => Ok(Completion::ignored_with("xmllint is not here (Debian: libxml2-utils)")),
    }
}
