//! HTTP/2. Each stream is a task of its own: one whose client takes nothing of
//! its answer is cut, and the connection goes on with the others.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::server::Context;
use crate::server::conn::http;
use crate::server::conn::write_timeout::WriteTimeout;
use crate::server::response;
use crate::server::response::progress::Progress;

/// Requests that a connection can have at once.
const STREAMS: u32 = 128;

tokio::task_local! {
    /// Of the answer that this task writes.
    static PROGRESS: Arc<Progress>;
}

/// Runs the streams of a connection, each with an eye on its progress.
#[derive(Clone)]
struct Streams {
    write_timeout: Duration,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let write_timeout = self.write_timeout;
        let progress = Arc::new(Progress::default());
        tokio::spawn(PROGRESS.scope(Arc::clone(&progress), async move {
            tokio::select! {
                biased;
                _ = stream => {}
                // Dropping the stream resets it.
                () = progress.stalled(write_timeout) => tracing::debug!("a stalled stream was cut"),
            }
        }));
    }
}

pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = &context.settings.limits;
    let service = service_fn(|request: Request<Incoming>| {
        let is_head = request.method() == Method::HEAD;
        let answering = http::answer(&context, peer.ip(), request);
        async move {
            let Ok(mut answer) = answering.await;
            if is_head {
                // hyper leaves the body out over HTTP/1.1 alone.
                response::leave_body_out(&mut answer);
            }
            if let Ok(progress) = PROGRESS.try_with(Arc::clone) {
                answer.body_mut().follow(progress);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let write_timeout = limits.write_timeout;
    let mut builder = http2::Builder::new(Streams { write_timeout });
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(limits.header_size as u32)
        // A client that does not answer a ping in time is gone.
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.header_timeout);
    let stream = WriteTimeout::new(stream, write_timeout, Arc::default());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = http::stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    http::log_end(peer, ended);
}
