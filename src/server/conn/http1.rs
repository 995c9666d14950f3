//! HTTP/1.1: one request after the other, with limits on how long a client
//! may take.

use std::convert::Infallible;
use std::future;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::config::Limits;
use crate::server::Context;
use crate::server::conn::endless::Endless;
use crate::server::conn::http;
use crate::server::conn::read_timeout::{Phase, ReadTimeout};
use crate::server::conn::refusal::RefusalStream;
use crate::server::conn::write_timeout::WriteTimeout;
use crate::server::response::Answer;

/// Serves requests until the connection ends, or one of them has an answer
/// without an end, which is returned.
///
/// At a stop answers say that the connection closes, and one that waits for a
/// request stays for a moment: the client may just be sending it.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) -> Option<Endless<S>> {
    let limits = Limits::clone(&context.limits_now());
    let phase = Arc::new(Phase::default());
    let stall = WriteTimeout::new(stream, limits.write_timeout, phase.blocked());
    let stream = RefusalStream::new(stall, phase.progress());
    let stream = ReadTimeout::new(stream, Arc::clone(&phase), &limits);
    let without_end = WithoutEnd::default();
    let service = service_fn(|request: Request<Incoming>| {
        phase.begin(request.body().is_end_stream());
        let version = request.version();
        let is_head = request.method() == Method::HEAD;
        let request = request.map(|body| Received::new(body, &phase));
        let answering = http::answer(&context, peer.ip(), request);
        let (phase, without_end) = (&phase, &without_end);
        async move {
            let Ok(mut answer) = answering.await;
            if answer.body().is_endless() && !is_head {
                without_end.put(answer, version);
                // Not hyper's any more.
                return future::pending().await;
            }
            if answer.body().is_stream() {
                answer.body_mut().follow(phase.progress());
            }
            if phase.is_stopping() {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            phase.answered();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        // hyper's would be set anew for every request; ours is in `ReadTimeout`.
        .header_read_timeout(None)
        // hyper would read on while an answer is made, into a new buffer each
        // time, to see whether the client is there; `ReadTimeout` sees it.
        .half_close(true)
        .max_header_size(limits.header_size)
        // Room beyond the limit, so that a head just over it is read and told.
        .max_buf_size(limits.header_size.max(8192) + 64 * 1024);
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut stopping = Stopping::new(stop.clone());
    let mut stopped = pin!(http::stopped(&mut stop));
    let ended = poll_fn(|task| {
        if stopping.poll(task, stopped.as_mut()) {
            phase.stop();
        }
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(task) {
            return Poll::Ready(Some(ended));
        }
        // Once the answers before it have left.
        match without_end.is_there() && !phase.is_blocked() {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    });
    match ended.await {
        Some(ended) => {
            http::log_end(peer, ended);
            None
        }
        None => {
            let parts = connection.into_parts();
            let (stream, behind) = parts.io.into_inner().into_inner();
            let (answer, version) = without_end.take()?;
            let stream = stream.into_inner();
            let behind = behind + parts.read_buf.len();
            Some(Endless::new(stream, answer, version, behind))
        }
    }
}

/// An answer without an end, for whoever serves the connection.
#[derive(Default)]
struct WithoutEnd(Mutex<Option<(Answer, Version)>>);

impl WithoutEnd {
    fn state(&self) -> MutexGuard<'_, Option<(Answer, Version)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, answer: Answer, version: Version) {
        *self.state() = Some((answer, version));
    }

    fn is_there(&self) -> bool {
        self.state().is_some()
    }

    fn take(&self) -> Option<(Answer, Version)> {
        self.state().take()
    }
}

/// Whether the server is to stop, for a task that asks whenever it runs: the
/// future that waits for it costs more than to see that nothing was told.
struct Stopping {
    told: watch::Receiver<bool>,
    /// Whom the future wakes.
    waiting: Option<Waker>,
    is_stopping: bool,
}

impl Stopping {
    fn new(told: watch::Receiver<bool>) -> Stopping {
        Stopping {
            told,
            waiting: None,
            is_stopping: false,
        }
    }

    fn poll(&mut self, task: &mut Task<'_>, stopped: Pin<&mut impl Future<Output = ()>>) -> bool {
        let waits = |waker: &Waker| waker.will_wake(task.waker());
        let is_waiting = self.waiting.as_ref().is_some_and(waits);
        let is_untold = is_waiting && matches!(self.told.has_changed(), Ok(false));
        if !self.is_stopping && !is_untold {
            self.is_stopping = stopped.poll(task).is_ready();
            self.waiting = Some(task.waker().clone());
        }
        self.is_stopping
    }
}

/// A request's body; the connection is told when it has arrived.
struct Received {
    body: Incoming,
    /// `None` once there is nothing more to come.
    phase: Option<Arc<Phase>>,
}

impl Received {
    fn new(body: Incoming, phase: &Arc<Phase>) -> Received {
        let phase = (!body.is_end_stream()).then(|| Arc::clone(phase));
        Received { body, phase }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = Pin::new(&mut self.body).poll_frame(task);
        let is_end = matches!(frame, Poll::Ready(None)) || self.body.is_end_stream();
        if is_end && let Some(phase) = self.phase.take() {
            phase.received();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
