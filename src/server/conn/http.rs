//! One connection: TLS where it is on, HTTP/1.1 or HTTP/2, and limits on how
//! long a client may take.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use crate::config::Limits;
use crate::server::conn::refusal::Polite;
use crate::server::conn::tls::Acceptor;
use crate::server::{Context, routes};

/// Serves one connection to its end.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Acceptor>,
    context: Arc<Context>,
    stop: watch::Receiver<bool>,
) {
    // Answers are small and written at once: waiting to fill a segment only
    // costs time.
    let _ = stream.set_nodelay(true);
    match tls {
        None => http1(stream, peer, context, stop).await,
        Some(tls) => {
            let patience = context.settings.limits.header_timeout;
            match tokio::time::timeout(patience, tls.accept(stream)).await {
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                    http2(stream, peer, context, stop).await;
                }
                Ok(Ok(stream)) => http1(stream, peer, context, stop).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
            }
        }
    }
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = context.settings.limits.clone();
    let phase = Arc::new(Phase::default());
    let stream = Patient::new(Polite::new(stream), Arc::clone(&phase), &limits);
    let service = service_fn(|request: Request<Incoming>| {
        phase.answering.store(true, Ordering::Relaxed);
        let is_head_alone = request.body().is_end_stream();
        phase.is_head_alone.store(is_head_alone, Ordering::Relaxed);
        let (context, phase) = (&context, &phase);
        async move {
            let answer = routes::answer(context, peer.ip(), &request_id(), request).await;
            phase.answering.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        // hyper's would be set anew for every request; ours is in `Patient`.
        .header_read_timeout(None)
        .max_header_size(limits.header_size)
        // Room beyond the limit, so that a head just over it is read and told.
        .max_buf_size(limits.header_size.max(8192) + 64 * 1024)
        // Who has said all may close that side and still read the answer.
        .half_close(true);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            if phase.is_idle() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    log_end(peer, ended);
}

async fn http2<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = context.settings.limits.clone();
    let service = service_fn(|request| {
        let context = Arc::clone(&context);
        async move {
            Ok::<_, Infallible>(routes::answer(&context, peer.ip(), &request_id(), request).await)
        }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(limits.header_size as u32)
        // A client that does not answer a ping in time is gone.
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.header_timeout);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    log_end(peer, ended);
}

/// Ends once the server is told to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What clients do is not the operator's problem: `debug`.
fn log_end(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

/// Unique within this process and hard to mistake for another's: the run and
/// the request, in hexadecimal.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static RUN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let run = *RUN.get_or_init(|| getrandom::u32().unwrap_or_default());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Digit by digit: every answer carries one, and `format!` costs more.
    let digit =
        |value: u64, at: u32| char::from(b"0123456789abcdef"[(value >> (at * 4) & 15) as usize]);
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    let mut id = String::with_capacity(25);
    id.extend((0..8).rev().map(|at| digit(u64::from(run), at)));
    id.push('-');
    id.extend((0..digits).rev().map(|at| digit(number, at)));
    id
}

/// Where an HTTP/1 connection stands.
#[derive(Default)]
struct Phase {
    /// A request has been read and its answer is not yet made.
    answering: AtomicBool,
    /// Part of a head has been read.
    in_head: AtomicBool,
    /// The last request had no body.
    is_head_alone: AtomicBool,
}

impl Phase {
    fn is_idle(&self) -> bool {
        !self.answering.load(Ordering::Relaxed) && !self.in_head.load(Ordering::Relaxed)
    }
}

/// Ends a connection whose client takes too long: from the first byte of a
/// head to its last, or from one answer to the next request.
///
/// A head nearly always arrives whole and the next one soon, so the clock is
/// only looked at when there is nothing to read, and one timer serves the
/// whole connection: when it goes off too early it is set again.
struct Patient<S> {
    stream: S,
    phase: Arc<Phase>,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// When the head began, or else the idle time.
    since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// What was read last may have ended a head.
    ends_head: bool,
}

impl<S> Patient<S> {
    fn new(stream: S, phase: Arc<Phase>, limits: &Limits) -> Self {
        Patient {
            stream,
            phase,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            since: Instant::now(),
            timer: None,
            ends_head: true,
        }
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

    /// An answer begins: whatever is read next is a new head, or the rest of
    /// one that began behind the request.
    fn answers(&mut self) {
        let is_behind = self.phase.is_head_alone.load(Ordering::Relaxed) && !self.ends_head;
        self.phase.in_head.store(is_behind, Ordering::Relaxed);
        self.since = Instant::now();
    }
}

/// Whether bytes may end a head: with an empty line, or the last of it.
fn ends_head(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [.., b'\n', b'\r', b'\n'] | [.., b'\n', b'\n'] | b"\r\n" | b"\n"
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Patient<Polite<S>> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(task, buffer);
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            this.ends_head = ends_head(read);
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
        let patience = if in_head {
            this.header_timeout
        } else {
            this.idle_timeout
        };
        match this.poll_deadline(task, this.since + patience) {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answers();
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
        self.answers();
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
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
