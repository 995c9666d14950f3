//! Cuts off a client that takes nothing of what is written to it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream on which a write that gets nowhere for too long is an error.
pub(crate) struct WriteTimeout<S> {
    stream: S,
    write_timeout: Duration,
    /// Runs while the client takes nothing.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether something waits to be written.
    is_blocked: Arc<AtomicBool>,
}

impl<S> WriteTimeout<S> {
    pub(crate) fn new(stream: S, write_timeout: Duration, is_blocked: Arc<AtomicBool>) -> Self {
        WriteTimeout {
            stream,
            write_timeout,
            timer: None,
            is_blocked,
        }
    }

    /// What became of a write: an error in the place of a wait that is over.
    fn watched<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.timer.take().is_some() {
                self.is_blocked.store(false, Ordering::Relaxed);
            }
            return written;
        }
        let patience = self.write_timeout;
        let is_blocked = &self.is_blocked;
        let timer = self.timer.get_or_insert_with(|| {
            is_blocked.store(true, Ordering::Relaxed);
            Box::pin(tokio::time::sleep(patience))
        });
        timer.as_mut().poll(task).map(|()| {
            let late = "the client took nothing of its answer for too long";
            Err(io::Error::new(io::ErrorKind::TimedOut, late))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(task, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.watched(written, task)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(task);
        self.watched(flushed, task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(task);
        self.watched(ended, task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, slices);
        self.watched(written, task)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
