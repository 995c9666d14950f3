//! Noticing that the reader of a pipe has left while there is nothing to
//! write to it.

/// Waits until nobody reads standard output any more. Where that cannot be
/// known before something is written, for ever.
pub(crate) async fn reader_left() {
    #[cfg(target_os = "linux")]
    if watch().await.is_some() {
        return;
    }
    std::future::pending().await
}

#[cfg(target_os = "linux")]
async fn watch() -> Option<()> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    use tokio::io::Interest;
    use tokio::net::unix::pipe::Sender;
    let output = std::fs::metadata("/proc/self/fd/1").ok()?;
    // A terminal that goes away sends a signal; a file does not go away.
    if !output.file_type().is_fifo() {
        return None;
    }
    let pipe = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
    // Nothing is written through it, so it need not be non-blocking.
    let pipe = Sender::from_owned_fd_unchecked(pipe).ok()?;
    pipe.ready(Interest::ERROR).await.ok()?;
    Some(())
}
