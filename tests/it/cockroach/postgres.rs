//! PostgreSQL for the tests: one server for the whole run, others for tests
//! that stop it. Started as an unprivileged user when the tests run as root,
//! ordered by a language's rules (so that relying on byte order shows), and
//! stopped when the test process ends, however it ends.

use std::fs::Permissions;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dunder::store::cockroach::CockroachOptions;

const MISSING: &str = "the tests need PostgreSQL's server (initdb, pg_ctl): install Debian's \
                       package `postgresql` (apt-get install postgresql), or put them on the PATH";

/// A running server.
pub struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    // Its standard input closes with this process; then it cleans up.
    _watchdog: Child,
}

/// The server that all tests share.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

impl Postgres {
    /// A new server, with nothing in it.
    pub fn start() -> Postgres {
        Postgres::with("", &[])
    }

    /// The same with further settings, and with files beside its data that
    /// only it can read.
    pub fn with(settings: &str, files: &[(&str, String)]) -> Postgres {
        let bin = binaries();
        let root = directory();
        let data = root.join("data");
        run(unprivileged(&bin.join("initdb"))
            .args([
                "-A",
                "trust",
                "-U",
                "dunder",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=en-US",
                "--no-sync",
                "-D",
            ])
            .arg(&data));
        let port = free_port();
        // Tests run one a core, most with one or two servers of five
        // connections, some with a dozen.
        let connections = 200 + 20 * std::thread::available_parallelism().map_or(1, usize::from);
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             fsync = off\nmax_connections = {connections}\nshared_buffers = 64MB\nmax_wal_size = 128MB\n\
             max_pred_locks_per_transaction = 256\n{settings}"
        );
        let config = data.join("postgresql.auto.conf");
        std::fs::write(&config, settings).expect("the server's settings");
        write(&data, files);
        let watchdog = watchdog(&bin, &root, &data);
        let server = Postgres {
            bin,
            data,
            port,
            _watchdog: watchdog,
        };
        server.control(&["start"]);
        server
    }

    /// A standby that has all there is by now and nothing that comes later.
    pub fn standby(&self) -> Postgres {
        let root = directory();
        let data = root.join("data");
        // Links to the two that every test needs may stand alone on the PATH.
        let initdb = std::fs::canonicalize(self.bin.join("initdb")).expect(MISSING);
        run(unprivileged(&initdb.with_file_name("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-U", "dunder", "-p"])
            .arg(self.port.to_string())
            .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf"])
            .arg("-D")
            .arg(&data));
        let port = free_port();
        let config = data.join("postgresql.auto.conf");
        let settings = std::fs::read_to_string(&config).expect("its settings");
        let late = format!("{settings}port = {port}\nrecovery_min_apply_delay = '1d'\n");
        std::fs::write(&config, late).expect("its settings");
        let _watchdog = watchdog(&self.bin, &root, &data);
        let server = Postgres {
            bin: self.bin.clone(),
            data,
            port,
            _watchdog,
        };
        server.control(&["start"]);
        server
    }

    /// Kills every session at once and starts again, as after a crash.
    pub fn crash_and_restart(&self) {
        self.control(&["restart", "-m", "immediate"]);
    }

    /// The same with other files beside its data.
    pub fn restart_with(&self, files: &[(&str, String)]) {
        write(&self.data, files);
        self.crash_and_restart();
    }

    /// Goes away, as in a crash.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Comes back.
    pub fn start_again(&self) {
        self.control(&["start"]);
    }

    fn control(&self, arguments: &[&str]) {
        let log = self.data.join("log");
        let pg_ctl = self.bin.join("pg_ctl");
        run(unprivileged(&pg_ctl)
            .args(["-s", "-w", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(log)
            .args(arguments));
    }

    /// Removes a database that a test is done with, in its own time.
    pub fn forget(&self, database: &str) {
        let mut dropdb = Command::new(self.bin.join("dropdb"));
        dropdb
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", "dunder", "--force", "--if-exists", database])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // One that stays is in nobody's way.
        let _ = dropdb.spawn();
    }

    /// Options for a database of this name, not yet made.
    pub fn options(&self, database: &str) -> CockroachOptions {
        CockroachOptions {
            hosts: vec![("127.0.0.1".to_owned(), self.port)],
            user: "dunder".to_owned(),
            database: database.to_owned(),
            should_migrate: true,
            ..CockroachOptions::default()
        }
    }

    /// Options for a database that no other test has.
    pub fn fresh(&self) -> CockroachOptions {
        self.options(&fresh_name())
    }
}

/// A directory for a server, which its watchdog removes.
fn directory() -> PathBuf {
    let root = tempfile::Builder::new()
        .prefix("dunder-postgres-")
        .tempdir()
        .expect("a temporary directory")
        .keep();
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(&root));
    }
    root
}

/// Files beside the server's data, that only it can read.
fn write(data: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let path = data.join(name);
        std::fs::write(&path, text).expect("a file of the server");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&path));
        }
    }
}

/// A session of the test's own, to look behind the store.
pub async fn session(options: &CockroachOptions) -> tokio_postgres::Client {
    let (host, port) = &options.hosts[0];
    let mut config = tokio_postgres::Config::new();
    config.host(host).port(*port).user(&options.user);
    config.dbname(&options.database);
    let (client, connection) = config
        .connect(tokio_postgres::NoTls)
        .await
        .expect("a session");
    tokio::spawn(connection);
    client
}

/// A database name that no other test has.
pub fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("t{}_{next}", std::process::id())
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let complete = |place: &PathBuf| ["initdb", "pg_ctl"].iter().all(|b| place.join(b).is_file());
    places.into_iter().find(complete).expect(MISSING)
}

fn is_root() -> bool {
    // Nobody else owns this process's directory.
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    let mut command;
    if is_root() {
        command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command.arg(program);
    } else {
        command = Command::new(program);
    }
    command.current_dir("/");
    command
}

fn run(command: &mut Command) {
    command.stdin(Stdio::null());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect(MISSING);
    assert!(
        status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
}

/// Waits for the end of this process, in a process group of its own so that
/// an interrupt does not end it first, and cleans up.
fn watchdog(bin: &Path, root: &Path, data: &Path) -> Child {
    let script = r#"echo; cat >/dev/null; "$1"/pg_ctl -s -D "$2" -m immediate stop; rm -rf "$3""#;
    let mut child = unprivileged(Path::new("sh"))
        .args(["-c", script, "sh"])
        .args([bin, data, root])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell");
    let mut ready = [0];
    let output = child.stdout.as_mut().expect("its output");
    output.read_exact(&mut ready).expect("a running watchdog");
    child
}
