//! `dunder serve`: settings, store, listener, background jobs and signals put
//! together.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, watch};

use crate::app::operations::Program;
use crate::app::supervise::Supervisor;
use crate::app::traces::{Traces, TracesError};
use crate::app::{archive, log, reload, retention, store, systemd};
use crate::config::{
    AdminConfig, AuthMode, Config, ConfigError, ReadAccess, ServeArgs, StoreConfig, is_loopback,
};
use crate::domain::{Job, format_duration};
use crate::server::{self, TlsError};
use crate::store::OpenError;

/// How long an end at once waits for a log that nobody reads.
const LAST_LINES: Duration = Duration::from_millis(200);

/// What keeps the server from starting.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What sends traces.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address is taken, or not this machine's.
    #[error(
        "cannot listen on {host}:{port}: {error}; is another program there? choose another --{section}host or --{section}port"
    )]
    Listen {
        /// As the settings have it.
        host: String,
        /// As the settings have it.
        port: u16,
        /// What is before the names of both settings.
        section: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The socket that was passed at the start.
    #[error("the socket passed by systemd: {0}")]
    Socket(io::Error),
    /// The settings were checked for another address than the one served.
    #[error(
        "the socket passed by systemd listens on {passed}, where others reach it, and host is {host}; write host: {}, so that auth.mode and the limits are checked for it", .passed.ip()
    )]
    OpenSocket {
        /// Where it listens.
        passed: SocketAddr,
        /// As the settings have it.
        host: String,
    },
    /// The system gives no threads or signals.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Serves until a signal to stop, then finishes what is in flight. A second
/// signal ends the process at once. A hang-up reads the settings again, which
/// `arguments` name.
///
/// # Errors
/// Whatever keeps the server from starting, as a sentence.
pub async fn serve(config: Config, arguments: ServeArgs) -> Result<(), ServeError> {
    log::start(config.log_level)?;
    log::catch_panics();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let mut supervisor = Supervisor::new();
    let (stop, mut shutdown) = watch::channel(false);
    supervisor.run(signals(stop)?);
    let mut server = server::prepare(config.server.clone())?;
    let traces = config.traces.as_ref().map(Traces::new).transpose()?;
    if let Some(traces) = &traces {
        server.set_tracer(traces.tracer());
        supervisor.run(traces.job());
    }
    // Taken first: where another server listens, no store is made or opened.
    let address = Address {
        host: &config.host,
        port: config.port,
        section: "",
    };
    let place = address.place().await?;
    let admin = match &config.admin {
        Some(admin) => Some((admin, Address::of(admin).bind().await?)),
        None => None,
    };
    let opened = tokio::select! {
        opened = opened(&config) => opened?,
        // A database that is away may keep this waiting for long.
        _ = shutdown.wait_for(|stop| *stop) => {
            tracing::info!("stopped before the store was open");
            return Ok(());
        }
    };
    let store = opened.store;
    if let (Some(archived), Some(settings)) = (opened.archive, &config.archive) {
        supervisor.run(archive::job(archived, settings.clone()));
    }
    let jobs = store.jobs().into_iter().chain(server.jobs(&store));
    jobs.for_each(|job| supervisor.run(job));
    // An archive takes what is too old.
    if config.archive.is_none() && config.retention.is_any() {
        let rules = config.retention.rules.clone();
        supervisor.run(retention::job(&store, rules, shutdown.clone()));
    }
    let listener = place.listen(address)?;
    notice_lost(&listener, config.server.limits.write_timeout)?;
    let mut about = about(&config);
    if let Some(traces) = &config.traces {
        about.push_str(&format!("\n  traces to  {}", traces.collector()));
    }
    if let Some((settings, place)) = admin {
        let listener = place.listen(Address::of(settings))?;
        about.push_str(&format!("\n  admin      http://{}", listener.local_addr()?));
        let traces = traces.as_ref().map(Traces::metrics);
        let program = Program::new(supervisor.jobs(), kind(&config.store), traces);
        server.set_admin(listener, settings.clone(), Arc::new(program));
    }
    if !reload::is_of_terminal() {
        supervisor.run(reload::job(
            arguments,
            &config,
            server.certificate(),
            server.limits(),
        )?);
    }
    announce(listener.local_addr()?, server.is_tls(), &about);
    systemd::ready();
    server::serve(listener, store, server, supervisor.readiness(), shutdown).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// The store, with its archive.
async fn opened(config: &Config) -> Result<archive::Opened, OpenError> {
    let hot = store::open_to_serve(&config.store, config.admin.is_some()).await?;
    let patience = archive::patience(config.server.limits.query_timeout);
    archive::open(hot, config.archive.as_ref(), patience).await
}

/// Where clients will be listened to; none is taken yet.
enum Place {
    /// A socket that was passed at the start.
    Passed(TcpListener),
    /// An address of our own.
    Bound(TcpSocket),
}

/// The longest time before a probe, and between two, that Linux takes:
/// `MAX_TCP_KEEPIDLE` and `MAX_TCP_KEEPINTVL` in its `include/net/tcp.h`.
const LONGEST_PROBE: Duration = Duration::from_secs(32_767);

/// Connections that may wait to be taken; as many as tokio's own listener.
const BACKLOG: u32 = 1024;

/// Where to listen, as the settings have it.
#[derive(Clone, Copy)]
struct Address<'c> {
    host: &'c str,
    port: u16,
    /// Before the names of both settings.
    section: &'static str,
}

impl<'c> Address<'c> {
    fn of(admin: &'c AdminConfig) -> Address<'c> {
        Address {
            host: &admin.host,
            port: admin.port,
            section: "admin.",
        }
    }

    /// The socket that was passed, else one of our own.
    async fn place(self) -> Result<Place, ServeError> {
        let host = self.host.trim_matches(['[', ']']);
        if let Some(listener) = systemd::listener().map_err(ServeError::Socket)? {
            let passed = listener.local_addr()?;
            if !passed.ip().to_canonical().is_loopback() && is_loopback(host) {
                let host = host.to_owned();
                return Err(ServeError::OpenSocket { passed, host });
            }
            return Ok(Place::Passed(listener));
        }
        self.bind().await
    }

    async fn bind(self) -> Result<Place, ServeError> {
        let host = self.host.trim_matches(['[', ']']);
        let refused = |error| self.refused(error);
        let addresses = tokio::net::lookup_host((host, self.port)).await;
        let mut last = io::Error::other("the name has no address");
        for address in addresses.map_err(refused)? {
            match bound(address) {
                Ok(socket) => return Ok(Place::Bound(socket)),
                Err(error) => last = error,
            }
        }
        Err(refused(last))
    }

    fn refused(self, error: io::Error) -> ServeError {
        ServeError::Listen {
            host: self.host.to_owned(),
            port: self.port,
            section: self.section,
            error,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart does not wait for connections of the server before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Has the system notice clients whose network is gone, within about twice
/// `patience`, or 18 hours where that is longer: also of those who follow in text, which is silent while there is
/// nothing to say. Accepted connections inherit it (tcp(7)).
fn notice_lost<S: AsFd>(socket: &S, patience: Duration) -> io::Result<()> {
    let socket = SockRef::from(socket);
    // Whole seconds.
    let patience = patience.clamp(Duration::from_secs(3), LONGEST_PROBE);
    let keepalive = TcpKeepalive::new()
        .with_time(patience)
        .with_interval(patience / 3)
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    // The same where something was sent and not acknowledged.
    socket.set_tcp_user_timeout(Some(patience * 2))
}

impl Place {
    fn listen(self, address: Address<'_>) -> Result<TcpListener, ServeError> {
        match self {
            Place::Passed(listener) => Ok(listener),
            Place::Bound(socket) => {
                let listener = socket.listen(BACKLOG);
                listener.map_err(|error| address.refused(error))
            }
        }
    }
}

/// The first lines on standard output, for who started the server, person or
/// program: where it listens, which a port of 0 leaves open, and below that
/// what it does for whom.
fn announce(address: SocketAddr, tls: bool, about: &str) {
    let scheme = if tls { "https" } else { "http" };
    let mut out = io::stdout();
    // Nobody reading is no reason not to serve.
    let _ =
        writeln!(out, "dunder listens on {scheme}://{address}\n{about}").and_then(|()| out.flush());
}

fn kind(store: &StoreConfig) -> &'static str {
    match store {
        StoreConfig::Sqlite { .. } => "sqlite",
        StoreConfig::Cockroach(_) => "cockroach",
    }
}

/// Where messages are kept, who may read them, and who may post.
fn about(config: &Config) -> String {
    let store = match &config.store {
        StoreConfig::Sqlite { path, .. } => path.display().to_string(),
        StoreConfig::Cockroach(cockroach) => {
            let hosts = cockroach.hosts.iter().flatten();
            let hosts: Vec<&str> = hosts.map(|(host, _)| host.as_str()).collect();
            match hosts.as_slice() {
                [] => "a database cluster".to_owned(),
                hosts => format!("the database on {}", hosts.join(", ")),
            }
        }
    };
    let readers = match config.server.read {
        ReadAccess::Open => "everyone who reaches it",
        ReadAccess::Token => "who has a token",
    };
    let authors = match config.server.auth_mode {
        AuthMode::Name => "everyone who reaches it, under any name",
        AuthMode::Token => "who has a token ('dunder token create NAME' makes one)",
    };
    let store = match &config.archive {
        Some(archive) => format!("{store}, old messages in {}", archive.url),
        None => store,
    };
    // With an archive none is given up.
    let kept = config.retention.rules.iter();
    let kept = kept.filter(|_| config.archive.is_none());
    let kept = kept.map(|(rule, time)| format!("{rule} for {}", format_duration(*time)));
    let kept = match kept.collect::<Vec<_>>().join(", ") {
        kept if kept.is_empty() => kept,
        kept => format!("\n  keeping    {kept}"),
    };
    format!("  stores in  {store}{kept}\n  reading    {readers}\n  posting    {authors}")
}

/// Says when to stop: at the first signal. The second ends the process.
fn signals(stop: watch::Sender<bool>) -> io::Result<Job> {
    // Taken once: a signal between two runs is not lost.
    let hang_up = reload::is_of_terminal().then(|| signal(SignalKind::hangup()));
    let signals = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        hang_up.transpose()?,
    );
    let signals = Arc::new(Mutex::new(signals));
    Ok(Job::new("signals", move || {
        let (signals, stop) = (Arc::clone(&signals), stop.clone());
        async move {
            let (terminate, interrupt, hang_up) = &mut *signals.lock().await;
            loop {
                // As if the signal had done it: 128 and its number.
                let code = tokio::select! {
                    _ = terminate.recv() => 143,
                    _ = interrupt.recv() => 130,
                    () = received(hang_up) => 129,
                };
                if *stop.borrow() {
                    log::flush(LAST_LINES);
                    std::process::exit(code);
                }
                tracing::info!("stopping; a second signal stops at once");
                systemd::stopping();
                stop.send_replace(true);
            }
        }
    }))
}

/// The next signal of a kind that may not be taken at all.
async fn received(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_whose_network_is_gone_is_noticed_on_every_connection() {
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = bound(address).unwrap().listen(1).unwrap();
        notice_lost(&listener, Duration::from_secs(30)).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap());
        let seconds = Duration::from_secs;
        assert_eq!(socket.tcp_keepalive_time().unwrap(), seconds(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), seconds(10));
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(seconds(60)));
        drop(client);
    }

    #[tokio::test]
    async fn a_patience_that_the_system_does_not_have_is_cut() {
        let listener = bound("127.0.0.1:0".parse().unwrap()).unwrap();
        notice_lost(&listener, Duration::from_secs(24 * 60 * 60)).unwrap();
        let socket = SockRef::from(&listener);
        assert_eq!(socket.tcp_keepalive_time().unwrap(), LONGEST_PROBE);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(LONGEST_PROBE * 2));
    }
}
