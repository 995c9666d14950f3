//! `dunder serve`: settings, store, listener, background jobs and signals put
//! together.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};

use crate::app::supervise::Supervisor;
use crate::app::{log, store};
use crate::config::{Config, ConfigError};
use crate::domain::Job;
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
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address is taken, or not this machine's.
    #[error(
        "cannot listen on {host}:{port}: {error}; is another program there? choose another --host or --port"
    )]
    Listen {
        /// As the settings have it.
        host: String,
        /// As the settings have it.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// The system gives no threads or signals.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Serves until a signal to stop, then finishes what is in flight. A second
/// signal ends the process at once.
///
/// # Errors
/// Whatever keeps the server from starting, as a sentence.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    log::start(config.log_level)?;
    log::catch_panics();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let mut supervisor = Supervisor::new();
    let (stop, mut shutdown) = watch::channel(false);
    supervisor.run(signals(stop)?);
    let mut server = server::prepare(config.server)?;
    let store = tokio::select! {
        opened = store::open(&config.store) => opened?,
        // A database that is away may keep this waiting for long.
        _ = shutdown.wait_for(|stop| *stop) => {
            tracing::info!("stopped before the store was open");
            return Ok(());
        }
    };
    let jobs = store.jobs().into_iter().chain(server.jobs());
    jobs.for_each(|job| supervisor.run(job));
    let listener = listen(&config.host, config.port).await?;
    announce(listener.local_addr()?, server.is_tls());
    server::serve(listener, store, server, supervisor.readiness(), shutdown).await;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(host: &str, port: u16) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind((host.trim_matches(['[', ']']), port)).await;
    bound.map_err(|error| ServeError::Listen {
        host: host.to_owned(),
        port,
        error,
    })
}

/// One line on standard output for whoever started the server, person or
/// program: where it listens, which a port of 0 leaves open.
fn announce(address: SocketAddr, tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    let mut out = io::stdout();
    // Nobody reading is no reason not to serve.
    let _ = writeln!(out, "dunder listens on {scheme}://{address}").and_then(|()| out.flush());
}

/// Says when to stop: at the first signal. The second ends the process.
fn signals(stop: watch::Sender<bool>) -> io::Result<Job> {
    // Taken once: a signal between two runs is not lost.
    let signals = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let signals = Arc::new(Mutex::new(signals));
    Ok(Job::new("signals", move || {
        let (signals, stop) = (Arc::clone(&signals), stop.clone());
        async move {
            let (terminate, interrupt) = &mut *signals.lock().await;
            loop {
                // As if the signal had done it: 128 and its number.
                let code = tokio::select! {
                    _ = terminate.recv() => 143,
                    _ = interrupt.recv() => 130,
                };
                if *stop.borrow() {
                    log::flush(LAST_LINES);
                    std::process::exit(code);
                }
                tracing::info!("stopping; a second signal stops at once");
                stop.send_replace(true);
            }
        }
    }))
}
