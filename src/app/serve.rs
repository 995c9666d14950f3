//! `dunder serve`: settings, store, listener and signals put together.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::log;
use crate::app::store;
use crate::config::Config;
use crate::server;

/// Serves until a signal to stop, then finishes what is in flight. A second
/// signal ends the process at once.
///
/// # Errors
/// Whatever keeps the server from starting, as a sentence.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    log::start(config.log_level).context("cannot start the log")?;
    log::catch_panics();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let mut shutdown = stop_on_signals()?;
    let server = server::prepare(config.server)?;
    let store = tokio::select! {
        opened = store::open(&config.store) => opened?,
        // A database that is away may keep this waiting for long.
        _ = shutdown.wait_for(|stop| *stop) => {
            tracing::info!("stopped before the store was open");
            return Ok(());
        }
    };
    let host = config.host.trim_matches(['[', ']']);
    let listener = TcpListener::bind((host, config.port))
        .await
        .with_context(|| {
            format!(
                "cannot listen on {}:{}; is another program there? choose another --host or --port",
                config.host, config.port
            )
        })?;
    announce(listener.local_addr()?, server.is_tls())?;
    server::serve(listener, store, server, shutdown).await;
    tracing::info!("stopped");
    Ok(())
}

/// One line on standard output for whoever started the server, person or
/// program: where it listens, which a port of 0 leaves open.
fn announce(address: SocketAddr, tls: bool) -> io::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    let mut out = io::stdout();
    // Nobody reading is no reason not to serve.
    let _ = writeln!(out, "dunder listens on {scheme}://{address}").and_then(|()| out.flush());
    Ok(())
}

fn stop_on_signals() -> io::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = terminate.recv() => 143,
                _ = interrupt.recv() => 130,
            };
            if *stop.borrow() {
                log::flush(Duration::from_millis(200));
                // As if the signal had done it: 128 and its number.
                std::process::exit(code);
            }
            tracing::info!("stopping; a second signal stops at once");
            let _ = stop.send(true);
        }
    });
    Ok(stopped)
}
