//! One PostgreSQL for the whole run: found on this machine, started as an ordinary user, taken away at the end.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
static RUNNING: Mutex<Option<PathBuf>> = Mutex::new(None);
static DATABASES: AtomicUsize = AtomicUsize::new(0);

struct Cluster {
    binaries: PathBuf,
    sockets: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
}

/// A new empty database, as a URL; or why there is none.
pub fn new_database() -> Result<String, String> {
    let cluster = CLUSTER.get_or_init(start).as_ref().map_err(Clone::clone)?;
    let name = format!("knoop_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let host = cluster.sockets.display().to_string();
    let port = cluster.port.to_string();
    cluster.run("createdb", &["-h", &host, "-p", &port, "-U", "knoop", &name])?;
    Ok(format!("postgres://knoop@127.0.0.1:{port}/{name}"))
}

/// Whether there is a PostgreSQL to start.
pub fn available() -> Result<(), String> {
    CLUSTER.get_or_init(start).as_ref().map(|_| ()).map_err(Clone::clone)
}

/// Stops it, if it runs.
pub fn stop() {
    let data = RUNNING.lock().ok().and_then(|mut r| r.take());
    if let (Some(data), Some(Ok(cluster))) = (data, CLUSTER.get()) {
        let _ = cluster.run("pg_ctl", &["-D", &data.display().to_string(), "-m", "immediate", "-w", "stop"]);
        let _ = fs::remove_dir_all(&cluster.sockets);
    }
}

fn start() -> Result<Cluster, String> {
    let binaries = find_binaries().ok_or("no PostgreSQL here (initdb neither in PATH nor in /usr/lib/postgresql)")?;
    // PostgreSQL refuses to run as root.
    let owner =
        if is_root() { Some(ordinary_user().ok_or("no user postgres or nobody to run PostgreSQL")?) } else { None };
    // Not below the target directory: that may lie where an ordinary user cannot go.
    let home = std::env::temp_dir().join(format!("knoop-pg-{}", std::process::id()));
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).map_err(|e| e.to_string())?;
    if let Some((user, group)) = owner {
        chown(&home, Some(user), Some(group)).map_err(|e| e.to_string())?;
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
    let cluster = Cluster { binaries, sockets: home.clone(), port, owner };
    let data = home.join("data");
    let at = data.display().to_string();
    cluster.run("initdb", &["-D", &at, "-U", "knoop", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])?;
    let options = format!(
        "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections=300 -c shared_buffers=64MB",
        home.display()
    );
    let log = home.join("log").display().to_string();
    cluster.run("pg_ctl", &["-D", &at, "-l", &log, "-o", &options, "-w", "start"])?;
    if let Ok(mut running) = RUNNING.lock() {
        *running = Some(data);
    }
    Ok(cluster)
}

impl Cluster {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let log = self.sockets.join(format!("{program}.out"));
        let open = || fs::File::create(&log).map_err(|e| e.to_string());
        let mut command = Command::new(self.binaries.join(program));
        // Output goes to a file: the server inherits it and would keep a pipe open.
        command.args(arguments).current_dir(&self.sockets).stdout(open()?).stderr(open()?);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        let status = command.status().map_err(|e| format!("{program}: {e}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{program}: {}", fs::read_to_string(&log).unwrap_or_default().trim()))
    }
}

fn find_binaries() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|p| std::env::split_paths(&p).collect::<Vec<_>>())
        .filter_map(|d| fs::canonicalize(d.join("initdb")).ok())
        .find_map(|p| p.parent().map(Path::to_path_buf));
    let installed =
        fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    installed.chain(in_path).filter(|d| d.join("initdb").exists() && d.join("pg_ctl").exists()).max()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

fn ordinary_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|wanted| {
        let line = users.lines().find(|l| l.split(':').next() == Some(wanted))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}
