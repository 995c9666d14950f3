//! One connection: TLS where it is on, HTTP/1.1 or HTTP/2 behind it, and the
//! layers around the router.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_layer::Layer;
use tower_service::Service;

use crate::metrics::Moment;
use crate::server::Context;
use crate::server::conn::tls::Acceptor;
use crate::server::conn::{http1, http2};
use crate::server::handle::body::RequestBody;
use crate::server::layer::catch_panic::CatchPanicLayer;
use crate::server::layer::measure::MeasureLayer;
use crate::server::layer::request_log::RequestLogLayer;
use crate::server::layer::trace::TraceLayer;
use crate::server::layer::validate::ValidateLayer;
use crate::server::response::Answer;
use crate::server::routes::{self, Router};

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
    // Each step in a place of its own: a connection that only waits takes no
    // more than where it is needs.
    match tls {
        None => over_http1(stream, peer, context, stop).await,
        Some(tls) => Box::pin(over_tls(stream, tls, peer, context, stop)).await,
    }
}

async fn over_tls(
    stream: TcpStream,
    tls: Acceptor,
    peer: SocketAddr,
    context: Arc<Context>,
    stop: watch::Receiver<bool>,
) {
    let counts = &context.metrics.connections;
    let patience = context.limits_now().header_timeout;
    let accepted = Box::pin(tokio::time::timeout(patience, tls.accept(stream))).await;
    match accepted {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            counts.served.increment();
            Box::pin(http2::serve(stream, peer, context, stop)).await;
        }
        Ok(Ok(stream)) => over_http1(stream, peer, context, stop).await,
        Ok(Err(error)) => {
            counts.tls_failed.increment();
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => {
            counts.tls_timed_out.increment();
            tracing::debug!(%peer, "TLS handshake took too long");
        }
    }
}

/// Requests over HTTP/1.1, and behind them an answer without an end, if one of
/// them asks for it.
async fn over_http1<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    context: Arc<Context>,
    stop: watch::Receiver<bool>,
) {
    context.metrics.connections.served.increment();
    let endless = Box::pin(http1::serve(stream, peer, context, stop)).await;
    if let Some(endless) = endless {
        log_end(peer, Box::pin(endless.write()).await);
    }
}

/// The answer to one request, through every layer.
pub(crate) fn answer<B: RequestBody>(
    context: &Arc<Context>,
    peer: IpAddr,
    request: Request<B>,
) -> impl Future<Output = Result<Answer, std::convert::Infallible>> + Send + use<B> {
    let settings = &context.settings;
    let found = routes::find(context, &request);
    let metrics = context.metrics.requests.as_ref();
    let metrics = metrics.map(|metrics| (metrics, Moment::now()));
    let measured = MeasureLayer {
        metrics,
        route: found.map(|found| found.line),
    };
    let validated = ValidateLayer {
        settings,
        query_length: context.limits_now().query_length,
    };
    let traced = TraceLayer {
        tracer: context.tracer.as_ref(),
        route: found.map(|found| found.path()),
    };
    let router = Router {
        context,
        peer,
        found,
    };
    let guarded = CatchPanicLayer.layer(validated.layer(router));
    let logged = RequestLogLayer {
        is_quiet: context.admin.is_some(),
        begun: metrics.map(|(_, begun)| begun),
    };
    measured
        .layer(traced.layer(logged.layer(guarded)))
        .call(request)
}

/// Ends once the server is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What clients do is not the operator's problem: `debug`.
pub(crate) fn log_end(peer: SocketAddr, ended: Result<(), impl Display>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}
