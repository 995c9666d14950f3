//! How long a client of HTTP/1.1 may take over its requests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::config::Limits;
use crate::server::conn::refusal::RefusalStream;
use crate::server::response::progress::Progress;

/// How long an answer is still made for a client that has closed its side.
/// Most who did have left; some only said all they had to say, as `nc` does.
const GRACE: Duration = Duration::from_secs(1);

/// The same while a body has not been looked at to its end: it may be there
/// already, or else never will.
const BODY_GRACE: Duration = Duration::from_millis(100);

/// Bytes read at most to see whether a client is still there.
const AHEAD: usize = 64;

/// Where a connection stands.
#[derive(Default)]
pub(crate) struct Phase {
    /// A request has been read and its answer is not yet made.
    answering: AtomicBool,
    /// All of the last request has been read, its body too.
    is_received: AtomicBool,
    /// The last request had no body.
    is_head_alone: AtomicBool,
    /// Part of a head has been read.
    in_head: AtomicBool,
    /// The client takes nothing at the moment of what is written to it.
    blocked: Arc<AtomicBool>,
    /// The server is to stop.
    stopping: AtomicBool,
    /// Of an answer that is made piece by piece.
    progress: Arc<Progress>,
}

impl Phase {
    /// A request begins.
    pub(crate) fn begin(&self, is_head_alone: bool) {
        self.answering.store(true, Ordering::Relaxed);
        self.is_received.store(is_head_alone, Ordering::Relaxed);
        self.is_head_alone.store(is_head_alone, Ordering::Relaxed);
    }

    /// Its body is read.
    pub(crate) fn received(&self) {
        self.is_received.store(true, Ordering::Relaxed);
    }

    /// Its answer is made, or begins to be.
    pub(crate) fn answered(&self) {
        self.answering.store(false, Ordering::Relaxed);
    }

    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    pub(crate) fn blocked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.blocked)
    }

    /// The server is to stop: no further requests are waited for.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether part of an answer waits for the client.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }
}

/// Ends a connection whose client takes too long: from the first byte of a
/// head to its last, or from one answer to the next request.
///
/// A head nearly always arrives whole and the next one soon, so the clock is
/// only looked at when there is nothing to read, and one timer serves the
/// whole connection: when it goes off too early it is set again.
///
/// Also ends one whose client has left while its answer is made, for which
/// nothing is read otherwise.
pub(crate) struct ReadTimeout<S> {
    stream: S,
    phase: Arc<Phase>,
    header_timeout: Duration,
    idle_timeout: Duration,
    shutdown_idle: Duration,
    /// When the server was first seen to stop.
    stopped: Option<Instant>,
    /// When the head began, or else the idle time.
    since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// What was read last may have ended a head.
    ends_head: bool,
    /// What was read to see whether the client is there: the next reading
    /// begins with it.
    ahead: Vec<u8>,
    /// When the client closed its side, with an answer outstanding.
    closed: Option<Instant>,
}

impl<S> ReadTimeout<S> {
    pub(crate) fn new(stream: S, phase: Arc<Phase>, limits: &Limits) -> Self {
        ReadTimeout {
            stream,
            phase,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            shutdown_idle: limits.shutdown_idle,
            stopped: None,
            since: Instant::now(),
            timer: None,
            ends_head: true,
            ahead: Vec::new(),
            closed: None,
        }
    }

    /// The stream below, and how many bytes were read ahead of hyper.
    pub(crate) fn into_inner(self) -> (S, usize) {
        (self.stream, self.ahead.len())
    }

    /// Until when the next request is waited for.
    fn idle_deadline(&mut self) -> Instant {
        let idle = self.since + self.idle_timeout;
        if !self.phase.is_stopping() {
            return idle;
        }
        let stopped = *self.stopped.get_or_insert_with(Instant::now);
        idle.min(self.since.max(stopped) + self.shutdown_idle)
    }

    /// Whether the client's time is up; otherwise the task is woken then.
    fn poll_deadline(&mut self, task: &mut Task<'_>, deadline: Instant) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(task).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// The client has closed its side. hyper would drop the request at once;
    /// it hears of it when nothing is outstanding any more, or when the client
    /// has most likely left.
    fn poll_closed(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let is_writing = self.phase.is_blocked() || self.phase.progress.is_writing();
        let is_answering = self.phase.answering.load(Ordering::Relaxed);
        if !is_answering && !is_writing {
            return Poll::Ready(Ok(()));
        }
        let grace = match self.phase.is_received.load(Ordering::Relaxed) {
            true => GRACE,
            false => BODY_GRACE,
        };
        let now = Instant::now();
        if is_writing {
            // A client that takes nothing is cut elsewhere.
            self.closed = Some(now);
        }
        let closed = *self.closed.get_or_insert(now);
        let due = self.poll_deadline(task, closed + grace);
        if is_writing {
            // Looked at again then, and when something was written.
            return Poll::Pending;
        }
        due.map(Ok)
    }

    /// An answer begins: whatever is read next is a new head, or the rest of
    /// one that began behind the request.
    fn answers(&mut self) {
        let is_behind = self.phase.is_head_alone.load(Ordering::Relaxed) && !self.ends_head;
        self.phase.in_head.store(is_behind, Ordering::Relaxed);
        self.since = Instant::now();
    }

    /// Whether an answer is outstanding.
    fn is_asked(&self) -> bool {
        self.phase.answering.load(Ordering::Relaxed) || self.phase.progress.is_writing()
    }

    /// What was written may have been the last of an answer: a client that has
    /// closed its side is looked at again.
    fn wrote(&mut self, task: &mut Task<'_>) {
        if self.closed.is_some() {
            task.waker().wake_by_ref();
        }
    }
}

impl<S: AsyncRead + Unpin> ReadTimeout<S> {
    /// Reads what was read ahead, or else from the client.
    fn poll_stream(
        &mut self,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(task, buffer);
        }
        let given = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..given]);
        self.ahead.drain(..given);
        Poll::Ready(Ok(()))
    }

    /// Ends when the client whose answer is outstanding has left. One who has
    /// sent more already is taken to be there.
    fn poll_left(&mut self, task: &mut Task<'_>) -> Poll<io::Error> {
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        let mut bytes = [0; AHEAD];
        let mut buffer = ReadBuf::new(&mut bytes);
        match ready!(Pin::new(&mut self.stream).poll_read(task, &mut buffer)) {
            Err(error) => Poll::Ready(error),
            Ok(()) if buffer.filled().is_empty() => {
                let left = ready!(self.poll_closed(task)).err();
                Poll::Ready(left.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
            }
            Ok(()) => {
                self.ahead.extend_from_slice(buffer.filled());
                // It may belong to a body that is waited for.
                task.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Whether bytes may end a head: with an empty line, or the last of it.
fn ends_head(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [.., b'\n', b'\r', b'\n'] | [.., b'\n', b'\n'] | b"\r\n" | b"\n"
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ReadTimeout<RefusalStream<S>> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = this.poll_stream(task, buffer);
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            this.ends_head = ends_head(read);
        } else if matches!(polled, Poll::Ready(Ok(()))) && buffer.remaining() > 0 {
            return this.poll_closed(task);
        }
        if this.phase.answering.load(Ordering::Relaxed) {
            return polled;
        }
        // hyper asks again only while the head is not whole.
        let in_head = this.phase.in_head.load(Ordering::Relaxed);
        if polled.is_ready() {
            if !in_head && !read.is_empty() {
                this.phase.in_head.store(true, Ordering::Relaxed);
                this.since = Instant::now();
            }
            return polled;
        }
        let deadline = match in_head {
            true => this.since + this.header_timeout,
            false => this.idle_deadline(),
        };
        match this.poll_deadline(task, deadline) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if in_head => {
                this.stream.too_slow(task);
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the request's head took too long",
                )))
            }
            // As if the client had closed it.
            Poll::Ready(()) => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ReadTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answers();
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.wrote(task);
        written
    }

    /// Also called by hyper whenever it has nothing to write.
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(task))?;
        if self.is_asked()
            && let Poll::Ready(left) = self.poll_left(task)
        {
            return Poll::Ready(Err(left));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answers();
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, slices);
        self.wrote(task);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_an_empty_line_ends_a_head_and_part_of_the_next_does_not() {
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\n";
        for (bytes, ends) in [
            (&request[..27], true),
            (&b"GET / HTTP/1.0\n\n"[..], true),
            (b"\r\n", true),
            (b"\n", true),
            (&request[..28], false),
            (&request[..], false),
        ] {
            assert_eq!(ends_head(bytes), ends, "{}", bytes.escape_ascii());
        }
    }
}
