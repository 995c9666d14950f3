//! Ctrl-C and SIGTERM for commands that run until they are told to stop: what
//! they have begun is finished, the terminal is left as it was, and the exit
//! code is 0.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::CliError;

/// How long a command has to notice: it may be stuck in writing to a reader
/// that does not read.
const GRACE: Duration = Duration::from_secs(1);

/// Whether the command has been told to stop.
#[derive(Clone)]
pub(crate) struct Stop {
    told: watch::Receiver<bool>,
    noticed: Arc<AtomicBool>,
}

impl Stop {
    /// Listens from now on. A second signal ends the process at once.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn listen() -> Result<Stop, CliError> {
        let failed = |error: std::io::Error| CliError::Failed(format!("cannot start: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen().map_err(failed)?
        };
        let (tell, told) = watch::channel(false);
        let noticed = Arc::new(AtomicBool::new(false));
        let stop = Stop {
            told,
            noticed: Arc::clone(&noticed),
        };
        // A thread of its own: the command's may be stuck.
        std::thread::spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                let _ = tell.send(true);
                let again = tokio::time::timeout(GRACE, signals.next()).await;
                if again.is_err() && noticed.load(Ordering::SeqCst) {
                    signals.next().await;
                }
                exit(0);
            });
        });
        Ok(stop)
    }

    /// Waits until the command is told to stop; it has noticed then.
    pub async fn told(&mut self) {
        if self.told.wait_for(|told| *told).await.is_err() {
            // Nobody is left to tell it.
            std::future::pending::<()>().await;
        }
        self.noticed.store(true, Ordering::SeqCst);
    }
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals(
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
