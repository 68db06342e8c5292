//! The real program, started on free ports with data of its own.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use libtest_mimic::Trial;

use super::{http, postgres, privacy, scratch, trials};

static SQLITE: OnceLock<Result<Arc<TestServer>, String>> = OnceLock::new();
static POSTGRES: OnceLock<Result<Arc<TestServer>, String>> = OnceLock::new();
static SERVERS: AtomicUsize = AtomicUsize::new(0);
/// Longer than any start on a busy machine; reached only when a server hangs.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// Where a server keeps its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The default.
    Sqlite,
    /// Where it is installed.
    Postgres,
}

impl Store {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// For test names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// SQLite is always there.
    pub fn may_be_absent(self) -> bool {
        self == Self::Postgres && postgres::available().is_err()
    }
}

/// Whether tests can run on this store.
pub fn available(store: Store) -> Result<(), String> {
    match store {
        Store::Sqlite => Ok(()),
        Store::Postgres => postgres::available(),
    }
}

/// The server that all tests of a store share. Tests keep apart by patients and identifiers of their own.
pub fn shared(store: Store) -> Result<Arc<TestServer>, String> {
    let cell = match store {
        Store::Sqlite => &SQLITE,
        Store::Postgres => &POSTGRES,
    };
    cell.get_or_init(|| TestServer::prepare(store).and_then(|s| s.start_named("shared")).map(Arc::new)).clone()
}

/// Stops the shared servers and PostgreSQL; the errors they logged.
pub fn stop_all() -> Vec<String> {
    let mut faults = Vec::new();
    for server in [&SQLITE, &POSTGRES].into_iter().filter_map(|c| c.get()).flatten() {
        privacy_snapshot(server);
        faults.extend(server.stop());
    }
    postgres::stop();
    faults
}

/// That no shared server logged an error.
pub fn trials(faults: Vec<String>) -> Vec<Trial> {
    vec![Trial::test("closing::no_shared_server_logged_an_error", move || {
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
    })]
}

/// Where all logs of all servers are.
pub fn logs() -> PathBuf {
    scratch::directory("logs")
}

fn privacy_snapshot(server: &TestServer) {
    if let Some(operations) = &server.operations
        && let Ok(metrics) = http::get(operations, "/metrics")
    {
        let _ = fs::write(logs().join(format!("{}.metrics", server.name)), metrics.body);
    }
}

/// What a server needs before it starts, and may start from again.
#[derive(Clone)]
pub struct Prepared {
    /// Its data directory.
    pub data: PathBuf,
    /// Where it keeps metadata.
    pub store: Store,
    program: PathBuf,
    mode: &'static str,
    /// What `knoop init` made, where the server speaks TLS.
    pub pki: Option<PathBuf>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Prepared {
    /// Adds a setting: `registry.patients`, `known`.
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        let name = format!("KNOOP_{}", key.to_ascii_uppercase().replace('.', "__"));
        self.environment.push((name, value.to_owned()));
        self
    }

    /// The value of a setting that was added.
    pub fn get(&self, key: &str) -> Option<&str> {
        let name = format!("KNOOP_{}", key.to_ascii_uppercase().replace('.', "__"));
        self.environment.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// The file that holds a document with these bytes.
    #[track_caller]
    pub fn document_file(&self, bytes: &[u8]) -> PathBuf {
        let files = scratch::files_below(&self.data.join("documents"));
        files
            .into_iter()
            .find(|path| fs::read(path).is_ok_and(|held| held == bytes))
            .expect("the document lies in a file")
    }

    /// The same on other data.
    pub fn on(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    /// Serves by this command, `demo` in place of `serve`.
    pub fn by(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    /// Has a part of this test program serve in place of knoop: the one that this variable asks for.
    pub fn served_by_tests(mut self, variable: &str) -> Result<Self, String> {
        self.program = std::env::current_exe().map_err(|e| e.to_string())?;
        self.environment = vec![(variable.to_owned(), "1".to_owned())];
        Ok(self)
    }

    /// Adds TLS on a free port, with the configuration and the certificates of `knoop init`.
    pub fn with_tls(mut self) -> Self {
        let folder = self.data.with_extension("init");
        fs::create_dir_all(&folder).expect("a directory for the tests can be made");
        let file = folder.join("knoop.toml").display().to_string();
        let made = self.command(&["init", &file]).stdout(Stdio::null()).status().expect("the program can be started");
        assert!(made.success(), "knoop init failed");
        self.arguments.extend(["--config".to_owned(), file]);
        self.pki = Some(folder.join("pki"));
        // What users must bring has tests of its own.
        self.setting("listeners.soap", "127.0.0.1:0").setting("xua.iti18", "optional").setting("xua.iti43", "optional")
    }

    /// A file of `knoop init`: `ca.pem`, `client.key`.
    pub fn pki_file(&self, name: &str) -> PathBuf {
        self.pki.as_ref().expect("the server speaks TLS").join(name)
    }

    /// A command of the program on this data, with the same settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Starts it.
    pub fn start(self) -> Result<TestServer, String> {
        let name = trials::current().replace("::", "-");
        self.start_named(&name)
    }

    fn start_named(self, name: &str) -> Result<TestServer, String> {
        TestServer::start(self, name)
    }
}

/// A running server. Dropping it stops it, and fails the test if it logged an error that nobody expected.
pub struct TestServer {
    /// `host:port` of the SOAP listener.
    pub address: String,
    /// `host:port` of health and metrics, where the server named it.
    pub operations: Option<String>,
    /// `host:port` of the listener with mutual TLS, where there is one.
    pub https: Option<String>,
    /// `host:port` of the pick-up page, where there is one.
    pub pickup: Option<String>,
    /// `host:port` at which mail comes in, where it does.
    pub lmtp: Option<String>,
    /// What it was started from.
    pub prepared: Prepared,
    name: String,
    log: PathBuf,
    child: Mutex<Option<Child>>,
    expected: Mutex<Vec<String>>,
}

impl TestServer {
    /// A data directory, and a database where the store wants one.
    pub fn prepare(store: Store) -> Result<Prepared, String> {
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let data = scratch::directory(&format!("data-{number}"));
        let program = PathBuf::from(env!("CARGO_BIN_EXE_knoop"));
        let environment = vec![("KNOOP_LISTENERS__OPERATIONS".to_owned(), "127.0.0.1:0".to_owned())];
        let (pki, arguments) = (None, Vec::new());
        let prepared = Prepared { data, store, program, mode: "serve", pki, environment, arguments };
        Ok(match store {
            Store::Sqlite => prepared,
            Store::Postgres => prepared.setting("database.url", &postgres::new_database()?),
        })
    }

    fn start(prepared: Prepared, name: &str) -> Result<Self, String> {
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{number}", prepared.store.name());
        let log = logs().join(format!("{name}.log"));
        // What goes to standard output is put between by this side.
        let file = File::options().create(true).append(true).open(&log).map_err(|e| e.to_string())?;
        let data = prepared.data.display().to_string();
        let mut command = prepared.command(&[prepared.mode, "--data", &data, "--insecure-loopback", "0"]);
        command.args(&prepared.arguments).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().map_err(|e| format!("knoop does not start: {e}"))?;
        let ready = child.stdout.take().ok_or("no standard output").and_then(|out| {
            wait_for_ready(BufReader::new(out), &log).map_err(|()| "the server ended before it was ready")
        });
        let [address, operations, https, pickup, lmtp] = match ready {
            Ok(line) => ["soap", "operations", "https", "pickup", "lmtp"].map(|name| address_in(&line, name)),
            Err(why) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{why}: {}", fs::read_to_string(&log).unwrap_or_default()));
            }
        };
        let address = address.ok_or("no address in the ready line")?;
        let (child, expected) = (Mutex::new(Some(child)), Mutex::default());
        Ok(Self { address, operations, https, pickup, lmtp, prepared, name, log, child, expected })
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.lock().ok().and_then(|c| c.as_ref().map(Child::id))
    }

    /// An error in the log that holds this text is expected.
    pub fn expect_error(&self, text: &str) {
        self.expected.lock().expect("no test failed here").push(text.to_owned());
    }

    /// What must not appear in its log, standard output and metrics, looked for when all tests are over.
    pub fn keep_private(&self, secrets: BTreeSet<String>) {
        privacy::watch(&self.name, secrets);
    }

    /// Its log so far.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A value of `/metrics`: the name with its labels.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let address = self.operations.as_ref()?;
        let text = http::get(address, "/metrics").ok()?.text();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }

    /// Sends SIGHUP and waits until everything was read again because of it.
    pub fn reload(&self) {
        let followed = || self.log_text().matches("SIGHUP was followed").count();
        let before = followed();
        self.hang_up();
        until(|| followed() > before);
    }

    /// How often trust has changed.
    pub fn generation(&self) -> f64 {
        self.metric("knoop_trust_generation").expect("the gauge is there")
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        let pid = self.pid().expect("the server runs").to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().expect("kill can be started");
        assert!(sent.success(), "no signal was sent");
    }

    /// SIGKILL, as a power cut would.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().ok().and_then(|mut c| c.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM and wait; the errors it logged. Stopping twice is once.
    pub fn stop(&self) -> Vec<String> {
        let Some(mut child) = self.child.lock().ok().and_then(|mut c| c.take()) else { return Vec::new() };
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let _ = child.wait();
        self.unexpected_errors()
    }

    /// Stops it and starts it again on the same data.
    pub fn restart(self) -> Result<Self, String> {
        let faults = self.stop();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        self.prepared.clone().start()
    }

    fn unexpected_errors(&self) -> Vec<String> {
        let expected = self.expected.lock().map(|e| e.clone()).unwrap_or_default();
        let is_error =
            |l: &str| l.split_whitespace().any(|w| w == "ERROR" || w == "panicked") || l.contains("\"ERROR\"");
        self.log_text()
            .lines()
            .filter(|l| is_error(l) && !expected.iter().any(|e| l.contains(e)))
            .map(|l| format!("{}: {l}", self.name))
            .collect()
    }
}

/// Waits for a condition, for as long as a busy machine may need.
pub fn until(holds: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + START_DEADLINE;
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "it never came to hold");
        std::thread::yield_now();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.pid().is_some() {
            privacy_snapshot(self);
        }
        let faults = self.stop();
        if !faults.is_empty() && !std::thread::panicking() {
            panic!("{}", faults.join("\n"));
        }
    }
}

/// Reads standard output up to the ready line; the rest goes to the log.
fn wait_for_ready(mut out: impl BufRead + Send + 'static, log: &Path) -> Result<String, ()> {
    let (tell, told) = mpsc::channel();
    let log = log.to_path_buf();
    std::thread::spawn(move || {
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|n| n > 0) {
            if line.starts_with("ready") {
                let _ = tell.send(line.clone());
            }
            if let Ok(mut file) = File::options().append(true).open(&log) {
                let _ = file.write_all(line.as_bytes());
            }
            line.clear();
        }
    });
    told.recv_timeout(START_DEADLINE).map_err(|_| ())
}

/// `host:port` of the listener with this name in a ready line.
fn address_in(line: &str, name: &str) -> Option<String> {
    let word = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    let (_, rest) = word.split_once("://")?;
    Some(rest.split('/').next().unwrap_or(rest).to_owned())
}
