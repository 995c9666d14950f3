//! The first bytes of a connection of HTTP/2, read before hyper is given it:
//! hyper waits for them without a time limit.

use std::io;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Bytes of the client's connection preface (RFC 9113, section 3.4).
const LENGTH: usize = 24;

/// A stream that gives its preface out once more.
pub(crate) struct Prefaced<S> {
    stream: S,
    preface: [u8; LENGTH],
    /// Bytes of it that are given out.
    given: usize,
}

impl<S: AsyncRead + Unpin> Prefaced<S> {
    /// Waits for the preface, whatever it says.
    ///
    /// # Errors
    /// The connection ends before it.
    pub(crate) async fn read(mut stream: S) -> io::Result<Prefaced<S>> {
        let mut preface = [0; LENGTH];
        stream.read_exact(&mut preface).await?;
        Ok(Prefaced {
            stream,
            preface,
            given: 0,
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefaced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given == LENGTH {
            return Pin::new(&mut this.stream).poll_read(task, buffer);
        }
        let left = &this.preface[this.given..];
        let given = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..given]);
        this.given += given;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefaced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
