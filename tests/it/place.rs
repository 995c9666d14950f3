//! Where a test's messages are kept. A behaviour that must not depend on the
//! store takes a [`Backend`] and is listed in `on_every_store!`, which makes
//! two tests of it: over the embedded file, and over every database there is
//! (PostgreSQL always, CockroachDB where one is named or can be started).

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dunder::domain::Store;
use dunder::store::cockroach::{CockroachOptions, CockroachStore};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::cockroach::{cluster, postgres, run_jobs};
use crate::support::{Server, dunder};

/// A kind of store.
#[derive(Debug, Clone, Copy)]
pub enum Backend {
    Embedded,
    Postgres,
    Cockroach,
}

/// Two tests of each behaviour: `on_the_embedded_store` and `on_a_database`.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        mod on_the_embedded_store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::place::Backend::Embedded).await;
                }
            )+
        }

        mod on_a_database {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    for backend in $crate::place::Backend::databases() {
                        super::$name(backend).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_every_store;

impl Backend {
    /// Every database there is.
    pub fn databases() -> Vec<Backend> {
        let cluster = cluster::is_there().then_some(Backend::Cockroach);
        [Backend::Postgres].into_iter().chain(cluster).collect()
    }

    /// A store that nobody else has, with nothing in it.
    pub fn place(self) -> Place {
        let dir = Arc::new(TempDir::new().unwrap());
        let options = match self {
            Backend::Embedded => return Place::embedded(dir),
            Backend::Postgres => postgres::shared().fresh(),
            Backend::Cockroach => cluster::fresh().expect("a cluster"),
        };
        let database = Database {
            backend: self,
            options,
        };
        Place {
            dir,
            database: Some(Arc::new(database)),
        }
    }

    /// `dunder serve` over a fresh store.
    pub fn server(self) -> Server {
        self.server_with(&[])
    }

    /// The same, with further flags.
    pub fn server_with(self, flags: &[&str]) -> Server {
        self.place().serve(flags)
    }
}

/// One store, and a directory beside it for whatever else a test keeps.
#[derive(Clone)]
pub struct Place {
    pub dir: Arc<TempDir>,
    database: Option<Arc<Database>>,
}

struct Database {
    backend: Backend,
    options: CockroachOptions,
}

impl Drop for Database {
    fn drop(&mut self) {
        // Some eight megabytes each: hundreds of tests would fill a disk. A
        // cluster that somebody named is theirs to clean.
        if let Backend::Postgres = self.backend {
            postgres::shared().forget(&self.options.database);
        }
    }
}

impl Place {
    /// The embedded store in a directory, which may hold one already.
    pub fn embedded(dir: Arc<TempDir>) -> Place {
        Place {
            dir,
            database: None,
        }
    }

    fn options(&self) -> Option<&CockroachOptions> {
        self.database.as_ref().map(|database| &database.options)
    }

    /// A command with these arguments over this store.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = dunder();
        command.args(arguments);
        let Some(database) = &self.database else {
            let file = self.dir.path().join("dunder.sqlite");
            command.arg("--sqlite.path").arg(file);
            return command;
        };
        let options = &database.options;
        let (host, port) = &options.hosts[0];
        match database.backend {
            // Whatever else is said there, secrets too.
            Backend::Cockroach => command.env("DUNDER_COCKROACH_URL", cluster::url().unwrap()),
            Backend::Embedded | Backend::Postgres => command
                .args(["--cockroach.host", host])
                .args(["--cockroach.port", &port.to_string()])
                .args(["--cockroach.user", &options.user]),
        };
        command
            .args(["--cockroach.database", &options.database])
            .args(["--cockroach.should_migrate", "true"]);
        command
    }

    /// `dunder serve` over this store, beside whoever else uses it.
    pub fn serve(&self, flags: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--port", "0"]);
        command.args(flags);
        Server::at(command, self.clone())
    }

    /// Changes what is stored behind the store's back, in the words of either
    /// kind.
    pub async fn change(&self, embedded: &str, database: &str) {
        match self.options() {
            None => {
                let file = self.dir.path().join("dunder.sqlite");
                let connection = rusqlite::Connection::open(file).unwrap();
                connection.execute_batch(embedded).unwrap();
            }
            Some(options) => {
                let session = postgres::session(options).await;
                session.batch_execute(database).await.unwrap();
            }
        }
    }

    /// The same with a socket as its third descriptor, as systemd passes it;
    /// not started yet.
    pub fn command_on(&self, listener: TcpListener, flags: &[&str]) -> Command {
        let serve = self.command(&["serve"]);
        let mut command = Command::new("sh");
        let pass = r#"exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@""#;
        command.args(["-c", pass, "sh"]).arg(serve.get_program());
        command.args(serve.get_args()).args(flags);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DUNDER_")) {
            command.env_remove(name);
        }
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        command
    }

    /// The store in this process.
    pub async fn open(&self) -> Arc<dyn Store> {
        match self.options() {
            None => {
                let file = self.dir.path().join("dunder.sqlite");
                Arc::new(SqliteStore::open(&file, &SqliteOptions::default()).unwrap())
            }
            Some(options) => {
                let store = CockroachStore::open(options.clone()).await.unwrap();
                run_jobs(&store);
                Arc::new(store)
            }
        }
    }
}
