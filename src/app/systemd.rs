//! What systemd is told and gives: that the server is ready, reloads and
//! stops ([sd_notify(3)]), and a socket that is bound already
//! ([sd_listen_fds(3)]). Without systemd nothing of it happens.
//!
//! [sd_notify(3)]: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
//! [sd_listen_fds(3)]: https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html

use std::io;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::TcpListener;

/// Says that requests are answered, or are again as the settings say now.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the settings are read again; [`ready`] ends it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "systemd is not told of the reload"),
    }
}

/// Says that no further requests are taken.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd is not told");
    }
}

/// The socket that this process was started with, if it was.
///
/// # Errors
/// There are several, or it is no listening TCP socket.
pub(super) fn listener() -> io::Result<Option<TcpListener>> {
    let mut given = ListenFd::from_env();
    if given.len() > 1 {
        return Err(io::Error::other(format!(
            "{} sockets were passed (LISTEN_FDS); dunder serves one",
            given.len()
        )));
    }
    if given.len() == 0 {
        return Ok(None);
    }
    let Some(listener) = given.take_tcp_listener(0)? else {
        return Ok(None);
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}
