//! Taking connections, and letting go of them: a limit on their number,
//! back-off when the system has no more to give, and a stop that finishes what
//! is in flight.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, unconstrained};

use crate::server::Context;
use crate::server::conn::http;
use crate::server::conn::tls::Acceptor;
use crate::server::layer::in_flight::Connection;
use crate::server::metrics::ConnectionMetrics;

/// After a failed accept, doubled each time up to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Connections that may wait at the end and are still taken: as many as the
/// system lets wait (`net.core.somaxconn`, listen(2)).
const LAST: usize = 4_096;

/// A connection, where it leads, and to whom.
type Taken = (Connection, TcpStream, SocketAddr);

/// Accepts until told to stop and for `limits.shutdown_idle` after that, then
/// drains.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Acceptor>,
    context: Arc<Context>,
    shutdown: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut stop = shutdown.clone();
    let mut over = pin!(async {
        http::stopped(&mut stop).await;
        let patience = context.limits_now().shutdown_idle;
        tokio::time::sleep(patience).await;
    });
    let mut begin = |(connection, stream, peer): Taken| {
        let (context, tls, stop) = (Arc::clone(&context), tls.clone(), shutdown.clone());
        connections.spawn(async move {
            let _connection = connection;
            http::serve(stream, peer, tls, context, stop).await;
        });
        // Finished tasks are let go of as new ones come.
        while connections.try_join_next().is_some() {}
    };
    loop {
        let taken = tokio::select! {
            // However many come, the end comes too.
            biased;
            () = &mut over => break,
            taken = take(&listener, &context) => taken,
        };
        match taken {
            Some(taken) => begin(taken),
            None => break,
        }
    }
    // What is there already is taken before the end.
    for _ in 0..LAST {
        let taken = tokio::select! {
            biased;
            taken = unconstrained(take(&listener, &context)) => taken,
            () = std::future::ready(()) => None,
        };
        match taken {
            Some(taken) => begin(taken),
            None => break,
        }
    }
    drop(listener);
    let patience = context.limits_now().shutdown_timeout;
    drain(connections, patience).await;
}

/// The next connection, once there is a place for it.
async fn take(listener: &TcpListener, context: &Context) -> Option<Taken> {
    let place = context.load.connection_place().await?;
    let (stream, peer) = accept(listener, &context.metrics.connections).await;
    Some((context.load.connection(place), stream, peer))
}

/// The next connection. Errors that belong to one connection are passed over;
/// running out of descriptors or memory is waited out.
async fn accept(listener: &TcpListener, counts: &ConnectionMetrics) -> (TcpStream, SocketAddr) {
    let mut wait = BACK_OFF.0;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                counts.not_accepted.increment();
                tracing::warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(BACK_OFF.1);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

async fn drain(mut connections: JoinSet<()>, patience: Duration) {
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, all).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closing connections that did not finish in time"
        );
    }
}
