//! HTTP/2. Each stream is a task of its own: one whose client takes nothing of
//! its answer is cut, and the connection goes on with the others.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::Limits;
use crate::server::Context;
use crate::server::conn::http;
use crate::server::conn::preface::Prefaced;
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
    open: Arc<Open>,
}

/// How many streams of a connection are open, and when that last changed.
struct Open(Mutex<(usize, Instant)>);

impl Open {
    fn new() -> Open {
        Open(Mutex::new((0, Instant::now())))
    }

    fn state(&self) -> MutexGuard<'_, (usize, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a stream until what is returned is dropped.
    fn count(self: &Arc<Self>) -> Counted {
        let mut state = self.state();
        *state = (state.0 + 1, Instant::now());
        Counted(Arc::clone(self))
    }

    /// Ends when no stream was open for so long, counted from now at the
    /// earliest. Looks no more often than that.
    async fn idle(&self, patience: Duration) {
        let mut due = Instant::now() + patience;
        loop {
            tokio::time::sleep_until(due).await;
            let now = Instant::now();
            let (open, since) = *self.state();
            let idle_since = if open > 0 { now } else { since };
            due = idle_since + patience;
            if due <= now {
                return;
            }
        }
    }
}

struct Counted(Arc<Open>);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.0.state();
        *state = (state.0 - 1, Instant::now());
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let write_timeout = self.write_timeout;
        let progress = Arc::new(Progress::default());
        let counted = self.open.count();
        tokio::spawn(PROGRESS.scope(Arc::clone(&progress), async move {
            let _counted = counted;
            tokio::select! {
                biased;
                _ = stream => {}
                // Dropping the stream resets it.
                () = progress.stalled(write_timeout) => tracing::debug!("a stalled stream was cut"),
            }
        }));
    }
}

/// Ends so long after the server was told to stop.
async fn over(stop: &mut watch::Receiver<bool>, after: Duration) {
    http::stopped(stop).await;
    tokio::time::sleep(after).await;
}

pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = Limits::clone(&context.limits_now());
    let preface = tokio::time::timeout(limits.header_timeout, Prefaced::read(stream));
    let stream = tokio::select! {
        read = preface => match read {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "connection ended early"),
            Err(_) => return tracing::debug!(%peer, "the preface of HTTP/2 took too long"),
        },
        () = over(&mut stop, limits.shutdown_idle) => return,
    };
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
    let open = Arc::new(Open::new());
    let mut builder = http2::Builder::new(Streams {
        write_timeout,
        open: Arc::clone(&open),
    });
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
        () = open.idle(limits.idle_timeout) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                // A client can hold the farewell up.
                () = open.idle(limits.header_timeout) => Ok(()),
            }
        }
    };
    http::log_end(peer, ended);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncWriteExt, DuplexStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::config::{Limits, ServerConfig};
    use crate::server::tests::stub::{Ready, Stub};

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    /// A connection whose other limits are out of the way.
    fn connect(header: Duration, idle: Duration) -> (DuplexStream, JoinHandle<()>) {
        let limits = Limits {
            header_timeout: header,
            idle_timeout: idle,
            ..Limits::default()
        };
        let settings = ServerConfig {
            limits,
            ..ServerConfig::default()
        };
        let store = Arc::new(Stub::default());
        let context = Arc::new(Context::new(store, Arc::new(Ready), settings));
        let (ours, client) = tokio::io::duplex(64 * 1024);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let serving = tokio::spawn(async move {
            let (_stop, stopped) = watch::channel(false);
            serve(ours, peer, context, stopped).await;
        });
        (client, serving)
    }

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(3_600);

    async fn ends(serving: JoinHandle<()>) {
        let ended = tokio::time::timeout(Duration::from_secs(60), serving).await;
        ended.expect("the connection stays open").unwrap();
    }

    #[tokio::test]
    async fn a_client_whose_preface_does_not_come_is_not_waited_for() {
        for sent in [0, 1, PREFACE.len() - 1] {
            let (mut client, serving) = connect(SHORT, LONG);
            client.write_all(&PREFACE[..sent]).await.unwrap();
            ends(serving).await;
        }
    }

    #[tokio::test]
    async fn a_connection_without_streams_ends_though_its_client_stays() {
        let (client, serving) = connect(LONG, SHORT);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut requests, connection) =
            hyper::client::conn::http2::handshake(executor, TokioIo::new(client))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = Request::get("http://localhost/healthz");
        let request = request.body(String::new()).unwrap();
        let answer = requests.send_request(request).await.unwrap();
        assert_eq!(answer.status(), hyper::StatusCode::OK);
        drop(answer);
        ends(serving).await;
        drop(requests);
    }

    #[tokio::test]
    async fn a_connection_is_idle_once_its_last_stream_is_closed() {
        let open = Arc::new(Open::new());
        let first = open.count();
        let second = open.count();
        let is_idle = async |within| tokio::time::timeout(within, open.idle(SHORT)).await.is_ok();
        assert!(!is_idle(SHORT * 3).await);
        drop(first);
        assert!(!is_idle(SHORT * 3).await);
        drop(second);
        assert!(is_idle(LONG).await);
    }
}
