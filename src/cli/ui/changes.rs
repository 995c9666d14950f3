//! What happens to a terminal while something is drawn on it.

/// Something that makes a picture no longer what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The terminal has another size, or is ours again.
    Again,
    /// Ctrl-Z: the person wants the terminal for something else.
    Away,
}

/// Watches for changes.
#[cfg(unix)]
pub(crate) struct Changes {
    size: tokio::signal::unix::Signal,
    stop: tokio::signal::unix::Signal,
    goes_on: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Changes {
    /// Watches from now on.
    pub fn watch() -> std::io::Result<Changes> {
        use tokio::signal::unix::{SignalKind, signal};
        // Linux's numbers; other systems have their own for these two.
        let (stop, goes_on) = if cfg!(target_os = "linux") {
            (20, 18)
        } else {
            (18, 19)
        };
        Ok(Changes {
            size: signal(SignalKind::window_change())?,
            stop: signal(SignalKind::from_raw(stop))?,
            goes_on: signal(SignalKind::from_raw(goes_on))?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Change {
        tokio::select! {
            _ = self.size.recv() => Change::Again,
            _ = self.goes_on.recv() => Change::Again,
            _ = self.stop.recv() => Change::Away,
        }
    }

    /// Stops this process, until the shell lets it go on.
    pub fn stop(&self) {
        // The signal that cannot be caught; only a program sends it without
        // unsafe code.
        let own = std::process::id().to_string();
        let _ = std::process::Command::new("kill")
            .args(["-s", "STOP", &own])
            .status();
    }
}

/// Watches for nothing.
#[cfg(not(unix))]
pub(crate) struct Changes;

#[cfg(not(unix))]
impl Changes {
    /// There is nothing to watch for.
    pub fn watch() -> std::io::Result<Changes> {
        Ok(Changes)
    }

    /// There is none.
    pub async fn next(&mut self) -> Change {
        std::future::pending().await
    }

    /// Goes on.
    pub fn stop(&self) {}
}
